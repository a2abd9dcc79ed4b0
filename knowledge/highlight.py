"""The best passage of an article for a query, with the places where the query was found.

Nothing is cut into words here: the query's terms are looked for in the folded text, which costs microseconds where
cutting the stored text again would cost tens of milliseconds.
"""

import string
from collections.abc import Iterable, Mapping, Sequence

from knowledge.analysis import fold_in_place
from knowledge.index import Passage, Piece

WINDOW = 140
_ENDS = "。！？；!?;\n"
_LETTERS = frozenset(string.ascii_lowercase + string.digits)


def _value(found: str, terms: Mapping[str, float]) -> float:
    return terms.get(found) or terms.get(found.rstrip("s")) or terms.get(found[:-2]) or 0.0


def _spots(folded: str, terms: Iterable[str]) -> list[tuple[int, int, str]]:
    """Where terms stand, from where to where, in order; of several at one place the longest. Han terms may overlap (pairs).

    Each term is looked for by itself: that takes a third of what one pattern of all of them takes, which would have to be
    put together for each question.
    """
    longest: dict[int, int] = {}
    for term in terms:
        at = folded.find(term)
        while at >= 0:
            end = _end(folded, at, term) if term.isascii() else at + len(term)
            if end > longest.get(at, at):
                longest[at] = end
            at = folded.find(term, at + 1)
    spots: list[tuple[int, int, str]] = []
    free = 0
    for start in sorted(longest):
        if start >= free:
            end = longest[start]
            found = folded[start:end]
            spots.append((start, end, found))
            free = end if found.isascii() else start + 1
    return spots


def _end(folded: str, at: int, term: str) -> int:
    """Where a word, a number or a code ends that begins at `at`, with the s of its plural; `at` where it is but a piece."""
    if at and folded[at - 1] in _LETTERS:
        return at
    end = at + len(term)
    for plural in ("es", "s", ""):
        if folded.startswith(plural, end) and folded[end + len(plural) : end + len(plural) + 1] not in _LETTERS:
            return end + len(plural)
    return at


def _worth(names: set[str], terms: Mapping[str, float]) -> float:
    return sum(_value(name, terms) for name in names)


def pieces(text: str, terms: Mapping[str, float]) -> tuple[Piece, ...]:
    """The whole text, cut at the places where a term was found."""
    spots = _spots(fold_in_place(text), terms) if terms else []
    return _marked(text, [(start, end) for start, end, _ in spots], 0, len(text))


def _marked(text: str, spans: Sequence[tuple[int, int]], start: int, end: int) -> tuple[Piece, ...]:
    found: list[Piece] = []
    place = start
    merged: list[list[int]] = []
    for left, right in spans:
        if left >= end or right <= start:
            continue
        left, right = max(left, start), min(right, end)
        if merged and left <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], right)
        else:
            merged.append([left, right])
    for left, right in merged:
        if left > place:
            found.append(Piece(text[place:left]))
        found.append(Piece(text[left:right], True))
        place = right
    if place < end:
        found.append(Piece(text[place:end]))
    return tuple(found)


def best_passage(
    passages: Sequence[Passage], terms: Mapping[str, float], window: int = WINDOW
) -> tuple[Passage, tuple[Piece, ...]] | None:
    """The passage that says most of what was asked, shown as a window of about `window` characters around it.

    `terms` maps each folded term to its value. Without any find the first passage with text is given, unmarked.
    """
    shown = [passage for passage in passages if passage.text.strip()]
    if not shown:
        return None
    if not terms:
        return shown[0], _window(shown[0].text, [], 0, window)
    best: tuple[float, int, list[tuple[int, int, str]], int] = (0.0, 0, [], 0)
    for number, passage in enumerate(shown):
        spots = _spots(fold_in_place(passage.text), terms)
        heading = {name for _, _, name in _spots(fold_in_place(passage.heading), terms)}
        start, value = _best_start(spots, terms, window)
        worth = value + 0.5 * _worth(heading - {name for _, _, name in spots}, terms)
        if worth > best[0]:
            best = (worth, number, spots, start)
    _, number, spots, start = best
    text = shown[number].text
    return shown[number], _window(text, [(left, right) for left, right, _ in spots], start, window)


def window(text: str, begin: int, end: int, terms: Mapping[str, float], size: int = WINDOW) -> tuple[Piece, ...]:
    """About `size` characters of a text, from where between `begin` and `end` the most valuable terms stand together.

    Only that stretch is searched, however long the text is.
    """
    spots = _spots(fold_in_place(text[begin : end + size]), terms)
    start, _ = _best_start([spot for spot in spots if spot[0] < end - begin], terms, size)
    spans = [(left + begin, right + begin) for left, right, _ in spots]
    return _window(text, spans, start + begin, size)


def _best_start(spots: Sequence[tuple[int, int, str]], terms: Mapping[str, float], window: int) -> tuple[int, float]:
    """Where the window with the most valuable distinct terms begins, and its value."""
    best_start, best_value = 0, 0.0
    counts: dict[str, int] = {}
    value, first = 0.0, 0
    for _, end, name in spots:
        if counts.get(name, 0) == 0:
            value += _value(name, terms)
        counts[name] = counts.get(name, 0) + 1
        while end - spots[first][0] > window:
            left = spots[first][2]
            counts[left] -= 1
            if counts[left] == 0:
                value -= _value(left, terms)
            first += 1
        if value > best_value + 1e-9:
            best_start, best_value = spots[first][0], value
    return best_start, best_value


def _window(text: str, spans: Sequence[tuple[int, int]], start: int, window: int) -> tuple[Piece, ...]:
    """From the beginning of the sentence, if it is near, else a little before the first find."""
    near = max(start - window // 3, 0)
    begin = max((text.rfind(sign, near, start) + 1 for sign in _ENDS), default=0) if near or start else 0
    if begin <= near:
        begin = near
    end = min(begin + window, len(text))
    begin = max(end - window, 0) if end == len(text) and begin > 0 and end - begin < window // 2 else begin
    found = _marked(text, spans, begin, end)
    before = (Piece("…"),) if begin > 0 and text[begin - 1] not in _ENDS else ()
    after = (Piece("…"),) if end < len(text) else ()
    return before + found + after
