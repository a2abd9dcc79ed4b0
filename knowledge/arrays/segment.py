"""One file of arrays: everything that answering from one segment needs. Written once, then mapped and shared, or read.

    8 bytes "HYARRAY1", 8 bytes length of the header, the header (JSON: where each array stands), the arrays

With P documents and T terms: a term's postings stand from `ptr[5 * t]` to `ptr[5 * t + 5]`, one stretch for each kind of
row, rows ascending. Rows are numbered kind by kind (`bounds`), and within a kind by document.
"""

import json
import mmap
import os
import zlib
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge import ranking
from knowledge.arrays.rows import KINDS, PASSAGE
from knowledge.index import IndexUnavailable

MAGIC = b"HYARRAY1"
# Impacts lie between 0 and k1 + 1 and are kept as whole numbers of this size: exact enough, half the memory, and faster
# to multiply than small floats.
STEP = 4.0 / 65535
SMALL = 4 << 20
"""Bytes up to which a file is read whole and not mapped: what happens to it then touches nobody who has it. A house of a
thousand articles has no other files; in larger ones these are the last changes."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Arrays = dict[str, npt.NDArray[Any]]


def term_key(space: str, text: str) -> int:
    return int.from_bytes(blake2b(f"{space}{text}".encode(), digest_size=8).digest(), "little")


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]], tables: Mapping[str, Any]) -> tuple[int, int]:
    """Write a file whole; gives its size and CRC-32."""
    places: dict[str, list[Any]] = {}
    offset = 0
    for name, array in arrays.items():
        places[name] = [array.dtype.str, array.size, offset]
        offset += -(-array.nbytes // 64) * 64
    header = json.dumps({"arrays": places, "tables": tables}, ensure_ascii=False).encode()
    start = MAGIC + len(header).to_bytes(8, "little") + header
    start += b" " * (-len(start) % 64)
    size, crc = len(start), zlib.crc32(start)
    # "x": no file is ever written over. Somebody may have it mapped, and a file that becomes shorter ends who reads it.
    with path.open("xb") as out:
        out.write(start)
        for array in arrays.values():
            content = np.ascontiguousarray(array).view(np.uint8).data if array.size else b""
            padding = bytes(-len(content) % 64)
            for part in (content, padding):
                out.write(part)
                crc = zlib.crc32(part, crc)
                size += len(part)
        os.fchmod(out.fileno(), os.fstat(out.fileno()).st_mode & 0o444)  # nor by a tool that means well
    return size, crc


class Groups:
    """Which of the rows of one kind belong to which document."""

    def __init__(self, row_doc: npt.NDArray[np.int32]) -> None:
        changes: npt.NDArray[Any] = np.diff(row_doc, prepend=-1)
        self.starts: Ints = np.flatnonzero(changes)
        self.owners: Ints = row_doc[self.starts].astype(np.int64)
        sizes = np.diff(self.starts, append=len(row_doc))
        # Most documents have one row of a kind; only the others need their best row looked for.
        self.end = len(row_doc)
        self.several: Ints = np.flatnonzero(sizes > 1)
        sizes = sizes[self.several]
        self._firsts: Ints = np.cumsum(sizes) - sizes
        within = np.arange(int(sizes.sum())) - np.repeat(self._firsts, sizes)
        self._rows: Ints = np.repeat(self.starts[self.several], sizes) + within

    def best(self, scores: Floats) -> Floats:
        """The highest score of each owner's rows."""
        best: Floats = scores[self.starts]
        if len(self.several):
            best[self.several] = np.maximum.reduceat(scores[self._rows], self._firsts)
        return best

    def rows(self, owner: int) -> range:
        """The rows of one owner, which may have none."""
        at = int(np.searchsorted(self.owners, owner))
        if at == len(self.owners) or self.owners[at] != owner:
            return range(0)
        return range(int(self.starts[at]), int(self.starts[at + 1]) if at + 1 < len(self.starts) else self.end)


