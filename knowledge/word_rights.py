"""Whether a word may be shown to a reader: only where it stands in something that they may read.

Being found is not enough. An article is also found by what editors call the same, and by words of customers that are
never shown; neither may tell a reader a word that they have not read.
"""

from knowledge.index import Index, Query, Reader

LOOKED_AT = 3
WHOLE = 0.9
"""The share of a word of three characters or more that must stand there: its parts alone are other words."""


def stands_for(index: Index, word: str, reader: Reader, product_id: int | None = None) -> bool:
    """Whether a title, question or passage that this reader may read holds the word. Raises IndexUnavailable."""
    found = index.search(Query(word, reader, product_id, limit=LOOKED_AT, passages=False))
    return any(hit.coverage >= WHOLE if len(word) > 2 else hit.coverage > 0 for hit in found)
