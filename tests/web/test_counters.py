"""Counters in the house's administration, and the sheet for the wall."""

from collections.abc import Callable

from sqlalchemy import select

from app.core.db import session
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels.counters import Counter
from tests.conftest import FreshClient
from workflows.opening import open_ticket

PAGE = "/admin/counters"


def test_a_leader_makes_a_counter_and_prints_its_sheet(client: FreshClient, make_user: Callable[..., User]) -> None:
    client.log_in(make_user("leader"))
    assert client.post(PAGE, data={"name": "一号厂房服务台", "place": "正门右手边"}).status_code == 303
    made = session().scalars(select(Counter)).one()
    assert len(made.slug) >= 12 and made.active
    assert "一号厂房服务台" in client.get(PAGE).text and PAGE in client.get("/admin").text
    sheet = client.get(f"{PAGE}/{made.id}/sheet").text
    assert "<svg" in sheet and f"/ask?counter={made.slug}" in sheet and "正门右手边" in sheet
    assert client.post(f"{PAGE}/{made.id}", data={"name": "二号", "place": ""}).status_code == 303
    assert client.post(f"{PAGE}/{made.id}/active", data={"active": "0"}).status_code == 303
    session().rollback()
    changed = session().scalars(select(Counter)).one()
    assert (changed.name, changed.place, changed.active, changed.slug) == ("二号", "", False, made.slug)
    assert client.get(f"{PAGE}/{made.id}/sheet").status_code == 404 and client.get(f"{PAGE}/999/sheet").status_code == 404


def test_what_is_wrong_comes_back(client: FreshClient, make_user: Callable[..., User]) -> None:
    client.log_in(make_user("leader"))
    for given in ({"name": " "}, {"name": "x", "organisation": "99"}, {"name": "x", "account": "99"}):
        assert client.post(PAGE, data=given).status_code == 422, given
    assert session().scalars(select(Counter)).all() == []


def test_reports_are_narrowed_to_a_counter(client: FreshClient, make_user: Callable[..., User]) -> None:
    client.log_in(make_user("supervisor"))
    with unit_of_work() as s:
        counter = Counter(name="前台")
        s.add(counter)
        s.flush()
        open_ticket(SYSTEM, subject="从前台来的", channel="portal", counter_id=counter.id)
        open_ticket(SYSTEM, subject="别处来的", channel="portal")
    rows = client.get(f"/reports/rows?what=created&counter={counter.id}").text
    assert "从前台来的" in rows and "别处来的" not in rows and "前台" in client.get("/reports").text
