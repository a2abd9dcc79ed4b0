"""`flask desk user|token|outbox`: the shapes that programs rely on, and refusals in one line."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.core import logins, tokens
from app.core.clock import now
from app.core.events import DEAD, DONE, DUE, EventRow, OutboxRow
from app.core.people import Organisation, User
from app.core.uow import unit_of_work

WORD = "correct-horse-battery"


@pytest.fixture
def desk(runner: Any) -> Callable[..., Any]:
    def run(*words: str) -> Any:
        return runner.invoke(args=["desk", *words])

    return run


def may_enter(name: str, password: str) -> logins.Opened | None:
    attempt = logins.verify_login(name, password)
    with unit_of_work():
        return logins.log_in(attempt)


def test_add_with_a_password(desk: Callable[..., Any]) -> None:
    done = desk("user", "add", "li", "--role", "agent", "--password", WORD, "--json")
    assert done.exit_code == 0
    value = json.loads(done.stdout)
    assert value == {"id": value["id"], "name": "li", "role": "agent"}
    opened = may_enter("li", WORD)
    assert opened and not opened.must_change_password


def test_add_without_a_password_prints_a_temporary_one(desk: Callable[..., Any]) -> None:
    value = json.loads(desk("user", "add", "li", "--role", "agent", "--json").stdout)
    opened = may_enter("li", value["password"])
    assert opened and opened.must_change_password


def test_add_to_a_company(desk: Callable[..., Any]) -> None:
    with unit_of_work() as s:
        s.add(Organisation(kind="supplier", name="宏控自动化", short_name="宏控"))
    assert (
        desk("user", "add", "shifu", "--role", "technician", "--organisation", "宏控", "--password", WORD).exit_code
        == 0
    )
    refused = desk("user", "add", "shifu2", "--role", "technician", "--organisation", "无此公司", "--password", WORD)
    assert refused.exit_code == 1 and refused.stdout == "" and refused.stderr == "没有企业 无此公司。\n"


@pytest.mark.parametrize(
    "words,status",
    [
        (("user", "add", "li", "--role", "king"), 2),
        (("user", "add", "li"), 2),
        (("user", "add", "li", "--role", "agent", "--password", "short"), 1),
        (("user", "add", "x", "--role", "agent"), 1),
        (("user", "add", "li", "--role", "technician"), 1),
        (("user", "password", "nobody"), 1),
        (("token", "--user", "nobody"), 1),
        (("token",), 2),
        (("outbox", "--state", "strange"), 2),
    ],
)
def test_refusals_are_one_line(desk: Callable[..., Any], words: tuple[str, ...], status: int) -> None:
    done = desk(*words)
    assert done.exit_code == status and done.stdout == ""
    if status == 1:
        assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr


def test_a_taken_name_is_refused(desk: Callable[..., Any]) -> None:
    assert desk("user", "add", "li", "--role", "agent").exit_code == 0
    assert desk("user", "add", "LI", "--role", "agent").exit_code == 1


def test_list_and_new_password(desk: Callable[..., Any], make_user: Callable[..., User]) -> None:
    make_user("agent", name="li")
    value = json.loads(desk("user", "password", "li", "--json").stdout)
    assert may_enter("li", value["password"])
    items = json.loads(desk("user", "list", "--json").stdout)["items"]
    assert [(i["name"], i["role"], i["state"]) for i in items] == [("li", "agent", "active")]


def test_a_token(desk: Callable[..., Any], make_user: Callable[..., User]) -> None:
    make_user("agent", name="li")
    value = json.loads(
        desk("token", "--user", "li", "--name", "check", "--days", "3", "--scope", "ticket.read", "--json").stdout
    )
    assert list(value) == ["token"]
    row = tokens.find_token(value["token"])
    assert row and row.label == "check" and row.scopes == ["ticket.read"]
    assert desk("token", "--user", "li", "--scope", "no.such").exit_code == 1
    assert desk("token", "--user", "li").stdout.startswith("hy_")


def test_the_outbox(desk: Callable[..., Any]) -> None:
    with unit_of_work() as s:
        for state in (DUE, DEAD, DONE):
            event = EventRow(name="Happened", payload={}, at=now())
            s.add(event)
            s.flush()
            s.add(OutboxRow(event_id=event.id, event_name=event.name, reaction="do_it", state=state, due_at=now()))
    assert [i["state"] for i in json.loads(desk("outbox", "--json").stdout)["items"]] == [DEAD, DUE]
    items = json.loads(desk("outbox", "--state", "dead", "--json").stdout)["items"]
    assert [set(i) for i in items] == [{"id", "event", "reaction", "state", "attempts", "error", "due_at"}]
    assert items[0]["due_at"].endswith("Z")
    assert "do_it" in desk("outbox").stdout
