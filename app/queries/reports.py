"""The figures of the reports. Each is one aggregate over stored verdicts or tickets; docs/fcr.md says what they mean."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, func, or_, select

from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.people import Team, User
from app.core.permissions import Actor
from app.queries.report_terms import (
    IN_COUNT,
    MATURED,
    QUARTER,
    Spread,
    Wanted,
    buckets,
    dimension,
    epoch,
    fold,
    narrowed_tickets,
    quarter,
    spread,
    tickets,
    verdicts,
)
from app.queries.wrap_ups import Span, rate
from workflows.access import readable
from workflows.fcr import EXCLUDED, NOT_SOLVED, PENDING, PROVISIONAL, SOLVED
from workflows.fcr_models import FcrVerdict
from workflows.models import FollowUp, Ticket

FEW = 5
"""Under so many answers satisfaction is not shown: one angry answer would be the figure."""


@dataclass(frozen=True)
class Share:
    """A part of a whole: `hits` of `n`; `rate` from 0 to 1, None where there is nothing."""

    hits: int
    n: int

    @property
    def rate(self) -> float | None:
        return self.hits / self.n if self.n else None


@dataclass(frozen=True)
class Fcr:
    """First-contact resolution of a period. `matured` is the figure; `solvable` the same over kinds that can be solved
    at first contact; `provisional` by hours after the resolution; `pending` waits for W; the rest stands beside it."""

    matured: Share
    solvable: Share
    provisional: dict[int, Share]
    pending: int
    excluded: dict[str, int]
    held: Share
    reopened: Share
    kind_changed: Share
    possible: Share


def fcr(actor: Actor, wanted: Wanted) -> Fcr:
    """All counts of one period in two statements."""
    moment, where = now(), verdicts(actor, wanted)

    def count(*conditions: Any) -> Any:
        return func.count().filter(and_(*conditions))

    early = []
    for horizon in PROVISIONAL:
        due = and_(IN_COUNT, FcrVerdict.counted_at <= moment - horizon)
        held = or_(FcrVerdict.broken_after.is_(None), FcrVerdict.broken_after >= int(horizon.total_seconds()))
        early += [count(due, held), count(due)]
    row = session().execute(
        select(
            count(FcrVerdict.verdict == SOLVED), count(MATURED),
            count(FcrVerdict.verdict == SOLVED, FcrVerdict.solvable.is_(True)), count(MATURED, FcrVerdict.solvable.is_(True)),
            count(FcrVerdict.verdict == PENDING), count(IN_COUNT), count(IN_COUNT, FcrVerdict.held.is_(True)),
            count(IN_COUNT, FcrVerdict.reopened.is_(True)), count(IN_COUNT, FcrVerdict.kind_changed.is_(True)),
            count(IN_COUNT, FcrVerdict.possible > 0), *early,
        ).select_from(FcrVerdict).where(where)
    ).one()  # fmt: skip
    out = session().execute(
        select(FcrVerdict.excluded_as, func.count()).where(where, FcrVerdict.verdict == EXCLUDED).group_by(FcrVerdict.excluded_as)
    )
    n = row[5]
    hours = [int(h.total_seconds()) // 3600 for h in PROVISIONAL]
    return Fcr(
        matured=Share(row[0], row[1]),
        solvable=Share(row[2], row[3]),
        provisional={h: Share(row[10 + 2 * i], row[11 + 2 * i]) for i, h in enumerate(hours)},
        pending=row[4],
        excluded={code or "": count for code, count in out},
        held=Share(row[6], n),
        reopened=Share(row[7], n),
        kind_changed=Share(row[8], n),
        possible=Share(row[9], n),
    )


@dataclass(frozen=True)
class Bar:
    """One bar of a chart: the key that opens its rows (0 or "" for "not known"), its name, and its share."""

    key: str
    label: str
    share: Share


def fcr_by(actor: Actor, wanted: Wanted, by: str) -> list[Bar]:
    """Matured FCR for each channel, product, kind, team or agent; the one with the most issues first."""
    column = dimension(by)
    rows = session().execute(
        select(column, func.count().filter(FcrVerdict.verdict == SOLVED), func.count())
        .where(verdicts(actor, wanted), MATURED)
        .group_by(column)
    )
    found = [(row[0], Share(row[1], row[2])) for row in rows]
    names = _names(by, [key for key, _share in found if key is not None])
    numeric = by in ("product", "team", "agent")
    bars = [Bar(str(key if key is not None else (0 if numeric else "")), names.get(key, ""), share) for key, share in found]
    return sorted(bars, key=lambda bar: (-bar.share.n, bar.key))


def _names(by: str, keys: list[Any]) -> dict[Any, str]:
    """Names of products, teams and people; kinds and channels are named at the edge."""
    if by == "product":
        return {p.id: p.label for p in session().scalars(select(Product).where(Product.id.in_(keys)))}
    if by == "team":
        return {t[0]: t[1] for t in session().execute(select(Team.id, Team.name).where(Team.id.in_(keys)))}
    if by == "agent":
        return {u.id: u.label for u in session().scalars(select(User).where(User.id.in_(keys)))}
    return {}


def reasons(actor: Actor, wanted: Wanted) -> list[tuple[str, int]]:
    """Why matured issues were not solved at first contact, each counted once under its main reason, most frequent first."""
    rows = session().execute(
        select(FcrVerdict.main_reason, func.count())
        .where(verdicts(actor, wanted), FcrVerdict.verdict == NOT_SOLVED)
        .group_by(FcrVerdict.main_reason)
    )
    return sorted(((code or "", count) for code, count in rows), key=lambda r: (-r[1], r[0]))


@dataclass(frozen=True)
class Satisfaction:
    """Answers of the period: `top` (4 or 5 of 5) of those that gave a score, their mean, and how many of the questions
    that were delivered in the period were answered."""

    top: Share
    mean: float | None
    response: Share

    @property
    def shown(self) -> bool:
        return self.top.n >= FEW


def satisfaction(actor: Actor, wanted: Wanted) -> Satisfaction:
    scored = select(func.count().filter(FollowUp.score >= 4), func.count(), func.avg(FollowUp.score)).join(
        Ticket, Ticket.id == FollowUp.ticket_id
    )
    row = session().execute(scored.where(rated(actor, wanted))).one()
    asked = (
        select(func.count().filter(FollowUp.answered_at.is_not(None), FollowUp.state == "answered"), func.count())
        .join(Ticket, Ticket.id == FollowUp.ticket_id)
        .where(readable(actor), FollowUp.delivered_at >= wanted.since, FollowUp.delivered_at < wanted.until, *narrowed_tickets(wanted))
    )
    answered = session().execute(asked).one()
    return Satisfaction(Share(row[0], row[1]), float(row[2]) if row[2] is not None else None, Share(answered[0], answered[1]))


def rated(actor: Actor, wanted: Wanted) -> Any:
    """The condition on FollowUp joined with Ticket for the scores of a period."""
    return and_(
        readable(actor), FollowUp.score.is_not(None), FollowUp.answered_at >= wanted.since, FollowUp.answered_at < wanted.until,
        *narrowed_tickets(wanted),
    )  # fmt: skip


@dataclass(frozen=True)
class FirstResponse:
    """Tickets created in the period: how long the first answer of a person took, and how many still wait for one."""

    spread: Spread
    waiting: int


def first_response(actor: Actor, wanted: Wanted) -> FirstResponse:
    """In the clock's time: there is no working calendar yet. Tickets without an answer are told, never left out unseen."""
    where = tickets(actor, wanted)
    taken = epoch(Ticket.first_response_at) - epoch(Ticket.created_at)
    unanswered = and_(where, Ticket.first_response_at.is_(None), Ticket.state.in_(("created", "dispatched", "executing")))
    waiting = session().scalar(select(func.count()).select_from(Ticket).where(unanswered))
    return FirstResponse(spread(taken, and_(where, Ticket.first_response_at.is_not(None))), waiting or 0)


