"""Gateways of each style, over a real socket: signed, taken, refused, busy, lost."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.core.permissions import SYSTEM
from app.core.text import unpack
from app.core.uow import unit_of_work
from app.simulator.sms import Gateway, make_app
from channels.accounts import add_account
from channels.base import Outbound, SendFailed, SendUndecided
from channels.models import Account
from channels.sms.adapter import SmsChannel
from tests.contracts.outsides import serving

META = {"purpose": "rating", "params": {"number": "20001", "link": "https://desk.example/r/x"}}


@pytest.fixture
def gateway() -> Iterator[tuple[Gateway, str]]:
    played = Gateway(key="id", secret="geheim")
    with serving(make_app(played)) as address:
        yield played, address


def account(style: str, address: str, secret: str = "geheim") -> Account:
    with unit_of_work():
        return add_account(SYSTEM, "sms", "sms", {
            "style": style, "endpoint": f"{address}/{style}", "sign_name": "恒川互联", "access_key": "id", "access_secret": secret,
            "hook_secret": "x", "sdk_app_id": "1400", "template_rating": "T1 number link",
        })  # fmt: skip


def message(**given: Any) -> Outbound:
    return Outbound("e1", "k1", "+8613800138000", "王工", "", "问题解决了吗？", **{"meta": META, **given})


@pytest.mark.parametrize("style", ["plain", "aliyun", "tencent"])
def test_it_is_signed_and_taken(style: str, app: Any, gateway: tuple[Gateway, str]) -> None:
    played, address = gateway
    number = SmsChannel().send(account(style, address), message())
    (taken,) = played.sent
    assert number == taken["id"] and taken["template"] == "T1"
    assert taken["phone"] == {"plain": "+8613800138000", "aliyun": "13800138000", "tencent": "+8613800138000"}[style]
    wanted: dict[str, Any] = {"aliyun": META["params"], "tencent": ["20001", "https://desk.example/r/x"]}
    assert taken["params"] == wanted.get(style, {**META["params"], "text": "问题解决了吗？"})
    assert taken["text"] == ("【恒川互联】问题解决了吗？" if style == "plain" else "")


@pytest.mark.parametrize("style", ["plain", "aliyun", "tencent"])
def test_what_goes_wrong_is_told_apart(style: str, app: Any, gateway: tuple[Gateway, str]) -> None:
    played, address = gateway
    channel, known = SmsChannel(), account(style, address)
    for fault, final in (("busy", False), ("refused", True)):
        played.faults[fault] = 1
        with pytest.raises(SendFailed) as failed:
            channel.send(known, message())
        assert failed.value.final is final and unpack(failed.value.reason)
    played.faults["lost"] = 1
    with pytest.raises(SendUndecided):
        channel.send(known, message())
    assert len(played.sent) == 1


@pytest.mark.parametrize("style", ["plain", "aliyun", "tencent"])
def test_a_wrong_key_is_final_and_nothing_is_taken(style: str, app: Any, gateway: tuple[Gateway, str]) -> None:
    played, address = gateway
    with pytest.raises(SendFailed) as failed:
        SmsChannel().send(account(style, address, "falsch"), message())
    assert failed.value.final and not played.sent


def test_nobody_listens(app: Any) -> None:
    with pytest.raises(SendFailed) as failed:
        SmsChannel().send(account("plain", "http://127.0.0.1:9"), message())
    assert not failed.value.final


def test_too_long_or_without_template_says_so(app: Any, gateway: tuple[Gateway, str]) -> None:
    known = account("plain", gateway[1])
    with pytest.raises(SendFailed, match="8"):
        SmsChannel().send(known, Outbound("e", "k", "+8613800138000", "", "", "字" * 600))
    known.settings = {**known.settings, "style": "aliyun"}
    with pytest.raises(SendFailed, match="alarm"):
        SmsChannel().send(known, message(meta={"purpose": "alarm"}))
