"""What every answer carries: headers, cookies, caching; and that every form is checked for its origin."""

import dataclasses
import gzip
import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from app import viewer
from app.assets import asset_url
from app.config import Settings
from app.core import logs
from app.core.db import db
from app.core.passwords import hashed
from app.core.people import User
from app.factory import create_app
from app.web.security import limiter
from tests.conftest import FreshClient

MakeUser = Callable[..., User]
OUTSIDE_FORMS = ("/api/", "/hooks/", "/chat/", "/demo/")  # of the chat a header with the visitor's token is asked


def rules(flask: Flask, method: str) -> Iterator[tuple[str, str]]:
    """Every address of a method with places filled in, and its endpoint."""
    for rule in flask.url_map.iter_rules():
        if method in (rule.methods or ()):
            yield re.sub(r"<(?:(\w+)[^:>]*:)?\w+>", lambda m: "1" if m[1] == "int" else "x", rule.rule), rule.endpoint


def test_every_route_says_what_it_asks_for(app: Flask) -> None:
    viewer.check_routes(app)
    app.add_url_rule("/silent", "silent", lambda: "")
    with pytest.raises(RuntimeError, match=r"silent \(GET /silent\)"):
        viewer.check_routes(app)


def test_a_route_that_says_nothing_is_shut(app: Flask, client: FreshClient) -> None:
    app.add_url_rule("/silent", "silent", lambda: "")
    assert client.get("/silent").status_code == 403


def test_a_permission_that_does_not_exist_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match=r"no\.such"):
        viewer.needs("no.such")


def test_every_page_has_the_headers(app: Flask, client: FreshClient, make_user: MakeUser) -> None:
    client.log_in(make_user("administrator"))
    for path, endpoint in rules(app, "GET"):
        if path.startswith("/socket.io"):
            continue
        answer = client.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy, endpoint
        assert "frame-ancestors" in policy and "script-src 'self'" in policy, endpoint
        for name in ("X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Permissions-Policy"):
            assert name in answer.headers, (endpoint, name)
        assert answer.headers["X-Request-ID"] and "Cache-Control" in answer.headers, endpoint
        assert "Strict-Transport-Security" not in answer.headers
        if answer.mimetype == "text/html":
            assert not re.search(r'<style|\sstyle=|<script(?![^>]*\ssrc=| type="application/ld\+json")|\son[a-z]+=|\shx-on', answer.text), endpoint


def test_a_page_that_does_not_exist_has_them_too(client: FreshClient) -> None:
    answer = client.get("/no/such/page")
    assert answer.status_code == 404 and "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "没有找到这一页" in answer.text and answer.headers["X-Request-ID"] in answer.text


