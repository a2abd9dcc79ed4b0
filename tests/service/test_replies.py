"""Answering a customer, whichever door the answer comes by."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app import replies
from app.core import clock
from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import receiving
from channels.accounts import add_account
from channels.models import Conversation, Message
from tests.service.channels.test_receiving import mail
from workflows.models import Ticket


@pytest.fixture
def say(app, drain, actor):
    with unit_of_work():
        account = add_account(SYSTEM, "email", "support", {"address": "support@hengchuan.example"}).id
    receiving.accept(account, mail())
    drain()

    def run(text, who):
        with unit_of_work() as s:
            return replies.reply(who, s.scalars(select(Ticket)).one(), s.scalars(select(Conversation)).one(), text).id

    return run


def test_a_form_that_is_sent_twice_writes_one_letter(say, actor):
    agent, colleague = actor("agent"), actor("agent")
    first = say("请查风扇。\r\n", agent)
    assert say("请查风扇。", agent) == first
    assert say("请查风扇。", colleague) != first
    assert say("请查风扇。再看温度。", agent) != first
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        assert say("请查风扇。再看温度。", agent) != first
    session().rollback()
    sent = session().scalars(select(Message.text).where(Message.direction == "out").order_by(Message.id)).all()
    assert sent == ["请查风扇。", "请查风扇。", "请查风扇。再看温度。", "请查风扇。再看温度。"]
