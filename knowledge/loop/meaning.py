"""When two questions mean the same: small and plain, so that an editor can foresee it.

A question is its words without question words, codes whole. Equal words are one question; so are questions that share
most of their words, where one word may hold the other (丢, 丢失), and questions that share some and were shown the same
article first. Different codes are different questions.
"""

import hashlib
from dataclasses import dataclass

from knowledge.analysis import query_tokens

ALIKE = 0.6
"""Share of common words (Dice) from which two questions are one."""
SAME_ANSWER = 0.55
MOST = 24
_EMPTY = "的了是在有啊呢吗吧老总就都"  # data


@dataclass(frozen=True)
class Meaning:
    """The words of a question, sorted; `key` is the same for equal words."""

    words: tuple[str, ...]

    @property
    def key(self) -> str:
        return hashlib.sha256("\n".join(self.words).encode()).hexdigest()[:40]

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(w.replace("-", "") for w in self.words if any(c.isdigit() for c in w))

    def __bool__(self) -> bool:
        return bool(self.words)


def meaning_of(text: str) -> Meaning:
    """Cuts the text, so call it outside a unit of work."""
    words = {word.strip(_EMPTY)[:64] or word for word in query_tokens(text).words}
    return Meaning(tuple(sorted(words)[:MOST]))


def likeness(one: Meaning, other: Meaning) -> float:
    """0…1: twice the common words through all words."""
    left = set(other.words)
    common = 0
    for word in sorted(one.words, key=len, reverse=True):
        if partner := next((w for w in sorted(left, key=lambda w: w != word) if _alike(word, w)), None):
            left.discard(partner)
            common += 1
    return 2 * common / max(1, len(one.words) + len(other.words))


def _alike(one: str, other: str) -> bool:
    return one == other or (not one.isascii() and not other.isascii() and (one in other or other in one))


def same(one: Meaning, other: Meaning, same_answer: bool = False) -> bool:
    """Whether two questions are one."""
    if one.codes - other.codes and other.codes - one.codes:
        return False
    if bool(one.codes) != bool(other.codes) and not same_answer:
        return False
    return likeness(one, other) >= (SAME_ANSWER if same_answer else ALIKE)
