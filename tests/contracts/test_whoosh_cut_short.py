"""A file of arrays that is cut short while others answer from it: said at once, never the end of the process, and mended."""

import os
from pathlib import Path

import pytest
from flask import Flask

from app.worker import Worker
from knowledge.index import IndexDocument, IndexUnavailable, Passage, Query
from knowledge.whoosh_index import WhooshIndex


def _index(folder: Path) -> WhooshIndex:
    index = WhooshIndex(folder)
    index.rebuild(IndexDocument(str(n), f"网关 {n}", (Passage("离线 " + "排查" * 300),)) for n in range(200))
    return index


def _cut(index: WhooshIndex) -> None:
    os.truncate(next(index.folder.glob("i-*/arrays-*")), 4096)


def test_who_has_it_open_says_so_instead_of_dying(tmp_path: Path) -> None:
    index = _index(tmp_path)
    assert index.search(Query("网关离线")).total == 200
    _cut(index)
    for ask in (lambda: index.search(Query("网关离线")), lambda: index.counts(["网关"])):
        with pytest.raises(IndexUnavailable):
            ask()
    assert index.health().state == "damaged"


def test_a_writer_finds_it_unusable_and_not_merely_strange(tmp_path: Path) -> None:
    index = _index(tmp_path)
    _cut(index)
    with pytest.raises(IndexUnavailable):
        index.put([IndexDocument("x", "网关", ())])


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
