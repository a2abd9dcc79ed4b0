"""A WeChat account with its platform: the simulator on a port of this machine, phones whose callbacks go through the real hook."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.simulator.wechat import standalone
from app.simulator.wechat_phone import Hands
from app.simulator.wechat_world import WeChatWorld
from channels.accounts import add_account, set_account
from channels.models import Account, Conversation, Message
from channels.sending import queue_message
from tests.conftest import FreshClient
from tests.contracts.outsides import serving

WANG = "oWang0001"
KEY, OLD_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg"


class Party:
    """The account `gzh`, its world, the hands that hold the phones, and what came of callbacks."""

    def __init__(self, app: Flask, client: FreshClient, drain: Callable[[], int], address: str, world: WeChatWorld) -> None:
        self.client, self.drain, self.world = client, drain, world
        self.answers: list[tuple[int, str]] = []
        self.later: list[tuple[str, bytes]] = []
        self.thread = threading.current_thread()
        with unit_of_work():
            made = add_account(
                SYSTEM, "wechat", "gzh",
                {"appid": world.appid, "secret": world.secret, "token": world.token, "aes_key": KEY, "mode": world.mode, "api_base": address},
            )  # fmt: skip
        self.account_id = made.id

    def post(self, query: str, body: bytes) -> tuple[int, str]:
        if threading.current_thread() is not self.thread:
            self.later.append((query, body))
            return 200, "success"
        answer = self.client.post(f"/hooks/wechat/gzh?{query}", data=body, content_type="text/xml")
        self.answers.append((answer.status_code, answer.get_data(as_text=True)))
        return self.answers[-1]

    def told(self) -> None:
        """What the platform said meanwhile by itself."""
        while self.later:
            self.post(*self.later.pop(0))

    @property
    def account(self) -> Account:
        session().rollback()
        return session().get_one(Account, self.account_id)

    def set(self, **settings: str) -> None:
        with unit_of_work():
            set_account(SYSTEM, "gzh", settings)

    def line(self) -> Conversation:
        session().rollback()
        return session().scalars(select(Conversation).where(Conversation.account_id == self.account_id)).one()

    def answer(self, text: str = "请停机断电。", **given: Any) -> int:
        with unit_of_work():
            return queue_message(given.pop("actor", SYSTEM), self.line(), text, **given).id

    def message(self, message_id: int) -> Message:
        session().rollback()
        return session().get_one(Message, message_id)

    def sent(self) -> list[dict[str, Any]]:
        return self.world.sent


def count(model: Any, *where: Any) -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(model).where(*where)) or 0


@contextmanager
def playing(app: Flask, client: FreshClient, drain: Callable[[], int], mode: str = "plain") -> Iterator[tuple[Party, Hands]]:
    """A party and its hands."""
    world = WeChatWorld("wxservice001", "service-secret", "servicetoken", KEY, mode)
    calls: list[Party] = []
    hands = Hands(world, lambda query, body: calls[0].post(query, body), wait=True)
    world.phone(WANG, "王工", "uWang0001")
    with serving(standalone(hands)) as address:
        calls.append(Party(app, client, drain, address, world))
        yield calls[0], hands