def test_over_https_cookies_are_locked_in(settings: Settings, make_user: MakeUser) -> None:
    flask = create_app(dataclasses.replace(settings, https=True, trusted_proxies=1))
    with flask.app_context():
        answer = flask.test_client().get(
            "/login",
            headers={"X-Forwarded-Proto": "https", "X-Forwarded-Host": "desk.example", "X-Forwarded-For": "9.9.9.9"},
        )
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
        assert "connect-src 'self' wss://desk.example" in answer.headers["Content-Security-Policy"]
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-huiyin=")
        assert (
            all(flag in cookie for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/")) and "Domain" not in cookie
        )
        for engine in db.engines.values():
            engine.dispose()


def test_without_a_trusted_proxy_nobody_names_their_own_address(client: FreshClient) -> None:
    answer = client.get("/login", headers={"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"})
    assert "evil" not in str(answer.headers)
    assert "HttpOnly" in answer.headers["Set-Cookie"] and "SameSite=Lax" in answer.headers["Set-Cookie"]


def test_files_whose_address_names_their_content_are_kept_for_ever(client: FreshClient, make_user: MakeUser) -> None:
    client.log_in(make_user("agent"))
    kept = client.get(asset_url("own/base.css"))
    assert "immutable" in kept.headers["Cache-Control"] and "max-age=31536000" in kept.headers["Cache-Control"]
    assert "Set-Cookie" not in kept.headers and "Cookie" not in kept.headers.get("Vary", "")
    assert "no-cache" in client.get("/static/own/base.css").headers["Cache-Control"]
    assert "no-cache" in client.get("/static/own/base.css?v=000000000000").headers["Cache-Control"]
    for outside in ("/static/../app.py", "/static/%2e%2e/security.py", "/static/own/../../auth.py"):
        assert client.get(outside).status_code == 404
    assert "no-store" in client.get("/me").headers["Cache-Control"]


def test_a_request_id_of_a_proxy_is_taken_over_when_it_is_plain(client: FreshClient) -> None:
    assert client.get("/login", headers={"X-Request-ID": "abc-123"}).headers["X-Request-ID"] == "abc-123"
    assert client.get("/login", headers={"X-Request-ID": "<script>"}).headers["X-Request-ID"] != "<script>"


def test_the_api_slows_down_one_address_and_leaves_pages_alone(
    app: Flask, client: FreshClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "enabled", True)
    app.extensions["settings"] = dataclasses.replace(app.extensions["settings"], api_per_minute=10)
    limiter.reset()
    for _ in range(10):
        assert client.get("/api/v1/contacts").status_code == 401
    slowed = client.get("/api/v1/products")
    assert slowed.status_code == 429 and slowed.json["code"] == "too_many_requests"
    assert 0 < int(slowed.headers["Retry-After"]) <= 61
    assert client.get("/login").status_code == 200
    limiter.reset()


@pytest.fixture
def guarded(app: Flask, client: FreshClient) -> FreshClient:
    app.config["WTF_CSRF_ENABLED"] = True
    return client


def test_no_form_is_taken_without_its_token(app: Flask, guarded: FreshClient, make_user: MakeUser) -> None:
    guarded.log_in(make_user("administrator"))
    seen = 0
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path, endpoint in rules(app, method):
            if path.startswith(OUTSIDE_FORMS):
                continue
            for headers in ({}, {"X-CSRFToken": "wrong"}, {"HX-Request": "true"}):
                answer = guarded.open(path, method=method, headers=headers)
                assert answer.status_code == 400 and "没有保存" in answer.text, (method, endpoint)
            seen += 1
    assert seen >= 10


def test_a_form_with_its_token_is_taken(guarded: FreshClient) -> None:
    token = re.search(r'name="csrf-token" content="([^"]+)"', guarded.get("/login").text)
    assert token
    for answer in (
        guarded.post("/language", data={"language": "en", "csrf_token": token[1]}),
        guarded.post("/language", data={"language": "en"}, headers={"X-CSRFToken": token[1]}),
    ):
        assert answer.status_code == 303


def test_a_crash_is_a_page_in_words_with_the_number_of_its_log_line(
    app: Flask, client: FreshClient, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash() -> str:
        raise RuntimeError("secret words of a customer")

    app.add_url_rule("/crash", "crash", viewer.public(crash))
    app.testing = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    logs.set_up_logs("INFO")
    answer = client.get("/crash")
    assert answer.status_code == 500 and "我们这边出了错" in answer.text and "secret" not in answer.text
    number = answer.headers["X-Request-ID"]
    assert number in answer.text and number in capsys.readouterr().err


@pytest.mark.parametrize(
    "method,path,status", [("DELETE", "/login", 405), ("POST", "/healthz", 405), ("GET", "/no", 404)]
)
def test_wrong_methods_and_addresses_are_said_in_words(
    client: FreshClient, method: str, path: str, status: int
) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == status and "<h1>" in answer.text
    if status == 405:
        assert "GET" in answer.headers["Allow"]


def test_too_large_a_form_is_refused(app: Flask, client: FreshClient) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 1000
    answer = client.post("/login", data={"login": "x" * 2000})
    assert answer.status_code == 413 and "内容太大" in answer.text


def test_files_of_pages_travel_small_and_whole(client):
    plain = client.get("/static/own/base.css")
    packed = client.get("/static/own/base.css", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.data) == plain.data and len(packed.data) < len(plain.data) / 2
    again = client.get("/static/own/base.css", headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]})
    assert again.status_code == 304 and again.data == b""


def test_pages_travel_small(client: FreshClient, make_user: MakeUser) -> None:
    client.log_in(make_user("administrator"))
    plain = client.get("/admin")
    assert "Content-Encoding" not in plain.headers and "Accept-Encoding" in plain.headers["Vary"]
    packed = client.get("/admin", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and len(packed.data) < len(plain.data) / 2
    assert int(packed.headers["Content-Length"]) == len(packed.data)
    assert "</html>" in gzip.decompress(packed.data).decode()
    assert "Content-Encoding" not in client.get("/healthz", headers={"Accept-Encoding": "gzip"}).headers
    assert "Content-Encoding" not in client.get("/admin", headers={"Accept-Encoding": "gzip;q=0"}).headers


@pytest.mark.parametrize(("site", "packed"), [("same-origin", True), ("none", True), ("same-site", False), ("cross-site", False), (None, False)])
def test_over_tls_no_other_site_learns_from_lengths(settings: Settings, site: str | None, packed: bool) -> None:
    flask = create_app(dataclasses.replace(settings, https=True))
    told = {"Accept-Encoding": "gzip"} | ({"Sec-Fetch-Site": site} if site else {})
    browser = flask.test_client()
    assert browser.get("/login", headers=told, base_url="https://localhost").headers["Content-Encoding"] == "gzip"  # no cookie yet
    again = browser.get("/login", headers=told, base_url="https://localhost")
    assert ("Content-Encoding" in again.headers) is packed


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_numbers_are_not_shown_through_a_proxy_that_nobody_told_us_of(client: FreshClient, name: str) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={name: "203.0.113.9"}).status_code == 403


def test_outside_a_demo_there_is_no_stage_and_no_login_without_a_password(
    app: Flask, client: FreshClient, make_user: Callable[..., User]
) -> None:
    make_user("administrator", name="admin", password_hash=hashed("huiyin-demo", "admin"))

    def tries() -> tuple[int, int, int]:
        return (client.get("/demo").status_code, client.post("/demo/login/admin").status_code, client.get("/me").status_code)

    app.extensions["settings"] = dataclasses.replace(app.extensions["settings"], demo=False)
    assert tries() == (404, 404, 303)
    assert "frame-ancestors 'none'" in client.get("/").headers["Content-Security-Policy"]
    app.extensions["settings"] = dataclasses.replace(app.extensions["settings"], demo=True)
    assert tries() == (200, 204, 200), "with it there are both, or the above says nothing"
