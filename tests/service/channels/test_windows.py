"""What a platform lets us send: counted once, given back when it did not count, held or refused with words."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core import clock, outbox
from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.text import unpack
from app.core.uow import unit_of_work
from channels import registry, sending, signals, windows
from channels.base import Inbound, Outbound, Sender, SendFailed, SendUndecided, Signal, WindowShut
from channels.models import Account, Conversation, Message, ReplyWindow
from channels.receiving import receive
from channels.settings import SPECS
from channels.window_settings import WINDOW_SETTINGS

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Ruled:
    """A channel whose platform answers as it is told: an exception to raise, or None to take the message."""

    kind, idempotent = "ruled", False

    def __init__(self) -> None:
        self.answers: list[Exception | None] = []
        self.taken: list[Outbound] = []

    def parse(self, account: Account, raw: bytes) -> Inbound:
        raise NotImplementedError

    def send(self, account: Account, message: Outbound) -> str | None:
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.taken.append(message)
        return f"platform-{len(self.taken)}"


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Ruled:
    channel = Ruled()
    monkeypatch.setitem(SPECS, "ruled", WINDOW_SETTINGS)  # type: ignore[misc]
    monkeypatch.setitem(registry.CHANNELS, "ruled", channel)  # type: ignore[misc]
    return channel


@pytest.fixture
def at(app: Any) -> Iterator[Callable[[datetime], None]]:
    """at(moment) sets the clock."""
    frozen: list[Any] = []

    def set_(moment: datetime) -> None:
        while frozen:
            frozen.pop().__exit__(None, None, None)
        stop = clock.frozen(moment)
        stop.__enter__()
        frozen.append(stop)

    set_(NOON)
    yield set_
    while frozen:
        frozen.pop().__exit__(None, None, None)


@pytest.fixture
def house(app: Any, platform: Ruled, at: Any) -> "House":
    with unit_of_work() as s:
        account = Account(kind="ruled", slug="oa", settings={})
        s.add(account)
        s.flush()
        return House(account.id, platform)


class House:
    def __init__(self, account_id: int, platform: Ruled) -> None:
        self.account_id, self.platform, self.heard = account_id, platform, 0

    def hears(self, text: str = "变频器报 E07", kind: str = "text") -> Conversation:
        self.heard += 1
        with unit_of_work() as s:
            inbound = Inbound(
                external_id=f"in-{self.heard}", sender=Sender("openid", "o-wang"), text=text, visible_text=text,
                sent_at=clock.now(), continues=True, kind=kind,
            )  # fmt: skip
            message = receive(s.get_one(Account, self.account_id), inbound)
            assert message is not None
            return message.conversation

    def writes(self, conversation: Conversation, text: str = "请看风扇") -> int:
        with unit_of_work() as s:
            return sending.queue_message(SYSTEM, s.get_one(Conversation, conversation.id), text).id

    def left(self, conversation: Conversation) -> windows.Left:
        session().rollback()
        found = windows.left(session().get_one(Conversation, conversation.id))
        assert found is not None
        return found


def state(message_id: int) -> tuple[str, str]:
    session().rollback()
    message = session().get_one(Message, message_id)
    return message.state, unpack(message.error or "")


def test_words_grant_five_in_two_days_and_waiting_answers_count(house, drain):
    line = house.hears()
    assert house.left(line) == windows.Left(5, NOON + timedelta(hours=48), 1)
    house.writes(line)
    assert house.left(line).messages == 4  # it waits, and nobody else may take its place
    drain()
    assert house.left(line).messages == 4
    assert len(house.platform.taken) == 1


def test_an_account_without_a_law_has_no_limit(app):
    with unit_of_work() as s:
        account = Account(kind="email", slug="m", settings={})
        s.add(account)
        s.flush()
        line = Conversation(account_id=account.id)
        s.add(line)
        s.flush()
        windows.opened(line, "message")
        assert windows.left(line) is None
        assert s.query(ReplyWindow).count() == 0


def test_numbers_are_settings_of_the_account(house):
    with unit_of_work() as s:
        s.get_one(Account, house.account_id).settings = {"window_messages": "2", "window_hours": "1", "window_reserve": "0"}
    assert house.left(house.hears()) == windows.Left(2, NOON + timedelta(hours=1), 0)


def test_the_sixth_waits_for_the_customers_next_words_and_then_leaves(house, drain):
    line = house.hears()
    ids = [house.writes(line, f"第 {n} 条") for n in range(1, 7)]
    drain()
    assert len(house.platform.taken) == 5
    assert state(ids[5]) == ("held", "平台允许的 5 条已经发完，等客户再写一句才能发。")
    found = house.left(line)
    assert (found.messages, found.waits) == (0, True)
    drain()
    assert len(house.platform.taken) == 5
    house.hears("还在吗")
    drain()
    assert state(ids[5])[0] == "sent"
    assert [m.text for m in house.platform.taken][-1] == "第 6 条"
    assert house.left(line).messages == 4


def test_after_two_days_a_message_fails_with_the_reason(house, drain, at):
    line = house.hears()
    late = house.writes(line)
    at(NOON + timedelta(hours=48, seconds=1))
    drain()
    assert state(late) == ("failed", "客户上次写话已过 48 小时，平台不再接收。")
    assert house.platform.taken == []
    assert unpack(house.left(line).refusal) == "客户上次写话已过 48 小时，平台不再接收。"


def test_a_menu_grant_is_spent_before_the_grant_of_words_that_lasts_longer(house, drain, at):
    line = house.hears()
    house.hears("解决了", kind="menu")
    assert house.left(line) == windows.Left(8, NOON + timedelta(hours=48), 1)
    for _ in range(2):
        house.writes(line)
    drain()
    used = {row.why: row.used for row in session().query(ReplyWindow)}
    assert used == {"message": 0, "click": 2}
    at(NOON + timedelta(seconds=61))
    assert house.left(line).messages == 5


def test_a_click_alone_lets_three_out_within_a_minute(house, drain, at):
    line = house.hears("解决了", kind="menu")
    ids = [house.writes(line) for _ in range(4)]
    drain()
    assert [state(n)[0] for n in ids] == ["sent", "sent", "sent", "held"]
    at(NOON + timedelta(minutes=2))
    assert unpack(house.left(line).refusal) == "客户还没有在这里写过话，平台不允许我们先发。"


def test_what_certainly_did_not_arrive_is_given_back(house, drain):
    line = house.hears()
    house.platform.answers = [SendFailed("令牌无效", final=True)]
    failed = house.writes(line)
    drain()
    assert state(failed)[0] == "failed"
    assert house.left(line).messages == 5


def test_what_is_undecided_stays_counted(house, drain):
    line = house.hears()
    house.platform.answers = [SendUndecided("连接断了")]
    unsure = house.writes(line)
    drain()
    assert state(unsure)[0] == "undecided"
    assert house.left(line).messages == 4


def test_a_late_failure_gives_nothing_back_to_a_newer_grant(house, drain):
    line = house.hears()
    with unit_of_work() as s:
        message = s.get_one(Message, sending.queue_message(SYSTEM, s.get_one(Conversation, line.id), "一").id)
        assert windows.spend(message) is None
    house.hears("第二句")
    house.writes(line, "二")
    drain()
    with unit_of_work() as s:
        windows.give_back(s.get_one(Message, message.id))
        assert [row.used for row in s.query(ReplyWindow)] == [1]  # what was sent on the newer one stays counted


def test_the_platforms_count_holds_or_closes(house, drain):
    line = house.hears()
    house.platform.answers = [WindowShut("超过条数", spent=True)]
    held = house.writes(line)
    drain()
    assert state(held) == ("held", "超过条数")
    assert house.left(line).messages == 0
    house.hears("在")
    drain()
    assert state(held)[0] == "sent"
    house.platform.answers = [WindowShut("已取消会话", spent=False)]
    failed = house.writes(line)
    drain()
    assert state(failed) == ("failed", "已取消会话")
    assert unpack(house.left(line).refusal) == "已取消会话"
    house.hears("又来了")
    assert house.left(line).messages == 5


def test_a_refused_signal_closes_the_window_of_its_message(house, drain):
    line = house.hears()
    sent = house.writes(line)
    drain()
    with unit_of_work() as s:
        account = s.get_one(Account, house.account_id)
        signals.hear(account, Signal("f1", "refused", about="platform-1", reason="超过 5 条", meta={"window": "spent"}))
    assert state(sent) == ("failed", "超过 5 条")
    found = house.left(line)
    assert (found.messages, found.waits) == (0, True)


def test_a_click_signal_and_leaving_change_what_may_be_sent(house, drain, at):
    line = house.hears()
    at(NOON + timedelta(days=3))
    assert house.left(line).messages == 0
    with unit_of_work() as s:
        account = s.get_one(Account, house.account_id)
        signals.hear(account, Signal("c1", "clicked", Sender("openid", "o-wang"), at=clock.now()))
    assert house.left(line).messages == 3
    with unit_of_work() as s:
        account = s.get_one(Account, house.account_id)
        signals.hear(account, Signal("u1", "unfollowed", Sender("openid", "o-wang")))
    assert unpack(house.left(line).refusal) == "客户已取消关注或拒收，平台不再接收。"


def test_an_older_message_understood_late_changes_nothing(house, at):
    line = house.hears()
    with unit_of_work() as s:
        windows.opened(s.get_one(Conversation, line.id), "message", NOON - timedelta(hours=40))
    assert house.left(line).until == NOON + timedelta(hours=48)


def test_two_senders_do_not_share_the_last_message(house, app):
    with unit_of_work() as s:
        s.get_one(Account, house.account_id).settings = {"window_messages": "1"}
    line = house.hears()
    ids = [house.writes(line, "甲"), house.writes(line, "乙")]
    session().rollback()
    gate, seen = threading.Barrier(2), []

    def send(message_id: int) -> None:
        with app.app_context():
            gate.wait()
            with unit_of_work() as s:
                seen.append(windows.spend(s.get_one(Message, message_id)))

    threads = [threading.Thread(target=send, args=(n,)) for n in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found is None for found in seen) == [False, True]
    assert [row.used for row in session().query(ReplyWindow)] == [1]


def test_held_messages_can_be_taken_back_or_sent_anyway(house, drain, make_user):
    with unit_of_work() as s:
        s.get_one(Account, house.account_id).settings = {"window_messages": "0"}
    line = house.hears()
    first, second = house.writes(line, "甲"), house.writes(line, "乙")
    drain()
    actor = make_user("agent").actor("page")
    with unit_of_work():
        sending.give_up(actor, first)
        sending.send_again(actor, second)
    assert [state(first)[0], state(second)[0]] == ["withdrawn", "queued"]
    drain()
    assert state(second)[0] == "held"
    assert outbox.counts()["dead"] == 0


def test_a_failed_message_leaves_the_list_when_it_is_not_needed(house, drain, make_user):
    line = house.hears()
    house.platform.answers = [SendFailed("拒收", final=True)]
    failed = house.writes(line)
    drain()
    with unit_of_work():
        sending.give_up(make_user("agent").actor("page"), failed)
    assert session().get_one(Message, failed).settled_at == NOON
