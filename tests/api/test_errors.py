"""Every refusal has one shape and the status that was promised; no text breaks anything."""

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core import clock
from app.core.permissions import SYSTEM
from app.core.tokens import create_token
from app.core.uow import unit_of_work
from tests.api.conftest import Caller

NASTY = [
    "\ud800",
    "a\x00b",
    "😀👨‍👩‍👧",
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "\u202eabc",
    "%s %(x)s {0}",
    "\r\n\t",
    "𠀀",
]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b'{"name": NaN}', 400),
        (b'{"name": Infinity}', 400),
        (b"\xff\xfe{}", 400),
        (b'{"name": ' + b"9" * 6000 + b"}", 400),
        (b"[" * 100_000, 400),
        (b"[" * 70 + b"]" * 70, 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b"7", 422),
        (b'{"kind": "client", "name": 7}', 422),
        (b'{"kind": "client", "name": null}', 422),
        (b'{"kind": "client", "name": ["x"]}', 422),
        (b'{"kind": "client", "name": ""}', 422),
        (b'{"kind": "client", "name": "   "}', 422),
        (b'{"kind": "client", "name": "x", "manager": "1"}', 422),
        (b'{"kind": "client", "name": "x", "manager": true}', 422),
        (b'{"kind": "client", "name": "x", "manager": 1.5}', 422),
        (b'{"kind": "client", "name": "x", "manager": 99999999999}', 422),
        (b'{"kind": "client", "name": "x", "manager": 4000}', 422),
        (b'{"kind": "nobody", "name": "x"}', 422),
        (b'{"kind": "client", "name": "x", "email_domains": "a.cn"}', 422),
        (b'{"kind": "client", "name": "x", "email_domains": ["qq.com"]}', 422),
    ],
)
def test_bodies_that_are_refused(api, body, status):
    assert api().post("organisations", body).status_code == status


def test_unknown_fields_and_parameters_are_named(api):
    call = api()
    unknown = call.post("organisations", {"kind": "client", "name": "x", "colour": "red", "id": 5})
    assert unknown.status_code == 422 and set(unknown.get_json()["errors"]) == {"colour", "id"}
    assert set(call.get("organisations?colour=red").get_json()["errors"]) == {"colour"}
    nested = call.post("contacts", {"identities": [{"kind": "email", "value": "a@b.cn", "x": 1}]})
    assert set(nested.get_json()["errors"]) == {"identities.0.x"}


def test_who_is_not_known_or_not_allowed(api, app):
    unknown = Caller(app, None).get("contacts")
    assert unknown.status_code == 401 and unknown.headers["WWW-Authenticate"].startswith("Bearer")
    assert Caller(app, None, "hy_wrong").post("contacts", {}).status_code == 401
    assert api("author").get("contacts").status_code == 403
    assert api("agent").post("organisations", {"kind": "client", "name": "x"}).status_code == 403
    narrow = api("agent", scopes=["contact.read"])
    assert narrow.get("contacts").status_code == 200
    assert narrow.post("contacts", {"name": "x"}).status_code == 403


def test_an_expired_token_is_unknown(api, app):
    call = api("agent")
    with unit_of_work():
        token = create_token(SYSTEM, call.user.id, "short", days=1)[1]
    with clock.frozen(clock.now() + timedelta(days=2)):
        assert Caller(app, None, token).get("contacts").status_code == 401


@pytest.mark.parametrize(
    "path",
    ["contacts/999", "contacts/0", "contacts/99999999999999", "contacts/-1", "contacts/x", "nothing", "contacts/"],
)
def test_what_is_not_there(api, path):
    assert api().get(path).status_code == 404


def test_wrong_methods_say_which_are_right(api):
    answer = api()("PUT", "contacts/1", {})
    assert answer.status_code == 405 and {"GET", "PATCH"} <= set(answer.headers["Allow"].replace(" ", "").split(","))


def test_other_types_and_too_much(api):
    call = api()
    assert call.post("contacts", b"name=x", Content_Type="application/x-www-form-urlencoded").status_code == 415
    assert call.post("contacts", b"{}", Content_Type="text/plain").status_code == 415
    big = call.post("contacts", json.dumps({"note": "x" * 1_100_000}).encode())
    assert big.status_code == 413
    long = call.post("contacts", {"name": "x" * 121})
    assert long.status_code == 422 and list(long.get_json()["errors"]) == ["name"]
    assert call.post("contacts", {"name": "汉" * 120}).status_code == 201
    assert call.post("contacts", {"name": "x", "note": "x" * 20_001}).status_code == 422


def test_a_crash_has_the_shape_too_and_says_nothing(api, app, monkeypatch):
    app.testing = False
    monkeypatch.setattr("app.api.products.page_of", lambda *given: 1 / 0)
    answer = api().get("products")
    assert answer.status_code == 500 and answer.get_json()["code"] == "internal_error"
    assert "ZeroDivision" not in answer.get_data(as_text=True)


def test_messages_speak_the_callers_language(api):
    call = api()
    assert "找到" in call.get("contacts/999", Accept_Language="zh").get_json()["message"]


@pytest.mark.parametrize("text", NASTY, ids=repr)
def test_nasty_text_in_every_field(api, world, text):
    call = api()
    places = [
        ("contacts", {"name": text + "x", "title": text, "note": text, "language": text}),
        ("contacts", {"name": text + "x", "title": text, "note": text}),
        ("contacts", {"name": "x", "identities": [{"kind": kind, "value": text, "shown": text} for kind in ("email", "phone", "openid")]}),
        ("organisations", {"kind": "client", "name": "x" + text, "short_name": text, "note": text}),
        ("organisations", {"kind": text, "name": text, "email_domains": [text]}),
        ("products", {"code": "x" + text, "name": "x" + text, "category": text}),
        ("sites", {"organisation": world["lake"], "name": "x" + text, "address": text, "time_zone": text}),
        ("sites", {"organisation": world["lake"], "name": "x" + text, "address": text}),
        ("devices", {"organisation": world["lake"], "product": world["drive"], "serial": "x" + text, "name": text,
                     "model": text, "firmware": text, "note": text}),
    ]  # fmt: skip
    for path, body in places:
        answer = call.post(path, body)
        assert answer.status_code in (201, 409, 422), (path, answer.get_json())
        if answer.status_code == 201:
            shown = call.get(answer.headers["Location"]).get_data(as_text=True)
            assert "\\ud800" not in shown and "\\u0000" not in shown
    for path in ("contacts", "organisations", "products", "sites", "devices"):
        assert call.get(path).status_code == 200
        from urllib.parse import quote

        assert call.get(f"{path}?q={quote(text, errors='surrogatepass')}").status_code == 200


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["name", "kind", "note", "identities", "x"]), inner, max_size=4)
        ),
        max_leaves=8,
    )
)
def test_any_json_is_answered_in_words(api, body):
    if "caller" not in _callers:
        _callers["caller"] = api()
    answer = _callers["caller"].post("contacts", json.dumps(body).encode())
    assert answer.status_code in (201, 400, 409, 422)


_callers: dict[str, Caller] = {}


@pytest.fixture(autouse=True)
def _fresh_caller():
    _callers.clear()
