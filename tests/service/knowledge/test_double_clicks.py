"""Two equal forms of one person at the same moment write one row. On SQLite they come one after the other anyway: there the
moment between looking and writing is played; the threads at the end meet for real on PostgreSQL."""

import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql

from app.core.clock import now
from app.core.db import db, session
from app.core.permissions import NOBODY, SYSTEM, Actor
from app.core.turns import in_turn
from app.core.uow import unit_of_work
from knowledge import gate, release_news, reviewing
from knowledge.community import moderation, service
from knowledge.community_models import Answer, Question
from knowledge.editing_models import ReviewComment
from knowledge.gate_models import GateQuery
from knowledge.loop import flags, must_read
from knowledge.loop_models import ArticleFlag, MustReadDone
from knowledge.mark_models import PersonMark
from knowledge.models import Article

from .conftest import Market

ActorOf = Callable[..., Actor]
Write = Callable[..., Article]


def count(row: Any, *where: Any) -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(row).where(*where)) or 0


def twice(app: Flask, do: Callable[[], object]) -> list[BaseException]:
    """Run it in four threads at once; what broke in them."""
    start, broken = threading.Barrier(4), []

    def run() -> None:
        with app.app_context():
            try:
                start.wait()
                with unit_of_work():
                    do()
            except BaseException as problem:
                broken.append(problem)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return broken


@pytest.fixture
def agent(actor: ActorOf) -> Actor:
    return actor("agent")


@pytest.fixture
def editor(actor: ActorOf) -> Actor:
    return actor("editor")


@pytest.fixture
def shown(market: Market, editor: Actor) -> Question:
    with unit_of_work():
        question = service.ask(editor, market.drive, "变频器跳 E07 是什么意思", "夏天下午就停", "小陈")
        moderation.show(SYSTEM, question)
    return question


def meanwhile(monkeypatch: pytest.MonkeyPatch, where: Any, write: Callable[[], object]) -> None:
    """While we wait for our turn, the other form writes."""
    left = [write]

    def wait(actor: Actor) -> None:
        if left:
            left.pop()()

    monkeypatch.setattr(where, "in_turn", wait)


def test_who_waits_is_held_but_not_what_points_to_them(app: Flask, agent: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("app.core.turns.session", lambda: type("S", (), {"execute": lambda self, s: asked.append(str(s.compile(dialect=postgresql.dialect())))})())
    for actor in (agent, Actor(kind="visitor", id=7, name="李**"), NOBODY, SYSTEM):
        in_turn(actor)
    assert [" ".join(words.split()).replace("::INTEGER", "") for words in asked] == [
        'SELECT "user".id FROM "user" WHERE "user".id = %(id_1)s FOR NO KEY UPDATE',
        "SELECT identity.id FROM identity WHERE identity.id = %(id_1)s FOR NO KEY UPDATE",
    ]


def test_a_question_and_an_answer(market: Market, agent: Actor, shown: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask() -> Question:
        return service.ask(agent, market.drive, "网关离线了", "", "小陈")

    def answer() -> Answer:
        return service.answer(agent, session().get_one(Question, shown.id), "先清风道", "小陈")

    for write, row in ((ask, Question), (answer, Answer)):
        before = count(row)
        meanwhile(monkeypatch, service, write)
        with unit_of_work():
            write()
        assert count(row) == before + 1, row


def test_a_comment_and_an_error_in_an_article(write: Write, editor: Actor, agent: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    article = write("变频器 E07")

    def comment() -> object:
        return reviewing.comment(editor, session().get_one(Article, article.id), "这里要写电压")

    def flag() -> object:
        return flags.raise_flag(agent, article.id, "转速写错了", days=3)

    for do, where, row in ((comment, reviewing, ReviewComment), (flag, flags, ArticleFlag)):
        meanwhile(monkeypatch, where, do)
        with unit_of_work():
            do()
        assert count(row) == 1, row


def test_a_confirmation(write: Write, editor: Actor, agent: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    article = write("停线怎么办", level="agent")
    with unit_of_work():
        row = must_read.ask(editor, article.id, roles=["agent"], team_ids=[], due_on=date(now().year + 1, 1, 1))

    def confirm() -> None:
        must_read.confirm(agent, session().get_one(type(row), row.id))

    meanwhile(monkeypatch, must_read, confirm)
    with unit_of_work():
        confirm()
    assert count(MustReadDone) == 1


def test_a_test_question_of_a_product(market: Market, write: Write, editor: Actor) -> None:
    article = write("变频器 E07", product_ids=(market.drive.id,))
    for _ in range(2):
        with unit_of_work():
            gate.add_query(editor, market.drive, text="变频器跳 E07", article_id=article.id)
    assert count(GateQuery) == 1


def test_what_is_turned_on_twice_is_on(market: Market, agent: Actor, shown: Question) -> None:
    question = session().get_one(Question, shown.id)
    for wanted, votes in ((True, 1), (True, 1), (False, 0), (False, 0)):
        with unit_of_work():
            assert service.vote(agent, session().get_one(Question, question.id), wanted) is wanted
            assert service.follow(agent, session().get_one(Question, question.id), wanted) is wanted
            assert release_news.follow(agent, session().get_one(type(market.drive), market.drive.id), wanted) is wanted
        assert session().get_one(Question, question.id).vote_count == votes
        assert count(PersonMark, PersonMark.person_id == agent.id) == 3 * votes


def test_together_for_real(app: Flask, market: Market, write: Write, agent: Actor, shown: Question) -> None:
    article, number, product = write("变频器 E07").id, shown.id, market.drive.id
    session().rollback()
    for do, row, where in (
        (lambda: service.answer(agent, session().get_one(Question, number), "先清风道", "小陈"), Answer, ()),
        (lambda: service.ask(agent, session().get_one(type(market.drive), product), "网关离线了", "", "小陈"), Question, (Question.title == "网关离线了",)),
        (lambda: flags.raise_flag(agent, article, "转速写错了", days=3), ArticleFlag, ()),
        (lambda: service.vote(agent, session().get_one(Question, number), True), PersonMark, (PersonMark.mark == "vote",)),
    ):
        assert twice(app, do) == []
        assert count(row, *where) == 1, row
