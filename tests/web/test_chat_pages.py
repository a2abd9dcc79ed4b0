"""The pages around the chat: the launcher, the framed page, files of visitors, and that no token is in a log."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.web import chat
from app.web.chat import TOKEN
from channels import visitors
from channels.accounts import add_account, set_account
from channels.models import Account
from tests.conftest import FreshClient
from tests.web.chat_browser import Browser


@pytest.fixture
def account(app: Flask) -> Account:
    with unit_of_work():
        return add_account(SYSTEM, "webchat", "portal", {"title": "在线客服"})


@pytest.fixture
def browser(app: Flask, account: Account) -> Callable[..., Browser]:
    return lambda *given, **named: Browser(app, *given, **named)


def test_the_launcher_is_small_and_may_stand_anywhere(client: FreshClient) -> None:
    answer_ = client.get("/widget.js")
    assert answer_.status_code == 200 and answer_.content_type == "text/javascript; charset=utf-8"
    assert len(answer_.data) < 3000
    assert answer_.headers["Cross-Origin-Resource-Policy"] == "cross-origin" and "Set-Cookie" not in answer_.headers
    assert client.get("/widget.js", headers={"If-None-Match": answer_.headers["ETag"]}).status_code == 304
    assert "eval" not in answer_.text and "http://" not in answer_.text


def test_the_page_may_be_framed_by_the_sites_of_its_account(client: FreshClient, account: Account) -> None:
    free = client.get("/chat/portal")
    assert free.status_code == 200 and "X-Frame-Options" not in free.headers and "Set-Cookie" not in free.headers
    assert "frame-ancestors *" in free.headers["Content-Security-Policy"]
    with unit_of_work():
        set_account(SYSTEM, "portal", {"allowed_sites": "https://www.chenghu.example"})
    held = client.get("/chat/portal").headers["Content-Security-Policy"]
    assert "frame-ancestors 'self' https://www.chenghu.example" in held and "script-src 'self'" in held
    assert client.get("/login").headers["X-Frame-Options"] in ("DENY", "SAMEORIGIN")


def test_the_page_speaks_the_language_that_it_is_asked_for(client: FreshClient, account: Account) -> None:
    assert "Write a message" in client.get("/chat/portal?lang=en").text
    assert "写消息" in client.get("/chat/portal?lang=zh", headers={"Accept-Language": "en"}).text
    assert client.get("/chat/portal?lang=%22%3E%3Cscript%3E").status_code == 200


def test_settings_are_shown_as_text(client: FreshClient, account: Account) -> None:
    with unit_of_work():
        set_account(SYSTEM, "portal", {"title": '"><script>x</script>', "welcome": "<img src=x onerror=alert(1)>"})
    page = client.get("/chat/portal").text
    assert "<script>x" not in page and "<img" not in page


def test_the_portal_shows_the_chat_only_where_there_is_one(client: FreshClient) -> None:
    assert "widget.js" not in client.get("/").text
    with unit_of_work():
        add_account(SYSTEM, "webchat", "portal", {})
    page = client.get("/")
    assert 'src="/widget.js" data-account="portal"' in page.text
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]


def upload(client: FreshClient, token: str, content: bytes, name: str = "a.png") -> Any:
    given = {"file": (io.BytesIO(content), name)}
    return client.post("/chat/portal/files", data=given, headers={TOKEN: token}, content_type="multipart/form-data")


def test_a_file_goes_and_comes_with_the_token_only(client: FreshClient, browser: Any) -> None:
    page, stranger = browser(), browser()
    png = b"\x89PNG\r\n\x1a\n" + b"0" * 50
    kept = upload(client, page.token, png, "../../屏 幕.png").json
    assert kept == {"ok": True, "id": kept["id"], "name": "_.._屏 幕.png", "size": 58, "mime": "image/png", "image": True}
    assert page.say({"client_msg_id": "a", "text": "", "files": [kept["id"]]})["ok"]
    assert stranger.say({"client_msg_id": "a", "text": "", "files": [kept["id"]]})["code"] == "invalid"
    sent = browser(token=page.token).joined["messages"][0]["files"][0]
    url = f"/chat/portal/files/{sent['id']}"
    mine = client.get(url, headers={TOKEN: page.token})
    assert (mine.status_code, mine.data, mine.content_type) == (200, png, "image/png")
    assert "sandbox" in mine.headers["Content-Security-Policy"]
    for headers in ({}, {TOKEN: stranger.token}, {TOKEN: "x" * 43}):
        assert client.get(url, headers=headers).status_code == 404
    assert upload(client, "x" * 43, png).status_code == 404


@pytest.mark.parametrize("content", [b"", b"MZ\x90\x00", b"\x7fELF\x01\x01", b"PK\x03\x04zip", b"\x89PNG\r\n\x1a\n" + b"0" * 2000])
def test_other_files_are_refused_in_words(
    client: FreshClient, browser: Any, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "LARGEST", 1000)
    answer_ = upload(client, browser().token, content, "a.png")
    assert answer_.status_code == 422 and answer_.json["message"]


def test_a_page_that_calls_itself_a_picture_is_only_downloaded(client: FreshClient, browser: Any) -> None:
    page = browser()
    kept = upload(client, page.token, b"<script>alert(1)</script>", "a.png").json
    assert (kept["mime"], kept["image"]) == ("text/plain", False)
    got = client.get(f"/chat/portal/files/{kept['id']}", headers={TOKEN: page.token})
    assert got.headers["Content-Disposition"].startswith("attachment") and got.headers["X-Content-Type-Options"] == "nosniff"


def test_the_token_is_in_no_log(browser: Any, client: FreshClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(0):
        page = browser()
        page.say({"client_msg_id": "a", "text": "机密的话"})
        upload(client, page.token, b"%PDF-1.4")
    assert page.token not in caplog.text
    assert visitors.find_visitor(session().scalars(select(Account.id)).one(), page.token) is not None
