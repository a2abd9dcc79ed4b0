"""The embedded engine: Whoosh stores and commits, our analysis cuts. The only module that imports whoosh.

    FOLDER/current.json      which generation folder is in force, and with which analysis it was made
    FOLDER/writer.lock       held by the one who writes; a successor waits for it, also across processes
    FOLDER/i-…/              one Whoosh index; `rebuild` makes a new one and switches by renaming current.json
    FOLDER/i-…/sums.json     size and CRC-32 of each segment file, so that damage is noticed

Whoosh's readers must never be refreshed or reused: they keep deleted documents. A new generation gets new readers.
"""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from whoosh import fields, query, scoring
from whoosh.analysis import IDTokenizer
from whoosh.idsets import BitSet
from whoosh.index import FileIndex, create_in, open_dir
from whoosh.reading import SegmentReader
from whoosh.searching import Searcher

from knowledge import ranking
from knowledge.analysis import QueryTokens, fingerprint, query_tokens, tokens
from knowledge.highlight import best_passage, pieces
from knowledge.index import (
    Health,
    Hit,
    Hits,
    IndexDocument,
    IndexUnavailable,
    Passage,
    Query,
    document_keys,
    reader_keys,
)
from knowledge.index_files import Current, Listing, compare_sums, note_sums, read_current, write_current, writer_lock

READERS = 4
MANY_SEGMENTS = 8
MERGE_AT_MOST = 200


def _cut() -> Any:
    # Documents come as lists of tokens, so the analyser is never asked.
    return fields.TEXT(analyzer=IDTokenizer(), phrase=False, multitoken_query="or")


def _schema() -> Any:
    parts = {name: _cut() for name in ranking.FIELDS}
    return fields.Schema(
        id=fields.ID(unique=True, stored=True),
        access=fields.KEYWORD(scorable=True),
        product=fields.KEYWORD(scorable=True),
        chars=fields.KEYWORD(scorable=True),
        shown=fields.STORED(),
        **parts,
    )


class _Scored(query.Term):  # type: ignore[misc]
    """A term whose weight goes into its score itself; Whoosh's `boost` would put one more wrapper around each posting."""

    def matcher(self, searcher: Any, context: Any = None) -> Any:
        term = searcher.schema[self.fieldname].to_bytes(self.text)
        if (self.fieldname, term) not in searcher.reader():
            return query.NullQuery.matcher(searcher, context)
        return searcher.postings(self.fieldname, term, weighting=_Weight(self.boost))


class _Weight(scoring.BM25F):  # type: ignore[misc]
    def __init__(self, weight: float) -> None:
        super().__init__(B=ranking.B, K1=ranking.K1)
        self.weight = weight

    def scorer(self, searcher: Any, fieldname: str, text: bytes, qf: float = 1) -> Any:
        return _WeightScorer(searcher, fieldname, text, self.B, self.K1, self.weight)


class _WeightScorer(scoring.WeightLengthScorer):  # type: ignore[misc]
    def __init__(self, searcher: Any, fieldname: str, text: bytes, b: float, k1: float, weight: float) -> None:
        parent = searcher.get_parent()
        self.idf = parent.idf(fieldname, text) * weight
        self.avgfl = parent.avg_field_length(fieldname) or 1
        self.b, self.k1 = b, k1
        self.setup(searcher, fieldname, text)

    def _score(self, weight: float, length: float) -> float:
        score: float = scoring.bm25(self.idf, weight, length, self.avgfl, self.b, self.k1)
        return score


