"""Finds the header fields of a mail or of one of its parts, broken ones included."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_FIELDS = 2000
MAX_VALUE = 256 * 1024  # bytes of one field; a longer one is an attack or a list of thousands of addresses
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.S)
# Only these prove that lines are headers when something before them is broken; prose has colons, too.
_KNOWN = re.compile(
    rb"(?:from|to|cc|bcc|subject|date|message-id|mime-version|content-[a-z-]+|return-path|received|reply-to|sender"
    rb"|delivered-to|in-reply-to|references|x-[a-z0-9-]+)[ \t]*:", re.I)


@dataclass(frozen=True)
class Headers:
    """Header fields in order: names in lower case, values as raw bytes still folded."""

    fields: tuple[tuple[str, bytes], ...] = ()
    repaired: bool = field(default=False, compare=False)

    def all(self, name: str) -> Iterator[bytes]:
        """Every value of one field."""
        return (value for key, value in self.fields if key == name)

    def first(self, name: str) -> bytes | None:
        """The first value of a field that is not blank; None when there is none."""
        return next((value for value in self.all(name) if value.strip()), None)

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.fields)


def split_headers(data: bytes, *, outermost: bool = False) -> tuple[Headers, int]:
    """The header fields and the offset at which the body starts.

    The outermost header may follow blank lines, an mbox line, a byte order mark or junk; a broken line between fields
    is skipped when known fields follow it, and ends the header otherwise.
    """
    start = _skip_before(data) if outermost else 0
    fields: list[tuple[str, list[bytes]]] = []
    repaired = False
    position = start
    for begin, end in _lines(data, start):
        line = data[begin:end].rstrip(b"\r\n")
        position = end
        if not line.strip():
            if line.strip(b"\r\n") and fields and _header_follows(data, end):
                continue  # a line of blanks inside the header folds nothing and ends nothing
            break
        if line[:1] in b" \t":
            if fields:
                fields[-1][1].append(line)
            continue
        match = _FIELD.match(line)
        if match and len(match.group(1)) < 200:
            if len(fields) < MAX_FIELDS:
                fields.append((match.group(1).decode("ascii").lower(), [match.group(2)]))
            continue
        if line.startswith((b"From ", b">From ")) and outermost:
            continue
        if (not fields and outermost) or _header_follows(data, end):
            repaired = True
            continue
        position = begin
        break
    if outermost and not any(_KNOWN.match(name.encode() + b":") for name, _ in fields):
        later = _first_known(data, position)
        if later is not None and later > start:
            found, offset = split_headers(data[later:])
            return Headers(found.fields, True), later + offset
    if not fields:
        return Headers(), start
    done = tuple((name, b"\n".join(value)[:MAX_VALUE].strip()) for name, value in fields)
    return Headers(done, repaired), position


def _lines(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    size = len(data)
    while start < size:
        end = data.find(b"\n", start)
        end = size if end < 0 else end + 1
        yield start, end
        start = end


def _skip_before(data: bytes) -> int:
    start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    while start < len(data) and data[start:start + 1] in b" \t\r\n":
        start += 1
    # The blanks before a field on the first line belong to nothing.
    return start


def _header_follows(data: bytes, start: int) -> bool:
    """True when a known field stands within the next lines, before a blank one."""
    for count, (begin, end) in enumerate(_lines(data, start)):
        line = data[begin:end]
        if count >= 50 or not line.strip():
            return False
        if _KNOWN.match(line):
            return True
    return False


def _first_known(data: bytes, start: int) -> int | None:
    for count, (begin, end) in enumerate(_lines(data, start)):
        if count >= 40:
            return None
        if _KNOWN.match(data[begin:end]):
            return begin
    return None
