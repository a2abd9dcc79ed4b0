"""Hints to open pages: who gets in, who hears what, and that a login that ended closes its pages."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app import realtime
from app.core import accounts, logins
from app.core.audit import note
from app.core.events import EventRow, OutboxRow
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from tests.conftest import FreshClient

MakeUser = Callable[..., User]


@pytest.fixture
def connect(app: Flask) -> Callable[..., Any]:
    """connect(user) is an open page of this user, or of nobody."""

    def open_page(user: User | None = None, **given: Any) -> Any:
        client = app.test_client()
        assert isinstance(client, FreshClient)
        if user is not None:
            client.log_in(user)
        page = app.extensions["socketio"].test_client(app, namespace="/agent", flask_test_client=client, **given)
        page.pages = client
        return page

    return open_page


def heard(page: Any) -> list[tuple[str, int | None]]:
    return [(m["args"][0]["what"], m["args"][0]["id"]) for m in page.get_received("/agent") if m["name"] == "changed"]


def happen(subject: str, number: int, version: int = 1) -> None:
    from app.core.clock import now

    with unit_of_work() as s:
        s.add(
            EventRow(name="Happened", payload={}, subject=subject, subject_id=number, subject_version=version, at=now())
        )


def poll(app: Flask) -> None:
    from app.core.db import session

    session().rollback()
    realtime.hub_of(app).poll()


def test_only_a_logged_in_browser_gets_in(app: Flask, connect: Any, make_user: MakeUser) -> None:
    assert not connect().is_connected("/agent")
    assert not connect(make_user("agent", active=False)).is_connected("/agent")
    assert not connect(make_user("agent", must_change_password=True)).is_connected("/agent")
    assert connect(make_user("agent")).is_connected("/agent")
    evil = connect(make_user("agent"), headers={"Origin": "https://evil.example"})
    assert not evil.is_connected("/agent")
    assert connect(make_user("agent"), headers={"Origin": "http://localhost"}).is_connected("/agent")


def test_a_change_is_told_to_those_who_may_see_all_and_to_nobody_else(
    app: Flask, connect: Any, make_user: MakeUser
) -> None:
    agent, technician, admin = (connect(make_user(role)) for role in ("agent", "technician", "administrator"))
    happen("ticket", 7)
    happen("user", 3)
    poll(app)
    assert heard(agent) == [("ticket", 7)]
    assert heard(technician) == []
    assert sorted(heard(admin)) == [("ticket", 7), ("user", 3)]
    poll(app)
    assert heard(agent) == [], "nothing is told twice"


def test_what_happened_between_a_page_and_its_line_is_told(app: Flask, connect: Any, make_user: MakeUser) -> None:
    from app.core.clock import now

    asked = now().isoformat()
    happen("ticket", 7)
    happen("user", 3)
    agent, technician = connect(make_user("agent")), connect(make_user("technician"))
    for page in (agent, technician):
        assert page.emit("since", {"asked": asked}, namespace="/agent", callback=True) == {"ok": True}
    poll(app)
    assert heard(agent) == [("ticket", 7)]
    assert heard(technician) == []


@pytest.mark.parametrize("given", [None, "now", {}, {"asked": 7}, {"asked": "yesterday"}, {"asked": "2026-11-22T10:00:00"}])
def test_a_page_that_cannot_say_when_it_was_made_is_to_fetch_itself_anew(
    connect: Any, make_user: MakeUser, given: Any
) -> None:
    page = connect(make_user("agent"))
    assert page.emit("since", given, namespace="/agent", callback=True) == {"ok": False}


@pytest.mark.parametrize("asked", ["2020-01-01T00:00:00+00:00", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_a_page_of_yesterday_or_of_no_calendar_is_to_fetch_itself_anew(connect: Any, make_user: MakeUser, asked: str) -> None:
    page = connect(make_user("agent"))
    assert page.emit("since", {"asked": asked}, namespace="/agent", callback=True) == {"ok": False}


def test_a_staff_page_says_when_it_was_asked_for(app: Flask, make_user: MakeUser) -> None:
    from datetime import datetime

    client = app.test_client()
    assert isinstance(client, FreshClient)
    client.log_in(make_user("agent"))
    said = client.get("/desk").text.split('data-asked="', 1)[1].split('"', 1)[0]
    assert datetime.fromisoformat(said).tzinfo is not None


def test_a_late_commit_with_a_lower_id_is_told_all_the_same(app: Flask, connect: Any, make_user: MakeUser) -> None:
    from app.core.clock import now

    page = connect(make_user("agent"))
    for number in (40, 20):
        with unit_of_work() as s:
            s.add(EventRow(id=number, name="Happened", payload={}, subject="ticket", subject_id=number, at=now()))
        poll(app)
    assert heard(page) == [("ticket", 40), ("ticket", 20)]


def test_a_single_row_is_watched_past_its_gatekeeper(app: Flask, connect: Any, make_user: MakeUser) -> None:
    user = make_user("technician")
    page = connect(user)
    for what, number in (("ticket", 7), ("user", user.id + 1), ("nothing", 1)):
        assert page.emit("watch", {"what": what, "id": number}, namespace="/agent", callback=True) == {"ok": False}
    for nonsense in (
        None,
        "ticket:7",
        {"what": 1, "id": "x"},
        {"what": "user", "id": True},
        {"what": "user", "id": 2**40},
    ):
        assert page.emit("watch", nonsense, namespace="/agent", callback=True) == {"ok": False}
    assert page.emit("watch", {"what": "user", "id": user.id}, namespace="/agent", callback=True) == {"ok": True}
    happen("user", user.id + 1)
    happen("ticket", 7)
    happen("user", user.id)
    poll(app)
    assert heard(page) == [("user", user.id)]
    page.emit("unwatch", {"what": "user", "id": user.id}, namespace="/agent")
    happen("user", user.id)
    poll(app)
    assert heard(page) == []


def test_the_outbox_and_the_audit_trail_are_hinted_at(app: Flask, connect: Any, make_user: MakeUser) -> None:
    from app.core.clock import now
    from app.core.events import DONE

    admin, agent = connect(make_user("administrator")), connect(make_user("agent"))
    with unit_of_work() as s:
        row = EventRow(name="Happened", payload={}, at=now())
        s.add(row)
        s.flush()
        s.add(OutboxRow(event_id=row.id, event_name="Happened", reaction="do_it", due_at=now()))
    poll(app)
    assert heard(admin) == [("outbox", None)]
    with unit_of_work() as s:
        s.query(OutboxRow).update({"state": DONE})
    poll(app)
    poll(app)
    assert heard(admin) == [("outbox", None)]
    with unit_of_work():
        note(SYSTEM, "something.happened")
    poll(app)
    assert [what for what, _id in heard(admin)] == ["audit"]
    assert heard(agent) == []


def test_a_login_that_ended_closes_its_pages(app: Flask, connect: Any, make_user: MakeUser) -> None:
    user, other = make_user("agent"), make_user("agent")
    page, second, stays = connect(user), connect(user), connect(other)
    with unit_of_work():
        logins.end_sessions(SYSTEM, user.id)
    poll(app)
    assert not page.is_connected("/agent") and not second.is_connected("/agent") and stays.is_connected("/agent")


def test_a_new_role_changes_what_open_pages_hear(app: Flask, connect: Any, make_user: MakeUser) -> None:
    user = make_user("agent")
    page = connect(user)
    with unit_of_work():
        accounts.change_role(SYSTEM, user.id, "manager")
    poll(app)
    happen("ticket", 7)
    poll(app)
    assert page.is_connected("/agent") and heard(page) == []
    with unit_of_work():
        accounts.set_active(SYSTEM, user.id, False)
    poll(app)
    assert not page.is_connected("/agent")


def test_the_reading_starts_with_the_first_page_and_stops_cleanly(
    app: Flask, connect: Any, make_user: MakeUser
) -> None:
    app.config["REALTIME_BY_HAND"] = False
    hub = realtime.hub_of(app)
    told = threading.Event()
    emit = hub.server.emit

    def listen(name: str, *given: Any, **named: Any) -> None:
        emit(name, *given, **named)
        told.set()

    hub.server.emit = listen
    assert "huiyin-tail" not in [t.name for t in threading.enumerate()]
    page = connect(make_user("agent"))
    happen("ticket", 7)
    assert told.wait(5) and heard(page) == [("ticket", 7)]
    realtime.disconnect_all(app)
    assert not page.is_connected("/agent")
    assert "huiyin-tail" not in [t.name for t in threading.enumerate()]
