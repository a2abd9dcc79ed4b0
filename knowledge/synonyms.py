"""Words that editors call the same: a query with one of them looks for the others too, for less.

They act on queries alone, so that a change needs no new index. `trying` lets an editor see what a group would change
before anybody else feels it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

WEIGHT = 0.55
"""Of a synonym beside the word that was said: what says the customer's own word stays first."""


class Synonyms:
    """Groups of folded words. Finding costs one pass over the query, however many groups there are."""

    def __init__(self, groups: Iterable[Sequence[str]] = ()) -> None:
        self._others: dict[str, tuple[str, ...]] = {}
        for group in groups:
            words = tuple(dict.fromkeys(word for word in group if word))
            for word in words:
                known = self._others.get(word, ())
                self._others[word] = tuple(dict.fromkeys([*known, *(other for other in words if other != word)]))
        spelled = [_spelled(word) for word in sorted(self._others, key=len, reverse=True)]
        self._pattern = re.compile("|".join(spelled)) if spelled else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def beside(self, folded: str) -> list[str]:
        """The words to look for beside those of a folded query, without those that it holds already."""
        if self._pattern is None:
            return []
        found = dict.fromkeys(other for match in self._pattern.finditer(folded) for other in self._others[match.group()])
        return [word for word in found if word not in folded]


def _spelled(word: str) -> str:
    left = r"(?<![a-z0-9])" if word[0].isascii() else ""
    right = r"(?![a-z0-9])" if word[-1].isascii() else ""
    return left + re.escape(word) + right


_current = Synonyms()
_tried: ContextVar[Synonyms | None] = ContextVar("synonyms_tried", default=None)


def use_synonyms(synonyms: Synonyms) -> None:
    """From now on, in this process."""
    global _current
    _current = synonyms


def synonyms_now() -> Synonyms:
    """Those in force here: what is being tried, else what holds for everybody."""
    tried = _tried.get()
    return _current if tried is None else tried


@contextmanager
def trying(synonyms: Synonyms) -> Iterator[None]:
    """Searches within this block, and nobody else's, use these."""
    token = _tried.set(synonyms)
    try:
        yield
    finally:
        _tried.reset(token)
