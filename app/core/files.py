"""Files as they came: content-addressed on disk, one row for each time a file was handed to us.

Storing writes the bytes before the row, so a row never points to nothing; bytes without a row are swept.
Who may read a file is asked of the gatekeeper of what owns it (`owner`, `owner_id`).
"""

import hashlib
import os
import re
import secrets
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import BigInteger, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime, session
from app.core.errors import NotFound
from app.core.text import clean

_folder: list[Path] = []
INLINE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
PLAYED_TYPES = frozenset({"audio/mpeg", "audio/wav", "audio/x-wav", "audio/ogg", "audio/mp4", "video/mp4", "video/webm"})


class StoredFile(Base):
    """A file with its name and type as declared; neither is trusted when it is delivered."""

    __tablename__ = "file"
    __table_args__ = (Index("ix_file_owner_owner_id", "owner", "owner_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(CleanText(64), index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(CleanText(200))
    mime: Mapped[str] = mapped_column(CleanText(120))
    owner: Mapped[str | None] = mapped_column(CleanText(40))
    owner_id: Mapped[int | None] = mapped_column(Integer)
    content_id: Mapped[str | None] = mapped_column(CleanText(200))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    @property
    def inline(self) -> bool:
        """Whether a browser may show it in the page; everything else is a download."""
        return self.mime in INLINE_TYPES

    @property
    def playable(self) -> str:
        """What a browser may play it as: audio or video; empty for everything else."""
        return self.mime.partition("/")[0] if self.mime in PLAYED_TYPES else ""


def use_folder(folder: Path) -> None:
    """Say once at start where the bytes are kept."""
    _folder[:] = [folder]


def put_bytes(content: bytes) -> str:
    """Keep bytes under their SHA-256 (hex), durable on return. Writing the same bytes twice is harmless."""
    digest = hashlib.sha256(content).hexdigest()
    path = _path(digest)
    try:
        os.utime(path)  # whoever drops bytes leaves alone what was handed in lately
    except PermissionError:  # another user's, who alone may drop them
        pass
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.parent / f".{digest}.{secrets.token_hex(4)}"
        with open(draft, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.replace(draft, path)
    return digest


def drop_bytes(digest: str, before: datetime) -> bool:
    """Remove bytes that no row names, unless they were handed in since `before`: then their row may be on its way. True
    when they are gone."""
    path = _path(digest)
    aside = path.parent / f".{digest}.gone"
    try:
        if aside.exists() and not path.exists():
            os.replace(aside, path)  # somebody was killed between these lines
        if path.stat().st_mtime >= before.timestamp():
            return False
        os.replace(path, aside)
        if aside.stat().st_mtime >= before.timestamp():  # handed in just now
            os.replace(aside, path)
            return False
        aside.unlink()
    except FileNotFoundError:
        pass
    return True


def get_bytes(digest: str) -> bytes:
    with open_bytes(digest) as found:
        return found.read()


def open_bytes(digest: str) -> BinaryIO:
    """Open kept bytes. Raises NotFound when they are gone."""
    try:
        return open(_path(digest), "rb")
    except FileNotFoundError:
        raise NotFound("文件的内容已不在存储中。") from None


def store_file(
    content: bytes, name: str, mime: str, *, owner: str | None = None, owner_id: int | None = None, content_id: str | None = None
) -> StoredFile:
    """Keep a file and its row. The name loses folders and control characters; the type is cut to a plain one."""
    row = StoredFile(
        sha256=put_bytes(content),
        size=len(content),
        name=safe_name(name),
        mime=mime[:120].lower() if re.fullmatch(r"[\w.+-]+/[\w.+-]+", mime or "") else "application/octet-stream",
        owner=owner,
        owner_id=owner_id,
        content_id=content_id[:200] if content_id else None,
    )
    session().add(row)
    session().flush()
    return row


def safe_name(name: str) -> str:
    """A name that no file system and no header trips over; never empty."""
    name = re.sub(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]", "", clean(name)).replace("/", "_").replace("\\", "_").strip(" .")
    if len(name) > 150:
        stem, dot, ending = name.rpartition(".")
        name = f"{stem[:140]}.{ending[:9]}" if dot else name[:150]
    return name or "file"


def open_file(row: StoredFile) -> BinaryIO:
    return open_bytes(row.sha256)


def _path(digest: str) -> Path:
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise NotFound()
    return _folder[0] / digest[:2] / digest[2:4] / digest
