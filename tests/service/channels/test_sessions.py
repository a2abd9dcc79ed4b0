"""Stretches of a conversation: who opens one, who only joins, when it ends, and what it counts."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import receiving, sessions
from channels.accounts import add_account
from channels.models import Conversation, Message, Session
from channels.sending import queue_message, withdraw
from tests.service.channels.test_receiving import mail

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


class Talk:
    """One conversation at chosen moments: minutes after START."""

    def __init__(self, actor) -> None:
        self.agent, self.number = actor("agent"), 0
        with unit_of_work():
            self.account = add_account(SYSTEM, "email", "support", {"address": "support@hengchuan.example"}).id

    def customer(self, minute: int, **headers: str) -> None:
        self.number += 1
        reply = {"In_Reply_To": "<m1@chenghu.example>"} if self.number > 1 else {}
        raw = mail(text=f"第 {self.number} 句", message_id=f"<m{self.number}@chenghu.example>", **reply, **headers)
        with clock.frozen(START + timedelta(minutes=minute)):
            assert receiving.accept(self.account, raw).state == receiving.IMPORTED

    def desk(self, minute: int, actor=None, **given) -> int:
        with clock.frozen(START + timedelta(minutes=minute)), unit_of_work() as s:
            return queue_message(actor or self.agent, s.scalars(select(Conversation)).one(), "请查风扇。", **given).id


@pytest.fixture
def talk(app, actor) -> Talk:
    return Talk(actor)


def sessions_now() -> list[tuple[int, int]]:
    session().rollback()
    return [(s.inbound, s.agent_turns) for s in session().scalars(select(Session).order_by(Session.id))]


def test_consecutive_answers_are_one_turn(talk) -> None:
    talk.customer(0)
    talk.desk(1)
    talk.desk(2)
    talk.customer(3)
    talk.desk(4)
    assert sessions_now() == [(2, 2)]
    one = session().scalars(select(Session)).one()
    assert (one.started_at, one.last_at, one.ended_at) == (START, START + timedelta(minutes=4), None)
    assert (one.first_user_id, one.first_user_at) == (talk.agent.id, START + timedelta(minutes=1))
    assert {m.session_id for m in session().scalars(select(Message))} == {one.id}


def test_silence_ends_it_and_the_next_word_opens_another(talk) -> None:
    talk.customer(0)
    talk.desk(119)
    talk.customer(119 + 119)
    assert sessions_now() == [(2, 1)]
    talk.customer(119 + 119 + 120)
    assert sessions_now() == [(2, 1), (1, 0)]
    first = session().scalars(select(Session).order_by(Session.id)).first()
    assert first.ended_at == START + timedelta(minutes=238 + 120)


def test_machines_join_but_never_open_or_prolong(talk) -> None:
    talk.customer(0)
    talk.desk(5, SYSTEM)
    talk.customer(100, Auto_Submitted="auto-replied")
    assert sessions_now() == [(1, 0)]
    talk.customer(121, Auto_Submitted="auto-replied")
    talk.desk(122, SYSTEM)
    assert sessions_now() == [(1, 0)]
    rows = session().scalars(select(Message).order_by(Message.id)).all()
    assert [m.session_id is None for m in rows] == [False, False, False, True, True]


def test_the_clock_ends_silent_ones(talk) -> None:
    talk.customer(0)
    for minute, ended in ((119, 0), (120, 1), (121, 0)):
        with clock.frozen(START + timedelta(minutes=minute)), unit_of_work():
            assert sessions.end_silent() == ended


def test_a_withdrawn_answer_does_not_count(talk) -> None:
    talk.customer(0)
    message_id = talk.desk(1)
    with unit_of_work():
        withdraw(talk.agent, message_id)
    assert sessions_now() == [(1, 0)]
    assert session().scalars(select(Session)).one().first_user_id is None
    talk.desk(2)
    assert sessions_now() == [(1, 1)]