def resolution(actor: Actor, wanted: Wanted) -> Spread:
    """From the creation of an issue to its first resolution, in the clock's time; issues counted for FCR or excluded by kind."""
    where = and_(verdicts(actor, wanted), or_(IN_COUNT, FcrVerdict.excluded_as.in_(("complaint", "suggestion"))))
    return spread(FcrVerdict.seconds, where)


def open_at(wanted: Wanted, moment: datetime) -> Any:
    """The condition on Ticket for those that were open and not yet resolved at a moment, as far as the rows still tell."""
    end = func.coalesce(Ticket.resolved_at, Ticket.closed_at)
    return and_(Ticket.state != "merged", Ticket.created_at < moment, or_(end.is_(None), end >= moment))


def backlog(actor: Actor, wanted: Wanted, moment: datetime) -> int:
    """How many tickets were open and not resolved at a moment."""
    where = and_(readable(actor), open_at(wanted, moment), *narrowed_tickets(wanted))
    return session().scalar(select(func.count()).select_from(Ticket).where(where)) or 0


@dataclass(frozen=True)
class Coverage:
    """What the figures do not see, so that polishing shows: answered calls and ended chats without a wrap-up and without
    a reason for none, tickets whose person is not known, closings by silence."""

    unwrapped: Share
    unidentified: Share
    silent: Share


