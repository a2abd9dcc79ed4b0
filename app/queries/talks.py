"""People who have begun to talk and of whom there is no ticket yet: they said hello, or were asked which ticket they mean."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import aliased, joinedload

from app.core.clock import now
from app.core.db import session
from app.core.permissions import Actor
from app.queries.messages import readable_conversations
from app.routing.words import ASKED, GREETED, ROBOT
from channels.models import Conversation, Message
from workflows.models import Ticket, TicketConversation
from workflows.tickets import TICKET

WAITING = timedelta(hours=24)
PAGE = 50


@dataclass(frozen=True)
class Talk:
    """A conversation that waits: its latest words, when they came, and since when nobody has answered."""

    conversation: Conversation
    text: str
    at: datetime
    since: datetime


def waiting(actor: Actor, limit: int = PAGE) -> list[Talk]:
    """The talks of the last day without an open ticket and without a person's answer, who waits longest first."""
    rows = session().execute(
        readable_conversations(actor)
        .with_only_columns(Conversation, func.min(Message.created_at), func.max(Message.id))
        .join(Message, Message.conversation_id == Conversation.id)
        .where(*_waits())
        .group_by(Conversation.id)
        .order_by(func.min(Message.created_at))
        .limit(limit)
        .options(joinedload(Conversation.contact), joinedload(Conversation.account), joinedload(Conversation.identity))
    ).all()
    last = {m.id: m for m in session().scalars(select(Message).where(Message.id.in_([row[2] for row in rows])))}
    return [Talk(conversation, last[newest].visible_text, last[newest].created_at, since) for conversation, since, newest in rows]


def count(actor: Actor) -> int:
    """How many wait."""
    rows = readable_conversations(actor).with_only_columns(func.count(func.distinct(Conversation.id)))
    return session().scalar(rows.join(Message, Message.conversation_id == Conversation.id).where(*_waits())) or 0


def _waits() -> list[ColumnElement[bool]]:
    open_ticket = exists(
        select(TicketConversation.id)
        .join(Ticket, Ticket.id == TicketConversation.ticket_id)
        .where(TicketConversation.conversation_id == Conversation.id, Ticket.state.not_in(sorted(TICKET.ends)))
    )
    later = aliased(Message)
    answered = exists(
        select(later.id).where(later.conversation_id == Message.conversation_id, later.id > Message.id, later.author_kind == "user")
    )
    return [
        and_(Message.direction == "in", Message.placed.in_((GREETED, ASKED, ROBOT)), Message.created_at > now() - WAITING),
        ~open_ticket,
        ~answered,
    ]
