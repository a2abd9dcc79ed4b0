"""The first hits in the order that the weights in force give them, or written down for learning."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import numpy as np

from knowledge.arrays.scorer import Scored, best_passages
from knowledge.arrays.segment import Floats, Ints, Segment
from knowledge.learning.features import features
from knowledge.learning.model import TOP, Model, model_now
from knowledge.learning.names import NAMES

Best = list[tuple[float, int, int]]
"""Hits as the engine holds them: minus score, which segment, which document of it; best first."""


@dataclass
class Record:
    """The first hits of one search: their ids and a row of features for each, in the ranking's own order."""

    ids: list[str] = field(default_factory=list)
    told: Floats = field(default_factory=lambda: np.empty((0, len(NAMES))))


_record: ContextVar[Record | None] = ContextVar("record_features", default=None)


@contextmanager
def recording() -> Iterator[Record]:
    """Write down what the next search within this block looks at; its order is the ranking's own."""
    record = Record()
    token = _record.set(record)
    try:
        yield record
    finally:
        _record.reset(token)


def is_recording() -> bool:
    """Whether this search is written down."""
    return _record.get() is not None


def depth_needed(depth: int) -> int:
    """How many hits a search needs so that `depth` of them can be ordered."""
    return max(depth, TOP) if _record.get() is not None or model_now() is not None else depth


def reorder(
    best: Best, segments: Sequence[Segment], scored: Mapping[int, tuple[Scored, Ints]], asked: Floats, asked_value: float
) -> Best:
    """The same hits, the first of them in the order of the weights in force."""
    record, model = _record.get(), model_now()
    if not best or (record is None and model is None):
        return best
    first, rest = best[:TOP], best[TOP:]
    told = _told(first, segments, scored, asked, asked_value)
    if record is not None:
        record.ids = [str(segments[place].stored(number)["id"]) for _, place, number in first]
        record.told = told
        return best
    return [first[at] for at in _order(model, told)] + rest if model else best


def _order(model: Model, told: Floats) -> list[int]:
    order: list[int] = np.argsort(-model.order(told), kind="stable").tolist()
    return order


def _told(
    first: Best, segments: Sequence[Segment], scored: Mapping[int, tuple[Scored, Ints]], asked: Floats, asked_value: float
) -> Floats:
    told = np.zeros((len(first), len(NAMES)))
    for place in {place for _, place, _ in first}:
        at = [spot for spot, (_, here, _) in enumerate(first) if here == place]
        numbers = [first[spot][2] for spot in at]
        result, where = scored[place]
        passages = best_passages(segments[place], numbers, result.rows)
        told[at] = features(segments[place], result, where, asked, asked_value, numbers, passages, -first[0][0])
    return told
