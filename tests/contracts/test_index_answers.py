"""What an answer of every engine says beyond its order: filters, counts, coverage, and words that are never shown."""

import pytest

from knowledge.index import Index, IndexDocument, Passage, Query, Reader
from tests.contracts.engines import article, find, ids


def _shelf() -> list[IndexDocument]:
    return [
        article(1, "网关离线", "网关", product_ids=(1,), category="故障", level="public"),
        article(2, "网关安装", "网关", product_ids=(1, 2), category="安装", level="public"),
        article(3, "网关密码", "网关", product_ids=(2,), category="故障", level="agent"),
        article(4, "Gateway 网关", "网关", category="安装", language="en"),
        article(5, "变频器", "别的", product_ids=(3,), category="别的"),
    ]


def test_filters_narrow_and_never_widen(index: Index) -> None:
    index.put(_shelf())
    staff = Reader(("public", "agent"), all_organisations=True)
    assert sorted(find(index, "网关", category="故障")) == ["1"]
    assert sorted(find(index, "网关", staff, category="故障")) == ["1", "3"]
    assert sorted(find(index, "网关", staff, levels=("agent",))) == ["3"]
    assert find(index, "网关", levels=("agent", "supplier")) == []
    assert sorted(find(index, "网关", language="en")) == ["4"] and len(find(index, "网关", language="zh")) == 2
    assert find(index, "网关", staff, category="故障", product_id=2, language="zh", levels=("agent", "public")) == ["3"]
    assert find(index, "网关", category="没有") == [] and find(index, "网关", language="fr") == []


def test_facets_count_what_each_filter_would_find(index: Index) -> None:
    index.put(_shelf())
    staff = Reader(("public", "agent"), all_organisations=True)
    assert index.search(Query("网关")).facets == {}
    assert index.search(Query("网关", facets=True)).facets == {
        "product": {"1": 2, "2": 1},
        "category": {"故障": 1, "安装": 2},
        "level": {"public": 3},
    }
    narrowed = index.search(Query("网关", staff, 2, category="故障", facets=True, limit=1))
    assert ids(narrowed) == ["3"] and narrowed.total == 1
    assert narrowed.facets == {
        "product": {"1": 1, "2": 1},
        "category": {"故障": 1, "安装": 1},
        "level": {"agent": 1},
    }
    index.drop(["1"])
    assert index.search(Query("网关", facets=True)).facets["product"] == {"1": 1, "2": 1}


def test_words_of_customers_find_and_are_never_shown(index: Index) -> None:
    index.put(
        [
            article(1, "伺服驱动器零点丢失", "执行回零流程。", asked=("机器人找不着北了", "手臂跑偏")),
            article(2, "手臂的保养", "手臂要定期加油。"),
        ]
    )
    hit = index.search(Query("找不着北")).items[0]
    assert hit.id == "1" and "找不着北" not in hit.passage_text + "".join(piece.text for piece in hit.title)
    assert find(index, "手臂") == ["2", "1"]
    index.put([article(1, "伺服驱动器零点丢失", "执行回零流程。")])
    assert find(index, "找不着北") == []


def test_coverage_says_how_much_of_the_question_is_there(index: Index) -> None:
    filler = [article(n, f"说明 {n}", "一般的话。") for n in range(10, 40)]
    index.put([article(1, "变频器过热", "查散热风道。", questions=("报E07怎么办",)), article(2, "传感器", "变频器"), *filler])
    whole = index.search(Query("变频器过热 E07")).items[0]
    assert whole.id == "1" and whole.coverage == pytest.approx(1.0, abs=0.01)
    part = {hit.id: hit.coverage for hit in index.search(Query("变频器过热 E07"))}["2"]
    assert 0 < part < 0.5
    unknown = index.search(Query("变频器过热 ORA-600")).items[0]
    assert unknown.id == "1" and 0.2 < unknown.coverage < 0.9
    assert all(0 <= hit.coverage <= 1 for hit in index.search(Query("一般说明 变频器", limit=50)))


def test_what_a_hit_lacks_of_the_question_is_told(index: Index) -> None:
    """Pieces of a word speak for it, spellings of a code are one, and a code that stands nowhere is lacking everywhere."""
    filler = [article(n, f"说明 {n}", "一般的话。") for n in range(10, 40)]
    index.put([article(1, "HK-V20 变频器过热", "查散热风道。", questions=("报E07怎么办",)), article(2, "变频器安装", "留出空间。"), *filler])
    whole = index.search(Query("变频器过热 E-07"))
    assert whole.items[0].id == "1" and whole.items[0].missing == 0 and whole.items[0].lacks == ()
    assert 1 < whole.said <= 3 and whole.items[0].strength > whole.items[1].strength > 0
    second = next(hit for hit in whole if hit.id == "2")
    assert "过热" in second.lacks and any("07" in word for word in second.lacks) and second.missing > 0.5
    other = index.search(Query("变频器过热 ORA-600")).items[0]
    assert other.id == "1" and 0.2 < other.missing < 0.6 and other.lacks == ("ora-600",)
    piece = next(hit for hit in index.search(Query("变频器 HK-V30")) if hit.id == "1")
    assert 0 < piece.missing < 0.7 and piece.lacks == (), "the maker's letters alone are a piece of the model"


def test_coverage_is_that_of_one_passage(index: Index) -> None:
    """Words that stand far apart in a long article answer no question."""
    passages = (Passage("变频器" + "，别的话" * 120), Passage("接入点" + "，别的话" * 120))
    filler = [article(n, f"说明 {n}", "一般的话。") for n in range(10, 40)]
    index.put([IndexDocument("1", "说明书", passages), article(2, "别的", "变频器的接入点"), *filler])
    found = {hit.id: hit.coverage for hit in index.search(Query("变频器接入点"))}
    assert found["1"] < 0.6 < 0.75 < found["2"]


def test_a_long_article_shows_the_right_stretch(index: Index) -> None:
    long = "前面说的是别的事情。" * 200 + "换卡之后要重新填写接入点名称。" + "后面也是别的事情。" * 200
    index.put([IndexDocument("1", "说明", (Passage(long, "接入", "s-1"),))])
    hit = index.search(Query("换卡后接入点怎么填")).items[0]
    assert "换卡之后要重新填写接入点名称" in hit.passage_text and hit.anchor == "s-1"
