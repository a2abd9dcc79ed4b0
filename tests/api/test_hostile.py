"""Whatever is sent to the desk's resources: an answer in words, never a crash, nothing executed."""

import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.api.step_bodies import ORDER_STEPS, TICKET_STEPS, StepBody
from tests.api.test_errors import NASTY

FIELDS = sorted(StepBody().fields)
ODD = [
    None, True, 0, -1, 1.5, 2**63, 10**400, " ", "x" * 60_000, [], [[]], {"a": {}}, ["x"], "a\x00\ud800",
    "2026-13-45T99:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "٣٤٥", "#", "1e999",
]  # fmt: skip


def test_nasty_text_in_every_field(desk):
    number = desk.working()
    for text in NASTY:
        say(desk, number, text)


def say(desk, number, text):
    call = desk.agent
    new = {"subject": "x" + text, "text": text, "contact": {"name": text, "email": "nasty@example.org"}}
    made = call.post("tickets", new)
    assert made.status_code == 201, made.get_json()
    for path, body in [
        ("tickets", {**new, "contact": dict.fromkeys(("email", "phone", "openid", "visitor", "app"), text)}),
        ("tickets", {**new, "kind": text, "impact": text}),
        (f"tickets/{number}/messages", {"text": "x" + text}),
        (f"tickets/{number}/messages", {"text": "x" + text, "note": True}),
        (f"tickets/{number}/orders", {"reason": "x" + text, "place": text}),
        (f"tickets/{number}/orders", {"reason": "x", "supplier": text, "product": text, "other": text, "relation": "after"}),
        (f"tickets/{number}/steps/hold", {"party": text, "reason": "x" + text, "until": text}),
        (f"tickets/{number}/steps/transfer", {"assignee": text, "team": text, "reason": "x" + text}),
        (f"tickets/{number}/steps/merge", {"into": text}),
        (f"tickets/{number}/steps/split", {"subject": "x" + text}),
        (f"tickets/{number}/steps/{quote(text, safe='', errors='surrogatepass')}", {}),
    ]:
        answer = call.post(path, body)
        assert answer.status_code in (200, 201, 404, 405, 409, 422), (path, answer.get_json())
    for path in (made.headers["Location"], f"tickets/{number}/messages", f"tickets/{number}/orders"):
        shown = call.get(path).get_data(as_text=True)
        assert "\\ud800" not in shown and "\\u0000" not in shown and "<script>" not in call.get(path).mimetype
    for path in ("tickets", "orders", "articles"):
        assert call.get(f"{path}?q={quote(text, errors='surrogatepass')}").status_code == 200
    draft = desk.editor.post("articles", {"title": "x" + text, "body": "x" + text, "questions": ["x" + text], "slug": text})
    assert draft.status_code == 201 and desk.editor.get(draft.headers["Location"]).status_code == 200


@pytest.mark.parametrize("fields", [FIELDS[n::4] for n in range(4)], ids=" ".join)
def test_odd_values_in_every_field(desk, fields):
    number = desk.working()
    order = desk.order(number)
    for field in fields:
        for item, law in ((f"tickets/{number}", TICKET_STEPS), (f"orders/{order}", ORDER_STEPS)):
            for step in [name for name, reads in law.items() if field in reads or field == "reason"][:1]:
                for odd in ODD:
                    body = json.dumps({"reason": "x", field: odd}).encode()
                    answer = desk.administrator.post(f"{item}/steps/{step}", body)
                    assert answer.status_code in (200, 400, 409, 422), (step, field, repr(odd)[:60], answer.get_json())


def test_numbers_that_are_none(desk):
    for number in ("0", "-1", "20000", "2147503648", "9" * 30, "9" * 4000, "x", "１", "1.0", "%00", "20001%00"):
        for path in ("tickets/{}", "tickets/{}/messages", "tickets/{}/orders", "orders/{}", "orders/{}/visits", "conversations/{}",
                     "conversations/{}/messages", "articles/{}", "files/{}"):  # fmt: skip
            assert desk.agent.get(path.format(number)).status_code == 404, (path, number)
        for path in ("tickets/{}/steps/urge", "tickets/{}/messages", "orders/{}/steps/accept", "articles/{}/steps/publish"):
            assert desk.administrator.post(path.format(number), {"text": "x"} if "messages" in path else {}).status_code in (404, 422)


def test_bodies_that_are_none(desk):
    number = desk.ticket()
    for path in ("tickets", "tickets/{}/steps/hold", "tickets/{}/messages", "tickets/{}/orders"):
        refused(desk.agent, path.format(number))


def refused(call, address):
    for body, status in [
        (b"{", 400), (b"[" * 100_000, 400), (b"[" * 70 + b"]" * 70, 400), (b'{"reason": NaN}', 400), (b"\xff", 400),
        (b"[]", 422), (b"null", 422), (b"7", 422), (b'"x"', 422), (b'{"no such": 1}', 422),
        (json.dumps({"text": "x" * 1_000_000, "reason": "y" * 100_000}).encode(), 413),
        (json.dumps({"text": "x" * 900_000, "reason": "y" * 900}).encode(), 422),
    ]:  # fmt: skip
        assert call.post(address, body).status_code == status, (body[:30], status)
    assert call.post(address, b"a=b", Content_Type="application/x-www-form-urlencoded").status_code == 415
    assert call.post(address, b"{}", Content_Type="text/html").status_code == 415


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["from", "to", "category", "articles", "x"]), inner),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_json_for_any_step(desk, data):
    token = desk.administrator.token
    if token not in _numbers:
        number = desk.working()
        _numbers[token] = (number, desk.order(number))
    ticket, order = _numbers[token]
    law, item = data.draw(st.sampled_from([(TICKET_STEPS, f"tickets/{ticket}"), (ORDER_STEPS, f"orders/{order}")]))
    body = data.draw(st.dictionaries(st.sampled_from(FIELDS), _json, max_size=6))
    step = data.draw(st.sampled_from(sorted(law)))
    answer = desk.administrator.post(f"{item}/steps/{step}", json.dumps(body).encode())
    assert answer.status_code in (200, 400, 409, 422), answer.get_json()


_numbers: dict[str, tuple[int, int]] = {}
