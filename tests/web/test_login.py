"""Coming in and going out, through the pages."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from app import viewer
from app.core import accounts, logins, passwords, tokens
from app.core.db import session
from app.core.logins import LoginSession
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.web.auth import DEMO_PASSWORD
from app.web.security import limiter
from tests.conftest import PASSWORD, FreshClient

MakeUser = Callable[..., User]


def with_password(make_user: MakeUser, **given: object) -> User:
    return make_user("administrator", password_hash=passwords.hashed(PASSWORD, "-"), **given)


def post_login(client: FreshClient, name: str, password: str = PASSWORD, **given: str):
    return client.post("/login", data={"login": name, "password": password, **given})


def test_whoever_is_not_logged_in_is_sent_to_the_login_and_back(client: FreshClient, make_user: MakeUser) -> None:
    user = with_password(make_user)
    sent = client.get("/admin/accounts?q=%E7%8E%8B")
    assert sent.status_code == 303 and sent.location == "/login?next=/admin/accounts%3Fq%3D%25E7%258E%258B"
    page = client.get(sent.location)
    assert 'value="/admin/accounts?q=%E7%8E%8B"' in page.text
    back = post_login(client, user.name, next="/admin/accounts?q=%E7%8E%8B")
    assert (back.status_code, back.location) == (303, "/admin/accounts?q=%E7%8E%8B")
    assert client.get("/me").status_code == 200


@pytest.mark.parametrize("name,password", [("nobody", PASSWORD), (None, "wrong"), ("", ""), ("\ud800" * 3, "\x00")])
def test_every_refusal_looks_the_same(
    client: FreshClient, make_user: MakeUser, name: str | None, password: str
) -> None:
    user = with_password(make_user)
    answer = post_login(client, user.name if name is None else name.encode("utf-8", "replace").decode(), password)
    assert answer.status_code == 401 and "登录名或密码不对。连续输错 10 次，会锁定 15 分钟。" in answer.text
    assert client.get("/me").status_code == 303


def test_the_lock_after_ten_wrong_passwords(client: FreshClient, make_user: MakeUser) -> None:
    user = with_password(make_user)
    for _ in range(10):
        assert post_login(client, user.name, "wrong").status_code == 401
    assert post_login(client, user.name).status_code == 401
    session().refresh(user)
    assert user.locked_until is not None
    with unit_of_work():
        accounts.unlock(SYSTEM, user.id)
    assert post_login(client, user.name).status_code == 303


def test_many_wrong_passwords_from_one_address_are_slowed_down(
    client: FreshClient, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "enabled", True)
    limiter.reset()
    user = with_password(make_user)
    for _ in range(25):
        assert post_login(client, user.name).status_code == 303, "right passwords are not counted"
    for number in range(20):
        assert post_login(client, f"guess{number}", "wrong").status_code == 401
    slowed = post_login(client, "guess20", "wrong")
    assert slowed.status_code == 429 and 0 < int(slowed.headers["Retry-After"]) <= 61
    assert "请稍等片刻" in slowed.text
    limiter.reset()


def test_the_stage_may_change_people_as_often_as_its_scenes_do(
    client: FreshClient, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "enabled", True)
    limiter.reset()
    make_user("agent", name="agent", password_hash=passwords.hashed(DEMO_PASSWORD, "-"))
    for _ in range(25):
        assert client.post("/demo/login/agent").status_code == 204
    for _ in range(20):
        assert client.post("/demo/login/admin").status_code == 404
    assert client.post("/demo/login/admin").status_code == 429, "what is guessed is counted"
    limiter.reset()


def test_the_cookie_and_the_token_are_new_after_a_login(client: FreshClient, make_user: MakeUser) -> None:
    user = with_password(make_user)
    client.get("/login")
    with client.session_transaction() as cookie:
        before = dict(cookie)
    post_login(client, user.name)
    with client.session_transaction() as cookie:
        first = dict(cookie)
    post_login(client, user.name)
    with client.session_transaction() as cookie:
        second = dict(cookie)
    assert before.get("csrf_token") != first.get("csrf_token") or "csrf_token" not in first
    assert first["login"] != second["login"]
    living = session().scalars(select(LoginSession).where(LoginSession.ended_at.is_(None))).all()
    assert [row.token_hash for row in living] == [logins.token_hash(second["login"])]


def test_a_stolen_cookie_is_worth_nothing_after_logout(client: FreshClient, app: Flask, make_user: MakeUser) -> None:
    client.log_in(make_user("agent"))
    thief = app.test_client()
    with client.session_transaction() as cookie:
        kept = dict(cookie)
    with thief.session_transaction() as cookie:
        cookie.update(kept)
    assert thief.get("/me").status_code == 200
    assert client.get("/logout").status_code == 200 and client.get("/me").status_code == 200, "a link logs nobody out"
    gone = client.post("/logout")
    assert (gone.status_code, gone.location) == (303, "/login")
    assert client.get("/me").status_code == 303 and thief.get("/me").status_code == 303


def test_a_temporary_password_is_changed_before_anything_else(client: FreshClient, make_user: MakeUser) -> None:
    user = with_password(make_user, must_change_password=True)
    sent = post_login(client, user.name, next="/me")
    assert sent.location == "/login/password?next=/me"
    assert client.get("/me").location == "/login/password?next=/me"
    assert client.get("/login/password").status_code == 200
    form = {"old": PASSWORD, "new": "my-own-word-now", "again": "my-own-word-not", "next": "/me"}
    wrong = client.post("/login/password", data=form)
    assert wrong.status_code == 422 and "两次输入的新密码不一样。" in wrong.text
    done = client.post("/login/password", data={**form, "again": "my-own-word-now"})
    assert (done.status_code, done.location) == (303, "/me")
    assert client.get("/me").status_code == 200


@pytest.mark.parametrize(
    "given",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "http:/evil.example",
        " /me",
        "/login?next=/login",
        "/" + "x" * 3000,
    ],
)
def test_nobody_is_sent_to_a_foreign_address(client: FreshClient, make_user: MakeUser, given: str) -> None:
    user = with_password(make_user)
    assert viewer.safe_path(given, "") == ""
    for answer in (
        post_login(client, user.name, next=given),
        client.get("/login", query_string={"next": given}),
        client.post("/language", data={"language": "en", "next": given}),
    ):
        assert answer.status_code == 303 and answer.location.startswith("/") and "evil" not in answer.location


def test_a_form_sent_after_the_login_ended_leads_back_to_its_page(client: FreshClient) -> None:
    here = {"Referer": "http://localhost/admin/accounts?role=agent"}
    assert client.post("/admin/accounts", headers=here).location == "/login?next=/admin/accounts%3Frole%3Dagent"
    there = {"Referer": "https://evil.example/admin"}
    assert client.post("/admin/accounts", headers=there).location == "/login?next=/"


def test_a_piece_of_a_page_is_not_answered_with_the_login_page(client: FreshClient) -> None:
    answer = client.get("/me", headers={"HX-Request": "true"})
    assert answer.status_code == 401 and "<html" not in answer.text and "登录已过期" in answer.text


def test_a_cookie_is_no_key_to_the_api_and_a_token_none_to_pages(client: FreshClient, make_user: MakeUser) -> None:
    user = make_user("administrator")
    with unit_of_work():
        _row, token = tokens.create_token(SYSTEM, user.id)
    client.log_in(user)
    with client.application.test_request_context("/api/v1/x", headers={"Cookie": "; ".join(_cookies(client))}):
        viewer.load()
        assert viewer.current_actor().kind == "nobody"
    with client.application.test_request_context("/api/v1/x", headers={"Authorization": f"Bearer {token}"}):
        viewer.load()
        assert (viewer.current_actor().id, viewer.current_actor().via) == (user.id, "api")
    stranger = client.application.test_client()
    assert stranger.get("/me", headers={"Authorization": f"Bearer {token}"}).status_code == 303


def _cookies(client: FreshClient) -> list[str]:
    found = client.get_cookie("huiyin")
    return [f"huiyin={found.value}"] if found else []


def test_demo_logins_are_offered_only_where_it_is_a_demo(client: FreshClient, make_user: MakeUser) -> None:
    make_user("agent", name="agent")
    assert "huiyin-demo" in client.get("/login").text
    import dataclasses

    held = client.application.extensions["settings"]
    client.application.extensions["settings"] = dataclasses.replace(held, demo=False)
    assert "huiyin-demo" not in client.get("/login").text
