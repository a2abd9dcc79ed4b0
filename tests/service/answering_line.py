"""A person's line on an account with the answer service, and an index that knows just what a test puts on it."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import answer_reactions
from app.answering.models import AnswerTalk
from app.core import clock
from app.core.catalogue import Product
from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import sending
from channels.accounts import add_account
from channels.base import Inbound, Sender
from channels.models import Account, Message
from channels.receiving import receive
from knowledge import lifecycle, service
from knowledge.index import Hit, Hits, IndexUnavailable, Piece, Query
from knowledge.models import Article
from tests.service.reaching.conftest import Post
from workflows.models import Ticket

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SENDERS = {"wechat": "openid", "wecom": "wecom", "webchat": "visitor"}
WRITTEN = {"wechat": {"appid": "wx0000000001", "token": "t0ken"}, "wecom": {}, "webchat": {}}
PASSAGE = "进入「账号 - 安全」，点「忘记密码」，短信里的六位数五分钟内有效。"


@dataclass
class Shelf:
    """An index that knows just what a test puts on it: words that find an article, and how much of a question it covers."""

    known: list[tuple[Article, str, float, str]] = field(default_factory=list)
    broken: bool = False
    asked: list[Query] = field(default_factory=list)

    def put(self, article: Article, words: str, coverage: float = 1.0, passage: str = PASSAGE) -> None:
        self.known.append((article, words, coverage, passage))

    def search(self, query: Query) -> Hits:
        self.asked.append(query)
        if self.broken:
            raise IndexUnavailable(detail="missing")
        found = []
        for row, words, coverage, passage in self.known:
            article = session().get_one(Article, row.id)
            ids = tuple(p.id for p in article.products)
            may = query.reader.may_read(article.level, (), ids) and (query.product_id is None or query.product_id in ids)
            if may and any(word in query.text for word in words.split()):
                about = {"coverage": coverage, "strength": coverage, "missing": 1 - coverage}
                found.append(Hit(str(article.id), coverage * 10, (Piece(article.title),), (Piece(passage, True),), product_ids=ids, **about))
        found.sort(key=lambda hit: -hit.score)
        return Hits(len(found), tuple(found[: query.limit]), said=2.0)


@dataclass
class Line:
    """A person's line on one account on which the answer service is on."""

    kind: str
    post: Post
    drain: Callable[[], int]
    shelf: Shelf
    who: str = "someone-1"

    def says(self, text: str, item: str = "", *, drained: bool = True, **given: Any) -> Message:
        kind = given.pop("kind", "menu" if item else "text")
        with unit_of_work() as s:
            account = s.scalars(select(Account).where(Account.kind == self.kind)).one()
            sender = Sender(SENDERS[self.kind], self.who, "王工", verified=True)
            meta = {"item": item} if item else {}
            message = receive(account, Inbound(secrets.token_hex(6), sender, text, text, continues=True, kind=kind, meta=meta, **given))
            assert message is not None
            number = message.id
        if drained:
            self.drain()
        session().rollback()
        return session().get_one(Message, number)

    def answers(self) -> list[Message]:
        """What we said here, apart from tests' own words."""
        session().rollback()
        return list(session().scalars(select(Message).where(Message.direction == "out").order_by(Message.id)))

    def tickets(self) -> list[Ticket]:
        session().rollback()
        return list(session().scalars(select(Ticket).order_by(Ticket.id)))

    def talk(self) -> AnswerTalk:
        session().rollback()
        return session().scalars(select(AnswerTalk).order_by(AnswerTalk.id.desc())).first()  # type: ignore[return-value]

    def item(self, place: int) -> str:
        return str(self.answers()[-1].meta["items"][place]["id"])


@pytest.fixture
def shelf(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    made = Shelf()
    monkeypatch.setattr(answer_reactions, "_open_index", [lambda: made])
    return made


@pytest.fixture(params=["webchat"])
def line(app: Flask, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, drain: Callable[[], int], request: pytest.FixtureRequest) -> Iterator[Line]:
    kind = request.param
    post = Post(kind)
    monkeypatch.setattr(sending, "channel_for", lambda _kind: post)
    with unit_of_work():
        add_account(SYSTEM, kind, f"{kind}-1", {**WRITTEN[kind], "answer": "yes"})
    with clock.frozen(NOON):
        yield Line(kind, post, drain, shelf)


def article(title: str, body: str = PASSAGE, *, products: tuple[int, ...] = (), **given: Any) -> Article:
    with unit_of_work():
        made = service.draft_article(SYSTEM, service.Content(title, body, ()), service.Properties(product_ids=products, **given))
        lifecycle.submit(SYSTEM, made)
        lifecycle.publish(SYSTEM, made)
    return made


def product(code: str, name: str) -> int:
    with unit_of_work() as s:
        made = Product(code=code, name=name)
        s.add(made)
        s.flush()
        return made.id


@pytest.fixture
def password(line: Line) -> Article:
    made = article("忘记密码怎么办")
    line.shelf.put(made, "密码")
    return made
