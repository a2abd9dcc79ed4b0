"""Web chat by mail: answers that nobody saw, as one letter, whose reply comes back to the ticket; and the transcript."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.chat import letters as chat_letters
from app.core import clock
from app.core.db import session
from app.core.events import record
from app.core.files import store_file
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.replies import reply
from channels import receiving, visitors
from channels.accounts import add_account, set_account
from channels.chat_ends import end_chat
from channels.email import EmailChannel
from channels.events import TranscriptAsked
from channels.models import Account, Conversation, Message
from channels.visitors import Visitor
from channels.webchat import external_id, packed
from workflows.models import Ticket, TicketConversation

MAILBOX = {"address": "support@hengchuan.example", "smtp_host": "127.0.0.1"}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would have left by SMTP."""
    found: list[Any] = []
    monkeypatch.setattr(EmailChannel, "send", lambda self, account, message: found.append(message))
    return found


@pytest.fixture
def chat(app: Flask, drain: Any) -> Callable[..., tuple[Visitor, Ticket]]:
    """A visitor with a mail address who asked something."""
    with unit_of_work():
        add_account(SYSTEM, "email", "support", MAILBOX)
        account_id = add_account(SYSTEM, "webchat", "portal", {"title": "在线客服"}).id

    def begin(email: str = "wang@chenghu.example", language: str = "zh") -> tuple[Visitor, Ticket]:
        with unit_of_work() as s:
            visitor, _token = visitors.meet(s.get_one(Account, account_id), language)
            visitor.email, visitor.name = email, "王工"
            key = visitor.key
        receiving.accept_now(account_id, packed(key, "m1", "变频器报 E07", name="王工"), dedup_key=external_id(key, "m1"))
        with unit_of_work() as s:
            visitors.introduce(s.get_one(Visitor, visitor.id))
        drain()
        return visitor, session().scalars(select(Ticket).order_by(Ticket.id.desc())).first()  # type: ignore[return-value]

    return begin


def answer(actor: Any, ticket: Ticket, text: str, **given: Any) -> Message:
    with unit_of_work() as s:
        rows = select(Conversation).join(Account).where(Account.kind == "webchat").order_by(Conversation.id.desc())
        return reply(actor("agent"), s.get_one(Ticket, ticket.id), s.scalars(rows).first(), text, **given)  # type: ignore[arg-type]


def later(minutes: float) -> Any:
    return clock.frozen(clock.now() + timedelta(minutes=minutes))


def test_answers_that_were_not_seen_go_out_as_one_mail(chat: Any, actor: Any, drain: Any, sent: list[Any]) -> None:
    _visitor, ticket = chat()
    answer(actor, ticket, "先断电一分钟")
    with unit_of_work():
        paper = store_file(b"%PDF-1.7", "E07.pdf", "application/pdf")
    answer(actor, ticket, "再看参数 P0.03", files=[paper])
    drain()
    with later(9):
        drain()
    assert sent == [], "not before its time"
    with later(11):
        drain()
        drain()
    (mail,) = sent
    assert mail.to == "wang@chenghu.example" and mail.token == str(ticket.number) and not mail.is_auto
    assert mail.text.startswith("王工好：") and mail.text.index("先断电一分钟") < mail.text.index("再看参数 P0.03") < mail.text.index("变频器报 E07")
    assert [f.name for f in mail.files] == ["E07.pdf"] and "变频器报 E07" in mail.subject
    with later(200):
        drain()
    assert len(sent) == 1, "each answer once"


def test_the_reply_to_it_comes_back_to_the_same_ticket(chat: Any, actor: Any, drain: Any, sent: list[Any]) -> None:
    visitor, ticket = chat()
    answer(actor, ticket, "先断电一分钟")
    drain()
    with later(11):
        drain()
    mailbox = session().scalars(select(Account).where(Account.kind == "email")).one()
    raw = (
        f"From: wang@chenghu.example\r\nTo: support@hengchuan.example\r\nSubject: Re: x\r\nMessage-ID: <r1@chenghu.example>\r\n"
        f"In-Reply-To: <{sent[0].external_id}>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n断电后好了，但又报 E08\r\n"
    )
    receiving.accept(mailbox.id, raw.encode())
    drain()
    assert session().scalars(select(Ticket.id)).all() == [ticket.id]
    linked = session().scalars(select(TicketConversation.conversation_id).where(TicketConversation.ticket_id == ticket.id)).all()
    said = session().scalars(select(Message.visible_text).where(Message.conversation_id.in_(linked), Message.direction == "in")).all()
    assert "断电后好了，但又报 E08" in said[-1] and len(linked) == 2
    assert [m.visible_text for m in visitors.heard_by_visitor(visitors.conversation_of(visitor).id)] == ["变频器报 E07", "先断电一分钟"]  # type: ignore[union-attr]
    with later(60):
        answer(actor, ticket, "换一块驱动板")
        drain()
    with later(80):
        drain()
    assert len(session().scalars(select(TicketConversation.id)).all()) == 2, "the same mail conversation goes on"


