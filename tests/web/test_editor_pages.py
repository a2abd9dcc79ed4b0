"""The editor's pages: pictures, templates, both texts of a conflict, comments, planned publishing, addresses, broken links."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select

from app.core.clock import advance, frozen, now
from app.core.db import session
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from knowledge import care
from knowledge.editing_models import ArticleFile, PublishPlan, ReviewComment
from knowledge.models import Article
from knowledge.service import Content, revise
from tests.conftest import FreshClient
from tests.web.knowledge_house import House, version_of
from tests.web.test_knowledge_pages import form

MakeUser = Callable[..., User]
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20
BASKET = "basket-of-one-form-1"


def upload(client: FreshClient, content: bytes = PNG, name: str = "图.png", mime: str = "image/png", **given: Any) -> Any:
    return client.post("/knowledge/files", data={"file": (io.BytesIO(content), name, mime), **given}, content_type="multipart/form-data")


def article(number: int) -> Article:
    session().rollback()
    return session().get_one(Article, number)


def test_a_new_article_with_a_picture_and_an_attachment(editor: FreshClient, house: House, app: Flask, make_user: MakeUser) -> None:
    picture = upload(editor, basket=BASKET)
    assert picture.status_code == 201 and picture.json["image"]
    paper = upload(editor, b"%PDF-1.4 x", "接线图.pdf", "application/pdf", basket=BASKET)
    body = f"![滤棉]({picture.json['url']})\n"
    made = editor.post("/knowledge/new", data=form(body=body, basket=BASKET, with_files="1", files=[paper.json["id"]]))
    assert made.status_code == 303
    number = int(made.location.rsplit("/", 1)[1])
    stranger = app.test_client()
    assert [stranger.get(row["url"]).status_code for row in (picture.json, paper.json)] == [404, 404]
    assert editor.get(picture.json["url"]).status_code == 200
    editor.post(f"/knowledge/{number}/steps/publish", data={"version": version_of(number)})
    shown, given = stranger.get(picture.json["url"]), stranger.get(paper.json["url"])
    assert (shown.status_code, shown.mimetype, shown.data) == (200, "image/png", PNG)
    assert shown.headers["X-Content-Type-Options"] == "nosniff" and shown.headers["Content-Security-Policy"].startswith("sandbox")
    assert given.mimetype == "application/octet-stream" and given.headers["Content-Disposition"].startswith("attachment")
    assert "接线图.pdf" in stranger.get(f"/articles/{article(number).slug}").text
    assert f'src="/articles/files/{picture.json["id"]}/' in stranger.get(f"/articles/{article(number).slug}").text


def test_files_of_inside_articles_cannot_be_guessed(editor: FreshClient, house: House, make_user: MakeUser, app: Flask) -> None:
    number = house.articles["secret"]
    url = upload(editor, article=number).json["url"]
    editor.post(f"/knowledge/{number}/edit", data=form(number, body=f"![x]({url})", audience="supplier", products=[house.gateway.id]))
    editor.post(f"/knowledge/{number}/steps/publish", data={"version": version_of(number)})
    assert editor.get(url).status_code == 200
    for role in ("agent", "client", "author"):
        client = app.test_client().log_in(house.user(make_user, role))
        assert client.get(url).status_code == 404, role
    assert app.test_client().get(url).status_code == 404
    author = app.test_client().log_in(house.user(make_user, "author"))
    assert upload(author, article=number).status_code == 404 and upload(author, article=house.articles["hot"]).status_code == 201


def test_refused_uploads_say_why(editor: FreshClient, house: House) -> None:
    for content, name, mime in ((b"<svg/>", "a.svg", "image/svg+xml"), (b"", "a.pdf", "application/pdf")):
        answer = upload(editor, content, name, mime, article=house.articles["hot"])
        assert answer.status_code == 422 and name in answer.json["message"]
    assert upload(editor, basket="short").status_code == 422
    assert editor.post("/knowledge/files", data={"article": house.articles["hot"]}).status_code == 422
    assert session().scalars(select(ArticleFile)).all() == []


def test_templates_fill_the_form(editor: FreshClient) -> None:
    chooser = editor.get("/knowledge/new?q=报E07").text
    assert all(f"template={kind}&amp;q=" in chooser for kind in ("howto", "fault", "faq", "release"))
    fault = editor.get("/knowledge/new?template=fault").text
    assert "::: warning" in fault and re.search(r'name="safety" value="1" checked', fault) and "template=howto" not in fault
    assert re.search(r'<option value="fault" selected', fault)
    editor.set_cookie("lang", "en")
    assert "Look here first" in editor.get("/knowledge/new?template=fault").text
    assert editor.get("/knowledge/new?template=../../etc").status_code == 200


def test_both_texts_of_a_conflict_are_shown(editor: FreshClient, house: House) -> None:
    number = house.articles["mes"]
    typed = form(number, body="我写的一句", audience="client")
    with unit_of_work() as s:
        revise(SYSTEM, s.get_one(Article, number), Content("别人的标题", "别人写的一句"))
    page = editor.post(f"/knowledge/{number}/edit", data=typed)
    assert page.status_code == 409
    assert ">别人写的一句\n</textarea>" in page.text and ">我写的一句</textarea>" in page.text
    assert 'data-title="别人的标题"' in page.text and page.text.count('class="gone"') >= 2


def test_somebody_elses_note_is_not_overwritten_unseen(editor: FreshClient, house: House) -> None:
    number = house.articles["mes"]
    typed = form(number, audience="client", internal_note="我的备注", owner="0", review_by="")
    with unit_of_work() as s:
        care.take_care(SYSTEM, s.get_one(Article, number), owner_id=None, review_by=None, internal_note="别人的备注")
    assert editor.post(f"/knowledge/{number}/edit", data=typed).status_code == 409


def test_the_preview_says_what_readers_would_stumble_over(editor: FreshClient, house: House) -> None:
    body = "[a](article:没有的) [b](article:ask-e07) [c](article:v20-e07)\n\n:::warning\n停机\n:::\n"
    piece = editor.post("/knowledge/preview", data={"body": body, "audience": "public"}).text
    assert piece.count("notice warn") == 3 and "没有的" in piece and "ask-e07" in piece and 'data-tick="a-safety"' in piece
    assert 'href="/articles/v20-e07"' in piece and 'class="callout callout-warning"' in piece
    calm = editor.post("/knowledge/preview", data={"body": body, "audience": "agent", "safety": "1"}).text
    assert calm.count("notice warn") == 1


def test_hints_while_typing(editor: FreshClient, client: FreshClient, house: House, make_user: MakeUser) -> None:
    same = editor.post("/knowledge/hints/title", data={"title": "HK-V20 报 E07 散热器过热怎么办"}).text
    assert f'/knowledge/{house.articles["hot"]}"' in same
    own = editor.post("/knowledge/hints/title", data={"title": "HK-V20 报 E07 散热器过热怎么办", "article": house.articles["hot"]}).text
    assert f'/knowledge/{house.articles["hot"]}"' not in own
    assert editor.post("/knowledge/hints/questions", data={"title": "", "questions": ""}).text.strip() == ""
    client.log_in(house.user(make_user, "author"))
    seen = client.post("/knowledge/hints/title", data={"title": "TL-G300 卡座批次 拓联内部"}).text
    assert "拓联内部" not in seen, "another supplier's knowledge is not named"


def test_comments_go_to_the_page(editor: FreshClient, house: House) -> None:
    number = house.articles["hot"]
    done = editor.post(f"/knowledge/{number}/comments", data={"text": "写清<b>时间</b>", "quote": "等十分钟"})
    assert done.location.endswith(f"/knowledge/{number}#review")
    page = editor.get(f"/knowledge/{number}").text
    assert "写清&lt;b&gt;时间&lt;/b&gt;" in page and '<blockquote class="quoted">等十分钟' in page and "1 条没处理" in page
    row = session().scalars(select(ReviewComment)).one()
    editor.post(f"/knowledge/{number}/comments/{row.id}/settle")
    assert "1 条没处理" not in editor.get(f"/knowledge/{number}").text
    assert editor.post(f"/knowledge/{house.articles['sim']}/comments/{row.id}/settle").status_code == 404


def test_published_at_the_moment_of_the_viewers_zone(editor: FreshClient, house: House, drain: Callable[[], int]) -> None:
    number = house.articles["sim"]
    midnight = (now() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    day = midnight.strftime("%Y-%m-%d")
    with frozen(midnight):
        editor.post(f"/knowledge/{number}/edit", data=form(number, title="新标题", products=[house.gateway.id]))
        for wrong in ("", "gestern", "0001-01-01T00:00", f"{day}T07:59"):
            editor.post(f"/knowledge/{number}/plan", data={"publish_at": wrong, "version": version_of(number)})
        assert session().scalars(select(PublishPlan)).all() == []
        editor.post(f"/knowledge/{number}/plan", data={"publish_at": f"{day}T09:30", "version": version_of(number)})
        assert session().scalars(select(PublishPlan.publish_at)).one() == midnight + timedelta(hours=1, minutes=30)
        assert f"{day} 09:30" in editor.get(f"/knowledge/{number}").text
        assert "TL-G300 报 E07" in editor.get("/knowledge?state=planned").text
        with_change = editor.post(f"/knowledge/{number}/edit", data=form(number, title="更新的标题", products=[house.gateway.id]))
        assert with_change.status_code == 303
        assert "草稿又改过" in editor.get(f"/knowledge/{number}").text
        editor.post(f"/knowledge/{number}/plan", data={"publish_at": f"{day}T10:00", "version": version_of(number)})
        advance(timedelta(hours=2))
        drain()
        assert "更新的标题" in editor.get("/articles/g300-e07").text


def test_an_old_address_leads_to_the_new_one(editor: FreshClient, house: House, app: Flask) -> None:
    number = house.articles["hot"]
    editor.post(f"/knowledge/{number}/address", data={"slug": "V20 过热", "version": version_of(number)})
    stranger = app.test_client()
    moved = stranger.get("/articles/v20-e07?q=E07")
    assert (moved.status_code, moved.location) == (301, "/articles/v20-%E8%BF%87%E7%83%AD?q=E07")
    assert stranger.get(moved.location).status_code == 200
    guide = house.articles["guide"]
    editor.post(f"/knowledge/{guide}/address", data={"slug": "guide-new", "version": version_of(guide)})
    assert stranger.get("/articles/ask-e07").status_code == 404, "where it went is no business of theirs"
    assert "另一篇知识" in editor.post(f"/knowledge/{guide}/address", data={"slug": "v20-e07"}, follow_redirects=True).text


def test_a_link_that_this_reader_cannot_follow_is_plain_words(editor: FreshClient, house: House, app: Flask, drain: Callable[[], int]) -> None:
    number = house.articles["hot"]
    body = "看[向导](article:ask-e07)和[网关](/articles/g300-e07#s-x)。"
    editor.post(f"/knowledge/{number}/edit", data=form(number, body=body, products=[house.drive.id]))
    editor.post(f"/knowledge/{number}/steps/publish", data={"version": version_of(number)})
    drain()
    stranger = app.test_client().get("/articles/v20-e07").text
    assert "看向导和<a" in stranger and "ask-e07" not in stranger
    assert 'href="/articles/ask-e07"' in editor.get("/articles/v20-e07").text
    listed = editor.get("/knowledge/links").text
    assert "ask-e07" in listed and "g300-e07" not in listed and "读者现在就会碰到" in listed


def test_the_internal_note_never_leaves_the_house(editor: FreshClient, client: FreshClient, house: House, make_user: MakeUser, app: Flask) -> None:
    number = house.articles["hot"]
    typed = form(number, products=[house.drive.id], internal_note="乙批卡座", owner="0", review_by="2027-01-31")
    assert editor.post(f"/knowledge/{number}/edit", data=typed).status_code == 303
    row = care.care_of(article(number))
    assert row.review_by == datetime(2027, 1, 30, 16, 0, tzinfo=UTC), "the begin of that day in Shanghai"
    assert "乙批卡座" in editor.get(f"/knowledge/{number}").text
    assert "乙批卡座" not in editor.get("/articles/v20-e07").text
    agent = app.test_client().log_in(house.user(make_user, "agent"))
    assert "乙批卡座" in agent.get(f"/knowledge/{number}").text
    foreign = app.test_client().log_in(make_user("author", organisation=house.other))
    page = foreign.get(f"/knowledge/{number}")
    assert page.status_code == 200 and "乙批卡座" not in page.text


def test_a_look_at_it_is_noted(editor: FreshClient, house: House) -> None:
    number = house.articles["hot"]
    with unit_of_work() as s:
        s.get_one(Article, number).reviewed_at = datetime(2020, 1, 1, tzinfo=UTC)
    assert "HK-V20 报 E07" in editor.get("/knowledge?state=due").text
    editor.post(f"/knowledge/{number}/reviewed", data={"review_by": "2020-01-01"})
    assert "HK-V20 报 E07" in editor.get("/knowledge?state=due").text
    editor.post(f"/knowledge/{number}/reviewed", data={"review_by": ""})
    assert "HK-V20 报 E07" not in editor.get("/knowledge?state=due").text
