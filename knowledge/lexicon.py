"""The words of titles, questions and the word lists, by sound and by look: for suggestions and for did-you-mean.

Each process reads what is new a few hundred articles at a time, when somebody types. Words of articles that the
reader may not read are in here too: whoever shows a word must first have found it for that reader.
"""

import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import log

from sqlalchemy import Select, and_, func, or_, select

from app.core.catalogue import Product
from app.core.db import session
from app.core.events import EventRow
from knowledge import pinyin
from knowledge.analysis import HAN_WORD, fold, shipped_terms, tokens
from knowledge.codes import CHUNK, is_code
from knowledge.models import Article, Revision
from knowledge.term_models import Term

AT_ONCE = 300
LONGEST = 8
_PATHS = 3


class Lexicon:
    """Words and how often they were met. Not tied to a database; `lexicon_now` keeps the one of this process."""

    def __init__(self) -> None:
        self.words: dict[str, int] = {}
        self.latin: dict[str, int] = {}
        self.codes: dict[str, int] = {}
        self._full: defaultdict[str, list[str]] = defaultdict(list)
        self._initials: defaultdict[str, list[str]] = defaultdict(list)
        self._near: defaultdict[str, list[str]] = defaultdict(list)
        self._holes: defaultdict[str, list[str]] = defaultdict(list)
        self._begun: set[str] = set()
        self._latin_ends: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        self._sorted: dict[str, list[str]] = {}

    def add(self, texts: Iterable[str]) -> None:
        """Meet the words of some texts."""
        for text in texts:
            for word in tokens(text).words:
                self.meet(word)

    def meet(self, word: str, times: int = 1) -> None:
        """Meet a word; what is neither Han of 2 to 8 characters, nor a plain Latin word, nor a code is passed over."""
        if word in self.words:
            self.words[word] += times
        elif HAN_WORD.fullmatch(word) and 1 < len(word) <= LONGEST:
            self._learn(word)
            self.words[word] = times
        elif len(word) > 2 and word.isascii() and word.isalpha():
            if word not in self.latin:
                self._sorted.pop("latin", None)
                for end in {f"{word[0]}-", f"-{word[-1]}"}:
                    self._latin_ends[end].append((len(self.latin), word))
            self.latin[word] = self.latin.get(word, 0) + times
        elif word.isascii() and is_code(word):
            if word not in self.codes:
                self._sorted.pop("codes", None)
            self.codes[word] = self.codes.get(word, 0) + times

    def _learn(self, word: str) -> None:
        for key in pinyin.full(word):
            self._full[key].append(word)
        for key in pinyin.initials(word):
            self._initials[key].append(word)
        for key in pinyin.near(word):
            self._near[key].append(word)
        if len(word) > 2:
            self._begun.update(_two_sounds(word[:2])[1])
            for place in range(len(word)):
                self._holes[word[:place] + "?" + word[place + 1 :]].append(word)
        self._sorted.pop("full", None)

    def alike(self, word: str, *, sound_only: bool = False) -> Iterator[tuple[str, float]]:
        """Known words that sound or look like this one, with a cost from 0 (the same sound) to 1; `sound_only` gives
        those of the very same sound."""
        costs: dict[str, float] = {}
        tables: list[tuple[float, Mapping[str, list[str]], Iterable[str]]] = []
        if len(word) == 2:
            same, close = _two_sounds(word)
            tables = [(0.1, self._full, same), (0.3, self._near, () if sound_only else close)]
        elif not self._begun.isdisjoint(_two_sounds(word[:2])[1]):  # most stretches of a question begin like no word at all
            spelled = pinyin.spellings(word)
            tables = [(0.1, self._full, {"".join(syllables) for syllables in spelled})]
            tables += [] if sound_only else [(0.3, self._near, pinyin.near_of(spelled))]
        if not sound_only:
            tables.append((0.5, self._holes, _holes(word)))
        for cost, table, keys in tables:
            for key in keys:
                for found in table.get(key, ()):
                    if found != word and len(found) == len(word):
                        costs.setdefault(found, cost)
        yield from costs.items()

    def latin_alike(self, word: str) -> list[str]:
        """Known Latin words one keystroke away; short ones are left alone."""
        if len(word) < 4:
            return []
        # One keystroke changes the first letter or the last one, never both.
        near = {*self._latin_ends.get(f"{word[0]}-", ()), *self._latin_ends.get(f"-{word[-1]}", ())}
        return [other for _, other in sorted(near) if abs(len(other) - len(word)) < 2 and _one_off(word, other)]

    def latin_beginning(self, start: str, most: int = 3) -> list[str]:
        """Known Latin words that begin so, the most frequent first."""
        found = self._beginning("latin", self.latin, start)
        return sorted(found, key=lambda word: -self.latin[word])[:most]

    def codes_beginning(self, start: str, most: int = 3) -> list[str]:
        """Known codes that begin so, the most frequent first: E07 for who has typed E0."""
        found = self._beginning("codes", self.codes, start)
        return sorted(found, key=lambda code: -self.codes[code])[:most]

    def beginning(self, sound: str, most: int = 8) -> list[str]:
        """Han words whose full pinyin begins so, the most frequent first."""
        keys = self._beginning("full", self._full, sound)
        found = dict.fromkeys(word for key in keys[:200] for word in self._full[key])
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
                choices = [(word, 1.0) for word in self._full.get(part, ())]
                if end - start <= LONGEST:
                    choices += [(word, 0.45) for word in self._initials.get(part, ())]
                if unfinished and end == len(letters) and not choices:
                    choices += [(word, 0.7) for word in self.beginning(part)]
                for word, sure in sorted(choices, key=lambda one: -self._worth(*one))[:_PATHS]:
                    best[end] += [(value + self._worth(word, sure), text + word) for value, text in best[start]]
                best[end] = sorted(set(best[end]), key=lambda one: -one[0])[:_PATHS]
        return [text for _, text in best[-1]]

    def _worth(self, word: str, sure: float) -> float:
        # One long word says more than two short ones of the same letters; one that no article has met says less.
        sure *= 1.0 if self.words[word] else 0.7
        return float(sure * len(word) ** 1.4 + 0.1 * log(1 + self.words[word]))


