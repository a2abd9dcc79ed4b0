"""The door: signed callbacks of all modes are kept once and answered at once, anything else is turned away."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.core import clock
from app.core.db import session
from app.core.files import get_bytes
from app.core.people import Identity
from app.core.permissions import SYSTEM
from app.core.text import unpack
from app.core.uow import unit_of_work
from app.simulator.wechat_phone import Hands
from channels import receiving
from channels.accounts import set_active
from channels.models import Message, RawPayload, ReplyWindow
from channels.wechat import hook
from channels.wechat.crypto import signature
from tests.conftest import FreshClient
from tests.service.channels.wechat_party import KEY, OLD_KEY, WANG, Party, count, playing


@pytest.fixture
def wx(app: Flask, client: FreshClient, drain: Callable[[], int]) -> Iterator[tuple[Party, Hands]]:
    with playing(app, client, drain) as both:
        yield both


def signed(wx: Party, **given: str) -> str:
    moment = given.pop("timestamp", str(int(clock.now().timestamp())))
    query = {"signature": signature(wx.world.token, moment, "n1"), "timestamp": moment, "nonce": "n1", **given}
    return "&".join(f"{name}={value}" for name, value in query.items())


def raws() -> list[RawPayload]:
    session().rollback()
    return list(session().scalars(select(RawPayload).order_by(RawPayload.id)))


def test_the_address_is_checked(wx: tuple[Party, Hands], client: FreshClient):
    party, _ = wx
    well = client.get(f"/hooks/wechat/gzh?{signed(party, echostr='4375120948345356249')}")
    assert (well.status_code, well.text, well.mimetype) == (200, "4375120948345356249", "text/plain")
    assert client.get("/hooks/wechat/gzh?signature=0&timestamp=1&nonce=2&echostr=x").status_code == 403
    assert client.get("/hooks/wechat/gzh").status_code == 403
    assert client.get(f"/hooks/wechat/other?{signed(party)}").status_code == 404


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("mode", ["plain", "compatible", "safe"])
def test_a_message_in_every_mode(app: Flask, client: FreshClient, drain: Callable[[], int], mode: str, as_json: bool):
    with playing(app, client, drain, mode) as (party, hands):
        party.world.as_json = as_json
        hands.say(WANG, "变频器跳 E07 ]]> <b>")
        assert party.answers == [(200, "success")]
        said = session().scalars(select(Message)).one()
        assert (said.visible_text, said.author_kind) == ("变频器跳 E07 ]]> <b>", "contact")
        kept = get_bytes(raws()[0].sha256)
        assert b"E07" in kept and b"Encrypt" not in kept, "what is kept is the decrypted message"


def test_a_repeat_is_one_message_though_its_ciphertext_differs(app: Flask, client: FreshClient, drain: Callable[[], int]):
    with playing(app, client, drain, "safe") as (party, hands):
        party.world.faults.update(slow=1)
        hands.say(WANG, "夏天一到下午就停。")
        assert party.answers == [(200, "success")] * 4, "the first and three repeats"
        assert (count(Message), count(RawPayload)) == (1, 1)
        party.world.faults.update(duplicate=1)
        hands.say(WANG, "夏天一到下午就停。")
        assert (count(Message), count(RawPayload)) == (2, 2), "the same words said again are another message"


def test_events_of_one_second_are_told_apart(wx: tuple[Party, Hands]):
    party, hands = wx
    with clock.frozen(clock.now()):
        hands.click(WANG, "A")
        hands.click(WANG, "B")
        hands.click(WANG, "A")
    assert len(raws()) == 2 and all(r.state == "parsed" for r in raws())


def test_keys_change_without_a_loss(app: Flask, client: FreshClient, drain: Callable[[], int]):
    with playing(app, client, drain, "safe") as (party, hands):
        party.world.aes_key = OLD_KEY
        hands.say(WANG, "eins")
        assert party.answers[-1] == (200, "success") and raws()[0].state == "failed" and unpack(raws()[0].reason or "")
        party.set(previous_aes_key=OLD_KEY)
        hands.say(WANG, "zwei")
        assert receiving.replay(SYSTEM, raws()[0].id).state == receiving.IMPORTED
        party.world.aes_key = KEY
        hands.say(WANG, "drei")
        texts = set(session().scalars(select(Message.text)))
        assert texts == {"eins", "zwei", "drei"}


def test_wrong_signatures_and_modes_are_turned_away(app: Flask, client: FreshClient, drain: Callable[[], int]):
    with playing(app, client, drain, "safe") as (party, hands):
        plain = b"<xml><MsgType>text</MsgType><FromUserName>oA</FromUserName><Content>x</Content><MsgId>1</MsgId></xml>"
        path = "/hooks/wechat/gzh"
        assert client.post(f"{path}?{signed(party)}", data=plain).status_code == 403, "safe takes no plain body"
        query, body = hands.packed({"ToUserName": "g", "FromUserName": WANG, "MsgType": "text", "Content": "x", "MsgId": "1"})
        assert client.post(f"{path}?{query.replace('msg_signature=', 'msg_signature=0')}", data=body).status_code == 403
        assert client.post(f"{path}?{query}", data=body.replace(b"Encrypt><![CDATA[", b"Encrypt><![CDATA[A")).status_code == 403
        assert client.post(f"{path}?{query}&x=1", data=body).status_code == 200
        party.set(mode="plain")
        assert client.post(f"{path}?{signed(party)}", data=plain).status_code == 200
        assert client.post(f"{path}?{signed(party).replace('signature=', 'signature=0')}", data=plain).status_code == 403
        assert client.post(path, data=plain).status_code == 403
        assert client.post(f"/hooks/wechat/nobody?{signed(party)}", data=plain).status_code == 404


def test_old_addresses_are_no_key(wx: tuple[Party, Hands], client: FreshClient):
    party, _ = wx
    body = b"<xml><MsgType>text</MsgType><FromUserName>oA</FromUserName><Content>x</Content><MsgId>1</MsgId></xml>"
    for seconds, status in ((0, 200), (599, 200), (601, 403), (-700, 403)):
        moment = str(int((clock.now() - timedelta(seconds=seconds)).timestamp()))
        assert client.post(f"/hooks/wechat/gzh?{signed(party, timestamp=moment)}", data=body).status_code == status, seconds
    for odd in ("", "abc", "9" * 30):
        assert client.post(f"/hooks/wechat/gzh?{signed(party, timestamp=odd)}", data=body).status_code == 403
    party.set(stale_seconds="0")
    assert client.post(f"/hooks/wechat/gzh?{signed(party, timestamp='1411525903')}", data=body).status_code == 200


def test_too_large(wx: tuple[Party, Hands], client: FreshClient):
    party, _ = wx
    assert client.post(f"/hooks/wechat/gzh?{signed(party)}", data=b"x" * (hook.LARGEST + 1)).status_code == 413
    assert count(RawPayload) == 0


@pytest.mark.parametrize("body", [b"", b"noise", b"<xml>", b"{}", b"<xml><MsgType>text</MsgType></xml>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
def test_what_is_signed_but_unreadable_is_kept(wx: tuple[Party, Hands], client: FreshClient, body: bytes):
    party, _ = wx
    for _ in range(2):
        answer = client.post(f"/hooks/wechat/gzh?{signed(party)}", data=body)
        assert (answer.status_code, answer.text) == (200, "success")
    (kept,) = raws()
    assert kept.state == "failed" and unpack(kept.reason or "") and get_bytes(kept.sha256) == body


def test_a_stopped_account_takes_nothing(wx: tuple[Party, Hands], client: FreshClient):
    party, _ = wx
    with unit_of_work():
        set_active(SYSTEM, "gzh", False)
    assert client.get(f"/hooks/wechat/gzh?{signed(party, echostr='1')}").status_code == 404


def test_follow_greets_and_unfollow_is_remembered(wx: tuple[Party, Hands]):
    party, hands = wx
    party.set(welcome="你好，直接说遇到了什么问题。")
    hands.follow(WANG, "device:HK-0042")
    party.drain()
    assert [one["text"]["content"] for one in party.sent()] == ["你好，直接说遇到了什么问题。"]
    assert count(ReplyWindow) == 1
    hands.unfollow(WANG)
    party.drain()
    who = session().scalars(select(Identity).where(Identity.kind == "openid")).one()
    assert not who.reachable
    hands.say(WANG, "在吗")
    party.drain()
    session().expire_all()
    assert who.reachable, "whoever writes can be reached"


def test_a_callback_that_comes_twice_at_once_is_one(wx: tuple[Party, Hands], monkeypatch: pytest.MonkeyPatch):
    """The loser of the race for the dedup key gets the winner's row."""
    from sqlalchemy.exc import IntegrityError

    party, hands = wx

    def loses(*given: object, **named: object) -> None:
        raise IntegrityError("insert", {}, Exception("unique"))

    with monkeypatch.context() as patch:
        patch.setattr(hook, "accept_now", loses)
        hands.say(WANG, "一")
    assert party.answers == [(200, "success")] and count(Message) == 1


def test_json_numbers_name_the_same_message(wx: tuple[Party, Hands], client: FreshClient):
    party, _ = wx
    given = {"FromUserName": WANG, "MsgType": "text", "Content": "x", "MsgId": 23456789012345678, "CreateTime": 1}
    xml = "<xml>" + "".join(f"<{k}>{v}</{k}>" for k, v in given.items()) + "</xml>"
    for body in (json.dumps(given), xml):
        assert client.post(f"/hooks/wechat/gzh?{signed(party)}", data=body.encode()).status_code == 200
    assert count(Message) == 1