def test_what_was_seen_is_not_mailed(chat: Any, actor: Any, drain: Any, sent: list[Any]) -> None:
    visitor, ticket = chat()
    message = answer(actor, ticket, "先断电一分钟")
    with unit_of_work() as s:
        visitors.visitor_saw(s.get_one(Visitor, visitor.id), s.get_one(Conversation, message.conversation_id), message.id)
    with later(11):
        drain()
    assert sent == []


def test_mails_keep_their_distance(chat: Any, actor: Any, drain: Any, sent: list[Any]) -> None:
    _visitor, ticket = chat()
    answer(actor, ticket, "第一条")
    drain()
    with later(11):
        drain()
        answer(actor, ticket, "第二条")
        drain()
    with later(25):
        drain()
        answer(actor, ticket, "第三条")
        drain()
    assert len(sent) == 1
    with later(45):
        drain()
    assert len(sent) == 2 and "第二条" in sent[1].text and "第三条" in sent[1].text


@pytest.mark.parametrize("off", [{"offline_minutes": "0"}])
def test_it_can_be_switched_off(chat: Any, actor: Any, drain: Any, sent: list[Any], off: dict[str, str]) -> None:
    _visitor, ticket = chat()
    with unit_of_work():
        set_account(SYSTEM, "portal", off)
    answer(actor, ticket, "先断电一分钟")
    drain()
    with later(600):
        drain()
    assert sent == []


def test_without_an_address_nothing_is_mailed(chat: Any, actor: Any, drain: Any, sent: list[Any]) -> None:
    _visitor, ticket = chat(email="")
    answer(actor, ticket, "先断电一分钟")
    drain()
    with later(600):
        drain()
    assert sent == []


def test_english_visitors_get_english_mail(chat: Any, actor: Any, drain: Any, sent: list[Any]) -> None:
    _visitor, ticket = chat(language="en")
    answer(actor, ticket, "Please switch it off for a minute.")
    drain()
    with later(11):
        drain()
    assert sent[0].text.startswith("Hello") and "Just reply to this mail" in sent[0].text and sent[0].subject.startswith("Answer to your question")


def test_the_transcript_says_who_said_what(chat: Any, actor: Any, drain: Any, sent: list[Any]) -> None:
    visitor, ticket = chat()
    answer(actor, ticket, "先断电一分钟")
    conversation = visitors.conversation_of(visitor)
    assert conversation is not None
    with unit_of_work():
        record(TranscriptAsked(conversation_id=conversation.id, to="wang@chenghu.example", language="zh", key="k"))
    drain()
    (mail,) = sent
    assert mail.to == "wang@chenghu.example" and mail.is_auto and mail.subject == "会话记录"
    assert mail.text.index("您 2") < mail.text.index("变频器报 E07") < mail.text.index("agent") < mail.text.index("先断电一分钟")


@pytest.mark.parametrize(("mode", "mails"), [("end", 1), ("ask", 0)])
def test_at_the_end_it_goes_by_itself_where_the_account_says_so(
    chat: Any, actor: Any, drain: Any, sent: list[Any], mode: str, mails: int
) -> None:
    visitor, ticket = chat()
    with unit_of_work():
        set_account(SYSTEM, "portal", {"transcript": mode})
    answer(actor, ticket, "先断电一分钟")
    with unit_of_work():
        conversation = visitors.conversation_of(visitor)
        assert conversation is not None and end_chat(actor("agent"), conversation) is not None
        assert end_chat(actor("agent"), conversation) is None
    drain()
    assert len(sent) == mails


def test_a_name_that_is_none_is_not_greeted() -> None:
    assert chat_letters._greeted("王 工") == "王 工" and chat_letters._greeted("win http://x.example now") == ""
