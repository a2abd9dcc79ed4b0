"""Editors' words, suggestions and other spellings: in force without a restart, and never beyond what the reader may read."""

from collections.abc import Callable

import pytest
from flask import Flask

from app.core.errors import Conflict, Forbidden, Invalid
from app.core.permissions import NOBODY, SYSTEM
from app.core.uow import unit_of_work
from app.reactions import REACTIONS
from knowledge import analysis, indexing, searching, terms
from knowledge.completing import complete
from knowledge.index import EVERYTHING, PUBLIC, Index, Query, Reader
from knowledge.models import Article
from knowledge.term_events import TermChanged
from knowledge.term_models import SynonymGroup, Term
from knowledge.word_preview import preview_group

from .conftest import Market

Write = Callable[..., Article]


@pytest.fixture
def base(write: Write, index: Index, market: Market) -> Index:
    write("变频器过热停机怎么办", "先停机断电，再清理散热风扇。", questions=("变频器过热",), product_ids=(market.drive.id,))
    write("网关离线排查", "看电源灯和天线。", questions=("网关离线怎么办",), product_ids=(market.gateway.id,))
    write("登录平台失败", "检查账号和密码。", questions=("登录不上",))
    write("凤凰计划价格表", "内部资料。", level="agent")
    write("打印机卡纸", "拉开后盖。", level="client")
    indexing.rebuild(index)
    return index


def texts(index: Index, typed: str, reader: Reader = PUBLIC) -> list[str]:
    return [one.text for one in complete(index, typed, reader)]


@pytest.mark.parametrize("typed", ["bianpinqi", "bpq", "变频", "變頻器", "bianpinqiguore", "bpqgr", "变频器guo", "bianp"])
def test_suggestions_by_characters_pinyin_and_initials(base: Index, typed: str) -> None:
    assert any("变频器过热" in text for text in texts(base, typed)), texts(base, typed)


def test_suggestions_are_what_the_reader_may_read(base: Index) -> None:
    for typed in ("凤凰", "fenghuang", "fhjh", "dayinji", "dyj", "打印"):
        assert texts(base, typed) == [], typed
    assert "凤凰计划价格表" in texts(base, "fenghuang", EVERYTHING)
    assert "打印机卡纸" in texts(base, "dyj", Reader(("public", "client")))


def test_products_are_suggested_where_something_of_them_is_readable(base: Index, write: Write, market: Market) -> None:
    assert "4G 边缘网关" in texts(base, "TL-G")
    assert texts(base, "tl-g", Reader(levels=())) == []


def test_an_unknown_text_suggests_nothing(base: Index) -> None:
    assert texts(base, "zzzzqqq") == [] and texts(base, "  ") == [] and complete(base, "网关", PUBLIC, 0) == []


def test_asked_words_are_never_suggested(base: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    plain = indexing.document_for
    monkeypatch.setattr(indexing, "document_for", lambda article, *rest: replace(plain(article, *rest), asked=("机器烫屁股",)))
    indexing.rebuild(base)
    assert base.search(Query("烫屁股")).total, "they find"
    assert not any("屁股" in text for text in texts(base, "烫屁股"))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("登陆平台", "登录平台"), ("变须器过热", "变频器过热"), ("网观离线", "网关离线"), ("wangguan lixian", "网关 离线")],
)
def test_another_spelling_is_offered_where_it_finds_more(base: Index, typed: str, meant: str) -> None:
    assert searching.search(base, NOBODY, typed).did_you_mean == meant


@pytest.mark.parametrize("typed", ["网关离线", "变频器过热", "E07", "fenghuang jihua", "凤皇计划", "zzzz"])
def test_no_other_spelling_without_need_or_right(base: Index, typed: str) -> None:
    assert searching.search(base, NOBODY, typed).did_you_mean is None


def test_letters_that_find_nothing_are_answered_as_pinyin(base: Index) -> None:
    hits = searching.search(base, NOBODY, "wangguan lixian")
    assert hits.total and "网关离线" in "".join(piece.text for piece in hits.items[0].title)


def test_a_term_is_cut_whole_at_once_and_its_articles_again(base: Index, drain: Callable[[], int], write: Write) -> None:
    article = write("宏控调速柜说明", "宏控调速柜的门朝左开。")
    drain()
    assert "宏控调速柜" not in analysis.tokens("宏控调速柜").words
    with unit_of_work():
        term = terms.add_term(SYSTEM, " 宏控调速柜 ")
        number = term.id
        assert terms.holding(term.text) == [article.id]
    analysis.look_for_words(now=True)
    assert analysis.query_tokens("宏控调速柜").words == {"宏控调速柜": 1}
    drain()
    assert [int(hit.id) for hit in base.search(Query("宏控调速柜"))] == [article.id]
    with unit_of_work():
        terms.remove_term(SYSTEM, number)
    drain()
    assert "宏控调速柜" not in analysis.tokens("宏控调速柜").words
    assert TermChanged in REACTIONS


