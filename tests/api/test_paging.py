"""Pages: complete, without doubles, also while rows come in between; cursors cannot be made up."""

import pytest

from app.core.directory import contacts
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work


@pytest.fixture
def many(app):
    with unit_of_work():
        return [contacts.create_contact(SYSTEM, name=f"联系人 {n}").id for n in range(23)]


def walk(call, path):
    seen, cursor = [], ""
    while cursor is not None:
        page = call.get(f"{path}&cursor={cursor}" if cursor else path).get_json()
        seen.append([row["id"] for row in page["items"]])
        cursor = page["next"]
    return seen


def test_all_rows_once(api, many):
    pages = walk(api(), "contacts?limit=5")
    assert [len(page) for page in pages] == [5, 5, 5, 5, 3]
    assert sum(pages, []) == many
    assert [len(page) for page in walk(api(), "contacts?limit=23")] == [23]


def test_rows_that_come_meanwhile_shift_nothing(api, many):
    call = api()
    first = call.get("contacts?limit=10").get_json()
    call.post("contacts", {"name": "新"})
    second = call.get(f"contacts?limit=200&cursor={first['next']}").get_json()
    assert [row["id"] for row in first["items"] + second["items"]][:23] == many


def test_cursors_are_signed_and_belong_to_one_list(api, many):
    call = api()
    cursor = call.get("contacts?limit=5&q=联系人").get_json()["next"]
    for wrong in (cursor[:-2] + "xx", "x", "eyJhIjoxfQ", "%00", cursor + "." + cursor):
        answer = call.get(f"contacts?q=联系人&cursor={wrong}")
        assert answer.status_code == 422 and list(answer.get_json()["errors"]) == ["cursor"]
    assert call.get(f"contacts?cursor={cursor}").status_code == 422
    assert call.get(f"organisations?q=联系人&cursor={cursor}").status_code == 422
    assert call.get(f"contacts?q=联系人&limit=7&cursor={cursor}").status_code == 200


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", "", "１０", "9" * 30, "1e2"])
def test_limits_out_of_range(api, app, limit):
    answer = api().get(f"contacts?limit={limit}")
    assert answer.status_code == 422 and list(answer.get_json()["errors"]) == ["limit"]
