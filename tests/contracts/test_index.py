"""What every search engine behind the `Index` protocol must do (see engines.py)."""

import itertools
import multiprocessing
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge.index import (
    EVERYTHING,
    LEVELS,
    Index,
    IndexDocument,
    IndexUnavailable,
    Passage,
    Query,
    Reader,
)
from knowledge.whoosh_index import MANY_SEGMENTS, WhooshIndex
from tests.contracts.engines import Make, article, find, ids

# -- writing and reading ----------------------------------------------------------------------------------------------


def test_put_change_and_drop_are_seen_by_another_reader(make: Make, index: Index) -> None:
    reader = make()
    assert find(reader, "变频器") == []
    index.put([article(1, "变频器过热"), article(2, "网关离线")])
    assert find(reader, "变频器") == ["1"]
    index.put([article(1, "振动传感器校准")])
    assert find(reader, "变频器") == [] and find(reader, "振动") == ["1"]
    assert index.drop(["1", "unknown"]) == 1
    assert find(reader, "振动") == [] and find(reader, "网关") == ["2"]
    assert reader.search(Query("网关")).total == 1


def test_putting_twice_keeps_one(index: Index) -> None:
    assert index.put([article(1, "网关离线"), article(1, "网关掉线")]) == 1
    index.put([article(1, "网关掉线")])
    found = index.search(Query("网关"))
    assert found.total == 1 and len(found.items) == 1
    assert index.health().documents == 1


def test_how_rare_terms_are(index: Index) -> None:
    index.rebuild([article(1, "网关离线"), article(2, "网关掉线"), article(3, "变频器过热")])
    told = index.rarity([("w", "网关"), ("p", "离线"), ("c", "网"), ("w", "咖啡")])
    assert told.documents == 3 and told.counts["w", "网关"] == 2
    assert told.counts["p", "离线"] == 1 and told.counts["w", "咖啡"] == 0 and told.counts["c", "网"] >= 2


def test_many_small_changes_stay_right_and_tidy(make: Make, index: Index) -> None:
    reader = make()
    for number in range(MANY_SEGMENTS * 3):
        index.put([article(number % 10, f"网关第{number}次", "离线", product_ids=(number % 3,))])
        assert find(reader, f"第{number}次")[0] == str(number % 10)
    assert reader.search(Query("网关", limit=50)).total == 10
    assert index.health(deep=True).ok and index.health().segments <= MANY_SEGMENTS + 1


def test_rebuild_replaces_everything_and_tells_how_far_it_is(make: Make, index: Index) -> None:
    reader = make()
    index.put([article(1, "旧网关")])
    assert find(reader, "网关") == ["1"]
    told: list[int] = []
    assert index.rebuild((article(n, f"新网关{n}") for n in range(250)), told.append) == 250
    assert told == [100, 200, 250]
    assert reader.search(Query("网关")).total == 250 and find(reader, "旧") == []


def test_searching_goes_on_during_a_rebuild_and_a_change_outlives_it(make: Make, index: Index) -> None:
    index.put([article(1, "旧网关")])
    reader, writer = make(), make()
    change = threading.Thread(target=lambda: writer.put([article(3, "后来的网关")]))

    def documents() -> Iterator[IndexDocument]:
        yield article(2, "新网关")
        change.start()
        # A change may be found at once or wait for the rebuild; either way it outlives it.
        assert "1" in find(reader, "网关") and "2" not in find(reader, "网关")

    index.rebuild(documents())
    change.join()
    assert sorted(find(reader, "网关")) == ["2", "3"]


def test_a_failed_rebuild_or_change_leaves_the_index_as_it_was(index: Index) -> None:
    index.put([article(1, "网关")])

    def broken() -> Iterator[IndexDocument]:
        yield article(2, "网关")
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError):
        index.rebuild(broken())
    with pytest.raises(RuntimeError):
        index.put(broken())
    assert find(index, "网关") == ["1"]
    index.put([article(2, "网关")])
    assert sorted(find(index, "网关")) == ["1", "2"]