class Segment:
    """A file of arrays, mapped or read. Safe to share between threads; it stays readable after the file has been removed.
    `crc` is its sum, looked at where it is read whole."""

    def __init__(self, path: Path, crc: int | None = None) -> None:
        self.path = path
        try:
            self._open(path, crc)
        except (ValueError, KeyError, TypeError, IndexError) as problem:
            raise IndexUnavailable(detail=f"{path.name}: {problem}") from problem

    def _open(self, path: Path, crc: int | None) -> None:
        mapped: mmap.mmap | bytes
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > SMALL:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            else:
                mapped = file.read()
                if crc is not None and zlib.crc32(mapped) != crc:
                    raise IndexUnavailable(detail=f"{path.name} does not match its sum")
        self._content = mapped
        if mapped[:8] != MAGIC:
            raise IndexUnavailable(detail=f"{path.name} is no file of arrays")
        length = int.from_bytes(mapped[8:16], "little")
        header = json.loads(mapped[16 : 16 + length])
        self.tables: dict[str, Any] = header["tables"]
        start = -(-(16 + length) // 64) * 64
        self.arrays: Arrays = {
            name: np.frombuffer(mapped, dtype, count, start + offset) if count else np.empty(0, dtype)
            for name, (dtype, count, offset) in header["arrays"].items()
        }
        get = self.arrays.__getitem__
        self.terms, self.ptr, self.rows, self.impacts = get("terms"), get("ptr"), get("rows"), get("impacts")
        self.df, self.row_doc, self.lengths, self.places = get("df"), get("row_doc"), get("lengths"), get("places")
        self.bounds: list[int] = [int(number) for number in get("bounds")]
        self.text, self.text_ptr = get("text"), get("text_ptr")
        self.documents = len(self.text_ptr) - 1
        self.row_count = self.bounds[-1]
        self._check()
        self.groups = [
            Groups(self.row_doc[left:right]) for left, right in zip(self.bounds, self.bounds[1:], strict=False)
        ]
        # What the documents of several passages keep of their score.
        passages = self.groups[PASSAGE]
        sizes = np.diff(passages.starts, append=passages.end)[passages.several]
        self.spread: Floats = 1 - ranking.SPREAD * np.log(sizes)
        self.masks: dict[Any, Bools] = {}

    def stand(self) -> None:
        """Raise IndexUnavailable when the file was cut short after it was mapped: touching what is gone from a mapped file
        ends the whole process (SIGBUS), so each query asks first."""
        if isinstance(self._content, mmap.mmap) and self._content.size() < len(self._content):
            raise IndexUnavailable(detail=f"{self.path.name} was cut short")

    def _check(self) -> None:
        right = (
            len(self.ptr) == len(self.terms) * KINDS + 1
            and int(self.ptr[-1]) == len(self.rows) == len(self.impacts)
            and len(self.row_doc) == self.row_count == len(self.lengths)
            and int(self.text_ptr[-1]) == len(self.text)
        )
        if not right:
            raise IndexUnavailable(detail=f"{self.path.name}: the arrays do not fit each other")

    def find(self, keys: npt.NDArray[np.uint64]) -> Ints:
        """The number of each term here, or -1."""
        if not len(self.terms):
            return np.full(len(keys), -1, np.int64)
        at = np.minimum(np.searchsorted(self.terms, keys), len(self.terms) - 1)
        return np.where(self.terms[at] == keys, at, -1)

    def sizes(self, column: str) -> Ints:
        """How many values each document has in a column of lists."""
        ends: Ints = self.arrays[f"{column}_ptr"]
        return ends[1:] - ends[:-1]

    def stored(self, number: int) -> dict[str, Any]:
        """What was kept of a document for showing it."""
        self.stand()
        begin, end = int(self.text_ptr[number]), int(self.text_ptr[number + 1])
        shown: dict[str, Any] = json.loads(self.text[begin:end].tobytes())
        return shown

    def place(self, row: int) -> tuple[int, int, int]:
        """Which stored passage a row of passages is, from and to which character."""
        number, begin, end = (int(part) for part in self.places[3 * row : 3 * row + 3])
        return number, begin, end
