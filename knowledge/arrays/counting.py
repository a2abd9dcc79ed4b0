"""How many of what was found stand under each product, category and level: each filter counted as if it were not set."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from knowledge.arrays import masks
from knowledge.arrays.segment import Bools, Ints, Segment
from knowledge.index import Query

COLUMNS = {"product": "products", "category": "category", "level": "level"}


class Counts:
    """The counts of one answer, gathered from its segments; none where the query asks for none."""

    def __init__(self, query: Query) -> None:
        self._of: dict[str, Counter[str]] = {facet: Counter() for facet in COLUMNS} if query.facets else {}
        # Most questions filter by nothing: then all three count what was found anyhow.
        self._others = {facet: other for facet in self._of if (other := masks.without(query, facet)) != query}

    def add(self, segment: Segment, found: Bools, documents: Ints) -> None:
        """`found` by the words alone, `documents` (ascending) of them with all filters."""
        for facet, counter in self._of.items():
            other = self._others.get(facet)
            numbers = documents if other is None else np.flatnonzero(found & masks.allowed(segment, other))
            if len(numbers):
                counter.update(_by_product(segment, numbers) if facet == "product" else _by_name(segment, COLUMNS[facet], numbers))

    def as_dicts(self) -> dict[str, dict[str, int]]:
        return {facet: dict(counter) for facet, counter in self._of.items()}


def _by_name(segment: Segment, column: str, documents: Ints) -> dict[str, int]:
    table = segment.tables[column]
    counts = np.bincount(segment.arrays[column][documents], minlength=len(table)).tolist()
    return {name: count for name, count in zip(table, counts, strict=True) if count and name}


def _by_product(segment: Segment, documents: Ints) -> dict[str, int]:
    column, ends = segment.arrays["products"], segment.arrays["products_ptr"]
    counted: Counter[int] = Counter()
    firsts, sizes = ends[documents], ends[documents + 1] - ends[documents]
    # Nearly every article names one product, a few name some: each round takes one of each that still has one.
    while len(firsts):
        some = sizes > 0
        firsts, sizes = firsts[some], sizes[some]
        numbers, counts = _counted(column[firsts])
        counted.update(dict(zip(numbers, counts, strict=True)))
        firsts, sizes = firsts + 1, sizes - 1
    return {str(number): count for number, count in counted.items()}


_DENSE = 1 << 16


def _counted(values: Ints) -> tuple[Iterable[int], Iterable[int]]:
    """Each value and how often it is there; by counting where the numbers are small, which needs no sorting."""
    if len(values) and 0 <= int(values.min()) and int(values.max()) < _DENSE:
        counts = np.bincount(values)
        there = np.flatnonzero(counts)
        return there.tolist(), counts[there].tolist()
    numbers, counts = np.unique(values, return_counts=True)
    return numbers.tolist(), counts.tolist()
