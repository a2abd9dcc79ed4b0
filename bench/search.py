"""Search in process, beside stock Whoosh, SQLite's FTS5 and tantivy, in one run:

    python -m bench.search [FOLDER] [--documents N] [--questions N] [--json FILE]

FOLDER holds docs.jsonl and queries.jsonl (and queries-short.jsonl), each maybe .gz; without it 10,000 made-up articles are
taken. Engines take turns, fifty questions each, so that other work on the machine hits all alike. `cpu` is the time of
the thread itself, which other work disturbs least.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Hashable, Sequence
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from bench.measure import machine, table
from bench.search_engines import (
    FILTERED,
    Engine,
    Fts5,
    Ours,
    StockWhoosh,
    Tantivy,
    made_up,
    made_up_questions,
    of_folder,
    questions_of,
)
from knowledge.analysis import prepare
from knowledge.index import Hits, IndexDocument, Passage, Query
from knowledge.remembered import Remembered
from knowledge.whoosh_index import WhooshIndex

TURN = 50
PUTS = 30
SECONDS = 10.0
Figures = dict[str, float]


def _forget(self: Remembered, key: Hashable | None, hits: Hits) -> Hits:
    """Searching is measured here, so that nothing is answered from memory."""
    return hits


Remembered.put = _forget  # type: ignore[method-assign]


def quantile(times: Sequence[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def ask_all(engines: Sequence[Engine], questions: Sequence[str]) -> dict[str, Figures]:
    """Each engine answers each question; they take turns."""
    wall: dict[str, list[float]] = {engine.name: [] for engine in engines}
    cpu: dict[str, list[float]] = {engine.name: [] for engine in engines}
    for engine in engines:
        for text in questions[:TURN]:
            engine.ask(text)  # opens files and fills caches
    for start in range(0, len(questions), TURN):
        for engine in engines:
            for text in questions[start : start + TURN]:
                begun, used = time.perf_counter(), time.thread_time()
                engine.ask(text)
                cpu[engine.name].append((time.thread_time() - used) * 1000)
                wall[engine.name].append((time.perf_counter() - begun) * 1000)
    return {
        name: {
            "p50_ms": statistics.median(wall[name]),
            "p95_ms": quantile(wall[name], 0.95),
            "p99_ms": quantile(wall[name], 0.99),
            "cpu_p50_ms": statistics.median(cpu[name]),
            "cpu_p95_ms": quantile(cpu[name], 0.95),
            "per_cpu_second": 1000 * len(cpu[name]) / sum(cpu[name]),
        }
        for name in wall
    }


def _rebuild(folder: Path, documents: list[IndexDocument], stop: Event) -> None:
    prepare()
    index = WhooshIndex(folder / "ours")
    while not stop.is_set():
        index.rebuild(iter(documents))


def _keep_asking(folder: Path, questions: list[str], ready: Any, results: Any) -> None:
    prepare()
    index = WhooshIndex(folder / "ours")
    for text in questions[:TURN]:
        index.search(Query(text, passages=False))
    ready.wait()
    done, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < SECONDS:
        index.search(Query(questions[done % len(questions)], passages=False))
        done += 1
    with open("/proc/self/smaps_rollup") as rollup:
        pss = next(int(line.split()[1]) / 1024 for line in rollup if line.startswith("Pss:"))
    results.put((done / SECONDS, pss))


def two_processes(folder: Path, questions: list[str]) -> Figures:
    """Two processes ask as fast as they can; their memory as shares of what they share."""
    spawn = multiprocessing.get_context("spawn")
    ready, results = spawn.Barrier(2), spawn.Queue()
    both = [spawn.Process(target=_keep_asking, args=(folder, questions, ready, results)) for _ in range(2)]
    for process in both:
        process.start()
    found = [results.get() for _ in both]
    for process in both:
        process.join()
    return {"queries_per_s": sum(one[0] for one in found), "pss_mb_each": statistics.mean(one[1] for one in found)}


def puts(folder: Path) -> Figures:
    """One changed article at a time, until another reader finds it."""
    writer, reader = WhooshIndex(folder / "ours"), WhooshIndex(folder / "ours")
    times = []
    for number in range(PUTS):
        text = f"新写的第{number}篇：网关的指示灯全灭，先看保险丝。" * 8
        begun = time.perf_counter()
        writer.put([IndexDocument(f"new-{number}", f"指示灯全灭{number}", (Passage(text),))])
        found = reader.search(Query(f"指示灯全灭{number}", limit=50, passages=False))
        times.append((time.perf_counter() - begun) * 1000)
        if f"new-{number}" not in [hit.id for hit in found]:
            raise RuntimeError("a put document was not found")
    writer.drop(f"new-{number}" for number in range(PUTS))
    return {"put_p50_ms": statistics.median(times), "put_p95_ms": quantile(times, 0.95)}


def beside_reindexing(folder: Path, documents: list[IndexDocument], questions: list[str]) -> dict[str, Figures]:
    """Ours again, while another process makes the index anew."""
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    other = spawn.Process(target=_rebuild, args=(folder, documents, stop))
    other.start()
    try:
        time.sleep(3)
        return ask_all(
            [Ours(folder, "ours, while re-indexing"), Ours(folder, "ours, snippets and filters, while re-indexing", **FILTERED)],
            questions,
        )
    finally:
        stop.set()
        other.terminate()
        other.join()


def measure(documents: list[IndexDocument], questions: list[str], short: list[str], folder: Path) -> dict[str, Any]:
    ours = Ours(folder, "ours")
    engines: list[Engine] = [ours, Ours(folder, "ours, snippets and filters", **FILTERED), StockWhoosh(folder), Fts5(folder), Tantivy(folder)]
    found: dict[str, Any] = {"documents": len(documents), "questions": len(questions), "build": {}}
    for engine in engines:
        if engine.name != "ours, snippets and filters":
            begun, used = time.perf_counter(), time.process_time()
            engine.build(documents)
            took, spent = time.perf_counter() - begun, time.process_time() - used
            found["build"][engine.name] = {"docs_per_min": 60 * len(documents) / took, "docs_per_cpu_min": 60 * len(documents) / spent}
            print(f"built {engine.name}: {took:.0f} s", file=sys.stderr, flush=True)
    found["bytes"] = ours.index.health().bytes
    found["questions_ms"] = ask_all(engines, questions)
    found["short_ms"] = ask_all(engines, short) if short else {}
    found["puts"] = puts(folder)
    found["two_processes"] = two_processes(folder, questions)
    found["reindexing_ms"] = beside_reindexing(folder, documents, questions)
    return found


def _print(found: dict[str, Any]) -> None:
    base = found["questions_ms"]["Whoosh + jieba"]["p95_ms"]
    rows: list[list[object]] = [
        [name, *(figures[key] for key in ("p50_ms", "p95_ms", "p99_ms", "cpu_p95_ms")), base / figures["p95_ms"]]
        for part in ("questions_ms", "reindexing_ms")
        for name, figures in found[part].items()
    ]
    print(f"{machine()}; {found['documents']:,} documents, {found['bytes'] / 1e6:.0f} MB; {found['questions']} questions")
    print(table(["questions", "p50 ms", "p95 ms", "p99 ms", "cpu p95 ms", "times as fast as Whoosh"], rows))
    if found["short_ms"]:
        base = found["short_ms"]["Whoosh + jieba"]["p95_ms"]
        rows = [[name, f["p50_ms"], f["p95_ms"], f["cpu_p95_ms"], base / f["p95_ms"]] for name, f in found["short_ms"].items()]
        print(table(["short queries", "p50 ms", "p95 ms", "cpu p95 ms", "times as fast as Whoosh"], rows))
    rows = [[name, f["docs_per_min"], f["docs_per_cpu_min"]] for name, f in found["build"].items()]
    print(table(["indexing, jieba included", "documents a minute", "a minute of processor time"], rows))
    print(table(["ours", "figure"], [[name, value] for part in ("puts", "two_processes") for name, value in found[part].items()]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.search", description="Search beside stock engines.")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--documents", type=int, help="only so many documents")
    parser.add_argument("--questions", type=int, default=1000, help="only so many questions")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="huiyin-bench-") as passing:
        place = Path(passing)
        prepare(place / "cache")
        if given.folder:
            documents, questions = of_folder(given.folder, given.documents), questions_of(given.folder)
            try:
                short = questions_of(given.folder, "queries-short.jsonl")
            except StopIteration:
                short = []
        else:
            documents, questions, short = made_up(given.documents or 10_000), made_up_questions(), []
        found = {"machine": machine()} | measure(documents, questions[: given.questions], short[: given.questions], place)
    _print(found)
    if given.json:
        given.json.write_text(json.dumps(found, ensure_ascii=False, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
