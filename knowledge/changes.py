"""What changed between two versions of an article: so that a reviewer reads three lines and not three pages."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

SAME, GONE, NEW, SKIPPED = "same", "gone", "new", "skipped"
CONTEXT = 2
ALIKE = 0.4
LONGEST_LINE = 2_000
"""Longer lines are shown as a whole: comparing them character by character would take seconds."""
MOST_PAIRS, MOST_LETTERS = 1_000_000, 4_000_000
"""Pairs of equal lines, and of equal characters in rewritten lines, that are looked at: about a second each. A text of ten
thousand equal lines would take a minute and a half."""


@dataclass(frozen=True)
class Piece:
    """Part of a line; `marked`: this is what differs from its counterpart."""

    text: str
    marked: bool = False


@dataclass(frozen=True)
class Line:
    """One line of the comparison. `kind` is same, gone, new or skipped; `count` is how many lines were skipped."""

    kind: str
    pieces: tuple[Piece, ...] = ()
    count: int = 0


def changes(before: str, after: str, context: int = CONTEXT) -> list[Line]:
    """Compare line by line, and where a line was rewritten, character by character, because Han text has no spaces.

    Equal stretches longer than twice the context are skipped. Two equal texts give an empty list.
    """
    old, new = before.splitlines(), after.splitlines()
    # Beyond the limit lines that stand everywhere no longer tell where a stretch begins.
    groups = SequenceMatcher(None, old, new, autojunk=_pairs(old, new) > MOST_PAIRS).get_opcodes()
    if all(tag == "equal" for tag, *_ in groups):
        return []
    lines: list[Line] = []
    left = [MOST_LETTERS]
    for number, (tag, a, b, c, d) in enumerate(groups):
        if tag == "equal":
            lines += _equal(old[a:b], context if number else 0, context if number < len(groups) - 1 else 0)
        else:
            lines += _rewritten(old[a:b], new[c:d], left)
    return lines


def _equal(lines: Sequence[str], head: int, tail: int) -> Iterator[Line]:
    hidden = len(lines) - head - tail
    if hidden < 2:
        yield from (Line(SAME, (Piece(line),)) for line in lines)
        return
    yield from (Line(SAME, (Piece(line),)) for line in lines[:head])
    yield Line(SKIPPED, count=hidden)
    yield from (Line(SAME, (Piece(line),)) for line in lines[len(lines) - tail :])


def _pairs(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """How many pairs of equal elements two sequences have: what comparing them costs."""
    counts = Counter(other)
    return sum(number * counts[element] for element, number in Counter(one).items())


def _rewritten(old: Sequence[str], new: Sequence[str], left: list[int]) -> Iterator[Line]:
    gone, come = [], []
    for before, after in zip_longest(old, new):
        pair = _pieces(before, after, left) if before is not None and after is not None else None
        if before is not None:
            gone.append(Line(GONE, pair[0] if pair else (Piece(before),)))
        if after is not None:
            come.append(Line(NEW, pair[1] if pair else (Piece(after),)))
    yield from gone
    yield from come


def _pieces(before: str, after: str, left: list[int]) -> tuple[tuple[Piece, ...], tuple[Piece, ...]] | None:
    """Both lines with the differing characters marked; None when they have too little in common for that, or when what
    is `left` to look at is used up."""
    if len(before) + len(after) > LONGEST_LINE or (cost := _pairs(before, after)) > left[0]:
        return None
    left[0] -= cost
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < ALIKE:
        return None
    old, new = [], []
    for tag, a, b, c, d in matcher.get_opcodes():
        old.append(Piece(before[a:b], tag != "equal"))
        new.append(Piece(after[c:d], tag != "equal"))
    return tuple(p for p in old if p.text), tuple(p for p in new if p.text)
