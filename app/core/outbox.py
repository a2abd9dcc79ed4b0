"""Leasing and doing what the outbox owes.

A row is leased by one statement, so that several workers never do the same one; the reaction's writes and the mark
"done" are one transaction; a failure comes back later and later and is at last kept as dead, in sight.
"""

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select, update

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import NotFound, Refused
from app.core.events import (
    DEAD,
    DONE,
    DUE,
    LEASED,
    UNDECIDED,
    Event,
    EventRow,
    OutboxRow,
    Reaction,
    reactions_of,
    slow_reactions,
)
from app.core.permissions import Actor, require
from app.core.uow import unit_of_work

log = logging.getLogger("huiyin.outbox")
HOLDER = f"{socket.gethostname()}:{os.getpid()}"
LONGEST_WAIT = timedelta(hours=1)
BULK_PAUSE = timedelta(seconds=2)
"""So long the reactions to one of many changes wait, so that they are done together."""


class Undecided(Exception):
    """Raised by a reaction that cannot know whether the outside has already done it. The row stays in sight and is
    never repeated by itself."""


class _LeaseLost(Exception):
    """This worker slept longer than its lease, and another has taken the row: what it does counts, not this."""


class Retry(Exception):
    """Raised by a reaction that wants to be called again, with the reason in words; anything else raised also retries."""


@dataclass
class Job:
    """A leased row as its reaction sees it. `key` is the same at each attempt: use it towards the outside.
    `last`: if this attempt fails, the row is given up. `others`: rows of the same reaction that are done with this one
    (`gather`)."""

    id: int
    reaction: str
    attempts: int
    event: Event
    last: bool = False
    others: list[int] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"outbox-{self.id}"

    @contextmanager
    def done(self) -> Iterator[None]:
        """A unit of work that also marks the row done: the reaction's writes and the mark stand or fall together."""
        with unit_of_work():
            yield
            _finish([self.id, *self.others], DONE)


def gather(job: Job, most: int) -> list[Any]:
    """Events of up to `most` further rows of the same reaction, leased with this one and done when it is done: for work
    that costs nearly the same for many as for one. Rows that wait to be gathered (`events.in_bulk`) may be taken early.

    If the reaction fails, each of them is tried again alone, so that one that cannot be done stops no other."""
    if job.attempts > 1:
        return []
    with unit_of_work() as s:
        own = s.get(OutboxRow, job.id, populate_existing=True)
        if own is None or own.state != LEASED or own.attempts != job.attempts:
            return []
        wanted = (
            select(OutboxRow.id)
            .where(
                OutboxRow.state == DUE, OutboxRow.reaction == job.reaction, OutboxRow.attempts == 0,
                OutboxRow.due_at <= now() + BULK_PAUSE,
            )
            .order_by(OutboxRow.id)
            .limit(most)
            .with_for_update(skip_locked=True)
            .cte("wanted")
        )  # fmt: skip
        taken = s.execute(
            update(OutboxRow)
            .where(OutboxRow.id.in_(select(wanted.c.id)))
            .values(state=LEASED, leased_until=own.leased_until, holder=own.holder, attempts=1)
            .returning(OutboxRow.id, OutboxRow.event_id)
            .execution_options(synchronize_session=False)
        ).all()
    job.others += [row_id for row_id, _event_id in taken]
    stored = session().scalars(select(EventRow).where(EventRow.id.in_([event_id for _row_id, event_id in taken])).order_by(EventRow.id))
    return [Event.load(row.name, row.payload) for row in stored]


def _give_back(row_ids: Sequence[int]) -> None:
    """Rows that were gathered and not done are due again, each alone."""
    if row_ids:
        with unit_of_work() as s:
            s.execute(
                update(OutboxRow)
                .where(OutboxRow.id.in_(row_ids), OutboxRow.state == LEASED, OutboxRow.attempts == 1)
                .values(state=DUE, due_at=now(), leased_until=None, holder=None)
                .execution_options(synchronize_session=False)
            )


def outside(reaction: Reaction) -> Reaction:
    """Mark a reaction that talks to the outside or works long: it is called without a unit of work, gets the Job as
    second argument, and closes with `with job.done():`."""
    reaction.outside = True  # type: ignore[attr-defined]
    return reaction


