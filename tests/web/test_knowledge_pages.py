"""/knowledge: who sees what, how an article is written, moved on and found, and what was asked without an answer."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select

from app.config import Settings
from app.core.audit import AuditRow
from app.core.clock import frozen, now
from app.core.db import session
from app.core.people import User
from app.core.permissions import NOBODY, SYSTEM
from app.core.uow import unit_of_work
from app.kb import loop_tick
from knowledge import lifecycle
from knowledge.index import Hits
from knowledge.models import Article, Revision
from knowledge.searching import log_search, record_feedback
from knowledge.service import Content, revise
from tests.conftest import FreshClient
from tests.web.knowledge_house import House, version_of

MakeUser = Callable[..., User]


def form(article_id: int | None = None, **changed: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "title": "触摸屏配方怎么找回", "body": "## 做法\n\n1. 插上 U 盘。\n", "questions": "配方丢了\n触摸屏重启后没有配方",
        "audience": "public", "kind": "howto", "category": "操作指南", "language": "zh", "valid_for": "", "phone_script": "",
        "comment": "",
    }  # fmt: skip
    if article_id:
        given["version"] = version_of(article_id)
    return given | changed


def article(article_id: int) -> Article:
    session().rollback()
    return session().get_one(Article, article_id)


def titles(page: str) -> set[str]:
    return set(re.findall(r'<a class="main" href="/knowledge/\d+">([^<]+)</a>', page))


def test_the_list_by_role_state_product_and_words(client: FreshClient, house: House, make_user: MakeUser) -> None:
    client.log_in(house.user(make_user, "editor"))
    assert len(titles(client.get("/knowledge").text)) == 6
    assert titles(client.get(f"/knowledge?product={house.drive.id}").text) == {"HK-V20 报 E07：散热器过热"}
    assert titles(client.get("/knowledge?q=冲销").text) == {"报工扫了两次怎么办", "澄湖专线的报工口令"}
    assert titles(client.get("/knowledge?level=agent").text) == {"客户说 E07，先问产品"}
    assert titles(client.get("/knowledge?state=draft").text) == set()
    assert titles(client.get("/knowledge?q=%25").text) == set()
    client.log_in(house.user(make_user, "agent"))
    seen = titles(client.get("/knowledge").text)
    assert "拓联内部：卡座批次" not in seen and len(seen) == 5
    assert "/knowledge/new" not in client.get("/knowledge").text


def test_a_long_list_has_pages(app: Flask, editor: FreshClient, house: House) -> None:
    from app.queries import knowledge as queries

    with unit_of_work() as s:
        for number in range(queries.PAGE + 3):
            s.add(Article(slug=f"more-{number}", title=f"第 {number} 篇", state="draft"))
    first = editor.get("/knowledge?state=draft").text
    following = re.search(r'href="([^"]+cursor=[^"]+)"', first)
    assert following
    rest = editor.get(following[1].replace("&amp;", "&")).text
    assert len(titles(first)) == queries.PAGE and len(titles(rest)) == 3
    assert not titles(first) & titles(rest)
    for cursor in ("x", "1_x", "9" * 25 + "_1", "_", "1_99999999999"):
        assert editor.get("/knowledge", query_string={"cursor": cursor}).status_code == 200


def test_questions_without_an_answer(client: FreshClient, house: House, settings: Settings, make_user: MakeUser) -> None:
    with frozen(now() - timedelta(minutes=1)), unit_of_work():
        for _ in range(3):
            log_search(NOBODY, "触摸屏配方丢了", Hits(0), "portal")
    loop_tick.every_minute(settings)
    client.log_in(house.user(make_user, "editor"))
    page = client.get("/knowledge").text
    assert "触摸屏配方丢了" in page and "3 次" in page
    new = client.get("/knowledge/new?q=触摸屏配方丢了").text
    assert "触摸屏配方丢了</textarea>" in new
    client.log_in(house.user(make_user, "author"))
    assert "触摸屏配方丢了" not in client.get("/knowledge").text, "what the platform's customers ask is not a supplier's"


def test_written_published_and_found(editor: FreshClient, house: House, drain: Callable[[], int]) -> None:
    made = editor.post("/knowledge/new", data=form(products=[house.drive.id]))
    assert made.status_code == 303
    number = int(made.location.rsplit("/", 1)[1])
    row = article(number)
    assert (row.state, [p.id for p in row.products]) == ("draft", [house.drive.id])
    assert row.draft is not None and row.draft.questions == ["配方丢了", "触摸屏重启后没有配方"]
    assert editor.get(f"/articles/{row.slug}").status_code == 404
    editor.post(f"/knowledge/{number}/steps/publish", data={"version": row.version})
    page = editor.get(f"/knowledge/{number}").text
    assert "刚发布，过一会儿再看" in page and "前十没有" not in page, "the index is being written"
    with frozen(now() + timedelta(minutes=1)):
        assert "前十没有" in editor.get(f"/knowledge/{number}").text
    drain()
    assert article(number).state == "published"
    page = editor.get(f"/knowledge/{number}").text
    assert "第 1 位" in page, "the editor sees that it is found"
    assert f"/articles/{row.slug}" in editor.get("/search?q=配方丢了").text


def test_a_new_version_waits_until_it_is_published(editor: FreshClient, house: House) -> None:
    number = house.articles["sim"]
    saved = editor.post(f"/knowledge/{number}/edit", data=form(number, title="新标题", products=[house.gateway.id], comment="写清楚"))
    assert saved.location == f"/knowledge/{number}?revision=2"
    assert "TL-G300 报 E07" in editor.get("/articles/g300-e07").text
    page = editor.get(f"/knowledge/{number}?revision=2").text
    assert "新标题" in page and "写清楚" in page
    editor.post(f"/knowledge/{number}/steps/publish", data={"version": version_of(number)})
    assert "新标题" in editor.get("/articles/g300-e07").text
    old = editor.get(f"/knowledge/{number}?revision=1").text
    assert "/restore" in old
    editor.post(f"/knowledge/{number}/restore", data={"number": 1, "version": version_of(number)})
    newest = session().scalars(select(Revision).where(Revision.article_id == number).order_by(Revision.number.desc())).first()
    assert newest is not None and (newest.number, newest.title) == (3, "TL-G300 报 E07：没有 SIM 卡")
    assert editor.get(f"/knowledge/{number}?revision=9").status_code == 404


def test_who_comes_second_keeps_what_they_typed(editor: FreshClient, house: House) -> None:
    number = house.articles["mes"]
    typed = form(number, body="我写了很久的正文", audience="client")
    with unit_of_work() as s:
        revise(SYSTEM, s.get_one(Article, number), Content("别人的标题", "别人的正文"))
    answer = editor.post(f"/knowledge/{number}/edit", data=typed)
    assert answer.status_code == 409
    assert "我写了很久的正文" in answer.text and "/changes\"" in answer.text
    again = re.search(r'name="version" value="(\d+)"', answer.text)
    assert again
    assert editor.post(f"/knowledge/{number}/edit", data=typed | {"version": again[1]}).status_code == 303
    assert session().scalars(select(Revision.body).where(Revision.article_id == number).order_by(Revision.number)).all()[-2:] == [
        "别人的正文\n", "我写了很久的正文\n",
    ]  # fmt: skip


def test_a_step_on_an_old_version_is_refused(editor: FreshClient, house: House) -> None:
    number = house.articles["hot"]
    editor.post(f"/knowledge/{number}/steps/retire", data={"version": 1, "reason": "旧了"})
    assert article(number).state == "published"
    assert "别人刚刚改过" in editor.get(f"/knowledge/{number}").text
    editor.post(f"/knowledge/{number}/steps/retire", data={"version": version_of(number)})
    assert article(number).state == "published", "a reason is asked for"
    editor.post(f"/knowledge/{number}/steps/retire", data={"version": version_of(number), "reason": "换了新款"})
    assert article(number).state == "retired"
    assert session().scalars(select(AuditRow.reason).where(AuditRow.action == "article.retire")).one() == "换了新款"
    assert editor.post(f"/knowledge/{number}/steps/nonsense").status_code == 404


def test_wrong_fields_come_back_with_everything_typed(editor: FreshClient, house: House) -> None:
    answer = editor.post("/knowledge/new", data=form(title="", body="写了正文", audience="everybody", kind="nix"))
    assert answer.status_code == 422
    assert "写了正文" in answer.text and answer.text.count("aria-invalid") >= 2
    preview = editor.post("/knowledge/new", data=form(body="**粗**<script>x</script>", preview="1"))
    assert preview.status_code == 200 and "<strong>粗</strong>" in preview.text and "<script>x" not in preview.text
    piece = editor.post("/knowledge/preview", data={"body": "## 小标题"})
    assert piece.text.strip().startswith("<h2") and "<html" not in piece.text
    assert len(session().scalars(select(Article)).all()) == 6


def test_a_suppliers_author_stays_with_own_products(client: FreshClient, house: House, make_user: MakeUser) -> None:
    client.log_in(house.user(make_user, "author"))
    new = client.get("/knowledge/new").text
    assert "HK-V20 变频器" in new and "TL-G300" not in new
    for products in ([], [house.gateway.id], [house.drive.id, house.gateway.id]):
        assert client.post("/knowledge/new", data=form(products=products)).status_code == 422
    made = client.post("/knowledge/new", data=form(products=[house.drive.id]))
    number = int(made.location.rsplit("/", 1)[1])
    client.post(f"/knowledge/{number}/steps/submit", data={"version": version_of(number)})
    assert article(number).state == "review"
    client.post(f"/knowledge/{number}/steps/publish", data={"version": version_of(number)})
    assert article(number).state == "review", "the platform reviews"
    for foreign in ("sim", "mes", "secret"):
        assert client.get(f"/knowledge/{house.articles[foreign]}/edit").status_code == 404
        assert client.post(f"/knowledge/{house.articles[foreign]}/edit", data=form()).status_code == 404
        assert client.post(f"/knowledge/{house.articles[foreign]}/steps/retire", data={"reason": "x"}).status_code == 404
    assert client.get(f"/knowledge/{house.articles['secret']}").status_code == 404


def test_an_author_changes_the_text_of_a_published_one_but_not_what_it_is(
    client: FreshClient, house: House, make_user: MakeUser
) -> None:
    client.log_in(house.user(make_user, "author"))
    number = house.articles["hot"]
    assert 'name="audience"' not in client.get(f"/knowledge/{number}/edit").text
    given = {"title": "更好的标题", "body": "更好的正文", "version": version_of(number)}
    assert client.post(f"/knowledge/{number}/edit", data=given).status_code == 303
    refused = client.post(f"/knowledge/{number}/edit", data=form(number, audience="agent", products=[house.drive.id]))
    assert refused.status_code == 403
    assert article(number).level == "public" and article(number).safety


def test_sent_back_with_a_reason(client: FreshClient, house: House, make_user: MakeUser) -> None:
    author = house.user(make_user, "author")
    client.log_in(author)
    number = int(client.post("/knowledge/new", data=form(products=[house.drive.id])).location.rsplit("/", 1)[1])
    client.post(f"/knowledge/{number}/steps/submit")
    client.log_in(house.user(make_user, "editor"))
    assert titles(client.get("/knowledge?state=review").text) == {"触摸屏配方怎么找回"}
    client.post(f"/knowledge/{number}/steps/return", data={"version": version_of(number), "reason": "缺图"})
    assert article(number).state == "draft"
    client.post(f"/knowledge/{number}/comments", data={"text": "写清步骤"})
    client.log_in(author)
    page = client.get("/knowledge").text
    assert "退回修改" in page and "1 条意见" in page, "the list says which draft came back"
    client.post(f"/knowledge/{number}/steps/submit", data={"version": version_of(number)})
    assert "退回修改" not in client.get("/knowledge").text
    client.log_in(make_user("author", organisation=house.other))
    assert "1 条意见" not in client.get("/knowledge").text


def test_readers_words_and_stale_reviews_are_shown(editor: FreshClient, house: House) -> None:
    number = house.articles["hot"]
    with unit_of_work() as s:
        found = s.get_one(Article, number)
        record_feedback(NOBODY, found, False, "没有写备件号")
        found.reviewed_at = found.created_at.replace(year=2020)
    assert "没有写备件号" in editor.get(f"/knowledge/{number}").text
    assert "该复核了" in editor.get("/knowledge").text


def test_agents_read_without_drafts(client: FreshClient, house: House, make_user: MakeUser) -> None:
    with unit_of_work() as s:
        revise(SYSTEM, s.get_one(Article, house.articles["hot"]), Content("没发布的标题", "没发布的正文"))
    client.log_in(house.user(make_user, "agent"))
    page = client.get(f"/knowledge/{house.articles['hot']}").text
    assert "没发布的" not in page and "/edit" not in page
    assert client.get(f"/knowledge/{house.articles['hot']}?revision=2").status_code == 404
    with unit_of_work() as s:
        lifecycle.retire(SYSTEM, s.get_one(Article, house.articles["hot"]), "旧了")
    assert client.get(f"/knowledge/{house.articles['hot']}").status_code == 404


def test_two_versions_are_compared_line_by_line(editor: FreshClient, house: House) -> None:
    article_id = next(i for i in house.articles.values() if article(i).state == "published")
    before = article(article_id)
    body = before.current.body if before.current else ""
    with unit_of_work():
        revise(SYSTEM, article(article_id), Content(before.title, body + "\n\n最后再查 <b>载频</b>。\n", ()), "补一步")
    page = editor.get(f"/knowledge/{article_id}/changes")
    assert page.status_code == 200
    assert "最后再查 &lt;b&gt;载频&lt;/b&gt;。" in page.text and 'class="new"' in page.text
    assert f'href="/knowledge/{article_id}/changes?from=1&amp;to=2"' in editor.get(f"/knowledge/{article_id}?revision=2").text
    assert "完全一样" in editor.get(f"/knowledge/{article_id}/changes?from=2&to=2").text
    assert editor.get(f"/knowledge/{article_id}/changes?from=1&to=99").status_code == 404
    assert editor.get("/knowledge/999999/changes").status_code == 404
