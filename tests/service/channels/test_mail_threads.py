"""An answer finds home by the signed address when every other trace is gone, and a report of delivery finds its mail."""

from collections.abc import Callable
from email.message import EmailMessage

import pytest
from flask import Flask
from sqlalchemy import select

from app.core import sealing
from app.core.db import session
from app.core.people import Identity
from app.core.permissions import SYSTEM
from app.core.text import unpack
from app.core.uow import unit_of_work
from channels import receiving
from channels.accounts import add_account
from channels.mail.plus import reply_address, token_in
from channels.models import Conversation, Message
from channels.sending import queue_message
from tests.service.channels.test_receiving import mail
from tests.service.channels.test_sending import Server, smtp
from workflows.models import Ticket

__all__ = ["smtp"]
US = "support@hengchuan.example"


@pytest.fixture
def account(app: Flask, smtp: tuple[Server, int]) -> int:
    with unit_of_work():
        return add_account(SYSTEM, "email", "support", {
            "address": US, "smtp_host": "127.0.0.1", "smtp_port": str(smtp[1]), "plus_addresses": "yes",
        }).id  # fmt: skip


@pytest.fixture
def letter(account: int, smtp: tuple[Server, int], drain: Callable[[], None]) -> EmailMessage:
    """What the customer got as the answer to a first mail."""
    receiving.accept(account, mail())
    drain()
    with unit_of_work() as s:
        queue_message(SYSTEM, s.scalars(select(Conversation)).one(), "请停机断电。")
    drain()
    found: EmailMessage = smtp[0].taken[0]
    return found


def last() -> Message:
    session().rollback()
    return session().scalars(select(Message).order_by(Message.id.desc()).limit(1)).one()


def tickets() -> int:
    session().rollback()
    return len(session().scalars(select(Ticket)).all())


def back(to: str, **given: str) -> bytes:
    raw = mail(message_id="<back@chenghu.example>", subject="完全不同的主题", text="风扇换了。", **given)
    return raw.replace(f"To: {US}".encode(), f"To: {to}".encode())


def test_an_answer_to_the_address_alone_joins_whatever_its_subject(account: int, letter: EmailMessage, drain: Callable[[], None]) -> None:
    address = letter["Reply-To"].addresses[0].addr_spec
    assert address.startswith("support+t") and len(address.partition("@")[0]) <= 64
    receiving.accept(account, back(address.upper()))
    drain()
    assert (last().placed, tickets()) == ("reply_address", 1)


@pytest.mark.parametrize("name", ["Cc", "Delivered-To", "X-Original-To"])
def test_the_address_is_read_wherever_a_server_puts_it(account: int, letter: EmailMessage, drain: Callable[[], None], name: str) -> None:
    receiving.accept(account, back(US, **{name.replace("-", "_"): letter["Reply-To"].addresses[0].addr_spec}))
    drain()
    assert last().placed == "reply_address"


def test_whoever_guesses_joins_nothing(account: int, letter: EmailMessage, drain: Callable[[], None]) -> None:
    address = letter["Reply-To"].addresses[0].addr_spec
    number = session().scalars(select(Ticket.number)).one()
    signed = address.partition(".")[2].partition("@")[0]
    other = "a" if signed[0] != "a" else "b"
    for position, wrong in enumerate((
        address.replace(signed, other + signed[1:]), f"support+t{number}@hengchuan.example",
        address.replace(f"t{number}", f"t{number + 1}"), address.replace("support+", "sales+"), address.replace("hengchuan", "evil"),
    )):  # fmt: skip
        receiving.accept(account, back(wrong, sender="eve@evil.example").replace(b"<back@", f"<back{position}@".encode()))
        drain()
        assert last().placed == "new"


def test_a_colleague_elsewhere_with_the_address_joins_as_a_stranger(account: int, letter: EmailMessage, drain: Callable[[], None]) -> None:
    receiving.accept(account, back(letter["Reply-To"].addresses[0].addr_spec, sender="sun@integrator.example", Reply_To="eve@evil.example"))
    drain()
    assert (last().placed, last().to_address, tickets()) == ("stranger_in_thread", None, 1)


def test_an_empty_id_joins_nothing(account: int, letter: EmailMessage, drain: Callable[[], None]) -> None:
    for number, value in enumerate(("<>", " ", "<", ">", "< >")):
        raw = mail(message_id=f"<e{number}@evil.example>", sender="eve@evil.example", subject="x", In_Reply_To=value, References=value)
        receiving.accept(account, raw)
        drain()
        assert last().placed == "new"


def test_a_stranger_who_quotes_the_number_is_proposed_not_joined(account: int, letter: EmailMessage, drain: Callable[[], None]) -> None:
    number = session().scalars(select(Ticket.number)).one()
    receiving.accept(account, mail(message_id="<s@evil.example>", sender="eve@evil.example", subject=f"Re: [#{number}] x"))
    drain()
    assert (last().placed, last().meta.get("proposed"), tickets()) == ("stranger_with_token", str(number), 2)


