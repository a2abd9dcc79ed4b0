"""The embedded engine: Whoosh stores and commits, our analysis cuts, our arrays rank.

    FOLDER/current.json      what is in force (see index_files)
    FOLDER/writer.lock       held by the one who writes; a successor waits for it, also across processes
    FOLDER/rebuild.lock      held by the one who makes the index anew; FOLDER/changed.ids what changes meanwhile
    FOLDER/i-…/              one Whoosh index, and a file of arrays for each of its segments; `rebuild` makes a new folder

A change is committed by the store, then its arrays are written, then current.json is renamed: only then it is found. Who
dies in between leaves a store that is ahead; the next writer makes the missing arrays from what is stored.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.analysis import fingerprint, query_tokens
from knowledge.arrays import joining
from knowledge.arrays.builder import USUAL, Builder
from knowledge.arrays.generation import Found, Generation
from knowledge.arrays.rows import Row, rows
from knowledge.arrays.segment import Arrays, Ints, Segment, write_arrays
from knowledge.highlight import pieces, window
from knowledge.index import Health, Hit, Hits, IndexDocument, IndexUnavailable, Passage, Query, Rarity
from knowledge.index_files import (
    Current,
    Journal,
    Part,
    Sum,
    newest_mark,
    nobody_writes,
    read_current,
    sum_of,
    what_is_wrong,
    write_current,
    writer_lock,
)
from knowledge.remembered import key_of
from knowledge.whoosh_store import Store, Stored, damage

MANY_SEGMENTS = 8
MERGE_AT_MOST = 4000
"""Documents that are put together while others wait for the lock: some tenths of a second."""
BATCH_POSTINGS = 6_000_000
BATCH_DOCUMENTS = 25_000
DRIFT = 0.1
_PATIENCE = 5.0
_REBUILD = "rebuild.lock"

Cut = tuple[IndexDocument, list[Row]]


class WhooshIndex:
    """The `Index` protocol over a folder of this machine. Any number of processes and threads may read it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._guard = threading.Lock()
        self._mark: tuple[int, int, int] | None = None
        self._generation = Generation(())
        self._segments: dict[str, Segment] = {}

    # -- writing ------------------------------------------------------------------------------------------------

    def put(self, documents: Iterable[IndexDocument]) -> int:
        # Cut before the lock: others need not wait for that.
        cut = {document.id: (document, rows(document)) for document in documents}
        if cut:
            self._write(list(cut), list(cut.values()))
        return len(cut)

    def drop(self, ids: Iterable[str]) -> int:
        wanted = list(dict.fromkeys(ids))
        return self._write(wanted, []) if wanted else 0

    def _write(self, ids: list[str], cut: list[Cut]) -> int:
        if not (self.folder / "current.json").exists():
            # The first index may be in the making.
            with writer_lock(self.folder, _REBUILD):
                pass
        with writer_lock(self.folder):
            current = read_current(self.folder)
            store = Store(self.folder / current.folder)
            current = self._settle(current, store)
            Journal(self.folder).note(ids)
            removed = store.change(ids, (document for document, _ in cut))
            builder = Builder()
            for document, its_rows in cut:
                builder.add(document, its_rows)
            current = self._publish(current, store, builder)
            # The change is found from here on; tidying comes after it and takes a bounded time.
            self._tidy(current, store)
        return removed

    def _settle(self, current: Current, store: Store) -> Current:
        """Catch up with a store that is ahead, because somebody died after committing."""
        known = {part.segment for part in current.parts}
        same = {stored.name for stored in store.segments()} == known
        return current if same and store.generation == current.store_generation else self._publish(current, store)

    def _publish(self, current: Current, store: Store, fresh: Builder | None = None) -> Current:
        """Put in force what the store holds now. `fresh` has the rows of the one segment that is new."""
        folder = self.folder / current.folder
        known = {part.segment: part for part in current.parts}
        parts = []
        for stored in store.segments():
            part = known.get(stored.name)
            if part is None or not (folder / part.file).exists():
                builder = fresh if fresh is not None and part is None and len(fresh) == stored.documents else None
                part = self._made(folder, stored, builder or _again(store, stored), current.averages)
            parts.append(Part(part.segment, part.file, part.sum, stored.gone))
        return self._switch(current.following(parts=tuple(parts)), store)

    def _made(self, folder: Path, stored: Stored, builder: Builder, averages: Sequence[float]) -> Part:
        arrays, tables = builder.arrays(averages)
        return _written(folder, stored.name, arrays, tables)

    def _switch(self, current: Current, store: Store) -> Current:
        folder = self.folder / current.folder
        sums: dict[str, Sum] = {}
        for name in store.files():
            # Segments never change: their sums are known. The list of contents is small.
            sums[name] = current.store.get(name) or sum_of(folder / name)
        current = current.following(store=sums, store_generation=store.generation)
        write_current(self.folder, current)
        needed = {part.file for part in current.parts}
        for file in folder.glob("arrays-*"):
            if file.name not in needed:
                file.unlink(missing_ok=True)
        return current

    def _tidy(self, current: Current, store: Store) -> None:
        folder = self.folder / current.folder
        small = sorted(
            (stored for stored in store.segments() if stored.documents <= MERGE_AT_MOST // 2),
            key=lambda stored: stored.documents,
        )
        if len(current.parts) > MANY_SEGMENTS and len(small) > MANY_SEGMENTS // 2:
            chosen: list[Stored] = []
            for stored in small[: len(small) - MANY_SEGMENTS // 2 + 1]:
                if sum(one.documents for one in chosen) + stored.documents <= MERGE_AT_MOST:
                    chosen.append(stored)
            if len(chosen) > 1:
                current = self._merge(current, store, chosen)
        averages = _averages([_lengths(Segment(folder / part.file)) for part in current.parts])
        if _drift(current.averages, averages) > DRIFT:
            self._rescale(current, store, averages)

    def _merge(self, current: Current, store: Store, chosen: list[Stored]) -> Current:
        folder = self.folder / current.folder
        files = {part.segment: part.file for part in current.parts}
        parts = [(Segment(folder / files[stored.name]), stored.gone) for stored in chosen]
        name = store.merge([stored.name for stored in chosen])
        left = tuple(part for part in current.parts if part.segment not in {stored.name for stored in chosen})
        if name is not None:
            left += (_written(folder, name, *joining.join(parts)),)
        return self._switch(current.following(parts=left), store)

    def _rescale(self, current: Current, store: Store, averages: Sequence[float]) -> Current:
        folder = self.folder / current.folder
        parts = []
        for part in current.parts:
            segment = Segment(folder / part.file)
            arrays = joining.rescaled(segment, current.averages, averages)
            made = _written(folder, part.segment, arrays, segment.tables)
            parts.append(Part(made.segment, made.file, made.sum, part.gone))
        return self._switch(current.following(parts=tuple(parts), averages=tuple(averages)), store)

    def rebuild(self, documents: Iterable[IndexDocument], progress: Callable[[int], None] | None = None) -> int:
        count = 0
        journal = Journal(self.folder)
        with writer_lock(self.folder, _REBUILD):
            with writer_lock(self.folder):
                journal.begin()
            name = f"i-{time.time_ns():x}"
            folder = self.folder / name
            folder.mkdir(parents=True)
            try:
                store = Store(folder, new=True)
                current = Current(name, fingerprint())
                batch: list[IndexDocument] = []
                builder = Builder()
                for document in documents:
                    builder.add(document, rows(document))
                    batch.append(document)
                    count += 1
                    if progress and count % 100 == 0:
                        progress(count)
                    if builder.postings > BATCH_POSTINGS or len(batch) >= BATCH_DOCUMENTS:
                        current = self._batch(current, store, batch, builder)
                        batch, builder = [], Builder()
                if batch:
                    current = self._batch(current, store, batch, builder)
                with writer_lock(self.folder):
                    self._finish(self._caught_up(current, store, journal.ids()), store)
                    journal.end()
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                journal.end()
                raise
            for old in self.folder.glob("i-*"):
                if old.name != name:
                    shutil.rmtree(old, ignore_errors=True)
        if progress:
            progress(count)
        return count

    def _batch(
        self, current: Current, store: Store, batch: list[IndexDocument], builder: Builder, drop: Iterable[str] = ()
    ) -> Current:
        """Commit some documents of a rebuild; nobody sees them before the end."""
        averages = current.averages or _averages([builder.lengths()])
        known = {part.segment for part in current.parts}
        # The same article twice: the later one counts, as everywhere.
        store.change({*drop, *(document.id for document in batch)} if known else (), batch)
        fresh = [stored for stored in store.segments() if stored.name not in known]
        parts = tuple(self._made(store.folder, stored, builder, averages) for stored in fresh)
        return current.following(parts=(*current.parts, *parts), averages=tuple(averages))

    def _caught_up(self, current: Current, store: Store, changed: list[str]) -> Current:
        """Bring over what changed in the index in force while this one was made: there it is newest."""
        if not changed:
            return current
        batch = Store(self.folder / read_current(self.folder).folder).named(changed)
        builder = Builder()
        for document in batch:
            builder.add(document, rows(document))
        return self._batch(current, store, batch, builder, drop=changed)

    def _finish(self, current: Current, store: Store) -> None:
        gone = {stored.name: stored.gone for stored in store.segments()}
        parts = tuple(Part(part.segment, part.file, part.sum, gone[part.segment]) for part in current.parts)
        current = current.following(parts=parts, averages=current.averages or USUAL)
        averages = _averages([_lengths(Segment(store.folder / part.file)) for part in parts])
        if parts and _drift(current.averages, averages) > DRIFT / 5:
            self._rescale(current, store, averages)
        else:
            self._switch(current, store)

    # -- reading ------------------------------------------------------------------------------------------------

    def search(self, query: Query) -> Hits:
        wanted = query_tokens(query.text)
        if not wanted or not query.reader.levels or query.limit < 0 or query.offset < 0:
            return Hits(0)
        generation, key = self._newest(), key_of(query, wanted)
        with damage():
            generation.stand()
            if known := generation.remembered.get(key):
                return known
            answer = generation.search(query, wanted)
            items = tuple(_hit(found, answer.marks, query) for found in answer.items)
        return generation.remembered.put(key, Hits(answer.total, items, facets=answer.facets, said=answer.said))

    def rarity(self, terms: Sequence[tuple[str, str]]) -> Rarity:
        generation = self._newest()
        with damage():
            return Rarity(generation.documents, dict(zip(terms, generation.counts(terms), strict=True)))

    def _newest(self) -> Generation:
        """The generation in force, loaded if it is not yet; a microsecond when nothing has changed."""
        mark = newest_mark(self.folder)
        if mark == self._mark:
            return self._generation
        with self._guard:
            mark = newest_mark(self.folder)
            if mark != self._mark:
                self._generation = self._load()
                self._mark = mark
            return self._generation

    def _load(self) -> Generation:
        until = time.monotonic() + _PATIENCE
        while True:
            current = read_current(self.folder)
            try:
                with damage():
                    return self._open(current)
            except IndexUnavailable:
                # A writer may have put a newer state in force and swept this one away meanwhile.
                newer = read_current(self.folder)
                same = (newer.folder, newer.generation) == (current.folder, current.generation)
                if same or time.monotonic() > until:
                    raise

    def _open(self, current: Current) -> Generation:
        opened: dict[str, Segment] = {}
        for part in current.parts:
            path = self.folder / current.folder / part.file
            key = f"{current.folder}/{part.file}"
            if key in self._segments:
                opened[key] = self._segments[key]
                continue
            size = path.stat().st_size
            if size != part.sum[0]:
                raise IndexUnavailable(detail=f"{part.file} has {size} bytes and should have {part.sum[0]}")
            opened[key] = Segment(path, part.sum[1])
        if not (self.folder / current.folder).is_dir():
            raise IndexUnavailable(detail=f"{current.folder} is lost")
        self._segments = opened
        return Generation([(opened[f"{current.folder}/{part.file}"], part.gone) for part in current.parts])

    def health(self, deep: bool = False) -> Health:
        try:
            current = read_current(self.folder)
            wrong = self._wrong(current, deep)
            current = read_current(self.folder)
            generation = self._newest()
        except IndexUnavailable as problem:
            missing = not (self.folder / "current.json").exists()
            return Health("missing" if missing else "damaged", str(problem.data["detail"]))
        if wrong:
            return Health("damaged", wrong)
        size = 0
        for file in (self.folder / current.folder).iterdir():
            with suppress(OSError):
                size += file.stat().st_size
        outdated = current.analysis != fingerprint()
        return Health(
            "outdated" if outdated else "ready",
            "词典或分词规则已更新，请重建索引" if outdated else "",
            generation.live,
            current.generation,
            len(current.parts),
            size,
        )

    def _wrong(self, current: Current, deep: bool) -> str:
        """What is wrong, unless a writer is just about to put another state in force."""
        while wrong := what_is_wrong(self.folder, current, deep):
            newer = read_current(self.folder)
            if newer.generation == current.generation and newer.folder == current.folder:
                return wrong if nobody_writes(self.folder) else ""
            current = newer
        return ""

    def close(self) -> None:
        with self._guard:
            self._mark, self._generation, self._segments = None, Generation(()), {}


def _hit(found: Found, marks: dict[str, float], query: Query) -> Hit:
    stored = found.segment.stored(found.number)
    title = pieces(stored["title"], marks if query.passages and query.marked_titles else {})
    shown: tuple[Any, ...] = ()
    heading = anchor = ""
    if query.passages and stored["passages"]:
        number, begin, end = found.segment.place(found.passage)
        passage = Passage(*stored["passages"][number])
        shown, heading, anchor = window(passage.text, begin, end, marks), passage.heading, passage.anchor
    return Hit(
        id=stored["id"],
        score=found.score,
        title=title,
        passage=shown,
        heading=heading,
        anchor=anchor,
        product_ids=tuple(stored["products"]),
        coverage=round(found.coverage, 4),
        strength=round(found.strength, 4),
        missing=found.lacks.missing,
        lacks=found.lacks.words,
    )


def _again(store: Store, stored: Stored) -> Builder:
    """The rows of a segment, cut again from what is stored."""
    builder = Builder()
    for document in store.documents(stored.name):
        builder.add(document, rows(document))
    return builder


def _written(folder: Path, segment: str, arrays: Arrays, tables: dict[str, Any]) -> Part:
    file = f"arrays-{segment}-{time.time_ns():x}"
    return Part(segment, file, write_arrays(folder / file, arrays, tables))


def _lengths(segment: Segment) -> tuple[Ints, Ints]:
    return joining.lengths_of(segment)


def _averages(lengths: Sequence[tuple[Ints, Ints]]) -> tuple[float, ...]:
    """Average lengths of each kind of row; the usual ones where there are none."""
    counts = sum((count for count, _ in lengths), np.zeros(len(USUAL), np.int64))
    sums = sum((total for _, total in lengths), np.zeros(len(USUAL), np.int64))
    return tuple(
        max(float(total) / int(count), 1.0) if count and total else usual
        for count, total, usual in zip(counts, sums, USUAL, strict=True)
    )


def _drift(old: Sequence[float], new: Sequence[float]) -> float:
    return max(abs(now / then - 1) for then, now in zip(old, new, strict=True))
