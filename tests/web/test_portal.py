"""The portal: answers for the right eyes, articles, and what readers say of them."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.core.db import session
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels.accounts import add_account
from knowledge import lifecycle
from knowledge.models import Article, ArticleFeedback, SearchLog
from tests.conftest import FreshClient
from tests.web.knowledge_house import House

MakeUser = Callable[..., User]


def text(client: FreshClient, address: str, status: int = 200, **given: Any) -> str:
    answer = client.get(address, **given)
    assert answer.status_code == status, answer.text
    return answer.text


def test_home_shows_products_with_their_answers_and_nothing_else(client: FreshClient, house: House) -> None:
    page = text(client, "/")
    assert 'name="q"' in page and 'action="/search"' in page
    assert "HK-V20 变频器" in page and "/articles/v20-e07" in page
    for hidden in ("mes-twice", "ask-e07", "batch", "chenghu-only"):
        assert hidden not in page


def test_search_answers_in_paragraphs_with_marks_and_products(client: FreshClient, house: House) -> None:
    page = text(client, "/search?q=变频器过热")
    assert re.search(r"<mark>[^<]*过热", page)
    assert "HK-V20 变频器" in page
    assert re.search(r'href="/articles/v20-e07\?q=[^"]+&amp;s=[\w-]+"', page), "safety first: no jump into the middle"
    row = session().scalars(select(SearchLog)).one()
    assert (row.query, row.where, row.level) == ("变频器过热", "portal", "public")
    assert house.articles["hot"] in row.shown


@pytest.mark.parametrize(
    ("role", "reads"),
    [
        (None, {"v20-e07", "g300-e07"}),
        ("client", {"v20-e07", "g300-e07", "mes-twice", "chenghu-only"}),
        ("agent", {"v20-e07", "g300-e07", "mes-twice", "chenghu-only", "ask-e07"}),
        ("editor", {"v20-e07", "g300-e07", "mes-twice", "chenghu-only", "ask-e07", "batch"}),
        ("author", {"v20-e07", "g300-e07", "mes-twice", "ask-e07"}),
    ],
)
def test_each_reader_finds_what_is_theirs(
    app: Flask, client: FreshClient, house: House, make_user: MakeUser, role: str | None, reads: set[str]
) -> None:
    if role:
        client.log_in(house.user(make_user, role))
    found = set()
    for words in ("E07", "报工", "卡座批次", "口令", "坐席先问产品"):
        found |= set(re.findall(r'href="/articles/([\w-]+)\?', text(client, f"/search?q={words}")))
    assert found == reads
    every = set(session().scalars(select(Article.slug)))
    for slug in every:
        assert client.get(f"/articles/{slug}").status_code == (200 if slug in reads else 404), slug


def test_a_code_of_several_products_asks_for_the_product(client: FreshClient, house: House) -> None:
    page = text(client, "/search?q=E07")
    assert "/search?q=E07&amp;product=HK-V20" in page and "/search?q=E07&amp;product=TL-G300" in page
    only = text(client, "/search?q=E07&product=hk-v20")
    assert "/articles/v20-e07" in only and "/articles/g300-e07" not in only
    assert "意思不同" not in only, "the product was said"
    assert "意思不同" not in text(client, "/search?q=变频器 E07")


def test_nothing_found_says_what_to_do(client: FreshClient, house: House) -> None:
    with unit_of_work():
        add_account(SYSTEM, "email", "support", {"address": "help@desk.example"})
    page = text(client, "/search?q=触摸屏配方")
    assert "触摸屏配方" in page and "mailto:help@desk.example" in page
    assert session().scalars(select(SearchLog)).one().hits == 0


def test_what_is_asked_while_typing_and_by_editors_is_no_question(
    client: FreshClient, house: House, make_user: MakeUser
) -> None:
    piece = text(client, "/search?q=E07&limit=4", headers={"HX-Request": "true"})
    assert "<html" not in piece and "/articles/" in piece
    client.log_in(house.user(make_user, "editor"))
    text(client, "/search?q=E07")
    assert session().scalars(select(SearchLog)).all() == []


def test_all_of_a_product_without_words(client: FreshClient, house: House) -> None:
    assert client.get("/search?product=hk-v20").location == "/products/HK-V20"
    page = text(client, "/products/HK-V20")
    assert "/articles/v20-e07" in page and "/articles/g300-e07" not in page
    assert "过热" in page


@pytest.mark.parametrize("query", ["q=%F0%9F%90%9B", "q=%00%ED%A0%80", "q=" + "长" * 900, "q=E07&from=99999&limit=0", "q=E07&product=nix", "q=%", "q='\"<script>"])
def test_odd_questions_get_an_answer(client: FreshClient, house: House, query: str) -> None:
    page = text(client, f"/search?{query}")
    assert "<script>" not in page.replace('<script src="', "")


def test_without_an_index_the_page_says_so(app: Flask, client: FreshClient) -> None:
    page = text(client, "/search?q=E07", status=503)
    assert "E07" in page


def test_an_article_stands_on_its_own(client: FreshClient, house: House) -> None:
    page = text(client, "/articles/v20-e07")
    body = page[page.index("<h1>") :]
    assert body.index("开盖之前停机断电") < body.index("散热器过热，变频器已停机保护")
    assert body.count("开盖之前停机断电") == 1
    assert "固件 2.1 及以上" in page
    assert '<link rel="canonical" href="http://localhost/articles/v20-e07">' in page
    assert '<meta name="description" content="E07 表示' in page
    assert "先请客户停机断电" not in page, "the phone script is for staff"


def test_staff_see_the_phone_script(client: FreshClient, house: House, make_user: MakeUser) -> None:
    client.log_in(house.user(make_user, "agent"))
    assert "先请客户停机断电" in text(client, "/articles/v20-e07")


def test_a_retired_article_is_gone(client: FreshClient, house: House, make_user: MakeUser) -> None:
    with unit_of_work() as s:
        lifecycle.retire(SYSTEM, s.get_one(Article, house.articles["hot"]), "旧了")
    assert client.get("/articles/v20-e07").status_code == 404
    assert "/articles/v20-e07" not in text(client, "/search?q=E07")
    assert client.post("/articles/v20-e07/verdict", data={"solved": "1"}).status_code == 404


def test_the_first_word_of_a_visitor_counts(client: FreshClient, house: House) -> None:
    for given in ({"solved": "0", "missing": "屏幕上没有这个菜单"}, {"solved": "1"}, {"solved": "0"}, {"solved": "x"}):
        answer = client.post("/articles/v20-e07/verdict", data=given)
        assert answer.status_code == 303 and answer.location == "/articles/v20-e07#verdict"
    said = session().scalars(select(ArticleFeedback)).one()
    assert (said.helpful, said.words) == (False, "屏幕上没有这个菜单")
    article = session().get_one(Article, house.articles["hot"])
    assert (article.helpful_count, article.unhelpful_count) == (0, 1)
    assert 'name="solved"' not in text(client, "/articles/v20-e07")


def test_a_login_counts_once_from_any_browser(app: Flask, client: FreshClient, house: House, make_user: MakeUser) -> None:
    user = house.user(make_user, "agent")
    for browser in (client, app.test_client()):
        assert isinstance(browser, FreshClient)
        browser.log_in(user).post("/articles/g300-e07/verdict", data={"solved": "1"})
    assert session().get_one(Article, house.articles["sim"]).helpful_count == 1


def test_reading_is_counted_later_and_all_at_once(app: Flask, client: FreshClient, house: House) -> None:
    page = text(client, "/search?q=变频器过热")
    address = re.search(r'href="(/articles/v20-e07\?[^"]+)"', page)
    assert address
    text(client, address[1].replace("&amp;", "&"))
    client.get("/articles/v20-e07", headers={"User-Agent": "Googlebot/2.1"})
    client.head("/articles/v20-e07")
    assert session().get_one(Article, house.articles["hot"]).view_count == 0
    app.extensions["reads"].write()
    session().expire_all()
    article = session().get_one(Article, house.articles["hot"])
    before = article.version
    assert article.view_count == 1
    assert session().scalars(select(SearchLog)).one().opened_article_id == article.id
    app.extensions["reads"].write()
    assert session().get_one(Article, house.articles["hot"]).version == before


def test_a_kept_page_is_asked_about_and_not_sent_twice(client: FreshClient, house: House) -> None:
    first = client.get("/articles/g300-e07")
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache" and tag.startswith('W/"')
    again = client.get("/articles/g300-e07")
    tag = again.headers["ETag"]
    assert client.get("/articles/g300-e07", headers={"If-None-Match": tag}).status_code == 304
    client.post("/articles/g300-e07/verdict", data={"solved": "1"})
    assert client.get("/articles/g300-e07", headers={"If-None-Match": tag}).status_code == 200


def test_robots_find_articles_and_nothing_else(client: FreshClient, house: House) -> None:
    robots = client.get("/robots.txt")
    assert robots.mimetype == "text/plain" and "Disallow: /search" in robots.text and "Disallow: /r/" in robots.text
    site = text(client, "/sitemap.xml")
    found = set(re.findall(r"<loc>http://localhost(/[^<]*)</loc>", site))
    assert found == {"/", "/community", "/articles/v20-e07", "/articles/g300-e07", "/products/HK-V20", "/products/TL-G300"}
    assert 'name="robots" content="noindex"' in text(client, "/search?q=E07")


def test_pages_are_whole_in_english(client: FreshClient, house: House) -> None:
    client.set_cookie("lang", "en")
    for address in ("/", "/search?q=E07", "/search?q=nothing-like-this", "/articles/v20-e07"):
        page = text(client, address)
        assert '<html lang="en"' in page
        assert "解决了" not in page and "找答案" not in page
