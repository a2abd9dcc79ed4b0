"""A server that tells of new mails by itself (IMAP IDLE): it is listened to, renewed, and not relied on."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.core import clock
from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import fetching, idling
from channels.accounts import set_account
from channels.models import MailFolder
from tests.service.channels.test_imap import Played, add, fetch_once


class Bell(Played):
    """A server that knows IDLE, unless it is `deaf`."""

    deaf = False

    def _talk(self, wire: socket.socket) -> None:
        self.local.wire = wire
        super()._talk(wire)

    def __init__(self) -> None:
        self.local, self.idle, self.tag = threading.local(), threading.Event(), ""
        self.wire: socket.socket | None = None
        super().__init__(hangs="NEVER")  # DONE is a line without a command

    def _answer(self, command: str, rest: str, known: bool, tag: str) -> bytes:
        if command == "CAPABILITY":
            offered = b"* CAPABILITY IMAP4rev1" + (b"" if self.deaf else b" IDLE")
            return offered + f"\r\n{tag} OK done\r\n".encode()
        if command == "IDLE":
            self.tag, self.wire = tag, self.local.wire
            self.idle.set()
            return b"+ idling\r\n"
        if tag == "DONE":
            return f"{self.tag} OK done\r\n".encode()
        return super()._answer(command, rest, known, tag)

    def ring(self) -> None:
        assert self.wire is not None
        self.wire.sendall(b"* 2 EXISTS\r\n")

    def cut(self) -> None:
        assert self.wire is not None
        self.wire.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def bell(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bell]:
    monkeypatch.setattr(idling, "STEP", 0.05)
    made = Bell()
    yield made
    made.stop()


def row() -> MailFolder:
    session().rollback()
    return session().scalars(select(MailFolder)).one()


def put_off() -> None:
    """As if the next visit were far away."""
    with unit_of_work() as s:
        s.execute(update(MailFolder).values(due_at=clock.now() + timedelta(hours=9)))


def script(*deeds: Callable[[], object]) -> Callable[[], bool]:
    """A `stopping` that does one thing each time it is asked, and then says stop."""
    rest = list(deeds)

    def stopping() -> bool:
        if rest:
            rest.pop(0)()
        return not rest

    return stopping


def nothing() -> None:
    return None


def test_the_bell_makes_the_folder_due_at_once(bell: Bell) -> None:
    add(bell)
    assert fetch_once().idles is True
    [folder] = idling.unwatched()
    seen: list[bool] = []
    deeds = [nothing, nothing, put_off, bell.ring, nothing, nothing, lambda: seen.append(row().due_at <= clock.now()), nothing]
    idling.watch(folder, stopping=script(*deeds))
    assert seen == [True] and "IDLE" in bell.heard
    found = row()
    assert (found.watcher, found.watched_until) == (None, None)


def test_before_it_listens_it_looks_once(bell: Bell) -> None:
    add(bell)
    fetch_once()
    put_off()
    seen: list[bool] = []
    idling.watch(idling.unwatched()[0], stopping=script(lambda: seen.append(row().due_at <= clock.now()), nothing))
    assert seen == [True]


def test_idle_is_said_again_in_time(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert idling.RENEW < 29 * 60
    monkeypatch.setattr(idling, "RENEW", 0.0)
    add(bell)
    fetch_once()
    idling.watch(idling.unwatched()[0], stopping=script(*[nothing] * 6))
    assert bell.heard.count("IDLE") >= 3


def test_a_line_that_is_cut_ends_the_listening_and_polling_goes_on(bell: Bell) -> None:
    add(bell)
    fetch_once()
    put_off()
    idling.watch(idling.unwatched()[0], stopping=script(nothing, nothing, bell.cut, *[nothing] * 200))
    found = row()
    assert found.watcher is None and found.due_at <= clock.now()
    assert idling.unwatched() == []  # not at once again
    with clock.frozen(clock.now() + idling.AFTER_TROUBLE + timedelta(seconds=1)):
        assert idling.unwatched() == [found.id]


def test_a_changed_account_is_listened_to_no_more(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idling, "HOLD", 0.0)
    add(bell)
    fetch_once()

    def change() -> None:
        with unit_of_work():
            set_account(SYSTEM, "support", {"imap_password": "another"})

    asked: list[int] = []
    deeds = [nothing, nothing, change, *[lambda: asked.append(1)] * 200]
    idling.watch(idling.unwatched()[0], stopping=script(*deeds))
    assert len(asked) < 20
    assert row().idles is None  # the next visit asks the server anew


def test_without_it_the_folder_is_polled(bell: Bell) -> None:
    bell.deaf = True
    add(bell)
    assert fetch_once().idles is False and idling.unwatched() == []
    bell.deaf = False
    with clock.frozen(row().due_at):
        assert fetch_once().idles is True
    with unit_of_work():
        set_account(SYSTEM, "support", {"imap_idle": "no"})
    with clock.frozen(clock.now() + timedelta(minutes=10)):
        assert fetch_once().idles is True and idling.unwatched() == []


def test_a_watched_folder_is_visited_seldom_and_one_that_rang_meanwhile_at_once(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    add(bell)
    folder = fetch_once().id
    assert row().due_at - clock.now() < timedelta(seconds=21)
    assert idling._hold(folder, "me", first=True) and not idling._hold(folder, "you", first=True)
    fetching.fetch(folder, max_bytes=10**6)
    assert row().due_at - clock.now() > timedelta(minutes=4)
    real = fetching._empty

    def meanwhile(*given: object) -> None:
        real(*given)
        idling._ring(folder, "me")

    monkeypatch.setattr(fetching, "_empty", meanwhile)
    fetching.fetch(folder, max_bytes=10**6)
    assert row().due_at <= clock.now()


def test_the_bells_of_a_worker_that_is_gone_are_given_back(bell: Bell) -> None:
    add(bell)
    folder = fetch_once().id
    host = fetching.HOLDER.rpartition(":")[0]
    assert idling._hold(folder, f"{host}:999999999#1", first=True)
    put_off()
    fetching.release_vanished()
    assert row().watcher is None and row().due_at <= clock.now()
    assert idling._hold(folder, "elsewhere:999999999#1", first=True)
    fetching.release_vanished()
    assert row().watcher == "elsewhere:999999999#1"


def test_folders_are_taken_in_the_order_in_which_they_wait(app: Flask) -> None:
    one = Played()
    add(one)
    with unit_of_work():
        set_account(SYSTEM, "support", {"imap_folder": "A; B；C; A"})
    fetching.due_folders()
    session().rollback()
    names = {r.folder: r.id for r in session().scalars(select(MailFolder))}
    assert set(names) == {"A", "B", "C"}
    with unit_of_work() as s:
        for minutes, name in ((1, "B"), (3, "C"), (2, "A")):
            s.execute(update(MailFolder).where(MailFolder.folder == name).values(due_at=clock.now() - timedelta(minutes=minutes)))
    assert fetching.due_folders() == [names["C"], names["A"], names["B"]]
    one.stop()