def test_readers_beside_a_writer(make: Make, index: Index) -> None:
    """Each search sees one whole state: an article is there once, in its old or its new form."""
    index.put([article(n, f"网关 甲{n}") for n in range(5)])
    stop = threading.Event()
    wrong: list[object] = []

    def read(reader: Index) -> None:
        while not stop.is_set():
            try:
                found = ids(reader.search(Query("网关", limit=50)))
            except Exception as problem:
                wrong.append(problem)
                return
            if sorted(found) != [str(n) for n in range(5)]:
                wrong.append(found)

    shared = make()
    threads = [threading.Thread(target=read, args=(reader,)) for reader in (shared, shared, make())]
    for thread in threads:
        thread.start()
    try:
        for turn in range(12):
            if turn == 6:
                index.rebuild([article(n, f"网关 丙{n}") for n in range(5)])
            index.put([article(turn % 5, f"网关 乙{turn}")])
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []


def _write(folder: Path, numbers: list[int]) -> None:
    index = WhooshIndex(folder)
    for number in numbers:
        index.put([article(number, f"网关 {number}")])


def test_writers_of_two_processes_wait_for_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    WhooshIndex(folder).rebuild([])
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_write, args=(folder, list(range(start, 12, 2)))) for start in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert WhooshIndex(folder).search(Query("网关")).total == 12


# -- who may read -----------------------------------------------------------------------------------------------------


def test_a_change_of_audience_takes_effect_exactly_once(make: Make, index: Index) -> None:
    reader = make()
    agent = Reader(("public", "agent"), all_organisations=True)
    index.put([article(n, f"网关 {n}") for n in range(8)])
    assert reader.search(Query("网关")).total == 8
    index.put([article(3, "网关 3", level="agent")])
    assert "3" not in find(reader, "网关") and reader.search(Query("网关")).total == 7
    assert reader.search(Query("网关", agent)).total == 8
    index.put([article(3, "网关 3")])
    assert reader.search(Query("网关")).total == 8


def test_rights_are_inside_the_query(index: Index) -> None:
    """The best hits are not readable: a filter after the ranking would show an empty page and a wrong total."""
    index.put([article(n, "网关离线", "网关离线", level="agent") for n in range(30)])
    index.put([article(100, "别的", "说到网关一次，后面还有很多别的话要说。"), article(101, "别的", "也说到网关。")])
    found = index.search(Query("网关离线", limit=1))
    assert found.total == 2 and len(found.items) == 1
    assert find(index, "网关离线", limit=1, offset=1) + ids(found) in (["100", "101"], ["101", "100"])


def test_reading_rule_is_the_same_in_the_index(index: Index) -> None:
    chance = random.Random(7)
    documents = [
        article(
            number,
            f"网关 {number}",
            level=level,
            organisation_ids=tuple(chance.sample([1, 2, 3], chance.randint(0, 2))),
            product_ids=tuple(chance.sample([1, 2, 3], chance.randint(0, 2))),
        )
        for number, level in enumerate(LEVELS * 12)
    ]
    index.put(documents)
    readers = [
        Reader(tuple(levels), organisation, everywhere, products)
        for levels in (("public",), ("public", "client"), ("public", "client", "agent"), LEVELS, ())
        for organisation, everywhere in ((None, False), (1, False), (2, False), (None, True))
        for products in (None, (), (1,), (2, 3))
    ]
    for reader in readers:
        allowed = {d.id for d in documents if reader.may_read(d.level, d.organisation_ids, d.product_ids)}
        found = index.search(Query("网关", reader, limit=200))
        assert set(ids(found)) == allowed and found.total == len(allowed), reader


def test_product_filter(index: Index) -> None:
    index.put(
        [article(1, "报 E07 过热", product_ids=(5,)), article(2, "报 E07 无卡", product_ids=(6, 7)), article(3, "E07")]
    )
    assert find(index, "E07", product_id=5) == ["1"]
    assert find(index, "E07", product_id=7) == ["2"]
    assert find(index, "E07", product_id=9) == []
    assert len(find(index, "E07")) == 3
    assert index.search(Query("E07", EVERYTHING, product_id=6)).total == 1


