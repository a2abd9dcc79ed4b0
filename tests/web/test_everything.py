"""Ctrl-K: everything, limited to what the actor may read."""

from collections.abc import Callable

import pytest
from flask import Flask

from app.core.catalogue import Product
from app.core.directory.contacts import create_contact
from app.core.installed_base import Device
from app.core.people import Organisation, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from tests.conftest import FreshClient
from workflows.opening import open_ticket


@pytest.fixture
def find(app: Flask, make_user: Callable[..., User]) -> Callable[..., str]:
    """find("agent", "网关"): what a user of this role is offered."""

    def ask(role: str, q: str, organisation: Organisation | None = None) -> str:
        client = app.test_client()
        assert isinstance(client, FreshClient)
        answer = client.log_in(make_user(role, organisation=organisation)).get("/everything", query_string={"q": q})
        assert answer.status_code == 200
        return answer.text

    return ask


@pytest.fixture
def lake(app: Flask) -> Organisation:
    with unit_of_work() as s:
        lake, maker = Organisation(kind="client", name="澄湖轴承"), Organisation(kind="supplier", name="宏控")
        s.add_all([lake, maker])
        s.flush()
        product = Product(code="HK", name="变频器", supplier_id=maker.id)
        s.add(product)
        s.flush()
        s.add(Device(serial="SN-77", model="HK-V20", product_id=product.id, organisation_id=lake.id))
        person = create_contact(SYSTEM, name="王建平", organisation_id=lake.id)
        open_ticket(SYSTEM, subject="变频器跳 E07", channel="email", contact=person, organisation_id=lake.id)
    return lake


def test_words_find_tickets_people_companies_and_machines(find: Callable[..., str], lake: Organisation) -> None:
    assert "/desk/tickets/20001" in find("agent", "E07") and "/desk/tickets/20001" in find("agent", "20001")
    by_person = find("agent", "王建平")
    assert "/contacts/1" in by_person and "/desk/tickets/20001" in by_person
    assert f"/organisations/{lake.id}" in find("agent", "澄湖")
    assert "/devices/1" in find("agent", "sn-77")
    assert "没有找到" in find("agent", "%_<b>") and "<b>" not in find("agent", "%_<b>")


def test_nobody_is_offered_what_they_may_not_open(find: Callable[..., str], lake: Organisation) -> None:
    for role in ("technician", "dispatcher", "author", "manager"):
        for q in ("E07", "王建平", "20001", "SN-77"):
            page = find(role, q)
            assert "/desk/tickets/20001" not in page and "/contacts/1" not in page and "/devices/1" not in page, (role, q)
    assert "/admin" not in find("agent", "")
    assert "/admin" in find("administrator", "") and "/admin/audit" in find("administrator", "审计")
