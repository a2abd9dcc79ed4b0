"""How good and how fast the search is, as numbers: a judged set in, the figures of docs and CI out. Needs no database."""

import math
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.core.errors import Invalid
from knowledge import judged as sets
from knowledge.analysis import prepare, use_shipped_words
from knowledge.confidence import THRESHOLD, confidence
from knowledge.index import Hits, Index, Query
from knowledge.learning.model import model_name, use_shipped_model
from knowledge.whoosh_index import WhooshIndex

DEPTH = 10
MOST_RIGHT = 50
Report = dict[str, Any]


def evaluate(
    folder: Path,
    queries: Path | None = None,
    qrels: Path | None = None,
    limit: int | None = None,
    threads: int = 1,
    progress: Callable[[str, int], None] | None = None,
    search_url: str = "",
) -> Report:
    """Index the documents of a folder into a passing index and ask all judged queries, or the first `limit` of them.

    Times are milliseconds per query in this process, analysis and filters included, passages not. Without judgements
    all queries are asked and the three qualities are None. `search_url` asks the OpenSearch there, under a passing name,
    instead of the embedded engine. `answer` says how the answer service would do: how often its answer would be right
    (precision) of those that it would give (coverage, a share of all), and to which share of the questions it would give one
    if what is right were not there (unfounded); `ranking` names the weights. Raises Invalid where a file is missing or unreadable.
    """
    documents = sets.find(folder, sets.DOCS)
    asked_in = queries or sets.find(folder, sets.QUERIES)
    judged_in = qrels or sets.find(folder, sets.QRELS)
    if documents is None or asked_in is None:
        raise Invalid.of("folder", "%(folder)s 里没有 docs.jsonl 或查询文件。", folder=str(folder))
    judged = sets.qrels(judged_in) if judged_in else {}
    asked = [(str(row["id"]), str(row["text"])) for row in sets.rows(asked_in)]
    if judged_in:
        asked = [(number, text) for number, text in asked if number in judged]
    asked = asked[:limit] if limit is not None else asked

    prepare()
    use_shipped_words()
    use_shipped_model()
    with tempfile.TemporaryDirectory(prefix="huiyin-") as passing:
        index = _opensearch(search_url) if search_url else WhooshIndex(Path(passing))
        started = time.perf_counter()
        count = index.rebuild(sets.documents(documents), lambda n: progress("index", n) if progress else None)
        took = time.perf_counter() - started
        answers, times, sure, without = _ask(index, asked, judged, threads, progress)
        size = index.health().bytes
        index.close()
    report: Report = {"documents": count, "queries": len(asked)}
    report |= _qualities(answers, judged) if judged_in and asked else dict.fromkeys(("mrr@10", "recall@10", "ndcg@10"))
    report |= {f"p{share}_ms": _percentile(times, share) for share in (50, 95, 99)}
    report["answer"] = _answering(answers, sure, without, judged) if judged_in and asked else None
    report["ranking"] = model_name()
    report |= {"index_docs_per_s": round(count / took, 1) if took else None, "index_bytes": size}
    return report


def _opensearch(url: str) -> Index:
    from knowledge.opensearch.engine import PassingIndex

    return PassingIndex(url)


def _ask(
    index: Index,
    asked: list[tuple[str, str]],
    judged: dict[str, dict[str, float]],
    threads: int,
    progress: Callable[[str, int], None] | None,
) -> tuple[dict[str, list[str]], list[float], dict[str, float], dict[str, float]]:
    """What each query finds, how long each took, how sure the first hit of each is, and how sure it would be without the
    documents that are right."""

    def ask(query: tuple[str, str]) -> tuple[str, Hits, set[str], float]:
        right = {name for name, grade in judged.get(query[0], {}).items() if grade > 0}
        started = time.perf_counter()
        hits = index.search(Query(query[1], limit=DEPTH + min(len(right), MOST_RIGHT), passages=False))
        return query[0], hits, right, (time.perf_counter() - started) * 1000

    if asked:
        ask(asked[0])  # opens the files, which is not a query's time
    texts = dict(asked)
    answers: dict[str, list[str]] = {}
    times: list[float] = []
    sure: dict[str, float] = {}
    without: dict[str, float] = {}
    with ThreadPoolExecutor(max_workers=threads) as pool:
        results: Iterable[tuple[str, Hits, set[str], float]] = map(ask, asked) if threads == 1 else pool.map(ask, asked)
        for done, (number, found, right, took) in enumerate(results, 1):
            answers[number] = [hit.id for hit in found.items[:DEPTH]]
            sure[number] = confidence(first(found, set()), texts[number])
            without[number] = confidence(first(found, right), texts[number])
            times.append(took)
            if progress and done % 100 == 0:
                progress("search", done)
    return answers, times, sure, without


def first(hits: Hits, left_out: set[str]) -> Hits:
    """The first ten hits, as if the documents left out were not there."""
    return replace(hits, items=tuple(hit for hit in hits if hit.id not in left_out)[:DEPTH])


def _answering(
    answers: dict[str, list[str]],
    sure: dict[str, float],
    without: dict[str, float],
    judged: dict[str, dict[str, float]],
) -> dict[str, float | None]:
    given = [number for number, value in sure.items() if value >= THRESHOLD]
    right = sum(judged[number].get(answers[number][0], 0) > 0 for number in given)
    unfounded = sum(value >= THRESHOLD for value in without.values())
    return {
        "threshold": THRESHOLD,
        "precision": round(right / len(given), 4) if given else None,
        "coverage": round(len(given) / len(sure), 4) if sure else None,
        "unfounded": round(unfounded / len(without), 4) if without else None,
    }


def _qualities(answers: dict[str, list[str]], judged: dict[str, dict[str, float]]) -> Report:
    mrr = recall = ndcg = 0.0
    for number, found in answers.items():
        grades = judged[number]
        relevant = [grade for grade in grades.values() if grade > 0]
        ranks = [rank for rank, name in enumerate(found) if grades.get(name, 0) > 0]
        mrr += 1 / (ranks[0] + 1) if ranks else 0
        recall += len(ranks) / len(relevant) if relevant else 0
        gain = sum(grades[found[rank]] / math.log2(rank + 2) for rank in ranks)
        ideal = sum(grade / math.log2(rank + 2) for rank, grade in enumerate(sorted(relevant, reverse=True)[:DEPTH]))
        ndcg += gain / ideal if ideal else 0
    count = len(answers)
    return {"mrr@10": round(mrr / count, 4), "recall@10": round(recall / count, 4), "ndcg@10": round(ndcg / count, 4)}


def _percentile(times: list[float], share: int) -> float | None:
    if not times:
        return None
    ordered = sorted(times)
    return round(ordered[min(len(ordered) - 1, math.ceil(len(ordered) * share / 100) - 1)], 3)
