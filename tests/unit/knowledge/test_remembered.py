"""The same question is answered once for each state of the index, reader, words and weights; and never beyond them."""

from pathlib import Path
from typing import Any

import pytest

from knowledge.analysis import use_shipped_words
from knowledge.arrays.generation import Generation
from knowledge.index import Hits, IndexDocument, Passage, Query, Reader
from knowledge.learning.reordering import recording
from knowledge.remembered import Remembered
from knowledge.synonyms import Synonyms, use_synonyms
from knowledge.whoosh_index import WhooshIndex


@pytest.fixture
def index(tmp_path: Path) -> WhooshIndex:
    found = WhooshIndex(tmp_path)
    found.rebuild([
        IndexDocument("1", "网关离线", (Passage("网关离线时看电源灯"),)),
        IndexDocument("2", "网关内部说明", (Passage("网关离线的内部说明"),), level="agent"),
        IndexDocument("3", "路由设备掉线", (Passage("路由设备掉线"),)),
    ])  # fmt: skip
    return found


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions that were really looked for."""
    asked: list[str] = []
    search = Generation.search

    def counting(self: Generation, query: Query, words: Any) -> Any:
        asked.append(query.text)
        return search(self, query, words)

    monkeypatch.setattr(Generation, "search", counting)
    return asked


def ids(hits: Hits) -> list[str]:
    return [hit.id for hit in hits]


def test_the_same_question_is_looked_for_once(index: WhooshIndex, looked: list[str]) -> None:
    first = index.search(Query("网关离线"))
    assert index.search(Query("网关离线")) == first and looked == ["网关离线"]
    index.search(Query("网关离线", facets=True))
    assert len(looked) == 2, "what is wanted differs"


def test_another_reader_gets_their_own_answer(index: WhooshIndex) -> None:
    assert ids(index.search(Query("网关离线"))) == ["1"]
    assert set(ids(index.search(Query("网关离线", Reader(levels=("public", "agent")))))) == {"1", "2"}
    assert ids(index.search(Query("网关离线"))) == ["1"]


def test_a_change_is_seen_at_once(index: WhooshIndex) -> None:
    assert ids(index.search(Query("网关离线"))) == ["1"]
    index.drop(["1"])
    assert ids(index.search(Query("网关离线"))) == []
    index.put([IndexDocument("4", "网关离线", (Passage("网关离线"),))])
    assert ids(index.search(Query("网关离线"))) == ["4"]


def test_new_words_are_felt_at_once(index: WhooshIndex) -> None:
    try:
        assert "3" not in ids(index.search(Query("网关离线")))
        use_synonyms(Synonyms([["网关", "路由设备"]]))
        assert "3" in ids(index.search(Query("网关离线")))
    finally:
        use_shipped_words()


def test_what_is_written_down_is_looked_for(index: WhooshIndex) -> None:
    index.search(Query("网关离线"))
    with recording() as record:
        index.search(Query("网关离线"))
    assert record.ids == ["1"]


def test_the_last_asked_ones_are_kept() -> None:
    kept = Remembered(2)
    for key in ("a", "b", "a", "c"):
        if kept.get(key) is None:
            kept.put(key, Hits(ord(key)))
    assert [kept.get(key) is not None for key in "abc"] == [True, False, True]
    kept.put(None, Hits(1))
    assert kept.get(None) is None
