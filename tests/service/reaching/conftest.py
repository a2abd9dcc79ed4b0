"""A person who can be reached in several ways, and gateways that answer as they are told."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from app.core import clock
from app.core.db import session
from app.core.people import Contact, Identity
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import sending
from channels.accounts import add_account
from channels.base import Inbound, Outbound, Sender
from channels.models import Account, Conversation, Message
from channels.reaching import direct
from channels.receiving import receive
from workflows.models import Ticket
from workflows.opening import open_ticket

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
PHONE, MAIL = "+8613800138000", "wang@chenghu.example"


@dataclass
class Post:
    """Takes what is sent on one kind of account, or raises what it is told to."""

    kind: str
    idempotent: bool = False
    taken: list[Outbound] = field(default_factory=list)
    problems: list[BaseException] = field(default_factory=list)

    def send(self, account: Account, message: Outbound) -> str | None:
        if self.problems:
            raise self.problems.pop(0)
        self.taken.append(message)
        return f"{self.kind}-{len(self.taken)}"


@dataclass
class House:
    """Accounts of mail and SMS, `person` with both addresses, and their ticket."""

    person: Contact
    ticket: Ticket
    line: Conversation
    mail: Post
    sms: Post
    robot: Post


@pytest.fixture(autouse=True)
def stopped_clock(app: Flask) -> Iterator[None]:
    with clock.frozen(NOON):
        yield


@pytest.fixture
def house(app: Flask, monkeypatch: pytest.MonkeyPatch, drain: Callable[[], int]) -> House:
    posts = {kind: Post(kind) for kind in ("email", "sms", "robot", "wechat")}
    for module in (sending, direct):
        monkeypatch.setattr(module, "channel_for", lambda kind: posts[kind])
    with unit_of_work() as s:
        mailbox = add_account(SYSTEM, "email", "support", {"address": "desk@hengchuan.example", "smtp_host": "127.0.0.1"})
        add_account(SYSTEM, "sms", "sms", {"endpoint": "http://127.0.0.1:9/", "sign_name": "恒川互联", "hook_secret": "x"})
        message = receive(
            mailbox, Inbound("m1", Sender("email", MAIL, "王工"), "变频器跳E07", "变频器跳E07", subject="变频器跳E07")
        )
        assert message is not None
        person = message.conversation.contact
        assert person is not None
        s.add(Identity(kind="phone", value=PHONE, shown="138 0013 8000", contact_id=person.id))
        ticket = open_ticket(SYSTEM, subject="变频器跳E07", channel="email", contact=person, conversation_id=message.conversation_id)
        message.conversation.token = str(ticket.number)
    drain()
    for post in posts.values():
        post.taken.clear()
    tickets = session().query(Ticket).all()
    assert [t.id for t in tickets] == [ticket.id]
    return House(person, ticket, message.conversation, posts["email"], posts["sms"], posts["robot"])


@pytest.fixture
def words() -> dict[str, dict[str, str]]:
    return {"zh": {"subject": "预约", "text": "您好，已约好上门时间。", "short": "已约好。"}, "en": {"subject": "Visit", "text": "A visit.", "short": "Visit."}}


def messages_out() -> list[Message]:
    session().rollback()
    return session().query(Message).filter(Message.direction == "out").order_by(Message.id).all()


def rungs(outreach: Any) -> list[tuple[str, str]]:
    session().refresh(outreach)
    return [(rung.way, rung.state) for rung in outreach.rungs]
