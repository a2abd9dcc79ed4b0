"""Files of records that an exchange keeps writing: read on from where we were, whole lines only.

How far a file was read is committed together with what was read, so a process that dies in between reads the same lines
again and no others. A file that was renamed is read to its end before the new one; one that was cut begins anew.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from app.core.events import record
from app.core.files import put_bytes
from app.core.text import pack
from app.core.uow import unit_of_work
from channels import receiving
from channels.base import Unparseable
from channels.calls.adapter import enclose, read, unread
from channels.calls.models import CallFile
from channels.calls.storing import store_rows
from channels.events import PayloadFailed
from channels.models import Account

PIECE = 1_000_000
HEAD = 256


@dataclass(frozen=True)
class Watched:
    """One file of an account, and how it is read."""

    account_id: int
    path: str
    form: str
    columns: str = ""
    from_start: bool = True


def watched() -> list[tuple[Watched, float]]:
    """Every file that active accounts name, with the seconds between two looks."""
    found = []
    rows = select(Account).where(Account.kind == "calls", Account.active.is_(True)).order_by(Account.id)
    for account in session().scalars(rows):
        given = {k: str(v) for k, v in account.settings.items()}
        every, start = float(given.get("file_poll_seconds") or 2), given.get("file_start") != "new"
        if path := given.get("cdr_path"):
            form = given.get("cdr_format") or "asterisk-csv"
            found.append((Watched(account.id, path, form, given.get("cdr_columns", ""), start), every))
        if path := given.get("queue_log_path"):
            found.append((Watched(account.id, path, "asterisk-queue-log", "", start), every))
    return found


def read_on(one: Watched, stopping: Callable[[], bool] = lambda: False) -> int:
    """Take in what was written since the last look. Returns how many pieces were read. Opens its own units of work."""
    pieces = 0
    while not stopping() and _step(one):
        pieces += 1
    return pieces


def _step(one: Watched) -> bool:
    """One piece, or one change of file. False when there is nothing more for now."""
    try:
        with unit_of_work():
            return _advance(one, keep_only=False)
    except Exception as problem:
        # A bug must not stop the file for ever: the piece is kept as failed, to be replayed by a better release.
        session().rollback()
        reason = pack("解析程序出错（%(problem)s）", problem=type(problem).__name__)
        with unit_of_work():
            return _advance(one, keep_only=True, reason=reason)


def _advance(one: Watched, *, keep_only: bool, reason: str = "") -> bool:
    mark = session().scalar(
        select(CallFile).where(CallFile.account_id == one.account_id, CallFile.path == one.path[:400]).with_for_update()
    )
    try:
        here = os.stat(one.path)
    except OSError as problem:
        _trouble(mark, one, pack("话单文件读不到：%(problem)s", problem=problem.strerror or str(problem)))
        return False
    if mark is None:
        mark = CallFile(account_id=one.account_id, path=one.path[:400], inode=here.st_ino, offset=0, head="")
        session().add(mark)
        if not one.from_start:
            mark.offset, mark.head = _end_of(one.path), _head(one.path)
        session().flush()
    path = one.path
    if here.st_ino != mark.inode:
        renamed = _renamed(one.path, mark.inode)
        if renamed is not None and (piece := _piece(renamed, mark.offset)):
            return _take(one, mark, piece, f"{renamed}@{mark.offset}", keep_only, reason)
        mark.inode, mark.offset, mark.head = here.st_ino, 0, ""
    elif here.st_size < mark.offset or not _same_head(path, mark.head):
        mark.offset, mark.head = 0, ""
    piece = _piece(path, mark.offset)
    if not piece:
        if mark.error:
            mark.error = None
        session().flush()
        return False
    if not mark.head:
        mark.head = _head(path)
    return _take(one, mark, piece, f"{path}@{mark.offset}", keep_only, reason)


def _take(one: Watched, mark: CallFile, piece: bytes, source: str, keep_only: bool, reason: str) -> bool:
    """Keep the piece, store its calls, move the mark: all in the unit of work at hand."""
    payload = enclose(piece, form=one.form, columns=one.columns)
    put_bytes(payload)
    digest = hashlib.sha256(payload).hexdigest()[:32]
    account = session().get_one(Account, one.account_id)
    raw, _ = receiving.keep_raw(
        account.id, payload, source=source, dedup_key=f"file:{mark.inode}:{mark.offset}:{digest}"
    )
    if raw.state == "new":
        try:
            if keep_only:
                raise Unparseable(reason)
            reading = read(account, payload)
            store_rows(account, reading.rows, raw.id)
            raw.state, raw.reason = "parsed", unread(reading) if reading.problems else None
        except Unparseable as problem:
            raw.state, raw.reason = "failed", str(problem)[:500]
            record(PayloadFailed(raw_id=raw.id))
    mark.offset += len(piece)
    mark.read_at, mark.error = now(), None
    session().flush()
    return True


def _piece(path: str, offset: int) -> bytes:
    """Whole lines from a place on; a line longer than a piece is no record and is taken as it is."""
    try:
        with open(path, "rb") as source:
            source.seek(offset)
            found = source.read(PIECE)
    except OSError:
        return b""
    cut = found.rfind(b"\n") + 1
    return found[:cut] if cut else found if len(found) == PIECE else b""


def _renamed(path: str, inode: int) -> str | None:
    """The file that we read before, under the name that it was rotated to."""
    folder, name = Path(path).parent, Path(path).name
    try:
        with os.scandir(folder) as found:
            alike = (one for one in found if one.name.startswith(name.partition(".")[0]) and one.is_file())
            return next((one.path for one in alike if one.inode() == inode), None)
    except OSError:
        return None


def _head(path: str) -> str:
    """Length and digest of the first bytes of a file, by which it is known again."""
    with open(path, "rb") as source:
        found = source.read(HEAD)
    return f"{len(found)}:{hashlib.sha256(found).hexdigest()}"


def _same_head(path: str, head: str) -> bool:
    if not head:
        return True
    length = int(head.partition(":")[0])
    with open(path, "rb") as source:
        found = source.read(length)
    return f"{len(found)}:{hashlib.sha256(found).hexdigest()}" == head


def _end_of(path: str) -> int:
    """The place after the last whole line."""
    size = os.path.getsize(path)
    with open(path, "rb") as source:
        source.seek(max(0, size - PIECE))
        tail = source.read()
    return size - len(tail) + tail.rfind(b"\n") + 1


def _trouble(mark: CallFile | None, one: Watched, reason: str) -> None:
    if mark is None:
        mark = CallFile(account_id=one.account_id, path=one.path[:400], inode=0, offset=0, head="")
        session().add(mark)
    if mark.error != reason[:600]:
        mark.error = reason[:600]
    session().flush()
