"""Reads recorded mails from where people keep them: single files, mbox files, Maildir folders, trees of files."""

import re
from collections.abc import Iterator
from pathlib import Path

from channels.mail.message import MAX_BYTES

_FROM_LINE = re.compile(rb"From \S.*\b\d{1,2}:\d{2}(?::\d{2})?\b.*\b\d{4}\b|From \S+\s.*\b(?:19|20)\d\d\b|From - ")
_ESCAPED = re.compile(rb"^>(>*From )", re.M)
_NOT_MAIL = (".jsonl", ".md")


def read_mails(path: str | Path) -> Iterator[tuple[str, bytes | OSError]]:
    """Every mail under `path` in a stable order: its name and its raw bytes, or the error that kept it from being read.

    The name is the file's path below `path` (or its own name), with `#n` for the n-th mail of an mbox file. A file is
    read as far as parse_mail would accept it and one byte more, so that too large a mail is seen as too large.
    """
    root = Path(path)
    if not root.is_dir():
        yield from _file(root, root.name)
        return
    for file in _files(root):
        yield from _file(file, file.relative_to(root).as_posix())


def _is_maildir(folder: Path) -> bool:
    return (folder / "cur").is_dir() and (folder / "new").is_dir()


def _files(folder: Path) -> Iterator[Path]:
    if _is_maildir(folder):
        # Besides the mails a server keeps indexes there; its subfolders start with a dot.
        for name in ("cur", "new"):
            yield from (file for file in _entries(folder / name) if file.is_file())
        for entry in _entries(folder, hidden=True):
            if entry.is_dir() and not entry.is_symlink() and _is_maildir(entry):
                yield from _files(entry)
        return
    for entry in _entries(folder):
        if entry.is_dir():
            if not entry.is_symlink():
                yield from _files(entry)
        elif entry.is_file() and not entry.name.lower().endswith(_NOT_MAIL):
            yield entry


def _entries(folder: Path, *, hidden: bool = False) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if hidden or not entry.name.startswith("."))
    except OSError:
        return []


def _file(file: Path, name: str) -> Iterator[tuple[str, bytes | OSError]]:
    try:
        with file.open("rb") as stream:
            is_box = _FROM_LINE.match(stream.readline(1000)) is not None
        if not is_box:
            with file.open("rb") as stream:
                yield name, stream.read(MAX_BYTES + 1)
            return
    except OSError as error:
        yield name, error
        return
    yield from _box(file, name)


def _box(file: Path, name: str) -> Iterator[tuple[str, bytes | OSError]]:
    """The mails of an mbox file, read line by line because such files have gigabytes."""
    number = size = 0
    lines: list[bytes] = []
    blank = True
    try:
        with file.open("rb") as stream:
            for line in stream:
                if blank and _FROM_LINE.match(line):
                    if number:
                        yield f"{name}#{number}", _unescaped(lines)
                    number, size, lines = number + 1, 0, []
                    blank = False
                    continue
                blank = not line.strip()
                size += len(line)
                if size <= MAX_BYTES + len(line):
                    lines.append(line)
            if number:
                yield f"{name}#{number}", _unescaped(lines)
    except OSError as error:
        yield f"{name}#{number or 1}", error


def _unescaped(lines: list[bytes]) -> bytes:
    # The blank line before the next `From ` belongs to the format, not to the mail.
    if lines and not lines[-1].strip():
        lines = lines[:-1]
    return _ESCAPED.sub(rb"\1", b"".join(lines))