@lru_cache(maxsize=8192)
def _two_sounds(pair: str) -> tuple[frozenset[str], frozenset[str]]:
    """How two characters sound, and what is easily taken for it."""
    spelled = pinyin.spellings(pair)
    return frozenset("".join(syllables) for syllables in spelled), frozenset(pinyin.near_of(spelled))


def _holes(word: str) -> set[str]:
    return {word[:place] + "?" + word[place + 1 :] for place in range(len(word))} if len(word) > 2 else set()


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
_LAST = 2**31 - 1
_nothing_at = _looked_at = 0.0


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
    so that those need not."""
    address = str(session().get_bind())
    more = True
    while more:
        with _lock:
            more = _read_some(address)[1]
        session().rollback()
        pause()


def _read_some(address: str) -> tuple[Lexicon, bool]:
    """The lexicon, and whether there may be more to read at once."""
    global _kept, _nothing_at, _looked_at
    if _kept is None or _kept[0] != address:
        fresh = Lexicon()
        for word in shipped_terms():
            fresh.meet(word, 0)
        _kept, _nothing_at = (address, fresh, _Place(changed=_newest())), 0.0
    _, lexicon, place = _kept
    if not place.first:
        if time.monotonic() - _nothing_at < LOOK_EVERY:
            return lexicon, False
        event = session().scalar(select(func.max(EventRow.id)))
        if event == place.event and time.monotonic() - _looked_at < LOOK_ANYWAY:
            _nothing_at = time.monotonic()
            return lexicon, False
    else:
        event = None
    rows = _rows_by_number(place.number) if place.first else _rows_changed(place.changed)
    for _, _, title, questions in rows:
        lexicon.add([title, *(questions or ())])
    ended = len(rows) < AT_ONCE
    if rows and ended:
        _meet_lists(lexicon)
    if place.first:
        last = rows[-1][1] if rows else place.number
        _kept = (address, lexicon, _Place(last, place.changed, first=not ended))
    else:
        if ended:
            _nothing_at = _looked_at = time.monotonic()
        changed = (rows[-1][0], rows[-1][1]) if rows else place.changed
        _kept = (address, lexicon, _Place(place.number, changed, first=False, event=event if ended else None))
    return lexicon, bool(place.first or not ended)


def _meet_lists(lexicon: Lexicon) -> None:
    for text in (*session().scalars(select(Term.text)), *session().scalars(select(Product.name))):
        for chunk in [*HAN_WORD.findall(fold(text)), *CHUNK.findall(fold(text))]:
            if not is_code(chunk):
                lexicon.meet(chunk)


_ROWS = (
    select(Article.updated_at, Article.id, Article.title, Revision.questions)
    .join(Revision, Revision.id == Article.current_revision_id)
    .where(Article.state == "published")
    .limit(AT_ONCE)
)
Rows = list[tuple[datetime, int, str, list[str]]]


def _newest() -> tuple[datetime, int] | None:
    """When the youngest change of now was; what comes later is read after all numbers were."""
    newest = session().scalar(select(func.max(Article.updated_at)).where(Article.state == "published"))
    return None if newest is None else (newest, _LAST)


def _rows_by_number(after: int) -> Rows:
    return _rows(_ROWS.where(Article.id > after).order_by(Article.id))


def _rows_changed(place: tuple[datetime, int] | None) -> Rows:
    """Published articles changed after the place, oldest first. One read a second time only counts its words again."""
    rows = _ROWS.order_by(Article.updated_at, Article.id)
    if place is not None:
        at, number = place
        rows = rows.where(or_(Article.updated_at > at, and_(Article.updated_at == at, Article.id > number)))
    return _rows(rows)


def _rows(statement: Select[datetime, int, str, list[str]]) -> Rows:
    return [(at, number, title, questions) for at, number, title, questions in session().execute(statement)]
