"""Finding on the portal without JavaScript: the answer on top, filters, the remembered product, products' pages, what
goes along into a request, and what robots read."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from app.core.db import db, session
from app.core.people import User
from app.web import robots
from app.web.hits import Shown
from knowledge.index import Hit, Hits, Piece, Reader
from tests.conftest import FreshClient
from tests.web.knowledge_house import House
from workflows.models import Ticket, TicketNote

MakeUser = Callable[..., User]


def text(client: FreshClient, address: str, status: int = 200, **given: Any) -> str:
    answer = client.get(address, **given)
    assert answer.status_code == status, answer.text
    return answer.text


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    return json.loads(found[1]) if found else None


def hit(number: int, coverage: float, score: float) -> Hit:
    return Hit(str(number), score, (Piece("题"),), (Piece("散热器"), Piece("过热", True)), "处理步骤", "s-x", coverage=coverage, missing=1 - coverage)


def test_a_sure_answer_stands_on_top_after_its_warning(client: FreshClient, house: House) -> None:
    page = text(client, "/search?q=变频器跳E07是什么原因")
    answer = page[page.index('class="answer"') : page.index("</article>")]
    assert answer.index("开盖之前停机断电") < answer.index('class="passage"')
    assert ">HK-V20 报 E07：散热器过热</a></h2>" in answer and 'value="1"' in answer
    assert page.count("<h2><a href=\"/articles/v20-e07") == 0, "it does not stand among the others again"


@pytest.mark.parametrize(("coverage", "sure"), [(0.95, True), (0.1, False)])
def test_only_a_sure_answer_is_an_answer(app: Flask, house: House, coverage: float, sure: bool) -> None:
    with app.test_request_context():
        hits = Hits(2, (hit(house.articles["sim"], coverage, 10.0), hit(house.articles["hot"], 0.1, 2.0)))
        found = Shown(hits, Reader())
        assert (found.answer(hits, "网关没有读到卡怎么办", {}) is not None) is sure


def test_a_shared_code_has_no_answer_on_top(client: FreshClient, house: House) -> None:
    page = text(client, "/search?q=E07")
    assert 'class="answer"' not in page and "/search?q=E07&amp;product=HK-V20" in page


def test_filters_are_links_with_counts(client: FreshClient, house: House, make_user: MakeUser) -> None:
    page = text(client, "/search?q=E07")
    assert re.search(r'href="/search\?q=E07&amp;product=HK-V20">HK-V20 变频器 <span class="count">1</span>', page)
    assert "给谁看" not in page, "the audience is a filter for the house's own people"
    client.log_in(house.user(make_user, "editor"))
    inside = text(client, "/search?q=E07")
    assert re.search(r'href="/search\?q=E07&amp;level=agent">坐席 <span class="count">1</span>', inside)
    only = text(client, "/search?q=E07&level=agent")
    assert "/articles/ask-e07" in only and "/articles/v20-e07" not in only


def test_a_stranger_cannot_widen_the_audience(client: FreshClient, house: House) -> None:
    assert "/articles/ask-e07" not in text(client, "/search?q=E07&level=agent")


def test_the_product_is_remembered_shown_and_removable(client: FreshClient, house: House) -> None:
    assert "product=HK-V20" in client.get("/search?q=E07&product=hk-v20").headers["Set-Cookie"]
    page = text(client, "/search?q=E07")
    assert "只找：HK-V20 变频器" in page and "/articles/g300-e07" not in page
    assert "只找：HK-V20 变频器" in text(client, "/")
    assert "/search?q=E07&amp;product=" in page
    everything = client.get("/search?q=E07&product=")
    assert "/articles/g300-e07" in everything.text and "product=;" in everything.headers["Set-Cookie"]
    assert "只找" not in text(client, "/search?q=E07")


def test_what_is_asked_in_a_form_is_not_remembered(client: FreshClient, house: House) -> None:
    piece = client.get("/search?q=E07&product=HK-V20", headers={"HX-Request": "true"})
    assert "product=" not in (piece.headers.get("Set-Cookie") or "")


def test_nothing_for_the_product_shows_the_others_and_says_so(client: FreshClient, house: House) -> None:
    page = text(client, "/search?q=SIM卡&product=HK-V20")
    assert "HK-V20 变频器 的知识里没有找到" in page and "/articles/g300-e07" in page and 'class="answer"' not in page


def test_no_dead_end(client: FreshClient, house: House) -> None:
    page = text(client, "/search?q=触摸屏配方下载")
    assert "/products/HK-V20" in page and "/ask?q=" in page and "/community/ask?title=" in page
    assert "noindex" in page


def test_without_an_index_asking_is_offered(client: FreshClient, app: Flask) -> None:
    page = text(client, "/search?q=E07", status=503)
    assert "/ask?q=E07" in page
    assert client.get("/search/complete?q=E0").get_json() == {"items": []}


def test_a_search_costs_few_statements_however_much_is_found(client: FreshClient, house: House) -> None:
    text(client, "/search?q=E07")

    def count(address: str) -> int:
        seen: list[str] = []

        def note(*given: Any) -> None:
            if given[2].lstrip().upper().startswith("SELECT"):
                seen.append(given[2])

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            text(client, address)
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        return len(seen)

    one, several = count("/search?q=触摸屏"), count("/search?q=变频器过热怎么处理")
    assert several <= one + 5 and several <= 14, (one, several)


def test_suggestions_lead_to_articles_and_answers(client: FreshClient, house: House) -> None:
    answer = client.get("/search/complete?q=变频")
    items = answer.get_json()["items"]
    assert items and all(set(item) == {"text", "kind", "url"} for item in items)
    assert any(item["url"].startswith("/articles/v20-e07") for item in items)
    assert not any("ask-e07" in item["url"] or "batch" in item["url"] for item in items)
    assert answer.headers["Cache-Control"] == "private, max-age=60" and "Cookie" in answer.headers["Vary"]
    again = client.get("/search/complete?q=变频", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert client.get("/search/complete?q=").get_json() == {"items": []}
    assert client.get("/search/complete?q=%ED%A0%80%00").status_code == 200


def test_a_product_has_a_page(client: FreshClient, house: House, make_user: MakeUser) -> None:
    page = text(client, "/products/HK-V20")
    assert '<link rel="canonical" href="http://localhost/products/HK-V20">' in page and "/articles/v20-e07" in page
    assert 'name="product" value="HK-V20"' in page and "/articles/g300-e07" not in page
    assert client.get("/products/hk-v20").location == "/products/HK-V20"
    assert client.get("/products/no-such").status_code == 404
    secret = text(client, "/products/TL-G300")
    assert "/articles/batch" not in secret
    client.log_in(house.user(make_user, "editor"))
    assert "/articles/batch" in text(client, "/products/TL-G300")


def test_what_was_read_goes_along_into_the_request(client: FreshClient, house: House) -> None:
    text(client, "/articles/g300-e07")
    text(client, "/articles/v20-e07?q=网关离线")
    client.post("/articles/v20-e07/verdict", data={"solved": "0", "missing": "没有这个菜单", "q": "网关离线"})
    page = text(client, "/ask?q=网关离线&article=v20-e07")
    assert "网关离线\n没有这个菜单" in page and "《TL-G300 报 E07：没有 SIM 卡》" in page
    number = house.articles["sim"]
    assert f'name="read" value="{number}" checked' in page and f'value="{house.articles["hot"]}" checked' not in page
    form = {"text": "网关离线", "impact": "none", "email": "a@example.com", "once": "x", "article": "v20-e07"}
    client.post("/ask", data={**form, "read": [str(number), str(house.articles["secret"]), "x", "99999"]})
    ticket = session().query(Ticket).one()
    note = session().query(TicketNote).filter_by(ticket_id=ticket.id).one().text
    assert "提交前读过，没解决：《HK-V20 报 E07：散热器过热》 http" in note and "/articles/v20-e07" in note
    assert "提交前看过：《TL-G300 报 E07：没有 SIM 卡》" in note and "卡座批次" not in note
    assert 'name="read"' not in text(client, "/ask"), "a new visit begins"


def test_robots_read_what_a_page_is(client: FreshClient, house: House, make_user: MakeUser) -> None:
    graph = data_of(text(client, "/articles/v20-e07"))["@graph"]
    assert [part["@type"] for part in graph] == ["FAQPage", "BreadcrumbList"] or graph[0]["@type"] == "HowTo"
    assert graph[0]["url"] == "http://localhost/articles/v20-e07"
    assert [step["name"] for step in graph[1]["itemListElement"]][1] == "HK-V20 变频器"
    page = text(client, "/articles/g300-e07")
    assert 'hreflang="zh-CN" href="http://localhost/articles/g300-e07"' in page
    client.log_in(house.user(make_user, "agent"))
    inside = text(client, "/articles/ask-e07")
    assert data_of(inside) is None and "noindex" in inside and "hreflang" not in inside


def test_a_data_block_cannot_be_broken_out_of(client: FreshClient, house: House) -> None:
    from app.core.permissions import SYSTEM
    from app.core.uow import unit_of_work
    from knowledge import lifecycle
    from knowledge.service import Content, Properties, draft_article

    with unit_of_work():
        evil = draft_article(SYSTEM, Content('</script><script>alert("x")', "a</script>b\n", ('"</script>',)), Properties(), "evil")
        lifecycle.publish(SYSTEM, evil)
    page = text(client, "/articles/evil")
    assert "</script><script>alert" not in page and data_of(page)["@graph"]


def test_a_large_sitemap_comes_in_parts(client: FreshClient, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "/products/HK-V20<" in text(client, "/sitemap.xml")
    monkeypatch.setattr(robots, "PART", 1)
    index = text(client, "/sitemap.xml")
    parts = re.findall(r"<loc>http://localhost(/sitemap-[\w-]+\.xml)</loc>", index)
    assert "<sitemapindex" in index and parts == ["/sitemap-articles-0.xml", "/sitemap-articles-1.xml", "/sitemap-products.xml"]
    found = "".join(text(client, part) for part in parts)
    assert {"/articles/v20-e07", "/articles/g300-e07"} <= set(re.findall(r"localhost(/articles/[\w-]+)<", found))
    assert "<loc>http://localhost/</loc>" in found and "<loc>http://localhost/community</loc>" in found
    assert client.get("/sitemap-articles-9.xml").status_code == 404


def test_pages_are_whole_in_english(client: FreshClient, house: House) -> None:
    client.set_cookie("lang", "en")
    for address in ("/products/HK-V20", "/search?q=变频器跳E07是什么原因", "/search?q=SIM卡&product=HK-V20", "/community", "/community/ask"):
        page = text(client, address)
        for chinese in ("只找", "出自", "大家在问", "全部知识", "公开提问", "看全文"):
            assert chinese not in page, (address, chinese)