class WhooshIndex:
    """The `Index` protocol over a folder of this machine. Any number of processes may read it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._free: list[_Reading] = []
        self._guard = threading.Lock()
        self._turn = threading.BoundedSemaphore(READERS)

    # -- writing ------------------------------------------------------------------------------------------------

    def put(self, documents: Iterable[IndexDocument]) -> int:
        rows = {document.id: _row(document) for document in documents}
        if rows:
            self._write(list(rows), rows.values())
        return len(rows)

    def drop(self, ids: Iterable[str]) -> int:
        wanted = list(dict.fromkeys(ids))
        return self._write(wanted, ()) if wanted else 0

    def _write(self, ids: list[str], rows: Iterable[dict[str, Any]]) -> int:
        with writer_lock(self.folder):
            folder = self.folder / read_current(self.folder).folder
            with _damage():
                index = open_dir(str(folder))
                writer = index.writer(limitmb=64)
            removed = 0
            try:
                old = writer.searcher()
                for number in ids:
                    removed += writer.delete_by_term("id", number, searcher=old)
                old.close()
                for row in rows:
                    writer.add_document(**row)
            except BaseException:
                writer.cancel()
                raise
            # The change is found from here on; tidying comes after it and takes a bounded time.
            writer.commit(merge=False)
            note_sums(folder)
            if len(index._segments()) > MANY_SEGMENTS:
                index.writer(limitmb=64).commit(mergetype=_merge_small)
                note_sums(folder)
        return removed

    def rebuild(self, documents: Iterable[IndexDocument], progress: Callable[[int], None] | None = None) -> int:
        count = 0
        with writer_lock(self.folder):
            name = f"i-{time.time_ns():x}"
            folder = self.folder / name
            folder.mkdir(parents=True)
            writer = create_in(str(folder), _schema()).writer(limitmb=256)
            try:
                for document in documents:
                    writer.add_document(**_row(document))
                    count += 1
                    if progress and count % 100 == 0:
                        progress(count)
                writer.commit()
            except BaseException:
                writer.cancel()
                shutil.rmtree(folder, ignore_errors=True)
                raise
            note_sums(folder)
            write_current(self.folder, Current(name, fingerprint()))
            for old in self.folder.glob("i-*"):
                if old.name != name:
                    shutil.rmtree(old, ignore_errors=True)
        if progress:
            progress(count)
        return count

    # -- reading ------------------------------------------------------------------------------------------------

    def search(self, query: Query) -> Hits:
        wanted = query_tokens(query.text)
        keys = reader_keys(query.reader)
        if not wanted or not keys or query.limit < 0:
            return Hits(0)
        with self._reading() as reading, _damage():
            return reading.search(query, keys, wanted)

    @contextmanager
    def _reading(self) -> "Iterator[_Reading]":
        with self._turn:
            with self._guard:
                reading = self._free.pop() if self._free else None
            mark = self._mark()
            if reading is not None and reading.mark != mark:
                reading.close()
                reading = None
            reading = reading or self._open()
            try:
                yield reading
            except BaseException:
                reading.close()
                raise
            with self._guard:
                self._free.append(reading)

    def _mark(self) -> tuple[str, int]:
        """What a reader must have been opened from to be the newest."""
        while True:
            folder = read_current(self.folder).folder
            generation = FileIndex.latest_generation(Listing(self.folder / folder))
            if generation >= 0:
                return folder, generation
            # A rebuild may have switched, and swept the old folder away, between the two lines.
            if read_current(self.folder).folder == folder:
                raise IndexUnavailable(detail=f"{folder}: no index")

    def _open(self) -> "_Reading":
        while True:
            mark = self._mark()
            try:
                if wrong := compare_sums(self.folder / mark[0], deep=False):
                    raise IndexUnavailable(detail=wrong)
                with _damage():
                    return _Reading(mark, open_dir(str(self.folder / mark[0])))
            except IndexUnavailable:
                # A writer may have swept files away meanwhile: then there is something newer to open.
                if self._mark() == mark:
                    raise

    def health(self, deep: bool = False) -> Health:
        try:
            current = read_current(self.folder)
        except IndexUnavailable as problem:
            missing = not (self.folder / "current.json").exists()
            return Health("missing" if missing else "damaged", str(problem.data["detail"]))
        folder = self.folder / current.folder
        try:
            if wrong := compare_sums(folder, deep):
                return Health("damaged", wrong)
            with self._reading() as reading, _damage():
                generation, documents, segments = reading.mark[1], reading.probe(), reading.segments()
        except IndexUnavailable as problem:
            return Health("damaged", str(problem.data["detail"]))
        size = sum(file.stat().st_size for file in folder.iterdir())
        outdated = current.analysis != fingerprint()
        return Health(
            "outdated" if outdated else "ready",
            "词典或分词规则已更新，请重建索引" if outdated else "",
            documents,
            generation,
            segments,
            size,
        )

    def close(self) -> None:
        with self._guard:
            for reading in self._free:
                reading.close()
            self._free.clear()


class _Reading:
    """Open files of one generation, for one thread at a time."""

    def __init__(self, mark: tuple[str, int], index: Any) -> None:
        self.mark = mark
        self._searcher: Any = Searcher(index.reader(), fromindex=index)
        self._allowed: dict[tuple[str, ...], Any] = {}

    def close(self) -> None:
        self._searcher.close()

    def segments(self) -> int:
        return len(self._searcher.reader().leaf_readers())

    def probe(self) -> int:
        """Touch every segment; the number of documents."""
        reader = self._searcher.reader()
        documents: int = reader.doc_count()
        for leaf, _ in reader.leaf_readers():
            for number in leaf.all_doc_ids():
                json.loads(leaf.stored_fields(number)["shown"])
                break
            for _term in leaf.all_terms():
                break
        return documents

    def search(self, wanted: Query, keys: list[str], words: QueryTokens) -> Hits:
        searcher = self._searcher
        allowed = self._documents(tuple(f"access:{key}" for key in keys))
        if wanted.product_id is not None:
            allowed = allowed & self._documents((f"product:{wanted.product_id}",))
        # Whoosh takes an empty set for "no filter": nothing readable must end here.
        if not allowed:
            return Hits(0)
        plan = ranking.plan(words, searcher.doc_count(), self._df)
        if not plan.terms:
            return Hits(0)
        rare = query.Or([_clause(term) for term in plan.terms if not term.common])
        if common := [_clause(term) for term in plan.terms if term.common]:
            rare = query.AndMaybe(rare, query.Or(common)) if rare.subqueries else query.Or(common)
        depth = wanted.limit + wanted.offset
        found = searcher.search(rare, limit=max(depth, 1), filter=allowed, optimize=False)
        total = len(found)
        items = [
            self._hit(number, score, plan.marks, wanted.passages)
            for number, score in list(found.items())[wanted.offset : depth]
        ]
        return Hits(total, tuple(items))

    def _df(self, field: str, text: str) -> int:
        df: int = self._searcher.reader().doc_frequency(field, text.encode())
        return df

    def _documents(self, terms: tuple[str, ...]) -> Any:
        """The set of documents with any of the terms, kept as long as this generation."""
        if terms not in self._allowed:
            if len(self._allowed) > 200:
                self._allowed.clear()
            clauses = [query.Term(*term.split(":", 1)) for term in terms]
            size = self._searcher.doc_count_all()
            self._allowed[terms] = BitSet(self._searcher.docs_for_query(query.Or(clauses)), size=size)
        return self._allowed[terms]

    def _hit(self, number: int, score: float, marks: dict[str, float], with_passage: bool) -> Hit:
        stored = self._searcher.stored_fields(number)
        shown = json.loads(stored["shown"])
        title = pieces(shown["title"], marks) if with_passage else pieces(shown["title"], {})
        best = best_passage([Passage(*passage) for passage in shown["passages"]], marks) if with_passage else None
        return Hit(
            id=stored["id"],
            score=float(score),
            title=title,
            passage=best[1] if best else (),
            heading=best[0].heading if best else "",
            anchor=best[0].anchor if best else "",
            product_ids=tuple(shown["products"]),
        )


def _clause(term: ranking.Term) -> Any:
    if term.field in ranking.FIELDS:
        return _Scored(term.field, term.text, boost=term.weight)
    return query.ConstantScoreQuery(query.Term(term.field, term.text), score=term.weight)


def _row(document: IndexDocument) -> dict[str, Any]:
    title = tokens(document.title)
    questions = tokens("\n".join(document.questions))
    parts = [document.title, *(part for passage in document.passages for part in (passage.heading, passage.text))]
    body = tokens("\n".join(part for part in parts if part))
    shown = {
        "title": document.title,
        "passages": [[p.text, p.heading, p.anchor] for p in document.passages],
        "products": document.product_ids,
    }
    return {
        "id": document.id,
        "access": document_keys(document),
        "product": [str(number) for number in document.product_ids],
        "title": title.words,
        "title_pairs": title.pairs,
        "questions": questions.words,
        "questions_pairs": questions.pairs,
        "body": body.words,
        "body_pairs": body.pairs,
        "chars": sorted({*title.chars, *questions.chars, *body.chars}),
        "shown": json.dumps(shown, ensure_ascii=False, separators=(",", ":")),
    }


@contextmanager
def _damage() -> Iterator[None]:
    """Whatever a broken file makes Whoosh raise becomes one clear error."""
    try:
        yield
    except IndexUnavailable:
        raise
    except Exception as problem:
        raise IndexUnavailable(detail=f"{type(problem).__name__}: {problem}") from problem


def _merge_small(writer: Any, segments: list[Any]) -> list[Any]:
    """Merge the smallest segments, and never more than a fraction of a second's worth of documents."""
    kept = sorted(segments, key=lambda segment: segment.doc_count_all())
    merged, total = [], 0
    while kept and total + kept[0].doc_count_all() <= MERGE_AT_MOST:
        total += kept[0].doc_count_all()
        merged.append(kept.pop(0))
    if len(merged) < 2:
        return segments
    for segment in merged:
        reader = SegmentReader(writer.storage, writer.schema, segment)
        writer.add_reader(reader)
        reader.close()
    return kept
