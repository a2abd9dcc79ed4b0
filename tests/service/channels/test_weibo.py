"""Weibo: callbacks in both forms, private messages out, and the recorded payloads."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.serving import make_server

from app.core.db import session
from app.core.people import Identity
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.simulator.weibo import WeiboWorld, standalone
from channels.accounts import add_account
from channels.base import Inbound, InboundFile, Outbound, RemoteMedia, SendFailed, SendUndecided, Signal, Unparseable
from channels.models import Account, Message, RawPayload
from channels.receiving import accept
from channels.wechat.crypto import signature
from channels.weibo import WeiboChannel, split_text
from tests.conftest import FreshClient
from workflows.models import Ticket

CHANNEL = WeiboChannel()
CORPUS = Path(__file__).parents[3] / ".." / "shared" / "corpora" / "weibo"
HOOK = "/hooks/weibo/weibo"
MADE = "Mon Jul 16 18:09:20 +0800 2012"


@pytest.fixture
def world() -> Iterator[WeiboWorld]:
    played = WeiboWorld()
    server = make_server("127.0.0.1", 0, standalone(played), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    played.address = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    try:
        yield played
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def account(app: Flask, world: Any) -> Account:
    given = {"app_secret": world.secret, "access_token": world.token, "api_base": world.address, "upload_base": world.address}
    with unit_of_work():
        return add_account(SYSTEM, "weibo", "weibo", given)


def body(kind: str = "text", text: str = "屏黑了", data: Any = None, **given: Any) -> bytes:
    whole = {"type": kind, "receiver_id": 1902538057, "sender_id": 24895182770123, "created_at": MADE, "text": text, "data": data or {}}
    return json.dumps(whole | given).encode()


def parsed(raw: bytes) -> Any:
    return CHANNEL.parse(Account(kind="weibo", slug="w", settings={}), raw)


def lines(name: str) -> list[dict[str, Any]]:
    if not (CORPUS / name).exists():
        pytest.skip("optional: the corpora are not beside this checkout")
    return [json.loads(line) for line in (CORPUS / name).read_text("utf-8").splitlines() if line.strip()]


def test_recorded_payloads() -> None:
    for row in lines("events.jsonl"):
        found, wanted = parsed(json.dumps(row["payload"]).encode()), row["expect"]
        assert isinstance(found, Signal) and found.sender is not None and found.at is not None
        assert (found.sender.value, found.meta["event"], found.external_id) == (wanted["channel_user"], wanted["subtype"], wanted["dedup_key"])
        assert found.at.timestamp() == datetime.fromisoformat(wanted["created_at_iso"]).timestamp()


def test_recorded_signatures() -> None:
    for row in lines("signature_vectors.jsonl"):
        assert signature(row["appsecret"], row["timestamp"], row["nonce"]) == row["signature"]


def test_messages_of_all_kinds() -> None:
    said = parsed(body())
    assert isinstance(said, Inbound) and said.sender is not None and said.sent_at is not None
    assert (said.sender.kind, said.sender.value, said.external_id) == ("weibo", "24895182770123", f"24895182770123|{MADE}")
    assert said.sent_at.isoformat() == "2012-07-16T10:09:20+00:00"
    image = parsed(body("image", "", {"vfid": 821804459, "tovfid": 821804469}))
    assert (image.kind, image.media[0].media_id) == ("image", "821804469")
    place = parsed(body("position", "", {"longitude": "116.308586", "latitude": "39.982525"}))
    assert (place.kind, place.meta["lat"]) == ("location", 39.982525)
    assert parsed(body("position", "", {"longitude": "x"})).kind == "text"
    assert parsed(body("mention", "停机了", {"subtype": "status", "key": "3"})).meta["mention"]["key"] == "3"
    assert parsed(body("hologram", "")).meta == {"unknown": "hologram"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("follow", "followed"), ("subscribe", "followed"), ("unfollow", "unfollowed"), ("unsubscribe", "other"), ("scan", "scanned"),
     ("scan_follow", "followed"), ("click", "clicked"), ("view", "other"), ("tomorrow", "other")],
)  # fmt: skip
def test_events_are_signals(name: str, kind: str) -> None:
    found = parsed(body("event", "事件", {"subtype": name, "key": "K1"}))
    assert isinstance(found, Signal) and (found.kind, found.meta["key"]) == (kind, "K1")


def test_the_form_of_wechat_is_read_too() -> None:
    xml = "<xml><ToUserName>1</ToUserName><FromUserName>2489518277</FromUserName><CreateTime>1342433360</CreateTime><MsgType>text</MsgType><Content>屏黑了</Content></xml>"
    found = parsed(xml.encode())
    assert isinstance(found, Inbound) and found.sender is not None
    assert (found.sender.kind, found.sender.value, found.text) == ("weibo", "2489518277", "屏黑了")


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"<xml/>", body(text=""), body(sender_id="x y"), body(created_at="")])
def test_what_is_no_callback_is_said(raw: bytes) -> None:
    with pytest.raises(Unparseable, match="."):
        parsed(raw)


def test_a_callback_for_another_account_is_not_mixed_in() -> None:
    with pytest.raises(Unparseable, match="别的账号"):
        CHANNEL.parse(Account(kind="weibo", slug="w", settings={"uid": "42"}), body())


def test_the_hook(client: FreshClient, account: Account, world: WeiboWorld, drain: Callable[[], int]) -> None:
    proved = client.get(HOOK, query_string=world.query(echostr="KeyDMwtf672"))
    assert (proved.status_code, proved.get_data(as_text=True)) == (200, "KeyDMwtf672")
    assert client.get(HOOK, query_string={**world.query(), "signature": "0" * 40}).status_code == 403
    assert client.get("/hooks/weibo/nobody", query_string=world.query()).status_code == 404
    assert client.post(HOOK, data=body(), query_string={"signature": "x"}).status_code == 403
    assert client.post(HOOK, data=b"x" * 70_000, query_string=world.query()).status_code == 413
    for _again in range(4):
        answer = client.post(HOOK, data=body(), query_string=world.query())
        assert (answer.status_code, answer.get_data()) == (200, b"")
    assert client.post(HOOK, data=body(text="同一秒的另一句"), query_string=world.query()).status_code == 200
    assert client.post(HOOK, data=b"<broken", query_string=world.query()).status_code == 200
    drain()
    assert [m.text for m in session().scalars(select(Message).order_by(Message.id))] == ["屏黑了", "同一秒的另一句"]
    assert session().scalars(select(Ticket)).one().channel == "weibo"
    assert [r.state for r in session().scalars(select(RawPayload).order_by(RawPayload.id))] == ["parsed", "parsed", "failed"]


def test_who_unfollows_is_not_reachable(account: Account) -> None:
    accept(account.id, body())
    accept(account.id, body("event", "", {"subtype": "unfollow"}))
    assert session().scalars(select(Identity)).one().reachable is False
    accept(account.id, body("event", "", {"subtype": "follow"}))
    session().expire_all()
    assert session().scalars(select(Identity)).one().reachable is True


def out(text: str, **given: Any) -> Outbound:
    return Outbound("1@x", "k", "24895182770123", "", "", text, **given)


def test_answers_and_their_faults(account: Account, world: WeiboWorld) -> None:
    CHANNEL.send(account, out("您好。" * 150))
    assert [len(one["text"]) for one in world.sent] == [288, 162] and world.sent[0]["to"] == "24895182770123"
    for fault, problem, final in (("later", SendFailed, False), ("never", SendFailed, True), ("expired", SendFailed, False), ("lost", SendUndecided, None)):
        world.faults[fault] = 1
        with pytest.raises(problem) as raised:
            CHANNEL.send(account, out("一"))
        assert getattr(raised.value, "final", None) is final
    with pytest.raises(SendFailed, match="附件"):
        CHANNEL.send(account, out("一", files=(InboundFile("a.pdf", "application/pdf", b"%PDF"),)))


def test_a_refusal_after_the_first_piece_is_not_repeated(account: Account, world: WeiboWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    reply, calls = WeiboChannel._reply, []

    def second_fails(self: Any, *given: Any) -> None:
        calls.append(given)
        if len(calls) == 2:
            world.faults["later"] = 1
        reply(self, *given)

    monkeypatch.setattr(WeiboChannel, "_reply", second_fails)
    with pytest.raises(SendUndecided, match="前 1 段"):
        CHANNEL.send(account, out("您好。" * 150))


def test_a_server_that_is_not_there_took_nothing(account: Account) -> None:
    account.settings = {**account.settings, "api_base": "http://127.0.0.1:9"}
    with pytest.raises(SendFailed) as raised:
        CHANNEL.send(account, out("一"))
    assert not raised.value.final


def test_pictures_are_fetched(account: Account, world: WeiboWorld) -> None:
    world.files["821804469"] = ("image/jpeg", b"\xff\xd8\xff123")
    found = CHANNEL.fetch(account, RemoteMedia("821804469", "image", "image.jpg", "image/jpeg"))
    assert found.content == b"\xff\xd8\xff123"
    with pytest.raises(SendFailed):
        CHANNEL.fetch(account, RemoteMedia("1", "image"))


def test_pieces() -> None:
    assert split_text("短") == ["短"] and split_text(" ") == []
    assert all(len(piece) < 300 for piece in split_text("x" * 1000))
