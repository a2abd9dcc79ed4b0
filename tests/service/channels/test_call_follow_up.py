"""What calls bring about: somebody to call back, once; nobody any more; talk that counts; a ticket that knows its calls."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from app.calls import people as call_people
from app.core.clock import now
from app.core.db import session
from app.core.directory.contacts import create_contact
from app.core.directory.organisations import create_organisation
from app.core.errors import Invalid
from app.core.people import Contact, Identity, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.queries import caller, wrap_ups
from channels.accounts import add_account
from channels.calls.live import read_plain
from channels.calls.models import Call
from channels.calls.storing import store_rows
from channels.models import Account, Message, Session
from channels.sessions import recount
from workflows.call_models import CallTask
from workflows.models import Ticket, TicketConversation
from workflows.opening import open_ticket
from workflows.wrap_ups import wrap_up

NUMBER, OTHER, SWITCHBOARD = "+8619900000102", "+8619900000103", "+8651205550100"
Drain = Callable[[], int]
UTC = ZoneInfo("UTC")


@pytest.fixture
def account(app: Any) -> Account:
    with unit_of_work():
        return add_account(SYSTEM, "calls", "pbx", {"secret": "a-long-secret", "own_numbers": "4000000100"})


@pytest.fixture
def agent(make_user: Callable[..., User]) -> User:
    return make_user("agent", extension="8001", display_name="周小禾")


@pytest.fixture
def rang(account: Account, drain: Drain) -> Callable[..., Call]:
    """rang("c1", "abandoned", ago=…) tells of a call that is over and lets the worker work."""

    def tell(name: str, outcome: str, caller: str = NUMBER, ago: int = 10, **more: Any) -> Call:
        begin = now() - timedelta(minutes=ago)
        body: dict[str, Any] = {
            "id": name, "caller": caller, "callee": "4000000100", "direction": "inbound", "queue": "热线", "outcome": outcome,
            "started_at": begin.isoformat(), "ended_at": (begin + timedelta(seconds=60)).isoformat(), **more,
        }  # fmt: skip
        if outcome == "answered":
            body |= {"answered_at": (begin + timedelta(seconds=8)).isoformat(), "agent": more.get("agent", "8001")}
        with unit_of_work():
            store_rows(account, read_plain(json.dumps(body).encode(), UTC).rows)
        drain()
        return session().scalars(select(Call).where(Call.external_id == name)).one()

    return tell


def tasks() -> list[CallTask]:
    return list(session().scalars(select(CallTask).order_by(CallTask.id)))


def test_three_rings_are_one_task_that_talking_settles(rang: Callable[..., Call], agent: User) -> None:
    for n in range(3):
        rang(f"c{n}", "abandoned", ago=30 - n)
    (task,) = tasks()
    assert (task.state, task.count, task.reason, task.queue) == ("open", 3, "abandoned", "热线")
    assert task.contact_id is not None and len(task.calls) == 3
    rang("d", "answered", ago=5)
    session().refresh(task)
    assert (task.state, task.result, session().scalars(select(Ticket)).all()) == ("done", "reached", [])


def test_a_call_out_settles_too_and_another_number_does_not(rang: Callable[..., Call], agent: User) -> None:
    rang("a", "no_answer", ago=20)
    rang("b", "answered", caller=OTHER, ago=9)
    assert tasks()[0].state == "open"
    rang("c", "answered", caller="8001", callee=NUMBER, direction="outbound", ago=4)
    session().expire_all()
    assert tasks()[0].state == "done"


def test_a_record_that_comes_late_asks_for_nothing(rang: Callable[..., Call], agent: User) -> None:
    rang("new", "answered", ago=3)
    rang("old", "abandoned", ago=40)
    rang("menu", "ivr_only", caller=OTHER, ago=2)
    rang("hidden", "abandoned", caller="anonymous", ago=2)
    rang("ancient", "abandoned", caller=OTHER, ago=3 * 24 * 60)
    assert tasks() == []


def test_an_answered_call_is_talk_of_the_desk(rang: Callable[..., Call], agent: User) -> None:
    call = rang("t", "answered")
    message = session().get_one(Message, call.message_id)
    stretch = session().get_one(Session, message.session_id)
    assert (stretch.inbound, stretch.agent_turns, stretch.first_user_id) == (1, 1, agent.id)
    assert session().scalars(select(Ticket)).all() == [], "a call opens no ticket by itself"
    before = stretch.first_user_at
    with unit_of_work() as s:
        recount(s.get_one(Session, stretch.id))  # as when words of the conversation are moved
    session().refresh(stretch)
    assert (stretch.inbound, stretch.agent_turns, stretch.first_user_id, stretch.first_user_at) == (1, 1, agent.id, before)


def test_a_ticket_opened_from_a_call_has_its_conversation(rang: Callable[..., Call], agent: User) -> None:
    call = rang("t", "answered")
    with unit_of_work():
        ticket = open_ticket(agent.actor("page"), subject="E07", channel="calls", contact=call.contact)
        call_people.hang_on(agent.actor("page"), call, ticket)
    link = session().scalars(select(TicketConversation)).one()
    assert (link.ticket_id, link.conversation_id) == (ticket.id, call.conversation_id)


def test_neither_wrap_up_nor_reason_is_counted_until_there_is_one(rang: Callable[..., Call], agent: User) -> None:
    call = rang("t", "answered")
    rang("missed", "abandoned", caller=OTHER)
    actor = agent.actor("page")
    span = wrap_ups.Span(now() - timedelta(days=1), now() + timedelta(minutes=1), agent.id)
    assert wrap_ups.rate(actor, span) == (1, 1)
    assert [(o.kind, o.id) for o in wrap_ups.owed(actor, span).rows] == [("call", call.id)]
    with unit_of_work():
        wrap_up(actor, "call", call.id, none_reason="test")
    assert wrap_ups.rate(actor, span) == (0, 1) and wrap_ups.owed(actor, span).rows == []
    assert wrap_ups.by_person(actor, span) == [(agent.id, 0, 1)]


def test_a_shared_number_names_the_company_and_the_agent_the_person(rang: Callable[..., Call], agent: User) -> None:
    with unit_of_work() as s:
        company = create_organisation(SYSTEM, kind="client", name="澄湖轴承")
        wang = create_contact(SYSTEM, name="王建平", organisation_id=company.id)
        other = create_organisation(SYSTEM, kind="client", name="别家")
        stranger = create_contact(SYSTEM, name="别人", organisation_id=other.id)
        s.add(Identity(kind="phone", value=SWITCHBOARD, shown="总机", organisation_id=company.id, shared=True))
    call = rang("s", "answered", caller=SWITCHBOARD)
    actor = agent.actor("page")
    shown = caller.caller_of(actor, call)
    assert (shown.contact, shown.shared, shown.organisation, shown.people) == (None, True, company, [wang])
    with pytest.raises(Invalid), unit_of_work():
        call_people.set_caller(actor, call, stranger)
    with unit_of_work():
        call_people.set_caller(actor, call, wang)
    assert (call.contact_id, call.conversation.contact_id if call.conversation else None) == (wang.id, wang.id)
    with unit_of_work():
        added = call_people.add_caller(actor, call, "新来的")
    assert (added.organisation_id, call.contact_id) == (company.id, added.id)


def test_an_unknown_number_becomes_somebody(rang: Callable[..., Call], agent: User) -> None:
    call = rang("u", "answered")
    nobody = call.contact_id
    actor = agent.actor("page")
    with unit_of_work():
        known = create_contact(SYSTEM, name="李工")
        call_people.set_caller(actor, call, known)
    assert session().get_one(Contact, nobody).merged_into_id == known.id
    second = rang("v", "answered", caller=OTHER)
    with unit_of_work():
        named = call_people.add_caller(actor, second, "张工")
    assert (named.id, named.name) == (second.contact_id, "张工")


def test_the_card_counts_contacts_of_three_days(rang: Callable[..., Call], agent: User) -> None:
    rang("a", "answered", ago=2 * 24 * 60 - 5)
    rang("b", "abandoned", ago=60)
    call = rang("c", "answered", ago=2)
    assert caller.caller_of(agent.actor("page"), call).times == 3
    moment: datetime = call.started_at or now()
    assert moment <= now()
