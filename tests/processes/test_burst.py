"""`kill -9` in the middle of a burst: every row is done exactly once, no mail is sent twice, none is lost in silence."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import create_engine, func, select, text

from app import doctor
from app.config import Settings
from app.core import migrate
from app.core.db import db, session
from app.core.events import DONE, UNDECIDED, OutboxRow
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.factory import create_app
from channels import receiving
from channels.accounts import add_account
from channels.models import Conversation, Message
from channels.sending import queue_message
from tests.processes.conftest import ROOT, free_port, until
from workflows.models import Ticket

MAILS = 40
POSTGRES = os.environ.get("HUIYIN_TEST_POSTGRES_URL", "")
REDIS = os.environ.get("HUIYIN_TEST_REDIS_URL", "")


class Letterbox:
    """An SMTP server that takes its time and counts what it took, by Message-ID."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        head = envelope.content.decode("utf-8", "replace")
        found = [line for line in head.splitlines() if line.lower().startswith("message-id:")]
        self.taken[found[0].partition(":")[2].strip(" <>")] += 1
        return "250 taken"


@pytest.fixture
def letterbox() -> Iterator[tuple[Letterbox, int]]:
    box, port = Letterbox(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """A migrated house on each database, without any process."""
    if request.param == "sqlite":
        settings = Settings(data_dir=tmp_path, secret_key="k" * 40)
    else:
        if not POSTGRES:
            pytest.skip("no PostgreSQL: HUIYIN_TEST_POSTGRES_URL is not set")
        name = f"huiyin_{secrets.token_hex(6)}"
        server = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        server.dispose()
        url = POSTGRES.rsplit("/", 1)[0] + f"/{name}"
        settings = Settings(data_dir=tmp_path, secret_key="k" * 40, database_url=url)
    app = create_app(settings)
    with app.app_context():
        migrate.upgrade(db.engine)
        yield settings
        db.session.remove()
        db.engine.dispose()


def mail(number: int) -> bytes:
    return (
        f"From: c{number}@chenghu.example\r\nTo: support@hengchuan.example\r\nSubject: E07 {number}\r\n"
        f"Message-ID: <m{number}@chenghu.example>\r\n\r\nfan stopped {number}\r\n"
    ).encode()


def worker(settings: Settings) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "HUIYIN_DATA_DIR": str(settings.data_dir),
        "HUIYIN_SECRET_KEY": settings.secret_key,
        "HUIYIN_DATABASE_URL": settings.database_url,
        "HUIYIN_REDIS_URL": settings.redis_url,
        "HUIYIN_LOG_LEVEL": "ERROR",
    }
    return subprocess.Popen([sys.executable, "-m", "flask", "worker"], cwd=ROOT, env=environment)


def kill_until(settings: Settings, finished: Callable[[], bool], progress: Callable[[], int], kills: int = 3) -> None:
    """Start workers, kill the first ones as soon as they have done a little more, let the last one finish."""
    for _ in range(kills):
        before = progress()
        process = worker(settings)
        try:
            until(lambda before=before: progress() > before + 3 or finished(), 40)
        finally:
            process.kill()
            process.wait()
    process = worker(settings)
    try:
        until(finished, 60)
        time.sleep(0.3)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


def count(model: Any, *where: Any) -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(model).where(*where)) or 0


def test_each_mail_becomes_one_ticket(house: Settings) -> None:
    with unit_of_work():
        account = add_account(SYSTEM, "email", "support", {"address": "support@hengchuan.example"}).id
    for number in range(MAILS):
        assert receiving.accept(account, mail(number)).state == "imported"
    kill_until(house, lambda: count(OutboxRow, OutboxRow.state != DONE) == 0, lambda: count(Ticket))
    assert count(Ticket) == MAILS
    assert count(Conversation, Conversation.token.is_not(None)) == MAILS


def test_each_answer_leaves_once_or_is_undecided(house: Settings, letterbox: tuple[Letterbox, int]) -> None:
    box, port = letterbox
    with unit_of_work():
        settings = {"address": "support@hengchuan.example", "smtp_host": "127.0.0.1", "smtp_port": str(port)}
        account = add_account(SYSTEM, "email", "support", settings).id
    for number in range(MAILS):
        receiving.accept(account, mail(number))
    session().rollback()
    for conversation_id in session().scalars(select(Conversation.id)).all():
        with unit_of_work() as s:
            queue_message(SYSTEM, s.get_one(Conversation, conversation_id), "请停机断电，等十分钟再查风扇。")
    settled = (DONE, UNDECIDED)
    kill_until(
        house, lambda: count(OutboxRow, OutboxRow.state.not_in(settled)) == 0, lambda: len(box.taken), kills=4
    )
    session().rollback()
    states = dict(session().execute(select(Message.external_id, Message.state).where(Message.direction == "out")).all())
    assert len(states) == MAILS
    assert max(box.taken.values()) == 1, "a mail was sent twice"
    for external_id, state in states.items():
        assert state in ("sent", "undecided")
        if state == "sent":
            assert box.taken[external_id] == 1
    assert count(OutboxRow, OutboxRow.state == UNDECIDED) == sum(s == "undecided" for s in states.values())


def test_redis_hands_work_over_too(tmp_path: Path) -> None:
    """Where several machines work, the poke travels by Redis; the table stays the queue of record."""
    if not REDIS:
        pytest.skip("no Redis: HUIYIN_TEST_REDIS_URL is not set")
    settings = Settings(data_dir=tmp_path, secret_key="k" * 40, redis_url=REDIS)
    app = create_app(settings)
    with app.app_context():
        migrate.upgrade(db.engine)
        process = worker(settings)
        try:
            with unit_of_work():
                account = add_account(SYSTEM, "email", "support", {"address": "support@hengchuan.example"}).id
            receiving.accept(account, mail(1))
            until(lambda: count(Ticket) == 1, 40)
            assert next(c for c in doctor.examine(app) if c["name"] == "redis")["ok"]
            assert not list(tmp_path.glob("pokes*"))
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0
            db.session.remove()
            db.engine.dispose()
