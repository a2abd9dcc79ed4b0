"""What a stranger typed survives the way through the login and through the mailed link."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from sqlalchemy import select

from app import portal_letters
from app.core import passwords
from app.core.db import session
from app.core.directory.identities import find_or_create_contact
from app.core.events import EventRow
from app.core.outbox import Job
from app.core.people import Organisation, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.portal_events import RequestsLinkAsked
from app.web import kept_words
from channels.accounts import add_account
from knowledge.community import moderation, service
from knowledge.community_models import Question
from tests.conftest import PASSWORD, FreshClient
from tests.web.knowledge_house import House

TITLE, BODY = "变频器夏天老跳 E07", "下午三点以后。\n<b>散热片</b>清过了，还是跳"


@pytest.fixture
def number(app: Flask) -> int:
    """A mailbox that the desk knows."""
    with unit_of_work():
        return find_or_create_contact(SYSTEM, "email", "li@community.example", name="李秀兰")[1].id


@pytest.fixture
def login(make_user: Callable[..., User], house: House) -> Callable[[str], User]:
    """login("client") can log in by the page."""

    def make(role: str) -> User:
        company: dict[str, Organisation] = {"organisation": house.client} if role == "client" else {}
        return make_user(role, password_hash=passwords.hashed(PASSWORD, "-"), **company)

    return make


def typed(client: FreshClient, house: House, **more: str) -> Any:
    return client.post("/community/ask", data={"title": TITLE, "body": BODY, "product": str(house.drive.id), "name": "孙**", **more})


def assert_there(page: str) -> None:
    assert f'value="{TITLE}"' in page and "散热片&lt;/b&gt;清过了" in page and 'value="孙**"' in page and "你写的都带过来了" in page


def test_a_stranger_may_write_first(client: FreshClient, house: House) -> None:
    page = client.get("/community/ask?product=HK-V20&title=E07").text
    assert 'name="title"' in page and 'value="E07"' in page and 'value="login"' in page and 'value="mail"' in page
    looked = typed(client, house, step="look")
    assert looked.status_code == 200 and "/articles/v20-e07" in looked.text, "the answers come before the login"
    assert session().scalars(select(Question)).all() == []


def test_through_the_login(app: Flask, house: House, login: Callable[[str], User]) -> None:
    user = login("client")
    browser = app.test_client()
    way = typed(browser, house, way="login")  # type: ignore[arg-type]
    assert way.status_code == 303 and way.location == "/login?next=%2Fcommunity%2Fask"
    assert session().scalars(select(Question)).all() == []
    back = browser.post("/login", data={"login": user.name, "password": PASSWORD, "next": "/community/ask"})
    assert back.location == "/community/ask"
    assert_there(browser.get("/community/ask").text)
    sent = typed(browser, house)  # type: ignore[arg-type]
    assert sent.location == "/community/1"
    assert TITLE not in browser.get("/community/ask").text, "sent is sent"


def test_through_the_mailed_link(client: FreshClient, house: House, number: int) -> None:
    way = typed(client, house, way="mail")
    assert way.location == "/requests?next=%2Fcommunity%2Fask"
    door = client.get(way.location).text
    assert "你写的在这个浏览器里留一天" in door and 'name="next" value="/community/ask"' in door
    asked = client.post("/requests", data={"who": "li@community.example", "next": "/community/ask"})
    assert parse_qs(urlsplit(asked.location).query) == {"mailed": ["1"], "next": ["/community/ask"]}
    event = session().scalars(select(EventRow).where(EventRow.name == "RequestsLinkAsked")).one()
    assert event.payload["onward"] == "/community/ask" and TITLE not in str(event.payload), "words travel by no mail"
    opened = client.get(f"/requests/open/{portal_letters.sign_identity(number)}?next=/community/ask")
    assert opened.location == "/community/ask"
    assert_there(client.get("/community/ask").text)
    assert client.get("/requests?next=/community/ask").location == "/community/ask", "who is known need not ask for a link"


def test_the_letter_leads_back(app: Flask, number: int, monkeypatch: pytest.MonkeyPatch) -> None:

    with unit_of_work():
        add_account(SYSTEM, "email", "support", {"address": "desk@house.example", "smtp_host": "127.0.0.1"})
    sent: list[Any] = []
    monkeypatch.setattr(portal_letters.MAIL, "send", lambda account, mail: sent.append(mail))

    for language in ("zh", "en"):
        event = RequestsLinkAsked(identity_id=number, language=language, key="a", onward="/community/ask")
        portal_letters.send_link(event, Job(1, "mail_requests_link", 1, event))
    assert all(re.search(r"/requests/open/[\w.-]+\?next=%2Fcommunity%2Fask\n", mail.text) for mail in sent) and len(sent) == 2
    assert "浏览器" in sent[0].text and "same browser" in sent[1].text


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/desk", "/community/ask?title=x", "/community/1", "/community/ask\n"])
def test_the_link_leads_nowhere_else(client: FreshClient, number: int, path: str) -> None:
    assert kept_words.onward(path) == ""
    opened = client.get(f"/requests/open/{portal_letters.sign_identity(number)}", query_string={"next": path})
    assert opened.location == "/requests"


def test_an_answer_whose_writer_was_logged_out(app: Flask, house: House, login: Callable[[str], User]) -> None:
    user = login("agent")
    with unit_of_work():
        question = service.ask(user.actor("test"), house.drive, TITLE, "", "小陈")
        moderation.show(SYSTEM, question)
    browser = app.test_client()
    way = browser.post("/community/1/answers", data={"body": "先清风道", "name": "小陈"})
    assert way.location == "/login?next=%2Fcommunity%2F1%23write"
    back = browser.post("/login", data={"login": user.name, "password": PASSWORD, "next": "/community/1#write"})
    assert back.location == "/community/1#write"
    assert "先清风道</textarea>" in browser.get("/community/1").text
    assert "先清风道" not in browser.get("/community/ask").text, "each page has its own words"
    assert browser.post("/community/1/answers", data={"body": "先清风道", "name": "小陈"}).location == "/community/1#a1"
    assert "先清风道</textarea>" not in browser.get("/community/1").text


def test_what_led_to_a_request_goes_through_the_login_too(app: Flask, house: House, login: Callable[[str], User]) -> None:
    user = login("client")
    browser = app.test_client()
    browser.get("/articles/g300-e07")
    browser.post("/articles/g300-e07/verdict", data={"solved": "0", "missing": "卡是新的，也不行"})
    assert browser.post("/login", data={"login": user.name, "password": PASSWORD, "next": "/ask"}).location == "/ask"
    page = browser.get("/ask?article=g300-e07").text
    assert "卡是新的，也不行" in page


def test_more_than_a_browser_keeps_stays_in_the_form(client: FreshClient, house: House) -> None:
    long = "".join(chr(0x4E00 + n * 37 % 20000) for n in range(3900))
    answer = typed(client, house, body=long)
    assert answer.status_code == 422 and "带不到登录那边" in answer.text and long in answer.text
    assert client.post("/community/1/answers", data={"body": long}).status_code == 409


def test_nobody_reads_foreign_or_forged_words(client: FreshClient, house: House) -> None:
    typed(client, house)
    client.set_cookie("draft", "x" * 200)
    assert TITLE not in client.get("/community/ask").text
    client.delete_cookie("draft")
    typed(client, house)
    client.post("/logout")
    assert TITLE not in client.get("/community/ask").text
