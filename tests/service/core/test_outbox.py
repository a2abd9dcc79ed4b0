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
