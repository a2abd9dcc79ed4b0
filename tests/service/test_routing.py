"""Which ticket a message belongs to, and when it becomes one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import talks
from app.core.catalogue import Product
from app.core.clock import frozen, now
from app.core.db import session
from app.core.installed_base import Device
from app.core.people import Organisation
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.queries.talks import waiting
from app.queries.tickets import with_last_words
from app.routing.facts import ticket_named
from app.small_talk import asks_for_person, only_greeting
from channels import receiving, webchat
from channels.accounts import add_account
from channels.models import Account, Conversation, Message, Session
from workflows import service as desk
from workflows.engine import take
from workflows.models import Ticket
from workflows.opening import open_ticket
from workflows.tickets import TICKET


class Line:
    """A visitor who writes, and what became of it."""

    def __init__(self, drain: Callable[[], Any]) -> None:
        with unit_of_work():
            self.account = add_account(SYSTEM, "webchat", "site", {}).id
        self.drain, self.count = drain, 0

    def says(self, text: str) -> Message:
        self.count += 1
        raw = webchat.packed("visitor-1", f"m{self.count}", text, name="王工")
        outcome = receiving.accept(self.account, raw, dedup_key=f"m{self.count}")
        self.drain()
        session().rollback()
        return session().get_one(Message, outcome.message_id)

    def ticket_of(self, message: Message) -> list[int]:
        return [t.number for t in desk.tickets_of_conversation(message.conversation_id) if t.state not in TICKET.ends]

    def more(self, message: Message, subject: str, **about: Any) -> Ticket:
        """Another open ticket of the same person, from another channel."""
        with unit_of_work():
            return open_ticket(SYSTEM, subject=subject, channel="email", contact=message.conversation.contact, **about)


@pytest.fixture
def line(app: Flask, drain: Callable[[], Any]) -> Line:
    return Line(drain)


def tickets() -> int:
    return session().scalar(select(func.count()).select_from(Ticket)) or 0


def said_by_desk(message: Message) -> list[Message]:
    rows = select(Message).where(Message.conversation_id == message.conversation_id, Message.direction == "out")
    return list(session().scalars(rows.order_by(Message.id)))


def test_a_greeting_opens_no_ticket_and_is_answered_once(line: Line) -> None:
    hello = line.says("你好，在吗？")
    line.says("有人吗")
    assert tickets() == 0 and hello.placed == "greeted" and len(said_by_desk(hello)) == 1
    line.says("变频器跳E07")
    assert tickets() == 1 and session().scalars(select(Ticket.subject)).one() == "变频器跳E07"


def test_thanks_on_a_line_without_a_ticket_open_nothing(line: Line) -> None:
    line.says("好的，谢谢")
    assert tickets() == 0


def test_who_asks_for_a_person_gets_a_ticket(line: Line) -> None:
    asked = line.says("你好 转人工")
    assert "转给同事" in said_by_desk(asked)[-1].text
    assert session().scalars(select(Ticket.subject)).one() == "请求人工服务"


def test_the_only_open_ticket_takes_a_message_of_another_channel(line: Line) -> None:
    first = line.says("你好")
    mine = line.more(first, "网关离线")
    message = line.says("绿灯还是不亮")
    assert tickets() == 1 and line.ticket_of(message) == [mine.number] and message.placed == "one_open"


def test_of_several_the_one_last_spoken_of(line: Line) -> None:
    first = line.says("变频器跳E07")
    own = line.ticket_of(first)
    line.more(first, "网关离线")
    message = line.says("吹吹风又好了")
    assert line.ticket_of(message) == own and tickets() == 2


def test_after_silence_the_person_is_asked_and_their_number_decides(line: Line) -> None:
    first = line.says("变频器跳E07")
    own = line.ticket_of(first)[0]
    other = line.more(first, "网关离线").number
    with frozen(now() + timedelta(hours=5)):
        message = line.says("今天又来了")
        question = said_by_desk(message)[-1]
        assert question.kind == "menu" and f"#{own}" in question.text and f"#{other}" in question.text and tickets() == 2
        numbers = [item["id"] for item in question.meta["items"]]
        answer = line.says(str(numbers.index(f"ticket:{other}") + 1))
        session().refresh(message)
        assert message.placed == answer.placed == "chosen"
        assert line.ticket_of(message) == line.ticket_of(answer) == [other]
        assert session().scalar(select(func.count()).where(Session.conversation_id == message.conversation_id, Session.ended_at.is_(None))) == 1


def test_zero_is_something_new(line: Line) -> None:
    first = line.says("变频器跳E07")
    line.more(first, "网关离线")
    with frozen(now() + timedelta(hours=5)):
        line.says("想问一下发票")
        line.says("0")
    assert tickets() == 3 and session().scalars(select(Ticket.subject).order_by(Ticket.id.desc())).first() == "想问一下发票"


def test_who_does_not_answer_is_not_lost(line: Line, drain: Callable[[], Any]) -> None:
    first = line.says("变频器跳E07")
    line.more(first, "网关离线")
    with frozen(now() + timedelta(hours=5)):
        message = line.says("今天又来了")
    with frozen(now() + timedelta(hours=5, minutes=11)):
        drain()
        session().rollback()
        session().refresh(message)
        assert message.placed == "asked" and len(line.ticket_of(message)) >= 1 and tickets() == 2


def test_a_number_that_the_person_owns_decides_and_another_does_not(line: Line) -> None:
    first = line.says("变频器跳E07")
    other = line.more(first, "网关离线")
    with unit_of_work():
        stranger = open_ticket(SYSTEM, subject="别人的", channel="email").number
    message = line.says(f"#{other.number} 这张怎么处理")
    assert line.ticket_of(message) == [other.number] and message.placed == "named_ticket"
    again = line.says(f"#{stranger} 是什么")
    assert stranger not in line.ticket_of(again)
    contact = message.conversation.contact
    assert contact is not None and ticket_named(contact, f"报警 9{other.number}1 和 {other.number}.5") is None


def test_a_closed_ticket_that_is_named_is_reopened(line: Line) -> None:
    first = line.says("变频器跳E07")
    number = line.ticket_of(first)[0]
    ticket = desk.tickets_of_conversation(first.conversation_id)[0]
    with unit_of_work():
        ticket = session().get_one(Ticket, ticket.id)
        ticket.state, ticket.closed_at = "closed", now()
    line.more(first, "网关离线")
    message = line.says(f"工单{number}又跳了")
    assert number in line.ticket_of(message) and message.placed == "named_ticket"


def test_a_device_that_is_named_decides(line: Line) -> None:
    first = line.says("变频器跳E07")
    with unit_of_work():
        company = Organisation(kind="client", name="澄湖轴承")
        product = Product(code="HK-D", name="变频器")
        session().add_all([company, product])
        session().flush()
        devices = [Device(organisation_id=company.id, product_id=product.id, serial=f"HK-2024-00{n}") for n in (1, 2)]
        session().add_all(devices)
        session().get_one(Conversation, first.conversation_id).contact.organisation_id = company.id
        desk.tickets_of_conversation(first.conversation_id)[0].device_id = devices[0].id if devices[0].id else None
        session().flush()
        desk.tickets_of_conversation(first.conversation_id)[0].device_id = devices[0].id
    ids = [d.id for d in devices]
    other = line.more(first, "二号机", device_id=ids[1])
    message = line.says("hk-2024-002 今天报 F12")
    assert line.ticket_of(message) == [other.number] and message.placed == "named_device"
    with unit_of_work():
        take(TICKET, session().get_one(Ticket, other.id), "cancel", SYSTEM, reason="重复")
    fresh = line.says("HK-2024-002 又报 F12")
    newest = desk.tickets_of_conversation(fresh.conversation_id)[0]
    assert newest.device_id == ids[1] and newest.state == "created" and newest.id != other.id


def test_a_new_mail_thread_stays_a_ticket_of_its_own(app: Flask, drain: Callable[[], Any]) -> None:
    with unit_of_work():
        account = add_account(SYSTEM, "email", "support", {"address": "s@hengchuan.example"}).id

    def mail(number: int, subject: str) -> None:
        raw = f"From: k@chenghu.example\r\nTo: s@hengchuan.example\r\nSubject: {subject}\r\nMessage-ID: <m{number}@x.example>\r\n\r\n{subject}\r\n"
        receiving.accept(account, raw.encode())
        drain()

    mail(1, "E07")
    mail(2, "invoice")
    assert tickets() == 2
    mail(3, f"about {session().scalars(select(Ticket.id).order_by(Ticket.id)).first() + 100000}")
    session().rollback()
    assert session().get_one(Account, account).kind == "email" and tickets() in (2, 3)


@pytest.mark.parametrize("text", ["你好", "您好！在吗", "hi", "Hello, anyone there?", "请问", "有人在吗？？", "我想咨询一下", "👋", "[微笑]你好", "/::) 你好", "你好[Smile][玫瑰]", "[呲牙]", "在吗/:rose/::B", "[强]您好[强]"])
def test_greetings(text: str) -> None:
    assert only_greeting(text)


@pytest.mark.parametrize("text", ["你好 E07", "你好，变频器跳了", "history", "在吗 网关离线", "", "……", "E07", "ok", "hi5", "[三楼]你好", "[图片]", "你好[E07]", "/:你好", "[微笑"])
def test_no_greetings(text: str) -> None:
    assert not only_greeting(text)


@pytest.mark.parametrize(("text", "does"), [
    ("转人工", True), ("您好，转人工", True), ("人工客服！", True), ("human", True), ("[抱拳]转人工/::)", True), ("人工焊接不牢", False), ("换人工牌", False),
    ("我要找人工", True), ("能不能找个真人", True), ("给我转人工吧", True), ("请帮我转接人工客服，谢谢", True), ("你好，叫个人来", True),
    ("Hello, I want to talk to a human", True), ("人工费多少", False), ("找人报修", False), ("转人工要等多久", False), ("the agent does not start", False),
])  # fmt: skip
def test_asking_for_a_person(text: str, does: bool) -> None:
    assert asks_for_person(text) is does


def test_who_said_hello_stands_in_the_list_until_more_is_said_or_somebody_looks(line: Line, actor: Callable[..., Any]) -> None:
    agent = actor("agent")
    hello = line.says("你好，在吗？")
    assert [talk.text for talk in waiting(agent)] == ["你好，在吗？"]
    with unit_of_work():
        ticket = talks.open_from_talk(agent, session().get_one(Conversation, hello.conversation_id))
        assert talks.open_from_talk(agent, session().get_one(Conversation, hello.conversation_id)) is ticket
    assert waiting(agent) == [] and line.ticket_of(hello) == [ticket.number] and tickets() == 1
    assert line.ticket_of(line.says("跳E07")) == [ticket.number]


def test_a_talk_that_needs_nothing_leaves_the_list(line: Line, actor: Callable[..., Any]) -> None:
    agent = actor("agent")
    hello = line.says("你好")
    with unit_of_work():
        talks.leave_talk(agent, session().get_one(Conversation, hello.conversation_id))
    assert waiting(agent) == [] and tickets() == 0
    line.says("变频器跳了")
    assert tickets() == 1


def test_what_a_machine_answers_leaves_the_customer_waiting(line: Line) -> None:
    first = line.says("变频器跳E07")
    ticket = desk.tickets_of_conversation(first.conversation_id)[0]
    line.says("进度")
    assert any(m.is_auto for m in said_by_desk(first))
    assert with_last_words([ticket])[0].last.awaits_us
