"""The words of titles, questions and the word lists, by sound and by look: for suggestions and for did-you-mean.

The worker of a large house keeps them in a file (`knowledge.word_file`), which each process takes up in a twentieth of a
second; what changed since, and all of a small house, it reads by itself, a few hundred articles at a time. Words of
articles that the reader may not read are in here too: whoever shows a word must first have found it for that reader.
"""

import logging
import threading
import time
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from heapq import nlargest, nsmallest
from math import log
from operator import itemgetter
from pathlib import Path

from app.core.db import session
from knowledge import lexicon_rows, pinyin, word_file
from knowledge.analysis import HAN_WORD, fold, shipped_terms, tokens
from knowledge.codes import CHUNK, is_code
from knowledge.word_tables import Arrays, Parts, Table, packed_words, unpacked_words

logger = logging.getLogger("huiyin.search")
AT_ONCE = 300
LONGEST = 8
_PATHS = 3
_EACH = 0.6


class Lexicon:
    """Words and how often they were met. Not tied to a database; `lexicon_now` keeps the one of this process."""

    def __init__(self, parts: Parts | None = None) -> None:
        """Empty, or as a file tells."""
        self.words: dict[str, int] = {}
        self.latin: dict[str, int] = {}
        self.codes: dict[str, int] = {}
        self._full, self._initials = Table("full", parts), Table("initials", parts)
        self._near, self._holes = Table("near", parts), Table("holes", parts)
        self._begun: set[str] = set()
        self._latin_ends: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))
        self._sorted: dict[str, list[str]] = {}
        if parts is not None:
            self.words, self.codes = unpacked_words(parts, "han"), unpacked_words(parts, "codes")
            self._begun.update(unpacked_words(parts, "begun"))
            for word, times in unpacked_words(parts, "latin").items():
                self._meet_latin(word, times)
        self._spelled = list(self.words)
        self._latin_spelled = list(self.latin)
        self._by_spelling: list[int] = []

    def packed(self) -> Arrays:
        """All of it as arrays for a file; of one that did not come out of a file."""
        found = packed_words(self.words, "han") | packed_words(self.latin, "latin") | packed_words(self.codes, "codes")
        found |= packed_words(dict.fromkeys(sorted(self._begun), 0), "begun")
        for table in (self._full, self._initials, self._near, self._holes):
            found |= table.packed()
        return found

    def add(self, texts: Iterable[str]) -> None:
        """Meet the words of some texts."""
        for text in texts:
            for word in tokens(text).words:
                self.meet(word)

    def meet(self, word: str, times: int = 1) -> None:
        """Meet a word; what is neither Han of 2 to 8 characters, nor a plain Latin word, nor a code is passed over."""
        for known in (self.words, self.latin, self.codes):
            if word in known:
                known[word] += times
                return
        if len(word) < 2:
            return
        if HAN_WORD.fullmatch(word):
            if len(word) <= LONGEST:
                self.words[word] = times  # first: other threads look at what they find meanwhile
                self._learn(word)
        elif len(word) > 2 and word.isascii() and word.isalpha():
            self._latin_spelled.append(word)
            self._meet_latin(word, times)
        elif word.isascii() and is_code(word):
            self._sorted.pop("codes", None)
            self.codes[word] = times

    def _meet_latin(self, word: str, times: int) -> None:
        self._sorted.pop("latin", None)
        for end in {f"{word[0]}-", f"-{word[-1]}"}:
            self._latin_ends[end].append(len(self.latin))
        self.latin[word] = times

    def _learn(self, word: str) -> None:
        number, spelled = len(self._spelled), pinyin.spellings(word)
        self._spelled.append(word)
        for key in {"".join(syllables) for syllables in spelled}:
            self._full.add(key, number)
        for key in {"".join(syllable[0] for syllable in syllables) for syllables in spelled}:
            self._initials.add(key, number)
        for key in pinyin.near_of(spelled):
            self._near.add(key, number)
        if len(word) > 2:
            self._begun.update(_two_sounds(word[:2])[1])
            for key in _holes(word):
                self._holes.add(key, number)

    def alike(self, word: str, *, sound_only: bool = False) -> Iterator[tuple[str, float]]:
        """Known words that sound or look like this one, with a cost from 0 (the same sound) to 1; `sound_only` gives
        those of the very same sound."""
        costs: dict[str, float] = {}
        tables: list[tuple[float, Table, Iterable[str]]] = []
        if len(word) == 2:
            same, close = _two_sounds(word)
            tables = [(0.1, self._full, same), (0.3, self._near, () if sound_only else close)]
        elif not self._begun.isdisjoint(_two_sounds(word[:2])[1]):  # most stretches of a question begin like no word at all
            spelled = pinyin.spellings(word)
            tables = [(0.1, self._full, dict.fromkeys("".join(syllables) for syllables in spelled))]
            tables += [] if sound_only else [(0.3, self._near, sorted(pinyin.near_of(spelled)))]
        if not sound_only:
            tables.append((0.5, self._holes, _holes(word)))
        for cost, table, keys in tables:
            for key in keys:
                for found in map(self._spelled.__getitem__, table.get(key)):
                    if found != word and len(found) == len(word):
                        costs.setdefault(found, cost)
        yield from costs.items()

    def latin_alike(self, word: str) -> list[str]:
        """Known Latin words one keystroke away; short ones are left alone."""
        if len(word) < 4:
            return []
        # One keystroke changes the first letter or the last one, never both.
        near = {*self._latin_ends.get(f"{word[0]}-", ()), *self._latin_ends.get(f"-{word[-1]}", ())}
        others = [(number, self._latin_spelled[number]) for number in near]
        close = [(number, other) for number, other in others if abs(len(other) - len(word)) < 2 and _one_off(word, other)]
        return [other for _, other in sorted(close)]

    def latin_beginning(self, start: str, most: int = 3) -> list[str]:
        """Known Latin words that begin so, the most frequent first."""
        found = self._beginning("latin", self.latin, start)
        return sorted(found, key=lambda word: -self.latin[word])[:most]

    def codes_beginning(self, start: str, most: int = 3) -> list[str]:
        """Known codes that begin so, the most frequent first: E07 for who has typed E0."""
        found = self._beginning("codes", self.codes, start)
        return sorted(found, key=lambda code: -self.codes[code])[:most]

    def han_beginning(self, start: str, most: int = 3, least: int = 2) -> list[str]:
        """Han words written so at their beginning and met `least` times, the most frequent first."""
        order = self._by_spelling
        if len(order) != len(self._spelled):
            added = range(len(order), len(self._spelled))
            order = sorted([*order, *added], key=self._spelled.__getitem__)
            self._by_spelling = order
        spelled = self._spelled.__getitem__
        first = bisect_left(order, start, key=spelled)
        found = [(spelled(n), n) for n in order[first : bisect_left(order, start + "\U0010ffff", first, key=spelled)]]
        often = [(-self.words[word], n, word) for word, n in found if self.words[word] >= least]
        return [word for *_, word in nsmallest(most, often)]

    def beginning(self, sound: str, most: int = 8) -> list[str]:
        """Han words whose full pinyin begins so, the most frequent first."""
        numbers = dict.fromkeys(n for key in self._full.beginning(sound, 200) for n in self._full.get(key))
        found = [self._spelled[n] for n in numbers]
        return sorted(found, key=lambda word: -self.words[word])[:most]

    def _beginning(self, name: str, table: Iterable[str], start: str) -> list[str]:
        if name not in self._sorted:
            self._sorted[name] = sorted(table)
        ordered = self._sorted[name]
        return ordered[bisect_left(ordered, start) : bisect_left(ordered, start + "\U0010ffff")]

    def spoken(self, letters: str, unfinished: bool = False) -> list[str]:
        """Han text that these letters may stand for, the likeliest first: pinyin, initials, or both in turn. `unfinished`
        lets the last word be begun only."""
        if not 2 <= len(letters) <= 40:
            return []
        best: list[list[tuple[float, str]]] = [[(0.0, "")], *([] for _ in letters)]
        for start in range(len(letters)):
            if not best[start]:
                continue
            for end in range(start + 2, len(letters) + 1):
                part = letters[start:end]
                choices = [(self._spelled[n], 1.0) for n in self._full.get(part)]
                if end - start <= LONGEST:
                    choices += [(self._spelled[n], 0.35) for n in self._initials.get(part)]
                if unfinished and end == len(letters) and not choices:
                    choices += [(word, 0.9) for word in self.beginning(part)]
                valued = [(self._worth(word, sure * len(part)), word) for word, sure in choices]
                for worth, word in nlargest(_PATHS, valued, key=itemgetter(0)):
                    best[end] += [(value + worth, text + word) for value, text in best[start]]
                # Not by a set: where two are worth the same, every process takes the same one.
                best[end] = sorted(dict.fromkeys(best[end]), key=lambda one: -one[0])[:_PATHS]
        return [text for _, text in best[-1]]

    def _worth(self, word: str, heard: float) -> float:
        # What counts is how many letters are heard in the word as a whole: among 20,000 words nearly any letters are the
        # initials of some. One long word says more than two short ones; one that no article has met says less.
        return heard * (1.0 if self.words[word] else 0.7) - _EACH + 0.1 * log(1 + self.words[word])