# -- finding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "E07",
        "E-07",
        "e07",
        "Ｅ０７",
        "散热器",
        "散熱器過熱怎麼辦",
        "变频器跳E07",
        "HK-V20",
        "hkv20",
        "V20",
        "吹吹风",
        "风",
        "overheat",
        "overheats",
    ],
)
def test_people_find_it_in_their_own_words(index: Index, query: str) -> None:
    index.put(
        [
            article(
                1,
                "HK-V20 报 E07：散热器过热",
                "先停机断电，查风扇与风道。Overheating: it overheats.",
                questions=("吹吹风又能转",),
            ),
            article(2, "二级节点注册报 IDR-302", "前缀未授权。"),
        ]
    )
    assert find(index, query)[0] == "1"


def test_what_is_not_there_is_not_found(index: Index) -> None:
    index.put([article(1, "网关离线")])
    for nothing in ("咖啡机", "E99", "", "？", "zzz"):
        found = index.search(Query(nothing))
        assert found.total == 0 and found.items == ()


def test_a_title_counts_more_than_a_mention(index: Index) -> None:
    index.put([article(1, "别的", "这里提到换卡一次。"), article(2, "换卡以后离线", "看接入点。")])
    assert find(index, "换卡") == ["2", "1"]


def test_pages_follow_each_other(index: Index) -> None:
    index.put([article(n, f"网关 {n}", "离线" * n) for n in range(1, 13)])
    whole = find(index, "网关离线", limit=12)
    assert list(itertools.chain(*(find(index, "网关离线", limit=5, offset=at) for at in (0, 5, 10)))) == whole
    assert find(index, "网关离线", limit=5, offset=40) == [] and index.search(Query("网关", limit=0)).total == 12


def test_a_hit_brings_its_best_passage(index: Index) -> None:
    passages = (
        Passage("先看型号与安装。", "概述", "s-概述"),
        Passage("换卡之后要重新填写接入点名称，" + "再等待两分钟。" * 30, "接入点", "s-接入点"),
    )
    index.put([IndexDocument("1", "网关換卡", passages, product_ids=(4,))])
    hit = index.search(Query("换卡后接入点怎么填")).items[0]
    assert (hit.anchor, hit.heading, hit.product_ids) == ("s-接入点", "接入点", (4,))
    assert [piece.text for piece in hit.title if piece.hit] == ["換卡"]
    assert hit.passage_text.startswith("换卡之后要重新填写接入点名称") and len(hit.passage_text) < 160
    assert {"换卡", "接入点"} <= {piece.text for piece in hit.passage if piece.hit}
    assert index.search(Query("换卡", passages=False)).items[0].passage == ()


def test_a_whole_mail_is_a_query(index: Index) -> None:
    index.put(
        [article(n, f"说明 {n}", "一般说明") for n in range(20)] + [article(99, "API 40113", "签名过期：核对时间戳。")]
    )
    mail = (
        "您好，我们是盛源注塑。" + "今天上午开始所有请求都失败了，昨天还是好的。" * 30 + "返回 40113，麻烦看看。谢谢。"
    )
    assert find(index, mail)[0] == "99"


@pytest.mark.parametrize(
    "text", ["a:b", "*", "(网关", '"', "NOT", "网关~2", "\x00", "\ud800网关", "网" * 5000, "-" * 999]
)
def test_any_text_is_a_query(index: Index, text: str) -> None:
    index.put([article(1, "网关")])
    assert index.search(Query(text)).total <= 1


# -- a broken index is said loudly ------------------------------------------------------------------------------------


def test_a_missing_index_is_no_empty_answer(make: Make) -> None:
    index = make()
    assert index.health().state == "missing"
    for use in (
        lambda: index.search(Query("网关")),
        lambda: index.put([article(1, "网关")]),
        lambda: index.drop(["1"]),
    ):
        with pytest.raises(IndexUnavailable):
            use()
    index.rebuild([])
    assert index.health().ok and find(index, "网关") == []
