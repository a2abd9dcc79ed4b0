"""From words on a page to paragraphs: which lines belong together, what is a heading, what is repeated on every page."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_WIDE = r"\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f"
_ENDS_WIDE, _BEGINS_WIDE = re.compile(f"[{_WIDE}]$"), re.compile(f"^[{_WIDE}]")
_ITEM = re.compile(r"^(?:[•●■◆▪○·\-–—]\s*|[(（]?\d{1,2}[)）.、]\s*(?!\d)|[①-⑳]\s*|[a-zA-Z][)）]\s+)")
_BULLET = re.compile(r"^[•●■◆▪○·\-–—]\s*")
_NUMBERED = re.compile(r"^[(（]?(\d{1,2})[)）.、]\s*(?!\d)")
_CHAPTER = re.compile(r"^(?:第[一二三四五六七八九十\d]{1,3}[章节]|[A-Z]?\d{1,2}(?:\.\d{1,2}){0,3}[.、]?\s+\S|附录\s*[A-Z\d])")
_SENTENCE_END = re.compile(r"[。！？；：.!?;:]$")
_PAGE_NUMBER = re.compile(r"^[\s\-–—·|/第页共ofpageP.]*\d{1,4}[\s\-–—·|/第页共ofpageP.\d]*$", re.IGNORECASE)
EDGE = 0.1
"""The part of a page, above and below, where headers and footers stand."""


@dataclass(frozen=True)
class Line:
    """A line of a page. Places in points from the left and the top; `rows` instead of words for a table."""

    text: str
    size: float
    left: float
    right: float
    top: float
    bottom: float
    page: int
    height: float
    bold: bool = False
    rows: tuple[tuple[str, ...], ...] = ()


def without_edges(lines: Sequence[Line], pages: int) -> list[Line]:
    """The lines without running headers, footers and page numbers."""

    def key(line: Line) -> str:
        return re.sub(r"\d+", "#", "".join(line.text.split()))

    def at_edge(line: Line) -> bool:
        return not line.rows and (line.bottom < line.height * EDGE or line.top > line.height * (1 - EDGE))

    seen: Counter[str] = Counter()
    for _page, text in {(line.page, key(line)) for line in lines if at_edge(line)}:
        seen[text] += 1
    often = max(2, pages // 3)
    return [
        line
        for line in lines
        if not (at_edge(line) and (_PAGE_NUMBER.match(line.text) or (pages > 2 and seen[key(line)] >= often)))
    ]


def joined(first: str, second: str) -> str:
    """Two lines of one paragraph: nothing between Han signs, a hyphen at the end of a Latin line taken out."""
    if re.search(r"[A-Za-z]-$", first) and re.match(r"^[a-z]", second):
        return first[:-1] + second
    if _ENDS_WIDE.search(first) or _BEGINS_WIDE.match(second):
        return first + second
    return f"{first} {second}"


def body_size(lines: Sequence[Line]) -> float:
    """The size of type in which most of the text is set."""
    counted: Counter[float] = Counter()
    for line in lines:
        if not line.rows:
            counted[round(line.size * 2) / 2] += len(line.text)
    return counted.most_common(1)[0][0] if counted else 10.0


def _is_heading(line: Line, size: float) -> bool:
    if line.rows or len(line.text) > 60 or re.search(r"[。；，,;]$", line.text):
        return False
    if line.size >= size * 1.15:
        return True
    return bool(line.bold and len(line.text) <= 40 and _CHAPTER.match(line.text))


def to_markdown(lines: Sequence[Line]) -> tuple[str, str]:
    """(title, Markdown). The largest type on the first page is the title; other large types are headings by their size."""
    size = body_size(lines)
    headings = [line for line in lines if _is_heading(line, size)]
    first = [line for line in headings if line.page == 1 and line.size >= size * 1.15]
    largest = max((line.size for line in first), default=0.0)
    title_lines: list[Line] = []
    for line in lines:
        if line.page == 1 and not line.rows and abs(line.size - largest) < 0.3 and (not title_lines or line.top - title_lines[-1].bottom < line.size * 1.5):
            title_lines.append(line)
        elif title_lines:
            break
    # A type that is used again further on is that of the chapters, not that of the title.
    used_again = [line for line in headings if line not in title_lines and abs(line.size - largest) < 0.3]
    if len(used_again) > 0 and largest < size * 1.8:
        title_lines = []
    title = ""
    for line in title_lines:
        title = joined(title, line.text) if title else line.text
    sizes = sorted({round(line.size * 2) / 2 for line in headings if line not in title_lines}, reverse=True)
    levels = {value: min(2 + place, 4) for place, value in enumerate(sizes)}
    parts = _parts([line for line in lines if line not in title_lines], size, levels)
    return title[:200], "\n\n".join(parts) + "\n"


def _parts(lines: Sequence[Line], size: float, levels: dict[float, int]) -> list[str]:
    parts: list[str] = []
    table: list[tuple[str, ...]] = []
    paragraph: list[Line] = []
    right = _right_margin(lines)

    def flush() -> None:
        if paragraph:
            text = ""
            for line in paragraph:
                text = joined(text, line.text) if text else line.text
            _add(parts, _escaped(text))
            paragraph.clear()

    def flush_table() -> None:
        if table:
            parts.append(table_markdown(table))
            table.clear()

    for line in lines:
        if line.rows:
            flush()
            if table and len(table[0]) == len(line.rows[0]):  # it goes on over the page
                table.extend(line.rows[1:] if line.rows[0] == table[0] else line.rows)
            else:
                flush_table()
                table.extend(line.rows)
            continue
        flush_table()
        if _is_heading(line, size):
            flush()
            level = levels.get(round(line.size * 2) / 2, 4)
            if parts and parts[-1].startswith("#" * level + " ") and line.size > size * 1.15 and not _CHAPTER.match(line.text):
                parts[-1] = joined(parts[-1], line.text)  # a heading of two lines
            else:
                parts.append("#" * level + " " + line.text)
            continue
        if paragraph and _begins_new(paragraph[-1], line, right):
            flush()
        paragraph.append(line)
    flush()
    flush_table()
    return parts


def _add(parts: list[str], text: str) -> None:
    """Items of one list stay together."""
    item = re.match(r"^(-|\d{1,2}\.) ", text)
    if item and parts and re.match(r"^(-|\d{1,2}\.) ", parts[-1].rsplit("\n", 1)[-1]):
        parts[-1] += "\n" + text
    else:
        parts.append(text)


def _right_margin(lines: Sequence[Line]) -> float:
    ends = sorted(line.right for line in lines if not line.rows)
    return ends[int(len(ends) * 0.9)] if ends else 0.0


def _begins_new(before: Line, line: Line, right: float) -> bool:
    if _ITEM.match(line.text):
        return True
    if line.page != before.page:
        return bool(_SENTENCE_END.search(before.text))
    if line.top - before.bottom > line.size * 1.1 or abs(line.size - before.size) > 1:
        return True
    if line.left > before.left + line.size * 1.5 and not _ITEM.match(before.text):
        return True
    return before.right < right - before.size * 2.5 and bool(_SENTENCE_END.search(before.text))


def _escaped(text: str) -> str:
    """Signs of the page that Markdown would take for its own; bullets and numbers become lists."""
    numbered = _NUMBERED.match(text)
    if numbered:
        return f"{int(numbered[1])}. " + _plain(text[numbered.end() :])
    if _BULLET.match(text):
        return "- " + _plain(_BULLET.sub("", text))
    text = _plain(text)
    return "\\" + text if text[:1] in "#>+" else text


def _plain(text: str) -> str:
    return re.sub(r"([*_`\\])", r"\\\1", text)


def table_markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table; its first row is its head."""
    width = max(len(row) for row in rows)

    def line(row: Sequence[str]) -> str:
        cells = [" ".join(_plain(cell).replace("|", "\\|").split()) for cell in row]
        return "| " + " | ".join([*cells, *[""] * (width - len(cells))]) + " |"

    return "\n".join([line(rows[0]), "|" + " --- |" * width, *(line(row) for row in rows[1:])])
