"""Messages of ours that did not go out, wait, or whose fate nobody knows: what somebody has to look at."""

from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import defer, joinedload

from app.core.db import session
from app.core.permissions import Actor
from channels.models import FAILED, HELD, UNDECIDED, Conversation, Message
from workflows.access import readable
from workflows.models import Ticket, TicketConversation

STATES = (FAILED, UNDECIDED, HELD)
PAGE = 50


@dataclass(frozen=True)
class Unsent:
    """A message with the newest ticket of its conversation that the reader may read."""

    message: Message
    ticket: Ticket


@dataclass(frozen=True)
class Page:
    """`before`: the id to go on from, or None."""

    rows: list[Unsent]
    counts: dict[str, int]
    before: int | None


def _newest(actor: Actor) -> Select[int, int]:
    return (
        select(TicketConversation.conversation_id, func.max(TicketConversation.ticket_id).label("ticket_id"))
        .join(Ticket, Ticket.id == TicketConversation.ticket_id)
        .where(readable(actor))
        .group_by(TicketConversation.conversation_id)
    )


def unsent(actor: Actor, state: str = "", before: int | None = None) -> Page:
    """The messages that this actor may read, newest first."""
    links = _newest(actor).subquery()
    rows = (
        select(Message, Ticket)
        .join(links, links.c.conversation_id == Message.conversation_id)
        .join(Ticket, Ticket.id == links.c.ticket_id)
        .where(Message.direction == "out", Message.state.in_((state,) if state else STATES), Message.settled_at.is_(None))
        .options(defer(Message.html), joinedload(Message.conversation).joinedload(Conversation.account))
        .order_by(Message.id.desc())
        .limit(PAGE + 1)
    )
    if before is not None:
        rows = rows.where(Message.id < before)
    found = [Unsent(message, ticket) for message, ticket in session().execute(rows)]
    return Page(found[:PAGE], counts(actor), found[PAGE - 1].message.id if len(found) > PAGE else None)


def counts(actor: Actor) -> dict[str, int]:
    """How many wait in each state."""
    links = _newest(actor).subquery()
    rows = (
        select(Message.state, func.count())
        .join(links, links.c.conversation_id == Message.conversation_id)
        .where(Message.direction == "out", Message.state.in_(STATES), Message.settled_at.is_(None))
        .group_by(Message.state)
    )
    return dict(session().execute(rows).all())