def test_product_names_are_words_by_themselves(base: Index, market: Market) -> None:
    from app.core.catalogue import Product

    with unit_of_work() as s:
        s.add(Product(code="ZZ-1", name="ZZ-1 澄湖转子", supplier_id=market.hongkong.id))
    analysis.look_for_words(now=True)
    assert "澄湖转子" in analysis.query_tokens("澄湖转子坏了").words


def test_older_articles_are_cut_again_for_a_new_products_name(base: Index, write: Write, market: Market, drain: Callable[..., int]) -> None:
    from app.core.directory.products import create_product

    article = write("澄湖调速柜温升", "看风道。")
    indexing.rebuild(base)
    assert "澄湖调速柜" not in analysis.tokens("澄湖调速柜").words
    with unit_of_work():
        product = create_product(SYSTEM, code="ZZ-2", name="ZZ-2 澄湖调速柜 变频器", supplier_id=market.hongkong.id)
        assert terms.name_words(product.name) == ["澄湖调速柜", "变频器"]
    assert terms.holding_name(product.id) == [article.id]  # shipped words are whole everywhere already
    drain()
    assert analysis.tokens("澄湖调速柜").words == ["澄湖调速柜"]
    assert [int(hit.id) for hit in base.search(Query("澄湖调速柜"))] == [article.id]


def test_synonyms_find_at_once_and_the_customers_word_stays_first(base: Index, write: Write) -> None:
    assert searching.search(base, NOBODY, "烫手").total == 0
    with unit_of_work():
        group = terms.add_synonyms(SYSTEM, ["烫手", "过热"])
        assert group.words == ["烫手", "过热"]
    analysis.look_for_words(now=True)
    assert searching.search(base, NOBODY, "烫手").total == 1
    own = write("外壳烫手", "正常现象，温度在六十度以内。")
    indexing.rebuild(base)
    assert [int(hit.id) for hit in searching.search(base, NOBODY, "烫手")][0] == own.id
    with unit_of_work() as s:
        terms.remove_synonyms(SYSTEM, s.query(SynonymGroup).one().id)
    analysis.look_for_words(now=True)
    assert searching.search(base, NOBODY, "烫手").total == 1


def test_a_preview_shows_what_would_change_and_changes_nothing(base: Index) -> None:
    with unit_of_work():
        for text in ("机器烫手", "机器烫手", "登录不上"):
            searching.log_search(NOBODY, text, searching.search(base, NOBODY, text), "portal")
    preview = preview_group(base, PUBLIC, ["烫手", "过热"])
    assert preview.asked == 1 and len(preview.moved) == 1
    moved = preview.moved[0]
    assert (moved.query, moved.count, moved.before) == ("机器烫手", 2, ()) and moved.after == ("变频器过热停机怎么办",)
    assert searching.search(base, NOBODY, "烫手").total == 0
    assert preview_group(base, PUBLIC, ["密码", "口令"]).asked == 0
    unasked = preview_group(base, PUBLIC, ["没人搜过的说法", "过热"])
    assert [(m.query, m.count, bool(m.before), bool(m.after)) for m in unasked.moved] == [("没人搜过的说法", 0, False, True)]


@pytest.mark.parametrize("wrong", ["", "烫", "x" * 41])
def test_what_is_no_word_is_refused(app: Flask, wrong: str) -> None:
    with pytest.raises(Invalid), unit_of_work():
        terms.add_term(SYSTEM, wrong)


def test_groups_do_not_overlap_and_need_the_right(app: Flask) -> None:
    with unit_of_work() as s:
        terms.add_synonyms(SYSTEM, terms.synonym_words("烫手 = 过热，温度过高"))
        terms.add_term(SYSTEM, "断点续传")
        assert s.query(Term).count() == 1
    with pytest.raises(Conflict), unit_of_work():
        terms.add_synonyms(SYSTEM, ["過熱", "发烫"])
    with pytest.raises(Conflict), unit_of_work():
        terms.add_term(SYSTEM, "斷點續傳")
    with pytest.raises(Invalid):
        terms.synonym_words("只有一个")
    with pytest.raises(Forbidden), unit_of_work():
        terms.add_term(NOBODY, "断电重启")
