"""Having the index made anew from the page of administrators: in the worker, once, with progress and an entry."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from app.core import outbox
from app.core.audit import AuditRow
from app.core.db import session
from app.core.errors import Forbidden
from app.core.events import DONE, DUE, LEASED, OutboxRow
from app.core.people import Contact, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.kb import rebuilding
from tests.conftest import FreshClient
from tests.web.knowledge_house import House, build
from workflows.engine import take
from workflows.models import Ticket
from workflows.opening import open_ticket
from workflows.tickets import TICKET

PAGE = "/admin/search-index"


@pytest.fixture
def house(app: Flask) -> House:
    return build(app)


@pytest.fixture
def admin(app: Flask, house: House, make_user: Callable[..., User]) -> FreshClient:
    browser = app.test_client()
    assert isinstance(browser, FreshClient)
    return browser.log_in(make_user("administrator"))


def rows() -> list[OutboxRow]:
    session().rollback()
    return list(session().scalars(select(OutboxRow).where(OutboxRow.reaction == "rebuild_index").order_by(OutboxRow.id)))


def test_asked_for_once_and_done_by_the_worker(app: Flask, admin: FreshClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "重建索引" in admin.get(PAGE).text and PAGE in admin.get("/admin").text
    seen: list[str] = []
    told = threading.Event()
    go_on = outbox.go_on

    def heard(job: outbox.Job, seconds: int, said: str) -> None:
        go_on(job, seconds, said)
        told.set()

    def slow_rebuild(index: object, progress: Callable[[int], None]) -> int:
        assert told.wait(10)
        told.clear()
        progress(3)
        assert told.wait(10)
        seen.append(admin.get(PAGE).text)
        admin.post(f"{PAGE}/rebuild")
        seen.append(admin.get(PAGE).text)
        return 7

    monkeypatch.setattr(rebuilding, "rebuild", slow_rebuild)
    monkeypatch.setattr(rebuilding, "TELL_EVERY", 0.01)
    monkeypatch.setattr(outbox, "go_on", heard)
    assert admin.post(f"{PAGE}/rebuild").status_code == 303
    waiting = admin.get(PAGE).text
    assert "等后台进程来做" in waiting and "every 1s" in waiting and "正在重建" in admin.get("/admin").text
    admin.post(f"{PAGE}/rebuild")
    assert "做完之前不用再点" in admin.get(PAGE).text and [row.state for row in rows()] == [DUE]
    outbox.drain(slow=False)
    assert [row.state for row in rows()] == [DUE], "nobody else's hand takes it"

    assert outbox.drain(slow=True) == 1
    assert "3 / " in seen[0] and "篇" in seen[0] and "做完之前不用再点" in seen[1]
    assert [row.state for row in rows()] == [DONE] and rebuilding.now_running() is None
    page = admin.get(PAGE).text
    assert "知识索引已重建" in page and "7 篇" in page and "every 1s" not in page
    assert [row.action for row in session().scalars(select(AuditRow).where(AuditRow.action.startswith("index.")))] == [
        "index.rebuild_asked",
        "index.rebuilt",
    ]


def test_the_index_itself_is_made_anew(app: Flask, house: House, admin: FreshClient) -> None:
    index = app.extensions["open_index"]()
    before = index.health()
    admin.post(f"{PAGE}/rebuild")
    assert outbox.drain(slow=True) == 1
    after = index.health()
    assert after.ok and after.documents == before.documents > 0 and rows()[0].state == DONE


def test_a_worker_that_dies_leaves_it_to_the_next(admin: FreshClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(index: object, progress: object) -> int:
        raise SystemExit

    monkeypatch.setattr(rebuilding, "rebuild", dies)
    admin.post(f"{PAGE}/rebuild")
    with pytest.raises(SystemExit):
        outbox.drain(slow=True)
    assert [row.state for row in rows()] == [LEASED] and rebuilding.now_running() is not None


def test_a_failure_is_said(admin: FreshClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(index: object, progress: object) -> int:
        raise OSError("no space left")

    monkeypatch.setattr(rebuilding, "rebuild", fails)
    admin.post(f"{PAGE}/rebuild")
    outbox.drain(slow=True)
    assert "OSError: no space left" in admin.get(PAGE).text


def test_only_who_may(house: House, make_user: Callable[..., User]) -> None:
    with pytest.raises(Forbidden), unit_of_work():
        rebuilding.ask(make_user("supervisor").actor("page"))


def test_the_index_of_solved_tickets_is_a_second_row(app: Flask, admin: FreshClient, make_user: Callable[..., User], drain: Callable[[], int]) -> None:
    who = make_user("agent").actor("test")
    with unit_of_work():
        person = Contact(name="冯强")
        session().add(person)
        session().flush()
        ticket = open_ticket(SYSTEM, subject="盘库差三件", kind="fault", contact=person, channel="calls")
    with unit_of_work():
        take(TICKET, session().get_one(Ticket, ticket.id), "solve_now", who, resolution="重扫库位", wrap_up={"category": "software"})
    drain()
    index = app.extensions["open_ticket_index"]()
    index.rebuild([])
    assert "工单索引" in admin.get(PAGE).text and "工单 1 张" not in admin.get(PAGE).text
    admin.post(f"{PAGE}/rebuild", data={"which": "tickets"})
    waiting = admin.get(PAGE).text
    assert "等后台进程来做" in waiting and waiting.count("重建索引</") == 1, "the other one can be asked for meanwhile"
    assert outbox.drain(slow=True) == 1 and index.health().documents == 1
    page = admin.get(PAGE).text
    assert "工单索引已重建" in page and "工单 1 张" in page and rows() == []
    assert admin.post(f"{PAGE}/rebuild", data={"which": "x"}).status_code == 404
