"""Damage to the embedded index is noticed and said, and mended: from what the store holds, or by a rebuild."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge.arrays.segment import write_arrays
from knowledge.index import IndexDocument, IndexUnavailable, Passage, Query
from knowledge.index_files import read_current, write_current
from knowledge.whoosh_index import WhooshIndex
from knowledge.whoosh_store import Store


def article(number: int, title: str, **given: object) -> IndexDocument:
    return IndexDocument(str(number), title, (Passage(f"第{number}篇"),), **given)  # type: ignore[arg-type]


@pytest.fixture
def whoosh(tmp_path: Path) -> WhooshIndex:
    index = WhooshIndex(tmp_path / "index")
    index.rebuild([article(n, f"网关 {n}") for n in range(20)])
    return index


def _file(index: WhooshIndex, kind: str) -> Path:
    file = next(index.folder.glob(f"i-*/{kind}"))
    file.chmod(0o644)  # whoever breaks it has to mean it
    return file


def _cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def test_arrays_that_were_cut_off_are_noticed(whoosh: WhooshIndex) -> None:
    _cut_off(_file(whoosh, "arrays-*"))
    again = WhooshIndex(whoosh.folder)
    assert again.health().state == "damaged"
    with pytest.raises(IndexUnavailable):
        again.search(Query("网关"))


@pytest.mark.parametrize("kind", ["arrays-*", "*.seg"])
def test_a_flipped_byte_is_noticed(whoosh: WhooshIndex, kind: str) -> None:
    assert whoosh.health(deep=True).ok
    _flip(_file(whoosh, kind))
    assert whoosh.health(deep=True).state == "damaged"


def test_a_flipped_byte_of_a_small_file_is_no_answer_of_anybody(whoosh: WhooshIndex) -> None:
    file = _file(whoosh, "arrays-*")
    content = bytearray(file.read_bytes())
    content[-200] ^= 0x01
    file.write_bytes(content)
    with pytest.raises(IndexUnavailable) as said:
        WhooshIndex(whoosh.folder).search(Query("网关"))
    assert "does not match its sum" in said.value.data["detail"]


def test_nothing_that_readers_have_is_written_over(whoosh: WhooshIndex) -> None:
    file = next(whoosh.folder.glob("i-*/arrays-*"))
    assert not file.stat().st_mode & 0o222
    with pytest.raises(FileExistsError):
        write_arrays(file, {}, {})
    assert whoosh.health(deep=True).ok


def test_arrays_of_garbage_are_no_empty_answer(whoosh: WhooshIndex) -> None:
    file = _file(whoosh, "arrays-*")
    file.write_bytes(b"\0" * file.stat().st_size)
    with pytest.raises(IndexUnavailable):
        WhooshIndex(whoosh.folder).search(Query("网关"))


@pytest.mark.parametrize("loss", ["arrays", "folder", "current", "garbage", "old"])
def test_a_lost_file_is_noticed(whoosh: WhooshIndex, loss: str) -> None:
    current = whoosh.folder / "current.json"
    if loss == "arrays":
        _file(whoosh, "arrays-*").unlink()
    elif loss == "folder":
        folder = _file(whoosh, "*.seg").parent
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


@pytest.mark.parametrize("kind", ["*.seg", "*.toc"])
def test_a_lost_store_is_said_while_the_arrays_still_answer(whoosh: WhooshIndex, kind: str) -> None:
    _file(whoosh, kind).unlink()
    again = WhooshIndex(whoosh.folder)
    assert again.health().state == "damaged" and again.search(Query("网关")).total == 20
    with pytest.raises(IndexUnavailable):
        again.put([article(30, "网关")])


def test_an_index_of_another_analysis_is_outdated_but_answers(whoosh: WhooshIndex) -> None:
    current = whoosh.folder / "current.json"
    told = json.loads(current.read_text(encoding="utf-8"))
    current.write_text(json.dumps(told | {"analysis": "old"}), encoding="utf-8")
    assert whoosh.health().state == "outdated" and whoosh.search(Query("网关")).total == 20


def test_lost_arrays_are_made_again_from_the_store(whoosh: WhooshIndex) -> None:
    before = [(hit.id, hit.score) for hit in whoosh.search(Query("网关 7", limit=50))]
    whoosh.drop(["3"])
    _file(whoosh, "arrays-*").unlink()
    again = WhooshIndex(whoosh.folder)
    again.drop(["nothing"])
    assert again.health(deep=True).ok
    after = [(hit.id, hit.score) for hit in again.search(Query("网关 7", limit=50))]
    assert after == [one for one in before if one[0] != "3"]


def test_a_writer_that_died_after_the_commit_is_caught_up_with(whoosh: WhooshIndex) -> None:
    """The store is ahead of what is in force: nothing of it is seen until the next writer finishes the work."""
    current = read_current(whoosh.folder)
    Store(whoosh.folder / current.folder).change(["4"], [article(50, "传感器", asked=("探头",))])
    reader = WhooshIndex(whoosh.folder)
    assert reader.search(Query("传感器")).total == 0 and reader.search(Query("网关")).total == 20
    WhooshIndex(whoosh.folder).put([article(51, "触摸屏")])
    assert [hit.id for hit in reader.search(Query("传感器"))] == ["50"]
    assert [hit.id for hit in reader.search(Query("探头"))] == ["50"]
    assert reader.search(Query("网关")).total == 19 and reader.health(deep=True).ok


def test_rows_that_do_not_exist_are_damage_and_no_crash(whoosh: WhooshIndex) -> None:
    segment = whoosh._newest().segments[0][0]
    rows = segment.rows.copy()
    rows[:] = 2_000_000_000
    segment.rows = rows
    with pytest.raises(IndexUnavailable):
        whoosh.search(Query("网关"))


def test_a_state_put_in_force_is_read_back_whole(whoosh: WhooshIndex) -> None:
    whoosh.drop(["3", "19"])
    current = read_current(whoosh.folder)
    gone = current.parts[0].gone
    assert gone is not None and [int(n) for n in gone.nonzero()[0]] == [3, 19]
    write_current(whoosh.folder, current)
    assert read_current(whoosh.folder).generation == current.generation


def test_changes_during_a_rebuild_are_found_at_once_and_outlive_it(whoosh: WhooshIndex) -> None:
    """An editor who saves never waits for a rebuild, whatever the rebuild read before or after."""
    editor, reader = WhooshIndex(whoosh.folder), WhooshIndex(whoosh.folder)

    def documents() -> Iterator[IndexDocument]:
        yield article(1, "网关 旧一")
        yield article(2, "网关 旧二")
        editor.put([article(1, "网关 新一"), article(60, "触摸屏")])
        editor.drop(["2", "61"])
        assert {hit.id for hit in reader.search(Query("触摸屏 新一", limit=50))} >= {"1", "60"}
        assert reader.search(Query("网关", limit=50)).total == 19
        yield article(3, "网关 旧三")

    whoosh.rebuild(documents())
    assert sorted(hit.id for hit in reader.search(Query("网关"))) == ["1", "3"]
    assert [hit.id for hit in reader.search(Query("触摸屏"))] == ["60"]
    assert "".join(piece.text for piece in reader.search(Query("新一")).items[0].title) == "网关 新一"
    assert reader.health(deep=True).ok and not (whoosh.folder / "changed.ids").exists()
    editor.put([article(62, "条码枪")])
    assert reader.search(Query("条码枪")).total == 1


def test_a_change_waits_for_the_very_first_index(tmp_path: Path) -> None:
    index, editor = WhooshIndex(tmp_path / "index"), WhooshIndex(tmp_path / "index")
    change = threading.Thread(target=lambda: editor.put([article(2, "网关")]))

    def documents() -> Iterator[IndexDocument]:
        change.start()
        yield article(1, "网关")

    index.rebuild(documents())
    change.join()
    assert sorted(hit.id for hit in index.search(Query("网关"))) == ["1", "2"]
