"""Whoosh as the store of the embedded engine: it commits documents in immutable segments. The only module that imports it.

It ranks nothing and readers never open it: what they need stands in the files of arrays beside it, which can be made
again from what is stored here.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from whoosh import fields
from whoosh.filedb.filestore import FileStorage
from whoosh.reading import SegmentReader

from knowledge.arrays.segment import Bools
from knowledge.index import IndexDocument, IndexUnavailable, Passage


class Stored(NamedTuple):
    """A segment as the store knows it."""

    name: str
    documents: int
    gone: Bools | None


@contextmanager
def damage() -> Iterator[None]:
    """Whatever a broken file makes a library raise becomes one clear error."""
    try:
        yield
    except IndexUnavailable:
        raise
    except Exception as problem:
        raise IndexUnavailable(detail=f"{type(problem).__name__}: {problem}") from problem


class Store:
    """An open Whoosh index, for the one who holds the writer's lock."""

    def __init__(self, folder: Path, new: bool = False) -> None:
        self.folder = folder
        schema = fields.Schema(id=fields.ID(unique=True, stored=True), kept=fields.STORED())
        # Read, not mapped: a file that somebody cuts short is then an error, and not the end of the process.
        storage = FileStorage(str(folder), supports_mmap=False)
        with damage():
            self._index: Any = storage.create_index(schema) if new else storage.open_index()

    @property
    def generation(self) -> int:
        number: int = self._index.latest_generation()
        return number

    def files(self) -> list[str]:
        """The files of the newest generation."""
        names = [name for segment in self._index._segments() for name in segment.list_files(self._index.storage)]
        return sorted({f"_MAIN_{self.generation}.toc", *names})

    def segments(self) -> list[Stored]:
        return [
            Stored(segment.segment_id(), segment.doc_count_all(), _mask(segment))
            for segment in self._index._segments()
        ]

    def change(self, drop: Iterable[str], documents: Iterable[IndexDocument]) -> int:
        """Take documents out and others in, in one step; gives how many were taken out."""
        with damage():
            writer = self._index.writer(limitmb=64)
        removed = 0
        try:
            with damage():
                old = writer.searcher()
                for number in drop:
                    removed += writer.delete_by_term("id", number, searcher=old)
                old.close()
                for document in documents:
                    writer.add_document(id=document.id, kept=_packed(document))
        except BaseException:
            writer.cancel()
            raise
        writer.commit(merge=False)
        return removed

    def merge(self, names: Sequence[str]) -> str | None:
        """Make one segment of these, in this order; gives its name, or None if no document was left in them."""
        before = {stored.name for stored in self.segments()}

        def chosen(writer: Any, segments: list[Any]) -> list[Any]:
            known = {segment.segment_id(): segment for segment in segments}
            for name in names:
                reader = SegmentReader(writer.storage, writer.schema, known[name])
                writer.add_reader(reader)
                reader.close()
            return [segment for segment in segments if segment.segment_id() not in set(names)]

        self._index.writer(limitmb=64).commit(mergetype=chosen)
        fresh = [stored.name for stored in self.segments() if stored.name not in before]
        return fresh[0] if fresh else None

    def named(self, ids: Iterable[str]) -> list[IndexDocument]:
        """The documents of these ids, as far as there are any."""
        with damage(), self._index.searcher() as searcher:
            found = [searcher.document(id=number) for number in ids]
        return [_unpacked(stored["kept"]) for stored in found if stored]

    def documents(self, name: str) -> Iterator[IndexDocument]:
        """All documents of a segment, deleted ones too, in order."""
        with damage():
            segment = next(s for s in self._index._segments() if s.segment_id() == name)
            reader = SegmentReader(self._index.storage, self._index.schema, segment)
            try:
                for number in range(segment.doc_count_all()):
                    yield _unpacked(reader.stored_fields(number)["kept"])
            finally:
                reader.close()


def _mask(segment: Any) -> Bools | None:
    if not segment.has_deletions():
        return None
    gone = np.zeros(segment.doc_count_all(), bool)
    gone[np.fromiter(segment.deleted_docs(), np.int64)] = True
    return gone


def _packed(document: IndexDocument) -> bytes:
    told = asdict(document) | {"updated_at": document.updated_at.isoformat() if document.updated_at else None}
    return zlib.compress(json.dumps(told, ensure_ascii=False).encode("utf-8", "replace"), 1)


def _unpacked(kept: bytes) -> IndexDocument:
    told = json.loads(zlib.decompress(kept))
    told["passages"] = tuple(Passage(**passage) for passage in told["passages"])
    told["updated_at"] = datetime.fromisoformat(told["updated_at"]) if told["updated_at"] else None
    for name in ("questions", "product_ids", "organisation_ids", "asked"):
        told[name] = tuple(told[name])
    return IndexDocument(**told)
