"""All segments of one moment: a query in, the best readable documents of all of them out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knowledge import ranking
from knowledge.analysis import QueryTokens
from knowledge.arrays import masks
from knowledge.arrays.counting import Counts
from knowledge.arrays.scorer import Scored, best_passages, held_terms, score, spans
from knowledge.arrays.segment import Bools, Floats, Ints, Segment, term_key
from knowledge.index import Query
from knowledge.lacking import Asked, Lacks
from knowledge.learning.reordering import depth_needed, reorder
from knowledge.remembered import Remembered


@dataclass(frozen=True)
class Found:
    """A document found: where it is stored, and its passage (a row of that segment)."""

    segment: Segment
    number: int
    score: float
    passage: int
    coverage: float
    strength: float
    lacks: Lacks


@dataclass(frozen=True)
class Answer:
    total: int
    items: list[Found]
    marks: dict[str, float]
    facets: dict[str, dict[str, int]]
    said: float = 0.0


NOTHING = Answer(0, [], {}, {})


class Generation:
    """Segments and what of them is deleted (None: nothing). Unchangeable, so any number of threads may ask."""

    def __init__(self, segments: Sequence[tuple[Segment, Bools | None]]) -> None:
        self.segments = tuple(segments)
        self.remembered = Remembered()
        self.documents = sum(segment.documents for segment, _ in segments)
        self.live = sum(segment.documents if gone is None else int((~gone).sum()) for segment, gone in segments)

    def stand(self) -> None:
        """Raise IndexUnavailable where a file was cut short."""
        for segment, _ in self.segments:
            segment.stand()

    def counts(self, terms: Sequence[tuple[str, str]]) -> list[int]:
        """How many documents hold each (space, text)."""
        return [int(count) for count in self._look(terms)[0]]

    def _look(self, terms: Sequence[tuple[str, str]]) -> tuple[Ints, list[Ints]]:
        self.stand()
        keys = np.fromiter((term_key(space, text) for space, text in terms), np.uint64, len(terms))
        total = np.zeros(len(terms), np.int64)
        numbers = []
        for segment, _ in self.segments:
            here = segment.find(keys)
            numbers.append(here)
            if len(segment.df):
                total += np.where(here >= 0, segment.df[here], 0)
        return total, numbers

    def search(self, query: Query, words: QueryTokens) -> Answer:
        places: dict[tuple[str, str], int] = {}
        looked: list[Ints] = []

        def df(terms: Sequence[tuple[str, str]]) -> Sequence[int]:
            places.update((term, place) for place, term in enumerate(terms))
            counts, numbers = self._look(terms)
            looked[:] = numbers
            return [int(count) for count in counts]

        plan = ranking.plan(words, self.documents, df)
        if not plan.terms:
            return NOTHING
        at = np.asarray([places[term.space, term.text] for term in plan.terms])
        values = np.asarray([term.value for term in plan.terms])
        asked = np.asarray([term.value if term.asked else 0.0 for term in plan.terms])
        rare = sum(not term.common for term in plan.terms)

        depth = query.limit + query.offset
        widest = depth_needed(depth)
        best: list[tuple[float, int, int]] = []
        scored: dict[int, tuple[Scored, Ints]] = {}
        counts = Counts(query)
        total = 0
        for place, (segment, gone) in enumerate(self.segments):
            where = spans(segment, looked[place][at])
            result = score(segment, where, values, rare)
            if result is None:
                continue
            found = result.found if gone is None else result.found & ~gone
            documents = np.flatnonzero(found & masks.allowed(segment, query))
            counts.add(segment, found, documents)
            if not len(documents):
                continue
            total += len(documents)
            scored[place] = result, where
            values_here = result.score[documents]
            for number in _best(values_here, widest):
                best.append((-float(values_here[number]), place, int(documents[number])))
        best.sort()
        best = reorder(best, [segment for segment, _ in self.segments], scored, asked, plan.asked_value)
        told = Asked(plan.rarity, [(term.space, term.text) for term in plan.terms])
        items = self._items(best[query.offset : depth], scored, asked, plan.asked_value, told)
        return Answer(total, items, plan.marks, counts.as_dicts(), told.said)

    def _items(
        self,
        best: list[tuple[float, int, int]],
        scored: dict[int, tuple[Scored, Ints]],
        asked: Floats,
        asked_value: float,
        told: Asked,
    ) -> list[Found]:
        items: dict[tuple[int, int], Found] = {}
        for place in {place for _, place, _ in best}:
            segment = self.segments[place][0]
            result, where = scored[place]
            numbers = [number for _, here, number in best if here == place]
            passages = best_passages(segment, numbers, result.rows)
            held = held_terms(segment, where, numbers, passages)
            shares = held @ asked / (asked_value or 1.0)
            for number, passage, share, lacks in zip(numbers, passages, shares, told.lacks(held), strict=True):
                value = float(result.score[number])
                strength = value / (asked_value or 1.0)
                items[place, number] = Found(segment, number, value, passage, min(float(share), 1.0), strength, lacks)
        return [items[place, number] for _, place, number in best]


def _best(values: Floats, depth: int) -> Ints:
    """The places of the highest values, and of all that equal the last of them, so that pages follow each other."""
    if depth <= 0:
        return np.empty(0, np.int64)
    if len(values) <= depth:
        return np.arange(len(values))
    least = np.partition(values, len(values) - depth)[len(values) - depth]
    return np.flatnonzero(values >= least)
