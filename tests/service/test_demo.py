"""The demo loads, once, and nothing of it ever leaves the house."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.config import Settings
from app.core import passwords
from app.core.audit import AuditRow
from app.core.clock import frozen, now
from app.core.db import Base, session
from app.core.errors import Refused
from app.core.events import DUE, OutboxRow
from app.core.installed_base import Device
from app.core.outbox import drain
from app.core.people import User
from app.core.permissions import NOBODY
from app.demo import tickets, variations, world
from app.demo.load import load_demo
from app.search_index import current_index
from channels.models import Message
from knowledge.models import Article
from knowledge.searching import gaps, search
from workflows.models import FollowUp, Ticket, TicketArticle

pytestmark = pytest.mark.timeout(180)


def size() -> dict[str, int]:
    session().rollback()
    return {t.name: session().scalar(select(func.count()).select_from(t)) or 0 for t in Base.metadata.sorted_tables}


@pytest.fixture
def loaded(app: Flask, settings: Settings) -> dict[str, int]:
    return load_demo(settings)


def test_the_world_is_there(loaded: dict[str, int]) -> None:
    assert loaded == {"tickets": 14, "orders": 0, "articles": 12, "contacts": len(world.CONTACTS)}
    s = session()
    assert {u.name for u in s.scalars(select(User))} == {person.login for person in world.STAFF}
    assert s.scalar(select(func.count()).select_from(Device)) == len(world.DEVICES)
    assert s.scalar(select(func.count()).where(Article.state == "published")) == 12
    hashes = set(s.scalars(select(User.password_hash)))
    assert len(hashes) == 1 and passwords.matches(hashes.pop(), world.DEMO_PASSWORD)
    roles = {u.name: (u.role, u.organisation and u.organisation.name) for u in s.scalars(select(User))}
    assert roles["dispatcher"] == ("dispatcher", "宏控自动化") and roles["client"] == ("client", "澄湖轴承")
    assert roles["agent"] == ("agent", None)


def test_each_ticket_stands_where_its_story_ends(loaded: dict[str, int]) -> None:
    rows = list(session().scalars(select(Ticket).order_by(Ticket.id)))
    for row, story in zip(rows, tickets.TICKETS, strict=True):
        assert row.state == story.state, story.number
        assert (row.kind, row.impact) == (story.kind, story.impact)
        assert row.contact is not None and row.contact.name == next(c.name for c in world.CONTACTS if c.code == story.contact)
        assert abs((now() - row.created_at) - timedelta(minutes=story.age)) < timedelta(minutes=2)
        assert (row.device and row.device.serial) == story.device
        assert row.held == (story.hold is not None)
    scores = [q.score for q in session().scalars(select(FollowUp)) if q.score]
    assert sorted(scores) == [4, 5]
    assert session().scalar(select(func.count()).select_from(TicketArticle)) or 0
    named = session().scalars(select(Message.text).where(Message.text.contains("工單單號"))).one()
    assert str(rows[10].number) in named, "the customer names the number that the ticket really has"
    at = list(session().scalars(select(AuditRow.at).order_by(AuditRow.id)))
    assert at == sorted(at), "the trail reads in the order of time"


def test_nothing_is_ever_sent(loaded: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: Any) -> None:
        raise AssertionError("the demo wants to send")

    monkeypatch.setattr("channels.email.EmailChannel.send", refuse)
    assert set(session().scalars(select(Message.state).where(Message.direction == "out"))) == {"sent"}
    due = list(session().scalars(select(OutboxRow).where(OutboxRow.state == DUE)))
    assert {row.reaction for row in due} <= {"wake_hold", "close_silent"}
    assert all(row.due_at > now() for row in due)
    with frozen(now() + timedelta(days=30)):
        while drain():
            session().rollback()
    states = set(session().scalars(select(OutboxRow.state)))
    assert states == {"done"}


def test_it_is_found_and_what_is_missing_is_counted(loaded: dict[str, int]) -> None:
    hits = search(current_index(), NOBODY, "变频器跳E07")
    assert "HK-V20" in "".join(piece.text for piece in next(iter(hits)).title)
    missing = {gap.query: gap.zero for gap in gaps()}
    assert missing["触摸屏配方丢了怎么找回"] == 3


def test_a_second_call_changes_nothing(loaded: dict[str, int], settings: Settings, runner: Any) -> None:
    before = size()
    assert load_demo(settings) == loaded
    assert size() == before
    done = runner.invoke(args=["desk", "demo"])
    assert done.exit_code == 0 and "没有改动" in done.output
    assert size() == before


def test_reset_and_more_tickets(loaded: dict[str, int], settings: Settings, runner: Any) -> None:
    done = runner.invoke(args=["desk", "demo", "--reset", "--tickets", "40", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found == {"tickets": 40, "orders": 0, "articles": 12, "contacts": len(world.CONTACTS)}
    rows = list(session().scalars(select(Ticket).order_by(Ticket.id)))
    assert [r.created_at for r in rows] == sorted(r.created_at for r in rows), "numbers follow time"
    assert rows[0].id == 1
    assert {r.state for r in rows[:20]} <= {"closed", "cancelled", "following_up", "executing", "dispatched", "created"}
    assert set(session().scalars(select(Message.state).where(Message.direction == "out"))) == {"sent"}


def test_only_where_it_is_allowed(app: Flask, settings: Settings, runner: Any) -> None:
    with pytest.raises(Refused):
        load_demo(replace(settings, demo=False))
    app.extensions["settings"] = replace(settings, demo=False)
    done = runner.invoke(args=["desk", "demo", "--reset"])
    assert done.exit_code == 1 and "HUIYIN_DEMO=1" in done.stderr
    assert sum(size().values()) == 0


def test_variations_keep_the_order_of_each_story() -> None:
    planned = variations.planned(300)
    assert len(planned) == 300
    assert [t.age for t in planned] == sorted((t.age for t in planned), reverse=True)
    devices = {d.serial: d for d in world.DEVICES}
    places = {s.code: s.organisation for s in world.SITES}
    people = {c.code: c.organisation for c in world.CONTACTS}
    for story in planned:
        way = [story.dispatched_after, story.started_after, story.resolved_after, story.closed_after or story.cancelled_after]
        minutes = [0, *(m for m in way if m is not None), story.age]
        assert minutes == sorted(minutes), story
        said = [m.after for m in story.thread]
        assert said == sorted(said) and (not said or said[-1] <= story.age)
        before = [m.after for m in story.thread if m.role == "customer"]
        assert story.resolved_after is None or all(after <= story.resolved_after for after in before), "thanks reopen nothing"
        if story.device:
            assert places[devices[story.device].site] == people[story.contact]
    assert variations.planned(5) == list(tickets.TICKETS[-5:])
    assert variations.planned(0) == []
