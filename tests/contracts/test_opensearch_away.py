"""Nobody answers at HUIYIN_SEARCH_URL: that is said, and never taken for an empty or a broken index."""

import socket

import pytest

from knowledge import indexing
from knowledge.index import Index, IndexAway, IndexDocument, Query
from knowledge.opensearch.engine import OpenSearchIndex


@pytest.fixture
def away() -> OpenSearchIndex:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    return OpenSearchIndex(f"opensearch://desk:geheim@127.0.0.1:{port}")


def test_a_server_that_is_away_is_no_empty_answer(away: OpenSearchIndex) -> None:
    for use in (
        lambda: away.search(Query("网关")),
        lambda: away.put([IndexDocument("1", "网关")]),
        lambda: away.drop(["1"]),
        lambda: away.rebuild([]),
    ):
        with pytest.raises(IndexAway) as problem:
            use()
        assert "127.0.0.1" in str(problem.value) and "geheim" not in str(problem.value)
    health = away.health()
    assert health.state == "away" and not health.usable and "refused" in health.detail
    assert away.search(Query("？")).total == 0  # nothing was asked


class _Session:
    def rollback(self) -> None: ...


def test_an_index_that_is_away_is_not_made_anew(away: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "session", _Session)
    monkeypatch.setattr(indexing, "_documents", lambda ids: iter([IndexDocument("1", "网关")]))
    monkeypatch.setattr(indexing, "look_for_words", lambda now: None)
    monkeypatch.setattr(indexing, "rebuild", lambda index: pytest.fail("made anew"))
    with pytest.raises(IndexAway):
        indexing.refresh(away, [1])
