"""Whatever stands in the fields and addresses of knowledge, no page of it breaks, on PostgreSQL neither, for whoever asks."""

from collections.abc import Callable

import pytest
from flask import Flask

from app.core.people import User
from tests.conftest import FreshClient
from tests.web.knowledge_house import House
from tests.web.test_knowledge_pages import form

NUL = "%00"
PAGES = f"""
/community?product={NUL} /community/ask?product={NUL}&title={NUL} /products/{NUL} /products/a{NUL} /articles/{NUL} /search?q=a&product={NUL}
/search?q=a&category={NUL}&level={NUL} /search/complete?q={NUL}%ED%A0%80 /search/complete?q=变频器 /knowledge?q={NUL} /knowledge?cursor={NUL}
/knowledge?cursor=99999999999999999_1 /knowledge?health=sick&cursor=99_999999999 /knowledge/gaps?q={NUL}&channel={NUL}&cursor={NUL}
/knowledge/gaps?cursor=999999999_999999999 /knowledge/flags?cursor=99999999999999999_1 /knowledge/gate?category={NUL} /ask?q={NUL}&product={NUL}&article={NUL}
/articles/v20-e07?q={NUL}&s={NUL} /knowledge/1?revision=999999999 /knowledge/1/changes?from=999999999 /knowledge/1/flag?quote={NUL}&ticket={NUL}
/sitemap-articles-100000.xml /articles/files/2147483647/{NUL} /community?before=999999999&show=mine
""".split()
FORMS = [
    ("/knowledge/hints/title", {"title": "\0\ud800", "article": "999999999"}),
    ("/knowledge/hints/questions", {"title": "\0", "questions": "\0"}),
    ("/knowledge/preview", {"body": "[a](article:%00) [b](article:\0) \0", "audience": "\0"}),
    ("/articles/v20-e07/verdict", {"solved": "0", "missing": "\0\ud800", "q": "\0"}),
    ("/community/ask", {"title": "怎么办\0呢", "body": "\0", "product": "HK-V20\0", "name": "孙\0"}),
    ("/knowledge/terms/synonyms", {"words": "\0=a", "act": "preview"}),
    ("/knowledge/terms", {"text": "断点\0续传"}),
    ("/knowledge/community/words", {"word": "\0ab"}),
    ("/knowledge/gate", {"category": "", "rows": "1", "name-0": "a\0b", "kinds-0": "howto", "code-0": "\0"}),
    ("/knowledge/releases", {"product": "1", "name": "1\0"}),
    ("/knowledge/1/comments", {"text": "a\0", "quote": "\0"}),
    ("/knowledge/1/address", {"slug": "\0a"}),
    ("/knowledge/1/must-read", {"roles": "agent", "due_on": "9999-12-31", "note": "\0"}),
    ("/knowledge/1/plan", {"publish_at": "9999-12-31T23:59"}),
    ("/knowledge/1/plan", {"publish_at": "0001-01-01T00:00"}),
    ("/knowledge/1/reviewed", {"review_by": "0001-01-01"}),
    ("/knowledge/new", form(title="a\0\ud800", body="b\0", questions="\0", owner="\0", review_by="9999-12-31", internal_note="\0")),
    ("/knowledge/new", form(review_by="0001-01-01", internal_note="x")),
    ("/knowledge/1/steps/retire", {"reason": "a\0\ud800"}),
]


@pytest.mark.parametrize("role", ["", "administrator", "author", "resident", "client"])
def test_no_page_and_no_form_breaks(house: House, app: Flask, make_user: Callable[..., User], role: str) -> None:
    browser = app.test_client()
    assert isinstance(browser, FreshClient)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    if role:
        browser.log_in(house.user(make_user, role))
    broken = {address for address in PAGES if browser.get(address).status_code >= 500}
    for address, given in FORMS:
        sent = {name: value.encode("utf-8", "surrogatepass") for name, value in given.items()}
        if browser.post(address, data=sent).status_code >= 500:
            broken.add(address)
    assert not broken


def test_a_suppliers_people_get_suggestions_of_their_own_and_of_what_is_public(house: House, client: FreshClient, make_user: Callable[..., User]) -> None:
    client.log_in(house.user(make_user, "resident"))
    items = client.get("/search/complete?q=TL-G300").json["items"]
    assert "TL-G300 网关" in {item["text"] for item in items} and not any("卡座" in item["text"] for item in items)
