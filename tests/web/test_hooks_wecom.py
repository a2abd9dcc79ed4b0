"""WeCom's doorbell: only what is signed and sealed for us gets in, and it is answered at once."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from app.core.db import session
from app.core.events import OutboxRow
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.simulator.wecom import KfWorld
from channels.accounts import add_account, set_account
from channels.models import RawPayload
from channels.wechat.crypto import Crypto
from channels.wecom.models import KfSource
from tests.conftest import FreshClient

WORLD = KfWorld()
HOOK = "/hooks/wecom/kefu"


@pytest.fixture
def account(app: object) -> int:
    with unit_of_work():
        given = {"corpid": WORLD.corpid, "secret": WORLD.secret, "token": WORLD.token, "aes_key": WORLD.aes_key}
        return add_account(SYSTEM, "wecom", "kefu", given).id


def test_the_address_is_proved_once_it_is_signed(client: FreshClient, account: int) -> None:
    sealed = Crypto(WORLD.token, WORLD.aes_key, WORLD.corpid).encrypt(b"1616140317555161061", timestamp="1", nonce="n")
    query = {"msg_signature": sealed.signature, "timestamp": "1", "nonce": "n", "echostr": sealed.encrypt}
    answer = client.get(HOOK, query_string=query)
    assert (answer.status_code, answer.get_data(as_text=True)) == (200, "1616140317555161061")
    assert client.get(HOOK, query_string={**query, "msg_signature": "0" * 40}).status_code == 403
    assert client.get(HOOK).status_code == 403
    assert client.get("/hooks/wecom/nobody", query_string=query).status_code == 404


def test_a_call_is_noted_and_the_worker_told(client: FreshClient, account: int) -> None:
    body, query = WORLD.callback()
    for _again in range(2):
        answer = client.post(HOOK, data=body, query_string=query)
        assert (answer.status_code, answer.get_data(as_text=True)) == (200, "success")
    source = session().scalars(select(KfSource)).one()
    assert (source.open_kfid, source.rings, (source.token or "")[:3]) == ("wkSimulated01", 2, "ENC")
    assert [row.reaction for row in session().scalars(select(OutboxRow))] == ["sync_wecom"] * 2


def test_forged_foreign_and_oversized_calls_are_turned_away(client: FreshClient, account: int) -> None:
    body, query = WORLD.callback()
    other = KfWorld(corpid="wwother01")
    assert client.post(HOOK, data=body, query_string={**query, "nonce": "else"}).status_code == 403
    foreign, signed = other.callback()
    assert client.post(HOOK, data=foreign, query_string={**signed, "msg_signature": "0" * 40}).status_code == 403
    assert client.post(HOOK, data=b"no body at all", query_string=query).status_code == 403
    assert client.post(HOOK, data=b"<xml>" + b"x" * 70_000, query_string=query).status_code == 413
    assert client.post("/hooks/wecom/nobody", data=body, query_string=query).status_code == 404
    assert session().scalars(select(KfSource)).all() == []


def test_another_call_is_kept_and_answered(client: FreshClient, account: int) -> None:
    body, query = WORLD.callback(plain=b"<xml><MsgType>event</MsgType><Event>something_new</Event></xml>")
    assert client.post(HOOK, data=body, query_string=query).status_code == 200
    kept = session().scalars(select(RawPayload)).one()
    assert (kept.state, kept.source) == ("failed", "hook")


def test_a_changed_key_lets_both_in(client: FreshClient, account: int, drain: Callable[[], int]) -> None:
    body, query = WORLD.callback()
    with unit_of_work():
        set_account(SYSTEM, "kefu", {"aes_key": "Z" * 43, "previous_aes_key": WORLD.aes_key})
    assert client.post(HOOK, data=body, query_string=query).status_code == 200
    with unit_of_work():
        set_account(SYSTEM, "kefu", {"previous_aes_key": ""})
    rings = session().scalars(select(KfSource)).one().rings
    assert client.post(HOOK, data=body, query_string=query).status_code == 200
    assert session().scalars(select(KfSource)).one().rings == rings == 1
    assert session().scalars(select(RawPayload)).one().state == "failed"
