"""What a process has read of the titles: all of them once, then what changed, and nothing while nothing happens."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, update

from app.core.clock import now
from app.core.db import db
from app.core.uow import unit_of_work
from knowledge import lexicon
from knowledge.models import Article

Write = Callable[..., Article]


@pytest.fixture(autouse=True)
def _anew(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "_kept", None)
    monkeypatch.setattr(lexicon, "AT_ONCE", 2)
    monkeypatch.setattr(lexicon, "LOOK_EVERY", 0.0)


def statements(ask: Callable[[], object]) -> list[str]:
    told: list[str] = []

    def note(_c: object, _u: object, statement: str, *_rest: object) -> None:
        told.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return [one for one in told if "article" in one]


def test_all_is_read_at_once_with_a_pause_after_each_stretch(write: Write) -> None:
    for title in ("变频器过热", "网关离线", "触摸屏花屏", "传感器漂移", "电源跳闸"):
        write(title)
    pauses: list[int] = []
    lexicon.read_all(lambda: pauses.append(1))
    known = lexicon.lexicon_now().words
    assert {"网关", "触摸屏", "跳闸"} <= known.keys() and len(pauses) >= 3


def test_a_question_reads_a_stretch_and_later_what_changed(write: Write) -> None:
    for title in ("变频器过热", "网关离线", "触摸屏花屏"):
        write(title)
    assert lexicon.lexicon_now().words.get("触摸屏", 0) == 0, "two at a time here"
    lexicon.read_all()
    assert lexicon.lexicon_now().words["触摸屏"] >= 1
    write("湿度探头失灵")
    lexicon.read_all()
    assert "探头" in lexicon.lexicon_now().words


def test_while_nothing_happens_no_article_is_looked_at(write: Write) -> None:
    write("网关离线")
    lexicon.read_all()
    lexicon.lexicon_now()
    assert statements(lexicon.lexicon_now) == []
    write("湿度探头失灵")
    assert statements(lexicon.lexicon_now) and "探头" in lexicon.lexicon_now().words


def test_what_came_without_an_event_is_read_later(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    article = write("网关离线")
    lexicon.read_all()
    lexicon.lexicon_now()
    with unit_of_work() as s:
        s.execute(update(Article).where(Article.id == article.id).values(title="湿度探头失灵", updated_at=now()))
    assert "探头" not in lexicon.lexicon_now().words
    monkeypatch.setattr(lexicon, "LOOK_ANYWAY", 0.0)
    assert "探头" in lexicon.lexicon_now().words


def test_who_comes_while_somebody_reads_does_not_wait(write: Write) -> None:
    write("网关离线")
    lexicon.read_all()
    with lexicon._lock:
        assert "网关" in lexicon.lexicon_now().words
