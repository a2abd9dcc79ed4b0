"""WeCom customer service against its simulator over loopback: fetching, sessions, answers, and what goes wrong."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.core import clock
from app.core.db import session
from app.core.events import EventRow, OutboxRow
from app.core.people import Contact, Identity
from app.core.permissions import SYSTEM
from app.core.text import unpack
from app.core.uow import unit_of_work
from app.simulator.wecom import KfWorld
from channels import receiving
from channels.accounts import set_account
from channels.base import InboundFile, Outbound, RemoteMedia, SendFailed, WindowShut
from channels.models import Account, Message, RawPayload
from channels.sending import send_again
from channels.wecom import states, syncing
from channels.wecom.adapter import WecomChannel, key_of, pieces_of
from channels.wecom.models import KfSource
from tests.service.channels.wecom_party import (
    CHANNEL,
    KFID,
    USER,
    answer,
    count,
    fetch,
    messages,
    open_account,
    outbound,
    playing,
)
from workflows.models import Ticket


@pytest.fixture
def world() -> Iterator[KfWorld]:
    with playing() as played:
        yield played


@pytest.fixture
def account(app: Flask, world: KfWorld) -> Account:
    return open_account(world)


def test_what_was_written_is_fetched_once_and_opens_a_ticket(account: Account, world: KfWorld, drain: Callable[[], int]) -> None:
    world.names[USER] = "王工"
    world.say(USER, "触摸屏黑屏了")
    assert fetch(account) == 1
    assert fetch(account) == 0
    drain()
    (said,) = messages()
    assert (said.kind, said.visible_text, said.to_address, said.state) == ("text", "触摸屏黑屏了", f"{KFID}/{USER}", "received")
    assert session().scalars(select(Ticket)).one().channel == "wecom"
    assert session().scalars(select(Contact)).one().name == "王工"
    assert world.states[KFID, USER] == states.OURS


def test_pages_follow_each_other_and_a_page_that_comes_twice_changes_nothing(
    account: Account, world: KfWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "PAGE", 2)
    for number in range(5):
        world.say(USER, f"第 {number} 句")
    world.faults["repeat"] = 2
    assert fetch(account) == 5
    assert [m.text for m in messages()] == [f"第 {number} 句" for number in range(5)]
    assert session().scalars(select(KfSource)).one().cursor == "cur-5"


def test_killed_between_page_and_understanding_loses_nothing(
    account: Account, world: KfWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def dies(raw_id: int) -> None:
        raise Killed

    world.say(USER, "一")
    world.say(USER, "二")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(syncing, "understand", dies)
        fetch(account)
    source = session().scalars(select(KfSource)).one()
    assert (count(RawPayload), count(Message), source.cursor) == (2, 0, "cur-2")
    with clock.frozen(clock.now() + timedelta(minutes=5)):
        assert receiving.pick_up() == 2
    assert [m.text for m in messages()] == ["一", "二"]
    assert syncing.release_vanished() == 1
    assert fetch(account) == 0


def test_killed_before_the_page_was_kept_reads_it_again(
    account: Account, world: KfWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def dies(*given: Any, **named: Any) -> None:
        raise Killed

    world.say(USER, "一")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(syncing, "keep_raw", dies)
        fetch(account)
    assert (count(RawPayload), session().scalars(select(KfSource)).one().cursor) == (0, None)
    syncing.release_vanished()
    assert fetch(account) == 1


def test_a_lost_call_costs_minutes_and_no_message(account: Account, world: KfWorld, drain: Callable[[], int]) -> None:
    world.say(USER, "回调丢了")
    world.faults["silent"] = 1
    assert world.ring() == 0
    assert syncing.ring_due() == 1
    assert syncing.ring_due() == 0
    drain()
    assert [m.text for m in messages()] == ["回调丢了"]


def test_one_reads_at_a_time_and_who_rang_meanwhile_is_not_missed(
    account: Account, world: KfWorld, drain: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.say(USER, "一")
    held: list[int | None] = []
    call = syncing.api.call

    def busy(*given: Any) -> Any:
        page = call(*given)
        if given[1] == "kf/sync_msg" and not held:
            world.say(USER, "二")
            held.append(fetch(account))  # the doorbell of the second, while the first is in hand
        return page

    monkeypatch.setattr(syncing.api, "call", busy)
    assert fetch(account) == 1
    assert held == [None]
    monkeypatch.undo()
    drain()
    assert [m.text for m in messages()] == ["一", "二"]


def test_a_stranger_to_the_lease_writes_nothing(account: Account, world: KfWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.say(USER, "一")
    call = syncing.api.call

    def slow(*given: Any) -> Any:
        page = call(*given)
        with unit_of_work() as s:
            s.scalars(select(KfSource)).one().holder = "elsewhere:1"
        return page

    with monkeypatch.context() as patch:
        patch.setattr(syncing.api, "call", slow)
        fetch(account)
    source = session().scalars(select(KfSource)).one()
    assert (count(RawPayload), source.holder, source.cursor) == (0, "elsewhere:1", None)


def test_an_expired_token_is_renewed_once(account: Account, world: KfWorld) -> None:
    world.say(USER, "一")
    fetch(account)
    world.faults["expired"] = 1
    world.say(USER, "二")
    assert fetch(account) == 1
    assert world.calls["gettoken"] == 2


def test_a_wrong_set_up_is_said_in_words_and_tried_again(account: Account, world: KfWorld) -> None:
    world.say(USER, "一")
    fetch(account)
    world.faults["ip"] = 9
    assert fetch(account) == 0
    source = session().scalars(select(KfSource)).one()
    assert "IP" in unpack(source.error or "") and source.failures == 1
    world.faults.clear()
    world.say(USER, "二")
    assert fetch(account) == 1
    assert session().scalars(select(KfSource)).one().error is None


def test_an_answer_leaves_by_the_account_it_came_to(account: Account, world: KfWorld, drain: Callable[[], int]) -> None:
    world.say(USER, "一")
    fetch(account)
    drain()
    message_id = answer()
    drain()
    sent = session().get_one(Message, message_id)
    assert (sent.state, len(world.sent)) == ("sent", 1)
    assert (world.sent[0]["touser"], world.sent[0]["open_kfid"], world.sent[0]["text"]) == (USER, KFID, {"content": "请停机断电。"})
    assert world.sent[0]["msgid"] == f"{sent.provider_id}-1" and len(world.sent[0]["msgid"]) <= 32


def test_a_long_answer_goes_in_pieces_and_a_broken_line_doubles_none(account: Account, world: KfWorld) -> None:
    world.say(USER, "一")
    text = "请先断电，再看柜门滤棉。" * 200
    message = outbound(text)
    assert pieces_of(message) == 4
    world.faults["lost"] = 1
    with pytest.raises(SendFailed) as problem:
        CHANNEL.send(account, message)
    assert not problem.value.final
    CHANNEL.send(account, message)
    CHANNEL.send(account, message)
    pieces = [one["text"]["content"] for one in world.sent]
    assert len(pieces) == 4 and "".join(pieces) == text and all(piece.endswith("。") for piece in pieces)


def test_sent_again_by_a_person_it_has_another_id(account: Account, world: KfWorld, drain: Callable[[], int]) -> None:
    world.say(USER, "一")
    fetch(account)
    drain()
    world.faults["undelivered"] = 1
    message_id = answer()
    drain()
    fetch(account)
    drain()
    failed = session().get_one(Message, message_id)
    assert failed.state == "failed" and "没有送达" in unpack(failed.error or "")
    world.say(USER, "二")
    fetch(account)
    with unit_of_work():
        send_again(SYSTEM, message_id)
    drain()
    assert (session().get_one(Message, message_id).state, len(world.sent)) == ("sent", 1)


def test_a_refusal_that_is_heard_before_the_sending_ended_waits_for_it(
    account: Account, world: KfWorld, drain: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.say(USER, "一")
    fetch(account)
    drain()
    world.faults["undelivered"] = 1
    send = WecomChannel.send

    def heard_at_once(self: Any, *given: Any) -> str:
        base = send(self, *given)
        fetch(account)
        return base

    monkeypatch.setattr(WecomChannel, "send", heard_at_once)
    message_id = answer()
    drain()
    heard = session().scalars(select(EventRow).where(EventRow.name == "SignalHeard")).one()
    assert heard.payload["message_id"] is None
    assert session().get_one(Message, message_id).state == "failed"


def test_the_sixth_message_waits_for_the_customer(account: Account, world: KfWorld) -> None:
    world.say(USER, "一")
    for number in range(5):
        CHANNEL.send(account, Outbound(f"{number}@x", "k", f"{KFID}/{USER}", "", "", "答"))
    with pytest.raises(WindowShut) as problem:
        CHANNEL.send(account, Outbound("6@x", "k", f"{KFID}/{USER}", "", "", "答"))
    assert problem.value.spent
    world.spoke_at[KFID, USER] -= 49 * 3600
    with pytest.raises(WindowShut) as problem:
        CHANNEL.send(account, Outbound("7@x", "k", f"{KFID}/{USER}", "", "", "答"))
    assert not problem.value.spent


@pytest.mark.parametrize(("state", "words"), [(2, "接待池"), (3, "接待人员接待")])
def test_a_session_in_other_hands_is_said_in_words(account: Account, world: KfWorld, state: int, words: str) -> None:
    world.say(USER, "一")
    world.states[KFID, USER] = state
    with pytest.raises(SendFailed, match=words) as problem:
        CHANNEL.send(account, outbound("答"))
    assert problem.value.final and not world.sent


def test_95018_of_a_session_that_became_free_is_mended(account: Account, world: KfWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.say(USER, "一")
    world.states[KFID, USER] = 3
    present = states.present_state

    def freed(*given: Any) -> int:
        world.states[KFID, USER] = 0
        return present(*given)

    monkeypatch.setattr(states, "present_state", freed)
    CHANNEL.send(account, outbound("答"))
    assert len(world.sent) == 1 and world.states[KFID, USER] == states.OURS


def test_menus_cards_and_files(account: Account, world: KfWorld) -> None:
    world.say(USER, "一")
    menu = {"head": "请评价：", "items": [{"id": "rate:5", "text": "满意"}, {"id": "rate:1", "text": "不满意"}], "tail": "谢谢"}
    CHANNEL.send(account, Outbound("1@x", "k", f"{KFID}/{USER}", "", "", "请评价", kind="menu", meta=menu))
    card = {"title": "E07 处理办法" * 20, "text": "清灰", "url": "https://desk.example/a/1"}
    CHANNEL.send(account, Outbound("2@x", "k", f"{KFID}/{USER}", "", "", "看这篇", kind="card", meta=card))
    files = (InboundFile("a.png", "image/png", b"\x89PNG123"), InboundFile("手册.pdf", "application/pdf", b"%PDF-1.7"))
    CHANNEL.send(account, Outbound("3@x", "k", f"{KFID}/{USER}", "", "", "图", files=files))
    kinds = [one["msgtype"] for one in world.sent]
    assert kinds == ["msgmenu", "link", "text", "image", "file"]
    assert [one["click"]["id"] for one in world.sent[0]["msgmenu"]["list"]] == ["rate:5", "rate:1"]
    assert world.media[world.sent[4]["file"]["media_id"]][2] == b"%PDF-1.7"
    with pytest.raises(SendFailed, match="太大"):
        CHANNEL.send(account, Outbound("4@x", "k", f"{KFID}/{USER}", "", "", "", files=(InboundFile("x", "x/y", b""),)))


def test_a_file_of_a_customer_is_fetched_while_it_is_kept(account: Account, world: KfWorld) -> None:
    media_id = world.keep("voice.amr", "audio/amr", b"#!AMR\n123")
    found = CHANNEL.fetch(account, RemoteMedia(media_id, "voice"))
    assert (found.name, found.mime, found.content) == ("voice.amr", "audio/amr", b"#!AMR\n123")
    with pytest.raises(SendFailed, match="三天") as problem:
        CHANNEL.fetch(account, RemoteMedia("gone", "voice"))
    assert problem.value.final


def test_welcome_and_farewell_come_in_time_and_once(account: Account, world: KfWorld, drain: Callable[[], int]) -> None:
    world.enter(USER)
    fetch(account)
    drain()
    assert [one["text"]["content"] for one in world.sent] == ["您好，请说说设备型号和现象。"]
    with unit_of_work():
        set_account(SYSTEM, "kefu", {"rate_at_end": "yes"})
    world.end(USER)
    fetch(account)
    drain()
    assert world.sent[1]["msgtype"] == "msgmenu" and world.sent[1]["msgmenu"]["head_content"] == "感谢来访。"
    assert states.known_state(account.id, KFID, USER) == states.ENDED
    world.enter(USER)
    with clock.frozen(clock.now() + timedelta(seconds=40)):
        fetch(account)
        drain()
    assert len(world.sent) == 2


def test_a_recalled_message_is_marked(account: Account, world: KfWorld) -> None:
    number = world.say(USER, "说错了")
    world.event("user_recall_msg", USER, recall_msgid=number)
    fetch(account)
    assert messages()[0].meta["recalled"] is True


def test_one_person_with_one_unionid_is_one_contact(account: Account, world: KfWorld) -> None:
    with unit_of_work() as s:
        known = Contact(name="王工")
        s.add(known)
        s.flush()
        s.add(Identity(kind="unionid", value="uUnion1", contact_id=known.id))
        known_id = known.id
    world.names[USER], world.unionids[USER] = "大王", "uUnion1"
    world.say(USER, "一")
    fetch(account)
    mine = session().scalars(select(Identity).where(Identity.kind == "wecom")).one()
    assert mine.contact is not None and mine.contact.merged_into_id == known_id


def test_ids_keep_the_platforms_form() -> None:
    first = key_of(outbound("一"))
    assert first == key_of(outbound("二")) != key_of(outbound("一", meta={"round": 1}))
    assert len(first) == 26 and first.isalnum()


def test_no_job_is_left_over(account: Account, world: KfWorld, drain: Callable[[], int]) -> None:
    world.enter(USER)
    world.say(USER, "一")
    fetch(account)
    drain()
    assert {row.state for row in session().scalars(select(OutboxRow))} == {"done"}
    assert {row.state for row in session().scalars(select(RawPayload))} == {"parsed"}
    assert json.loads(json.dumps(messages()[0].meta)) == {}
