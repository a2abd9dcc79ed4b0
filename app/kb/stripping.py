"""Pictures of articles that were stored before the traces of cameras were taken out: taken out afterwards.

A file is kept under the digest of its bytes, so that stripped bytes lie elsewhere: the picture's row then names them, and
its address, which goes by number, stays. The old bytes go when nothing else names them; what could not go yet is
remembered beside the files and tried again by the next run, also of one that was killed.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import or_, select

from app.core.clock import now
from app.core.db import session
from app.core.errors import NotFound
from app.core.files import StoredFile, drop_bytes, get_bytes, put_bytes
from app.core.uow import unit_of_work
from channels.models import RawPayload
from knowledge.editing_models import ArticleFile
from knowledge.files import as_kept, strip_picture
from knowledge.intake_models import ImportFile

ON_ITS_WAY = timedelta(hours=1)
"""Bytes that were handed in so lately may be about to get a row."""
PAGE = 200
_DIGEST = re.compile(rb"[0-9a-f]{64}")
_HELD_PAYLOAD = 4 * 1024 * 1024


@dataclass
class Stripped:
    """What a run found: pictures `seen`, `stripped` now, `clean` before, `missing` (their bytes are gone); old bytes
    `removed`, and `kept` because something else still names them or they came within the last hour."""

    seen: int = 0
    stripped: int = 0
    clean: int = 0
    missing: int = 0
    removed: int = 0
    kept: int = 0


def strip_pictures(folder: Path, dry_run: bool = False, told: Callable[[int], None] | None = None) -> Stripped:
    """Take the traces out of all stored pictures of articles. `folder` holds the files. Safe to repeat, to stop, and while
    the house is open: each picture is a unit of work of its own."""
    found, last = Stripped(), 0
    while numbers := _after(last):
        for number in numbers:
            _strip(number, folder, dry_run, found)
            if told is not None:
                told(found.seen)
        last = numbers[-1]
    if not dry_run:
        _drop_old(folder, found)
    return found


def _after(last: int) -> list[int]:
    rows = select(ArticleFile.id).where(ArticleFile.is_image.is_(True), ArticleFile.id > last).order_by(ArticleFile.id)
    found = list(session().scalars(rows.limit(PAGE)))
    session().rollback()
    return found


def _strip(number: int, folder: Path, dry_run: bool, found: Stripped) -> None:
    row = session().get(ArticleFile, number)
    if row is None:
        return
    digest = row.file.sha256
    session().rollback()
    found.seen += 1
    try:
        content = get_bytes(digest)
    except NotFound:
        found.missing += 1
        return
    stripped = as_kept(content)
    if stripped == content:
        found.clean += 1
        return
    if not dry_run:
        put_bytes(stripped)  # before the row names them
        _remember(folder, digest)
        with unit_of_work():
            row = session().get(ArticleFile, number)
            if row is None or not strip_picture(row, content, stripped):
                return
    found.stripped += 1


def _list(folder: Path) -> Path:
    return folder / ".stripped"


def _remember(folder: Path, digest: str) -> None:
    with open(_list(folder), "a", encoding="ascii") as out:
        out.write(f"{digest}\n")
        out.flush()
        os.fsync(out.fileno())


def _drop_old(folder: Path, found: Stripped) -> None:
    path = _list(folder)
    if not path.exists():
        return
    old = sorted({line for line in path.read_text(encoding="ascii").split() if _DIGEST.fullmatch(line.encode())})
    waiting = _named_by_payloads()
    left = [digest for digest in old if digest in waiting or _is_named(digest) or not drop_bytes(digest, now() - ON_ITS_WAY)]
    found.removed, found.kept = len(old) - len(left), len(left)
    if not left:
        path.unlink()
        return
    draft = path.with_name(".stripped.new")
    draft.write_text("".join(f"{digest}\n" for digest in left), encoding="ascii")
    os.replace(draft, path)


def _is_named(digest: str) -> bool:
    """Whether a row names these bytes: somebody may have sent the same picture in a message."""
    rows = (
        select(StoredFile.id).where(StoredFile.sha256 == digest),
        select(RawPayload.id).where(RawPayload.sha256 == digest),
        select(ImportFile.id).where(or_(ImportFile.content == digest, ImportFile.parsed == digest)),
    )
    named = any(session().scalar(one.limit(1)) is not None for one in rows)
    session().rollback()
    return named


def _named_by_payloads() -> set[str]:
    """Bytes that payloads name which were not understood yet: they can be replayed."""
    rows = select(RawPayload.sha256).where(RawPayload.state.in_(("new", "failed")), RawPayload.size <= _HELD_PAYLOAD)
    digests = list(session().scalars(rows))
    session().rollback()
    found: set[str] = set()
    for digest in digests:
        try:
            found |= {one.decode() for one in _DIGEST.findall(get_bytes(digest))}
        except NotFound:
            continue
    return found
