"""The tickets behind each mark of a report: what is counted can be opened, row by row."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, literal, or_, select, true, tuple_
from sqlalchemy.orm import joinedload

from app.core.clock import now
from app.core.db import UTCDateTime, session
from app.core.people import Team, User
from app.core.permissions import Actor
from app.queries import reports
from app.queries.cursors import read_cursor, write_cursor
from app.queries.report_terms import IN_COUNT, MATURED, Wanted, narrowed_tickets, tickets, verdicts
from workflows.access import readable
from workflows.fcr import EXCLUDED, NOT_SOLVED, PENDING, SOLVED
from workflows.fcr_models import FcrVerdict
from workflows.models import FollowUp, Ticket

PAGE = 50


@dataclass(frozen=True)
class Mark:
    """One kind of list: which moment orders it, and its condition for an actor, a period and a detail (`of`)."""

    moment: Any
    where: Callable[[Actor, Wanted, str], ColumnElement[bool]]


def _verdict(*conditions: Any) -> Mark:
    return Mark(FcrVerdict.counted_at, lambda actor, wanted, of: and_(verdicts(actor, wanted), *conditions))


def _heat(actor: Actor, wanted: Wanted, of: str) -> ColumnElement[bool]:
    day, _sign, hour = of.partition("-")
    if not (day.isdecimal() and hour.isdecimal() and len(of) < 6):
        return false()
    ranges = reports.hours_of(wanted, int(day), int(hour))
    return and_(tickets(actor, wanted), or_(false(), *(and_(Ticket.created_at >= a, Ticket.created_at < b) for a, b in ranges)))


def _rated(low: int) -> Callable[[Actor, Wanted, str], ColumnElement[bool]]:
    def where(actor: Actor, wanted: Wanted, of: str) -> ColumnElement[bool]:
        return exists().where(FollowUp.ticket_id == Ticket.id, FollowUp.score >= low, reports.rated(actor, wanted)).correlate(Ticket)

    return where


MARKS: dict[str, Mark] = {
    "matured": _verdict(MATURED),
    "solved": _verdict(FcrVerdict.verdict == SOLVED),
    "not_solved": _verdict(FcrVerdict.verdict == NOT_SOLVED),
    "pending": _verdict(FcrVerdict.verdict == PENDING),
    "held": _verdict(IN_COUNT, FcrVerdict.held.is_(True)),
    "reopened": _verdict(IN_COUNT, FcrVerdict.reopened.is_(True)),
    "kind_changed": _verdict(IN_COUNT, FcrVerdict.kind_changed.is_(True)),
    "possible": _verdict(IN_COUNT, FcrVerdict.possible > 0),
    "resolved": _verdict(or_(IN_COUNT, FcrVerdict.excluded_as.in_(("complaint", "suggestion")))),
    "reason": Mark(
        FcrVerdict.counted_at,
        lambda actor, wanted, of: and_(verdicts(actor, wanted), FcrVerdict.verdict == NOT_SOLVED, FcrVerdict.main_reason == of),
    ),
    "excluded": Mark(
        FcrVerdict.counted_at,
        lambda actor, wanted, of: and_(
            verdicts(actor, wanted), FcrVerdict.verdict == EXCLUDED, FcrVerdict.excluded_as == of if of else true()
        ),
    ),
    "created": Mark(Ticket.created_at, lambda actor, wanted, of: tickets(actor, wanted)),
    "answered": Mark(
        Ticket.created_at, lambda actor, wanted, of: and_(tickets(actor, wanted), Ticket.first_response_at.is_not(None))
    ),
    "waiting": Mark(
        Ticket.created_at,
        lambda actor, wanted, of: and_(
            tickets(actor, wanted), Ticket.first_response_at.is_(None), Ticket.state.in_(("created", "dispatched", "executing"))
        ),
    ),
    "unidentified": Mark(Ticket.created_at, lambda actor, wanted, of: and_(tickets(actor, wanted), Ticket.contact_id.is_(None))),
    "heat": Mark(Ticket.created_at, _heat),
    "backlog": Mark(
        Ticket.created_at,
        lambda actor, wanted, of: and_(
            readable(actor), reports.open_at(wanted, min(wanted.until, now())), *narrowed_tickets(wanted)
        ),
    ),
    "silent": Mark(
        Ticket.closed_at,
        lambda actor, wanted, of: and_(
            tickets(actor, wanted, Ticket.closed_at), Ticket.state == "closed", Ticket.close_result == "silence"
        ),
    ),
    "rated": Mark(Ticket.created_at, _rated(1)),
    "pleased": Mark(Ticket.created_at, _rated(4)),
}
"""Every mark that reports have, by the name in the address."""


@dataclass(frozen=True)
class Row:
    """A ticket with its verdict, if it has one, and the moment by which it stands in the list."""

    ticket: Ticket
    verdict: FcrVerdict | None
    moment: datetime
    user: User | None
    team: Team | None


@dataclass(frozen=True)
class Page:
    rows: list[Row]
    next: str | None


def rows(actor: Actor, wanted: Wanted, what: str, of: str = "", cursor: str = "", limit: int = PAGE) -> Page:
    """A page of the tickets behind a mark, the newest first. One statement; the cursor is a moment and an id."""
    mark = MARKS[what]
    found = (
        select(Ticket, FcrVerdict, mark.moment, User, Team)
        .join(FcrVerdict, FcrVerdict.ticket_id == Ticket.id, isouter=mark.moment is not FcrVerdict.counted_at)
        .outerjoin(User, User.id == FcrVerdict.user_id)
        .outerjoin(Team, Team.id == FcrVerdict.team_id)
        .where(readable(actor), mark.where(actor, wanted, of))
        .options(joinedload(Ticket.contact), joinedload(Ticket.organisation), joinedload(Ticket.product))
        .order_by(mark.moment.desc(), Ticket.id.desc())
        .limit(limit + 1)
    )
    if (after := read_cursor(cursor)) is not None:
        found = found.where(tuple_(mark.moment, Ticket.id) < tuple_(literal(after[0], UTCDateTime), literal(after[1])))
    page = [Row(*row) for row in session().execute(found)]
    last = page[limit - 1] if len(page) > limit else None
    return Page(page[:limit], write_cursor(last.moment, last.ticket.id) if last else None)
