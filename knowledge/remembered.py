"""The answers of a moment ago: when something breaks, everybody asks the same, and most pages of answers are looked at twice."""

import threading
from collections import OrderedDict
from collections.abc import Hashable

from knowledge.analysis import QueryTokens
from knowledge.index import Hits, Query
from knowledge.learning.model import model_now
from knowledge.learning.reordering import is_recording

MOST = 512
"""Answers that are kept; ten hits with their passages are about 15 KB."""


class Remembered:
    """Answers of one state of an index, the last asked ones. They go with it, so that nothing outlives a change."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._guard = threading.Lock()
        self._kept: OrderedDict[Hashable, Hits] = OrderedDict()

    def get(self, key: Hashable | None) -> Hits | None:
        with self._guard:
            found = self._kept.get(key) if key is not None else None
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable | None, hits: Hits) -> Hits:
        if key is None:
            return hits
        with self._guard:
            self._kept[key] = hits
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return hits


def key_of(query: Query, words: QueryTokens) -> Hashable | None:
    """All that an answer depends on beside the state of the index: who reads, what is wanted, into which words it is cut now,
    and the weights in force. None while features are written down, for those are of this very search."""
    if is_recording():
        return None
    cut = tuple(frozenset(part.items()) for part in (words.words, words.pairs, words.chars))
    return query, cut, words.added, model_now()
