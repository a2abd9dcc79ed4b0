"""Two equal words about an article at the same moment count once, though both come with the cookie of before."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core.db import session
from app.core.errors import Stale
from app.web import articles
from knowledge.models import ArticleFeedback
from tests.conftest import FreshClient
from tests.web.knowledge_house import House


def counted() -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(ArticleFeedback)) or 0


def test_a_browser_without_a_login(app: Flask, client: FreshClient, house: House) -> None:
    for _ in range(2):
        with client.session_transaction() as cookie:
            cookie.clear()
            cookie["csrf_token"] = "the same browser"
        assert client.post("/articles/g300-e07/verdict", data={"solved": "1"}).status_code == 303
    assert counted() == 1
    with client.session_transaction() as cookie:
        assert cookie["said"], "the answer to the second says that it was said"
        cookie.clear()
        cookie["csrf_token"] = "another browser"
    client.post("/articles/g300-e07/verdict", data={"solved": "0"})
    assert counted() == 2


def test_somebody_logged_in(someone: Callable[[str], FreshClient], house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = someone("client")
    said, looked = articles.said_about, iter((True, False))
    # The first look is from before the other word was kept; the second comes after our turn.
    monkeypatch.setattr(articles, "said_about", lambda actor, article: "" if next(looked, False) else said(actor, article))
    browser.post("/articles/v20-e07/verdict", data={"solved": "1"})
    looked = iter((True, False))
    with browser.session_transaction() as cookie:
        cookie.pop("said", None)
    browser.post("/articles/v20-e07/verdict", data={"solved": "1"})
    assert counted() == 1


def test_a_word_that_could_not_be_kept_is_kept_when_it_is_said_again(client: FreshClient, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with client.session_transaction() as cookie:
        cookie["csrf_token"] = "a browser"

    def fails(*_given: object) -> None:
        raise Stale()

    with monkeypatch.context() as patch:
        patch.setattr(articles.searching, "record_feedback", fails)
        assert client.post("/articles/g300-e07/verdict", data={"solved": "0"}).status_code == 409
    assert client.post("/articles/g300-e07/verdict", data={"solved": "0"}).status_code == 303
    assert counted() == 1
