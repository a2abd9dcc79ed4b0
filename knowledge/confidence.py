"""How sure the search is that its first hit answers the question: what decides whether a machine may answer by itself.

Scores compare hits of one answer only, so confidence is built from what can be compared between queries: how far the first
hit stands before the others, which words of the question it lacks, how well it fits, and how much was said at all.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from knowledge.analysis import HAN, fold
from knowledge.index import Hit, Hits

THRESHOLD = 0.77
"""From here on the answer service answers by itself; `flask knowledge evaluate` says how often it is right there."""


@dataclass(frozen=True)
class Evidence:
    """What confidence is built from. Leads are shares of the first hit's score, 1 where there is no such hit."""

    second: float  # its lead over the second hit
    third: float  # … the third
    tenth: float  # … the tenth
    clear: float  # how much more of the question it holds than the second
    missing: float  # what it lacks of the question's words
    foreign: float  # 1 where a name, a code or a number in Latin letters is among them
    strength: float  # how well it fits, of what would be best
    said: float  # how much was asked: a word alone says little


# Learned by `python -m bench.answers … --fit` from the even half of three judged sets, each also with its right answers taken
# away, so that a question that nothing answers is known as one (docs/search.md, "What was measured").
_WEIGHTS = Evidence(second=3.23, third=2.26, tenth=0.41, clear=1.71, missing=-2.95, foreign=-0.65, strength=0.53, said=1.32)
_CONSTANT = -3.72
MOST_MISSING = 0.4
"""A hit that lacks more of the question than this never answers it, however far it leads: in a small knowledge base anything
leads that shares one word."""
_STRONGEST = 2.0
_NUMBERED = re.compile(r"(?=.*\d)(?=.*[a-z])|\d{3}")
"""A code, a model or a long number: what lacks it is about something else."""
_HAN = re.compile(f"[{HAN}]")


def evidence(hits: Hits, query: str) -> Evidence | None:
    """None without a hit."""
    found = hits.items
    if not found or found[0].score <= 0:
        return None
    first = found[0]
    return Evidence(
        second=_lead(found, 1),
        third=_lead(found, 2),
        tenth=_lead(found, 9),
        clear=max(first.coverage - (found[1].coverage if len(found) > 1 else 0.0), 0.0),
        missing=first.missing,
        foreign=float(any(word.isascii() for word in first.lacks) and _HAN.search(fold(query)) is not None),
        strength=min(first.strength, _STRONGEST),
        said=math.log1p(hits.said),
    )


def _lead(found: Sequence[Hit], place: int) -> float:
    return min(max(1 - max(found[place].score, 0) / found[0].score, 0.0), 1.0) if len(found) > place else 1.0


def confidence(hits: Hits, query: str) -> float:
    """0 (no idea) to 1 (certain) that the first hit answers `query`; `hits` are in the order of the answer, ten of them
    where there are ten. Says nothing about products, audience or safety: the caller looks after those."""
    told = evidence(hits, query)
    if told is None or told.missing > MOST_MISSING or any(map(_NUMBERED.search, hits.items[0].lacks)):
        return 0.0
    total = _CONSTANT + sum(weight * value for weight, value in zip(astuple(_WEIGHTS), astuple(told), strict=True))
    return 1 / (1 + math.exp(-total))
