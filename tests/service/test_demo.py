"""The demo loads, once, and nothing of it ever leaves the house."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.config import Settings
from app.core import passwords
from app.core.audit import AuditRow
from app.core.catalogue import Product
from app.core.clock import frozen, now
from app.core.db import Base, UTCDateTime, session
from app.core.errors import Refused
from app.core.events import DUE, OutboxRow
from app.core.installed_base import Device
from app.core.outbox import drain
from app.core.people import Organisation, User
from app.core.permissions import NOBODY, SYSTEM
from app.demo import knowledge_life, variations, world
from app.demo.load import ARTICLES, load_demo
from app.kb.index import current_index
from app.queries.gaps import gap_page
from channels.models import Message
from knowledge.models import Article
from knowledge.searching import search
from workflows.fcr_models import FcrVerdict
from workflows.models import FollowUp, Ticket, TicketArticle, TicketLink, TicketMark
from workflows.orders import ORDER
from workflows.orders_models import OPEN_ORDER, OrderEvidence, OrderMark, ServiceOrder
from workflows.tickets import TICKET

pytestmark = pytest.mark.timeout(300)
ARTICLE_COUNT = len(list(ARTICLES.glob("*.md")))
AHEAD = {
    "due_at", "first_due_at", "accept_due_at", "hold_until", "until", "was", "window_from", "window_to", "was_from", "was_to",
    "matures_at", "expires_at", "review_by",
}  # fmt: skip
"""Moments that may lie ahead of us."""


def size() -> dict[str, int]:
    session().rollback()
    return {t.name: session().scalar(select(func.count()).select_from(t)) or 0 for t in Base.metadata.sorted_tables}


def test_the_demo(app: Flask, settings: Settings, runner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One load for all that only looks at it: it takes its time."""
    loaded = load_demo(settings)
    the_world_is_there(loaded)
    each_ticket_stands_where_its_story_ends()
    time_runs_forward()
    the_figures_can_be_believed()
    the_stories_that_were_laid_in()
    it_is_found_and_what_is_missing_is_counted()
    before = size()
    assert load_demo(settings) == loaded
    assert size() == before, "a second call changes nothing"
    done = runner.invoke(args=["desk", "demo"])
    assert done.exit_code == 0 and "没有改动" in done.output
    assert size() == before
    nothing_is_ever_sent(monkeypatch)


def the_world_is_there(loaded: dict[str, int]) -> None:
    assert loaded == {"tickets": 120, "orders": 12, "articles": ARTICLE_COUNT + knowledge_life.DRAFTS, "contacts": len(world.CONTACTS)}
    s = session()
    assert {u.name for u in s.scalars(select(User))} == {person.login for person in world.STAFF}
    assert s.scalar(select(func.count()).select_from(Device)) == len(world.DEVICES)
    assert s.scalar(select(func.count()).where(Article.state == "published")) == ARTICLE_COUNT >= 40
    hashes = set(s.scalars(select(User.password_hash)))
    assert len(hashes) == 1 and passwords.matches(hashes.pop(), world.DEMO_PASSWORD)
    roles = {u.name: (u.role, u.organisation and u.organisation.name) for u in s.scalars(select(User))}
    assert roles["dispatcher"] == ("dispatcher", "宏控自动化") and roles["client"] == ("client", "澄湖轴承")
    assert roles["agent"] == ("agent", None)


