"""The worker's first steps: a database that is busy for a while ends no worker, and what a killed one held is freed then."""

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from app import worker
from app.core import outbox


def test_a_busy_database_at_the_start_is_waited_for(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def busy_at_first() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("BEGIN IMMEDIATE", {}, Exception("database is locked"))
        return 7

    monkeypatch.setattr(outbox, "release_vanished", busy_at_first)
    hands = worker.Worker(app)
    monkeypatch.setattr(hands._stop, "wait", lambda seconds: False)
    assert hands._free_vanished() == 7
    assert len(tries) == 3


def test_whoever_is_told_to_leave_does_not_wait_for_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy() -> int:
        raise OperationalError("BEGIN IMMEDIATE", {}, Exception("database is locked"))

    monkeypatch.setattr(outbox, "release_vanished", busy)
    hands = worker.Worker(app)
    hands._stop.set()
    assert hands._free_vanished() == 0