def slow(reaction: Reaction) -> Reaction:
    """Mark a reaction that takes minutes: a hand of its own does it, so that nothing else waits for it."""
    reaction.slow = True  # type: ignore[attr-defined]
    return reaction


def go_on(job: Job, seconds: int, said: str) -> None:
    """A slow reaction holds its row so much longer and says how far it is; where errors are shown otherwise."""
    with unit_of_work() as s:
        s.execute(
            update(OutboxRow)
            .where(OutboxRow.id == job.id, OutboxRow.state == LEASED, OutboxRow.attempts == job.attempts)
            .values(leased_until=now() + timedelta(seconds=seconds), error=said)
            .execution_options(synchronize_session=False)
        )


def lease(limit: int, seconds: int, holder: str = "", slow: bool | None = None) -> list[int]:
    """Take up to `limit` due rows for `seconds`; rows of a vanished holder come back when their lease ends. `slow`: only
    those of slow reactions, or only the others."""
    moment = now()
    kinds = [] if slow is None else [OutboxRow.reaction.in_(slow_reactions()) if slow else OutboxRow.reaction.not_in(slow_reactions())]
    with unit_of_work() as s:
        wanted = (
            select(OutboxRow.id)
            .where(
                or_(
                    and_(OutboxRow.state == DUE, OutboxRow.due_at <= moment),
                    and_(OutboxRow.state == LEASED, OutboxRow.leased_until < moment),
                ),
                *kinds,
            )
            .order_by(OutboxRow.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            # Named before it is used: as a bare subquery PostgreSQL may run it again for each row, and take more than `limit`.
            .cte("wanted")
        )
        taken = s.scalars(
            update(OutboxRow)
            .where(OutboxRow.id.in_(select(wanted.c.id)))
            .values(
                state=LEASED,
                leased_until=moment + timedelta(seconds=seconds),
                holder=holder or HOLDER,
                attempts=OutboxRow.attempts + 1,
            )
            .returning(OutboxRow.id)
            .execution_options(synchronize_session=False)
        ).all()
    return sorted(taken)


def drain(limit: int = 50, *, lease_seconds: int = 60, max_attempts: int = 8, slow: bool | None = None) -> int:
    """Do what is due now, oldest first, until nothing is left or `limit` rows were taken. Returns how many were taken.
    `slow` as in `lease`."""
    taken = 0
    while taken < limit:
        ids = lease(1, lease_seconds, slow=slow)
        if not ids:
            break
        perform(ids[0], max_attempts)
        taken += 1
    return taken


def perform(row_id: int, max_attempts: int) -> None:
    """Run one leased row and write down how it ended."""
    row = session().get(OutboxRow, row_id)
    if row is None:
        return
    stored = session().get(EventRow, row.event_id)
    assert stored is not None
    others: list[int] = []
    try:
        event = Event.load(stored.name, stored.payload)
        reaction = next((r for r in reactions_of(type(event)) if r.__name__ == row.reaction), None)
        if reaction is None:
            raise LookupError(f"no reaction {row.reaction} to {stored.name} in this version")
        job = Job(row.id, row.reaction, row.attempts, event, last=row.attempts >= max_attempts, others=others)
        name, attempts = row.reaction, row.attempts
        session().rollback()
        if getattr(reaction, "outside", False):
            reaction(event, job)
            with unit_of_work():
                _finish([row_id, *others], DONE)
        else:
            with job.done():
                if not _still_ours(job):
                    raise _LeaseLost
                reaction(event)
    except _LeaseLost:
        log.warning("outbox lease lost", extra={"outbox_id": row_id})
    except Undecided as problem:
        _give_up(row_id, UNDECIDED, str(problem))
        _give_back(others)
        log.warning("outbox undecided", extra={"outbox_id": row_id})
    except Exception as problem:
        session().rollback()
        _failed(row_id, problem, max_attempts)
        _give_back(others)
    else:
        log.debug("outbox done", extra={"outbox_id": row_id, "reaction": name, "attempts": attempts})


def _still_ours(job: Job) -> bool:
    """Whether nobody took the row meanwhile; asked inside the unit of work that does it."""
    held = select(OutboxRow.id).where(
        OutboxRow.id == job.id, OutboxRow.state == LEASED, OutboxRow.attempts == job.attempts
    )
    return session().scalar(held.with_for_update()) is not None


def _finish(row_ids: Sequence[int], state: str, **values: Any) -> None:
    session().execute(
        update(OutboxRow)
        .where(OutboxRow.id.in_(row_ids))
        .values(state=state, finished_at=now(), leased_until=None, holder=None, **values)
        .execution_options(synchronize_session=False)
    )


def _give_up(row_id: int, state: str, reason: str) -> None:
    session().rollback()
    with unit_of_work():
        _finish([row_id], state, error=reason[:2000])


def _failed(row_id: int, problem: Exception, max_attempts: int) -> None:
    reason = f"{type(problem).__name__}: {problem}"[:2000]
    with unit_of_work() as s:
        row = s.get(OutboxRow, row_id)
        if row is None or row.state == DONE:  # another worker, who had taken it over, did it
            return
        if row.attempts >= max_attempts:
            row.state, row.finished_at = DEAD, now()
        else:
            row.state = DUE
            row.due_at = now() + min(timedelta(seconds=2**row.attempts), LONGEST_WAIT)
        row.error, row.leased_until, row.holder = reason, None, None
        given_up = row.state == DEAD
    log.log(
        logging.ERROR if given_up else logging.WARNING,
        "outbox row given up" if given_up else "outbox row will be tried again",
        extra={"outbox_id": row_id, "problem": type(problem).__name__},
        exc_info=problem if given_up else None,
    )


def release_vanished() -> int:
    """Give back at once the leases of processes of this machine that are gone; called when a worker starts."""
    host, _, _ = HOLDER.rpartition(":")
    freed = 0
    with unit_of_work() as s:
        for row in s.scalars(select(OutboxRow).where(OutboxRow.state == LEASED, OutboxRow.holder.startswith(host + ":"))):
            if vanished(row.holder or ""):
                row.state, row.due_at, row.holder, row.leased_until = DUE, now(), None, None
                freed += 1
    return freed


def vanished(holder: str) -> bool:
    """Whether a holder, as in HOLDER, is a process of this machine that is gone, or this very process before its start
    (a restarted container gives the same number again). Asked only when a worker starts."""
    host, _, pid = holder.rpartition(":")
    return host == HOLDER.rpartition(":")[0] and pid.isdecimal() and (holder == HOLDER or not _alive(int(pid)))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def retry(actor: Actor, row_id: int) -> OutboxRow:
    """Set a dead or undecided row due again: the person decides that it has not happened outside."""
    require(actor, "outbox.manage")
    row = session().get(OutboxRow, row_id)
    if row is None:
        raise NotFound()
    if row.state not in (DEAD, UNDECIDED):
        raise Refused("只有已放弃或结果未知的任务可以重试。")
    before, row.state, row.due_at, row.attempts, row.finished_at = row.state, DUE, now(), 0, None
    note(actor, "outbox.retried", row, before=before, after=DUE)
    session().flush()
    return row


def settle(actor: Actor, row_id: int, reason: str) -> OutboxRow:
    """Close a dead or undecided row without doing it: the person knows that it is done or no longer wanted."""
    require(actor, "outbox.manage")
    row = session().get(OutboxRow, row_id)
    if row is None:
        raise NotFound()
    if row.state not in (DEAD, UNDECIDED):
        raise Refused("只有已放弃或结果未知的任务可以标记为已处理。")
    before, row.state, row.finished_at = row.state, DONE, now()
    note(actor, "outbox.settled", row, before=before, after=DONE, reason=reason)
    session().flush()
    return row


def oldest_due_age() -> float:
    """Seconds that the oldest due row has been waiting beyond its time; 0 when nothing waits."""
    oldest = session().scalar(select(func.min(OutboxRow.due_at)).where(OutboxRow.state == DUE))
    return max(0.0, (now() - oldest).total_seconds()) if oldest else 0.0


def next_due_in() -> float | None:
    """Seconds until the next row is due (0 when one is due now), or None when none waits."""
    oldest = session().scalar(select(func.min(OutboxRow.due_at)).where(OutboxRow.state == DUE))
    return max(0.0, (oldest - now()).total_seconds()) if oldest else None


def counts() -> dict[str, int]:
    """How many rows stand in each state."""
    rows = session().execute(select(OutboxRow.state, func.count()).group_by(OutboxRow.state))
    found: dict[str, int] = dict(rows.all())
    return {state: found.get(state, 0) for state in (DUE, LEASED, DONE, DEAD, UNDECIDED)}
