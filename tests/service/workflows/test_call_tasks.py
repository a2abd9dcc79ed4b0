"""Calls to make: asked for once, counted when asked again, worked off by the law; and wrap-ups."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.clock import frozen, now
from app.core.db import session
from app.core.errors import Forbidden, Invalid, NotFound, Refused, Stale
from app.core.permissions import SYSTEM, Actor
from app.core.uow import unit_of_work
from knowledge.service import Content, draft_article
from workflows import call_tasks, wrap_ups
from workflows.call_access import access_call_task
from workflows.call_models import CallAttempt, CallTask
from workflows.call_tasks import CALL_TASK, open_call_task
from workflows.engine import take
from workflows.models import TicketArticle
from workflows.opening import open_ticket
from workflows.rules import RULES
from workflows.wrap_models import CALL, SESSION, WrapUp

NUMBER = "+8619900000102"
MakeActor = Callable[..., Actor]


def ask(**given: Any) -> CallTask:
    with unit_of_work():
        return open_call_task(SYSTEM, **{"key": "k", "number": NUMBER, "reason": "abandoned", **given})


def step(task: CallTask, name: str, actor: Actor, **given: Any) -> CallTask:
    with unit_of_work():
        take(CALL_TASK, task, name, actor, **given)
    return task


def test_the_same_is_asked_for_once_and_counted(app: Any) -> None:
    first = ask(call_id=1)
    assert (first.state, first.count, first.due_at - first.created_at) == ("open", 1, RULES.callback)
    assert ask(call_id=1).count == 1, "the same call told twice"
    again = ask(call_id=2)
    assert (again.id, again.count, again.calls, again.due_at) == (first.id, 2, [1, 2], first.due_at)
    assert ask(key="other").id != first.id


def test_a_task_that_ended_is_not_counted_up(app: Any, actor: MakeActor) -> None:
    first = step(ask(), "log", actor("agent"), result="reached")
    assert (first.state, first.result, first.open_key) == ("done", "reached", None)
    assert ask().id != first.id


@pytest.mark.parametrize(
    ("result", "state"), [("reached", "done"), ("not_needed", "done"), ("wrong_number", "void"), ("no_answer", "open")]
)
def test_each_result_leads_where_it_should(app: Any, actor: MakeActor, result: str, state: str) -> None:
    agent = actor("agent")
    task = step(ask(), "take", agent)
    assert (task.state, task.user_id) == ("taken", agent.id)
    step(task, "log", agent, result=result, comment="说了两句")
    assert task.state == state
    row = session().scalars(select(CallAttempt)).one()
    assert (row.result, row.user_id, row.note) == (result, agent.id, "说了两句")


def test_nobody_there_three_times_ends_it(app: Any, actor: MakeActor) -> None:
    agent, task = actor("agent"), ask()
    for n in (1, 2):
        step(task, "log", agent, result="no_answer")
        assert (task.state, task.attempts, task.user_id) == ("open", n, None)
        assert timedelta(0) < task.due_at - now() <= RULES.call_retry
    step(task, "log", agent, result="no_answer")
    assert (task.state, task.result) == ("done", "unreachable")


def test_an_agreed_moment_stays_with_whoever_agreed_it(app: Any, actor: MakeActor) -> None:
    agent, task = actor("agent"), ask()
    until = now() + timedelta(hours=20)
    step(task, "log", agent, result="later", until=until)
    assert (task.state, task.user_id, task.due_at) == ("taken", agent.id, until)
    for bad in (None, now() - timedelta(minutes=1), now() + timedelta(days=31)):
        with pytest.raises(Invalid), unit_of_work():
            take(CALL_TASK, task, "log", agent, result="later", until=bad)
    with pytest.raises(Invalid), unit_of_work():
        take(CALL_TASK, task, "log", agent, result="unreachable")


def test_reopen_only_while_nothing_newer_is_open(app: Any, actor: MakeActor) -> None:
    agent = actor("agent")
    task = step(ask(), "void", agent, reason="打错")
    ask()
    with pytest.raises(Refused), unit_of_work():
        take(CALL_TASK, task, "reopen", agent)
    other = step(ask(key="b"), "void", agent, reason="打错")
    assert step(other, "reopen", agent).open_key == "b"


def test_talking_settles_what_they_rang_for_and_nothing_else(app: Any) -> None:
    rang, later, follow = ask(key="a"), ask(key="b", number="+8619900000103"), ask(key="c", reason="follow_up")
    with unit_of_work():
        assert call_tasks.settle_abandoned(SYSTEM, [], NUMBER, rang.last_at - timedelta(seconds=1)) == []
        assert call_tasks.settle_abandoned(SYSTEM, [], NUMBER, now()) == [rang]
    assert [t.state for t in (rang, later, follow)] == ["done", "open", "open"]


def test_wrong_wishes_are_refused(app: Any, actor: MakeActor) -> None:
    for given in ({"reason": "fun"}, {"key": " "}, {"number": ""}):
        with pytest.raises(Invalid):
            ask(**given)
    with pytest.raises(Forbidden), unit_of_work():
        open_call_task(actor("technician"), key="k", number=NUMBER, reason="asked")


def test_who_may_see_a_task(app: Any, actor: MakeActor) -> None:
    task = ask()
    assert access_call_task(actor("agent"), task.id) is task
    for role in ("client", "technician", "resident", "manager"):
        with pytest.raises(NotFound):
            access_call_task(actor(role), task.id)


def wrap(actor: Actor, number: int = 7, **given: Any) -> WrapUp:
    with unit_of_work():
        return wrap_ups.wrap_up(actor, CALL, number, **{"category": "usage", **given})


def test_a_wrap_up_keeps_the_notes_of_the_talk(app: Any, actor: MakeActor) -> None:
    agent = actor("agent")
    with unit_of_work():
        begun = wrap_ups.keep_note(agent, CALL, 7, "  风扇停了 ")
    assert (begun.note, begun.done_at) == ("风扇停了", None)
    ended = now() - timedelta(seconds=40)
    row = wrap(agent, cause="风扇停转", talk_ended_at=ended)
    assert (row.id, row.note, row.issue, row.user_id) == (begun.id, "风扇停了", "consult", agent.id)
    assert row.done_at is not None and row.took_s in (40, 41)


def test_a_late_wrap_up_tells_nothing_of_how_long_it_takes(app: Any, actor: MakeActor) -> None:
    assert wrap(actor("agent"), talk_ended_at=now() - timedelta(hours=3)).took_s is None


def test_a_reason_for_none_is_enough(app: Any, actor: MakeActor) -> None:
    row = wrap(actor("agent"), category="", none_reason="wrong_number", cause="x")
    assert (row.category, row.none_reason, row.cause) == (None, "wrong_number", "") and row.done_at
    for bad in ({"category": ""}, {"category": "nothing"}, {"none_reason": "lazy"}, {"issue": "what"}, {"product_id": 99}):
        with pytest.raises(Invalid):
            wrap(actor("agent"), 8, **bad)


def test_two_do_not_write_over_each_other(app: Any, actor: MakeActor) -> None:
    row = wrap(actor("agent"))
    seen = row.version
    wrap(actor("agent"), category="data", version=seen)
    with pytest.raises(Stale):
        wrap(actor("agent"), category="account", version=seen)


def test_articles_of_a_wrap_up_are_what_solved_its_ticket(app: Any, actor: MakeActor) -> None:
    agent = actor("agent")
    with unit_of_work():
        number = draft_article(SYSTEM, Content(title="E07", body="清风道")).id
        ticket = open_ticket(agent, subject="E07", channel="calls")
    with unit_of_work():
        row = wrap_ups.wrap_up(agent, SESSION, 3, category="hardware", ticket=ticket, articles=[number, number])
    assert (row.articles, row.ticket_id, row.issue) == ([number], ticket.id, ticket.kind)
    used = session().scalars(select(TicketArticle)).one()
    assert (used.ticket_id, used.article_id, used.use) == (ticket.id, number, "solved")


def test_the_clock_of_a_task_is_that_of_the_first_call(app: Any) -> None:
    then: datetime = now() - timedelta(hours=1)
    with frozen(then):
        task = ask(at=then)
    assert task.due_at == then + RULES.callback
    assert ask(at=now()).due_at == then + RULES.callback
