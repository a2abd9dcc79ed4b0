"""The files around the embedded index: which generation is in force, who may write, and whether a segment is whole."""

import fcntl
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from knowledge.index import IndexUnavailable

FORMAT = 1


class Current(NamedTuple):
    """The folder in force and the fingerprint of the analysis that it was made with."""

    folder: str
    analysis: str


def read_current(folder: Path) -> Current:
    """Raises IndexUnavailable where there is none, or none that this release can read."""
    try:
        told = json.loads((folder / "current.json").read_text(encoding="utf-8"))
        if told["format"] != FORMAT:
            raise IndexUnavailable(detail=f"format {told['format']}, not {FORMAT}")
        return Current(told["folder"], told["analysis"])
    except FileNotFoundError:
        raise IndexUnavailable(detail="还没有建立") from None
    except (ValueError, KeyError, TypeError) as problem:
        raise IndexUnavailable(detail=f"current.json: {problem}") from problem


def write_current(folder: Path, current: Current) -> None:
    """Switch to another generation folder, at once for everybody."""
    replace_file(folder / "current.json", {"format": FORMAT, "folder": current.folder, "analysis": current.analysis})


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Held by the one who writes; a successor waits. It ends with the process, however that ends."""
    folder.mkdir(parents=True, exist_ok=True)
    # One open file per holder, so that it holds between threads of one process as well.
    with (folder / "writer.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Listing:
    """Just enough of an index for asking Whoosh for the newest generation without opening anything."""

    indexname = "MAIN"

    def __init__(self, folder: Path) -> None:
        self.storage = self
        self._folder = folder

    def list(self) -> list[str]:
        try:
            return [file.name for file in self._folder.iterdir()]
        except FileNotFoundError:
            return []

    def __iter__(self) -> Iterator[str]:
        return iter(self.list())


def _sum(file: Path) -> int:
    crc = 0
    with file.open("rb") as source:
        while block := source.read(1 << 20):
            crc = zlib.crc32(block, crc)
    return crc


def note_sums(folder: Path) -> None:
    known = _sums(folder)
    now = {
        file.name: known.get(file.name) or [file.stat().st_size, _sum(file)]
        for file in sorted(folder.glob("MAIN_*.seg"))
    }
    replace_file(folder / "sums.json", now)


def _sums(folder: Path) -> dict[str, list[int]]:
    try:
        noted: dict[str, list[int]] = json.loads((folder / "sums.json").read_text(encoding="utf-8"))
        return noted
    except (OSError, ValueError):
        return {}


def compare_sums(folder: Path, deep: bool) -> str:
    """What is wrong with the segment files, in words; empty if nothing. One that is gone is not judged here: it may
    have been merged into another, and opening tells."""
    for name, (size, crc) in _sums(folder).items():
        file = folder / name
        try:
            if file.stat().st_size != size:
                return f"{name} has {file.stat().st_size} bytes and should have {size}"
            if deep and _sum(file) != crc:
                return f"{name} does not match its sum"
        except FileNotFoundError:
            continue
    return ""


def replace_file(path: Path, content: Any) -> None:
    passing = path.with_suffix(".new")
    passing.write_text(json.dumps(content), encoding="utf-8")
    passing.replace(path)
