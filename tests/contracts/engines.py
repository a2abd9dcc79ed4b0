"""The engines that the contract is held against, and small words for its tests. An engine joins by adding itself to ENGINES."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from knowledge.index import PUBLIC, Hits, Index, IndexDocument, Passage, Query, Reader
from knowledge.opensearch.engine import OpenSearchIndex
from knowledge.whoosh_index import WhooshIndex

Make = Callable[[], Index]

# An OpenSearch is started for a stage of its own (scripts/run_tests.py), where its absence is a failure.
OPENSEARCH = os.environ.get("HUIYIN_TEST_OPENSEARCH_URL", "")
WHY = "optional: HUIYIN_TEST_OPENSEARCH_URL is not set (python scripts/services.py --opensearch starts one)"


def opensearch(folder: Path) -> Index:
    """Each process of tests has its own name in the one OpenSearch."""
    return OpenSearchIndex(f"{OPENSEARCH.rpartition('/')[0]}/test-{os.getpid()}")


ENGINES: dict[str, Callable[[Path], Index]] = {
    "whoosh": lambda folder: WhooshIndex(folder / "index"),
    "opensearch": opensearch,
}
PARAMS = [
    pytest.param(name, marks=pytest.mark.skipif(name == "opensearch" and not OPENSEARCH, reason=WHY))
    for name in sorted(ENGINES)
]


def article(number: int | str, title: str, body: str = "", **given: object) -> IndexDocument:
    return IndexDocument(str(number), title, (Passage(body),) if body else (), **given)  # type: ignore[arg-type]


def ids(found: Hits) -> list[str]:
    return [hit.id for hit in found]


def find(index: Index, text: str, reader: Reader = PUBLIC, **given: object) -> list[str]:
    return ids(index.search(Query(text, reader, **given)))  # type: ignore[arg-type]
