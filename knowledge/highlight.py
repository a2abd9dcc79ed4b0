"""The best passage of an article for a query, with the places where the query was found.

Nothing is cut into words here: the query's terms are looked for in the folded text, which costs microseconds where
cutting the stored text again would cost tens of milliseconds.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from knowledge.analysis import fold_in_place
from knowledge.index import Passage, Piece

WINDOW = 140
_ENDS = "。！？；!?;\n"


def _pattern(terms: Mapping[str, float]) -> re.Pattern[str] | None:
    return _pattern_of(tuple(terms))


@lru_cache(maxsize=32)
def _pattern_of(terms: tuple[str, ...]) -> re.Pattern[str] | None:
    choices = []
    for term in sorted(terms, key=len, reverse=True):
        spelled = re.escape(term)
        if term.isascii():
            spelled = rf"(?<![a-z0-9]){spelled}(?:e?s)?(?![a-z0-9])"
        choices.append(spelled)
    return re.compile("|".join(choices)) if choices else None


def _value(found: str, terms: Mapping[str, float]) -> float:
    return terms.get(found) or terms.get(found.rstrip("s")) or terms.get(found[:-2]) or 0.0


def _spots(folded: str, pattern: re.Pattern[str], terms: Mapping[str, float]) -> list[tuple[int, int, str]]:
    spots = []
    place = 0
    while match := pattern.search(folded, place):
        spots.append((match.start(), match.end(), match.group()))
        # Han terms overlap (pairs): look again one character on.
        place = match.start() + 1 if not match.group().isascii() else match.end()
    return spots


def _worth(names: set[str], terms: Mapping[str, float]) -> float:
    return sum(_value(name, terms) for name in names)


def pieces(text: str, terms: Mapping[str, float]) -> tuple[Piece, ...]:
    """The whole text, cut at the places where a term was found."""
    pattern = _pattern(terms)
    spots = _spots(fold_in_place(text), pattern, terms) if pattern else []
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
    pattern = _pattern(terms)
    if pattern is None:
        return shown[0], _window(shown[0].text, [], 0, window)
    best: tuple[float, int, list[tuple[int, int, str]], int] = (0.0, 0, [], 0)
    for number, passage in enumerate(shown):
        spots = _spots(fold_in_place(passage.text), pattern, terms)
        heading = {match.group() for match in pattern.finditer(fold_in_place(passage.heading))}
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
    pattern = _pattern(terms)
    stretch = text[begin : end + size]
    spots = _spots(fold_in_place(stretch), pattern, terms) if pattern else []
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
