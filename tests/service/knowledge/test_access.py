"""Who reads what: the same rule in Python, in SQL and in the index."""

from collections.abc import Callable

import pytest

from app.core.db import session
from app.core.errors import NotFound
from app.core.permissions import NOBODY, SYSTEM, Actor
from knowledge.access import access_article, access_editable, editable_articles, may_edit, readable_articles, reader_for
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
        "agent": write("网关 坐席", level="agent"),
        "agent drive": write("网关 变频器话术", level="agent", product_ids=(drive,)),
        "manual drive": write("网关 内部手册", level="supplier", product_ids=(drive,)),
        "manual gateway": write("网关 内部手册二", level="supplier", product_ids=(gateway,)),
        "draft": write("网关 草稿", state="draft", product_ids=(drive,)),
        "retired": write("网关 旧", state="retired"),
    }


OPEN = {"public"}
CLIENTS = OPEN | {"client"}
STAFF = CLIENTS | {"chenghu", "agent", "agent drive"}
EDITORS = STAFF | {"manual drive", "manual gateway"}
DRIVE = CLIENTS | {"agent", "agent drive", "manual drive"}


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
        ("client", "chenghu", CLIENTS | {"chenghu"}),
        ("client", "shengyuan", CLIENTS),
        ("client", None, OPEN),
        ("author", None, OPEN),
        ("nobody", None, OPEN),
        ("contact", "chenghu", CLIENTS | {"chenghu"}),
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
    own = {shelf[name].id for name in ("agent drive", "manual drive", "draft")}
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
