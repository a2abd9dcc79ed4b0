"""Answers by WeChat: what the platform says is acted on, shown at the message, and nothing is sent twice unseen."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.core import clock
from app.core.db import session
from app.core.directory.merging import kept, unmerge_contact
from app.core.events import OutboxRow
from app.core.files import StoredFile, store_file
from app.core.people import Contact, Identity
from app.core.permissions import SYSTEM
from app.core.text import unpack
from app.core.uow import unit_of_work
from app.simulator.samples import PICTURE
from app.simulator.wechat_phone import Hands
from channels.models import Message, ReplyWindow
from channels.reaching.models import Outreach
from channels.registry import channel_for
from channels.trouble import troubles
from channels.wechat.tokens import token_of
from tests.conftest import FreshClient
from tests.service.channels.wechat_party import WANG, Party, count, playing


@pytest.fixture
def wx(app: Flask, client: FreshClient, drain: Callable[[], int]) -> Iterator[tuple[Party, Hands]]:
    with playing(app, client, drain) as (party, hands):
        hands.say(WANG, "变频器跳 E07")
        drain()
        yield party, hands


def fail(party: Party, fault: str, times: int = 1) -> Message:
    party.world.faults[fault] = times
    message_id = party.answer()
    party.drain()
    return party.message(message_id)


def due() -> OutboxRow:
    session().rollback()
    return session().scalars(select(OutboxRow).where(OutboxRow.reaction == "deliver_message").order_by(OutboxRow.id.desc())).first()  # type: ignore[return-value]


def test_words_arrive(wx: tuple[Party, Hands]):
    party, _ = wx
    message = party.message(party.answer("请停机断电。"))
    party.drain()
    assert party.message(message.id).state == "sent"
    assert [(one["touser"], one["text"]["content"]) for one in party.sent()] == [(WANG, "请停机断电。")]
    assert not channel_for("wechat").idempotent


def test_one_token_serves_many(wx: tuple[Party, Hands]):
    party, _ = wx
    for _ in range(3):
        party.answer()
    party.drain()
    assert party.world.calls["stable_token"] == 1 and len(party.sent()) == 3
    row = token_of(party.account_id)
    assert row is not None and row.token is not None and row.token.startswith("sealed:") and "sim_" not in row.token


def test_an_expired_token_is_renewed_once(wx: tuple[Party, Hands]):
    party, _ = wx
    assert fail(party, "expired").state == "sent"
    assert party.world.calls["stable_token"] == 2 and len(party.sent()) == 1
    again = fail(party, "expired", 2)
    assert again.state == "queued" and "42001" in unpack(again.error or "")


def test_the_quota_of_the_day_is_waited_for_and_the_administrators_hear_of_it_once(wx: tuple[Party, Hands], make_user):
    party, _ = wx
    admin = make_user("administrator")
    noon = datetime(2026, 11, 22, 4, tzinfo=UTC)
    with clock.frozen(noon):
        first = fail(party, "quota")
        second = party.answer("另外请看说明书。")
        party.drain()
    midnight = datetime(2026, 11, 22, 16, 5, tzinfo=UTC)
    for number in (first.id, second):
        waiting = party.message(number)
        assert (waiting.state, waiting.leaves_at) == ("queued", midnight)
    assert "45009" in unpack(party.message(first.id).error or "")
    assert "45009" in unpack(troubles()[party.account_id].reason)
    told = session().scalars(select(Outreach).where(Outreach.purpose == "alarm")).all()
    assert [(row.user_id, "gzh" in row.words["zh"]["subject"]) for row in told] == [(admin.id, True)]
    with clock.frozen(midnight - timedelta(minutes=6)):
        party.drain()
        assert not party.sent() and party.message(first.id).state == "queued"
    with clock.frozen(midnight + timedelta(seconds=1)):
        party.drain()
    assert [one["text"]["content"] for one in party.sent()] == ["请停机断电。", "另外请看说明书。"]
    session().expire_all()
    assert not troubles()


def test_a_message_that_waited_for_days_is_given_up(wx: tuple[Party, Hands]):
    party, _ = wx
    party.world.faults["quota"] = 1
    message_id = party.answer()
    with unit_of_work() as s:
        s.get_one(Message, message_id).created_at -= timedelta(days=4)
    party.drain()
    message = party.message(message_id)
    assert message.state == "failed" and "45009" in unpack(message.error or "") and due().state == "done"


@pytest.mark.parametrize(("fault", "code"), [("busy", "-1")])
def test_what_passes_is_tried_again(wx: tuple[Party, Hands], fault: str, code: str):
    party, _ = wx
    message = fail(party, fault)
    assert message.state == "queued" and code in unpack(message.error or "")
    with clock.frozen(due().due_at):
        party.drain()
    assert party.message(message.id).state == "sent" and len(party.sent()) == 1


def test_a_wrong_address_is_told_to_the_administrator(wx: tuple[Party, Hands]):
    party, _ = wx
    message = fail(party, "ip")
    assert "白名单" in unpack(message.error or "") and message.state == "queued"
    assert "白名单" in unpack(troubles()[party.account_id].reason)
    with clock.frozen(due().due_at):
        party.drain()
    session().expire_all()
    assert party.message(message.id).state == "sent" and not troubles()


def test_a_wrong_secret_stands_at_the_account(wx: tuple[Party, Hands]):
    party, _ = wx
    party.set(secret="other")
    party.answer()
    party.drain()
    row = token_of(party.account_id)
    assert row is not None and "AppSecret" in unpack(row.error or "") and row.failed_at is not None
    assert "AppSecret" in unpack(troubles()[party.account_id].reason) and not party.sent()


def test_whoever_is_gone_is_not_called_again(wx: tuple[Party, Hands]):
    party, _ = wx
    party.world.phone(WANG).following = False
    message_id = party.answer()
    party.drain()
    message = party.message(message_id)
    assert message.state == "failed" and "43004" in unpack(message.error or "")
    assert not session().scalars(select(Identity).where(Identity.kind == "openid")).one().reachable
    assert not troubles()


def test_the_window_of_the_platform_wins(wx: tuple[Party, Hands]):
    party, hands = wx
    spent = fail(party, "spent")
    assert spent.state == "held" and unpack(spent.error or "")
    hands.say(WANG, "还在吗")
    party.drain()
    assert party.message(spent.id).state == "sent"
    assert fail(party, "closed").state == "failed"


def test_the_line_breaks_after_it_was_taken(wx: tuple[Party, Hands]):
    party, _ = wx
    assert fail(party, "lost").state == "undecided"
    with clock.frozen(clock.now() + timedelta(days=1)):
        party.drain()
    assert len(party.sent()) == 1


def test_nobody_listens(wx: tuple[Party, Hands]):
    party, _ = wx
    party.set(api_base="http://127.0.0.1:1")
    message_id = party.answer()
    party.drain()
    assert party.message(message_id).state == "queued", "nothing has left, so nothing is undecided"


def test_a_long_answer_goes_in_pieces_and_says_where_it_stopped(wx: tuple[Party, Hands]):
    party, hands = wx
    long = "请先停机断电，再看风扇。" * 130
    message_id = party.answer(long)
    party.drain()
    assert party.message(message_id).state == "sent" and "".join(one["text"]["content"] for one in party.sent()) == long
    party.sent().clear()
    hands.say(WANG, "看了，没用")
    party.world.phone(WANG).grants["message"].left = 2
    message_id = party.answer(long)
    party.drain()
    message = party.message(message_id)
    assert message.state == "undecided" and len(party.sent()) == 2 and "前 2 条" in unpack(message.error or "")


def test_every_part_counts(wx: tuple[Party, Hands]):
    party, hands = wx
    party.answer("请先停机断电，再看风扇。" * 130)
    party.drain()
    parts = len(party.sent())
    assert parts == 3 and session().scalars(select(ReplyWindow.used)).one() == parts
    waits = party.answer("请先停机断电，再看风扇。" * 130)
    never = party.answer("请先停机断电，再看风扇。" * 400)
    party.drain()
    assert (party.message(waits).state, party.message(never).state) == ("held", "failed")
    hands.say(WANG, "还在吗")
    party.drain()
    assert party.message(waits).state == "sent" and len(party.sent()) == 2 * parts


def test_a_picture_is_handed_over_and_handed_over_again(wx: tuple[Party, Hands]):
    party, _ = wx
    with unit_of_work():
        files = [store_file(PICTURE, "铭牌.png", "image/png"), store_file(b"%PDF-1.4 manual", "说明书.pdf", "application/pdf")]
    party.world.faults.update(media=1)
    message_id = party.answer("请看图", files=files)
    party.drain()
    assert party.message(message_id).state == "sent" and party.world.calls["media/upload"] == 2
    words, picture = party.sent()
    assert party.world.kept(picture["image"]["media_id"])[2] == PICTURE  # type: ignore[index]
    link = next(line for line in words["text"]["content"].splitlines() if "/f/" in line)
    got = party.client.get(link[link.index("/f/") :])
    assert (got.status_code, got.data) == (200, b"%PDF-1.4 manual") and "attachment" in got.headers["Content-Disposition"]
    assert party.client.get(link[link.index("/f/") :][:-1] + "x").status_code == 404


def test_a_menu_is_answered_by_a_tap(wx: tuple[Party, Hands]):
    party, hands = wx
    items = [{"id": "good", "text": "满意"}, {"id": "bad", "text": "不满意"}]
    party.answer("您对这次处理满意吗？", kind="menu", meta={"head": "您对这次处理满意吗？", "items": items, "tail": ""})
    party.drain()
    assert party.sent()[-1]["msgtype"] == "msgmenu" and party.world.phone(WANG).screen[-1]["items"] == items
    hands.tap(WANG, "good", "满意")
    tapped = session().scalars(select(Message).order_by(Message.id.desc())).first()
    assert tapped is not None and (tapped.kind, tapped.meta["item"], tapped.text) == ("menu", "good", "满意")


@pytest.mark.parametrize("blocked", [False, True])
def test_a_template_tells_afterwards_how_it_went(wx: tuple[Party, Hands], blocked: bool):
    party, _ = wx
    party.world.phone(WANG).grants.clear()
    party.world.phone(WANG).blocked = blocked
    message_id = party.answer("工程师明天九点到。", kind="template", meta={"template_id": "T1", "data": {"time": "明天九点"}, "url": "https://a.example"})
    party.drain()
    assert party.message(message_id).state == "sent" and party.message(message_id).provider_id
    party.told()
    message = party.message(message_id)
    assert message.state == ("failed" if blocked else "sent") and bool(message.meta.get("delivered_at")) is not blocked


def test_typing_is_shown_once_in_a_while(wx: tuple[Party, Hands]):
    party, _ = wx
    channel, account = channel_for("wechat"), party.account
    session().expunge(account)
    session().rollback()
    assert channel.typing(account, WANG, True) is True  # type: ignore[attr-defined]
    assert party.world.phone(WANG).typing_until > party.world.clock()
    assert channel.typing(account, WANG, True) is False, "the platform shows it for 15 seconds"  # type: ignore[attr-defined]
    assert channel.typing(account, WANG, False) is True  # type: ignore[attr-defined]
    assert channel.typing(account, "oNobody", True) is False  # type: ignore[attr-defined]


def test_one_unionid_is_one_person_and_may_be_taken_apart(wx: tuple[Party, Hands]):
    party, hands = wx
    party.world.phone("oWangSecond", "王浩", "uWang0001")
    party.world.phone("oStranger", "", "")
    hands.say("oWangSecond", "我用另一个号说")
    hands.say("oStranger", "我是别人")
    party.drain()
    party.drain()
    session().rollback()
    who = {i.value: i.contact for i in session().scalars(select(Identity).where(Identity.kind == "openid"))}
    first, second, stranger = (who[openid] for openid in (WANG, "oWangSecond", "oStranger"))
    assert first is not None and second is not None and stranger is not None
    assert kept(second).id == first.id != kept(stranger).id and first.name == "王工"
    assert party.world.calls["user/info"] == 3
    with unit_of_work():
        unmerge_contact(SYSTEM, second.id)
    hands.say("oWangSecond", "再说一句")
    party.drain()
    session().expire_all()
    assert kept(session().get_one(Contact, second.id)).id == second.id, "what a person took apart stays apart"
    assert party.world.calls["user/info"] == 3, "each is asked about once"


def test_files_of_messages_are_fetched_at_once(wx: tuple[Party, Hands]):
    party, hands = wx
    from app.simulator.samples import beep

    hands.send(WANG, "voice", "voice.amr", "audio/amr", beep())
    hands.send(WANG, "image", "image.jpg", "image/jpeg", PICTURE)
    hands.send(WANG, "video", "video.mp4", "video/mp4", b"\x00\x00\x00\x18ftypmp42" + b"x" * 50)
    party.drain()
    session().rollback()
    voice, image, video = session().scalars(select(Message).where(Message.kind != "text").order_by(Message.id)).all()
    assert [m.meta["media"][0]["state"] for m in (voice, image, video)] == ["kept"] * 3 and voice.meta["seconds"] == 2.0

    def files(message: Message) -> list[tuple[str, str]]:
        rows = select(StoredFile).where(StoredFile.owner == "message", StoredFile.owner_id == message.id).order_by(StoredFile.id)
        return [(f.name, f.mime) for f in session().scalars(rows)]

    assert files(voice) == [("voice.mp3", "audio/mpeg"), ("voice.amr", "audio/amr")]
    assert files(image) == [("image.png", "image/png")] and files(video) == [("video.mp4", "video/mp4")]


def test_a_file_that_does_not_come_says_why(wx: tuple[Party, Hands]):
    from channels.media import fetch_again

    party, hands = wx
    party.world.faults.update(busy=1)
    hands.send(WANG, "image", "image.jpg", "image/jpeg", PICTURE)
    party.drain()
    message = session().scalars(select(Message).where(Message.kind == "image")).one()
    assert message.meta["media"][0]["state"] == "wanted" and "-1" in unpack(message.meta["media"][0]["reason"])
    party.world.faults.update(media=1)
    with clock.frozen(clock.now() + timedelta(minutes=5)):
        party.drain()
    session().expire_all()
    assert message.meta["media"][0]["state"] == "failed" and unpack(message.meta["media"][0]["reason"])
    with unit_of_work():
        fetch_again(SYSTEM, message.id)
    party.drain()
    session().expire_all()
    assert message.meta["media"][0]["state"] == "kept" and count(StoredFile, StoredFile.owner_id == message.id) == 1


def test_after_three_days_it_is_not_asked_for(wx: tuple[Party, Hands]):
    party, hands = wx
    hands.send(WANG, "image", "image.jpg", "image/jpeg", PICTURE)
    before = party.world.calls["media/get"]
    with clock.frozen(clock.now() + timedelta(days=4)):
        party.drain()
    message = session().scalars(select(Message).where(Message.kind == "image")).one()
    session().expire_all()
    assert message.meta["media"][0]["state"] == "failed" and party.world.calls["media/get"] == before


def test_the_phone_shows_that_an_agent_writes(wx: tuple[Party, Hands]):
    from app.writing_told import FRESH, tell_writing
    from workflows import service as desk

    party, _ = wx
    ticket = desk.tickets_of_conversation(party.line().id)[0].id
    tell_writing(ticket)
    party.drain()
    assert party.world.phone(WANG).typing_until > party.world.clock()
    before = party.world.calls["message/custom/typing"]
    with clock.frozen(clock.now() + FRESH + timedelta(seconds=1)):
        tell_writing(ticket)
        party.drain()
    assert party.world.calls["message/custom/typing"] == before == 1, "later the platform does not show it"
