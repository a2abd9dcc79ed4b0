"""Clocks of the ticket law: holds, due dates, extensions, silence and reopening."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.core import clock
from app.core.db import session
from app.core.errors import Forbidden, Invalid, Refused
from app.core.events import OutboxRow
from app.core.permissions import SYSTEM, Actor
from app.core.uow import unit_of_work
from tests.service.workflows.conftest import SOLVED, Take, later
from workflows import service
from workflows.engine import take
from workflows.kinds import KINDS, time_to_solve
from workflows.models import Ticket, TicketMark
from workflows.rules import MAX_HOLDS, RULES
from workflows.tickets import TICKET

MakeTicket = Callable[..., Ticket]
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(("party", "moved"), [("customer", 5), ("date", 5), ("supplier", 0), ("part", 0), ("colleague", 0)])
def test_the_clock_stops_only_for_the_customer_and_agreed_dates(
    party: str, moved: int, ticket: MakeTicket, agent: Actor, tell: Take
) -> None:
    found = ticket("executing")
    due = found.due_at
    tell(found, "hold", agent, party=party, reason="等", until=later(days=2))
    assert found.held and found.state == "executing"
    clock.advance(5 * HOUR)
    tell(found, "resume", agent)
    assert not found.held and found.hold_until is None
    assert found.due_at == due + moved * HOUR


def test_while_held_only_some_steps_are_offered(ticket: MakeTicket, leader: Actor, tell: Take) -> None:
    found = ticket("executing")
    tell(found, "hold", leader, party="part", reason="等风扇", until=later(days=2))
    offered = {step.name for step in TICKET.offers(found, leader)}
    assert offered == {"resume", "cancel", "merge", "urge", "raise", "supervise", "extend", "transfer", "escalate"}
    with pytest.raises(Refused):
        tell(found, "resolve", leader, **SOLVED)
    with pytest.raises(Refused):
        tell(found, "hold", leader, party="part", reason="再等", until=later(days=3))


def test_holds_are_limited_in_number_and_length(ticket: MakeTicket, agent: Actor, tell: Take) -> None:
    found = ticket("executing")
    for until in (later(hours=-1), later(days=31)):
        with pytest.raises(Invalid):
            tell(found, "hold", agent, party="customer", reason="等", until=until)
    with pytest.raises(Invalid):
        tell(found, "hold", agent, party="weather", reason="等", until=later(days=1))
    for _turn in range(MAX_HOLDS):
        tell(found, "hold", agent, party="customer", reason="等", until=later(days=1))
        tell(found, "resume", agent)
    with pytest.raises(Refused, match=str(MAX_HOLDS)):
        tell(found, "hold", agent, party="customer", reason="等", until=later(days=1))
    assert "hold" not in {step.name for step in TICKET.offers(found, agent)}


def test_a_hold_wakes_itself_once(ticket: MakeTicket, agent: Actor, tell: Take, drain: Callable[[], int]) -> None:
    found = ticket("executing")
    tell(found, "hold", agent, party="part", reason="等", until=later(hours=2))
    clock.advance(HOUR)
    drain()
    assert found.held
    tell(found, "resume", agent)
    tell(found, "hold", agent, party="part", reason="再等", until=later(hours=9))
    clock.advance(2 * HOUR)
    drain()
    session().refresh(found)
    assert found.held, "the wake-up of the first hold leaves the second alone"
    clock.advance(8 * HOUR)
    drain()
    session().refresh(found)
    assert not found.held and not session().query(OutboxRow).filter(OutboxRow.state == "dead").count()


def test_merging_ends_the_hold(ticket: MakeTicket, agent: Actor, tell: Take) -> None:
    found, into = ticket("executing"), ticket("executing")
    tell(found, "hold", agent, party="part", reason="等", until=later(days=1))
    tell(found, "merge", agent, into=into.number)
    tell(found, "unmerge", agent)
    assert (found.state, found.held) == ("executing", False)


def test_an_extension_is_asked_then_decided(ticket: MakeTicket, agent: Actor, leader: Actor, tell: Take) -> None:
    found = ticket("executing")
    due, wished = found.due_at, found.due_at + 24 * HOUR
    tell(found, "extend", agent, reason="等备件", until=wished)
    mark = session().query(TicketMark).one()
    assert (found.due_at, mark.decision, mark.was, mark.until) == (due, "asked", due, wished)
    with pytest.raises(Forbidden), unit_of_work():
        service.decide_extension(agent, found, mark.id, True)
    with unit_of_work():
        service.decide_extension(leader, found, mark.id, True)
    assert (found.due_at, found.first_due_at, mark.decision) == (wished, due, "approved")
    with pytest.raises(Refused), unit_of_work():
        service.decide_extension(leader, found, mark.id, False)


def test_who_may_supervise_extends_at_once(ticket: MakeTicket, leader: Actor, tell: Take) -> None:
    found = ticket("executing")
    wished = found.due_at + HOUR
    tell(found, "extend", leader, reason="约好周五", until=wished)
    assert found.due_at == wished
    with pytest.raises(Invalid):
        tell(found, "extend", leader, reason="提前", until=found.due_at - HOUR)


def test_no_extension_after_the_breach(ticket: MakeTicket, agent: Actor, tell: Take) -> None:
    found = ticket("executing")
    clock.advance(found.due_at - clock.now() + HOUR)
    with pytest.raises(Refused):
        tell(found, "extend", agent, reason="晚了", until=later(days=1))


def test_a_new_impact_keeps_what_was_added(ticket: MakeTicket, agent: Actor, leader: Actor, tell: Take) -> None:
    found = ticket("executing")
    tell(found, "hold", agent, party="customer", reason="等", until=later(days=2))
    clock.advance(5 * HOUR)
    tell(found, "resume", agent)
    with unit_of_work():
        service.classify(agent, found, kind="fault", impact="line_down", product_id=None, device_id=None)
    assert found.priority == "P1"
    assert found.first_due_at == found.created_at + 4 * HOUR
    assert found.due_at == found.first_due_at + 5 * HOUR


def test_restored_is_kept_apart_from_resolved(ticket: MakeTicket, agent: Actor, tell: Take) -> None:
    found = ticket("executing")
    clock.advance(3 * HOUR)
    tell(found, "resolve", agent, **SOLVED, restored_at=later(hours=-2))
    assert found.resolved_at == clock.now() and found.restored_at == clock.now() - 2 * HOUR
    tell(found, "reopen", agent, reason="又坏了")
    assert found.resolved_at is None and found.first_resolved_at == clock.now()


def test_silence_counts_from_the_delivery(ticket: MakeTicket, leader: Actor, tell: Take) -> None:
    found = ticket("following_up")
    with pytest.raises(Refused):
        tell(found, "close", leader, result="silence")
    question = found.follow_ups[-1]
    with unit_of_work():
        service.question_sent(question, 7)
        service.question_delivered(7)
    clock.advance(RULES.silence - HOUR)
    with pytest.raises(Refused):
        tell(found, "close", leader, result="silence")
    clock.advance(2 * HOUR)
    tell(found, "close", leader, result="silence")
    assert (found.close_result, question.state) == ("silence", "silent")


def test_three_calls_that_reach_nobody(ticket: MakeTicket, leader: Actor, tell: Take) -> None:
    found = ticket("following_up")
    for attempt in range(3):
        with pytest.raises(Refused, match=str(attempt)):
            tell(found, "close", leader, result="unreachable")
        with unit_of_work():
            service.attempt_failed(leader, found)
    tell(found, "close", leader, result="unreachable")
    assert found.close_result == "unreachable"
    with pytest.raises(Refused), unit_of_work():
        service.attempt_failed(leader, found)


def test_who_solved_does_not_ask(ticket: MakeTicket, agent: Actor, leader: Actor, tell: Take) -> None:
    found = ticket("following_up")
    with pytest.raises(Refused):
        tell(found, "close", agent, rating=5)
    with pytest.raises(Refused):
        tell(found, "close", leader, rating=6)
    with pytest.raises(Refused):
        tell(found, "close", leader, result="because")
    tell(found, "close", leader, rating=2, comment="慢")
    question = found.follow_ups[-1]
    assert (question.score, question.comment, question.solved, question.answered_via) == (2, "慢", True, "phone")
    assert question.recorded_by_id == leader.id


def test_reopening_ends_after_some_days(ticket: MakeTicket, agent: Actor, tell: Take) -> None:
    found = ticket("closed")
    clock.advance(RULES.reopen)
    tell(found, "reopen", agent, reason="又离线")
    assert (found.state, found.reopened, found.closed_at) == ("executing", 1, None)
    assert found.due_at == clock.now() + time_to_solve(found.priority) and found.first_due_at < found.due_at
    late = ticket("closed")
    clock.advance(RULES.reopen + HOUR)
    with pytest.raises(Refused):
        tell(late, "reopen", agent, reason="太晚")
    assert "reopen" not in {step.name for step in TICKET.offers(late, agent)}


def test_a_reopened_ticket_of_somebody_gone_goes_to_the_team(ticket: MakeTicket, agent: Actor, leader: Actor, tell: Take) -> None:
    found = ticket("closed")
    with unit_of_work():
        assert found.assignee is not None
        found.assignee.active = False
    tell(found, "reopen", leader, reason="又离线")
    assert (found.state, found.assignee_id) == ("dispatched", None)


@pytest.mark.parametrize("kind", ["suggestion", "consult"])
def test_who_is_not_asked_is_closed_at_once(kind: str, ticket: MakeTicket, agent: Actor, tell: Take) -> None:
    found = ticket("executing", kind=kind)
    if kind == "suggestion":
        with pytest.raises(Refused):
            tell(found, "solve_now", agent, **SOLVED)
        tell(found, "resolve", agent, **SOLVED)
        assert (found.state, found.close_result, found.follow_ups) == ("closed", "not_asked", [])
    else:
        tell(found, "solve_now", agent, **SOLVED)
        assert (found.state, found.solved_at_once, len(found.follow_ups)) == ("following_up", True, 1)


def test_every_fifth_of_a_sampled_kind_is_asked(ticket: MakeTicket, agent: Actor, tell: Take) -> None:
    asked = 0
    for _turn in range(5):
        found = ticket("created", kind="provision")
        tell(found, "solve_now", agent, **SOLVED, boxes=list(KINDS["provision"].boxes))
        asked += found.state == "following_up"
        assert found.state in ("following_up", "closed")
        assert found.assignee_id == agent.id, "who solves at once is who had it"
    assert asked == 1


def test_the_customer_closes_by_an_answer(ticket: MakeTicket, tell: Take) -> None:
    found = ticket("following_up")
    customer = Actor(kind="contact", id=None, name="王工", permissions=frozenset({"ticket.read", "ticket.close"}))
    with unit_of_work():
        take(TICKET, found, "close", customer, rating=5, via="link")
    assert (found.follow_ups[-1].answered_via, found.follow_ups[-1].recorded_by_id) == ("link", None)


def test_the_worker_closes_after_silence(ticket: MakeTicket, drain: Callable[[], int]) -> None:
    found = ticket("following_up")
    drain()
    with unit_of_work():
        service.question_sent(found.follow_ups[-1], 9)
        service.question_delivered(9)
    drain()
    assert found.state == "following_up"
    clock.advance(RULES.silence + HOUR)
    drain()
    session().refresh(found)
    assert (found.state, found.close_result) == ("closed", "silence")
    assert SYSTEM.name == "系统"


@pytest.mark.parametrize("until", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59"])
def test_a_moment_outside_of_all_time_is_refused_in_words(until: str, ticket: MakeTicket, leader: Actor, tell: Take) -> None:
    found = ticket("executing")
    for step in ("supervise", "extend"):
        with pytest.raises(Invalid) as refused:
            tell(found, step, leader, reason="等", until=until)
        assert "until" in refused.value.errors
