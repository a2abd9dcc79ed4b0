"""Tickets in any state, made by the law itself."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app.core import clock
from app.core.people import Organisation, Team, User
from app.core.permissions import SYSTEM, Actor
from app.core.uow import unit_of_work
from channels.models import Account, Conversation
from workflows.engine import Step, take
from workflows.models import Ticket, TicketConversation
from workflows.opening import open_ticket
from workflows.tickets import TICKET

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
WRAP_UP = {"category": "connection", "cause": "APN"}
SOLVED = {"resolution": "改了 APN。", "wrap_up": WRAP_UP}

Take = Callable[..., Step]


@pytest.fixture(autouse=True)
def stopped_clock(app: Flask) -> Iterator[None]:
    with clock.frozen(NOON):
        yield


@pytest.fixture
def agent(actor: Callable[..., Actor]) -> Actor:
    return actor("agent")


@pytest.fixture
def leader(actor: Callable[..., Actor]) -> Actor:
    return actor("leader")


@pytest.fixture
def tell(app: Flask) -> Take:
    """Take a step in a unit of work of its own: tell(ticket, "start", agent)."""

    def run(ticket: Ticket, step: str, who: Actor, **given: Any) -> Step:
        with unit_of_work():
            return take(TICKET, ticket, step, who, **given)

    return run


@pytest.fixture
def ticket(app: Flask, agent: Actor, leader: Actor, tell: Take) -> Callable[..., Ticket]:
    """ticket("executing") is a ticket that the law has brought there; `agent` works on it."""

    def make(state: str = "created", **given: Any) -> Ticket:
        with unit_of_work():
            found = open_ticket(SYSTEM, subject=given.pop("subject", "网关离线"), channel="email", **given)
        way = ["dispatched", "executing", "following_up", "closed"]
        ways: dict[str, tuple[str, Actor, dict[str, Any]]] = {
            "dispatched": ("dispatch", agent, {"assignee": agent.id}),
            "executing": ("start", agent, {}),
            "following_up": ("resolve", agent, SOLVED),
            "closed": ("close", leader, {"rating": 5}),
        }
        if state == "cancelled":
            tell(found, "cancel", agent, reason="重复")
        elif state == "merged":
            tell(found, "merge", agent, into=make("created").number)
        elif state != "created":
            for place in way[: way.index(state) + 1]:
                step, who, more = ways[place]
                tell(found, step, who, **more)
        assert found.state == state
        return found

    return make


@pytest.fixture
def conversation(app: Flask) -> Callable[..., int]:
    """conversation(ticket) adds one to it and returns its id."""

    def make(*tickets: Ticket) -> int:
        with unit_of_work() as s:
            account = s.query(Account).first() or Account(kind="email", slug="support", settings={})
            s.add(account)
            s.flush()
            row = Conversation(account_id=account.id, subject="网关")
            s.add(row)
            s.flush()
            for ticket in tickets:
                s.add(TicketConversation(ticket_id=ticket.id, conversation_id=row.id))
            return row.id

    return make


@pytest.fixture
def team(app: Flask, make_user: Callable[..., User]) -> Callable[..., Team]:
    """team(user, …) is a team of these, led by its leader."""

    def make(*members: User, leader: User | None = None, name: str = "一线组") -> Team:
        with unit_of_work() as s:
            row = Team(name=name, leader_id=leader.id if leader else None)
            row.members = list(members)
            s.add(row)
        return row

    return make


@pytest.fixture
def company(app: Flask) -> Callable[..., Organisation]:
    def make(name: str, kind: str = "client") -> Organisation:
        with unit_of_work() as s:
            row = Organisation(kind=kind, name=name)
            s.add(row)
        return row

    return make


def later(**span: float) -> datetime:
    """A moment after the stopped clock."""
    return clock.now() + timedelta(**span)
