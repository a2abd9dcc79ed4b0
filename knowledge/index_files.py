"""The files around the embedded index: what is in force (`current.json`), who may write, and whether all is whole.

`current.json` names the folder and every file that readers need. It is replaced by renaming, after those files are
complete, so a reader sees one whole state or the next, and never asks the store what is newest.
"""

import base64
import fcntl
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.arrays.segment import Bools
from knowledge.index import IndexUnavailable

FORMAT = 2
Sum = tuple[int, int]
"""Size and CRC-32 of a file."""


@dataclass(frozen=True)
class Part:
    """One segment of the store and its file of arrays; `gone` says which of its documents are deleted."""

    segment: str
    file: str
    sum: Sum
    gone: Bools | None = None


@dataclass(frozen=True)
class Current:
    """What is in force: the folder, the fingerprint of the analysis it was made with, its parts and the average lengths
    that their impacts were made for; the store's own generation and files, to notice what was lost or not finished."""

    folder: str
    analysis: str
    generation: int = 0
    parts: tuple[Part, ...] = ()
    averages: tuple[float, ...] = ()
    store_generation: int = -1
    store: dict[str, Sum] = field(default_factory=dict)

    def following(self, **changed: Any) -> "Current":
        return replace(self, generation=self.generation + 1, **changed)


def read_current(folder: Path) -> Current:
    """Raises IndexUnavailable where there is none, or none that this release can read."""
    try:
        told = json.loads((folder / "current.json").read_text(encoding="utf-8"))
        if told["format"] != FORMAT:
            raise IndexUnavailable(detail=f"format {told['format']}, not {FORMAT}")
        parts = [Part(p["segment"], p["file"], (p["sum"][0], p["sum"][1]), _unpacked(p["gone"])) for p in told["parts"]]
        return Current(
            told["folder"],
            told["analysis"],
            told["generation"],
            tuple(parts),
            tuple(told["averages"]),
            told["store_generation"],
            {name: (size, crc) for name, (size, crc) in told["store"].items()},
        )
    except FileNotFoundError:
        raise IndexUnavailable(detail="还没有建立") from None
    except (ValueError, KeyError, TypeError, IndexError) as problem:
        raise IndexUnavailable(detail=f"current.json: {problem}") from problem


def write_current(folder: Path, current: Current) -> None:
    """Put another state in force, at once for everybody."""
    told = {
        "format": FORMAT,
        "folder": current.folder,
        "analysis": current.analysis,
        "generation": current.generation,
        "averages": current.averages,
        "store_generation": current.store_generation,
        "store": current.store,
        "parts": [
            {"segment": p.segment, "file": p.file, "sum": p.sum, "gone": _packed(p.gone)} for p in current.parts
        ],
    }
    passing = folder / "current.new"
    passing.write_text(json.dumps(told), encoding="utf-8")
    passing.replace(folder / "current.json")


def _packed(gone: Bools | None) -> list[Any] | None:
    if gone is None or not gone.any():
        return None
    return [len(gone), base64.b64encode(np.packbits(gone).tobytes()).decode()]


def _unpacked(told: list[Any] | None) -> Bools | None:
    if told is None:
        return None
    bits = np.frombuffer(base64.b64decode(told[1]), np.uint8)
    return np.unpackbits(bits, count=told[0]).astype(bool)


def newest_mark(folder: Path) -> tuple[int, int, int]:
    """Changes whenever another state is put in force; costs a microsecond."""
    try:
        found = (folder / "current.json").stat()
    except OSError:
        raise IndexUnavailable(detail="还没有建立") from None
    return found.st_ino, found.st_mtime_ns, found.st_size


@contextmanager
def writer_lock(folder: Path, name: str = "writer.lock") -> Iterator[None]:
    """Held by the one who writes; a successor waits. It ends with the process, however that ends."""
    folder.mkdir(parents=True, exist_ok=True)
    # One open file per holder, so that it holds between threads of one process as well.
    with (folder / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def nobody_writes(folder: Path) -> bool:
    """Whether the index stands still at this moment."""
    with (folder / "writer.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class Journal:
    """The ids that change while an index is made anew, so that those changes need not wait for it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "changed.ids"

    def begin(self) -> None:
        self._file.write_text("", encoding="utf-8")

    def note(self, ids: Iterable[str]) -> None:
        if self._file.exists():
            with self._file.open("a", encoding="utf-8") as out:
                out.writelines(f"{json.dumps(number)}\n" for number in ids)

    def ids(self) -> list[str]:
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        return list(dict.fromkeys(str(json.loads(line)) for line in lines))

    def end(self) -> None:
        self._file.unlink(missing_ok=True)


def sum_of(file: Path) -> Sum:
    crc = size = 0
    with file.open("rb") as source:
        while block := source.read(1 << 20):
            crc = zlib.crc32(block, crc)
            size += len(block)
    return size, crc


def what_is_wrong(folder: Path, current: Current, deep: bool) -> str:
    """In words, which file in force is lost or not as it was written; empty if none. `deep` reads every byte."""
    files = current.store | {part.file: part.sum for part in current.parts}
    for name, (size, crc) in files.items():
        file = folder / current.folder / name
        try:
            found = file.stat().st_size
        except OSError:
            return f"{name} is lost"
        if found != size:
            return f"{name} has {found} bytes and should have {size}"
        if deep and sum_of(file)[1] != crc:
            return f"{name} does not match its sum"
    return ""
