"""What only the OpenSearch engine has: a lock that outlives nobody, an alias that switches, and no files of its own."""

import os
import threading
from collections.abc import Iterator

import pytest

from knowledge.analysis import query_tokens
from knowledge.index import Index, IndexAway, IndexDocument, IndexUnavailable, Passage, Query
from knowledge.opensearch import engine, lease
from knowledge.opensearch.engine import OpenSearchIndex, PassingIndex
from tests.contracts.engines import OPENSEARCH, WHY, find

pytestmark = pytest.mark.skipif(not OPENSEARCH, reason=WHY)


@pytest.fixture
def index() -> Iterator[OpenSearchIndex]:
    made = OpenSearchIndex(f"{OPENSEARCH.rpartition('/')[0]}/own-{os.getpid()}")
    made.rebuild([])
    yield made
    made.remove()
    made.close()


def _hold(index: OpenSearchIndex) -> lease.Lease:
    """As a writer that was killed leaves the lock: held, and without a sign of life."""
    left = lease.Lease(index._client, index.address)
    left.wait()
    return left


def test_the_lock_of_a_vanished_writer_is_taken_over(index: OpenSearchIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = _hold(index)
    monkeypatch.setattr(lease, "LEASE", 0.3)
    index.put([IndexDocument("1", "网关")])
    assert find(index, "网关") == ["1"]
    with pytest.raises(IndexAway):
        gone.check()  # should it wake up again, it has lost


def test_a_living_writer_keeps_the_lock(index: OpenSearchIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LEASE", 0.6)
    monkeypatch.setattr(lease, "_BEAT", 0.05)
    order: list[str] = []
    with lease.writing(index._client, index.address):
        waiting = threading.Thread(target=lambda: (index.put([IndexDocument("1", "网关")]), order.append("put")))
        waiting.start()
        waiting.join(1.5)
        order.append("left")
    waiting.join()
    assert order == ["left", "put"] and find(index, "网关") == ["1"]


def test_a_rebuild_that_lost_its_lock_does_not_switch(index: OpenSearchIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    index.put([IndexDocument("1", "网关")])
    monkeypatch.setattr(lease, "LEASE", 0.3)

    def documents() -> Iterator[IndexDocument]:
        yield IndexDocument("2", "网关")
        _hold(index).leave()

    with pytest.raises(IndexAway):
        index.rebuild(documents())
    assert find(index, "网关") == ["1"]


def test_an_index_of_another_analysis_is_outdated_and_usable(
    index: OpenSearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.put([IndexDocument("1", "网关")])
    monkeypatch.setattr(engine, "fingerprint", lambda: "newer")
    assert index.health().state == "outdated" and index.health().usable
    index.rebuild([IndexDocument("1", "网关")])
    assert index.health(deep=True).ok and index.health().documents == 1


def test_a_change_does_not_make_an_index_by_itself(index: OpenSearchIndex) -> None:
    index.remove()
    for use in (lambda: index.put([IndexDocument("1", "网关")]), lambda: index.drop(["1"]), lambda: index.search(Query("网关"))):
        with pytest.raises(IndexUnavailable):
            use()
    assert index.health().state == "missing"


def test_nothing_is_left_after_rebuilds(index: OpenSearchIndex) -> None:
    for _ in range(2):
        index.rebuild([IndexDocument("1", "网关")])
    assert len(index._client.indices.get(index=f"{index.address.name}-f*")) == 1


def test_a_passing_index_leaves_the_one_in_force(index: OpenSearchIndex) -> None:
    index.put([IndexDocument("1", "网关")])
    passing: Index = PassingIndex(f"{OPENSEARCH.rpartition('/')[0]}/{index.address.name}")
    passing.rebuild([IndexDocument("9", "网关")])
    assert find(passing, "网关") == ["9"]
    passing.close()
    assert find(index, "网关") == ["1"]


def test_a_word_that_stood_nowhere_is_found_as_soon_as_it_does(index: OpenSearchIndex) -> None:
    """Counts are kept for a while; that there are none must not be."""
    index.put([IndexDocument("1", "网关", (Passage("掉线"),))])
    assert find(index, "变频器") == []
    counted = index._counts.of(query_tokens("变频器网关"))
    assert counted.df(("w", "网关")) == 1 and counted.df(("w", "变频器")) == 0
    index.put([IndexDocument("2", "变频器")])
    assert find(index, "变频器") == ["2"]


def test_one_search_that_is_cut_off_is_said(index: OpenSearchIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    index.put([IndexDocument("1", "网关")])
    ask = index._client.search
    monkeypatch.setattr(index._client, "search", lambda **given: ask(**given) | {"timed_out": True})
    with pytest.raises(IndexAway):
        index.search(Query("网关"))
