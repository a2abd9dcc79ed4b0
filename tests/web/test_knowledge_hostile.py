"""What somebody tries on the pages of knowledge who has a login, but not this right: words, names and marks of others."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core.clock import now
from app.core.db import session
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.kb.imports import work_once
from app.web import sheets
from knowledge import lifecycle
from knowledge.community_models import SHOWN, Question
from knowledge.loop.figures import set_marks
from knowledge.loop_models import ArticleFigures, ArticleFlag, MustRead
from knowledge.models import Article, SearchLog
from knowledge.service import Content, Properties, draft_article, revise
from tests.conftest import FreshClient
from tests.web.knowledge_house import House
from tests.web.test_knowledge_pages import form, titles

MakeUser = Callable[..., User]
Someone = Callable[[str], FreshClient]


def draft_of(article_id: int, body: str) -> None:
    with unit_of_work() as s:
        row = s.get_one(Article, article_id)
        revise(SYSTEM, row, Content(row.title, body, ()))


def test_nobody_reads_a_waiting_draft_by_asking_the_list_for_its_words(house: House, someone: Someone) -> None:
    draft_of(house.articles["sim"], "下月召回批次 K77，先别说。\n")
    for role in ("author", "agent", "resident"):
        assert titles(someone(role).get("/knowledge?q=K77").text) == set(), role
    assert titles(someone("editor").get("/knowledge?q=K77").text) == {"TL-G300 报 E07：没有 SIM 卡"}
    draft_of(house.articles["hot"], "下月换风扇 K78。\n")
    assert titles(someone("author").get("/knowledge?q=K78").text) == {"HK-V20 报 E07：散热器过热"}, "their own"


def test_health_and_plans_of_others_articles_are_not_shown_in_the_list(house: House, someone: Someone) -> None:
    with unit_of_work() as s:
        for name in ("sim", "hot"):
            row = ArticleFigures(article_id=house.articles[name], why=[["low_help", "", {}]], marks=[])
            set_marks(row)
            s.add(row)
    page = someone("author").get("/knowledge").text
    assert page.count("帮助不大</") - someone("author").get("/knowledge?q=nothing-at-all").text.count("帮助不大</") == 1
    assert titles(someone("author").get("/knowledge?health=low_help").text) == {"HK-V20 报 E07：散热器过热"}
    assert titles(someone("author").get("/knowledge?health=sick").text) == {"HK-V20 报 E07：散热器过热"}


def test_a_forged_form_names_no_customer_and_sets_no_audience_of_others(house: House, someone: Someone) -> None:
    author = someone("author")
    made = author.post("/knowledge/new", data=form(products=[house.drive.id], organisations=[house.client.id]))
    assert made.status_code == 422 and "澄湖" not in made.text
    none = author.post("/knowledge/new", data=form(products=[house.drive.id], organisations=[99_999]))
    assert none.status_code == 422
    assert made.text.count("没有这家企业") == none.text.count("没有这家企业") > 0, "whether there is such a company is not told"
    own = author.post("/knowledge/new", data=form(products=[house.drive.id], organisations=[house.supplier.id]))
    assert own.status_code == 303


def imported(browser: FreshClient, text: str) -> str:
    data = {"files": [(io.BytesIO(text.encode()), "a.md")], "level": "public"}
    answer = browser.post("/knowledge/import", data=data, content_type="multipart/form-data")
    assert work_once()
    return str(answer.location)


def test_a_file_of_an_author_names_no_customer(house: House, someone: Someone) -> None:
    author, said = someone("author"), []
    for name in ("澄湖", "没有这家"):
        url = imported(author, f"---\ntitle: 一篇\nproducts: [HK-V20]\naudience:\n  level: client\n  organisations: [{name}]\n---\n正文\n")
        page = author.get(f"{url}/report.csv").text.replace(name, "NAME")
        said.append(page.splitlines()[1])
    assert said[0] == said[1] and "没有企业" in said[0]
    url = imported(author, "---\ntitle: 一篇\nproducts: [HK-V20]\naudience:\n  level: client\n  organisations: [宏控]\n---\n正文\n")
    assert author.post(f"{url}/start").status_code == 303 and work_once()
    made = session().scalars(select(Article).where(Article.title == "一篇")).one()
    assert [o.name for o in made.organisations] == ["宏控"]


def test_an_author_cannot_write_that_somebody_reviewed_it(house: House, someone: Someone) -> None:
    author = someone("author")
    url = imported(author, "---\ntitle: 一篇\nproducts: [HK-V20]\nreviewed_by: 平台编辑\nreviewed_at: 2031-01-01\n---\n正文\n")
    assert author.post(f"{url}/start").status_code == 303 and work_once()
    made = session().scalars(select(Article).where(Article.title == "一篇")).one()
    assert (made.reviewed_by, made.reviewed_at) == ("", None)
    editor = someone("editor")
    url = imported(editor, "---\ntitle: 两篇\nproducts: [HK-V20]\nreviewed_by: 平台编辑\nreviewed_at: 2026-01-01\n---\n正文\n")
    assert editor.post(f"{url}/start").status_code == 303 and work_once()
    made = session().scalars(select(Article).where(Article.title == "两篇")).one()
    assert made.reviewed_by == "平台编辑"


def test_links_tell_an_author_nothing_of_what_others_write(house: House, someone: Someone) -> None:
    with unit_of_work():
        plan = draft_article(SYSTEM, Content("拓联的计划", "还没有发布。\n"), Properties(level="supplier", product_ids=(house.gateway.id,)), "plan")
        assert plan.state == "draft"
    author = someone("author")
    body = "[a](article:batch) [b](article:plan) [c](article:nowhere) [d](article:v20-e07)\n"
    page = author.post("/knowledge/preview", data={"body": body, "audience": "public"}).text
    for slug in ("batch", "plan", "nowhere"):
        assert f"没有地址是「{slug}」的知识" in page, slug
    assert "还没有发布" not in page and "没有权限打开" not in page
    told = someone("editor").post("/knowledge/preview", data={"body": body, "audience": "public"}).text
    assert "「plan」还没有发布" in told and "没有权限打开" in told, "editors put links right"


def test_what_customers_typed_is_offered_without_who_they_are(house: House, someone: Someone) -> None:
    with unit_of_work() as s:
        for query in ("变频器过热停机 联系王经理 13812345678", "变频器过热停机怎么恢复"):
            s.add(SearchLog(query=query, folded=query, level="public", where="portal", hits=0, shown=[], at=now(),
                            product_id=house.drive.id, key=f"key-{len(query)}"))  # fmt: skip
    page = someone("author").post("/knowledge/hints/questions", data={"title": "变频器过热停机"}).text
    assert "怎么恢复" in page and "13812345678" not in page and "王经理" not in page


def test_a_double_click_asks_and_reports_once(house: House, someone: Someone) -> None:
    editor, agent = someone("editor"), someone("agent")
    due = (now() + timedelta(days=3)).date().isoformat()
    number = house.articles["guide"]
    for _twice in range(2):
        assert editor.post(f"/knowledge/{number}/must-read", data={"roles": "agent", "due_on": due, "note": "新流程"}).status_code == 303
        assert agent.post(f"/knowledge/{number}/flags", data={"words": "先问型号"}).status_code == 303
        assert editor.post("/knowledge/new", data=form(title="只写一次", basket="basket-of-one-form-9")).status_code == 303
        assert editor.post(f"/knowledge/{number}/comments", data={"text": "换一句"}).status_code == 303
    session().rollback()
    counts = [session().scalar(select(func.count()).select_from(row)) for row in (MustRead, ArticleFlag)]
    assert counts == [1, 1]
    assert session().scalar(select(func.count()).where(Article.title == "只写一次")) == 1


def test_a_resident_takes_no_question_of_another_suppliers_product(house: House, someone: Someone) -> None:
    with unit_of_work() as s:
        for product in (house.gateway, house.drive):
            s.add(Question(product_id=product.id, title="没人答的问题", body="", state=SHOWN, author_kind="user", author_id=1, author_name="孙**",
                           side="customer", created_at=now() - timedelta(days=9), active_at=now()))  # fmt: skip
    resident = someone("resident")
    assert resident.post("/knowledge/community/question/1/ticket").status_code in (403, 404, 303)
    session().rollback()
    assert session().get_one(Question, 1).ticket_number is None
    resident.post("/knowledge/community/question/2/ticket")
    session().rollback()
    assert session().get_one(Question, 2).ticket_number is not None


def test_a_kept_page_does_not_name_an_article_that_is_gone(house: House, app: Flask, client: FreshClient, drain: Callable[[], int]) -> None:
    with unit_of_work():
        beside = draft_article(SYSTEM, Content("HK-V20 报 E09：散热器过热", "散热器过热。\n"), Properties(product_ids=(house.drive.id,)), "v20-e09")
        number = lifecycle.publish(SYSTEM, beside).id
    drain()
    client.get("/articles/v20-e07")  # from now on the browser has its secret
    first = client.get("/articles/v20-e07")
    assert "报 E09" in first.text, "the similar ones"
    same = client.get("/articles/v20-e07", headers={"If-None-Match": first.headers["ETag"]})
    assert same.status_code == 304
    with unit_of_work() as s:
        lifecycle.retire(SYSTEM, s.get_one(Article, number), "旧了")
    again = client.get("/articles/v20-e07", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 200 and "报 E09" not in again.text


def test_hundreds_of_questions_do_not_hold_a_page(house: House, someone: Someone, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.web import knowledge

    with unit_of_work() as s:
        row = s.get_one(Article, house.articles["hot"])
        revise(SYSTEM, row, Content(row.title, "正文\n", tuple(f"第 {n} 个问法" for n in range(300))))
        lifecycle.publish(SYSTEM, row)
    searched: list[Any] = []
    real = knowledge._search
    monkeypatch.setattr(knowledge, "_search", lambda *given: searched.append(given) or real(*given))
    assert someone("editor").get(f"/knowledge/{house.articles['hot']}").status_code == 200
    assert 0 < len(searched) <= 20


def test_a_text_that_is_too_long_is_said_and_not_cut(house: House, someone: Someone) -> None:
    editor = someone("editor")
    long = "长" * 200_500 + "末尾"
    answer = editor.post("/knowledge/new", data=form(title="很长", body=long))
    assert answer.status_code == 422 and "末尾" in answer.text
    many = "\n".join(f"第 {n} 个问法该怎么办" for n in range(2500)) + "\n最后一问"
    answer = editor.post("/knowledge/new", data=form(title="很多问", questions=many))
    made = session().scalars(select(Article).where(Article.title == "很多问")).one_or_none()
    assert made is None or "最后一问" in (made.draft.questions if made.draft else ())


def test_a_supplier_reads_no_title_of_what_the_platform_writes(house: House, someone: Someone) -> None:
    both = (house.drive.id, house.gateway.id)
    with unit_of_work():
        draft_article(SYSTEM, Content("下一代网关的价格", "还没定。\n", ("多少钱",)), Properties(kind="api", product_ids=both), "price")
    author = someone("author")
    made = author.post("/knowledge/releases", data={"product": house.drive.id, "name": "9.9"})
    page = author.get(made.location).text
    assert "下一代网关的价格" not in page and "平台在写的一篇" in page
    assert "下一代网关的价格" in someone("editor").get(made.location).text


def test_what_is_being_typed_is_not_kept_in_memory(house: House, someone: Someone) -> None:
    editor = someone("editor")
    before = (sheets._kept.cache_info().currsize, sheets._kept_long.cache_info().currsize)
    for turn in range(3):
        assert "第 2 稿" in editor.post("/knowledge/preview", data={"body": f"第 2 稿 {turn}\n"}).text
    assert (sheets._kept.cache_info().currsize, sheets._kept_long.cache_info().currsize) == before
