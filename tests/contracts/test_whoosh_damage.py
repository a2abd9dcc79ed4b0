"""Damage to the embedded index is noticed and said, and a rebuild cures it."""

import json
from pathlib import Path

import pytest

from knowledge.index import IndexDocument, IndexUnavailable, Query
from knowledge.whoosh_index import WhooshIndex


def article(number: int, title: str) -> IndexDocument:
    return IndexDocument(str(number), title)


@pytest.fixture
def whoosh(tmp_path: Path) -> WhooshIndex:
    index = WhooshIndex(tmp_path / "index")
    index.rebuild([article(n, f"网关 {n}") for n in range(20)])
    return index


def _segment(index: WhooshIndex) -> Path:
    return next(index.folder.glob("i-*/*.seg"))


def test_a_cut_off_segment_is_noticed(whoosh: WhooshIndex) -> None:
    segment = _segment(whoosh)
    segment.write_bytes(segment.read_bytes()[: segment.stat().st_size // 2])
    assert whoosh.health().state == "damaged"
    with pytest.raises(IndexUnavailable):
        WhooshIndex(whoosh.folder).search(Query("网关"))


def test_a_flipped_byte_is_noticed(whoosh: WhooshIndex) -> None:
    segment = _segment(whoosh)
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 0xFF
    segment.write_bytes(content)
    assert whoosh.health(deep=True).state == "damaged"


@pytest.mark.parametrize("loss", ["segment", "toc", "folder", "current", "garbage", "old"])
def test_a_lost_file_is_noticed(whoosh: WhooshIndex, loss: str) -> None:
    current = whoosh.folder / "current.json"
    if loss == "segment":
        _segment(whoosh).unlink()
    elif loss == "toc":
        next(whoosh.folder.glob("i-*/*.toc")).unlink()
    elif loss == "folder":
        folder = _segment(whoosh).parent
        folder.rename(folder.with_name("elsewhere"))
    elif loss == "current":
        current.unlink()
    elif loss == "garbage":
        current.write_text("{", encoding="utf-8")
    else:
        current.write_text(json.dumps({"format": 0, "folder": "x", "analysis": "x"}), encoding="utf-8")
    again = WhooshIndex(whoosh.folder)
    assert not again.health().ok and again.health().reason
    with pytest.raises(IndexUnavailable):
        again.search(Query("网关"))
    again.rebuild([article(1, "网关")])
    assert again.health(deep=True).ok and again.search(Query("网关")).total == 1


def test_an_index_of_another_analysis_is_outdated_but_answers(whoosh: WhooshIndex) -> None:
    current = whoosh.folder / "current.json"
    told = json.loads(current.read_text(encoding="utf-8"))
    current.write_text(json.dumps(told | {"analysis": "old"}), encoding="utf-8")
    assert whoosh.health().state == "outdated" and whoosh.search(Query("网关")).total == 20
