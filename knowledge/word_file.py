"""The words of all titles in a file, so that no web process has to cut them: `data/words/current.json` says which file is
in force, it is written whole and put in force by renaming, as the index's is.

A file is read whole and its sum compared: what happens to it afterwards touches nobody who has it, and a damaged one is
never believed. Which database it tells of stands in it; another one's is not looked at.
"""

import json
import secrets
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.arrays.segment import MAGIC, Arrays, write_arrays
from knowledge.index_files import writer_lock
from knowledge.word_tables import Parts

FORMAT = 1
Mark = tuple[int, int, int]


class NoWords(Exception):
    """There is no file of words that can be used; says why in words."""


@dataclass(frozen=True)
class Told:
    """What a file says of itself. `database` and `analysis` are sums of what it was made from; `number`, `changed` and
    `event` are how far it was read: the highest article, the youngest change and the newest event then. Times are aware,
    UTC."""

    file: str
    size: int
    crc: int
    database: str
    analysis: str
    made_at: datetime
    number: int
    changed: tuple[datetime, int] | None
    event: int | None


def database_sum(address: str) -> str:
    return sha256(address.encode()).hexdigest()[:16]


def mark_of(folder: Path) -> Mark | None:
    """Changes whenever another file is put in force; None where there is none."""
    try:
        found = (folder / "current.json").stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def read_told(folder: Path, address: str) -> Told:
    """What is in force for this database. Raises NoWords."""
    try:
        told = json.loads((folder / "current.json").read_text(encoding="utf-8"))
        if told.pop("format") != FORMAT:
            raise NoWords("another release wrote it")
        told["made_at"] = datetime.fromisoformat(told["made_at"])
        if told["changed"] is not None:
            told["changed"] = (datetime.fromisoformat(told["changed"][0]), int(told["changed"][1]))
        found = Told(**told)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as problem:
        raise NoWords(f"current.json: {problem}") from problem
    if found.database != database_sum(address):
        raise NoWords("it tells of another database")
    return found


def read_parts(folder: Path, told: Told) -> Parts:
    """The arrays of the file in force. Raises NoWords when it is lost or not as it was written."""
    try:
        content = (folder / told.file).read_bytes()
        if len(content) != told.size or zlib.crc32(content) != told.crc or content[:8] != MAGIC:
            raise NoWords(f"{told.file} is not as it was written")
        length = int.from_bytes(content[8:16], "little")
        places = json.loads(content[16 : 16 + length])["arrays"]
        start, view = -(-(16 + length) // 64) * 64, memoryview(content)
        parts = {}
        for name, (dtype, count, offset) in places.items():
            kind = np.dtype(dtype)
            part = view[start + offset : start + offset + count * kind.itemsize]
            parts[name] = part.cast("I") if kind == np.uint32 else part
    except (OSError, ValueError, KeyError, TypeError, IndexError) as problem:
        raise NoWords(f"{told.file}: {problem}") from problem
    return parts


def lock(folder: Path) -> AbstractContextManager[None]:
    """Held by the one who makes a file; the next one waits. It ends with the process."""
    return writer_lock(folder, "writer.lock")


def put_in_force(folder: Path, arrays: Arrays, told: Callable[[str, int, int], Told]) -> Told:
    """Write a file and make it the one that counts, then forget the others. Under the lock; who dies in between leaves the
    one before in force."""
    name = f"words-{secrets.token_hex(8)}"
    size, crc = write_arrays(folder / name, arrays, {})
    new = told(name, size, crc)
    passing = folder / "current.new"
    passing.write_text(json.dumps({"format": FORMAT, **_plain(new)}), encoding="utf-8")
    passing.replace(folder / "current.json")
    for old in folder.glob("words-*"):
        if old.name != name:
            old.unlink(missing_ok=True)
    return new


def _plain(told: Told) -> dict[str, Any]:
    changed = [told.changed[0].astimezone(UTC).isoformat(), told.changed[1]] if told.changed is not None else None
    return {**vars(told), "made_at": told.made_at.isoformat(), "changed": changed}
