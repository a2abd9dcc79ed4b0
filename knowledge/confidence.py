"""How sure the search is that its first hit answers the question: what decides whether a machine may answer by itself.

Scores compare hits of one answer only, so confidence is built from what can be compared between queries: how much of
the question's weight the first hit holds, how far it stands before the second, and whether enough was said at all.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from knowledge.analysis import query_tokens
from knowledge.index import Hit

THRESHOLD = 0.6
"""From here on the answer service answers by itself; `flask knowledge evaluate` says how often it is right there."""


@dataclass(frozen=True)
class Evidence:
    """What confidence is built from, each 0 to 1: `coverage` of the first hit, its `lead` over the second as a share of
    its score, how much the coverage leads (`clear`), and `said`: little for a query of one short word."""

    coverage: float
    lead: float
    clear: float
    said: float


# Fitted by logistic regression on three judged sets, each also with its right answers taken away, so that a question
# that nothing answers is known as one (docs/search.md, "What was measured").
_WEIGHTS = (1.74, 6.45, 1.93, 1.26)
_CONSTANT = -4.08
_ENOUGH = 4
LEAST = 0.35
"""A hit that holds less of the question than this never answers it, however far it leads."""


def evidence(hits: Iterable[Hit], query: str) -> Evidence | None:
    """None without a hit."""
    both = list(hits)[:2]
    if not both or both[0].score <= 0:
        return None
    first, second = both[0], both[1] if len(both) > 1 else None
    # Nothing to compare with is no lead: then only what the hit holds of the question speaks for it.
    lead = 1 - max(second.score, 0) / first.score if second else first.coverage
    clear = first.coverage - (second.coverage if second else 0.0)
    words = query_tokens(query)
    said = min(len(words.words) + len(words.pairs), _ENOUGH) / _ENOUGH
    return Evidence(first.coverage, min(max(lead, 0.0), 1.0), min(max(clear, 0.0), 1.0), said)


def confidence(hits: Iterable[Hit], query: str) -> float:
    """0 (no idea) to 1 (certain) that the first hit answers `query`; `hits` are in the order of the answer, and at least
    two of them where there are two. Says nothing about products, audience or safety: the caller looks after those."""
    told = evidence(hits, query)
    if told is None or told.coverage < LEAST:
        return 0.0
    values = (told.coverage, told.lead, told.clear, told.said)
    total = _CONSTANT + sum(weight * value for weight, value in zip(_WEIGHTS, values, strict=True))
    return 1 / (1 + math.exp(-total))
