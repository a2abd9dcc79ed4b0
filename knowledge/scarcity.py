"""What an index knows of the words of a question: which of them are so scarce that they may be misspelled, and whether
another spelling could hold clearly more of it. Asking this costs a twentieth of a search, so it is asked first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from knowledge.analysis import QueryTokens, query_tokens
from knowledge.index import Index
from knowledge.ranking import Plan, plan

SCARCER = 10
"""What was typed is taken for a mistake where the other word stands in so many times more articles."""


@dataclass(frozen=True)
class Exchange:
    """A stretch of a folded question, from `start` to `end`, exchanged for another text; `worth` orders the guesses."""

    worth: float
    start: int
    end: int
    other: str

    def within(self, folded: str) -> str:
        """The question with the other text in it."""
        return folded[: self.start] + self.other + folded[self.end :]


class Scarcity:
    """Counts of one index, asked for many at a time and kept while one question is looked at."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._documents = 0
        self._known: dict[tuple[str, str], int] = {}

    def counts(self, terms: Sequence[tuple[str, str]]) -> list[int]:
        """In how many articles each (space, text) stands. Raises IndexUnavailable."""
        unknown = list(dict.fromkeys(term for term in terms if term not in self._known))
        if unknown:
            told = self._index.rarity(unknown)
            self._documents = told.documents
            self._known.update(told.counts)
        return [self._known[term] for term in terms]

    def mistaken(self, folded: str, words: Sequence[tuple[int, str]], exchanges: Iterable[Exchange]) -> list[Exchange]:
        """The exchanges whose words are common where those they take away are scarce. `words` are the Han words of the
        question, each with where it begins."""
        looked_at = [(one, _taken(folded, words, one)) for one in exchanges]
        self.counts([term for one, taken in looked_at for term in (("w", one.other), *taken.terms)])
        return [one for one, taken in looked_at if self._common(one, taken)]

    def _common(self, exchange: Exchange, taken: "_Taken") -> bool:
        (now,), before = self.counts([("w", exchange.other)]), self.counts(taken.words)
        if not now or now < SCARCER * max(before, default=0):
            return False
        lost, won = self.counts(taken.pairs), self.counts(taken.brought)
        return min(won, default=now) >= SCARCER * min(lost, default=0)

    def plan(self, tokens: QueryTokens) -> Plan:
        """What looking for these tokens would look for."""

        def df(terms: Sequence[tuple[str, str]]) -> list[int]:
            # Single characters out of words are missing from no article: how rare they are does not matter here.
            counted = [term for term in terms if term[0] != "c" or term[1] in tokens.chars]
            found = dict(zip(counted, self.counts(counted), strict=True))
            return [found.get(term, 0) for term in terms]

        self.counts([("w", text) for text in tokens.words])  # tells how many documents there are
        return plan(tokens, self._documents, df)


@dataclass(frozen=True)
class _Taken:
    """What an exchange takes away: words and pairs; and the pairs that it brings in their place."""

    words: list[tuple[str, str]]
    pairs: list[tuple[str, str]]
    brought: list[tuple[str, str]]

    @property
    def terms(self) -> list[tuple[str, str]]:
        return [*self.words, *self.pairs, *self.brought]


def _taken(folded: str, words: Sequence[tuple[int, str]], exchange: Exchange) -> _Taken:
    changed = exchange.within(folded)
    gone = [
        ("w", word)
        for at, word in words
        if len(word) > 1 and at < exchange.end and at + len(word) > exchange.start and changed[at : at + len(word)] != word
    ]
    part = folded[exchange.start : exchange.end]
    both = zip(map("".join, pairwise(part)), map("".join, pairwise(exchange.other)), strict=True)
    differ = [(before, now) for before, now in both if before != now]
    return _Taken(gone, [("p", before) for before, _ in differ], [("p", now) for _, now in differ])


class Hope:
    """Whether another spelling could reach a coverage, if the first hit held all that the spelling brings in."""

    def __init__(self, scarcity: Scarcity, text: str, known: float) -> None:
        self._scarcity = scarcity
        asked = query_tokens(text)
        told = scarcity.plan(asked)
        self._held = known * told.asked_value
        self._terms = {("w", word) for word in asked.words} | {("p", pair) for pair in asked.pairs} | {("c", char) for char in asked.chars}

    def reaches(self, text: str, coverage: float) -> bool:
        """Raises IndexUnavailable."""
        told = self._scarcity.plan(query_tokens(text))
        gain = sum(term.value for term in told.terms if term.asked and (term.space, term.text) not in self._terms)
        return self._held + gain >= coverage * told.asked_value
