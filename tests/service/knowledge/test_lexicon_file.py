"""The file of words of a large house: taken up instead of reading titles, made anew when it no longer fits, never believed
when it is damaged."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, update

from app.core.clock import now
from app.core.db import db
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.kb import words
from knowledge import indexing, lexicon, lexicon_making, lexicon_rows, terms, word_file
from knowledge.completing import complete
from knowledge.index import EVERYTHING, PUBLIC, Index
from knowledge.models import Article

Write = Callable[..., Article]
TITLES = ("变频器过热", "网关离线", "触摸屏花屏", "传感器漂移", "电源跳闸")


@pytest.fixture
def folder(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A house of five articles counts as large here."""
    found = indexing.words_folder(app.extensions["settings"])
    monkeypatch.setattr(lexicon, "_folder", found)
    monkeypatch.setattr(lexicon, "LARGE", 2)
    monkeypatch.setattr(lexicon, "AT_ONCE", 2)
    monkeypatch.setattr(lexicon, "PATIENCE", 0.0)
    monkeypatch.setattr(lexicon, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(lexicon_making, "MANY", 3)
    forget(monkeypatch)
    return found


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process that just started."""
    monkeypatch.setattr(lexicon, "_kept", None)
    monkeypatch.setattr(lexicon, "_seen", None)


@pytest.fixture
def house(folder: Path, write: Write) -> Path:
    for title in TITLES:
        write(title)
    return folder


def statements(ask: Callable[[], object]) -> list[str]:
    told: list[str] = []

    def note(_c: object, _u: object, statement: str, *_rest: object) -> None:
        told.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return told


def by_number(told: list[str]) -> list[str]:
    """Statements that read stretches of all articles."""
    return [one for one in told if "questions" in one and "ORDER BY article.id" in one]


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    moment = now() + by
    monkeypatch.setattr(lexicon_making, "now", lambda: moment)


def test_a_process_takes_up_the_file_and_reads_no_titles(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lexicon_making.ensure(house) == "missing"
    assert by_number(statements(lexicon.read_all)) == []
    assert {"变频器", "触摸屏", "跳闸"} <= lexicon.lexicon_now().words.keys()
    taken = lexicon.lexicon_now().words
    (house / "current.json").unlink()
    forget(monkeypatch)
    assert by_number(statements(lexicon.read_all)) != []
    assert lexicon.lexicon_now().words == taken, "the same words as often as by reading"


def test_what_changed_since_is_read_beside_it(house: Path, write: Write) -> None:
    lexicon_making.make(house)
    write("湿度探头失灵")
    told = statements(lexicon.read_all)
    assert by_number(told) == [] and {"探头", "网关"} <= lexicon.lexicon_now().words.keys()


def test_running_processes_go_over_to_a_newer_file(house: Path, write: Write) -> None:
    lexicon_making.make(house)
    lexicon.read_all()
    before = lexicon.lexicon_now()
    lexicon_making.make(house)
    assert lexicon.lexicon_now() is not before and lexicon.lexicon_now() is lexicon.lexicon_now()


def test_a_small_house_needs_no_file(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "LARGE", 6)
    assert lexicon_making.ensure(house) == "" and not (house / "current.json").exists()
    lexicon.read_all()
    assert "网关" in lexicon.lexicon_now().words


@pytest.mark.parametrize("harm", ["lost", "short", "changed", "list", "empty list"])
def test_a_damaged_file_is_noticed_by_who_reads_and_made_anew(house: Path, harm: str) -> None:
    told = lexicon_making.make(house)
    file, current = house / told.file, house / "current.json"
    file.chmod(0o644)
    content = file.read_bytes()
    if harm == "lost":
        file.unlink()
    elif harm == "short":
        file.write_bytes(content[: len(content) // 2])
    elif harm == "changed":
        file.write_bytes(content[:-70] + bytes([content[-70] ^ 1]) + content[-69:])
    else:
        current.write_text("[]" if harm == "list" else "", encoding="utf-8")
    lexicon.read_all()
    assert {"网关", "跳闸"} <= lexicon.lexicon_now().words.keys(), "read from the database instead"
    assert lexicon_making.ensure(house) == "missing"
    assert lexicon_making.ensure(house) == ""


def test_a_file_of_another_database_is_not_looked_at(house: Path) -> None:
    lexicon_making.make(house)
    current = house / "current.json"
    told = json.loads(current.read_text(encoding="utf-8"))
    current.write_text(json.dumps(told | {"database": word_file.database_sum("another")}), encoding="utf-8")
    assert by_number(statements(lexicon.read_all)) != []
    assert lexicon_making.reason(house) == "missing"


def test_who_dies_while_making_leaves_the_one_before(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = lexicon_making.make(house)

    def die(*_given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            lexicon_making.make(house)
    address = str(db.session.get_bind())
    assert word_file.read_told(house, address).file == before.file and word_file.read_parts(house, before)
    after = lexicon_making.make(house)
    assert [one.name for one in house.glob("words-*")] == [after.file], "what the dead one left is swept"


def test_another_release_and_words_of_editors_make_it_outdated(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lexicon_making.make(house)
    with unit_of_work():
        terms.add_term(SYSTEM, "花屏病")
    assert lexicon_making.reason(house) == "", "not within minutes for a word"
    later(monkeypatch, lexicon_making.AGAIN)
    assert lexicon_making.reason(house) == "outdated"
    assert by_number(statements(lexicon.read_all)) == [], "it is used until the next one is there"
    assert lexicon_making.ensure(house) == "outdated" and lexicon_making.reason(house) == ""
    monkeypatch.setattr(lexicon_making, "fingerprint", lambda: "another")
    monkeypatch.setattr(lexicon_making, "now", now)
    assert lexicon_making.reason(house) == "outdated", "another dictionary: at once"


def test_many_changes_age_and_a_database_of_before_make_it_anew(house: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    lexicon_making.make(house)
    write("湿度探头失灵")
    later(monkeypatch, lexicon_making.AGAIN)
    assert lexicon_making.reason(house) == "", "one in six is read by the processes"
    write("温控器死机")
    write("按钮失灵")
    assert lexicon_making.ensure(house) == "changes"
    later(monkeypatch, lexicon_making.OLD + lexicon_making.AGAIN)
    assert lexicon_making.ensure(house) == "old"
    with unit_of_work() as s:
        s.execute(update(Article).values(updated_at=now() - timedelta(days=30)))
    later(monkeypatch, lexicon_making.AGAIN)
    assert lexicon_making.reason(house) == "ahead"


def test_a_process_waits_for_the_worker_and_questions_do_not_read(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def worker_makes_it(_seconds: float) -> None:
        assert not seen, "what the worker made is taken up at once"
        seen.append(lexicon.lexicon_now().words.get("网关", 0))
        lexicon_making.make(house)

    monkeypatch.setattr(lexicon, "PATIENCE", 600.0)
    monkeypatch.setattr(lexicon.time, "sleep", worker_makes_it)
    told = statements(lexicon.read_all)
    assert seen == [0], "a question meanwhile is answered with the shipped words"
    assert len(by_number(told)) == 3, "read once, by the worker"
    assert lexicon.lexicon_now().words["网关"] == 1


def test_nobody_waits_for_ever(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    clock = iter(range(10_000))
    monkeypatch.setattr(lexicon, "PATIENCE", 60.0)
    monkeypatch.setattr(lexicon.time, "sleep", slept.append)
    monkeypatch.setattr(lexicon.time, "monotonic", lambda: float(next(clock)))
    lexicon.read_all()
    assert 0 < len(slept) < 60 and "网关" in lexicon.lexicon_now().words


def test_words_out_of_a_file_are_shown_to_nobody_who_may_not_read_them(folder: Path, write: Write, index: Index) -> None:
    for number in range(3):
        write(f"雪豹批次价格表 {number}", "内部资料。", level="agent")
    write("网关离线")
    indexing.rebuild(index)
    lexicon_making.make(folder)
    lexicon.read_all()
    assert lexicon.lexicon_now().words["批次"] == 3
    for typed in ("雪豹", "xuebao", "xb", "批次", "pici", "jiagebiao", "价格"):
        assert complete(index, typed, PUBLIC) == [], typed
        assert complete(index, typed, EVERYTHING) != [], typed


def test_the_worker_has_a_hand_for_it(house: Path, app: Flask) -> None:
    stop = threading.Event()
    hand = threading.Thread(target=words.keep_words, args=(app, stop), daemon=True)
    hand.start()
    for _ in range(500):
        if (house / "current.json").exists() or not hand.is_alive():
            break
        threading.Event().wait(0.02)
    stop.set()
    hand.join(10)
    assert not hand.is_alive() and word_file.read_told(house, str(db.engine)).number


def test_stretches_by_number_skip_what_is_not_published(folder: Path, write: Write) -> None:
    write("变频器过热")
    for _ in range(3):
        write("草稿很多", state="draft")
    write("网关离线")
    read: list[Any] = []
    number, ended = 0, False
    while not ended:
        rows, ended, number = lexicon_rows.rows_by_number(number, 2)
        read += [text for row in rows for text in row.texts]
    assert read == ["变频器过热", "网关离线"]
