"""Old records from files: piece by piece, each kept as it came and stored in one transaction."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.core.db import session
from app.core.files import put_bytes
from app.core.text import unpack
from app.core.uow import unit_of_work
from channels import receiving
from channels.base import Unparseable
from channels.calls.adapter import enclose, read, unread
from channels.calls.formats import LINES
from channels.calls.record import LIVE, Reading
from channels.calls.storing import Stored, store_rows
from channels.models import Account

PIECE = 500_000
"""Bytes of a file of lines that one transaction takes."""


@dataclass
class Imported:
    """What became of the calls of the files: `seen` and `new` by their names; `failed` as `import-calls` prints it."""

    seen: set[str] = field(default_factory=set)
    new: set[str] = field(default_factory=set)
    failed: list[dict[str, Any]] = field(default_factory=list)
    incomplete_bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "seen": len(self.seen),
            "imported": len(self.new),
            "duplicate": len(self.seen - self.new),
            "failed": self.failed,
            "incomplete_bytes": self.incomplete_bytes,
        }


def files_of(path: Path) -> Iterator[Path]:
    """A file, or the files of a folder in the order of their names."""
    if path.is_dir():
        yield from (one for one in sorted(path.rglob("*")) if one.is_file() and not one.name.startswith("."))
    else:
        yield path


def import_file(
    account_id: int, path: Path, form: str, *, zone: str, columns: str, result: Imported, told: Callable[[int], None]
) -> None:
    """Take in one file. `told` hears the number of calls seen so far. Opens its own units of work."""
    try:
        with path.open("rb") as source:
            pieces = _pieces(source, form, result)
            for piece in pieces:
                _take(account_id, enclose(piece, form=form, zone=zone, columns=columns), str(path), result)
                told(len(result.seen))
    except OSError as problem:
        result.failed.append({"file": str(path), "reason": f"{problem.strerror or problem}", "raw_id": None})


def _pieces(source: Any, form: str, result: Imported) -> Iterator[bytes]:
    if form not in LINES:
        yield source.read()
        return
    rest = b""
    while chunk := source.read(PIECE):
        cut = (rest + chunk).rfind(b"\n") + 1
        whole, rest = (rest + chunk)[:cut], (rest + chunk)[cut:]
        if whole:
            yield whole
    result.incomplete_bytes += len(rest)


def _take(account_id: int, payload: bytes, source: str, result: Imported) -> None:
    account = session().get_one(Account, account_id)
    try:
        reading = read(account, payload)
    except Unparseable as problem:
        outcome = receiving.accept(account_id, payload, source=source)
        result.failed.append({"file": source, "reason": unpack(problem.args[0]), "raw_id": outcome.raw_id})
        return
    put_bytes(payload)
    key = "sha256:" + hashlib.sha256(payload).hexdigest()
    with unit_of_work() as s:
        raw, fresh = receiving.keep_raw(account_id, payload, source=source, dedup_key=key)
        raw_id = raw.id
        stored = Stored()
        if fresh or raw.state != "parsed":
            # One transaction holds both: a piece is either kept and stored, or not there at all.
            stored = store_rows(s.get_one(Account, account_id), reading.rows, raw_id)
            raw.state, raw.reason = "parsed", unread(reading) if reading.problems else None
    _count(reading, stored, result)
    if reading.problems:
        result.failed.append({"file": source, "reason": unpack(unread(reading)), "raw_id": raw_id})


def _count(reading: Reading, stored: Stored, result: Imported) -> None:
    result.new |= stored.new - result.seen
    result.seen |= stored.new | stored.changed | stored.known
    if not (stored.new or stored.changed or stored.known):
        result.seen |= {row.call_id for row in reading.rows if row.family != LIVE}
