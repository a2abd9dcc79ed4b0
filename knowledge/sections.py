"""An article as plain lines for a message: section by section, with the numbers of its steps and the names of its columns.

Passages for the index lose both, because nobody searches for "3.".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it.token import Token

from knowledge.markdown import parsed, words_of

STEP, POINT, ROW, TEXT, CODE = "step", "point", "row", "text", "code"
LONGEST_CODE = 3
"""Lines of code that a message shows; more of them are read in the article."""
_LOOK = 4
"""How many lines a passage may have that are no lines of a message (names of columns, long code), and the reverse."""
_TOLD_ALONE = 2
"""A first cell of fewer characters says nothing without the name of its column: 绿."""


@dataclass(frozen=True)
class Line:
    """One paragraph, step, point of a list, row of a table, or piece of code, as it may stand in a message. `words` are
    those of the text alone, as the passages of the index have them."""

    kind: str
    text: str
    words: str = field(default="", compare=False)


@dataclass
class Section:
    """What stands under one heading; the heading is empty before the first one."""

    heading: str = ""
    lines: list[Line] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join([self.heading, *(line.text for line in self.lines)])

    @property
    def has_steps(self) -> bool:
        return any(line.kind == STEP for line in self.lines)


def sections(text: str) -> list[Section]:
    """The sections of a text in their order, without empty ones."""
    found = [Section()]
    tokens = parsed(text)
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            found.append(Section(words_of(tokens[number + 1]).strip()))
    at = 0
    for heading, line in _lines(tokens):
        at += heading
        if line is not None:
            found[at].lines.append(line)
    return [section for section in found if section.lines]


def _lines(tokens: Sequence[Token]) -> Iterator[tuple[int, Line | None]]:
    """Each line with the number of headings (0 or 1) that stand before it."""
    marks: list[list[int | None]] = []  # lists that are open: number of the next step, None of points
    fresh = False  # the next paragraph begins an item
    inside = False  # within a heading
    names: list[str] = []
    row: list[str] | None = None
    head = False
    for token in tokens:
        match token.type:
            case "heading_open":
                inside = True
                yield 1, None
            case "heading_close":
                inside = False
            case "ordered_list_open":
                marks.append([int(token.attrGet("start") or 1)])
            case "bullet_list_open":
                marks.append([None])
            case "ordered_list_close" | "bullet_list_close":
                marks.pop()
            case "list_item_open":
                fresh = True
            case "thead_open":
                head, names = True, []
            case "thead_close":
                head = False
            case "tr_open":
                row = []
            case "tr_close":
                if row and not head:
                    yield 0, Line(ROW, _row(names, row), " | ".join(cell for cell in row if cell))
                row = None
            case "inline" if row is not None:
                (names if head else row).append(words_of(token).strip())
            case "inline" if not inside:
                said = words_of(token).strip()
                if said:
                    yield 0, _item(marks, said, fresh) if marks else Line(TEXT, said, said)
                fresh = False
            case "fence" | "code_block":
                code = token.content.strip("\n")
                if code.strip() and code.count("\n") < LONGEST_CODE:
                    yield 0, Line(CODE, code, code)


def _item(marks: list[list[int | None]], said: str, fresh: bool) -> Line:
    """A step or point with its mark; what follows in the same item stands under it."""
    deep = "  " * (len(marks) - 1)
    number = marks[-1][0]
    if not fresh:
        return Line(POINT if number is None else STEP, f"{deep}   {said}", said)
    if number is None:
        return Line(POINT, f"{deep}· {said}", said)
    marks[-1][0] = number + 1
    return Line(STEP, f"{deep}{number}. {said}", said)


def marked(text: str, shown: str) -> list[str]:
    """The lines of a passage of this text with the marks that the text has there: numbers of steps, also where the passage
    begins in the middle of a list, points, and rows with the names of their columns."""
    wanted = [line.strip() for line in shown.splitlines() if line.strip()]
    lines = [line for section in sections(text) for line in section.lines]
    pieces = [(number, piece.strip()) for number, line in enumerate(lines) for piece in line.words.splitlines()]
    best: list[tuple[str, int | None]] = [(line, None) for line in wanted]
    for start, (_number, piece) in enumerate(pieces):
        if piece in wanted[:_LOOK]:
            found = _along(pieces, start, wanted)
            if sum(number is not None for _line, number in found) > sum(number is not None for _line, number in best):
                best = found
    told: list[str] = []
    seen = {number for _line, number in best if number is not None}
    known = bool(seen)
    for line, number in best:
        if number in seen:
            seen.discard(number)
            told.append(lines[number].text)
        elif number is None and not (known and " | " in line):  # the names of the columns stand in the rows
            told.append(line)
    return told


def _along(pieces: Sequence[tuple[int, str]], start: int, wanted: Sequence[str]) -> list[tuple[str, int | None]]:
    """Each wanted line with the number of the line of the text that it is, read from `start` on."""
    found: list[tuple[str, int | None]] = []
    at = start
    for line in wanted:
        place = next((n for n in range(at, min(at + _LOOK, len(pieces))) if pieces[n][1] == line), None)
        found.append((line, None if place is None else pieces[place][0]))
        at = at if place is None else place + 1
    return found


def _row(names: Sequence[str], cells: Sequence[str]) -> str:
    """A row as somebody can read it without seeing the columns."""
    head, *rest = cells
    if len(rest) < 2 or not any(rest):
        return f"{head}：{rest[0]}" if rest and rest[0] else head  # data
    named = [f"{name} {cell}".strip() for name, cell in zip([*names[1:], *[""] * len(rest)], rest, strict=False) if cell]
    if names and len(head) < _TOLD_ALONE:
        head = f"{names[0]} {head}".strip()
    return f"{head}：{'；'.join(named)}"  # data
