"""Pairs of hits into weights, and whether the weights are better than the ranking alone.

Logistic regression on the difference between what was chosen and what stood around it, held near the ranking's own
order, so that few clicks change little. A part of the questions is kept out and decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knowledge.arrays.segment import Bools, Floats
from knowledge.learning.model import Model
from knowledge.learning.names import NAMES

OWN = 6.0
"""The weight of the ranking's own score before anything was learned."""
HELD_NEAR = 0.02
AGAINST = 10
STEPS = 300
EVERY = 4
"""Every fourth question is kept out of training, and tests it."""
FEWEST, MARGIN = 40, 0.005
"""So many questions must be in the test, and by so much must it be better, before weights are put in force."""


@dataclass(frozen=True)
class Asked:
    """One question with the features of its first hits (ranking order), and what each is worth as an answer (0: nothing)."""

    told: Floats
    worth: Floats


@dataclass(frozen=True)
class Learned:
    """Weights and how they did: mean reciprocal rank of the chosen hit among questions not learned from."""

    model: Model
    questions: int
    tested: int
    before: float
    after: float

    @property
    def better(self) -> bool:
        return self.tested >= FEWEST and self.after >= self.before + MARGIN


def start() -> Floats:
    weights = np.zeros(len(NAMES))
    weights[0] = OWN
    return weights


def learn(asked: Sequence[Asked], name: str) -> Learned:
    """Learn from three of four questions, and test on the fourth."""
    usable = [one for one in asked if (one.worth > 0).any() and (one.worth <= 0).any()]
    tested = [one for number, one in enumerate(usable) if number % EVERY == EVERY - 1]
    weights = fit([one for number, one in enumerate(usable) if number % EVERY != EVERY - 1])
    return Learned(
        Model(tuple(round(float(value), 4) for value in weights), name),
        len(usable),
        len(tested),
        round(reciprocal_rank(tested, start()), 4),
        round(reciprocal_rank(tested, weights), 4),
    )


def fit(asked: Sequence[Asked]) -> Floats:
    """Weights for the features. Without questions, the ranking's own order."""
    parts = [_pairs(one) for one in asked]
    if not parts:
        return start()
    differences = np.vstack([part for part, _ in parts])
    shares = np.concatenate([share for _, share in parts])
    shares /= shares.sum()
    # Each feature counts by how much it differs; one that never does stays where it was.
    spread = np.sqrt((differences**2).mean(axis=0))
    moves: Bools = spread > 1e-9
    scaled = differences[:, moves] / spread[moves]
    first = (start()[moves] * spread[moves]).copy()
    weights, speed, size = first.copy(), np.zeros(len(first)), np.zeros(len(first))
    for step in range(1, STEPS + 1):
        doubt = shares / (1 + np.exp(np.clip(scaled @ weights, -30, 30)))
        slope = -(doubt @ scaled) + HELD_NEAR * (weights - first)
        speed = 0.9 * speed + 0.1 * slope
        size = 0.999 * size + 0.001 * slope * slope
        weights -= 0.05 * (speed / (1 - 0.9**step)) / (np.sqrt(size / (1 - 0.999**step)) + 1e-9)
    found = start()
    found[moves] = weights / spread[moves]
    return found


def _pairs(one: Asked) -> tuple[Floats, Floats]:
    """Chosen less not chosen, for each pair; a question counts by what its choice is worth, however many pairs it has."""
    chosen, others = np.flatnonzero(one.worth > 0), np.flatnonzero(one.worth <= 0)[:AGAINST]
    differences = (one.told[chosen][:, None] - one.told[others][None]).reshape(-1, one.told.shape[1])
    share = np.repeat(one.worth[chosen], len(others))
    return differences, share / len(differences)


def reciprocal_rank(asked: Sequence[Asked], weights: Floats) -> float:
    """Mean of 1 / rank of the first chosen hit, in the order that the weights give."""
    if not asked:
        return 0.0
    ranks = [int(np.flatnonzero(one.worth[np.argsort(-(one.told @ weights), kind="stable")] > 0)[0]) + 1 for one in asked]
    return sum(1 / rank for rank in ranks) / len(ranks)
