"""The arrays rank as BM25 says, however the documents are spread over segments."""

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from knowledge import ranking
from knowledge.analysis import query_tokens
from knowledge.arrays import rows as rows_module
from knowledge.arrays.rows import PASSAGE, TITLE, WHOLE, rows, stretches
from knowledge.index import IndexDocument, Passage, Query
from knowledge.index_files import read_current
from knowledge.whoosh_index import MANY_SEGMENTS, WhooshIndex

WORDS = ["网关", "离线", "变频器", "过热", "报警", "散热器", "E07", "FX3U-48MR", "传感器", "校准", "电机", "重启"]


def documents(count: int) -> list[IndexDocument]:
    chance = random.Random(5)
    made = []
    for number in range(count):
        passages = tuple(
            Passage("，".join(chance.choices(WORDS, k=chance.randint(1, 30))) + "。", chance.choice(WORDS), "a")
            for _ in range(chance.randint(0, 4))
        )
        title = "".join(chance.choices(WORDS, k=2))
        questions = tuple("".join(chance.choices(WORDS, k=2)) for _ in range(chance.randint(0, 2)))
        asked = tuple(chance.choices(WORDS, k=chance.randint(0, 2)))
        made.append(IndexDocument(str(number), title, passages, questions, product_ids=(number % 3,), asked=asked))
    return made


def plain_scores(
    made: list[IndexDocument], text: str, df: Callable[[Sequence[tuple[str, str]]], Sequence[int]]
) -> dict[str, float]:
    """BM25 once more, in the plainest words."""
    cut = {document.id: rows(document) for document in made}
    averages = {
        kind: sum(row.length for row in of_kind) / len(of_kind)
        for kind in range(rows_module.KINDS)
        if (of_kind := [row for all_rows in cut.values() for row in all_rows if row.kind == kind])
    }
    plan = ranking.plan(query_tokens(text), len(made), df)
    scores = {}
    for number, all_rows in cut.items():
        best: dict[int, float] = {}
        for row in all_rows:
            counted = _counted(row)
            norm = ranking.K1 * (1 - ranking.B + ranking.B * row.length / averages[row.kind])
            counts = [(term.value, counted[term.space, term.text]) for term in plan.terms]
            value = sum(worth * count * (ranking.K1 + 1) / (count + norm) for worth, count in counts)
            best[row.kind] = max(best.get(row.kind, 0.0), value)
        if WHOLE not in best:
            best[WHOLE] = best[PASSAGE]
        passages = sum(row.kind == PASSAGE for row in all_rows)
        finding = {(term.space, term.text) for term in plan.terms if not term.common}
        if not any(finding & _counted(row).keys() for row in all_rows):
            continue
        total = sum(ranking.KINDS[kind] * value for kind, value in best.items())
        scores[number] = total * (1 - ranking.SPREAD * math.log(passages))
    return scores


def _counted(row: rows_module.Row) -> Counter[tuple[str, str]]:
    spaces = zip("wpc", (row.tokens.words, row.tokens.pairs, row.tokens.chars), strict=True)
    return Counter((space, token) for space, found in spaces for token in found)


@pytest.mark.parametrize("text", ["网关离线怎么办", "E07 报警", "变频器散热器过热", "fx3u48mr 重启", "热"])
def test_scores_are_those_of_plain_bm25(tmp_path: Path, text: str) -> None:
    made = [d for d in documents(60) if d.passages]
    index = WhooshIndex(tmp_path)
    index.rebuild(made)
    expected = plain_scores(made, text, index._newest().counts)
    found = {hit.id: hit.score for hit in index.search(Query(text, limit=100, passages=False))}
    assert expected and found.keys() == expected.keys()
    assert found == pytest.approx(expected, rel=0.005)


def test_documents_with_a_word_are_counted_once(tmp_path: Path) -> None:
    index = WhooshIndex(tmp_path)
    index.rebuild(
        [
            IndexDocument("1", "网关", (Passage("网关"), Passage("网关"), Passage("变频器"))),
            IndexDocument("2", "网关", (Passage("网关"),)),
            IndexDocument("3", "别的", (Passage("变频器"), Passage("别的")), ("触摸屏",)),
            IndexDocument("4", "别的", asked=("触摸屏",)),
        ]
    )
    words = [("w", "网关"), ("w", "变频器"), ("w", "触摸屏"), ("p", "咖啡")]
    assert [*index.rarity(words).counts.values()] == [2, 2, 1, 0] and index.rarity(words).documents == 4
    index.put([IndexDocument("5", "网关")])
    assert index.rarity(words[:1]).counts == {("w", "网关"): 3}


def test_many_segments_merges_and_new_averages_rank_like_one_segment(tmp_path: Path) -> None:
    made = documents(90)
    one, many = WhooshIndex(tmp_path / "one"), WhooshIndex(tmp_path / "many")
    many.rebuild([])
    many.put([IndexDocument("x", "旧的", (Passage("只有几个字"),))])
    for start in range(0, 90, 5):
        many.put(made[start : start + 5])
    many.put(made[40:50])
    many.drop(["x"])
    many.put(made[:3])
    one.rebuild(made)
    assert 1 < many.health(deep=True).segments <= MANY_SEGMENTS + 1 and many.health().documents == 90
    for text in ("网关离线", "E07 报警", "变频器", "热"):
        expected = {hit.id: hit.score for hit in one.search(Query(text, limit=100))}
        found = {hit.id: hit.score for hit in many.search(Query(text, limit=100))}
        assert found.keys() == expected.keys() and expected
        # Deleted documents and drifting averages count a little until the next rebuild.
        assert found == pytest.approx(expected, rel=0.25)
    passages = {hit.id: hit.passage_text for hit in one.search(Query("散热器", limit=100))}
    assert {hit.id: hit.passage_text for hit in many.search(Query("散热器", limit=100))} == passages


def test_averages_follow_what_is_there(tmp_path: Path) -> None:
    index = WhooshIndex(tmp_path)
    index.rebuild([])
    before = read_current(tmp_path).averages
    index.put(documents(30))
    after = read_current(tmp_path).averages
    assert after[PASSAGE] < before[PASSAGE] / 2 and after[TITLE] != before[TITLE]


def test_a_rebuild_in_several_batches_finds_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge.whoosh_index.BATCH_DOCUMENTS", 25)
    made = documents(90)
    index = WhooshIndex(tmp_path)
    assert index.rebuild([*made, IndexDocument("5", "湿度计")]) == 91
    assert index.health(deep=True).ok and index.health().segments == 4 and index.health().documents == 90
    assert [hit.id for hit in index.search(Query("湿度计"))] == ["5"]


@pytest.mark.parametrize("text", ["", "短", "一句话。" * 400, "没有句号" * 400, "行\n" * 900, "a b. " * 700])
def test_stretches_cover_a_text_without_gaps(text: str) -> None:
    found = list(stretches(text, 350))
    assert "".join(text[begin:end] for begin, end in found) == text
    assert all(end - begin <= 525 for begin, end in found)
    assert all(left[1] == right[0] for left, right in zip(found, found[1:], strict=False))


def test_a_long_passage_is_shown_where_it_answers(tmp_path: Path) -> None:
    long = "前面说的是别的事情。" * 300 + "换卡之后要重新填写接入点名称。" + "后面也是别的事情。" * 300
    index = WhooshIndex(tmp_path)
    index.rebuild([IndexDocument("1", "说明", (Passage(long, "接入", "s-1"),))])
    hit = index.search(Query("换卡后接入点怎么填")).items[0]
    assert "换卡之后要重新填写接入点名称" in hit.passage_text and len(hit.passage_text) < 160
