"""In which language the chat speaks to a visitor: that of the page, from the first automatic answer on."""

from collections.abc import Callable

import pytest
from flask import Flask

from app.chat import words
from app.core.db import session
from app.core.people import Contact
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.demo import world, world_rows
from channels.accounts import add_account
from channels.models import Account, Conversation, Message
from channels.visitors import find_visitor
from tests.conftest import FreshClient
from tests.web.chat_browser import Browser

TITLES = {"title": "在线客服", "title_en": "Help desk", "welcome": "您好。", "welcome_en": "Hello."}


@pytest.fixture
def account(app: Flask) -> Account:
    with unit_of_work():
        return add_account(SYSTEM, "webchat", "portal", TITLES)


@pytest.fixture
def browser(app: Flask, account: Account) -> Callable[..., Browser]:
    return lambda language, token=None: Browser(app, auth={"account": "portal", "token": token, "language": language})


def spoken(browser_: Browser, number: str = "m1") -> Conversation:
    """The conversation after a word of the page that says nothing of a language."""
    assert browser_.say({"client_msg_id": number, "text": "E07"})["ok"]
    session().rollback()
    return session().query(Message).order_by(Message.id.desc()).first().conversation


def test_the_first_word_brings_the_language_with_it(browser: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch) -> None:
    # What answers by itself may run before the page's second step: the message alone must say it.
    monkeypatch.setattr("channels.visitors.introduce", lambda visitor: False)
    assert spoken(browser("en")).contact.language == "en"


def test_whoever_comes_back_in_another_language_is_spoken_to_in_it(browser: Callable[..., Browser], account: Account) -> None:
    first = browser("zh")
    assert spoken(first).contact.language == "zh"
    again = browser("en", first.token)
    visitor = find_visitor(session().get_one(Account, account.id).id, first.token)
    assert visitor is not None and visitor.language == "en" and again.joined["conversation"] == first.joined["conversation"]
    message = session().query(Message).one()
    assert message.conversation.contact.language == "en"
    answer = Message(author_kind="system", is_auto=True)
    assert words.author(answer, session().get_one(Account, account.id), visitor.language)["name"] == "Help desk"


def test_a_language_that_the_desk_wrote_down_stays(browser: Callable[..., Browser]) -> None:
    first = browser("zh")
    number = spoken(first).contact.id
    with unit_of_work() as s:
        s.get_one(Contact, number).language = "ja"
    browser("en", first.token)
    session().rollback()
    assert session().query(Message).one().conversation.contact.language == "ja"


def test_the_demo_greets_in_both_languages(client: FreshClient) -> None:
    given = world_rows.chat_settings()
    assert given["welcome"] == world.CHAT_WELCOME
    with unit_of_work():
        add_account(SYSTEM, "webchat", "portal", given)
    english, chinese = client.get("/chat/portal?lang=en").text, client.get("/chat/portal?lang=zh").text
    assert "Hello, tell us" in english and "您好" not in english and "衡川" not in english
    assert "您好，说说" in chinese and "Hengchuan" not in chinese
