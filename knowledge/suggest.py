"""The best articles for a ticket's words."""

from collections.abc import Sequence
from dataclasses import replace

from knowledge.index import Hit, Index, Query, Reader

# An article about the ticket's product is worth more than its words alone say, one about another product much less:
# the same code means different things on different machines.
SAME_PRODUCT = 1.5
OTHER_PRODUCT = 0.3
LONGEST = 2000


def suggest(index: Index, text: str, reader: Reader, product_id: int | None = None, limit: int = 3) -> list[Hit]:
    """Up to `limit` hits with their passages, the best first; scores are already weighed by product.

    `text` may be a whole mail: the index keeps the words that say most. Raises IndexUnavailable.
    """
    query = Query(text[:LONGEST], reader, limit=limit)
    if product_id is None:
        return list(index.search(query))
    found = {hit.id: hit for hit in index.search(replace(query, limit=limit * 4))}
    found |= {hit.id: hit for hit in index.search(replace(query, product_id=product_id))}
    weighed = [replace(hit, score=hit.score * _weight(hit.product_ids, product_id)) for hit in found.values()]
    return sorted(weighed, key=lambda hit: -hit.score)[:limit]


def _weight(product_ids: Sequence[int], product_id: int) -> float:
    if not product_ids:
        return 1.0
    return SAME_PRODUCT if product_id in product_ids else OTHER_PRODUCT
