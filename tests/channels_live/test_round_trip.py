"""The whole way: a mail by LMTP, fetched, a ticket, an agent's answer over SMTP, the customer's answer to it back by
LMTP, the same ticket. And the same with a worker that is killed in the middle."""



import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import func, select

from app.core import clock
from app.core.db import session
from app.core.uow import unit_of_work
from channels.models import Conversation, MailFolder, Message, RawPayload
from channels.sending import queue_message
from tests.channels_live.conftest import row
from tests.conftest import on_postgres
from tests.service.channels.test_receiving import mail
from tests.service.channels.test_sending import Server
from workflows.models import Ticket

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def smtp() -> Iterator[tuple[Server, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    handler = Server()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, port
    controller.stop()


def answer_to(letter: Any, text: str) -> bytes:
    """What the customer's mail program makes of "reply"."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = letter["To"], letter["From"], f"回复：{letter['Subject']}"
    made["Message-ID"] = "<customer-answer@chenghu.example>"
    made["In-Reply-To"] = letter["Message-ID"]
    made["References"] = f"{letter['References'] or ''} {letter['Message-ID']}".strip()
    made.set_content(f"{text}\n\n在 2026年3月2日，{letter['From']} 写道：\n> 请停机断电。\n")
    return made.as_bytes()


def test_there_and_back_again(mailbox, account, visit, drain, smtp, actor):
    account(smtp_host="127.0.0.1", smtp_port=str(smtp[1]), imap_processed_folder="Processed")
    mailbox.deliver(mail())
    visit()
    drain()
    ticket = session().scalars(select(Ticket)).one()
    with unit_of_work() as s:
        queue_message(actor("agent"), s.scalars(select(Conversation)).one(), "请停机断电，等十分钟再查风扇。")
    drain()
    letter = smtp[0].taken[0]
    assert letter["In-Reply-To"] == "<a1@chenghu.example>" and f"[#{ticket.number}]" in letter["Subject"]
    mailbox.deliver(answer_to(letter, "风扇确实不转，换了就好。"))
    with clock.frozen(row().due_at):
        visit()
    drain()
    session().rollback()
    assert session().scalar(select(func.count()).select_from(Ticket)) == 1
    last = session().scalars(select(Message).order_by(Message.id.desc())).first()
    assert (last.placed, last.visible_text.strip()) == ("in_reply_to", "风扇确实不转，换了就好。")
    assert mailbox.count("Processed") == 2


def until(true: Callable[[], Any], seconds: float = 40.0) -> Any:
    limit = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.02)
    return value


def taken() -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(RawPayload)) or 0


@pytest.mark.skipif(on_postgres(), reason="optional: the worker of this test reads SQLite")
def test_a_worker_killed_in_mid_fetch(mailbox, account, settings):
    """`kill -9` some way into forty mails, twice: the next worker goes on, nothing is lost, nothing comes twice."""
    for number in range(40):
        mailbox.deliver(mail(message_id=f"<k{number}@chenghu.example>", subject=f"第 {number} 封"))
    account(imap_processed_folder="Processed", imap_poll_seconds="5")
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HUIYIN_")}
    environment = {
        **clean, "HUIYIN_DATA_DIR": str(settings.data_dir), "HUIYIN_SECRET_KEY": settings.secret_key, "FLASK_APP": "wsgi:app",
    }  # fmt: skip
    command = [sys.executable, "-m", "flask", "worker"]

    def worker() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    for wanted in (3, 15):
        process = worker()
        try:
            until(lambda wanted=wanted: taken() >= wanted)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        assert taken() < 40
    process = worker()
    try:
        until(lambda: mailbox.count("Processed") == 40)
        until(lambda: session().rollback() or session().scalar(select(MailFolder.last_uid)) == 40)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    session().rollback()
    subjects = session().scalars(select(Message.subject)).all()
    assert sorted(subjects) == sorted(f"第 {n} 封" for n in range(40))
    assert mailbox.count() == 0


@pytest.mark.skipif(on_postgres(), reason="optional: the worker of this test reads SQLite")
def test_a_worker_that_is_told_of_mails_stops_in_time(mailbox, account, settings):
    """With IDLE a mail is there at once although the next look is an hour away; waiting for the server holds up no stop."""
    account(imap_poll_seconds="3600")
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HUIYIN_")}
    environment = {
        **clean, "HUIYIN_DATA_DIR": str(settings.data_dir), "HUIYIN_SECRET_KEY": settings.secret_key, "FLASK_APP": "wsgi:app",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "worker"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        until(lambda: session().rollback() or session().scalar(select(MailFolder.watcher)))
        until(lambda: session().rollback() or session().scalar(select(MailFolder.due_at)) > clock.now())
        mailbox.deliver(mail())
        until(lambda: taken() == 1, seconds=20)
    finally:
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    assert time.monotonic() - began < 10  # a wait for the server would take thirty; five are promised on a machine that is not full
