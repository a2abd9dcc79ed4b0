"""What the tests of all engines start with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge.index import Index
from knowledge.opensearch.engine import OpenSearchIndex
from tests.contracts.engines import ENGINES, PARAMS, Make


@pytest.fixture(params=PARAMS)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """make() opens the same index once more, as another process would."""
    opened: list[Index] = []

    def another() -> Index:
        opened.append(ENGINES[request.param](tmp_path))
        return opened[-1]

    yield another
    if opened and isinstance(opened[0], OpenSearchIndex):
        opened[0].remove()
    for index in opened:
        index.close()


@pytest.fixture
def index(make: Make) -> Index:
    made = make()
    made.rebuild([])
    return made
