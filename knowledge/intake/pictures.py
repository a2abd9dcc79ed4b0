"""Pictures of imported texts: only what browsers show, known by its first bytes, each kept once."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from urllib.parse import unquote, unquote_to_bytes

from knowledge.intake.shapes import FILE_MARK, Attachment, Limits

Lookup = Callable[[str], bytes | None]
"""A path beside the text → its bytes, or None where there is nothing."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (b"GIF87a", "image/gif", "gif"),
    (b"GIF89a", "image/gif", "gif"),
)
ATTACHED = {
    "pdf": "application/pdf", "zip": "application/zip", "txt": "text/plain", "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "mp4": "video/mp4",
}  # fmt: skip
PICTURES = ("png", "jpg", "jpeg", "gif", "webp")
_ABSOLUTE = re.compile(r"^([a-z][a-z0-9+.-]*:|//|/|#)", re.IGNORECASE)


def kind_of(content: bytes) -> tuple[str, str] | None:
    """(type, ending) of a picture that browsers show; None for anything else."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp", "webp"
    return next(((mime, ending) for mark, mime, ending in _MAGIC if content.startswith(mark)), None)


class Gathered:
    """The files of one article while its text is read. `keep` gives the address to write into the text."""

    def __init__(self, limits: Limits, lookup: Lookup | None = None) -> None:
        self._limits, self._lookup = limits, lookup
        self._known: dict[str, str] = {}
        self.files: list[Attachment] = []
        self.lost: list[str] = []

    def keep(self, content: bytes, name: str = "") -> str:
        """The address of a picture; empty (and noted as lost) for what is none, or too much."""
        kind = kind_of(content)
        if kind is None:
            return self._lose(name or "?")
        return self._add(content, name, *kind)

    def link(self, address: str, picture: bool) -> str | None:
        """The new address for what the text links to: data: and relative ones are kept here; None leaves it alone."""
        address = address.strip()
        if address.lower().startswith("data:"):
            return self.keep(data_of(address), "") if picture else ""
        if _ABSOLUTE.match(address) or self._lookup is None:
            return None
        path = unquote(address.split("#", 1)[0].split("?", 1)[0])
        ending = PurePosixPath(path).suffix.lower().lstrip(".")
        if not picture and ending not in ATTACHED and ending not in PICTURES:
            return None
        content = self._lookup(path) if path else None
        if content is None:
            return self._lose(path) if picture else None
        name = PurePosixPath(path).name
        if not picture and kind_of(content):
            return self.keep(content, name)
        return self.keep(content, name) if picture else self._add(content, name, ATTACHED[ending], ending)

    def _add(self, content: bytes, name: str, mime: str, ending: str) -> str:
        digest = hashlib.sha256(content).hexdigest()
        if digest in self._known:
            return FILE_MARK + self._known[digest]
        if len(content) > self._limits.picture_bytes or len(self.files) >= self._limits.pictures:
            return self._lose(name or digest[:8])
        stem = re.sub(r"[^\w-]+", "-", PurePosixPath(name).stem).strip("-")[:60] or f"image-{digest[:8]}"
        taken = {file.name for file in self.files}
        name = f"{stem}.{ending}"
        if name in taken:
            name = f"{stem}-{digest[:8]}.{ending}"
        self._known[digest] = name
        self.files.append(Attachment(name, mime, content))
        return FILE_MARK + name

    def _lose(self, name: str) -> str:
        if name not in self.lost:
            self.lost.append(name[:80])
        return ""


def data_of(address: str) -> bytes:
    """The bytes of a data: address; empty for a broken one."""
    head, _comma, rest = address.partition(",")
    try:
        return base64.b64decode(unquote_to_bytes(rest), validate=False) if ";base64" in head.lower() else unquote_to_bytes(rest)
    except (binascii.Error, ValueError):
        return b""
