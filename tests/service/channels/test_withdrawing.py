"""An answer that still waits can be taken back: either it is withdrawn or it goes out, never both."""

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.core import clock, outbox
from app.core.audit import AuditRow
from app.core.db import db, session
from app.core.errors import Forbidden, NotFound, Refused
from app.core.events import DONE, EventRow, OutboxRow
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import sending
from channels.models import Conversation, Message
from channels.sending import queue_message, withdraw
from tests.service.channels.test_sending import conversation, message, row, smtp  # noqa: F401  fixtures

WAIT = timedelta(seconds=15)


@pytest.fixture
def waiting(conversation, actor) -> int:  # noqa: F811
    with unit_of_work() as s:
        return queue_message(actor("agent"), s.get_one(Conversation, conversation.id), "请查风扇。", after=WAIT).id


def test_it_waits_and_then_goes_out(waiting, smtp, drain):  # noqa: F811
    drain()
    assert (message(waiting).state, len(smtp[0].taken)) == ("queued", 0)
    with clock.frozen(row().due_at - timedelta(seconds=1)):
        drain()
    assert message(waiting).state == "queued"
    with clock.frozen(row().due_at):
        drain()
    assert (message(waiting).state, len(smtp[0].taken)) == ("sent", 1)


def test_taken_back_in_time_it_never_leaves(waiting, smtp, drain, actor):  # noqa: F811
    with unit_of_work():
        withdraw(actor("agent"), waiting)
    with clock.frozen(row().due_at + WAIT):
        drain()
    assert (message(waiting).state, row().state, smtp[0].taken) == ("withdrawn", DONE, [])
    assert session().scalars(select(AuditRow.action).where(AuditRow.action == "message.withdrawn")).all()
    assert session().scalars(select(EventRow).where(EventRow.name == "MessageWithdrawn")).one().subject == "conversation"
    with unit_of_work():
        assert withdraw(actor("agent"), waiting).state == "withdrawn"
    assert len(session().scalars(select(EventRow).where(EventRow.name == "MessageWithdrawn")).all()) == 1


def test_what_was_withdrawn_is_no_ancestor_and_cannot_be_sent_again(waiting, smtp, drain, actor):  # noqa: F811
    with unit_of_work():
        gone = withdraw(actor("agent"), waiting).external_id
    with unit_of_work() as s:
        queue_message(actor("agent"), s.scalars(select(Conversation)).one(), "换一种说法。")
    drain()
    assert gone not in smtp[0].taken[0]["References"]
    with pytest.raises(Refused), unit_of_work():
        sending.send_again(actor("agent"), waiting)


def test_refused_once_it_is_out(waiting, smtp, drain, actor):  # noqa: F811
    with clock.frozen(row().due_at):
        drain()
    with pytest.raises(Refused), unit_of_work():
        withdraw(actor("agent"), waiting)
    assert (message(waiting).state, len(smtp[0].taken)) == ("sent", 1)


@pytest.mark.parametrize("state", ["sending", "undecided", "failed"])
def test_refused_while_nobody_knows(waiting, actor, state):
    with unit_of_work() as s:
        s.get_one(Message, waiting).state = state
    with pytest.raises(Refused), unit_of_work():
        withdraw(actor("agent"), waiting)


def test_only_the_desk_and_only_its_own_words(waiting, actor):
    with pytest.raises(Forbidden), unit_of_work():
        withdraw(actor("editor"), waiting)
    inbound = session().scalars(select(Message.id).where(Message.direction == "in")).one()
    for number in (inbound, 4711):
        with pytest.raises(NotFound), unit_of_work():
            withdraw(SYSTEM, number)


@pytest.mark.parametrize("first", ["worker", "person"])
def test_raced_against_the_worker(app: Flask, waiting, smtp, actor, first):  # noqa: F811
    """One holds the row while the other arrives; whoever comes second sees what the first one did."""
    agent, due = actor("agent"), row().due_at
    inside, go, ended = threading.Event(), threading.Event(), []

    def slowly(call):
        with app.app_context():
            try:
                with unit_of_work():
                    call()
                    inside.set()
                    go.wait(5)
            finally:
                db.session.remove()

    def take_back() -> None:
        with app.app_context():
            try:
                with unit_of_work():
                    withdraw(agent, waiting)
                ended.append("withdrawn")
            except Refused:
                ended.append("refused")
            finally:
                db.session.remove()

    def work() -> None:
        with app.app_context():
            outbox.drain()
            db.session.remove()

    def begin_by_hand() -> None:
        held = session().get_one(Message, waiting, with_for_update=True, populate_existing=True)
        held.state = "sending"
        session().flush()

    with clock.frozen(due):
        holding = begin_by_hand if first == "worker" else lambda: withdraw(agent, waiting)
        threads = [threading.Thread(target=slowly, args=(holding,))]
        threads[0].start()
        assert inside.wait(5)
        threads.append(threading.Thread(target=take_back if first == "worker" else work))
        threads[1].start()
        threads[1].join(0.3)
        assert threads[1].is_alive()  # it waits for the first, instead of reading what is about to change
        go.set()
        for thread in threads:
            thread.join(20)
    if first == "worker":
        assert (ended, message(waiting).state) == (["refused"], "sending")
    else:
        assert (message(waiting).state, smtp[0].taken, row().state) == ("withdrawn", [], DONE)


def test_many_races_end_one_way_or_the_other(app: Flask, conversation, smtp, actor):  # noqa: F811
    agent = actor("agent")
    with unit_of_work() as s:
        one = s.get_one(Conversation, conversation.id)
        ids = [queue_message(agent, one, f"第 {n} 封").id for n in range(6)]
    start, withdrawn = threading.Barrier(2), []

    def take_back() -> None:
        start.wait(5)
        with app.app_context():
            for number in reversed(ids):
                try:
                    with unit_of_work():
                        withdraw(agent, number)
                    withdrawn.append(number)
                except Refused:
                    pass
            db.session.remove()

    def work() -> None:
        start.wait(5)
        with app.app_context():
            outbox.drain()
            db.session.remove()

    threads = [threading.Thread(target=take_back), threading.Thread(target=work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    states = {number: message(number).state for number in ids}
    assert {number for number, state in states.items() if state == "withdrawn"} == set(withdrawn)
    assert len(smtp[0].taken) == sum(state == "sent" for state in states.values()) == len(ids) - len(withdrawn)
    assert session().scalars(select(OutboxRow.state).where(OutboxRow.reaction == "deliver_message").distinct()).all() == [DONE]


def test_what_is_written_after_it_does_not_overtake_it(waiting, smtp, drain):  # noqa: F811
    with unit_of_work() as s:
        question = queue_message(SYSTEM, s.scalars(select(Conversation)).one(), "解决了吗？").id
    drain()
    assert smtp[0].taken == []
    with clock.frozen(message(waiting).leaves_at):
        drain()
    assert (message(waiting).state, message(question).state) == ("sent", "sent")
    texts = [str(mail) for mail in smtp[0].taken]
    assert len(texts) == 2 and message(waiting).sent_at <= message(question).sent_at