def test_a_mark_of_another_house_or_mailbox_is_nothing(app: Flask) -> None:
    made = reply_address(US, "1024")
    assert made and token_in(US, [made]) == "1024" and token_in("sales@hengchuan.example", [made]) is None
    sealing.use_key("another house")
    assert token_in(US, [made]) is None
    assert reply_address("a+b@x.example", "1") is None and reply_address("a" * 60 + "@x.example", "1") is None
    assert reply_address(US, "编号") is None and reply_address("nowhere", "1") is None


def report(letter: EmailMessage, action: str, status: str, said: str = "smtp; 550 5.1.1 no such user") -> bytes:
    """What a mail server tells of a mail of ours (RFC 3464)."""
    return (
        "Return-Path: <>\nFrom: Mail Delivery <MAILER-DAEMON@mx.chenghu.example>\n"
        f"To: {US}\nSubject: Delivery Status Notification\nMessage-ID: <{action}{status}@mx.chenghu.example>\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=r\n\n--r\nContent-Type: text/plain\n\nSorry.\n"
        "--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.chenghu.example\n\n"
        f"Final-Recipient: rfc822; wang@chenghu.example\nAction: {action}\nStatus: {status}\nDiagnostic-Code: {said}\n\n"
        f"--r\nContent-Type: text/rfc822-headers\n\nMessage-ID: {letter['Message-ID']}\nSubject: x\n\n--r--\n"
    ).encode()


def ours() -> Message:
    session().rollback()
    return session().scalars(select(Message).where(Message.direction == "out")).one()


def test_a_bounce_stands_at_the_mail_in_words_and_the_address_counts_as_dead(account: int, letter: EmailMessage, drain: Callable[[], None]) -> None:
    receiving.accept(account, report(letter, "failed", "5.1.1"))
    drain()
    assert (ours().state, last().placed, last().is_bounce, tickets()) == ("failed", "returned", True, 1)
    assert unpack(ours().error or "").startswith("对方邮箱不存在（5.1.1 wang@chenghu.example 550 5.1.1 no such user")
    assert ours().meta["returned"]["soft"] is False
    who = select(Identity).where(Identity.value == "wang@chenghu.example")
    assert session().scalars(who).one().reachable is False
    receiving.accept(account, mail(message_id="<again@chenghu.example>", text="我的邮箱又好了"))
    drain()
    session().rollback()
    assert session().scalars(who).one().reachable is True


def test_a_full_mailbox_is_a_bounce_that_may_pass(account: int, letter: EmailMessage, drain: Callable[[], None]) -> None:
    receiving.accept(account, report(letter, "failed", "4.2.2", "smtp; 452 over quota"))
    drain()
    assert ours().state == "failed" and "已满" in unpack(ours().error or "") and "稍后重发" in unpack(ours().error or "")
    assert ours().meta["returned"]["soft"] is True
    assert session().scalars(select(Identity).where(Identity.value == "wang@chenghu.example")).one().reachable is True


def test_a_delay_is_no_bounce_and_is_shown(account: int, letter: EmailMessage, drain: Callable[[], None]) -> None:
    receiving.accept(account, report(letter, "delayed", "4.4.1", "smtp; 421 busy"))
    drain()
    assert (ours().state, ours().error) == ("sent", None)
    assert "还在继续投递" in unpack(ours().meta["delayed"]["reason"])
    assert (last().is_bounce, last().is_auto, last().placed, tickets()) == (False, True, "returned", 1)


def test_a_receipt_says_that_it_arrived(account: int, letter: EmailMessage, drain: Callable[[], None]) -> None:
    receiving.accept(account, report(letter, "delivered", "2.1.5", ""))
    drain()
    assert ours().state == "sent" and ours().meta["delivered_at"]


def test_the_thread_is_referred_to_from_its_beginning(account: int, smtp: tuple[Server, int], drain: Callable[[], None]) -> None:
    receiving.accept(account, mail(message_id="<3@chenghu.example>", References="<1@chenghu.example> <2@chenghu.example>", In_Reply_To="<2@chenghu.example>"))
    drain()
    with unit_of_work() as s:
        queue_message(SYSTEM, s.scalars(select(Conversation)).one(), "好")
    drain()
    sent = smtp[0].taken[0]
    assert sent["In-Reply-To"] == "<3@chenghu.example>"
    assert sent["References"].split() == ["<1@chenghu.example>", "<2@chenghu.example>", "<3@chenghu.example>"]
    assert (sent["Auto-Submitted"], "OOF" in sent["X-Auto-Response-Suppress"]) == ("auto-generated", True)
