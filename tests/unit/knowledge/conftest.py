"""Tests without a database search with the shipped words, whatever a test before them taught this process."""

import pytest

from knowledge.analysis import use_shipped_words
from knowledge.learning.model import use_shipped_model


@pytest.fixture(autouse=True)
def shipped_words() -> None:
    use_shipped_words()
    use_shipped_model()