def coverage(actor: Actor, wanted: Wanted) -> Coverage:
    without, talks = rate(actor, Span(wanted.since, wanted.until, wanted.agent or None, wanted.channel))
    nameless = session().execute(
        select(func.count().filter(Ticket.contact_id.is_(None)), func.count()).where(tickets(actor, wanted))
    ).one()
    closed = session().execute(
        select(func.count().filter(Ticket.close_result == "silence"), func.count()).where(
            tickets(actor, wanted, Ticket.closed_at), Ticket.state == "closed"
        )
    ).one()
    return Coverage(Share(without, talks), Share(nameless[0], nameless[1]), Share(closed[0], closed[1]))


@dataclass(frozen=True)
class Series:
    """The course of the figures over the period, one value a bucket; None where a bucket holds nothing."""

    starts: list[datetime]
    fcr: list[float | None] = field(default_factory=list)
    response: list[float | None] = field(default_factory=list)
    resolution: list[float | None] = field(default_factory=list)
    satisfaction: list[float | None] = field(default_factory=list)
    backlog: list[float | None] = field(default_factory=list)
    created: list[int] = field(default_factory=list)
    heat: dict[tuple[int, int], int] = field(default_factory=dict)


def series(actor: Actor, wanted: Wanted) -> Series:
    """Four statements, each grouped by quarters of an hour, folded here into the viewer's days and hours."""
    where, cohort = verdicts(actor, wanted), FcrVerdict.created_at if wanted.cohort == "created" else FcrVerdict.counted_at
    at = quarter(cohort)
    judged = session().execute(
        select(at, func.count().filter(FcrVerdict.verdict == SOLVED), func.count().filter(MATURED),
               func.sum(case((IN_COUNT, FcrVerdict.seconds), else_=0)), func.count().filter(IN_COUNT))
        .where(where).group_by(at)
    ).all()  # fmt: skip
    at = quarter(Ticket.created_at)
    taken = epoch(Ticket.first_response_at) - epoch(Ticket.created_at)
    came = session().execute(
        select(at, func.count(), func.sum(taken), func.count(Ticket.first_response_at)).where(tickets(actor, wanted)).group_by(at)
    ).all()
    ended = func.coalesce(Ticket.resolved_at, Ticket.closed_at)
    at = quarter(ended)
    gone = session().execute(select(at, func.count()).where(tickets(actor, wanted, ended)).group_by(at)).all()
    at = quarter(FollowUp.answered_at)
    scores = session().execute(
        select(at, func.count().filter(FollowUp.score >= 4), func.count())
        .join(Ticket, Ticket.id == FollowUp.ticket_id).where(rated(actor, wanted)).group_by(at)
    ).all()  # fmt: skip

    def rates(rows: Any, hits: int, n: int) -> list[float | None]:
        sums = fold(rows, wanted, lambda s, r: (s[0] + (r[hits] or 0), s[1] + (r[n] or 0)), (0, 0))
        return [s[0] / s[1] if s[1] else None for s in sums]

    created = fold(came, wanted, lambda s, r: s + r[1], 0)
    left = fold(gone, wanted, lambda s, r: s + r[1], 0)
    standing, stood = backlog(actor, wanted, wanted.since), []
    cuts, moment = buckets(wanted), now()
    for (begin, _end), plus, minus in zip(cuts, created, left, strict=True):
        standing += plus - minus
        stood.append(float(standing) if begin <= moment else None)
    return Series(
        starts=[begin for begin, _end in cuts],
        fcr=rates(judged, 1, 2),
        response=rates(came, 2, 3),
        resolution=rates(judged, 3, 4),
        satisfaction=rates(scores, 1, 2),
        backlog=stood,
        created=created,
        heat=_heat(came, wanted),
    )


def _heat(came: Any, wanted: Wanted) -> dict[tuple[int, int], int]:
    """How many tickets came by weekday (Monday 0) and hour of the viewer's zone."""
    found: Counter[tuple[int, int]] = Counter()
    for row in came:
        local = datetime.fromtimestamp(row[0] * QUARTER, UTC).astimezone(wanted.zone)
        found[local.weekday(), local.hour] += row[1]
    return dict(found)


def hours_of(wanted: Wanted, weekday: int, hour: int) -> list[tuple[datetime, datetime]]:
    """The stretches of the period that one field of the heat map stands for."""
    found, at = [], wanted.since
    while at < wanted.until:
        local = at.astimezone(wanted.zone)
        if (local.weekday(), local.hour) == (weekday, hour):
            found.append((at, at + timedelta(seconds=QUARTER)))
        at += timedelta(seconds=QUARTER)
    merged: list[tuple[datetime, datetime]] = []
    for begin, end in found:
        if merged and merged[-1][1] == begin:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((begin, end))
    return merged
