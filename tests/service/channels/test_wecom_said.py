"""What was said to customers of WeCom without our outbox stands in their conversation all the same."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.simulator.wecom import KfWorld, standalone
from channels.accounts import add_account, set_account
from channels.models import Account, Message, RawPayload, Session
from channels.receiving import understand
from tests.contracts.outsides import serving
from tests.service.channels.wecom_party import KFID, USER, fetch, messages
from workflows.models import Ticket


@pytest.fixture
def world() -> Iterator[KfWorld]:
    played = KfWorld()
    with serving(standalone(played)) as address:
        played.hook = address
        yield played


@pytest.fixture
def account(app: Flask, world: KfWorld) -> Account:
    with unit_of_work():
        return add_account(SYSTEM, "wecom", "kefu", {
            "corpid": world.corpid, "secret": world.secret, "token": world.token, "aes_key": world.aes_key, "open_kfids": KFID,
            "api_base": world.hook, "welcome": "您好，请说说设备型号和现象。", "goodbye": "感谢来访。",
        })  # fmt: skip


def ours() -> list[Message]:
    return [m for m in messages() if m.direction == "out"]


def test_an_answer_in_the_wecom_app_stands_in_the_conversation(account: Account, world: KfWorld, drain: Callable[[], int]) -> None:
    world.say(USER, "触摸屏黑屏了")
    fetch(account)
    drain()
    for text in ("请先断电十秒。", "好了吗？"):
        world._log(KFID, {"origin": 5, "external_userid": USER, "servicer_userid": "zhangsan", "msgtype": "text", "text": {"content": text}})
    fetch(account)
    drain()
    said = ours()
    assert [(m.text, m.author_name, m.author_kind, m.state) for m in said] == [
        ("请先断电十秒。", "企业微信 zhangsan", "user", "sent"), ("好了吗？", "企业微信 zhangsan", "user", "sent")]  # fmt: skip
    assert world.sent == [], "nothing is sent for it"
    assert session().scalars(select(Session)).one().agent_turns == 1
    assert session().scalars(select(Ticket)).one().first_response_at is not None
    with unit_of_work() as s:
        row = s.scalars(select(RawPayload).order_by(RawPayload.id.desc()).limit(1)).one()
        row.state = "new"
        number = row.id
    understand(number)
    drain()
    assert len(ours()) == 2, "the same answer, told again, is one"


def test_words_of_welcome_and_farewell_stand_in_the_conversation(account: Account, world: KfWorld, drain: Callable[[], int]) -> None:
    with unit_of_work():
        set_account(SYSTEM, "kefu", {"rate_at_end": "yes"})
    world.enter(USER)
    fetch(account)
    drain()
    world.end(USER)
    fetch(account)
    drain()
    said = messages()
    assert [(m.direction, m.kind, m.author_kind, m.state, m.is_auto) for m in said] == [
        ("out", "text", "system", "sent", True), ("out", "menu", "system", "sent", True)]  # fmt: skip
    assert said[0].text == "您好，请说说设备型号和现象。" and said[1].meta["items"][0]["id"] == "rate:5"
    assert session().scalars(select(Session)).all() == [] and len(world.sent) == 2
