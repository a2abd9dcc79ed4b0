"""Going on with a customer on another channel: the conversation there belongs to the same ticket."""

from app.core.audit import note
from app.core.db import session
from app.core.errors import NotFound, Refused
from app.core.permissions import Actor, require
from app.queries.ways import CALL, ways_of
from channels import windows
from channels.models import FAILED, HELD, UNDECIDED, Conversation, Message
from channels.sending import give_up
from workflows import service
from workflows.models import Ticket, TicketConversation


def open_way(actor: Actor, ticket: Ticket, identity_id: int, channel: str) -> Conversation:
    """The conversation with the ticket's person over this address, made where there is none. It carries the ticket's
    number, so that the answer finds back. Raises NotFound for an address that is not this person's."""
    require(actor, "ticket.work")
    way = next((one for one in ways_of(ticket) if one.identity.id == identity_id and one.channel == channel), None)
    if way is None or way.channel == CALL or way.account is None:
        raise NotFound()
    if not way.open and way.left is not None:
        raise windows.refused(way.left)
    conversation = way.conversation
    if conversation is None:
        conversation = Conversation(
            account_id=way.account.id, identity_id=way.identity.id, contact_id=ticket.contact_id,
            organisation_id=ticket.organisation_id, subject=ticket.subject, token=str(ticket.number),
        )  # fmt: skip
        session().add(conversation)
        session().flush()
    if not way.here:
        session().add(TicketConversation(ticket_id=ticket.id, conversation_id=conversation.id))
        note(actor, "ticket.way_opened", ticket, channel=channel, identity=way.identity.label)
        service.changed(ticket)
    return conversation


def take_along(actor: Actor, ticket: Ticket, message: Message) -> None:
    """Write a message that did not go out into the draft, to be sent another way; it leaves the list of open ones."""
    if message.direction != "out" or message.state not in (FAILED, UNDECIDED, HELD):
        raise Refused("只有没有发出的消息可以换渠道再发。")
    begun = service.find_draft(actor, ticket, "reply")
    texts = [message.text, begun.text if begun else ""]
    articles = [int(n) for n in begun.articles] if begun else []
    service.save_draft(actor, ticket, "reply", "\n\n".join(text for text in texts if text.strip()), articles)
    give_up(actor, message.id)