@lru_cache(maxsize=8192)
def _two_sounds(pair: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """How two characters sound, and what is easily taken for it."""
    spelled = pinyin.spellings(pair)
    return tuple(dict.fromkeys("".join(syllables) for syllables in spelled)), tuple(sorted(pinyin.near_of(spelled)))


def _holes(word: str) -> list[str]:
    return [word[:place] + "?" + word[place + 1 :] for place in range(len(word))] if len(word) > 2 else []


def _one_off(one: str, other: str) -> bool:
    if one == other:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    left, right = one[start:], other[start:]
    swapped = len(left) > 1 and left[:2] == right[1::-1] and left[2:] == right[2:]
    return left[1:] == right[1:] or left[1:] == right or left == right[1:] or swapped


@dataclass(frozen=True)
class _Place:
    """How far the database was read: first all published articles by number, then what was changed since that began."""

    number: int = 0
    changed: tuple[datetime, int] | None = None
    first: bool = True
    event: int | None = None


_lock = threading.Lock()
_kept: tuple[str, Lexicon, _Place] | None = None
LOOK_EVERY = 1.0
"""Seconds after which it is asked again whether anything happened, when nothing had."""
LOOK_ANYWAY = 30.0
"""Seconds after which articles are looked at although nothing happened: that reads all that are published."""
LARGE = 2000
"""Published articles from which on the worker keeps a file; the titles of fewer are read in less than half a second."""
PATIENCE, LOOK_FOR_FILE = 60.0, 0.25
"""Seconds for which a web process of a large house waits, beside its requests, for a file that the worker has yet to
make; and between two looks."""
_nothing_at = _looked_at = 0.0
_folder: Path | None = None
_seen: tuple[Path, word_file.Mark] | None = None
_file_looked_at = 0.0
_waiting = False


def use_folder(folder: Path) -> None:
    """Where the file of words of this installation is."""
    global _folder, _file_looked_at
    if folder != _folder:
        _folder, _file_looked_at = folder, 0.0


def lexicon_now() -> Lexicon:
    """The lexicon of this process, after reading some of what is new in the database. While somebody else reads, as it is."""
    address = str(session().get_bind())
    kept = _kept
    if not _lock.acquire(blocking=kept is None or kept[0] != address):
        assert kept is not None
        return kept[1]
    try:
        return _read_some(address)[0]
    finally:
        _lock.release()


def read_all(pause: Callable[[], object] = lambda: None) -> None:
    """Read all there is, with a `pause` after every few hundred articles: a web process does it beside its first requests,
    so that those need not. In a large house that is the file, which is waited for when the worker has yet to make it."""
    global _waiting
    address = str(session().get_bind())
    waited = time.monotonic() + PATIENCE
    _waiting = is_large()
    try:
        while _waiting and time.monotonic() < waited:
            with _lock:
                _read_some(address)
                if _kept is not None and not _kept[2].first:
                    break
            session().rollback()
            time.sleep(LOOK_FOR_FILE)
    finally:
        _waiting = False
    more = True
    while more:
        with _lock:
            more = _read_some(address)[1]
        session().rollback()
        pause()


def is_large() -> bool:
    """Whether this house's words are kept in a file."""
    return _folder is not None and lexicon_rows.published() >= LARGE


def _take_up_file(address: str) -> None:
    """Go on from the file in force, if it is one that this process does not have."""
    global _kept, _nothing_at, _seen, _file_looked_at
    if _folder is None or (_kept is not None and _kept[0] == address and time.monotonic() - _file_looked_at < LOOK_EVERY):
        return
    _file_looked_at = time.monotonic()
    mark = word_file.mark_of(_folder)
    if mark is None or ((_folder, mark) == _seen and _kept is not None and _kept[0] == address):
        return
    _seen = (_folder, mark)
    try:
        told = word_file.read_told(_folder, address)
        lexicon = Lexicon(word_file.read_parts(_folder, told))
    except word_file.NoWords as problem:
        logger.warning("the file of words is not used", extra={"problem": str(problem)})
        return
    _kept = (address, lexicon, _Place(told.number, told.changed, first=False, event=told.event))
    _nothing_at = 0.0


def _read_some(address: str) -> tuple[Lexicon, bool]:
    """The lexicon, and whether there may be more to read at once."""
    global _kept, _nothing_at, _looked_at
    _take_up_file(address)
    if _kept is None or _kept[0] != address:
        _kept, _nothing_at = (address, shipped(), _Place(changed=lexicon_rows.newest())), 0.0
    _, lexicon, place = _kept
    if place.first and _waiting:
        return lexicon, True
    if not place.first:
        if time.monotonic() - _nothing_at < LOOK_EVERY:
            return lexicon, False
        event = lexicon_rows.newest_event()
        if event == place.event and time.monotonic() - _looked_at < LOOK_ANYWAY:
            _nothing_at = time.monotonic()
            return lexicon, False
        rows, ended = lexicon_rows.rows_changed(place.changed, AT_ONCE)
        number = place.number
        changed = (rows[-1].at, rows[-1].number) if rows else place.changed
    else:
        event = None
        rows, ended, number = lexicon_rows.rows_by_number(place.number, AT_ONCE)
        changed = place.changed
    for row in rows:
        lexicon.add(row.texts)
    if ended and (rows or place.first):
        meet_lists(lexicon)
    if ended and not place.first:
        _nothing_at = _looked_at = time.monotonic()
    _kept = (address, lexicon, _Place(number, changed, place.first and not ended, event if ended else None))
    return lexicon, place.first or not ended


def shipped() -> Lexicon:
    """The trade words, of which no article was met yet."""
    fresh = Lexicon()
    for word in shipped_terms():
        fresh.meet(word, 0)
    return fresh


def meet_lists(lexicon: Lexicon) -> None:
    """Meet the words of editors and products."""
    for text in lexicon_rows.list_words():
        for chunk in [*HAN_WORD.findall(fold(text)), *CHUNK.findall(fold(text))]:
            if not is_code(chunk):
                lexicon.meet(chunk)
