"""Calls in the database: once each, from whatever told about them, with their people and their line in the history."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core import clock
from app.core.db import session
from app.core.directory.identities import find_or_create_contact
from app.core.events import EventRow
from app.core.people import Identity, Organisation, User
from app.core.permissions import SYSTEM
from app.core.text import unpack
from app.core.uow import unit_of_work
from channels import receiving
from channels.accounts import add_account
from channels.calls.adapter import enclose
from channels.calls.models import Call, CallLeg
from channels.models import Conversation, Message, RawPayload, Session
from tests.service.channels.call_rows import CALLER, cdr
from workflows.models import Ticket

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@pytest.fixture
def account(app: Flask) -> Any:
    with clock.frozen(NOON):
        with unit_of_work() as s:
            made = add_account(SYSTEM, "calls", "hotline", {"secret": "0123456789abcdef", "own_numbers": "02161234567"}).id
            s.add(User(name="zhouning", display_name="周宁", role="agent", extension="301"))
            s.add(User(name="linqian", display_name="林倩", role="agent", extension="302"))
        yield made


def count(model: Any) -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(model)) or 0


def the_call() -> Call:
    session().rollback()
    return session().scalars(select(Call)).one()


def events(name: str) -> list[dict[str, Any]]:
    session().rollback()
    return [e.payload for e in session().scalars(select(EventRow).where(EventRow.name == name).order_by(EventRow.id))]


def told(account: int, body: dict[str, Any]) -> receiving.Outcome:
    return receiving.accept(account, json.dumps(body).encode())


def test_a_record_becomes_a_call_a_person_and_a_line(account: int) -> None:
    assert receiving.accept(account, cdr()).state == receiving.IMPORTED
    call = the_call()
    assert (call.outcome, call.direction, call.billsec, call.wait) == ("answered", "inbound", 192, 12)
    assert call.number == "+8613800138000" and call.user is not None and call.user.name == "zhouning"
    assert call.started_at == datetime(2026, 11, 20, 3, 50, tzinfo=UTC)
    message = session().get_one(Message, call.message_id)
    assert message.text == "呼入 3 分 12 秒，坐席 周宁，等待 12 秒"
    assert (message.kind, message.direction, message.meta["call_id"]) == ("call", "in", call.id)
    assert message.conversation.contact_id == call.contact_id is not None
    assert [e["call_id"] for e in events("CallEnded")] == [call.id] and not events("CallRang")


def test_the_same_record_again_changes_nothing(account: int) -> None:
    receiving.accept(account, cdr())
    before = the_call().version
    assert receiving.accept(account, cdr(), dedup_key="again").state == receiving.DUPLICATE
    assert receiving.accept(account, cdr() + cdr(), dedup_key="twice").state == receiving.DUPLICATE
    assert (the_call().version, count(Message), count(CallLeg), len(events("CallEnded"))) == (before, 1, 1, 1)


def test_one_person_has_one_line_for_all_calls(account: int) -> None:
    for n in range(3):
        receiving.accept(account, cdr(unique=f"1763611200.{n}"))
    assert (count(Call), count(Message), count(Conversation), count(Identity)) == (3, 3, 1, 1)


def test_from_the_ring_to_the_record(account: int) -> None:
    live = {"id": "c1", "caller": CALLER, "callee": "8001"}
    told(account, live | {"event": "ring", "agent": "301", "at": "2026-11-20T11:59:40+08:00"})
    call = the_call()
    user = call.user_id
    assert call.live and events("CallRang") == [{"call_id": call.id, "version": 1, "user_id": user}] and user
    told(account, live | {"event": "ring", "agent": "301", "at": "2026-11-20T11:59:41+08:00"})
    assert len(events("CallRang")) == 1
    told(account, live | {"event": "ring", "agent": "302", "at": "2026-11-20T11:59:45+08:00"})
    assert [e["user_id"] for e in events("CallRang")] == [user, the_call().user_id] and the_call().user_id != user
    told(account, live | {"event": "answer", "agent": "302", "at": "2026-11-20T11:59:50+08:00"})
    assert the_call().live and the_call().answered_at and len(events("CallAnswered")) == 1 and count(Message) == 0
    told(account, live | {"event": "hangup", "at": "2026-11-20T12:00:00+08:00"})
    call = the_call()
    assert (call.outcome, call.billsec, call.wait, call.user and call.user.name) == ("answered", 10, 10, "linqian")
    told(account, {"id": "c1", "outcome": "answered", "agent": "302", "queue": "售后", "billsec": 9, "recording": "https://r.example/1.wav",
                   "started_at": "2026-11-20 11:59:40", "answered_at": "2026-11-20 11:59:50", "ended_at": "2026-11-20 11:59:59"})  # fmt: skip
    call = the_call()
    assert (call.billsec, call.queue, call.caller, call.recording_state) == (9, "售后", CALLER, "linked")
    assert len(events("CallEnded")) == 1 and count(Message) == 1
    assert session().get_one(Message, call.message_id).text == "呼入 9 秒，坐席 林倩，等待 10 秒，队列 售后"


def test_events_out_of_order_give_the_same_call(account: int) -> None:
    live = {"id": "c1", "caller": CALLER, "callee": "8001", "agent": "301"}
    told(account, live | {"event": "hangup", "at": "2026-11-20T12:00:00+08:00"})
    assert the_call().outcome == "no_answer"
    told(account, live | {"event": "answer", "at": "2026-11-20T11:59:50+08:00"})
    told(account, live | {"event": "ring", "at": "2026-11-20T11:59:40+08:00"})
    call = the_call()
    assert (call.outcome, call.billsec, call.wait, len(events("CallEnded"))) == ("answered", 10, 10, 2)
    assert not events("CallRang") and session().get_one(Message, call.message_id).session_id is not None


def test_a_queue_and_a_record_are_one_call_whichever_comes_first(account: int) -> None:
    enters = b"1763610600|u.7|support|NONE|ENTERQUEUE||13800138000|1\n"
    ends = b"1763610613|u.7|support|SIP/302|CONNECT|13|u.9|3\n1763610700|u.7|support|SIP/302|COMPLETECALLER|13|87|1\n"
    row = cdr(unique="u.7", linked="u.5", app="Queue", data="support,t", peer="SIP/302-01", start="2026-11-20 11:50:00",
              answer="2026-11-20 11:50:00", end="2026-11-20 11:51:40", billsec=100)  # fmt: skip
    receiving.accept(account, enters)
    assert the_call().live and the_call().queue == "support"
    receiving.accept(account, row)
    receiving.accept(account, ends)
    call = the_call()
    assert (call.external_id, call.legs, call.queue, call.wait, call.billsec, call.user and call.user.name) == ("u.5", 4, "support", 13, 87, "linqian")
    assert count(Message) == 1


def test_giving_up_in_the_queue(account: int) -> None:
    receiving.accept(account, b"1763610600|u.7|support|NONE|ENTERQUEUE||13800138000|1\n1763610641|u.7|support|NONE|ABANDON|1|1|41\n")
    call = the_call()
    assert (call.outcome, call.wait, call.direction, call.user_id) == ("abandoned", 41, "inbound", None)
    message = session().get_one(Message, call.message_id)
    assert message.text == "呼入，排队中挂断，等待 41 秒，队列 support" and message.session_id is None and count(Session) == 0


def test_a_late_leg_turns_missed_into_answered(account: int) -> None:
    receiving.accept(account, cdr(linked="L", said="NO ANSWER", billsec=0, sequence=1))
    assert the_call().outcome == "no_answer" and count(Session) == 0
    receiving.accept(account, cdr(linked="L", sequence=2, peer="SIP/302-2"))
    call = the_call()
    assert (call.outcome, call.legs, len(events("CallEnded")), count(Message), count(Session)) == ("answered", 2, 2, 1, 1)


def test_a_shared_number_names_the_company_only(account: int) -> None:
    with unit_of_work() as s:
        company = Organisation(kind="client", name="澄湖轴承")
        s.add(company)
        s.flush()
        s.add(Identity(kind="phone", value="+8651287654321", shared=True, organisation_id=company.id))
    receiving.accept(account, cdr(src="051287654321"))
    call = the_call()
    assert call.contact_id is None and call.organisation is not None and call.organisation.name == "澄湖轴承"


def test_what_an_agent_chose_stays(account: int) -> None:
    told(account, {"event": "ring", "id": "c1", "caller": CALLER, "callee": "8001", "agent": "301"})
    with unit_of_work() as s:
        person, _ = find_or_create_contact(SYSTEM, "email", "wang@chenghu.example")
        s.scalars(select(Call)).one().contact_id = person.id if person else None
    chosen = the_call().contact_id
    told(account, {"event": "hangup", "id": "c1"})
    assert the_call().contact_id == chosen


@pytest.mark.parametrize("caller", ["anonymous", "", "Restricted", "89245918978999999"])
def test_whoever_withholds_the_number_is_nobody(account: int, caller: str) -> None:
    receiving.accept(account, cdr(src=caller))
    call = the_call()
    assert (call.identity_id, call.contact_id, call.number) == (None, None, "") and call.message_id and count(Identity) == 0


def test_calls_within_the_house_leave_no_line(account: int) -> None:
    receiving.accept(account, cdr(src="301", dst="302"))
    assert the_call().direction == "internal" and count(Message) == 0 and len(events("CallEnded")) == 1


def test_our_own_number_shows_the_direction(account: int) -> None:
    receiving.accept(account, cdr(src="02161234567", dst="13912345678", unique="a.1"))
    call = the_call()
    assert (call.direction, call.number) == ("outbound", "+8613912345678")
    assert session().get_one(Message, call.message_id).direction == "out"


def test_history_sets_nothing_going(account: int, drain: Callable[[], int]) -> None:
    with clock.frozen(NOON + timedelta(days=30)):
        receiving.accept(account, cdr())
        drain()
        call = the_call()
        assert call.message_id and not events("CallEnded") and not events("MessageReceived")
        stretch = session().scalars(select(Session)).one()
        assert (stretch.started_at, stretch.ended_at, stretch.inbound, stretch.agent_turns) == (call.started_at, call.ended_at, 1, 1)


def test_no_call_opens_a_ticket_by_itself(account: int, drain: Callable[[], int]) -> None:
    receiving.accept(account, cdr())
    receiving.accept(account, cdr(unique="2.2", said="NO ANSWER", billsec=0))
    drain()
    assert (count(Message), count(Ticket)) == (2, 0)


def test_bad_lines_are_noted_and_the_others_are_in(account: int) -> None:
    outcome = receiving.accept(account, enclose(cdr() + b"rubbish,1\n", form="asterisk-csv"))
    row = session().get_one(RawPayload, outcome.raw_id)
    assert (row.state, unpack(row.reason or ""), count(Call)) == ("parsed", "有 1 行读不懂：第 2 行。", 1)
