"""Who reads what: the same rule in Python, in SQL and in the index."""

from collections.abc import Callable

import pytest
from sqlalchemy import event

from app.core.db import db, session
from app.core.errors import NotFound
from app.core.people import User
from app.core.permissions import NOBODY, ROLES, SYSTEM, Actor
from knowledge.access import (
    access_article,
    access_editable,
    editable_articles,
    may_edit,
    readable_articles,
    reader_for,
    readers_among,
)
from knowledge.index import Index, Query
from knowledge.indexing import rebuild
from knowledge.models import Article

from .conftest import Market

Write = Callable[..., Article]


@pytest.fixture
def shelf(market: Market, write: Write) -> dict[str, Article]:
    drive, gateway, chenghu = market.drive.id, market.gateway.id, market.chenghu.id
    return {
        "public": write("网关 公开", product_ids=(gateway,)),
        "client": write("网关 客户", level="client"),
        "chenghu": write("网关 澄湖", level="client", organisation_ids=(chenghu,)),
        "client drive": write("网关 变频器客户手册", level="client", product_ids=(drive,)),
        "agent": write("网关 坐席", level="agent"),
        "agent drive": write("网关 变频器话术", level="agent", product_ids=(drive,)),
        "manual drive": write("网关 内部手册", level="supplier", product_ids=(drive,)),
        "manual gateway": write("网关 内部手册二", level="supplier", product_ids=(gateway,)),
        "draft": write("网关 草稿", state="draft", product_ids=(drive,)),
        "retired": write("网关 旧", state="retired"),
    }


OPEN = {"public"}
CLIENTS = OPEN | {"client"}
BUYERS = CLIENTS | {"client drive"}
STAFF = BUYERS | {"chenghu", "agent", "agent drive"}
EDITORS = STAFF | {"manual drive", "manual gateway"}
DRIVE = BUYERS | {"agent", "agent drive", "manual drive"}


@pytest.mark.parametrize(
    ("role", "company", "expected"),
    [
        ("agent", None, STAFF),
        ("manager", None, STAFF),
        ("editor", None, EDITORS),
        ("administrator", None, EDITORS),
        ("resident", "hongkong", DRIVE),
        ("author", "hongkong", DRIVE),
        ("resident", "tuolian", CLIENTS | {"agent", "manual gateway"}),
        ("client", "chenghu", BUYERS | {"chenghu"}),
        ("client", "shengyuan", BUYERS),
        ("client", None, OPEN),
        ("author", None, OPEN),
        ("nobody", None, OPEN),
        ("contact", "chenghu", BUYERS | {"chenghu"}),
        ("contact", None, OPEN),
    ],
)
def test_each_sees_their_own(
    role: str, company: str | None, expected: set[str], shelf: dict[str, Article], market: Market,
    actor: Callable[..., Actor], index: Index,
) -> None:  # fmt: skip
    organisation = getattr(market, company) if company else None
    if role == "nobody":
        who = NOBODY
    elif role == "contact":
        who = Actor("contact", 1, "王工", organisation_id=organisation.id if organisation else None)
    else:
        who = actor(role, organisation=organisation)
    rebuild(index)
    wanted = {shelf[name].id for name in expected}
    assert {a.id for a in session().scalars(readable_articles(who))} == wanted
    found = index.search(Query("网关", reader_for(who), limit=50))
    assert {int(hit.id) for hit in found} == wanted and found.total == len(wanted)
    for name, article in shelf.items():
        if name in expected or may_edit(who, article):
            assert access_article(who, article.id) is access_article(who, article.slug) is article
        else:
            for key in (article.id, article.slug):
                with pytest.raises(NotFound):
                    access_article(who, key)


def test_who_may_edit(shelf: dict[str, Article], market: Market, actor: Callable[..., Actor]) -> None:
    author = actor("author", organisation=market.hongkong)
    own = {shelf[name].id for name in ("client drive", "agent drive", "manual drive", "draft")}
    assert {a.id for a in session().scalars(editable_articles(author))} == own
    assert access_editable(author, shelf["draft"].id) is shelf["draft"]
    with pytest.raises(NotFound):
        access_editable(author, shelf["public"].id)
    assert len(session().scalars(editable_articles(actor("editor"))).all()) == len(shelf)
    assert not session().scalars(editable_articles(actor("agent"))).all()


@pytest.mark.parametrize("key", [0, -1, 2**40, 999, "", "nein", "\x00"])
def test_what_is_not_there_is_not_found(app: object, key: int | str) -> None:
    with pytest.raises(NotFound):
        access_article(SYSTEM, key)


def test_many_are_asked_about_at_once_and_told_the_same(shelf: dict[str, Article], market: Market, make_user: Callable[..., User]) -> None:
    companies = [None, *(getattr(market, name) for name in ("hongkong", "tuolian", "chenghu", "shengyuan"))]
    users = [make_user(role, organisation=company) for role in ROLES for company in companies]
    for name, article in shelf.items():
        for user in users:
            user.actor("test")  # with their teams, so that only what the rule itself asks is counted
        said: list[str] = []

        def count(connection: object, cursor: object, statement: str, *rest: object, said: list[str] = said) -> None:
            said.append(statement)

        event.listen(db.engine, "before_cursor_execute", count)
        try:
            found = readers_among(article, users)
        finally:
            event.remove(db.engine, "before_cursor_execute", count)
        assert len(said) <= 5, said
        alone = set()
        for user in users:
            try:
                access_article(user.actor("test"), article.id)
            except NotFound:
                continue
            alone.add(user.id)
        assert found == alone, name
