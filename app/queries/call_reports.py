"""The figures of the telephone, from the rows of calls. docs/calls.md says what they mean; so does the page, beside each.

Everything is counted in six statements for any length of time: counts by queue, person and outcome, and for each length
of time how often each number of seconds came.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import aliased

from app.core.db import session
from app.core.people import User, team_member
from app.core.permissions import Actor
from app.queries.calls import AT, MISSED, readable_call
from app.queries.report_terms import Spread, Wanted, buckets, fold, quarter
from app.queries.reports import Share
from app.queries.wrap_ups import Span, rate, wrapped_call
from channels.calls.models import ABANDONED, ANSWERED, IVR_ONLY, Call
from workflows.wrap_models import CALL, WrapUp

LENGTHS = ("wait", "talk", "hold", "wrap")
_WRAP = aliased(WrapUp)
TAKEN_S = func.coalesce(Call.wrap_up_s, _WRAP.took_s)
"""Seconds of after-call work: the exchange's own, else the time until the wrap-up was written, where that was at once."""


@dataclass(frozen=True)
class Figures:
    """The calls of a period, of one queue or of one person.

    `offered`: inbound calls that asked for a person and have ended. Shares are of those: `answered`, `level` (answered
    within the limit), `abandoned` (hung up while waiting), `other` (rang out, busy, failed). `out`: calls that we made,
    and how many were answered. Lengths in seconds over answered calls, both ways.
    """

    answered: Share
    level: Share
    abandoned: Share
    other: Share
    out: Share
    lengths: dict[str, Spread]

    @property
    def offered(self) -> int:
        return self.answered.n


@dataclass(frozen=True)
class Report:
    """`total`, and the same by queue ("" where a call has none) and by person (None where nobody of ours was in it).
    `in_menu`: inbound calls that never asked for a person. `days`: (begin, offered, answered, abandoned) by bucket."""

    total: Figures
    queues: list[tuple[str, Figures]]
    people: list[tuple[User | None, Figures]]
    in_menu: int
    unwrapped: Share
    days: list[tuple[Any, int, int, int]] = field(default_factory=list)


def inbound(actor: Actor, wanted: Wanted, queue: str = "") -> ColumnElement[bool]:
    """The condition on Call for what was offered to the desk."""
    return and_(within(actor, wanted, queue), Call.direction == "inbound", Call.outcome.is_not(None), Call.outcome != IVR_ONLY)


def within(actor: Actor, wanted: Wanted, queue: str = "") -> ColumnElement[bool]:
    """The condition on Call for the period, the person, the team and the queue that are asked for."""
    team = select(team_member.c.user_id).where(team_member.c.team_id == (wanted.team or -1))
    agent: Any = true()
    if wanted.agent is not None:
        agent = Call.user_id.is_(None) if wanted.agent == 0 else Call.user_id == wanted.agent
    return and_(
        readable_call(actor), AT >= wanted.since, AT < wanted.until, agent,
        Call.user_id.in_(team) if wanted.team else true(), _of_queue(queue),
    )  # fmt: skip


NO_QUEUE = "-"
"""Stands for the calls that came in no queue."""


def _of_queue(queue: str) -> ColumnElement[bool]:
    if queue == NO_QUEUE:
        return or_(Call.queue.is_(None), Call.queue == "")
    return Call.queue == queue if queue else true()


def answered(actor: Actor, wanted: Wanted, queue: str = "") -> ColumnElement[bool]:
    """The condition on Call for talk, both ways."""
    return and_(within(actor, wanted, queue), Call.outcome == ANSWERED, Call.direction.in_(("inbound", "outbound")))


def report(actor: Actor, wanted: Wanted, seconds: int, queue: str = "") -> Report:
    """All figures of a period; `seconds` is the limit of the service level."""
    counted = session().execute(
        select(
            func.coalesce(Call.queue, ""), Call.user_id, Call.direction, Call.outcome, func.count(),
            func.count().filter(Call.wait <= seconds),
        )
        .where(within(actor, wanted, queue), Call.outcome.is_not(None), Call.direction.in_(("inbound", "outbound")))
        .group_by(func.coalesce(Call.queue, ""), Call.user_id, Call.direction, Call.outcome)
    ).all()  # fmt: skip
    spreads = {name: _seconds(name, answered(actor, wanted, queue)) for name in LENGTHS}

    def figures(mine: Callable[[Any], bool]) -> Figures:
        return _figures([r for r in counted if mine(r)], {k: [r for r in rows if mine(r)] for k, rows in spreads.items()})

    names = sorted({r[0] for r in counted if r[3] != IVR_ONLY})
    ids = {r[1] for r in counted if r[3] != IVR_ONLY}
    users = {u.id: u for u in session().scalars(select(User).where(User.id.in_([i for i in ids if i])))}
    people = [(users.get(i) if i else None, figures(lambda r, i=i: r[1] == i)) for i in ids]  # type: ignore[misc]
    without, all_ = rate(actor, Span(wanted.since, wanted.until, wanted.agent or None, "calls", queue))
    return Report(
        total=figures(lambda r: True),
        queues=sorted(((q, figures(lambda r, q=q: r[0] == q)) for q in names), key=lambda p: (-p[1].offered, p[0])),  # type: ignore[misc]
        people=sorted(people, key=lambda p: (p[0] is None, -p[1].answered.hits - p[1].out.hits, p[0].label if p[0] else "")),
        in_menu=sum(r[4] for r in counted if r[2] == "inbound" and r[3] == IVR_ONLY),
        unwrapped=Share(without, all_),
        days=_days(actor, wanted, queue),
    )


