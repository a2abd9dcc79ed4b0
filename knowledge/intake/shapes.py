"""What readers of files hand over: articles as they stand in a file, and tables whose columns still want a meaning."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.errors import Invalid

FILE_MARK = "import-file:"
"""The address of a picture inside a body until it is kept: `![风扇](import-file:fan.png)`."""

MODELS, CHOSEN = "models", "chosen_product"
"""What a table gives to its articles: the models that it names, and the product that somebody chose for it (0: none)."""


class Unreadable(Invalid):
    """A file that cannot be brought in; the message says in one line why, and what would help."""

    code = "unreadable"

    def __init__(self, reason: str, **data: Any) -> None:
        super().__init__(reason, errors={"file": [reason]}, **data)


@dataclass(frozen=True)
class Attachment:
    """A picture or an attached file of an article. `name` is what the body says after FILE_MARK."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Entry:
    """One article as found. `key` says which one it is inside its file ("" where a file is one article); `given` holds
    the names of the front matter, and only what the file really says; `rows` counts table rows; `warnings` are said in
    the report."""

    key: str
    title: str
    body: str
    given: Mapping[str, Any] = field(default_factory=dict)
    questions: tuple[str, ...] | None = None
    files: tuple[Attachment, ...] = ()
    rows: int = 0
    draft: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Of everything that would be written: the same file again is known by it."""
        files = [[f.name, f.content_type, hashlib.sha256(f.content).hexdigest()] for f in self.files]
        told = [self.title, self.body, dict(self.given), self.questions, files, self.draft]
        return hashlib.sha256(json.dumps(told, ensure_ascii=False, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class Sheet:
    """A table as read: `header` are its first words, `rows` all that follow, as text; `first_row` is the number, in the
    file, of the first of them."""

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    first_row: int = 2


@dataclass(frozen=True)
class Refusal:
    """A part of a file (a row, a member of an archive) that cannot be brought in, and why."""

    key: str
    reason: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Document:
    """A file as read: articles, or tables, or both; and what of it was refused. `mapping` is what was used for each
    table: {sheet: {"kind": …, "columns": {number: meaning}}}."""

    entries: tuple[Entry, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    refused: tuple[Refusal, ...] = ()
    mapping: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """Beyond these a file is refused with words, so that no file can stop the house."""

    file_bytes: int = 60_000_000
    unpacked_bytes: int = 300_000_000
    members: int = 5_000
    ratio: int = 250
    rows: int = 20_000
    columns: int = 60
    cell: int = 20_000
    body: int = 200_000
    pages: int = 1_000
    picture_bytes: int = 8_000_000
    pictures: int = 200
    seconds: int = 180
    table_rows: int = 400


LIMITS = Limits()


def dump(document: Document) -> bytes:
    """A document as bytes, to be kept between the dry run and the import."""

    def entry(e: Entry) -> dict[str, Any]:
        files = [[f.name, f.content_type, base64.b64encode(f.content).decode()] for f in e.files]
        return {**e.__dict__, "given": dict(e.given), "files": files}

    told = {
        "entries": [entry(e) for e in document.entries],
        "sheets": [s.__dict__ for s in document.sheets],
        "refused": [{**r.__dict__, "data": dict(r.data)} for r in document.refused],
        "mapping": document.mapping,
    }
    return json.dumps(told, ensure_ascii=False, default=str).encode("utf-8", "replace")


def load(content: bytes) -> Document:
    """The document that `dump` kept."""
    told = json.loads(content)

    def entry(e: dict[str, Any]) -> Entry:
        files = tuple(Attachment(name, kind, base64.b64decode(data)) for name, kind, data in e["files"])
        asked = None if e["questions"] is None else tuple(e["questions"])
        return Entry(**{**e, "files": files, "questions": asked, "warnings": tuple(e["warnings"])})

    def sheet(s: dict[str, Any]) -> Sheet:
        return Sheet(s["name"], tuple(s["header"]), tuple(tuple(row) for row in s["rows"]), s["first_row"])

    return Document(
        tuple(entry(e) for e in told["entries"]),
        tuple(sheet(s) for s in told["sheets"]),
        tuple(Refusal(**r) for r in told["refused"]),
        told["mapping"],
    )
