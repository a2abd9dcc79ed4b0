"""The words of titles, questions and the word lists, by sound and by look: for suggestions and for did-you-mean.

Each process reads what is new a few hundred articles at a time, when somebody types. Words of articles that the
reader may not read are in here too: whoever shows a word must first have found it for that reader.
"""

import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from math import log

from sqlalchemy import and_, or_, select

from app.core.catalogue import Product
from app.core.db import session
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
        self._full: defaultdict[str, list[str]] = defaultdict(list)
        self._initials: defaultdict[str, list[str]] = defaultdict(list)
        self._near: defaultdict[str, list[str]] = defaultdict(list)
        self._holes: defaultdict[str, list[str]] = defaultdict(list)
        self._sorted: dict[str, list[str]] = {}

    def add(self, texts: Iterable[str]) -> None:
        """Meet the words of some texts."""
        for text in texts:
            for word in tokens(text).words:
                self.meet(word)

    def meet(self, word: str, times: int = 1) -> None:
        """Meet a word; what is neither Han of 2 to 8 characters nor a plain Latin word is passed over."""
        if HAN_WORD.fullmatch(word) and 1 < len(word) <= LONGEST:
            if word not in self.words:
                self._learn(word)
            self.words[word] = self.words.get(word, 0) + times
        elif len(word) > 2 and word.isascii() and word.isalpha():
            if word not in self.latin:
                self._sorted.pop("latin", None)
            self.latin[word] = self.latin.get(word, 0) + times

    def _learn(self, word: str) -> None:
        for key in pinyin.full(word):
            self._full[key].append(word)
        for key in pinyin.initials(word):
            self._initials[key].append(word)
        for key in pinyin.near(word):
            self._near[key].append(word)
        if len(word) > 2:
            for place in range(len(word)):
                self._holes[word[:place] + "?" + word[place + 1 :]].append(word)
        self._sorted.pop("full", None)

    def alike(self, word: str) -> Iterator[tuple[str, float]]:
        """Known words that sound or look like this one, with a cost from 0 (the same sound) to 1."""
        costs: dict[str, float] = {}
        for found, cost in (
            *((other, 0.1) for key in pinyin.full(word) for other in self._full.get(key, ())),
            *((other, 0.3) for key in pinyin.near(word) for other in self._near.get(key, ())),
            *((other, 0.5) for key in _holes(word) for other in self._holes.get(key, ())),
        ):
            if found != word and len(found) == len(word):
                costs[found] = min(cost, costs.get(found, 1.0))
        yield from costs.items()

    def latin_alike(self, word: str) -> list[str]:
        """Known Latin words one keystroke away; short ones are left alone."""
        if len(word) < 4:
            return []
        return [other for other in self.latin if abs(len(other) - len(word)) < 2 and _one_off(word, other)]

    def latin_beginning(self, start: str, most: int = 3) -> list[str]:
        """Known Latin words that begin so, the most frequent first."""
        found = self._beginning("latin", self.latin, start)
        return sorted(found, key=lambda word: -self.latin[word])[:most]

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


_lock = threading.Lock()
_kept: tuple[str, Lexicon, tuple[datetime, int] | None] | None = None
LOOK_EVERY = 1.0
"""Seconds after which it is asked again whether articles changed, when nothing had: that reads all that are published."""
_nothing_at = 0.0


def lexicon_now() -> Lexicon:
    """The lexicon of this process, after reading some of what is new in the database."""
    global _kept, _nothing_at
    address = str(session().get_bind())
    with _lock:
        if _kept is None or _kept[0] != address:
            fresh = Lexicon()
            for word in shipped_terms():
                fresh.meet(word, 0)
            _kept = (address, fresh, None)
        _, lexicon, place = _kept
        if place is not None and time.monotonic() - _nothing_at < LOOK_EVERY:
            return lexicon
        rows = _new_rows(place)
        _nothing_at = 0.0 if rows else time.monotonic()
        for at, number, title, questions in rows:
            lexicon.add([title, *(questions or ())])
            place = (at, number)
        if rows:
            for text in (*session().scalars(select(Term.text)), *session().scalars(select(Product.name))):
                for chunk in [*HAN_WORD.findall(fold(text)), *CHUNK.findall(fold(text))]:
                    if not is_code(chunk):
                        lexicon.meet(chunk)
        _kept = (address, lexicon, place)
        return lexicon


def _new_rows(place: tuple[datetime, int] | None) -> list[tuple[datetime, int, str, list[str]]]:
    """Published articles changed after the place, oldest first. One read a second time only counts its words again."""
    rows = (
        select(Article.updated_at, Article.id, Article.title, Revision.questions)
        .join(Revision, Revision.id == Article.current_revision_id)
        .where(Article.state == "published")
        .order_by(Article.updated_at, Article.id)
        .limit(AT_ONCE)
    )
    if place is not None:
        at, number = place
        rows = rows.where(or_(Article.updated_at > at, and_(Article.updated_at == at, Article.id > number)))
    return [(at, number, title, questions) for at, number, title, questions in session().execute(rows)]