def _seconds(name: str, where: ColumnElement[bool]) -> list[Any]:
    """(queue, user, seconds, how often) of one length."""
    column = {"wait": Call.wait, "talk": Call.billsec, "hold": Call.hold_s, "wrap": TAKEN_S}[name]
    rows = select(func.coalesce(Call.queue, ""), Call.user_id, column, func.count()).select_from(Call)
    if name == "wrap":
        rows = rows.outerjoin(_WRAP, and_(_WRAP.kind == CALL, _WRAP.subject_id == Call.id))
    if name == "wait":
        rows = rows.where(Call.direction == "inbound")
    rows = rows.where(where, column.is_not(None)).group_by(func.coalesce(Call.queue, ""), Call.user_id, column)
    return list(session().execute(rows))


def _figures(counted: Iterable[Any], spreads: dict[str, list[Any]]) -> Figures:
    ours: Counter[str] = Counter()
    theirs: Counter[str] = Counter()
    quick = 0
    for _queue, _user, direction, outcome, count, in_time in counted:
        if direction == "outbound":
            ours[outcome] += count
        elif outcome != IVR_ONLY:
            theirs[outcome] += count
            quick += in_time if outcome == ANSWERED else 0
    offered, made = sum(theirs.values()), sum(ours.values())
    return Figures(
        answered=Share(theirs[ANSWERED], offered),
        level=Share(quick, offered),
        abandoned=Share(theirs[ABANDONED], offered),
        other=Share(sum(theirs[o] for o in MISSED if o != ABANDONED), offered),
        out=Share(ours[ANSWERED], made),
        lengths={name: spread_of((r[2], r[3]) for r in rows) for name, rows in spreads.items()},
    )


def spread_of(counted: Iterable[tuple[int, int]]) -> Spread:
    """The spread of (seconds, how often): mean, median and the ninth of ten."""
    sums: dict[int, int] = defaultdict(int)
    for length, count in counted:
        sums[int(length)] += count
    n = sum(sums.values())
    if not n:
        return Spread(0)

    def place(share: float) -> int:
        wanted, passed = min(n - 1, int(n * share)), 0
        for length in sorted(sums):
            passed += sums[length]
            if passed > wanted:
                return length
        return max(sums)

    return Spread(n, sum(length * count for length, count in sums.items()) / n, place(0.5), place(0.9))


def _days(actor: Actor, wanted: Wanted, queue: str) -> list[tuple[Any, int, int, int]]:
    at = quarter(AT)
    rows = session().execute(
        select(at, func.count(), func.count().filter(Call.outcome == ANSWERED), func.count().filter(Call.outcome == ABANDONED))
        .where(inbound(actor, wanted, queue)).group_by(at)
    ).all()  # fmt: skip
    sums = fold(rows, wanted, lambda s, r: (s[0] + r[1], s[1] + r[2], s[2] + r[3]), (0, 0, 0))
    return [(begin, *found) for (begin, _end), found in zip(buckets(wanted), sums, strict=True)]


def mark(actor: Actor, wanted: Wanted, what: str, seconds: int, queue: str = "") -> ColumnElement[bool] | None:
    """The condition on Call for the rows behind a figure; None where there is no such figure."""
    offered, talked = inbound(actor, wanted, queue), answered(actor, wanted, queue)
    marks: dict[str, Any] = {
        "offered": offered,
        "answered": and_(offered, Call.outcome == ANSWERED),
        "level": and_(offered, Call.outcome == ANSWERED, Call.wait <= seconds),
        "late": and_(offered, Call.outcome == ANSWERED, or_(Call.wait.is_(None), Call.wait > seconds)),
        "abandoned": and_(offered, Call.outcome == ABANDONED),
        "other": and_(offered, Call.outcome.in_([o for o in MISSED if o != ABANDONED])),
        "talked": talked,
        "held": and_(talked, Call.hold_s > 0),
        "out": and_(within(actor, wanted, queue), Call.direction == "outbound", Call.outcome.is_not(None)),
        "menu": and_(within(actor, wanted, queue), Call.direction == "inbound", Call.outcome == IVR_ONLY),
        "unwrapped": and_(
            within(actor, wanted, queue), Call.outcome == ANSWERED, Call.direction.is_distinct_from("internal"), ~wrapped_call()
        ),
    }
    return marks.get(what)
