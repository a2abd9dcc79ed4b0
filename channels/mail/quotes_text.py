"""Cuts quoted history and the signature off a plain text reply."""

import re
from dataclasses import dataclass

from channels.mail.charset import clean
from channels.mail.html_text import CUT, SIGNATURE
from channels.mail.quote_marks import (
    BARE_SEPARATOR,
    FORWARD,
    RULER,
    SEPARATOR,
    attribution_inside,
    header_role,
    header_roles,
    is_attribution,
    may_start_attribution,
)
from channels.mail.signatures import is_signature, split_signature

MAX_LINES = 4_000  # lines that are looked at; the rest of a longer text is history or a log
MAX_MARK = 1000  # characters; no client announces anything in a longer line
_QUOTED = re.compile(r"^\s{0,3}(?:>|&gt;)")
_WINDOW = 5  # lines that one attribution may be wrapped over


@dataclass(frozen=True)
class Reply:
    """What a person wrote (`visible_text`), and the signature below it or None. Together: the body without quotes."""

    visible_text: str
    signature: str | None = None


@dataclass(frozen=True)
class _Quote:
    """Old text from line `start`; of line `start` the first `column` characters are the writer's own."""

    start: int
    body: int  # the first line after the announcement
    column: int = 0
    whole: bool = False  # a separator or header block: all that follows is old


def split_reply_text(body: str) -> Reply:
    """The writer's own words of a plain text body. When nothing would be left, the whole body."""
    text = clean(body).replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
    above, below = _without_quote(text.split("\n"))
    footer = below.strip() if below and is_signature(below) else None
    visible, signature = split_signature(above if footer or not below else f"{above}\n{below}")
    if footer:
        signature = f"{signature}\n{footer}" if signature else footer
    if not visible.strip():
        return Reply(_plain(text))
    return Reply(_plain(visible), signature)


def found_quote(body: str) -> bool:
    """True when the splitter sees history in this text; it decides which alternative of a mail to believe."""
    lines = clean(body).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(_without_quote(lines)).strip() != "\n".join(lines).strip()


def _plain(text: str) -> str:
    return text.replace(CUT, "").replace(SIGNATURE, "").strip("\n").strip()


def _without_quote(lines: list[str]) -> tuple[str, str]:
    """The own words above the quote, and those below it."""
    quote = _find(lines)
    if quote is None:
        return "\n".join(_drop_trailing_run(lines)), ""
    above = lines[:quote.start]
    if quote.column:
        above = [*above, lines[quote.start][:quote.column]]
    below = [] if quote.whole else _below(lines, quote.body)
    if below is None:  # answers stand between the quoted lines
        return "\n".join(_drop_trailing_run(lines)), ""
    above = _drop_rulers(above)
    if not below:
        above = _drop_trailing_run(above)
    return "\n".join(above).rstrip(), "\n".join(below).rstrip()


def _find(lines: list[str]) -> _Quote | None:
    """The first announcement of an old mail; None when there is none, or when the mail forwards something."""
    blank_above = True
    i = 0
    while i < min(len(lines), MAX_LINES):
        line = lines[i]
        if line == CUT:
            return _Quote(i, i + 1, whole=True)
        if not line.strip() or _QUOTED.match(line) or len(line) > MAX_MARK:
            blank_above = blank_above and len(line) <= MAX_MARK
            i += 1
            continue
        if FORWARD.match(line):
            return None
        if SEPARATOR.match(line) or (BARE_SEPARATOR.match(line) and _next_header(lines, i + 1)):
            return _Quote(i, i + 1, whole=True)
        end = _header_block(lines, i)
        if end is not None:
            if not blank_above:
                return _Quote(i, end, whole=True)
            i = end  # a header on top is part of what was pasted or forwarded
            blank_above = False
            continue
        column = attribution_inside(line) if _next_quoted(lines, i + 1) else None
        if column:
            return _Quote(i, i + 1, column=column)
        size = _attribution(lines, i)
        if size is not None:
            return _Quote(i, i + size)
        blank_above = blank_above and (not line.strip() or RULER.match(line[:200]) is not None)
        i += 1
    return None


