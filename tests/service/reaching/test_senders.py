"""Who tells people of something, by which ladder: the follow-up question, and the clocks of tickets."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app import sla_alarms
from app.core import clock
from app.core.db import session
from app.core.people import Team, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels.base import SendFailed, Signal
from channels.models import Account
from channels.reaching.models import Outreach
from channels.reaching.plans import save_plan
from channels.signals import hear
from tests.service.reaching.conftest import House, rungs
from tests.service.reaching.test_progress import SOLVED
from workflows.call_models import CallTask
from workflows.engine import take
from workflows.models import FollowUp, Ticket
from workflows.tickets import TICKET

Drain = Callable[[], int]


def follow_up() -> FollowUp:
    session().rollback()
    return session().scalars(select(FollowUp)).one()


def test_the_question_goes_another_way_and_its_silence_counts_from_there(house: House, drain: Drain, actor: Any) -> None:
    agent = actor("agent")
    house.mail.problems.append(SendFailed("没有这个地址。", final=True))
    with unit_of_work():
        take(TICKET, house.ticket, "solve_now", agent, **SOLVED)
    drain()
    told = session().scalars(select(Outreach)).one()
    assert (told.purpose, rungs(told)[0], rungs(told)[-1]) == ("rating", ("line", "failed"), ("sms", "tried"))
    question = follow_up()
    assert (question.message_id, question.state, question.attempts) == (told.rungs[-1].message_id, "asked", 1)
    assert "解决了吗" in house.sms.taken[0].text and len(house.sms.taken[0].text) < 134
    account = session().scalars(select(Account).where(Account.kind == "sms")).one()
    with unit_of_work():
        hear(account, Signal("x", "refused", about="sms-1", reason="停机"))
    drain()
    assert follow_up().state == "asking", "a question that came back was never asked"


def test_the_question_is_dropped_when_the_request_is_open_again(house: House, drain: Drain, actor: Any) -> None:
    agent = actor("agent")
    with unit_of_work():
        take(TICKET, house.ticket, "solve_now", agent, **SOLVED)
    drain()
    with unit_of_work():
        take(TICKET, house.ticket, "reopen", agent, reason="又跳了")
    drain()
    told = session().scalars(select(Outreach)).one()
    assert told.state == "withdrawn"
    clock.advance(timedelta(days=3))
    drain()
    assert not house.sms.taken


def test_a_call_is_not_asked_for_any_more_once_the_customer_answered(house: House, drain: Drain, actor: Any) -> None:
    agent, leader = actor("agent"), actor("leader")
    with unit_of_work():
        save_plan(SYSTEM, "rating", "customer", [("call", 0)])
        take(TICKET, house.ticket, "solve_now", agent, **SOLVED)
    drain()
    task = session().scalars(select(CallTask)).one()
    assert (task.state, task.reason) == ("open", "follow_up") and "/r/" not in task.note
    with unit_of_work():
        take(TICKET, house.ticket, "close", leader, rating=5)
    drain()
    session().refresh(task)
    told = session().scalars(select(Outreach)).one()
    assert (task.state, told.state, rungs(told)) == ("void", "withdrawn", [("call", "skipped")])


def alarmed(house: House, make_user: Any) -> tuple[User, User]:
    agent, leader = make_user("agent", email="a@hengchuan.example"), make_user("leader", email="l@hengchuan.example")
    with unit_of_work() as s:
        ticket = s.get_one(Ticket, house.ticket.id)
        team = Team(name="一线", leader_id=leader.id)
        s.add(team)
        s.flush()
        ticket.team_id, ticket.assignee_id, ticket.state = team.id, agent.id, "executing"
    return agent, leader


def look() -> int:
    with unit_of_work():
        return sla_alarms.raise_alarms()


def test_clocks_warn_at_four_fifths_and_at_the_end_once_each(house: House, drain: Drain, make_user: Any) -> None:
    alarmed(house, make_user)
    span = house.ticket.due_at - house.ticket.created_at
    assert look() == 0
    clock.advance(0.79 * span)
    assert look() == 0
    clock.advance(0.02 * span)
    assert look() == 2
    look()
    drain()
    assert sorted(m.to for m in house.mail.taken) == ["a@hengchuan.example", "l@hengchuan.example"]
    assert all("快到时限" in m.subject and str(house.ticket.number) in m.subject for m in house.mail.taken)
    clock.advance(0.2 * span)
    look()
    look()
    drain()
    assert len(house.mail.taken) == 4 and "时限已过" in house.mail.taken[-1].subject
    assert session().query(Outreach).count() == 4


def test_a_clock_that_stands_still_warns_nobody(house: House, make_user: Any) -> None:
    agent, _leader = alarmed(house, make_user)
    with unit_of_work():
        until = house.ticket.due_at + timedelta(days=5)
        take(TICKET, house.ticket, "hold", agent.actor("test"), party="customer", reason="等照片", until=until)
    clock.advance(house.ticket.due_at - house.ticket.created_at)
    assert look() == 0


def test_what_is_long_past_is_not_told_any_more(house: House, make_user: Any) -> None:
    alarmed(house, make_user)
    clock.advance(house.ticket.due_at - house.ticket.created_at + timedelta(days=2))
    assert look() == 0
