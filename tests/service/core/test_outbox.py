"""The outbox: nothing lost, nothing done twice, what is given up stays in sight."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from sqlalchemy import select

from app.core import clock, events, outbox
from app.core.db import session
from app.core.events import DEAD, DONE, DUE, LEASED, UNDECIDED, Event, OutboxRow, record, set_reactions
from app.core.outbox import Job, drain, lease, outside, release_vanished
from app.core.people import Organisation
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Rang(Event):
    """A test bell rang."""

    subject: ClassVar[str] = "bell"
    bell_id: int
    version: int = 1


def add_company(event: Rang) -> None:
    session().add(Organisation(kind="client", name=f"company {event.bell_id}"))


def fail(event: Rang) -> None:
    session().add(Organisation(kind="client", name="must not stay"))
    session().flush()
    raise OSError("no line")


@outside
def unsure(event: Rang, job: Job) -> None:
    raise outbox.Undecided("the server fell silent after DATA")


@pytest.fixture(autouse=True)
def bells(app):
    before = dict(events._table)
    yield
    set_reactions(before)


def ring(*reactions, number=7):
    set_reactions({Rang: reactions})
    with unit_of_work():
        record(Rang(bell_id=number))


def only_row() -> OutboxRow:
    session().rollback()
    return session().scalars(select(OutboxRow)).one()


def companies() -> int:
    return len(session().scalars(select(Organisation)).all())


def test_event_and_rows_stand_or_fall_with_the_change(app):
    set_reactions({Rang: [add_company]})
    with pytest.raises(ZeroDivisionError), unit_of_work():
        record(Rang(bell_id=1))
        raise ZeroDivisionError
    assert session().scalars(select(OutboxRow)).all() == []


def test_a_reaction_is_done_once_with_its_mark(app):
    ring(add_company)
    assert drain() == 1
    assert only_row().state == DONE
    assert drain() == 0
    assert companies() == 1


def test_a_failure_leaves_nothing_comes_back_later_and_is_at_last_dead(app):
    with clock.frozen(NOON):
        ring(fail)
        waits = []
        for _ in range(3):
            drain(max_attempts=3)
            row = only_row()
            if row.state == DUE:
                waits.append(row.due_at - clock.now())
                assert drain(max_attempts=3) == 0, "not before its time"
                clock.advance(row.due_at - clock.now())
        assert waits == [timedelta(seconds=2), timedelta(seconds=4)]
    assert only_row().state == DEAD
    assert "no line" in only_row().error
    assert companies() == 0


def test_one_failing_reaction_does_not_repeat_its_neighbour(app):
    ring(add_company, fail)
    drain()
    states = {row.reaction: row.state for row in session().scalars(select(OutboxRow))}
    assert states == {"add_company": DONE, "fail": DUE}


def test_undecided_is_kept_and_never_repeated_until_a_person_says_so(app):
    ring(unsure)
    drain()
    row = only_row()
    assert (row.state, row.attempts) == (UNDECIDED, 1)
    assert drain() == 0
    with unit_of_work():
        outbox.retry(SYSTEM, row.id)
    assert only_row().state == DUE


def test_the_row_of_a_vanished_worker_comes_back_when_its_lease_ends(app):
    with clock.frozen(NOON):
        ring(add_company)
        assert len(lease(10, 60)) == 1
        assert lease(10, 60) == []
        clock.advance(timedelta(seconds=61))
        assert drain() == 1
    assert only_row().state == DONE


def test_no_more_is_leased_than_was_asked_for(app):
    set_reactions({Rang: (add_company,)})
    with unit_of_work():
        for number in range(300):
            record(Rang(bell_id=number))
    assert len(lease(1, 60)) == 1
    assert len(session().scalars(select(OutboxRow).where(OutboxRow.state == LEASED)).all()) == 1


def test_a_starting_worker_frees_the_leases_of_dead_processes_of_its_machine(app):
    ring(add_company)
    host = outbox.HOLDER.rpartition(":")[0]
    lease(1, 600, holder=f"{host}:999999999")
    assert only_row().state == LEASED
    assert release_vanished() == 1
    assert only_row().state == DUE


def test_a_reaction_that_no_longer_exists_is_an_error_in_words(app):
    ring(add_company)
    set_reactions({})
    drain(max_attempts=1)
    assert "no reaction add_company" in only_row().error


def test_a_worker_that_slept_past_its_lease_does_nothing_twice(app):
    ring(add_company)
    (row_id,) = lease(1, 60)
    with clock.frozen(clock.now() + timedelta(hours=1)):
        assert drain() == 1
    outbox.perform(row_id, 8)
    assert only_row().state == DONE
    assert len(session().scalars(select(Organisation)).all()) == 1


def test_a_late_failure_does_not_call_back_what_another_worker_did(app):
    @outside
    def slow(event: Rang, job: Job) -> None:
        calls.append(job.attempts)
        if len(calls) == 1:
            with clock.frozen(clock.now() + timedelta(hours=1)):
                assert drain() == 1
            raise OSError("the line broke after all")

    calls: list[int] = []
    ring(slow)
    (row_id,) = lease(1, 60)
    outbox.perform(row_id, 8)
    assert only_row().state == DONE and calls == [1, 2]


def test_what_waits_for_the_same_is_done_together(app):
    @outside
    def together(event: Rang, job: Job) -> None:
        done.append([event.bell_id, *(one.bell_id for one in outbox.gather(job, 2))])

    done: list[list[int]] = []
    set_reactions({Rang: (together, add_company)})
    with clock.frozen(NOON):
        with unit_of_work():
            for number in range(1, 5):
                record(Rang(bell_id=number))
            with events.in_bulk(outbox.BULK_PAUSE):
                record(Rang(bell_id=5))
            record(Rang(bell_id=6), due_at=NOON + timedelta(minutes=1))
        drain()
        assert done == [[1, 2, 3], [4, 5]], "at most two more, those that wait to be gathered before their time"
        assert companies() == 4, "each of the others is done by itself, when it is due"
    states = {row.state for row in session().scalars(select(OutboxRow).where(OutboxRow.event_id < 6, OutboxRow.reaction == "together"))}
    assert states == {DONE}
    with clock.frozen(NOON + timedelta(minutes=1)):
        drain()
    assert done[2:] == [[6]] and companies() == 6


def test_one_that_cannot_be_done_stops_none_that_were_gathered_with_it(app):
    @outside
    def picky(event: Rang, job: Job) -> None:
        bells = [event.bell_id, *(one.bell_id for one in outbox.gather(job, 10))]
        tried.append(bells)
        if 2 in bells:
            raise ValueError("no such bell")

    tried: list[list[int]] = []
    set_reactions({Rang: (picky,)})
    with unit_of_work():
        for number in range(1, 4):
            record(Rang(bell_id=number))
    drain()
    assert tried == [[1, 2, 3], [2], [3]], "the second and the third alone at once, the first after its pause"
    with clock.frozen(clock.now() + timedelta(hours=1)):
        drain()
    rows = list(session().scalars(select(OutboxRow).order_by(OutboxRow.id).execution_options(populate_existing=True)))
    assert [row.state for row in rows] == [DONE, DUE, DONE] and tried[3:] == [[1], [2]]


def test_what_was_gathered_by_a_vanished_worker_comes_back(app):
    @outside
    def dies(event: Rang, job: Job) -> None:
        outbox.gather(job, 10)
        raise SystemExit

    set_reactions({Rang: (dies,)})
    with unit_of_work():
        record(Rang(bell_id=1))
        record(Rang(bell_id=2))
    with pytest.raises(SystemExit):
        drain()
    session().rollback()
    assert [row.state for row in session().scalars(select(OutboxRow))] == [LEASED, LEASED]
    with clock.frozen(clock.now() + timedelta(minutes=2)):
        assert len(lease(5, 60)) == 2
