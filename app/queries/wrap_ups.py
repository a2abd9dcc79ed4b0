"""Talk that nobody has written down: answered calls and ended chats without a wrap-up and without a reason for none."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, literal, or_, select, true, tuple_, union_all
from sqlalchemy.orm import joinedload

from app.core.db import UTCDateTime, session
from app.core.permissions import Actor
from app.queries.calls import AT, readable_call
from app.queries.cursors import read_cursor, write_cursor
from channels.calls.models import ANSWERED, Call
from channels.models import Account, Conversation, Session
from workflows.access import readable
from workflows.models import Ticket, TicketConversation
from workflows.wrap_models import CALL, SESSION, WrapUp

PAGE = 50
CHATS = ("webchat", "wechat", "wecom", "weibo", "app", "sms")
"""Channels where talk has sessions. A call is wrapped up as the call; what was written by mail when its ticket is solved."""


@dataclass(frozen=True)
class Span:
    """From when until when talk ended, whose it is (None: everybody's), and on which channel ("" for all)."""

    since: datetime
    until: datetime
    user_id: int | None = None
    channel: str = ""
    queue: str = ""


@dataclass(frozen=True)
class Owed:
    """A talk without a wrap-up: a call or a session, and when it was."""

    kind: str
    at: datetime
    call: Call | None = None
    session: Session | None = None

    @property
    def id(self) -> int:
        found = self.call or self.session
        return found.id if found else 0


@dataclass(frozen=True)
class Page:
    rows: list[Owed]
    next: str | None


def wrapped_call() -> ColumnElement[bool]:
    """The condition on Call that it is wrapped up: by itself, or by the ticket that was opened or named for it."""
    solved = exists().where(Ticket.id == WrapUp.ticket_id, or_(Ticket.category.is_not(None), Ticket.state == "cancelled"))
    return exists().where(WrapUp.kind == CALL, WrapUp.subject_id == Call.id, or_(WrapUp.done_at.is_not(None), solved))


def wrapped_session() -> ColumnElement[bool]:
    """The condition on Session that it is wrapped up: by itself, or by a ticket of its conversation."""
    by_itself = exists().where(WrapUp.kind == SESSION, WrapUp.subject_id == Session.id, WrapUp.done_at.is_not(None))
    by_ticket = exists().where(
        TicketConversation.conversation_id == Session.conversation_id, TicketConversation.ticket_id == Ticket.id,
        Ticket.created_at <= Session.ended_at, or_(Ticket.category.is_not(None), Ticket.state == "cancelled"),
    )  # fmt: skip
    return or_(by_itself, by_ticket)


def answered_calls(actor: Actor, span: Span) -> ColumnElement[bool]:
    """The condition on Call for talk on the telephone with somebody outside."""
    return and_(
        readable_call(actor), Call.outcome == ANSWERED, Call.direction.is_distinct_from("internal"),
        AT >= span.since, AT < span.until,
        Call.user_id == span.user_id if span.user_id is not None else true(),
        Call.queue == span.queue if span.queue else true(),
        true() if span.channel in ("", "calls") else false(),
    )  # fmt: skip


def ended_chats(actor: Actor, span: Span) -> ColumnElement[bool]:
    """The condition on Session (joined with Account) for chats in which somebody of the desk spoke, and that are over."""
    own: Any = true()
    if not actor.can("ticket.read_all"):
        link = select(TicketConversation.conversation_id).join(Ticket, Ticket.id == TicketConversation.ticket_id)
        own = Session.conversation_id.in_(link.where(readable(actor)))
    return and_(
        own, Session.agent_turns > 0, Session.ended_at.is_not(None), Account.kind.in_(CHATS),
        Session.started_at >= span.since, Session.started_at < span.until,
        Session.first_user_id == span.user_id if span.user_id is not None else true(),
        Account.kind == span.channel if span.channel else true(),
        false() if span.queue else true(),
    )  # fmt: skip


def rate(actor: Actor, span: Span) -> tuple[int, int]:
    """How many talks have neither wrap-up nor reason, and how many there were."""
    calls = session().execute(
        select(func.count().filter(~wrapped_call()), func.count()).select_from(Call).where(answered_calls(actor, span))
    ).one()
    chats = session().execute(
        select(func.count().filter(~wrapped_session()), func.count())
        .select_from(Session)
        .join(Account, Account.id == Session.account_id)
        .where(ended_chats(actor, span))
    ).one()
    return calls[0] + chats[0], calls[1] + chats[1]


def by_person(actor: Actor, span: Span) -> list[tuple[int | None, int, int]]:
    """The same for each person: (user id, without, all), those with the most first."""
    found: dict[int | None, list[int]] = {}
    calls = (
        select(Call.user_id, func.count().filter(~wrapped_call()), func.count())
        .where(answered_calls(actor, span))
        .group_by(Call.user_id)
    )
    chats = (
        select(Session.first_user_id, func.count().filter(~wrapped_session()), func.count())
        .join(Account, Account.id == Session.account_id)
        .where(ended_chats(actor, span))
        .group_by(Session.first_user_id)
    )
    for row in [*session().execute(calls), *session().execute(chats)]:
        both = found.setdefault(row[0], [0, 0])
        both[0] += row[1]
        both[1] += row[2]
    return sorted(((user, n[0], n[1]) for user, n in found.items()), key=lambda r: (-r[1], -r[2], r[0] or 0))


def owed(actor: Actor, span: Span, cursor: str = "", limit: int = PAGE) -> Page:
    """A page of them, the newest first; a damaged cursor shows the first one."""
    calls = select(literal(CALL).label("kind"), Call.id.label("id"), AT.label("at")).where(
        answered_calls(actor, span), ~wrapped_call()
    )
    chats = (
        select(literal(SESSION).label("kind"), Session.id.label("id"), Session.started_at.label("at"))
        .join(Account, Account.id == Session.account_id)
        .where(ended_chats(actor, span), ~wrapped_session())
    )
    both = union_all(calls, chats).subquery()
    at = func.coalesce(both.c.at, type_=UTCDateTime())
    place = both.c.id * 2 + func.coalesce(both.c.kind == SESSION, false()).cast(both.c.id.type)
    rows: Select[Any] = select(both.c.kind, both.c.id, both.c.at, place).order_by(both.c.at.desc(), place.desc()).limit(limit + 1)
    if (after := read_cursor(cursor)) is not None:
        rows = rows.where(tuple_(at, place) < tuple_(literal(after[0], UTCDateTime), literal(after[1])))
    page = session().execute(rows).all()
    found = _rows([(r[0], r[1]) for r in page[:limit]])
    shown = [found[r[0], r[1]] for r in page[:limit] if (r[0], r[1]) in found]
    last = page[limit - 1] if len(page) > limit else None
    return Page(shown, write_cursor(last[2], last[3]) if last else None)


def _rows(wanted: list[tuple[str, int]]) -> dict[tuple[str, int], Owed]:
    calls, sessions = ([n for kind, n in wanted if kind == this] for this in (CALL, SESSION))
    found: dict[tuple[str, int], Owed] = {}
    options = (joinedload(Call.contact), joinedload(Call.organisation), joinedload(Call.user))
    for call in session().scalars(select(Call).where(Call.id.in_(calls)).options(*options)) if calls else ():
        found[CALL, call.id] = Owed(CALL, call.started_at or call.created_at, call=call)
    talk = joinedload(Session.conversation)
    with_people = (talk.joinedload(Conversation.contact), talk.joinedload(Conversation.account))
    for one in session().scalars(select(Session).where(Session.id.in_(sessions)).options(*with_people)) if sessions else ():
        found[SESSION, one.id] = Owed(SESSION, one.started_at, session=one)
    return found


def access_session(actor: Actor, session_id: int) -> Session | None:
    """The ended or running stretch of a chat that the actor may wrap up; None where there is none for them."""
    if not 0 < session_id < 2**31:
        return None
    rows = select(Session).join(Account, Account.id == Session.account_id).where(Session.id == session_id, Account.kind.in_(CHATS))
    if not actor.can("ticket.read_all"):
        link = select(TicketConversation.conversation_id).join(Ticket, Ticket.id == TicketConversation.ticket_id)
        own = or_(Session.first_user_id == (actor.id or -1), Session.conversation_id.in_(link.where(readable(actor))))
        rows = rows.where(own)
    return session().scalar(rows.options(joinedload(Session.conversation)))
