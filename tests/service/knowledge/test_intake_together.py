"""Articles that are tried or written in one transaction do not stand in each other's way."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import IntegrityError

from app.core.db import session
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.kb.imports import work_once
from knowledge.intake import jobs, writing_jobs
from knowledge.intake.shapes import Entry
from knowledge.intake.trying import plans

from .conftest import Market
from .test_intake_jobs import results, run

MakeActor = Callable[..., Actor]


def test_a_product_that_was_taken_back_with_its_article_is_unknown_to_the_next(market: Market, actor: MakeActor) -> None:
    new = {"products": [{"code": "NEU-1", "name": "新品一", "category": "变频器"}]}
    bad = Entry("a", "太长", "正文\n", {"products": ["NEU-1"], "catalogue": new, "category": "长" * 61})
    after = Entry("b", "下一篇", "正文\n", {"products": ["NEU-1"], "internal_note": "记"})
    found = plans(actor("administrator"), 0, None, [("a.md", bad), ("b.md", after)], {"level": "public"}, {})
    assert [one["plan"] for one in found] == ["failed"] * 2
    assert "太长" in found[0]["reason"] and "NEU-1" in found[1]["reason"]


def test_two_rows_of_one_address_and_one_title_are_one_article_in_the_dry_run(market: Market, actor: MakeActor) -> None:
    title = "".join(["同一", "个标题"])  # a spreadsheet's reader gives equal cells as one text
    rows = [("a.xlsx", Entry(key, title, f"答案 {key}\n", {"slug": "same"})) for key in ("1", "2")]
    found = plans(actor("editor"), 0, None, rows, {"level": "public"}, {})
    assert [one["plan"] for one in found] == ["new", "updated"]


def test_an_address_that_another_import_took_at_the_same_moment_stops_nothing(
    market: Market, actor: MakeActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = actor("editor")
    job = run(editor, {"a.csv": "问题,答案\n一问,甲\n二问,乙\n三问,丙\n".encode()})
    with unit_of_work():
        jobs.start(editor, jobs.access_job(editor, job.id), False)
    real, tried = writing_jobs.write_entry, list[str]()

    def races(*given: Any) -> Any:
        tried.append(given[1].title)
        if given[1].title == "二问" and tried.count("二问") == 1:
            raise IntegrityError("INSERT", {}, Exception("UNIQUE"))
        return real(*given)

    monkeypatch.setattr(writing_jobs, "write_entry", races)
    assert work_once()
    session().expire_all()
    assert (set(results(job).values()), len(results(job)), job.state, "error" in job.options) == ({"imported"}, 3, "done", False)


def test_rows_of_a_product_that_nobody_knows_cost_one_question(market: Market, actor: MakeActor) -> None:
    editor, asked = actor("editor"), list[str]()

    def hear(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        asked.append(statement)

    rows = [("a.csv", Entry(f"{n}", f"第 {n} 问", "答\n", {"products": ["没有的"]})) for n in range(40)]
    event.listen(Engine, "before_cursor_execute", hear)
    try:
        found = plans(editor, 0, None, rows, {"level": "public"}, {})
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
    assert all("没有产品" in one["reason"] and "没有的" in one["reason"] for one in found) and len(asked) < 20


def test_a_product_that_one_article_lacked_is_found_once_the_next_has_brought_it(market: Market, actor: MakeActor) -> None:
    new = {"products": [{"code": "NEU-1", "name": "新品一", "category": "变频器"}]}
    first = Entry("a", "缺", "正文\n", {"products": ["NEU-1"], "internal_note": "记"})
    brings = Entry("b", "带来", "正文\n", {"products": ["NEU-1"], "catalogue": new})
    again = Entry("c", "再一篇", "正文\n", {"products": ["NEU-1"], "internal_note": "记"})
    rows = [("a.md", first), ("b.md", brings), ("c.md", again)]
    found = plans(actor("administrator"), 0, None, rows, {"level": "public"}, {})
    assert [one["plan"] for one in found] == ["failed", "new", "new"]