def _next_quoted(lines: list[str], start: int) -> bool:
    for line in lines[start:start + 3]:
        if line.strip():
            return _QUOTED.match(line) is not None
    return False


def _next_header(lines: list[str], start: int) -> bool:
    return any(_header_block(lines, i) is not None for i in range(start, min(start + 2, len(lines))))


def _attribution(lines: list[str], start: int) -> int | None:
    """How many lines the attribution at `start` takes; None when there is none."""
    if not may_start_attribution(lines[start]):
        return None
    text = ""
    blanks = taken = 0
    for size, line in enumerate(lines[start:start + _WINDOW + 2], 1):
        if not line.strip():
            blanks += 1
            if blanks > 1 or text.rstrip().endswith((":", "：")):
                return None
            continue
        open_angle = text.count("<") > text.count(">")
        if taken and _QUOTED.match(line) and not open_angle:
            return None
        text = f"{text} {line.strip()}" if text else line.strip()
        taken += 1
        if taken > _WINDOW or len(text) > 400:
            return None
        if is_attribution(text, quoted_next=_next_quoted(lines, start + size)):
            return size
    return None


def _header_block(lines: list[str], start: int) -> int | None:
    """The line after a block of at least two different mail headers, one of them From or To; None when there is none."""
    if header_role(lines[start]) is None:
        return None
    roles: set[str] = set()
    end = start
    blanks = 0
    for i in range(start, min(len(lines), start + 14)):
        line = lines[i]
        if not line.strip() or set(line.strip()) <= set("|-: "):
            blanks += 1
            if blanks > 1:
                break
            continue
        found = header_roles(line)
        if found:
            roles |= found
        elif not (blanks == 0 and roles and ("@" in line or line.lstrip().startswith("<"))):
            break
        blanks = 0
        end = i + 1
    real = roles - {"reply"}
    return end if len(real) >= 2 and real & {"from", "to"} else None


def _below(lines: list[str], start: int) -> list[str] | None:
    """What the writer put below a quote of `>` lines; empty when nothing, None when answers stand between the lines.

    Without `>` nobody can tell where the old mail ends, so all of it is old.
    """
    first = next((i for i in range(start, len(lines)) if lines[i].strip()), None)
    if first is None or not _QUOTED.match(lines[first]):
        return []
    last = max(i for i in range(first, len(lines)) if _QUOTED.match(lines[i]))
    i = first
    while i <= last:
        if _QUOTED.match(lines[i]) or not lines[i].strip():
            i += 1
            continue
        # One line squeezed between quoted ones was broken off from them; a paragraph of its own is an answer.
        if _QUOTED.match(lines[i - 1]) and i < last and _QUOTED.match(lines[i + 1]):
            i += 1
            continue
        return None
    return _drop_blank_head(lines[last + 1:])


def _drop_blank_head(lines: list[str]) -> list[str]:
    first = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    return lines[first:]


def _drop_rulers(lines: list[str]) -> list[str]:
    end = len(lines)
    while end and (not lines[end - 1].strip() or RULER.match(lines[end - 1][:200])):
        end -= 1
    return lines[:end]


def _drop_trailing_run(lines: list[str]) -> list[str]:
    """Without the quoted lines at the very end, and their attribution when it stands right above."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or _QUOTED.match(lines[end - 1])):
        end -= 1
    if not any(_QUOTED.match(line) for line in lines[end:]):
        return lines
    if end == 0:
        return lines
    for size in range(1, min(4, end) + 1):
        joined = " ".join(line.strip() for line in lines[end - size:end])
        if lines[end - size].strip() and is_attribution(joined, quoted_next=True):
            end -= size
            break
    return _drop_rulers(lines[:end]) if "".join(lines[:end]).strip() else lines
