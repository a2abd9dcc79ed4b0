"""A file of arrays that is cut short while others answer from it: said at once, never the end of the process, and mended."""

import os
from pathlib import Path

import pytest
from flask import Flask

from app.worker import Worker
from knowledge.arrays import segment
from knowledge.index import IndexDocument, IndexUnavailable, Passage, Query
from knowledge.whoosh_index import WhooshIndex
from knowledge.whoosh_store import Store


def _index(folder: Path) -> WhooshIndex:
    index = WhooshIndex(folder)
    index.rebuild(IndexDocument(str(n), f"网关 {n}", (Passage("离线 " + "排查" * 300),)) for n in range(200))
    return index


def _cut(index: WhooshIndex) -> None:
    file = next(index.folder.glob("i-*/arrays-*"))
    file.chmod(0o644)
    os.truncate(file, 4096)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as one that is mapped."""
    monkeypatch.setattr(segment, "SMALL", 0)


def test_who_has_read_a_small_file_answers_on(tmp_path: Path) -> None:
    index = _index(tmp_path)
    before = [hit.id for hit in index.search(Query("网关离线"))]
    _cut(index)
    assert [hit.id for hit in index.search(Query("网关离线"))] == before and index.search(Query("排查", limit=200)).total == 200
    assert index.health().state == "damaged", "it is said all the same"
    with pytest.raises(IndexUnavailable):
        WhooshIndex(tmp_path).search(Query("网关离线"))


@pytest.mark.usefixtures("large")
def test_who_has_it_open_says_so_instead_of_dying(tmp_path: Path) -> None:
    index = _index(tmp_path)
    assert index.search(Query("网关离线")).total == 200
    _cut(index)
    for ask in (lambda: index.search(Query("网关离线")), lambda: index.rarity([("w", "网关")])):
        with pytest.raises(IndexUnavailable):
            ask()
    assert index.health().state == "damaged"


@pytest.mark.usefixtures("large")
def test_a_writer_finds_it_unusable_and_not_merely_strange(tmp_path: Path) -> None:
    index = _index(tmp_path)
    _cut(index)
    with pytest.raises(IndexUnavailable):
        index.put([IndexDocument("x", "网关", ())])


# Whoosh forgets to close what it could not read to its end.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_store_that_is_cut_short_ends_no_writer(tmp_path: Path) -> None:
    index = _index(tmp_path)
    store = Store(next(tmp_path.glob("i-*")))
    reader = store.documents(store.segments()[0].name)
    next(reader)
    os.truncate(next(tmp_path.glob("i-*/*.seg")), 512)
    with pytest.raises(IndexUnavailable):
        list(reader)
    with pytest.raises(IndexUnavailable):
        index.put([IndexDocument("7", "网关", (Passage("在线"),))])


@pytest.mark.usefixtures("large")
def test_the_worker_mends_it_without_being_started_again(app: Flask) -> None:
    worker = Worker(app)
    index = app.extensions["open_index"]()
    worker._mend_damaged()
    assert index.health().ok, "a lost one is made"
    before = index.health().generation
    worker._mend_damaged()
    assert index.health().generation == before, "a whole one is left alone"
    index.put([IndexDocument(str(n), f"网关 {n}", (Passage("离线" * 300),)) for n in range(50)])
    _cut(index)
    with pytest.raises(IndexUnavailable):
        index.search(Query("网关"))
    worker._mend_damaged()
    assert index.health(deep=True).ok and index.search(Query("网关")).total == 0, "as the database says"
