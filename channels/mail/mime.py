"""Cuts a mail into its parts by their boundaries, in time that grows with the size only."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from channels.mail.headers import Headers, split_headers
from channels.mail.params import Value, parse_value
from channels.mail.transfer import decoded

MAX_DEPTH = 25
MAX_PARTS = 2000
_TYPE = re.compile(r"([a-z0-9!#$&^_.+-]+)/([a-z0-9!#$&^_.+-]+)")


@dataclass
class Part:
    """One MIME part: its header, its raw body and, when it is a multipart, its children."""

    headers: Headers
    raw: bytes
    mime: str
    ctype: Value
    disposition: Value
    children: list["Part"] = field(default_factory=list)

    @property
    def charset(self) -> str | None:
        """The label that the part states, or None."""
        return self.ctype.params.get("charset")

    def content(self) -> bytes:
        """The decoded content of a leaf."""
        return decoded(self.raw, (self.headers.first("content-transfer-encoding") or b"").decode("ascii", "replace"))

    def leaves(self) -> Iterator["Part"]:
        """The parts without children, in the order of the mail."""
        stack = [self]
        while stack:
            part = stack.pop()
            if part.children:
                stack.extend(reversed(part.children))
            else:
                yield part


class _Budget:
    def __init__(self) -> None:
        self.parts = MAX_PARTS
        self.cut = False


def parse_tree(data: bytes) -> tuple[Part, bool]:
    """The tree of a mail and whether it was cut off for having too many or too deeply nested parts."""
    headers, offset = split_headers(data, outermost=True)
    budget = _Budget()
    root = _part(headers, data[offset:], "text/plain", 0, budget)
    return root, budget.cut


def _part(headers: Headers, body: bytes, default: str, depth: int, budget: _Budget) -> Part:
    budget.parts -= 1
    ctype = parse_value(headers.first("content-type"))
    match = _TYPE.match(ctype.value)
    mime = match.group() if match else default
    part = Part(headers, body, mime, ctype, parse_value(headers.first("content-disposition")))
    if not mime.startswith("multipart/"):
        return part
    pieces = _pieces(body, ctype.params.get("boundary") or _guessed_boundary(body))
    if not pieces:
        part.mime = "text/plain"  # nothing to cut: what stands there is shown
        return part
    inner = "message/rfc822" if mime == "multipart/digest" else "text/plain"
    for piece in pieces:
        if depth >= MAX_DEPTH or budget.parts <= 0:
            budget.cut = True
            break
        head, offset = split_headers(piece)
        part.children.append(_part(head, piece[offset:], inner, depth + 1, budget))
    return part


def _guessed_boundary(body: bytes) -> str | None:
    """The line that a multipart without a stated boundary obviously uses: `--x` … `--x--`."""
    lines = re.finditer(rb"^--([^\s-][^\r\n]{0,69}?)[ \t\r]*$", body[:100_000], re.M)
    for match in itertools.islice(lines, 20):
        if b"\n--" + match.group(1) + b"--" in body:
            return match.group(1).decode("latin-1")
    return None


def _pieces(body: bytes, boundary: str | None) -> list[bytes]:
    """The bytes between the boundaries, without the line end before each of them."""
    if not boundary or not boundary.strip():
        return []
    mark = b"--" + boundary.rstrip().encode("utf-8", "replace")
    found: list[bytes] = []
    start = -1
    position = 0
    while len(found) < MAX_PARTS:
        hit = body.find(mark, position)
        if hit < 0:
            break
        position = hit + len(mark)
        if hit and body[hit - 1:hit] not in b"\r\n":
            continue
        end = body.find(b"\n", position)
        end = len(body) if end < 0 else end
        rest = body[position:end].strip()
        if rest not in (b"", b"--"):
            continue
        if start >= 0:
            found.append(_without_line_end(body[start:hit]))
        start = -1
        position = min(end + 1, len(body))
        # A part may wrongly use the boundary of the whole: behind its end mark the parts of the whole go on.
        if rest != b"--":
            start = position
    if start >= 0 and (start < len(body) or not found):
        found.append(body[start:])
    return found


def _without_line_end(piece: bytes) -> bytes:
    if piece.endswith(b"\r\n"):
        return piece[:-2]
    return piece[:-1] if piece.endswith((b"\n", b"\r")) else piece
