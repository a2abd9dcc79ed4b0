"""Which documents of a segment somebody may read and wants to see, as booleans: applied before the best are chosen.

They follow `Reader.may_read` and are kept with the segment, which never changes; what was deleted is taken off later.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from knowledge.arrays.segment import Bools, Segment
from knowledge.index import OWN_LEVELS, Query, Reader

_MOST_KEPT = 200


def allowed(segment: Segment, query: Query) -> Bools:
    """The documents that this query may find. Never change the array: it is shared."""
    key = (query.reader, query.product_id, query.category, query.language, query.levels)
    mask = segment.masks.get(key)
    if mask is None:
        mask = readable(segment, query.reader)
        if query.product_id is not None:
            mask = mask & listed(segment, "products", (query.product_id,))
        if query.category:
            mask = mask & one_of(segment, "category", (query.category,))
        if query.language:
            mask = mask & one_of(segment, "language", (query.language,))
        if query.levels:
            mask = mask & one_of(segment, "level", query.levels)
        if len(segment.masks) >= _MOST_KEPT:
            segment.masks.clear()
        segment.masks[key] = mask
    return mask


def without(query: Query, facet: str) -> Query:
    """The query as it would be if it did not filter by this facet."""
    if facet == "product":
        return replace(query, product_id=None)
    return replace(query, category="") if facet == "category" else replace(query, levels=())


def readable(segment: Segment, reader: Reader) -> Bools:
    """The reading rule for all documents of a segment at once."""
    mask = one_of(segment, "level", reader.levels)
    if not reader.all_organisations:
        mine = () if reader.organisation_id is None else (reader.organisation_id,)
        mask = mask & (empty(segment, "organisations") | listed(segment, "organisations", mine))
    if reader.product_ids is not None:
        products = empty(segment, "products") | listed(segment, "products", reader.product_ids)
        mask = mask & (products | ~one_of(segment, "level", OWN_LEVELS))
    return mask


def one_of(segment: Segment, column: str, values: Iterable[str]) -> Bools:
    table = segment.tables[column]
    codes = [table.index(value) for value in set(values) if value in table]
    found: Bools = np.isin(segment.arrays[column], codes)
    return found


def empty(segment: Segment, column: str) -> Bools:
    found: Bools = segment.sizes(column) == 0
    return found


def listed(segment: Segment, column: str, values: Iterable[int]) -> Bools:
    """The documents whose list holds one of the values."""
    wanted = np.fromiter(values, np.int64)
    found: Bools = np.zeros(segment.documents, bool)
    if len(wanted):
        owners = np.repeat(np.arange(segment.documents), segment.sizes(column))
        found[owners[np.isin(segment.arrays[column], wanted)]] = True
    return found
