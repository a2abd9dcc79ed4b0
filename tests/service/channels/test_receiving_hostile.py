"""Payloads that break what reads them: they are kept with a reason, come in twice at once, and hold nobody else up."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import DataError, IntegrityError

from app.core.clock import frozen, now
from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import receiving, webchat
from channels.accounts import add_account
from channels.models import Conversation, Message, RawPayload
from channels.wechat.crypto import signature
from channels.wechat.hook import take


def raws() -> list[tuple[str, str]]:
    session().rollback()
    return [(row.state, row.reason or "") for row in session().scalars(select(RawPayload).order_by(RawPayload.id))]


def site() -> int:
    with unit_of_work():
        return add_account(SYSTEM, "webchat", "site", {}).id


def test_a_signed_callback_of_an_impossible_sender_is_kept(app: Flask) -> None:
    with unit_of_work():
        account = add_account(SYSTEM, "wechat", "oa", {"appid": "wxtest1", "token": "tok12345"})
    stamp = str(int(now().timestamp()))
    query = {"timestamp": stamp, "nonce": "n", "signature": signature("tok12345", stamp, "n")}
    body = f"<xml><FromUserName>{'u' * 3000}</FromUserName><CreateTime>{stamp}</CreateTime><MsgType>text</MsgType><Content>坏了</Content><MsgId>1</MsgId></xml>"
    outcome = take(account, query, body.encode())
    assert outcome.state == receiving.FAILED and [state for state, _why in raws()] == ["failed"]


def test_what_the_database_cannot_hold_is_kept_without_its_values(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any) -> None:
        raise DataError("insert", {"text": "geheim"}, Exception("out of range: geheim"))

    monkeypatch.setattr(receiving, "receive", broken)
    raw = webchat.packed("v1", "m1", "坏了")
    assert receiving.accept(site(), raw, dedup_key="m1").state == receiving.FAILED
    assert raws()[0][0] == "failed" and "DataError" in raws()[0][1] and "geheim" not in raws()[0][1]


def test_the_same_payload_twice_at_the_same_moment(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    account, real, races = site(), receiving.keep_raw, []

    def raced(*given: Any, **named: Any) -> Any:
        if not races:
            races.append(1)
            raise IntegrityError("insert", {}, Exception("unique"))
        return real(*given, **named)

    monkeypatch.setattr(receiving, "keep_raw", raced)
    assert receiving.accept(account, webchat.packed("v1", "m1", "坏了"), dedup_key="m1").state == receiving.IMPORTED
    assert session().scalar(select(func.count()).select_from(Message)) == 1


def test_a_payload_that_breaks_holds_up_nobody_behind_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    account, real = site(), receiving.understand
    with unit_of_work():
        ids = [receiving.keep_raw(account, webchat.packed("v1", f"m{n}", f"坏了{n}"), dedup_key=f"m{n}")[0].id for n in range(3)]

    def understand(raw_id: int) -> Any:
        if raw_id == ids[0]:
            raise RuntimeError("deadlock detected")
        return real(raw_id)

    monkeypatch.setattr(receiving, "understand", understand)
    with frozen(now() + timedelta(minutes=2)):
        receiving.pick_up()
    assert [state for state, _why in raws()] == ["new", "parsed", "parsed"]


def test_a_report_that_overtakes_its_message_is_read_again(app: Flask) -> None:
    with unit_of_work() as s:
        account = add_account(SYSTEM, "sms", "sms", {"endpoint": "https://sms.example/", "sign_name": "恒川", "hook_secret": "hook-secret-123"})
        line = Conversation(account_id=account.id)
        s.add(line)
        s.flush()
        sent = Message(
            conversation_id=line.id, account_id=account.id, external_id="ours", direction="out", author_kind="system", text="x",
            visible_text="x", state="sending", to_address="+8613800138000",
        )  # fmt: skip
        s.add(sent)
        s.flush()
        account_id, sent_id = account.id, sent.id
    report = b'{"biz_id": "g-1", "phone_number": "13800138000", "success": true}'
    assert receiving.accept(account_id, report, source="hook").state == receiving.WAITS
    assert receiving.accept(account_id, report, source="hook").state == receiving.WAITS
    with unit_of_work() as s:
        one = s.get_one(Message, sent_id)
        one.state, one.provider_id = "sent", "g-1"
    with frozen(now() + timedelta(minutes=2)):
        receiving.pick_up()
    assert raws() == [("parsed", "")] and "delivered_at" in session().get_one(Message, sent_id).meta


def test_a_report_about_nothing_of_ours_is_let_go(app: Flask) -> None:
    with unit_of_work():
        account = add_account(SYSTEM, "sms", "sms", {"endpoint": "https://sms.example/", "sign_name": "恒川", "hook_secret": "hook-secret-123"}).id
    receiving.accept(account, b'{"biz_id": "not-ours", "success": true}', source="hook")
    with frozen(now() + timedelta(minutes=5)):
        receiving.pick_up()
    assert raws() == [("parsed", "")]
