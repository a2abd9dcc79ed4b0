"""The ladder: it stops at the first rung that arrived, goes on by itself, and never sends a rung twice."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock, outbox
from app.core.db import session
from app.core.errors import Invalid
from app.core.events import OutboxRow, record
from app.core.people import Identity, Team, User
from app.core.permissions import SYSTEM
from app.core.text import unpack
from app.core.uow import unit_of_work
from app.reach import reaching
from channels import windows
from channels.accounts import add_account, set_active
from channels.base import Inbound, Sender, SendFailed, SendUndecided, Signal
from channels.models import Account, Conversation, Message, RawPayload
from channels.reaching import ladder, plans
from channels.reaching.events import OutreachDue
from channels.reaching.models import Outreach, OutreachRung
from channels.reaching.plans import DEFAULTS, OFFERED, WAYS, quiet_until, save_plan, set_robot, set_wish
from channels.reaching.ways import find
from channels.receiving import receive
from channels.sending import mark_returned
from channels.signals import hear
from tests.service.reaching.conftest import MAIL, NOON, PHONE, House, messages_out, rungs
from workflows import service as desk
from workflows.call_models import CallTask
from workflows.call_tasks import CALL_TASK
from workflows.engine import take

Drain = Callable[[], int]
MINUTE = timedelta(minutes=1)


def tell(house: House, words: Any, purpose: str = "appointment", key: str = "k1") -> Outreach:
    with unit_of_work():
        return reaching.tell_customer(house.ticket, purpose, key, words)


def after(minutes: float, drain: Drain) -> None:
    clock.advance(timedelta(minutes=minutes))
    drain()


def test_it_stops_where_the_mail_was_taken_and_did_not_come_back(house: House, words: Any, drain: Drain) -> None:
    told = tell(house, words)
    drain()
    assert len(house.mail.taken) == 1 and told.state == "open"
    after(16, drain)
    session().refresh(told)
    assert (rungs(told), told.state, told.reached_at) == ([("line", "delivered")], "reached", clock.now())
    after(600, drain)
    assert not house.sms.taken and len(house.mail.taken) == 1


def test_what_is_asked_twice_is_told_once(house: House, words: Any, drain: Drain) -> None:
    first, second = tell(house, words), tell(house, words)
    drain()
    assert first.id == second.id and len(house.mail.taken) == 1


def test_a_refused_mail_goes_on_to_the_phone_at_once(house: House, words: Any, drain: Drain) -> None:
    house.mail.problems.append(SendFailed("没有这个地址。", final=True))
    told = tell(house, words)
    drain()
    assert [r for r in rungs(told) if r[1] != "skipped"] == [("line", "failed"), ("sms", "tried")]
    (sms,) = house.sms.taken
    assert (sms.to, sms.text, sms.meta["purpose"]) == (PHONE, "已约好。", "appointment")
    assert sms.meta["params"]["number"] == str(house.ticket.number)
    reasons = {rung.way: unpack(rung.reason) for rung in told.rungs}
    assert reasons["line"] == "没有这个地址。" and reasons["wechat"] == "没有这个渠道的身份。"


def test_the_status_report_ends_it(house: House, words: Any, drain: Drain) -> None:
    house.mail.problems.append(SendFailed("没有这个地址。", final=True))
    told = tell(house, words)
    drain()
    account = session().scalars(select(Account).where(Account.kind == "sms")).one()
    with unit_of_work():
        hear(account, Signal("s1", "delivered", about="sms-1"))
    drain()
    session().refresh(told)
    assert (told.state, rungs(told)[-1]) == ("reached", ("sms", "delivered"))
    after(60, drain)
    assert session().query(CallTask).count() == 0


def test_a_refusal_by_status_report_goes_on_to_the_call(house: House, words: Any, drain: Drain) -> None:
    house.mail.problems.append(SendFailed("没有这个地址。", final=True))
    told = tell(house, words)
    drain()
    account = session().scalars(select(Account).where(Account.kind == "sms")).one()
    with unit_of_work():
        hear(account, Signal("s1", "refused", about="sms-1", reason="MOBILE_NOT_ON_SERVICE"))
    drain()
    task = session().query(CallTask).one()
    assert (told.state, rungs(told)[-2:]) == ("exhausted", [("email", "skipped"), ("call", "tried")])
    assert (task.number, task.reason, task.ticket_id, task.contact_id) == (PHONE, "unreached", house.ticket.id, house.person.id)


def test_silence_of_the_gateway_goes_on_after_its_time_only(house: House, words: Any, drain: Drain) -> None:
    house.mail.problems.append(SendFailed("没有这个地址。", final=True))
    told = tell(house, words)
    drain()
    after(14, drain)
    assert rungs(told)[-1] == ("sms", "tried")
    after(2, drain)
    assert rungs(told)[-1] == ("call", "tried")
    assert unpack(told.rungs[-3].reason) == "到时间还没有送达的消息。"


@pytest.mark.parametrize(("result", "state"), [("reached", "reached"), ("not_needed", "exhausted")])
def test_the_call_ends_it(result: str, state: str, house: House, words: Any, drain: Drain, actor: Any) -> None:
    with unit_of_work():
        save_plan(SYSTEM, "appointment", "customer", [("call", 0)])
    told, agent = tell(house, words), actor("agent")
    drain()
    task = session().query(CallTask).one()
    with unit_of_work():
        take(CALL_TASK, task, "log", agent, result=result)
    drain()
    session().refresh(told)
    assert (told.state, rungs(told)) == (state, [("call", "delivered" if state == "reached" else "failed")])
    drain()
    assert session().query(CallTask).count() == 1


def test_a_bounce_that_comes_late_opens_it_again(house: House, words: Any, drain: Drain) -> None:
    told = tell(house, words)
    drain()
    after(16, drain)
    session().refresh(told)
    assert told.state == "reached"
    with unit_of_work():
        mark_returned(session().get_one(Message, told.rungs[0].message_id), "5.1.1")
    drain()
    assert rungs(told)[0] == ("line", "failed") and rungs(told)[-1] == ("sms", "tried") and told.state == "open"


def test_an_undecided_mail_is_not_repeated_and_its_time_runs(house: House, words: Any, drain: Drain) -> None:
    house.mail.problems.append(SendUndecided("断线。"))
    told = tell(house, words)
    drain()
    after(29, drain)
    assert rungs(told) == [("line", "tried")] and not house.mail.taken
    after(2, drain)
    assert rungs(told)[-1] == ("sms", "tried") and unpack(told.rungs[0].reason) == "断线。"


def test_an_answer_of_the_person_shows_that_they_read_it(house: House, words: Any, drain: Drain) -> None:
    told = tell(house, words)
    drain()
    account = session().scalars(select(Account).where(Account.kind == "email")).one()
    with unit_of_work():
        receive(account, Inbound("m2", Sender("email", MAIL), "可以", "可以，那天我在现场", answers=(told_id(told),)))
    drain()
    assert rungs(told) == [("line", "delivered")]


def told_id(told: Outreach) -> str:
    return session().get_one(Message, told.rungs[0].message_id).external_id


def test_killed_between_any_two_steps_it_goes_on_and_repeats_nothing(house: House, words: Any, drain: Drain) -> None:
    """The same event again, as after a crash before its mark, moves nothing a second time."""
    house.mail.problems.append(SendFailed("没有这个地址。", final=True))
    told = tell(house, words)
    drain()
    before = rungs(told)
    for position in (0, *(rung.id for rung in told.rungs[:-1])):
        with unit_of_work():
            record(OutreachDue(outreach_id=told.id, after=position))
    drain()
    assert rungs(told) == before and len(house.sms.taken) == 1
    for _turn in range(3):
        with unit_of_work():
            record(OutreachDue(outreach_id=told.id, after=told.rungs[-1].id))
        drain()
    assert rungs(told) == before, "before its time is over a rung stays"


def test_killed_in_the_send_to_a_colleague_is_undecided(house: House, words: Any, drain: Drain, make_user: Any) -> None:
    user = make_user("agent", email="a@hengchuan.example")

    class Killed(BaseException):
        pass

    house.mail.problems.append(Killed())
    with unit_of_work():
        told = reaching.tell_colleague(user, "progress", "k2", words, subject=("ticket", house.ticket.number))
    with pytest.raises(Killed):
        drain()
    assert outbox.release_vanished() == 1
    drain()
    mail = next(rung for rung in told.rungs if rung.way == "email")
    session().refresh(mail)
    assert (mail.sending, mail.state, house.mail.taken) == ("undecided", "tried", [])


def test_nobodys_phone_rings_at_night(house: House, words: Any, drain: Drain) -> None:
    house.mail.problems.append(SendFailed("没有这个地址。", final=True))
    with clock.frozen(NOON.replace(hour=15)):  # 23:00 in China
        told = tell(house, words)
        drain()
        assert rungs(told)[-1][0] != "sms" and told.next_at == NOON.replace(hour=0) + timedelta(days=1)
        assert "静默" in unpack(told.waiting)
    with clock.frozen(NOON + timedelta(hours=20)):
        drain()
    assert rungs(told)[-1] == ("sms", "tried")


def test_quiet_hours_across_midnight_and_none() -> None:
    night = NOON.replace(hour=15)
    assert quiet_until(NOON) is None
    assert quiet_until(night) == quiet_until(night + timedelta(hours=6)) == NOON.replace(hour=0) + timedelta(days=1)
    begins, ends = plans.QUIET.begins, plans.QUIET.ends
    try:
        plans.use_quiet("00:00-00:00", "Asia/Shanghai", 15)
        assert quiet_until(night) is None
        plans.use_quiet("12:00-13:30", "Asia/Shanghai", 15)
        assert quiet_until(NOON) == NOON + timedelta(minutes=90) and quiet_until(NOON + timedelta(minutes=90)) is None
    finally:
        plans.QUIET.begins, plans.QUIET.ends = begins, ends


def test_what_the_person_wishes(house: House, words: Any, drain: Drain) -> None:
    with unit_of_work():
        set_wish(SYSTEM, house.person, prefer="sms", off=["line"])
    told = tell(house, words)
    drain()
    assert rungs(told) == [("sms", "tried")] and not house.mail.taken
    after(16, drain)
    assert ("line", "skipped") in rungs(told) and unpack(told.rungs[1].reason) == "本人不要这种方式。"
    with pytest.raises(Invalid), unit_of_work():
        set_wish(SYSTEM, house.person, prefer="sms", off=["sms"])


def test_the_answer_to_a_short_message_comes_to_the_ticket(house: House, words: Any, drain: Drain) -> None:
    house.mail.problems.append(SendFailed("没有这个地址。", final=True))
    told = tell(house, words)
    drain()
    sms = session().scalars(select(Account).where(Account.kind == "sms")).one()
    with unit_of_work():
        receive(sms, Inbound("up1", Sender("phone", PHONE, verified=True), "周三不行，改周四", "周三不行，改周四", continues=True))
    drain()
    message = session().scalars(select(Message).where(Message.external_id == "up1")).one()
    assert [t.id for t in desk.tickets_of_conversation(message.conversation_id)] == [house.ticket.id]
    assert rungs(told)[-1] == ("sms", "delivered")


def test_addresses_of_many_and_guessed_ones_get_nothing(house: House, words: Any, drain: Drain) -> None:
    with unit_of_work() as s:
        for one in s.query(Identity).all():
            one.shared, one.suspect = one.kind == "phone", one.kind == "email"
        save_plan(SYSTEM, "appointment", "customer", [("sms", 5), ("email", 5), ("call", 0)])
    told = tell(house, words)
    assert rungs(told) == [("sms", "skipped"), ("email", "skipped"), ("call", "skipped")] and told.state == "exhausted"


def test_what_is_no_longer_needed_is_taken_back(house: House, words: Any, drain: Drain) -> None:
    told = tell(house, words)
    with unit_of_work():
        reaching.drop_open("ticket", house.ticket.number, ["appointment"])
    drain()
    session().refresh(told)
    assert told.state == "withdrawn" and not house.mail.taken
    after(600, drain)
    assert not house.sms.taken


def test_an_answer_that_fails_is_told_of_otherwise(house: House, drain: Drain, actor: Any) -> None:
    agent = actor("agent")
    house.mail.problems.append(SendFailed("没有这个地址。", final=True))
    with unit_of_work() as s:
        ladder.queue_message(agent, s.get_one(Conversation, house.line.id), "请停机断电。")
    drain()
    told = session().query(Outreach).one()
    assert told.purpose == "answer" and rungs(told)[0] == ("line", "failed") and rungs(told)[-1] == ("sms", "tried")
    assert str(house.ticket.number) in house.sms.taken[0].text and "请停机断电" not in house.sms.taken[0].text


def test_a_group_hears_an_alarm_once_and_each_person_is_told(house: House, words: Any, drain: Drain, make_user: Any) -> None:
    first, second = make_user("agent", email="a@hengchuan.example"), make_user("leader", email="b@hengchuan.example")
    with unit_of_work() as s:
        team = Team(name="一线")
        s.add(team)
        team.members = [s.get_one(User, first.id), s.get_one(User, second.id)]
        s.flush()
        robot = add_account(SYSTEM, "robot", "group", {"webhook_secret": "http://127.0.0.1:9/"})
        set_robot(SYSTEM, robot.id, team_id=team.id)
    told = []
    for user in (first, second):
        with unit_of_work() as s:
            told.append(reaching.tell_colleague(s.get_one(User, user.id), "alarm", f"a-{user.id}", words, subject=("ticket", 20001), about="a"))
    drain()
    assert rungs(told[0]) == [("robot", "delivered")] and len(house.robot.taken) == 1
    assert rungs(told[1])[0] == ("robot", "skipped") and rungs(told[1])[-1] == ("email", "tried")
    assert [m.to for m in house.mail.taken] == ["b@hengchuan.example"]
    after(16, drain)
    assert rungs(told[1])[-1] == ("email", "delivered")


def test_a_robot_says_no_more_than_it_may_in_a_minute(house: House, words: Any, drain: Drain, make_user: Any) -> None:
    user = make_user("agent")
    with unit_of_work() as s:
        team = Team(name="一线", members=[s.get_one(User, user.id)])
        s.add(team)
        s.flush()
        robot = add_account(SYSTEM, "robot", "group", {"webhook_secret": "http://127.0.0.1:9/", "per_minute": "3"})
        set_robot(SYSTEM, robot.id, team_id=team.id)
        for number in range(5):
            reaching.tell_colleague(s.get_one(User, user.id), "alarm", f"a{number}", words, subject=("ticket", 20001))
    drain()
    assert len(house.robot.taken) == 3
    after(1.1, drain)
    assert len(house.robot.taken) == 5


def test_plans_are_checked() -> None:
    for (purpose, audience), ways in DEFAULTS.items():
        names = [way for way, _minutes in ways]
        assert set(names) <= set(OFFERED[audience]) <= set(WAYS) and "call" not in names[:-1] and purpose in plans.PURPOSES


@pytest.mark.parametrize(
    "ways", [[], [("line", 1), ("line", 2)], [("call", 0), ("line", 1)], [("robot", 1)], [("sms", -1)], [("sms", 99999)], [("pigeon", 1)]]
)
def test_a_plan_that_cannot_be_is_refused(ways: Any, house: House) -> None:
    with pytest.raises(Invalid), unit_of_work():
        save_plan(SYSTEM, "answer", "customer", ways)


def test_a_stopped_account_is_skipped(house: House, words: Any, drain: Drain) -> None:
    with unit_of_work():
        set_active(SYSTEM, "support", False)
    told = tell(house, words)
    drain()
    assert rungs(told)[0] == ("line", "skipped") and rungs(told)[-1] == ("sms", "tried")
    assert session().query(RawPayload).count() == 0 and session().query(OutboxRow).filter(OutboxRow.state == "dead").count() == 0


def test_the_last_message_of_a_platform_is_kept_for_the_result(house: House, words: Any, drain: Drain) -> None:
    with unit_of_work():
        account = add_account(SYSTEM, "wechat", "oa", {"appid": "wx0123456789abcdef", "token": "abc123", "window_messages": "2"})
        message = receive(account, Inbound("w1", Sender("openid", "o1"), "在吗", "在吗", continues=True))
        assert message is not None and message.conversation.identity is not None
        message.conversation.identity.contact_id = house.person.id
        save_plan(SYSTEM, "progress", "customer", [("wechat", 5)])
        save_plan(SYSTEM, "rating", "customer", [("wechat", 5)])
    drain()
    with unit_of_work():
        windows.opened(message.conversation, windows.MESSAGE)
    first = tell(house, words, "progress", "p1")
    second = tell(house, words, "progress", "p2")
    result = tell(house, words, "rating", "r1")
    assert (rungs(first), rungs(second), rungs(result)) == (
        [("wechat", "tried")], [("wechat", "skipped")], [("wechat", "tried")]
    ), first.rungs[0].reason  # fmt: skip
    assert unpack(second.rungs[0].reason) == "剩下的条数要留给处理结果。"
    assert session().query(OutreachRung).filter(OutreachRung.message_id.is_not(None)).count() == len([m for m in messages_out() if m.meta.get("purpose")]) == 2


def test_a_second_official_account_neither_hides_the_first_nor_its_reason(house: House, words: Any) -> None:
    with unit_of_work() as s:
        wechat = {"appid": "wxappid0001", "token": "token0001", "secret": "secret-of-the-account-0001"}
        known = add_account(SYSTEM, "wechat", "known", wechat)
        add_account(SYSTEM, "wechat", "other", wechat | {"template_progress": "TPLabcdefghijklmnopqrstuvwxyz0123456789ABCD"})
        follower = Identity(kind="openid", value="oWang", contact_id=house.person.id)
        s.add(follower)
        s.flush()
        s.add(Conversation(account_id=known.id, identity_id=follower.id, contact_id=house.person.id))
    told = tell(house, words, purpose="progress")
    assert find("wechat", told) != "这个渠道上还没有会话。"
    assert find("template", told) == "这个渠道上还没有会话。"
