"""What reports are asked for, and the few expressions that all of them use."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, func, select, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from app.core.db import session
from app.core.permissions import Actor
from workflows.access import readable
from workflows.fcr import NOT_SOLVED, PENDING, SOLVED
from workflows.fcr_access import readable_verdicts
from workflows.fcr_models import FcrVerdict
from workflows.models import Ticket

QUARTER = 900
DIMENSIONS = ("channel", "product", "kind", "team", "agent")
_VERDICT = {
    "channel": FcrVerdict.channel, "product": FcrVerdict.product_id, "kind": FcrVerdict.kind,
    "team": FcrVerdict.team_id, "agent": FcrVerdict.user_id,
}  # fmt: skip
_TICKET = {
    "channel": Ticket.channel, "product": Ticket.product_id, "kind": Ticket.kind,
    "team": Ticket.team_id, "agent": Ticket.assignee_id,
}  # fmt: skip
MATURED = FcrVerdict.verdict.in_((SOLVED, NOT_SOLVED))
IN_COUNT = FcrVerdict.verdict.in_((SOLVED, NOT_SOLVED, PENDING))


class epoch(GenericFunction[int]):
    """Seconds since 1970 of a stored moment."""

    type = Integer()
    inherit_cache = True


@compiles(epoch, "sqlite")
def _epoch_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"CAST(strftime('%s', {compiler.process(element.clauses, **kw)}) AS INTEGER)"


@compiles(epoch, "postgresql")
def _epoch_postgres(element: Any, compiler: Any, **kw: Any) -> str:
    return f"CAST(floor(extract(epoch FROM {compiler.process(element.clauses, **kw)})) AS BIGINT)"


def quarter(column: Any) -> Any:
    """The quarter of an hour that a moment falls into; every time zone's hours and days are made of whole ones."""
    return epoch(column).op("/")(QUARTER)


@dataclass(frozen=True)
class Wanted:
    """A period [since, until) as aware moments, the viewer's zone, and what it is narrowed to. `cohort`: issues resolved
    in the period, or those created in it. `solvable`: only kinds that can be solved at first contact."""

    since: datetime
    until: datetime
    zone: tzinfo = UTC
    channel: str = ""
    kind: str = ""
    product: int | None = None
    team: int | None = None
    agent: int | None = None
    counter: int | None = None
    cohort: str = "resolved"
    solvable: bool = False

    def before(self) -> "Wanted":
        """The period of the same number of days just before this one, in the viewer's calendar."""
        first, end = self.since.astimezone(self.zone).date(), self.until.astimezone(self.zone).date()
        return replace(self, since=midnight(first - (end - first), self.zone), until=self.since)

    @property
    def days(self) -> int:
        return (self.until.astimezone(self.zone).date() - self.since.astimezone(self.zone).date()).days


def midnight(day: date, zone: tzinfo) -> datetime:
    """The beginning of a day in a zone."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def period(first: date, last: date, zone: tzinfo, **narrowed: Any) -> Wanted:
    """The days from `first` to `last`, both included, as they are in a zone."""
    return Wanted(midnight(first, zone), midnight(last + timedelta(days=1), zone), zone, **narrowed)


def verdicts(actor: Actor, wanted: Wanted) -> ColumnElement[bool]:
    """The condition on FcrVerdict for the issues of a report."""
    moment = FcrVerdict.created_at if wanted.cohort == "created" else FcrVerdict.counted_at
    return and_(
        readable_verdicts(actor),
        moment >= wanted.since,
        moment < wanted.until,
        *_narrowed(_VERDICT, wanted),
        FcrVerdict.ticket_id.in_(select(Ticket.id).where(Ticket.counter_id == wanted.counter)) if wanted.counter else true(),
        FcrVerdict.solvable.is_(True) if wanted.solvable else true(),
    )


def tickets(actor: Actor, wanted: Wanted, moment: Any = None) -> ColumnElement[bool]:
    """The condition on Ticket for a report: by `moment` (a column; the creation when left out) and what it is narrowed to."""
    column = Ticket.created_at if moment is None else moment
    return and_(readable(actor), column >= wanted.since, column < wanted.until, Ticket.state != "merged", *narrowed_tickets(wanted))


def narrowed_tickets(wanted: Wanted) -> list[ColumnElement[bool]]:
    here = [Ticket.counter_id == wanted.counter] if wanted.counter else []
    return [*_narrowed(_TICKET, wanted), *here]


def _narrowed(columns: dict[str, Any], wanted: Wanted) -> list[ColumnElement[bool]]:
    given = {name: getattr(wanted, name) for name in DIMENSIONS}
    return [_is(columns[name], value) for name, value in given.items() if value not in ("", None)]


def _is(column: Any, value: Any) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.is_(None) if value == 0 else column == value
    return found


def dimension(name: str) -> Any:
    """The column of FcrVerdict that a chart groups by."""
    return _VERDICT[name]


@dataclass(frozen=True)
class Spread:
    """How long something took, in seconds: how many, mean, half of them, nine of ten. None where there is nothing."""

    n: int
    mean: float | None = None
    median: int | None = None
    p90: int | None = None


def spread(expression: Any, condition: ColumnElement[bool]) -> Spread:
    """The spread of a length in seconds over the rows that fit, from one statement that counts equal lengths. Nothing
    is rounded up to days."""
    counted = session().execute(select(expression, func.count()).where(condition, expression.is_not(None)).group_by(expression))
    found = sorted((int(row[0]), row[1]) for row in counted)
    n = sum(count for _length, count in found)
    if not n:
        return Spread(0)

    def place(share: float) -> int:
        wanted, passed = min(n - 1, int(n * share)), 0
        for length, count in found:
            passed += count
            if passed > wanted:
                return length
        return found[-1][0]

    return Spread(n, sum(length * count for length, count in found) / n, place(0.5), place(0.9))


def buckets(wanted: Wanted, most: int = 31) -> list[tuple[datetime, datetime]]:
    """The period cut into days, or where it is long into weeks or runs of weeks, so that one quiet day is not read as a
    trend; for sparklines."""
    first, days = wanted.since.astimezone(wanted.zone).date(), max(1, wanted.days)
    width = 1 if days <= 14 else 7 * -(-days // (7 * most))
    cuts = [midnight(first + timedelta(days=n), wanted.zone) for n in range(0, days, width)] + [wanted.until]
    return list(zip(cuts, cuts[1:], strict=False))


def fold(rows: Any, wanted: Wanted, add: Callable[[Any, Any], Any], start: Any) -> list[Any]:
    """Values by quarter of an hour, added up into the buckets of the period. `rows`: (quarter, …)."""
    cuts = buckets(wanted)
    edges = [int(begin.timestamp()) // QUARTER for begin, _end in cuts]
    sums = [start for _cut in cuts]
    for row in rows:
        place = bisect_right(edges, row[0]) - 1
        if place >= 0:
            sums[place] = add(sums[place], row)
    return sums