def each_ticket_stands_where_its_story_ends() -> None:
    moment = session().scalars(select(AuditRow.at).where(AuditRow.action == "demo.loaded")).one()
    split = {link.to_id for link in session().scalars(select(TicketLink).where(TicketLink.kind == "split"))}
    rows = [row for row in session().scalars(select(Ticket).order_by(Ticket.id)) if row.id not in split]
    stories = variations.planned(None, moment)
    assert len(rows) == len(stories) == 119 and len(split) == 1
    people = {c.code: c.name for c in world.CONTACTS}
    for row, story in zip(rows, stories, strict=True):
        assert row.state == story.state, story.number
        assert (row.kind, row.impact, row.channel) == (story.kind, story.impact, story.channel)
        assert row.contact is not None and row.contact.name == people[story.contact]
        assert moment - row.created_at == timedelta(minutes=story.age), story.number
        assert (row.device and row.device.serial) == story.device
        assert row.held == (story.hold is not None), story.number
        ends = [order.state for order in session().scalars(select(ServiceOrder).where(ServiceOrder.ticket_id == row.id))]
        assert ends == [order.state for order in story.orders], story.number
        assert row.state in TICKET.open_states or not set(ends) & set(OPEN_ORDER), "no end over an open order"
    assert {row.state for row in rows} == set(TICKET.states), "the whole law is played"
    assert set(session().scalars(select(ServiceOrder.state))) == set(ORDER.states)
    named = session().scalars(select(Message.text).where(Message.text.contains("工單單號"))).one()
    number = next(row.number for row, story in zip(rows, stories, strict=True) if story.number == 2041)
    assert str(number) in named, "the customer names the number that the ticket really has"


def time_runs_forward() -> None:
    moment = session().scalars(select(AuditRow.at).where(AuditRow.action == "demo.loaded")).one()
    at = list(session().scalars(select(AuditRow.at).order_by(AuditRow.id)))
    assert at == sorted(at), "the trail reads in the order of time"
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            late = isinstance(column.type, UTCDateTime) and column.name not in AHEAD
            newest = session().scalar(select(func.max(column))) if late else None
            assert newest is None or newest <= moment + timedelta(minutes=5), f"{table.name}.{column.name} lies in the future"
    by_conversation: dict[int, list[Message]] = {}
    for message in session().scalars(select(Message).order_by(Message.id)):
        by_conversation.setdefault(message.conversation_id, []).append(message)
    for messages in by_conversation.values():
        times = [message.created_at for message in messages]
        assert times == sorted(times)


def the_figures_can_be_believed() -> None:
    rows = session().execute(select(FcrVerdict.verdict, Organisation.name, FcrVerdict.channel).select_from(FcrVerdict).join(
        Product, Product.id == FcrVerdict.product_id).outerjoin(Organisation, Organisation.id == Product.supplier_id)).all()  # fmt: skip

    def share(chosen: list[Any]) -> float:
        solved = sum(row.verdict == "solved" for row in chosen)
        return solved / (solved + sum(row.verdict == "not_solved" for row in chosen))

    assert 0.55 <= share(list(rows)) <= 0.75
    own = [row for row in rows if row.name == "宏控自动化"]
    assert share(own) < share([row for row in rows if row.name in (None, "拓联通信")])
    assert len({round(share([row for row in rows if row.channel == channel]), 2) for channel in ("email", "webchat", "calls")}) == 3
    scores = [q.score for q in session().scalars(select(FollowUp)) if q.score]
    assert set(scores) >= {2, 3, 4, 5} and sum(scores) / len(scores) > 3.5
    assert session().scalar(select(func.count()).select_from(TicketArticle)) or 0


def the_stories_that_were_laid_in() -> None:
    s = session()
    thrice = list(s.scalars(select(Ticket).join(Device, Device.id == Ticket.device_id).where(Device.serial == "HV37K-25-0002")))
    assert len([t for t in thrice if t.created_at > now() - timedelta(days=30)]) == 3
    complaint = s.scalars(select(Ticket).where(Ticket.kind == "complaint", Ticket.state == "executing")).one()
    due = s.scalars(select(TicketMark.until).where(TicketMark.ticket_id == complaint.id, TicketMark.kind == "supervise")).one()
    assert due is not None and timedelta(hours=2, minutes=50) < due - now() <= timedelta(hours=3)
    judged = [m.decision for m in s.scalars(select(OrderMark).where(OrderMark.kind == "reject").order_by(OrderMark.id))]
    assert judged == ["upheld", "refused", "asked"]
    assert s.scalar(select(func.max(Ticket.urged))) == 2
    assert s.scalar(select(func.max(ServiceOrder.reworks))) == 1
    assert all(e.file is not None and e.file.mime == "image/png" for e in s.scalars(select(OrderEvidence)) if e.kind == "photo")


