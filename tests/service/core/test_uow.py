"""One door to commit: all or nothing, from the newest rows, and the slower of two people is told."""

import threading

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from app.core.clock import now
from app.core.db import db, session
from app.core.errors import Stale
from app.core.people import Organisation
from app.core.uow import after_commit, in_unit_of_work, unit_of_work


def add(name: str) -> Organisation:
    with unit_of_work() as s:
        row = Organisation(kind="client", name=name)
        s.add(row)
    return row


def names() -> list[str]:
    session().rollback()
    return list(session().scalars(select(Organisation.name).order_by(Organisation.name)))


def test_all_or_nothing(app):
    with pytest.raises(ZeroDivisionError), unit_of_work() as s:
        s.add(Organisation(kind="client", name="half"))
        s.flush()
        raise ZeroDivisionError
    assert names() == []


def test_an_inner_block_joins_the_outer(app):
    with pytest.raises(ZeroDivisionError), unit_of_work():
        add("inner")
        raise ZeroDivisionError
    assert names() == []
    assert not in_unit_of_work()


def test_changes_made_outside_are_refused(app):
    session().add(Organisation(kind="client", name="outside"))
    with pytest.raises(RuntimeError, match="outside unit_of_work"), unit_of_work():
        pass
    session().rollback()


def test_after_commit_runs_once_and_not_after_a_failure(app):
    calls = []
    with unit_of_work():
        after_commit(lambda: calls.append("done"))
        assert calls == []
    with pytest.raises(ZeroDivisionError), unit_of_work():
        after_commit(lambda: calls.append("never"))
        raise ZeroDivisionError
    assert calls == ["done"]


def test_a_row_changed_meanwhile_is_stale(app):
    row_id = add("澄湖轴承").id
    row = session().get_one(Organisation, row_id)
    with pytest.raises(Stale), unit_of_work() as s:
        row = s.get_one(Organisation, row_id)
        s.execute(text("update organisation set version = version + 1"))
        row.note = "mine"
    session().rollback()
    assert session().get_one(Organisation, row_id).note == ""


def test_the_loser_of_a_deadlock_is_told_and_nothing_is_written(app):
    class Deadlock(Exception):
        sqlstate = "40P01"

    with pytest.raises(Stale), unit_of_work() as s:
        s.add(Organisation(kind="client", name="half"))
        s.flush()
        raise OperationalError("update", {}, Deadlock())
    assert names() == [] and not in_unit_of_work()


def test_many_writers_at_once_all_get_through(app):
    """A deferred BEGIN would answer most of these with "database is locked"."""
    add("counter")
    problems = []

    def count_up() -> None:
        with app.app_context():
            try:
                for _ in range(5):
                    with unit_of_work() as s:
                        row = s.scalars(select(Organisation).with_for_update()).one()
                        row.note = str(int(row.note or 0) + 1)
            except Exception as problem:
                problems.append(problem)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=count_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session().rollback()
    assert problems == []
    assert session().scalars(select(Organisation)).one().note == "40"


def test_text_and_time_enter_by_one_door(app):
    with unit_of_work() as s:
        row = Organisation(kind="client", name="a\x00b\ud800c", note="line\r\nline")
        s.add(row)
    row_id = row.id
    session().expire_all()
    row = session().get_one(Organisation, row_id)
    assert (row.name, row.note) == ("ab\ufffdc", "line\nline")
    assert row.created_at.tzinfo is not None and abs((now() - row.created_at).total_seconds()) < 60
    with pytest.raises(Exception, match="naive"), unit_of_work() as s:
        s.get_one(Organisation, row_id).created_at = now().replace(tzinfo=None)
    with pytest.raises(Exception, match="where 200 are allowed"), unit_of_work() as s:
        s.get_one(Organisation, row_id).name = "x" * 201
