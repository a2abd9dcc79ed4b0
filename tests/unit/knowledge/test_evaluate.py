"""The figures themselves: worked by hand on a tiny judged set."""

import gzip
import json
from pathlib import Path

import pytest

from app.core.errors import Invalid
from knowledge import evaluate as module
from knowledge.evaluate import evaluate
from knowledge.index import Hits

DOCS = [
    {"id": "d1", "title": "变频器过热", "body": "先停机断电。"},
    {"id": "d2", "title": "网关离线", "body": "换卡后查接入点。"},
    {"id": "d3", "title": "网关换卡", "body": "断电换卡。"},
]
QUERIES = [
    {"id": "q1", "text": "變頻器過熱怎麼辦"},
    {"id": "q2", "text": "网关离线"},
    {"id": "q3", "text": "咖啡机"},
    {"id": "q4", "text": "没有评判"},
]
QRELS = "q1\td1\t1\nq2\td3\t2\nq2\td1\t1\nq3\td1\t1\n"


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    with gzip.open(tmp_path / "docs.jsonl.gz", "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in DOCS)
    (tmp_path / "queries-dev.jsonl").write_text("\n".join(map(json.dumps, QUERIES)), encoding="utf-8")
    (tmp_path / "qrels-dev.tsv").write_text(QRELS, encoding="utf-8")
    return tmp_path


def test_the_figures(judged: Path) -> None:
    report = evaluate(judged)
    assert set(report) == {
        "documents", "queries", "mrr@10", "recall@10", "ndcg@10", "p50_ms", "p95_ms", "p99_ms", "index_docs_per_s", "index_bytes",
        "answer", "ranking",
    }  # fmt: skip
    # q1: d1 first. q2: d2 first, then d3 of grade 2; ideal is 2 and 1. q3: nothing.
    assert (report["documents"], report["queries"]) == (3, 3)
    assert report["mrr@10"] == pytest.approx((1 + 1 / 2 + 0) / 3, abs=1e-3)
    assert report["recall@10"] == pytest.approx((1 + 1 / 2 + 0) / 3, abs=1e-3)
    assert report["ndcg@10"] == pytest.approx((1 + (2 / 1.585) / (2 + 1 / 1.585) + 0) / 3, abs=1e-3)
    assert report["index_bytes"] and report["p50_ms"]
    assert set(report["answer"]) == {"threshold", "precision", "coverage", "unfounded"}


def test_unfounded_is_measured_as_if_what_is_right_were_not_there(judged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sure of everything that is found at all: each question that still finds something would be answered."""
    seen: list[list[str]] = []

    def sure(hits: Hits, _query: str) -> float:
        seen.append([hit.id for hit in hits])
        return float(bool(hits.items))

    monkeypatch.setattr(module, "confidence", sure)
    report = evaluate(judged, limit=1)
    assert seen[0][0] == "d1" and "d1" not in seen[1]
    assert report["answer"]["coverage"] == 1 and report["answer"]["unfounded"] == float(bool(seen[1]))


def test_a_limit_takes_the_first_judged_queries(judged: Path) -> None:
    (judged / "queries-dev.jsonl").write_text("\n".join(map(json.dumps, QUERIES[::-1])), encoding="utf-8")
    report = evaluate(judged, limit=2, threads=2)
    assert (report["queries"], report["mrr@10"]) == (2, 0.25)


def test_without_judgements_there_are_times_only(judged: Path) -> None:
    (judged / "qrels-dev.tsv").unlink()
    report = evaluate(judged)
    assert (
        report["queries"] == 4
        and report["mrr@10"] is report["recall@10"] is report["ndcg@10"] is None
        and report["p95_ms"]
    )


def test_broken_files_are_named(judged: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(Invalid):
        evaluate(tmp_path_factory.mktemp("empty"))
    (judged / "queries-dev.jsonl").write_text('{"id": "q1", "text": "x"}\n{', encoding="utf-8")
    with pytest.raises(Invalid) as problem:
        evaluate(judged)
    assert problem.value.data["line"] == 2
