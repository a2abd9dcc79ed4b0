"""What an agent does with somebody who has only said hello: open a ticket and answer, or leave it at that."""

from sqlalchemy import select

from app.answering import talks as answer_talks
from app.core.audit import note
from app.core.db import session
from app.core.permissions import SYSTEM, Actor, require
from app.letters import first_line
from app.routing.words import ASKED, GREETED, ROBOT
from channels.models import Conversation, Message
from workflows import service as desk
from workflows.models import Ticket
from workflows.opening import open_ticket
from workflows.tickets import TICKET

LEFT = "left"


def open_from_talk(actor: Actor, conversation: Conversation) -> Ticket:
    """Make a ticket of what was said so far, for the agent to answer in; the open one where there is one already."""
    require(actor, "ticket.work")
    session().refresh(conversation, with_for_update={"of": Conversation})
    known = desk.tickets_of_conversation(conversation.id)
    current = next((t for t in known if t.state not in TICKET.ends), None)
    if current is not None:
        return current
    words = _waiting(conversation.id)
    ticket = open_ticket(
        SYSTEM,
        subject=next((line for m in reversed(words) if (line := first_line(m.visible_text))), "（无主题）"),
        channel=conversation.account.kind,
        contact=conversation.contact,
        organisation_id=conversation.organisation_id,
        conversation_id=conversation.id,
        after=known[0] if known else None,
    )
    conversation.token = str(ticket.number)
    answer_talks.handed(ticket, conversation)
    for message in words:
        message.placed = "new"
    session().flush()
    note(actor, "ticket.opened_from_talk", ticket, conversation=conversation.id)
    return ticket


def leave_talk(actor: Actor, conversation: Conversation) -> None:
    """Nobody needs anything here: the talk leaves the list; its next words are routed as any others."""
    require(actor, "ticket.work")
    for message in _waiting(conversation.id):
        message.placed = LEFT
    answer_talks.left(conversation)
    session().flush()
    note(actor, "conversation.left", conversation)


def _waiting(conversation_id: int) -> list[Message]:
    rows = select(Message).where(Message.conversation_id == conversation_id, Message.placed.in_((GREETED, ASKED, ROBOT)))
    return list(session().scalars(rows.order_by(Message.id)))
