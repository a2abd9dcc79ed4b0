"""From the event to the page of hits, and what is remembered of a search."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.commands.knowledge import knowledge
from app.core.clock import frozen
from app.core.errors import NotFound
from app.core.permissions import NOBODY, SYSTEM, Actor
from app.core.uow import unit_of_work
from knowledge import indexing, lifecycle, searching, service
from knowledge.access import reader_for
from knowledge.index import EVERYTHING, PUBLIC, Index, Query
from knowledge.models import Article, SearchLog
from knowledge.suggest import suggest

from .conftest import Market

Write = Callable[..., Article]


def test_published_is_found_and_retired_is_gone(write: Write, index: Index, drain: Callable[[], int]) -> None:
    article = write("网关离线", "换卡后要查接入点。", questions=("绿灯不亮",))
    draft = write("网关草稿", state="draft")
    drain()
    assert [int(hit.id) for hit in index.search(Query("绿灯不亮"))] == [article.id]
    with unit_of_work():
        service.revise(SYSTEM, article, service.Content("网关掉线", "看天线。"))
        lifecycle.publish(SYSTEM, article)
    drain()
    assert index.search(Query("接入点")).total == 0 and index.search(Query("天线")).total == 1
    with unit_of_work():
        lifecycle.retire(SYSTEM, article, "旧了")
    drain()
    assert index.search(Query("网关", EVERYTHING)).total == 0
    with unit_of_work():
        lifecycle.publish(SYSTEM, draft)
    drain()
    assert index.search(Query("网关")).total == 1


def test_the_database_has_the_last_word(write: Write, index: Index) -> None:
    article, other = write("网关离线"), write("网关掉线")
    indexing.rebuild(index)
    with unit_of_work():
        lifecycle.retire(SYSTEM, article, "旧了")
    hits = searching.search(index, NOBODY, "网关")
    assert hits.total == 2, "the index does not know yet"
    assert [found.article for found in searching.with_articles(hits, PUBLIC)] == [other]


def test_a_lost_index_is_made_anew(write: Write, index: Index, app: Flask, drain: Callable[[], int]) -> None:
    write("网关离线")
    drain()
    folder = Path(app.extensions["settings"].data_dir) / "index"
    shutil.rmtree(folder)
    assert indexing.ensure(index) and not indexing.ensure(index)
    assert index.search(Query("网关")).total == 1
    shutil.rmtree(folder)
    write("网关掉线")
    drain()
    assert index.search(Query("网关")).total == 2, "a reaction repairs it too"


def test_suggestions_prefer_the_product(write: Write, index: Index, market: Market) -> None:
    drive = write("E07 散热器过热", "报 E07 时先停机。", product_ids=(market.drive.id,))
    gateway = write("E07 未识别卡", "报 E07 时重插卡。", product_ids=(market.gateway.id,))
    common = write("怎样报修", "说明 E07 之类的代码。")
    indexing.rebuild(index)
    first = {
        product: [int(hit.id) for hit in suggest(index, "设备报 E07，帮忙看看", PUBLIC, product)]
        for product in (market.drive.id, market.gateway.id, None)
    }
    assert first[market.drive.id][0] == drive.id and first[market.drive.id][-1] == gateway.id
    assert first[market.gateway.id][0] == gateway.id and len(first[None]) == 3
    assert common.id in first[market.drive.id]
    assert suggest(index, "设备报 E07", PUBLIC, limit=1)[0].passage
    assert suggest(index, "", PUBLIC) == []


def test_searches_and_opened_hits(write: Write, index: Index, actor: Callable[..., Actor]) -> None:
    article = write("网关离线")
    indexing.rebuild(index)

    def ask(text: str, who: Actor = NOBODY) -> SearchLog:
        hits = searching.search(index, who, text)
        with unit_of_work():
            return searching.log_search(who, text, hits, "portal", reader=reader_for(who))

    with frozen(datetime(2026, 5, 1, tzinfo=UTC)):
        row = ask("网关")
        with unit_of_work():
            searching.mark_opened(row.key, article.id)
            searching.mark_opened(row.key, 999)
            searching.mark_opened(None, article.id)
        assert (row.opened_article_id, row.opened_rank, row.zero) == (article.id, 1, False)
        asked = ask("吹吹風又能轉", who=actor("agent"))
        assert (asked.folded, asked.level, asked.zero) == ("吹吹风又能转", "agent", True)


def test_feedback_and_views_do_not_change_the_version(
    write: Write, actor: Callable[..., Actor], market: Market
) -> None:
    article, hidden = write("网关离线"), write("内部", level="agent")
    before = article.version
    with unit_of_work():
        searching.record_feedback(NOBODY, article, True)
        row = searching.record_feedback(NOBODY, article, False, "没\x00解决")
        searching.count_view(article)
    assert (article.helpful_count, article.unhelpful_count, article.view_count) == (1, 1, 1)
    assert article.version == before and row.words == "没解决"
    with pytest.raises(NotFound), unit_of_work():
        searching.record_feedback(NOBODY, hidden, True)


def test_command_says_loudly_that_there_is_no_index(runner: Any) -> None:
    done = runner.invoke(knowledge, ["search", "网关"])
    assert done.exit_code == 1 and done.stdout == "" and done.stderr.count("\n") == 1 and "索引" in done.stderr
