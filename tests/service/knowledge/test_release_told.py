"""Hundreds follow a product: each hears of its release once, in small units of work, whatever dies in between."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, select

from app.core import clock, outbox
from app.core.catalogue import Product
from app.core.db import db, session
from app.core.directory.products import update_release
from app.core.events import OutboxRow
from app.core.installed_base import Device
from app.core.people import Contact, Identity, Organisation
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.kb import release_told
from channels.accounts import add_account
from channels.reaching.models import Outreach
from knowledge import gate
from knowledge.community import following, moderation, service
from knowledge.community_models import Question
from knowledge.gate_check import check
from knowledge.gate_events import ReleasePublished
from knowledge.gate_models import PUBLISHED, ReleaseGate
from knowledge.gate_steps import take_step
from knowledge.mark_models import PersonMark

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.sending.deliver", lambda message_id, job: None)


@pytest.fixture
def product(app: Flask) -> Product:
    with unit_of_work() as s:
        add_account(SYSTEM, "email", "support", {"address": "desk@hengchuan.example", "smtp_host": "127.0.0.1"})
        row = Product(code="HK-V20", name="HK-V20 变频器")
        s.add(row)
    return row


def followed(product: Product, count: int, about: str = "product", about_id: int = 0) -> None:
    """People of a company that has a device of the product, who follow it (or something else)."""
    with unit_of_work() as s:
        client = Organisation(kind="client", name="澄湖")
        s.add(client)
        s.flush()
        s.add(Device(organisation_id=client.id, product_id=product.id, serial="A1"))
        people = [Contact(name=f"客户{n}", organisation_id=client.id) for n in range(count)]
        s.add_all(people)
        s.flush()
        known = [Identity(kind="email", value=f"p{n}@news.example", contact_id=one.id) for n, one in enumerate(people)]
        s.add_all(known)
        s.flush()
        s.add_all(
            PersonMark(mark="follow", about=about, about_id=about_id or product.id, person_kind="visitor", person_id=one.id) for one in known
        )


def opened(product: Product) -> ReleaseGate:
    with unit_of_work():
        row = gate.add_release(SYSTEM, product.id, "3.0")
        update_release(SYSTEM, row.release_id, released_on=clock.now().date())
        take_step(SYSTEM, row, "override", check(row.release, row, None), "资料下周补")
    assert row.state == PUBLISHED
    return row


def told() -> list[int | None]:
    session().rollback()
    return list(session().scalars(select(Outreach.contact_id).order_by(Outreach.contact_id)))


@contextmanager
def writes() -> Iterator[list[int]]:
    """How many rows each transaction wrote, by statements."""
    found, current = list[int](), [0]

    def wrote(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.lstrip()[:6].upper() in ("INSERT", "UPDATE", "DELETE"):
            current[0] += len(parameters) if many else 1

    def ended(connection: Any) -> None:
        found.append(current[0])
        current[0] = 0

    event.listen(db.engine, "after_cursor_execute", wrote)
    event.listen(db.engine, "commit", ended)
    try:
        yield found
    finally:
        event.remove(db.engine, "after_cursor_execute", wrote)
        event.remove(db.engine, "commit", ended)


def test_hundreds_are_told_a_few_rows_at_a_time(product: Product, drain: Callable[[], int]) -> None:
    followed(product, 200)
    with clock.frozen(NOON):
        opened(product)
        with writes() as each:
            drain()
    assert len(told()) == len(set(told())) == 200
    assert sum(each) > 2000 and max(each) <= 80, "no transaction grows with the number of followers"


def test_who_cannot_be_told_stops_nobody_and_is_told_later(product: Product, drain: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:
    followed(product, 45)
    reach, calls = release_told.ladder.reach, [0]

    def breaks(*given: Any, **named: Any) -> Any:
        calls[0] += 1
        found = reach(*given, **named)
        if calls[0] == 7:
            raise RuntimeError("the row that breaks")
        if calls[0] == 13:
            raise SystemExit("killed between the writes and the commit")
        return found

    monkeypatch.setattr(release_told.ladder, "reach", breaks)
    with clock.frozen(NOON):
        opened(product)
        with pytest.raises(SystemExit):
            drain()
        session().rollback()
        assert len(told()) == 11
        drain()
        assert len(told()) == 43, "the broken one waits for its next attempt, the killed one for the end of its lease"
    with clock.frozen(NOON + timedelta(minutes=5)):
        drain()
        assert len(told()) == len(set(told())) == 45


def test_what_is_done_again_tells_nobody_twice(product: Product, drain: Callable[[], int]) -> None:
    followed(product, 30)
    with clock.frozen(NOON):
        row = opened(product)
        drain()
        before = told()
        with unit_of_work():
            release_told.tell_release(ReleasePublished(gate_id=row.id, release_id=row.release_id, product_id=product.id))
        assert session().scalar(select(func.count()).select_from(OutboxRow).where(OutboxRow.reaction == "call_followers")) == 3
        drain()
    assert len(before) == 30 and told() == before


def test_who_unfollows_or_a_gate_that_shuts_in_between_ends_it(product: Product, drain: Callable[[], int]) -> None:
    followed(product, 30)
    with clock.frozen(NOON):
        row = opened(product)
        with unit_of_work() as s:
            release_told.tell_release(ReleasePublished(gate_id=row.id, release_id=row.release_id, product_id=product.id))
            gone = s.scalars(select(PersonMark).order_by(PersonMark.id.desc())).first()
            number = s.get_one(Identity, gone.person_id).contact_id
            s.delete(gone)
        outbox.drain(24)
        with unit_of_work():
            take_step(SYSTEM, session().get_one(ReleaseGate, row.id), "reopen", check(row.release, row, None), "写错了")
        so_far = told()
        drain()
    assert 0 < len(so_far) < 29 and told() == so_far and number not in so_far


def test_many_followers_of_a_question_are_noted_and_told_a_few_at_a_time(product: Product, make_user: Any, drain: Callable[[], int]) -> None:
    agent = make_user("agent").actor("test")
    with clock.frozen(NOON), unit_of_work():
        question = service.ask(agent, product, "变频器跳 E07 是什么意思", "夏天下午就停", "小陈")
    number = question.id
    followed(product, 50, "question", number)
    with clock.frozen(NOON + timedelta(minutes=1)):
        other = make_user("agent").actor("test")
        with unit_of_work():
            row = service.answer(other, session().get_one(Question, number), "散热器过热，先清风道。", "小李")
        with writes() as each:
            drain()
        assert len([one for one in told() if one is not None]) == 50
        assert len(following.followers(number, 0, 500)) == 51 and max(each) <= 80
        with unit_of_work():
            moderation.hide(SYSTEM, session().get_one(type(row), row.id), "危险的做法")
        with writes() as each:
            drain()
        states = set(session().scalars(select(Outreach.state).where(Outreach.contact_id.is_not(None))))
    assert states == {"withdrawn"} and max(each) <= 240
