"""The mail server is killed in the middle of a fetch, and while we wait for it to tell of new mails (IDLE): nothing is lost,
nothing comes twice, and it goes on by itself when the server is back. On a Dovecot that belongs to the test."""

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.core import clock
from app.core.db import db, session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import fetching, idling, receiving
from channels.accounts import add_account
from channels.models import MailFolder, Message
from scripts import services
from tests.channels_live.conftest import place
from tests.channels_live.test_round_trip import until
from tests.service.channels.test_receiving import mail


class Killable:
    """A mail server that can be killed and started again where it stood."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ports = folder, None
        self._open: AbstractContextManager[tuple[str, str]] | None = None
        self.start()

    def start(self) -> None:
        self._open = services.imap(self.folder, self.ports)
        imap, lmtp = self._open.__enter__()
        self.ports = {"imap": place(imap)[1], "lmtp": place(lmtp)[1]}

    def kill(self) -> None:
        """All of it at once, as when the power goes."""
        assert self._open is not None
        master = int((self.folder / "run" / "master.pid").read_text())
        os.killpg(os.getpgid(master), signal.SIGKILL)
        self._open.__exit__(None, None, None)
        self._open = None
        shutil.rmtree(self.folder / "run")

    def stop(self) -> None:
        if self._open is not None:
            self._open.__exit__(None, None, None)


@pytest.fixture
def killable(app: Flask) -> Iterator[Killable]:
    if not services.have("imap"):
        pytest.skip("no Dovecot on this machine")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="huiyin-killed-", ignore_cleanup_errors=True)))
        if user := services._user():
            os.chown(folder, user["user"], user["group"])  # type: ignore[arg-type]
        made = Killable(folder)
        stack.callback(made.stop)
        yield made


def add(server: Killable, **more: str) -> None:
    assert server.ports is not None
    with unit_of_work():
        add_account(SYSTEM, "email", "support", {
            "address": "support@hengchuan.example", "imap_host": "127.0.0.1", "imap_port": str(server.ports["imap"]),
            "imap_security": "plain", "imap_password": services.MAIL_PASSWORD, **more,
        })  # fmt: skip


def deliver(server: Killable, first: int, last: int) -> None:
    import smtplib

    assert server.ports is not None
    with smtplib.LMTP("127.0.0.1", server.ports["lmtp"]) as post:
        for number in range(first, last):
            raw = mail(message_id=f"<{number}@chenghu.example>", subject=f"第 {number} 封")
            assert post.sendmail("wang@chenghu.example", ["support@hengchuan.example"], raw) == {}


def visit() -> MailFolder:
    fetching.due_folders()
    for folder_id in fetching.due_folders():
        fetching.fetch(folder_id, max_bytes=10**6)
    return row()


def row() -> MailFolder:
    session().rollback()
    return session().scalars(select(MailFolder)).one()


def taken() -> list[str]:
    session().rollback()
    return sorted(session().scalars(select(Message.subject)))


def test_killed_in_mid_fetch(killable: Killable, monkeypatch: pytest.MonkeyPatch) -> None:
    add(killable, imap_processed_folder="Processed")
    deliver(killable, 0, 12)
    count = 0

    def with_a_blow(*given: Any, **more: Any) -> receiving.Outcome:
        nonlocal count
        count += 1
        if count == 5:
            killable.kill()
        return receiving.accept(*given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "accept", with_a_blow)
        found = visit()
    assert found.error is not None and found.holder is None and len(taken()) == 5
    with clock.frozen(found.due_at):
        assert visit().failures == 2  # nobody is there
    killable.start()
    with clock.frozen(row().due_at):
        assert visit().error is None
    assert taken() == sorted(f"第 {n} 封" for n in range(12))


def test_killed_in_idle(app: Flask, killable: Killable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idling, "STEP", 0.1)
    add(killable)
    deliver(killable, 0, 1)
    assert visit().idles is True
    stop = threading.Event()

    def listen() -> None:
        with app.app_context():
            idling.watch(idling.unwatched()[0], stopping=stop.is_set)
            db.session.remove()

    def listener() -> threading.Thread:
        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        until(lambda: row().watcher is not None and row().due_at <= clock.now())
        put_off()
        return thread

    def put_off() -> None:
        with unit_of_work() as s:
            s.execute(update(MailFolder).values(due_at=clock.now().replace(year=2100)))

    due: Callable[[], bool] = lambda: row().due_at <= clock.now()  # noqa: E731
    thread = listener()
    deliver(killable, 1, 2)
    until(due)
    assert visit().error is None and taken() == ["第 0 封", "第 1 封"]
    put_off()
    killable.kill()
    thread.join(20)
    assert not thread.is_alive() and row().watcher is None and due()
    assert visit().error is not None
    killable.start()
    deliver(killable, 2, 4)
    with clock.frozen(row().due_at):
        assert visit().error is None
    assert taken() == [f"第 {n} 封" for n in range(4)]
    with unit_of_work() as s:
        s.execute(update(MailFolder).values(watched_until=None))
    thread = listener()
    began = time.monotonic()
    stop.set()
    thread.join(10)
    assert not thread.is_alive() and time.monotonic() - began < 5