def nothing_is_ever_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: Any) -> None:
        raise AssertionError("the demo wants to send")

    monkeypatch.setattr("channels.email.EmailChannel.send", refuse)
    assert set(session().scalars(select(Message.state).where(Message.direction == "out"))) == {"sent"}
    due = list(session().scalars(select(OutboxRow).where(OutboxRow.state == DUE)))
    assert {row.reaction for row in due} <= {"wake_hold", "wake_order", "close_silent", "judge_matured"}
    assert all(row.due_at > now() for row in due)
    with frozen(now() + timedelta(days=30)):
        while drain():
            session().rollback()
    states = set(session().scalars(select(OutboxRow.state)))
    left = [(row.reaction, row.event_name if hasattr(row,"event_name") else "", row.state, row.attempts, row.error, str(row.due_at)) for row in session().scalars(select(OutboxRow).where(OutboxRow.state != "done"))]
    assert states == {"done"}, left


def it_is_found_and_what_is_missing_is_counted() -> None:
    hits = search(current_index(), NOBODY, "变频器跳E07")
    assert "HK-V20" in "".join(piece.text for piece in next(iter(hits)).title)
    missing = {gap.query: gap.count for gap in gap_page(SYSTEM).gaps}
    assert missing["eSIM"] == 4 and missing["配方"] == 3
    assert "换卡" not in missing, "what was written is opened"


def test_reset_and_another_size(app: Flask, settings: Settings, runner: Any) -> None:
    assert load_demo(settings, ticket_count=3)["tickets"] == 3
    done = runner.invoke(args=["desk", "demo", "--reset", "--tickets", "60", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    articles = ARTICLE_COUNT + knowledge_life.DRAFTS
    assert found == {"tickets": 60, "orders": 12, "articles": articles, "contacts": len(variations.all_contacts(60))}
    rows = list(session().scalars(select(Ticket).order_by(Ticket.id)))
    assert [r.created_at for r in rows] == sorted(r.created_at for r in rows), "numbers follow time"
    assert rows[0].id == 1
    assert {r.state for r in rows[:10]} <= set(TICKET.ends), "what is old has ended"
    assert set(session().scalars(select(Message.state).where(Message.direction == "out"))) == {"sent"}


def test_only_where_it_is_allowed(app: Flask, settings: Settings, runner: Any) -> None:
    with pytest.raises(Refused):
        load_demo(replace(settings, demo=False))
    app.extensions["settings"] = replace(settings, demo=False)
    done = runner.invoke(args=["desk", "demo", "--reset"])
    assert done.exit_code == 1 and "HUIYIN_DEMO=1" in done.stderr
    assert sum(size().values()) == 0


@pytest.mark.parametrize("count", [0, 5, 44, 45, 46, 47, 120, 700])
def test_plans_of_any_size(count: int) -> None:
    moment = datetime(2026, 11, 22, 5, tzinfo=UTC)
    planned = variations.planned(count, moment)
    assert len(planned) + sum(act.step == "split" for story in planned for act in story.acts) in (count, max(count - 1, 0))
    assert [t.age for t in planned] == sorted((t.age for t in planned), reverse=True)
    devices = {d.serial: d for d in world.DEVICES}
    places = {s.code: s.organisation for s in world.SITES}
    people = {c.code: c.organisation for c in variations.all_contacts(count)}
    numbers = {story.number for story in planned}
    for story in planned:
        way = [story.dispatched_after, story.started_after, story.resolved_after, story.closed_after or story.cancelled_after]
        minutes = [0, *(m for m in way if m is not None), story.age]
        assert minutes == sorted(minutes), story
        said = [m.after for m in story.thread]
        assert said == sorted(said) and (not said or said[-1] <= story.age)
        again = [act.after for act in story.acts if act.step == "again"]
        before = [m.after for m in story.thread if m.role == "customer"]
        assert story.resolved_after is None or again or all(after <= story.resolved_after for after in before), "thanks reopen nothing"
        assert all(act.given["into"] in numbers for act in story.acts if "into" in act.given)
        if story.device:
            assert places[devices[story.device].site] == people[story.contact]
    assert planned == variations.planned(count, moment), "the same plan every time"
