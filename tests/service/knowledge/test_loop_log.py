"""Searches on their way into the log: keyed at once, written in batches, never lost by a busy database."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from app.core.clock import frozen
from app.core.db import session
from app.core.permissions import NOBODY
from app.core.uow import unit_of_work
from app.kb.search_log import SearchLogger, note_search
from knowledge.index import PUBLIC, Hit, Hits
from knowledge.loop import digest, search_log
from knowledge.loop_models import KnowledgeGap
from knowledge.models import Article, SearchLog

Write = Callable[..., Article]


def hits(*ids: int) -> Hits:
    return Hits(len(ids), tuple(Hit(str(number), 1.0, ()) for number in ids))


def rows() -> list[SearchLog]:
    session().rollback()
    return list(session().scalars(select(SearchLog).order_by(SearchLog.id)))


@pytest.fixture
def logger(app: Flask) -> SearchLogger:
    made: SearchLogger = app.extensions["search_log"]
    return made


def noted(text: str, *ids: int) -> search_log.Noted:
    return search_log.noted(PUBLIC, text, hits(*ids), "portal")


def test_a_batch_is_written_in_one_transaction_and_found_by_key(logger: SearchLogger, write: Write) -> None:
    article = write("网关离线")
    first, second = noted("网关 离线", article.id), noted("  觸摸屏 ")
    for one in (first, second):
        logger.buffer.note(one)
    logger.buffer.opened(first.key, article.id)
    assert rows() == [] and len(logger.buffer) == 2
    assert logger.flush() and len(logger.buffer) == 0
    written = rows()
    assert [(r.query, r.folded, r.hits, r.key) for r in written] == [
        ("网关 离线", "网关 离线", 1, first.key), ("觸摸屏", "触摸屏", 0, second.key),
    ]  # fmt: skip
    assert (written[0].opened_article_id, written[0].opened_rank) == (article.id, 1)
    assert first.key != second.key and len(first.key) <= 24


def test_an_opening_waits_for_a_search_that_another_process_still_holds(logger: SearchLogger, write: Write) -> None:
    article, other = write("网关离线"), write("别的")
    late = noted("网关", article.id)
    start = datetime(2026, 5, 1, tzinfo=UTC)
    with frozen(start):
        logger.buffer.opened(late.key, article.id)
        assert logger.flush() and len(logger.buffer) == 1, "it is kept"
        with unit_of_work():
            search_log.write([late])
        logger.flush()
        assert rows()[0].opened_article_id == article.id and len(logger.buffer) == 0
        logger.buffer.opened("nobody-knows-it", article.id)
        logger.flush()
    with frozen(start + search_log.WAITS + timedelta(seconds=1)):
        logger.flush()
        assert len(logger.buffer) == 0, "but not for ever"
    with unit_of_work():
        assert search_log.mark(late.key, other.id), "the search is known"
        assert not search_log.mark("x" * 80, other.id)
    assert rows()[0].opened_article_id == article.id, "the first one counts, and only what was shown"


def test_a_busy_database_keeps_them_waiting_and_memory_stays_bounded(
    logger: SearchLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logger.buffer, "most", 3)

    def busy(searches: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    with monkeypatch.context() as broken:
        broken.setattr(search_log, "write", busy)
        for number in range(3):
            logger.buffer.note(noted(f"第{number}问"))
        assert not logger.flush()
        for number in range(3, 5):
            logger.buffer.note(noted(f"第{number}问"))
        assert not logger.flush()
    assert logger.buffer.lost == 2 and len(logger.buffer) == 3
    assert logger.flush()
    assert [row.query for row in rows()] == ["第2问", "第3问", "第4问"]


def test_what_is_gone_meanwhile_does_not_take_the_batch_with_it(logger: SearchLogger) -> None:
    gone = search_log.noted(PUBLIC, "没有这个产品了", hits(), "portal", product_id=4711)
    again = noted("两次")
    for one in (gone, again):
        logger.buffer.note(one)
    logger.flush()
    logger.buffer.note(again)
    logger.buffer.note(noted("三"))
    logger.flush()
    assert [(r.query, r.product_id) for r in rows()] == [("没有这个产品了", None), ("两次", None), ("三", None)]


def test_many_threads_at_once_lose_nothing(logger: SearchLogger) -> None:
    def ask(name: int) -> None:
        for number in range(50):
            logger.buffer.note(noted(f"{name}-{number}"))

    threads = [threading.Thread(target=ask, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logger.flush()
    assert session().scalar(select(func.count()).select_from(SearchLog)) == 200


def test_outside_of_a_page_a_search_is_remembered_too(app: Flask) -> None:
    key = note_search(NOBODY, "触摸屏", hits(), "api")
    assert [(r.key, r.where, r.browser, r.contact_id) for r in rows()] == [(key, "api", "", None)]


def test_shown_and_opened_are_counted_once_by_article_and_day(app: Flask, write: Write) -> None:
    from knowledge.loop_models import ArticleDay

    one, two = write("网关离线"), write("网关换卡")
    start = datetime(2026, 5, 1, 12, tzinfo=UTC)
    with frozen(start):
        asked = [noted("网关", one.id, two.id) for _ in range(3)]
        with unit_of_work():
            search_log.write(asked)
            search_log.mark(asked[0].key, two.id)
        early = digest.read_settled(timedelta(minutes=30))
        assert early.read == 0, "they may still be opened"
    with frozen(start + timedelta(minutes=31)):
        stretch = digest.read_settled(timedelta(minutes=30))
        for _ in range(2):  # a worker that was killed before it knew repeats it
            with unit_of_work():
                digest.keep(stretch)
        session().rollback()
        days = {row.article_id: (row.shown, row.opened, row.day) for row in session().scalars(select(ArticleDay))}
        assert days == {one.id: (3, 0, start.date()), two.id: (3, 1, start.date())}
        gap = session().scalars(select(KnowledgeGap)).one()
        assert (gap.unopened, gap.zero, gap.query, gap.top_article_id) == (2, 0, "网关", one.id)
        with unit_of_work():
            search_log.mark(asked[1].key, one.id)
        session().rollback()
        assert session().scalars(select(KnowledgeGap.unopened)).one() == 1, "opened after all"
