"""What somebody with bad intentions tries on the knowledge base: words of others, plans that were not looked at."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.core.catalogue import Release
from app.core.clock import advance, frozen
from app.core.db import session
from app.core.errors import Invalid
from app.core.permissions import NOBODY, SYSTEM, Actor
from app.core.uow import unit_of_work
from knowledge import analysis, gate, indexing, publishing, searching, service, similar, terms
from knowledge.completing import complete
from knowledge.gate_check import check
from knowledge.index import PUBLIC, Index
from knowledge.loop.asked import learn, prepare
from knowledge.models import Article

from .conftest import Market

Write = Callable[..., Article]
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


@pytest.fixture
def house(write: Write, index: Index) -> Index:
    write("网关离线排查", "看电源灯和天线。", questions=("网关离线怎么办",))
    for number in range(3):
        write(f"雪豹批次价格表 {number}", "内部资料。", level="agent")
    indexing.rebuild(index)
    return index


def said(index: Index, typed: str) -> list[str]:
    return [one.text for one in complete(index, typed, PUBLIC)]


def test_a_word_of_colleagues_is_not_suggested_because_an_editor_called_it_the_same(house: Index) -> None:
    with unit_of_work():
        terms.add_term(SYSTEM, "雪豹批次")
        terms.add_synonyms(SYSTEM, ["雪豹批次", "天线"])
    analysis.look_for_words(now=True)
    indexing.rebuild(house)
    assert searching.search(house, NOBODY, "雪豹批次").total == 1, "found by what it is called as well"
    for typed in ("雪豹", "雪", "xuebao", "xbpc", "xuebaopici"):
        assert not any("雪豹" in text for text in said(house, typed)), typed
    for typed in ("雪报批次", "xuebaopici", "xuebao pici"):
        assert "雪豹" not in (searching.search(house, NOBODY, typed).did_you_mean or ""), typed


def test_a_word_of_colleagues_is_not_suggested_because_a_customer_said_it(house: Index, write: Write) -> None:
    article = write("开机没反应", "看电源。")
    with unit_of_work():
        terms.add_term(SYSTEM, "雪豹批次")
    analysis.look_for_words(now=True)
    with unit_of_work():
        learn(1, [article.id], prepare(["雪豹批次的机器开机没反应"], [], 160), 40)
    indexing.rebuild(house)
    assert searching.search(house, NOBODY, "雪豹批次").total >= 1
    for typed in ("雪豹", "雪豹批", "xuebao", "xbpc"):
        assert not any("雪豹" in text for text in said(house, typed)), typed


def test_who_may_read_it_and_its_warnings_belong_to_what_was_planned(
    write: Write, actor: Callable[..., Actor], market: Market, drain: Callable[[], int]
) -> None:
    editor = actor("editor")
    author = actor("author", organisation=market.hongkong)
    article = write("内部手册", state="review", level="agent", product_ids=(market.drive.id,))
    with frozen(START):
        with unit_of_work():
            plan = publishing.plan_publishing(editor, article, START + timedelta(hours=1))
        with unit_of_work():
            wide = service.Properties(level="public", product_ids=(market.drive.id,))
            assert service.change_properties(author, article, wide)
        advance(timedelta(hours=2))
        drain()
        session().expire_all()
    assert article.state == "review" and plan.state == "cancelled"


def test_an_index_that_lags_behind_names_no_article_that_became_internal(house: Index, write: Write, actor: Callable[..., Actor], market: Market) -> None:
    author = actor("author", organisation=market.hongkong)
    secret = write("拓联卡座批次清单", product_ids=(market.gateway.id,))
    indexing.rebuild(house)
    assert [one.article.id for one in similar.already_answered(house, author, "拓联卡座批次清单")] == [secret.id]
    secret.level = "supplier"
    session().commit()
    assert similar.already_answered(house, author, "拓联卡座批次清单") == []


def test_a_supplier_preparing_a_release_sees_no_title_that_is_not_theirs(write: Write, actor: Callable[..., Actor], market: Market) -> None:
    author = actor("author", organisation=market.hongkong)
    own, both = (market.drive.id,), (market.drive.id, market.gateway.id)
    mine = write("自己的草稿", state="draft", level="agent", product_ids=own)
    public = write("公开的指南", product_ids=both)
    one_client = write("澄湖专用口令", level="client", product_ids=both, organisation_ids=(market.chenghu.id,))
    platform = write("平台还没发布的", state="draft", product_ids=both)
    assert {article.id for article in gate.choices(author, market.drive)} == {mine.id, public.id}
    with unit_of_work():
        release = session().get_one(Release, gate.add_release(author, market.drive.id, "9.9").release_id)
        with pytest.raises(Invalid):
            gate.choose_document(author, gate.gate_of(release), gate.GUIDE.code, one_client.id)  # type: ignore[arg-type]
    offered = {document.article.id for document in check(release, gate.gate_of(release), None).documents if document.article}
    assert one_client.id not in offered and platform.id not in {a.id for a in gate.choices(author, market.drive)}


def test_a_wider_audience_takes_the_plan_of_a_published_article_along(
    write: Write, actor: Callable[..., Actor], market: Market, drain: Callable[[], int]
) -> None:
    editor, inside = actor("editor"), {"product_ids": (market.drive.id,)}
    article = write("给坐席的手册", level="agent", **inside)
    with frozen(START):
        with unit_of_work():
            service.revise(editor, article, service.Content(article.title, "底价是八折，只给坐席看。"))
            plan = publishing.plan_publishing(editor, article, START + timedelta(hours=1))
        with unit_of_work():
            assert service.change_properties(editor, article, service.Properties(level="public", **inside))
        advance(timedelta(hours=2))
        drain()
        session().expire_all()
    assert plan.state == "cancelled" and article.draft_revision_id is not None, "nobody agreed to show these words to everybody"
