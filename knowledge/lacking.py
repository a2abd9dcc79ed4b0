"""Which words of a question a hit lacks: what keeps a machine from answering with an article that is about something else."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from knowledge.analysis import HAN, rarity_in_talk

Floats = NDArray[np.float64]
_HAN = re.compile(f"[{HAN}]")
_JOINTS = re.compile(r"[\W_]+")
_LEADING = re.compile(r"(?<=[a-z])0+(?=\d)")
_PIECE = 0.5
"""What a piece of a code is worth where the whole is missing: V20 of HK-V20."""


@dataclass(frozen=True)
class Lacks:
    """`missing` is the share of the words' rarity that stands neither whole nor in pieces in title, questions and best
    passage; `words` are those of which nothing stands there."""

    missing: float
    words: tuple[str, ...]


class Asked:
    """The words of one question, and which of the plan's terms would show that an article holds each of them."""

    def __init__(self, rarity: Mapping[str, float], terms: Sequence[tuple[str, str]]) -> None:
        """`rarity` of each word of the question, 1 for one that stands in no article; `terms` as (space, text)."""
        places = {term: place for place, term in enumerate(terms)}
        columns: list[dict[int, float]] = []
        self.words: list[str] = []
        weights: list[float] = []
        for word, forms in _together(rarity).items():
            shares: dict[int, float] = {}
            for form, worth in forms.items():
                if ("w", form) in places:
                    shares[places["w", form]] = worth
            pieces = [left + right for left, right in pairwise(word)] if _HAN.match(word) else []
            for piece in pieces:
                if ("p", piece) in places:
                    shares[places["p", piece]] = 1 / len(pieces)
            rare = max(rarity[form] for form, worth in forms.items() if worth == 1)
            if not shares and rare < 1:
                continue  # it stands somewhere, and was not looked for: the rarest words of a long question are enough
            self.words.append(word)
            weights.append(rare * rarity_in_talk(word))
            columns.append(shares)
        self._shares = np.zeros((len(terms), len(columns)))
        for number, shares in enumerate(columns):
            for place, share in shares.items():
                self._shares[place, number] = share
        self._weights: Floats = np.asarray(weights, np.float64)
        self.said = float(self._weights.sum())
        """How much the question says: a word that stands in no article counts 1, one that stands in all of them nearly 0."""

    def lacks(self, held: NDArray[np.bool_]) -> list[Lacks]:
        """`held`: a row for each hit, a column for each term of the plan."""
        if not self.said:
            return [Lacks(0.0, ())] * len(held)
        parts = np.minimum(held @ self._shares, 1.0)
        missing = (1 - parts) @ self._weights / self.said
        none = parts == 0
        return [
            Lacks(round(float(share), 4), tuple(word for word, gone in zip(self.words, row, strict=True) if gone))
            for share, row in zip(missing, none.tolist(), strict=True)
        ]


def _together(rarity: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Words with the forms that stand for them: spellings of one code (E-07, e07, e7) are one word, its pieces go with it."""
    found: dict[str, dict[str, float]] = {}
    plain = {word: _LEADING.sub("", _JOINTS.sub("", word)) for word in rarity if not _HAN.match(word)}
    for word in rarity:
        if word not in plain:
            found[word] = {word: 1.0}
    heads: dict[str, str] = {}
    for word in sorted(plain, key=lambda word: (-len(plain[word]), word)):
        mine = plain[word]
        whole = next((head for head in heads if mine == head or (mine and mine in head and not head.isalpha())), None)
        if whole is None:
            heads[mine] = word
            found[word] = {word: 1.0}
        else:
            found[heads[whole]][word] = 1.0 if mine == whole else _PIECE
    return found
