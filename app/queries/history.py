"""One person, one history: everything said with them on every channel, their tickets and their orders, as one line of time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import defer, joinedload

from app.core.db import session
from app.core.directory.merging import family_ids
from app.core.files import StoredFile
from app.core.people import Contact
from app.core.permissions import Actor
from app.queries.timeline import files_of, with_html
from channels.models import Account, Conversation, Message
from workflows.access import readable
from workflows.models import Ticket, TicketConversation
from workflows.order_access import readable_order
from workflows.orders_models import ServiceOrder

PAGE = 40
MESSAGE, ORDER, TICKET = 2, 1, 0
"""Of things of the same moment the opening of a ticket stands first, then its order, then the words."""


@dataclass(frozen=True)
class Happening:
    """One thing of a history; exactly one of the three is set. `rank` orders what happened at the same moment."""

    at: datetime
    rank: int
    id: int
    message: Message | None = None
    ticket: Ticket | None = None
    order: ServiceOrder | None = None

    @property
    def place(self) -> tuple[datetime, int, int]:
        return self.at, self.rank, self.id


@dataclass(frozen=True)
class History:
    """A stretch of a person's history, newest first. `earlier`: the cursor of what was before.

    `channels`: how many messages and tickets without messages came on each channel. `tickets`: of each conversation
    the newest ticket that the reader may open.
    """

    happenings: list[Happening]
    earlier: str | None
    channels: dict[str, int] = field(default_factory=dict)
    tickets: dict[int, Ticket] = field(default_factory=dict)
    files: dict[int, list[StoredFile]] = field(default_factory=dict)
    laid_out: set[int] = field(default_factory=set)


def history_of(actor: Actor, contact: Contact, channel: str = "", before: str = "", limit: int = PAGE) -> History:
    """The newest things of this person and of everybody merged into them, as far as the actor may read them, or those
    before a cursor. Eight statements for any length; a bad cursor shows the newest."""
    family = family_ids(contact)
    end = read_cursor(before)
    found = [Happening(m.created_at, MESSAGE, m.id, message=m) for m in _messages(actor, family, channel, end, limit)]
    found += [Happening(t.created_at, TICKET, t.id, ticket=t) for t in _tickets(actor, family, channel, end, limit)]
    if not channel:
        found += [Happening(o.created_at, ORDER, o.id, order=o) for o in _orders(actor, family, end, limit)]
    found.sort(key=lambda h: h.place, reverse=True)
    shown = found[:limit]
    messages = [h.message for h in shown if h.message]
    ids = [m.id for m in messages]
    return History(
        shown,
        _write_cursor(shown[-1]) if len(found) > limit else None,
        _channels(actor, family),
        tickets_of(actor, {m.conversation_id for m in messages}),
        files_of(ids),
        with_html(ids),
    )


def conversations(actor: Actor, family: Sequence[int]) -> ColumnElement[bool]:
    """The condition on Conversation for what was said with these people and the actor may read: their own, and those
    of their tickets that came from an address whose person is not known."""
    link = select(TicketConversation.conversation_id).join(Ticket, Ticket.id == TicketConversation.ticket_id)
    of_theirs = and_(
        Conversation.contact_id.is_(None), Conversation.id.in_(link.where(readable(actor), Ticket.contact_id.in_(family)))
    )
    own: ColumnElement[bool] = Conversation.contact_id.in_(family)
    if not actor.can("ticket.read_all"):
        own = and_(own, Conversation.id.in_(link.where(readable(actor))))
    return or_(own, of_theirs)


def _before(at: Any, rank: int, number: Any, end: tuple[datetime, int, int] | None) -> ColumnElement[bool]:
    """The condition that a row stands before the cursor in the order (at, rank, id)."""
    if end is None:
        return true()
    moment, last_rank, last = end
    if rank == last_rank:
        return or_(at < moment, and_(at == moment, number < last))
    edge: ColumnElement[bool] = at <= moment if rank < last_rank else at < moment
    return edge


def _messages(
    actor: Actor, family: list[int], channel: str, end: tuple[datetime, int, int] | None, limit: int
) -> list[Message]:
    rows = (
        select(Message)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Account, Account.id == Conversation.account_id)
        .where(conversations(actor, family), _before(Message.created_at, MESSAGE, Message.id, end))
        .options(defer(Message.html), joinedload(Message.conversation).joinedload(Conversation.account))
        .order_by(Message.created_at.desc(), Message.id.desc())
        .limit(limit + 1)
    )
    return list(session().scalars(rows.where(Account.kind == channel) if channel else rows))


def _tickets(
    actor: Actor, family: list[int], channel: str, end: tuple[datetime, int, int] | None, limit: int
) -> list[Ticket]:
    rows = (
        select(Ticket)
        .where(readable(actor), Ticket.contact_id.in_(family), _before(Ticket.created_at, TICKET, Ticket.id, end))
        .options(joinedload(Ticket.product), joinedload(Ticket.device))
        .order_by(Ticket.created_at.desc(), Ticket.id.desc())
        .limit(limit + 1)
    )
    return list(session().scalars(rows.where(Ticket.channel == channel) if channel else rows))


def _orders(actor: Actor, family: list[int], end: tuple[datetime, int, int] | None, limit: int) -> list[ServiceOrder]:
    theirs = select(Ticket.id).where(readable(actor), Ticket.contact_id.in_(family))
    rows = (
        select(ServiceOrder)
        .where(
            readable_order(actor),
            ServiceOrder.ticket_id.in_(theirs),
            _before(ServiceOrder.created_at, ORDER, ServiceOrder.id, end),
        )
        .options(joinedload(ServiceOrder.supplier))
        .order_by(ServiceOrder.created_at.desc(), ServiceOrder.id.desc())
        .limit(limit + 1)
    )
    return list(session().scalars(rows))


def _channels(actor: Actor, family: list[int]) -> dict[str, int]:
    """Messages by channel; a ticket of a channel without messages (a call that was written down) counts as one."""
    said = (
        select(Account.kind.label("kind"), func.count(Message.id).label("n"))
        .select_from(Message)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Account, Account.id == Conversation.account_id)
        .where(conversations(actor, family))
        .group_by(Account.kind)
    )
    spoken = select(TicketConversation.id).where(TicketConversation.ticket_id == Ticket.id).exists()
    noted = (
        select(Ticket.channel.label("kind"), func.count(Ticket.id).label("n"))
        .where(readable(actor), Ticket.contact_id.in_(family), ~spoken)
        .group_by(Ticket.channel)
    )
    both = said.union_all(noted).subquery()
    rows = session().execute(select(both.c.kind, func.sum(both.c.n)).group_by(both.c.kind).order_by(both.c.kind))
    return {row[0]: int(row[1]) for row in rows}


def tickets_of(actor: Actor, conversation_ids: set[int]) -> dict[int, Ticket]:
    """For each of these conversations the newest ticket that the actor may read, in one statement."""
    if not conversation_ids:
        return {}
    rows = (
        select(TicketConversation.conversation_id, Ticket)
        .join(Ticket, Ticket.id == TicketConversation.ticket_id)
        .where(readable(actor), TicketConversation.conversation_id.in_(conversation_ids))
        .order_by(Ticket.id)
    )
    return {row[0]: row[1] for row in session().execute(rows)}


def last_contacts(actor: Actor, ticket: Ticket, family: Sequence[int], limit: int = 3) -> list[tuple[Message, Ticket | None]]:
    """The newest word of the customer in each of their other conversations, on any channel, newest first."""
    if not family:
        return []
    here = select(TicketConversation.conversation_id).where(TicketConversation.ticket_id == ticket.id)
    newest = (
        select(func.max(Message.id))
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            conversations(actor, family),
            Conversation.id.not_in(here),
            Message.direction == "in",
            Message.is_auto.is_(False),
            Message.is_bounce.is_(False),
        )
        .group_by(Message.conversation_id)
    )
    rows = (
        select(Message)
        .where(Message.id.in_(newest))
        .options(defer(Message.html), joinedload(Message.conversation).joinedload(Conversation.account))
        .order_by(Message.id.desc())
        .limit(limit)
    )
    found = list(session().scalars(rows))
    known = tickets_of(actor, {m.conversation_id for m in found})
    return [(m, known.get(m.conversation_id)) for m in found]


def read_cursor(text: str) -> tuple[datetime, int, int] | None:
    """A cursor of ours; None for anything else."""
    at, _, rest = text.partition("~")
    rank, _, number = rest.partition("~")
    if not (rank in ("0", "1", "2") and number.isascii() and number.isdecimal() and len(number) <= 10):
        return None
    try:
        moment = datetime.fromisoformat(at)
        return (moment.astimezone(UTC), int(rank), int(number)) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):  # the first and the last day of all time have no UTC everywhere
        return None


def _write_cursor(last: Happening) -> str:
    return f"{last.at.isoformat()}~{last.rank}~{last.id}"

