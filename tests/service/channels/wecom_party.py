"""A WeCom account with its platform, the simulator on a port of this machine, and what the tests ask of both."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import func, select
from werkzeug.serving import make_server

from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.simulator.wecom import KfWorld, standalone
from channels.accounts import add_account
from channels.base import Outbound
from channels.models import Account, Conversation, Message
from channels.sending import queue_message
from channels.wecom import syncing
from channels.wecom.adapter import WecomChannel

CHANNEL = WecomChannel()
USER, KFID = "wmWangGong01", "wkSimulated01"


@contextmanager
def playing() -> Iterator[KfWorld]:
    played = KfWorld()
    server = make_server("127.0.0.1", 0, standalone(played), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    played.hook = f"http://127.0.0.1:{server.server_port}"
    try:
        yield played
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def open_account(world: KfWorld) -> Account:
    with unit_of_work():
        return add_account(SYSTEM, "wecom", "kefu", {
            "corpid": world.corpid, "secret": world.secret, "token": world.token, "aes_key": world.aes_key,
            "open_kfids": KFID, "api_base": world.hook, "welcome": "您好，请说说设备型号和现象。", "goodbye": "感谢来访。",
        })  # fmt: skip


def fetch(account: Account) -> int | None:
    with unit_of_work() as s:
        source = syncing.ring(s.scalars(select(Account)).one(), KFID, "ENC1")
        assert source is not None
        source_id = source.id
    return syncing.sync(source_id)


def count(model: Any) -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(model)) or 0


def messages() -> list[Message]:
    session().rollback()
    return list(session().scalars(select(Message).order_by(Message.id)))


def answer(text: str = "请停机断电。", **given: Any) -> int:
    with unit_of_work() as s:
        return queue_message(SYSTEM, s.scalars(select(Conversation)).one(), text, **given).id


def outbound(text: str, **given: Any) -> Outbound:
    return Outbound("7.abc@huiyin.invalid", "outbox-1", f"{KFID}/{USER}", "", "", text, **given)
