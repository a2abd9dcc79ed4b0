"""THE TABLE of the API: every role against every resource of the desk, on rows that are theirs and on rows that are not.

The client and the supplier of the rows are those of `desk`: the lake company and the maker of the drive.
"""

from dataclasses import dataclass

import pytest

from app.api.step_bodies import ORDER_STEPS, TICKET_STEPS
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from workflows import service
from workflows.access import access_ticket

ROLES = ("agent", "leader", "manager", "editor", "resident", "dispatcher", "technician", "foreign", "client", "stranger",
         "author", "administrator")  # fmt: skip
OK, FORBIDDEN, UNSEEN = 200, 403, 404


@dataclass(frozen=True)
class Rows:
    ticket: int
    order: int
    conversation: int
    photo: int


@pytest.fixture
def rows(desk):
    from tests.api.test_orders import bring, upload

    number = desk.working(contact={"name": "赵工", "email": "zhao@chenghu.example.com"})
    desk.agent.post(f"tickets/{number}/messages", {"text": "内部备注", "note": True})
    order = desk.order(number)
    item = bring(desk, order)
    kept = desk.technician.post(f"{item}/evidence", {"kind": "photo", "file": upload(desk.technician).get_json()["id"]})
    (conversation,) = desk.agent.get(f"conversations?ticket={number}").get_json()["items"]
    return Rows(number, order, conversation["id"], kept.get_json()["evidence"][0]["file"]["id"])


def table(*given):
    return dict(zip(ROLES, given, strict=True))


#                    agent leader manager    editor     resident dispatcher technician foreign    client     stranger   author     administrator
READ = {
    "ticket":  table(OK,   OK,    OK,        OK,        OK,      FORBIDDEN, FORBIDDEN, FORBIDDEN, OK,        UNSEEN,    FORBIDDEN, OK),
    "said":    table(OK,   OK,    OK,        OK,        OK,      FORBIDDEN, FORBIDDEN, FORBIDDEN, OK,        UNSEEN,    FORBIDDEN, OK),
    "handed":  table(OK,   OK,    OK,        FORBIDDEN, OK,      FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, OK),
    "order":   table(OK,   OK,    OK,        FORBIDDEN, OK,      OK,        OK,        UNSEEN,    FORBIDDEN, FORBIDDEN, FORBIDDEN, OK),
    "visits":  table(OK,   OK,    OK,        FORBIDDEN, OK,      OK,        OK,        UNSEEN,    FORBIDDEN, FORBIDDEN, FORBIDDEN, OK),
    "talk":    table(OK,   OK,    OK,        OK,        OK,      FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, OK),
    "photo":   table(OK,   OK,    OK,        UNSEEN,    OK,      OK,        OK,        UNSEEN,    UNSEEN,    UNSEEN,    FORBIDDEN, OK),
}  # fmt: skip


def address(rows, what):
    return {
        "ticket": f"tickets/{rows.ticket}", "said": f"tickets/{rows.ticket}/messages", "handed": f"tickets/{rows.ticket}/orders",
        "order": f"orders/{rows.order}", "visits": f"orders/{rows.order}/visits", "talk": f"conversations/{rows.conversation}",
        "photo": f"files/{rows.photo}",
    }[what]  # fmt: skip


def test_reading(desk, rows):
    wrong = []
    for what, wanted in READ.items():
        for role, status in wanted.items():
            got = getattr(desk, role).get(address(rows, what)).status_code
            if got != status:
                wrong.append(f"{role} reads {what}: {got}, not {status}")
    assert not wrong, "\n".join(wrong)


def test_lists_show_what_single_rows_allow(desk, rows):
    for role in ROLES:
        call = getattr(desk, role)
        for path, key, number, what in (("tickets", "number", rows.ticket, "ticket"), ("orders", "number", rows.order, "order"),
                                        ("conversations", "id", rows.conversation, "talk")):  # fmt: skip
            answer, allowed = call.get(path), READ[what][role]
            if allowed == FORBIDDEN:
                assert answer.status_code == 403, (role, path)
            else:
                seen = [row[key] for row in answer.get_json()["items"]]
                assert (number in seen) == (allowed == OK), (role, path, seen)


def test_notes_are_for_colleagues(desk, rows):
    with unit_of_work():
        service.add_note(SYSTEM, access_ticket(SYSTEM, rows.ticket), "系统备注")
    for role in ROLES:
        answer = getattr(desk, role).get(f"tickets/{rows.ticket}/messages")
        if answer.status_code == 200:
            notes = [m["text"] for m in answer.get_json()["items"] if m["note"]]
            assert notes == ([] if role == "client" else ["内部备注", "系统备注"]), role


def test_offered_steps_are_those_that_go(desk, rows):
    """What `actions` names gets through to the version that the caller means (412: nothing moves here); what it does not
    name is refused, by permission or in words."""
    laws = ((f"tickets/{rows.ticket}", "ticket", TICKET_STEPS), (f"orders/{rows.order}", "order", ORDER_STEPS))
    for role in ("agent", "manager", "resident", "dispatcher", "technician", "client"):
        call = getattr(desk, role)
        for item, what, law in laws:
            if READ[what][role] != OK:
                continue
            offered = call.get(item).get_json()["actions"]
            for name in law:
                if name in offered:
                    assert call.post(f"{item}/steps/{name}", {}, If_Match='"0"').status_code == 412, (role, name)
                else:
                    assert call.post(f"{item}/steps/{name}", {}).status_code in (403, 409), (role, name)


@pytest.mark.parametrize(
    ("method", "path", "body", "allowed"),
    [
        ("POST", "tickets", {}, "agent leader resident client stranger administrator"),
        ("POST", "tickets/{ticket}/messages", {}, "agent leader resident administrator"),
        ("POST", "tickets/{ticket}/orders", {}, "agent leader resident administrator"),
        ("POST", "orders/{order}/evidence", {}, "agent leader dispatcher technician foreign administrator"),
        ("POST", "articles", {}, "editor author administrator"),
        ("GET", "articles", None, " ".join(ROLES)),
        ("GET", "knowledge/suggest", None, " ".join(ROLES)),
    ],
)
def test_who_may_write(desk, rows, method, path, body, allowed):
    """422 is beyond the door, an empty body lacks what it needs; so is 409, where the ticket is in other hands."""
    for role in ROLES:
        answer = getattr(desk, role)(method, path.format(ticket=rows.ticket, order=rows.order), body)
        assert (answer.status_code != 403) == (role in allowed.split()), (role, answer.status_code)
        assert answer.status_code in (200, 403, 409, 422), (role, answer.get_json())


def test_a_narrow_token_is_narrow(desk, rows, api):
    call = api("agent", scopes=["ticket.read"])
    assert call.get("tickets").status_code == 200 and call.get(f"tickets/{rows.ticket}").status_code == 404
    assert call.get("orders").status_code == 403 and call.post("tickets", {}).status_code == 403
    wide = api("agent", scopes=["ticket.read", "ticket.read_all"])
    assert wide.get(f"tickets/{rows.ticket}").get_json()["actions"] == ["urge"]
    assert {m["note"] for m in wide.get(f"tickets/{rows.ticket}/messages").get_json()["items"]} == {False}
    assert wide.post(f"tickets/{rows.ticket}/steps/cancel", {"reason": "x"}).status_code == 403
