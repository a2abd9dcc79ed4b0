"""Several tickets at once: each with its own outcome, what was refused stays chosen, and the way back."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from app.core.clock import now
from app.core.people import Team, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from tests.conftest import FreshClient
from tests.web.desk.conftest import HTMX, fresh
from workflows.engine import take
from workflows.models import Ticket
from workflows.opening import open_ticket
from workflows.tickets import TICKET

Browser = Callable[..., FreshClient]


def tickets(count: int) -> list[Ticket]:
    with unit_of_work():
        return [open_ticket(SYSTEM, subject=f"批量 {n}", channel="email") for n in range(count)]


def told(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.headers["HX-Trigger"])
    return found


def test_all_are_given_to_oneself_and_the_list_says_how_many(desk: FreshClient, agent: User) -> None:
    made = tickets(3)
    answer = desk.post("/desk/bulk/assign", data={"tickets": [t.number for t in made], "assignee": agent.id}, headers=HTMX)
    assert answer.status_code == 204 and "3 张" in told(answer)["toast"]["text"]
    assert all(fresh(t).assignee_id == agent.id and fresh(t).state == "dispatched" for t in made)
    assert "undo" not in told(answer)["toast"]  # from the first dispatch the law has no way back without a return


def test_what_is_refused_is_listed_and_stays_chosen(desk: FreshClient, agent: User, make_user: Callable[..., User]) -> None:
    free, held, ended = tickets(3)
    with unit_of_work() as s:
        take(TICKET, s.get_one(Ticket, ended.id), "cancel", SYSTEM, reason="重复")
        take(TICKET, s.get_one(Ticket, held.id), "hold", SYSTEM, party="customer", reason="等", until=now() + timedelta(days=1))
    given = {"party": "customer", "reason": "等客户停机", "until": (now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")}
    numbers = [free.number, held.number, ended.number, 29999]
    answer = desk.post("/desk/bulk/hold", data={"tickets": numbers, **given}, headers=HTMX)
    assert answer.status_code == 200
    assert told(answer)["bulk-done"]["left"] == [held.number, ended.number, 29999]
    assert f"#{ended.number}" in answer.text and "已撤单" in answer.text and f"#{free.number}" not in answer.text
    assert fresh(free).held and not fresh(ended).held


def test_a_hold_and_a_merge_are_taken_back_but_not_by_somebody_else(
    desk: FreshClient, browser: Browser, agent: User
) -> None:
    one, two, target = tickets(3)
    numbers = [one.number, two.number]
    merged = desk.post("/desk/bulk/merge", data={"tickets": numbers, "into": f"#{target.number}"}, headers=HTMX)
    assert merged.status_code == 204 and fresh(one).state == fresh(two).state == "merged"
    back = told(merged)["toast"]["undo"]
    assert browser("agent").post(back, headers=HTMX).status_code == 404
    assert desk.post(back + "x", headers=HTMX).status_code == 404
    assert desk.post(back, headers=HTMX).status_code == 204
    assert fresh(one).state == fresh(two).state == "created"
    again = desk.post(back, headers=HTMX)
    assert again.status_code == 200 and fresh(one).state == "created"  # refused, each with its reason


def test_undo_leaves_alone_what_somebody_touched_since(
    desk: FreshClient, agent: User, make_user: Callable[..., User], team: Callable[..., Team]
) -> None:
    other = make_user("agent")
    (ticket,) = tickets(1)
    with unit_of_work() as s:
        take(TICKET, s.get_one(Ticket, ticket.id), "dispatch", SYSTEM, assignee=other.id)
    answer = desk.post("/desk/bulk/assign", data={"tickets": ticket.number, "assignee": agent.id}, headers=HTMX)
    back = told(answer)["toast"]["undo"]
    with unit_of_work() as s:
        take(TICKET, s.get_one(Ticket, ticket.id), "start", agent.actor("page"))
    refused = desk.post(back, headers=HTMX)
    assert refused.status_code == 200 and fresh(ticket).assignee_id == agent.id


def test_nobody_is_said_to_have_agreed_when_many_are_closed(desk: FreshClient, make_user: Callable[..., User]) -> None:
    (ticket,) = tickets(1)
    other = make_user("agent").actor("page")
    with unit_of_work() as s:
        row = s.get_one(Ticket, ticket.id)
        row.kind = "complaint"  # always followed up
        take(TICKET, row, "dispatch", SYSTEM, assignee=other.id)
        take(TICKET, row, "start", other)
        take(TICKET, row, "resolve", other, resolution="好了", wrap_up={"category": "usage"})
        assert row.state == "following_up"
    answer = desk.post("/desk/bulk/close", data={"tickets": ticket.number}, headers=HTMX)
    assert answer.status_code == 200 and fresh(ticket).state == "following_up"
    for _time in range(3):
        desk.post(f"/desk/tickets/{ticket.number}/attempts")
    assert desk.post("/desk/bulk/close", data={"tickets": ticket.number}, headers=HTMX).status_code == 204
    assert (fresh(ticket).state, fresh(ticket).close_result) == ("closed", "unreachable")


def test_a_form_says_what_is_missing(desk: FreshClient) -> None:
    (ticket,) = tickets(1)
    form = desk.post("/desk/bulk/merge/form", data={"tickets": ticket.number}, headers=HTMX).text
    assert f'value="{ticket.number}"' in form and "1 张工单" in form
    assert desk.post("/desk/bulk/merge", data={"tickets": ticket.number, "into": "x"}, headers=HTMX).status_code == 422
    assert desk.post("/desk/bulk/hold", data={}, headers=HTMX).status_code == 422
    for until in ("morgen", "9999-99-99", "0001-01-01T00:00"):
        given = {"tickets": ticket.number, "party": "date", "reason": "x", "until": until}
        assert desk.post("/desk/bulk/hold", data=given, headers=HTMX).status_code == 422
    too_many = desk.post("/desk/bulk/close", data={"tickets": list(range(20001, 20080))}, headers=HTMX)
    assert too_many.status_code == 422 and "最多" in too_many.text
    assert desk.post("/desk/bulk/explode", data={"tickets": ticket.number}).status_code == 404
