"""Answers leave by SMTP once, under an id that was stored before; what failed or is unknown says so."""

import email
import email.policy
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select

from app.core import clock, files, outbox
from app.core.db import session
from app.core.errors import Invalid, Refused
from app.core.events import DEAD, DONE, DUE, UNDECIDED, OutboxRow
from app.core.files import store_file
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import receiving
from channels.accounts import add_account, set_account
from channels.models import Conversation, Message
from channels.sending import queue_message, send_again
from tests.service.channels.test_receiving import mail


class Server:
    """An SMTP server that answers as it is told: a reply line, or None to drop the line after the final dot."""

    def __init__(self) -> None:
        self.answers: list[str | None] = []
        self.taken: list[Any] = []
        self.rejected: set[str] = set()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.rejected:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer is None:
            server.transport.abort()
            return "250 never heard"
        if answer.startswith("250"):
            self.taken.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return answer


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


@pytest.fixture
def conversation(app, smtp, drain) -> Conversation:
    settings = {
        "address": "support@hengchuan.example",
        "name": "衡川服务台",
        "smtp_host": "127.0.0.1",
        "smtp_port": str(smtp[1]),
        "signature": "衡川服务台 400",
    }
    with unit_of_work():
        account = add_account(SYSTEM, "email", "support", settings).id
    receiving.accept(account, mail(References="<first@chenghu.example>"))
    drain()
    return session().scalars(select(Conversation)).one()


def write(conversation: Conversation, text: str = "请停机断电，等十分钟再查风扇。", actor: Any = SYSTEM) -> int:
    with unit_of_work() as s:
        return queue_message(actor, s.get_one(Conversation, conversation.id), text).id


def message(message_id: int) -> Message:
    session().rollback()
    return session().get_one(Message, message_id)


def row() -> OutboxRow:
    session().rollback()
    return session().scalars(select(OutboxRow).where(OutboxRow.reaction == "deliver_message")).one()


def test_an_answer_leaves_threaded_with_the_history(conversation, smtp, drain):
    message_id = write(conversation)
    stored = message(message_id).external_id
    drain()
    sent = smtp[0].taken[0]
    assert message(message_id).state == "sent"
    assert sent["Message-ID"] == f"<{stored}>"
    assert sent["In-Reply-To"] == "<a1@chenghu.example>"
    assert sent["Subject"] == f"Re: [#{conversation.token}] 变频器跳E07"
    assert sent["To"].addresses[0].addr_spec == "wang@chenghu.example"
    text = sent.get_body(("plain",)).get_content()
    assert "请停机断电" in text and "衡川服务台 400" in text and "夏天一到下午就停" in text


def test_a_second_answer_refers_to_the_whole_thread(conversation, smtp, drain):
    first = write(conversation)
    drain()
    write(conversation, "还有一点。")
    drain()
    references = smtp[0].taken[1]["References"].split()
    assert references[-1] == "<a1@chenghu.example>"
    assert f"<{message(first).external_id}>" in references


@pytest.mark.parametrize("answer", ["451 try later", "421 busy"])
def test_a_passing_failure_is_tried_again(conversation, smtp, drain, answer):
    smtp[0].answers = [answer]
    message_id = write(conversation)
    drain()
    assert (message(message_id).state, row().state) == ("queued", DUE)
    assert answer[:3] in message(message_id).error
    with clock.frozen(row().due_at):
        drain()
    assert (message(message_id).state, row().state, len(smtp[0].taken)) == ("sent", DONE, 1)


def test_a_final_refusal_is_shown_and_not_repeated(conversation, smtp, drain):
    smtp[0].answers = ["554 spam"]
    message_id = write(conversation)
    drain()
    assert message(message_id).state == "failed" and "554" in message(message_id).error
    assert row().state == DONE


def test_an_unknown_recipient_is_final(conversation, smtp, drain):
    smtp[0].rejected.add("wang@chenghu.example")
    message_id = write(conversation)
    drain()
    assert message(message_id).state == "failed" and "550" in message(message_id).error


def test_a_line_that_breaks_after_the_final_dot_is_undecided(conversation, smtp, drain):
    smtp[0].answers = [None]
    message_id = write(conversation)
    drain()
    assert (message(message_id).state, row().state) == ("undecided", UNDECIDED)
    assert drain() == 0 and smtp[0].taken == []
    with unit_of_work():
        send_again(SYSTEM, message_id)
    drain()
    assert message(message_id).state == "sent" and len(smtp[0].taken) == 1


def test_no_server_is_tried_again_and_at_last_shown_as_failed(conversation, drain):
    with unit_of_work():
        set_account(SYSTEM, "support", {"smtp_port": "9"})
    message_id = write(conversation)
    with clock.frozen(clock.now()):
        for _ in range(outbox_attempts := 3):
            outbox.drain(max_attempts=outbox_attempts)
            if row().state == DUE:
                clock.advance(row().due_at - clock.now())
    assert message(message_id).state == "failed" and "连不上" in message(message_id).error
    assert row().state in (DONE, DEAD)


def test_a_worker_that_died_while_sending_leaves_it_undecided(conversation, smtp, drain):
    message_id = write(conversation)
    with unit_of_work() as s:
        s.get_one(Message, message_id).state = "sending"
    drain()
    assert (message(message_id).state, row().state) == ("undecided", UNDECIDED)
    assert smtp[0].taken == []


def test_a_bounce_shows_at_the_message_that_came_back(conversation, smtp, drain):
    message_id = write(conversation)
    drain()
    returned = (
        "From: MAILER-DAEMON@mx.chenghu.example\r\nTo: support@hengchuan.example\r\nSubject: Undelivered\r\n"
        "Message-ID: <bounce1@mx.chenghu.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nsorry\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
        "Final-Recipient: rfc822; wang@chenghu.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <{message(message_id).external_id}>\r\n\r\nx\r\n--b--\r\n"
    ).encode()
    receiving.accept(conversation.account_id, returned)
    drain()
    back = message(message_id)
    assert back.state == "failed" and "5.1.1" in back.error
    assert session().scalars(select(Conversation)).one().id == conversation.id


def test_nothing_to_say_and_nobody_to_say_it_to_are_refused(conversation):
    with pytest.raises(Invalid):
        write(conversation, "  ")
    with unit_of_work() as s:
        found = s.get_one(Conversation, conversation.id)
        found.account.active = False
    with pytest.raises(Refused):
        write(conversation)


def test_a_lost_attachment_is_a_failure_and_not_undecided(conversation, smtp, drain):
    with unit_of_work() as s:
        file = store_file(b"%PDF-", "a.pdf", "application/pdf")
        message_id = queue_message(SYSTEM, s.get_one(Conversation, conversation.id), "见附件。", files=[file]).id
        files._path(file.sha256).unlink()
    drain()
    assert (message(message_id).state, row().state) == ("queued", DUE)
    with clock.frozen(row().due_at):
        outbox.drain(max_attempts=2)
    assert (message(message_id).state, row().state, smtp[0].taken) == ("failed", DEAD, [])
