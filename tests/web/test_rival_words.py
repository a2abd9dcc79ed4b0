"""What one supplier wrote for its own customers, and what the desk says of it on the telephone, is nothing for another supplier."""

from collections.abc import Callable

import pytest

from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.kb.index import current_index
from knowledge import indexing, lifecycle
from knowledge.service import Content, Properties, draft_article
from tests.conftest import FreshClient
from tests.web.knowledge_house import House

SCRIPT = "先请客户停机断电"


def manual(house: House) -> int:
    with unit_of_work():
        made = draft_article(SYSTEM, Content("变频器客户手册", "参数锁的口令在这里。"), Properties(level="client", product_ids=(house.drive.id,)), "drive-manual")
        lifecycle.publish(SYSTEM, made)
        number = made.id
    indexing.rebuild(current_index())
    return number


@pytest.mark.parametrize("role", ["author", "resident"])
def test_another_supplier_finds_no_customers_manual(role: str, client: FreshClient, house: House, make_user: Callable[..., User]) -> None:
    number = manual(house)
    client.log_in(make_user(role, organisation=house.other))
    assert client.get(f"/knowledge/{number}").status_code == 404
    assert client.get("/articles/drive-manual").status_code == 404
    assert "drive-manual" not in client.get("/search?q=参数锁口令").text
    client.log_in(make_user(role, organisation=house.supplier))
    assert client.get(f"/knowledge/{number}").status_code == 200
    assert "drive-manual" in client.get("/search?q=参数锁口令").text


def test_the_words_for_the_telephone_are_the_own_suppliers(client: FreshClient, house: House, make_user: Callable[..., User]) -> None:
    pages = (f"/knowledge/{house.articles['hot']}", "/articles/v20-e07")
    client.log_in(make_user("resident", organisation=house.other))
    assert all(SCRIPT not in client.get(page).text for page in pages)
    client.log_in(make_user("resident", organisation=house.supplier))
    assert all(SCRIPT in client.get(page).text for page in pages)
    client.log_in(make_user("agent"))
    assert all(SCRIPT in client.get(page).text for page in pages)
