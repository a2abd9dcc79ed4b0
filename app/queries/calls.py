"""Calls as the desk looks at them: which one may read, the newest ones, and the one that a person is in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, literal, or_, select, true, tuple_
from sqlalchemy.orm import joinedload

from app.core.clock import now
from app.core.db import UTCDateTime, session
from app.core.errors import NotFound
from app.core.people import Contact, Organisation
from app.core.permissions import Actor
from app.queries.cursors import read_cursor, write_cursor
from channels.calls.models import ABANDONED, ANSWERED, BUSY, CALL_FAILED, NO_ANSWER, Call
from workflows.wrap_models import CALL, WrapUp

PAGE = 50
MISSED = (ABANDONED, NO_ANSWER, BUSY, CALL_FAILED)
VIEWS = ("all", "mine", "missed", "live")
LONGEST_CALL = timedelta(hours=4)
"""A call that has not ended by then has lost its end: it is in nobody's ear any more."""
KEPT_OPEN = timedelta(minutes=30)
"""How long a finished call stays on the console for its wrap-up."""

AT = func.coalesce(Call.started_at, Call.created_at, type_=UTCDateTime())


def readable_call(actor: Actor) -> ColumnElement[bool]:
    """The condition on Call: staff of the desk see all, an account manager those of the companies in their care,
    others those that they were in themselves. Customers see none here."""
    if not actor.can("desk.use") or not actor.can("ticket.read"):
        return false()
    if actor.can("ticket.read_all"):
        return true()
    if actor.role == "manager":
        return Call.organisation_id.in_(select(Organisation.id).where(Organisation.manager_id == actor.id))
    return and_(Call.user_id.is_not(None), Call.user_id == actor.id)


def access_call(actor: Actor, call_id: int) -> Call:
    """The call with this id. Raises NotFound, for one that is not the actor's to see too."""
    found = None
    if 0 < call_id < 2**31:
        found = session().scalar(select(Call).where(readable_call(actor), Call.id == call_id))
    if found is None:
        raise NotFound()
    return found


@dataclass(frozen=True)
class Wanted:
    """What of the calls is asked for. `view` is one of VIEWS; `queue`, `direction` and `q` (a part of a number, or of
    the name of a person or company) narrow it."""

    view: str = "all"
    queue: str = ""
    direction: str = ""
    q: str = ""
    cursor: str = ""


@dataclass(frozen=True)
class Page:
    """A page of calls, the newest first, and the cursor of what is before."""

    rows: list[Call]
    next: str | None


def recent(actor: Actor, wanted: Wanted, limit: int = PAGE) -> Page:
    """The newest calls; a damaged cursor shows the first page."""
    where: list[Any] = [readable_call(actor)]
    if wanted.view == "mine":
        where.append(Call.user_id == (actor.id or -1))
    elif wanted.view == "missed":
        where.append(missed())
    elif wanted.view == "live":
        where.append(and_(Call.outcome.is_(None), AT >= now() - LONGEST_CALL))
    if wanted.queue:
        where.append(Call.queue == wanted.queue)
    if wanted.direction:
        where.append(Call.direction == wanted.direction)
    if wanted.q:
        where.append(_like(wanted.q))
    return page_of(and_(*where), wanted.cursor, limit)


def page_of(where: ColumnElement[bool], cursor: str, limit: int = PAGE) -> Page:
    """A page of the calls that fit."""
    rows = (
        select(Call)
        .where(where)
        .options(joinedload(Call.contact), joinedload(Call.organisation), joinedload(Call.user), joinedload(Call.identity))
        .order_by(AT.desc(), Call.id.desc())
        .limit(limit + 1)
    )
    if (after := read_cursor(cursor)) is not None:
        rows = rows.where(tuple_(AT, Call.id) < tuple_(literal(after[0], UTCDateTime), literal(after[1])))
    found = list(session().scalars(rows))
    last = found[limit - 1] if len(found) > limit else None
    return Page(found[:limit], write_cursor(started(last), last.id) if last else None)


def missed() -> ColumnElement[bool]:
    """The condition on Call for callers whom nobody took."""
    return and_(Call.direction == "inbound", Call.outcome.in_(MISSED))


def _like(q: str) -> ColumnElement[bool]:
    digits = "".join(sign for sign in q if sign.isdecimal())
    parts: list[Any] = []
    if len(digits) >= 3:
        parts += [Call.number.contains(digits, autoescape=True), Call.caller.contains(digits, autoescape=True)]
    people = select(Contact.id).where(Contact.name.icontains(q, autoescape=True))
    companies = select(Organisation.id).where(
        or_(Organisation.name.icontains(q, autoescape=True), Organisation.short_name.icontains(q, autoescape=True))
    )
    return or_(Call.contact_id.in_(people), Call.organisation_id.in_(companies), *parts)


def started(call: Call) -> datetime:
    """When the call began, as well as it is known."""
    return call.started_at or call.created_at


def queues(actor: Actor) -> list[str]:
    """The queues that calls came by."""
    rows = select(Call.queue).where(readable_call(actor), Call.queue.is_not(None), Call.queue != "").distinct()
    return sorted(name for name in session().scalars(rows) if name)


def current_call(actor: Actor) -> Call | None:
    """The call that this person is in: the one that rings or is talked on, else the last one that still wants its wrap-up."""
    if actor.id is None:
        return None
    own = select(Call).where(Call.user_id == actor.id, Call.direction.is_distinct_from("internal"))
    alive = own.where(Call.outcome.is_(None), AT >= now() - LONGEST_CALL).order_by(AT.desc(), Call.id.desc())
    found = session().scalar(alive.limit(1))
    if found is not None:
        return found
    wrapped = exists().where(WrapUp.kind == CALL, WrapUp.subject_id == Call.id, WrapUp.done_at.is_not(None))
    ended = own.where(Call.outcome == ANSWERED, Call.ended_at >= now() - KEPT_OPEN, ~wrapped)
    return session().scalar(ended.order_by(Call.ended_at.desc(), Call.id.desc()).limit(1))


def wrapped_among(ids: list[int]) -> dict[int, WrapUp]:
    """What is written down of these calls, in one statement."""
    rows = select(WrapUp).where(WrapUp.kind == CALL, WrapUp.subject_id.in_(ids)).options(joinedload(WrapUp.ticket))
    return {row.subject_id: row for row in session().scalars(rows)} if ids else {}
