"""Small parts of the search's answers that are made by hand because they are made often: they say what the slow way said."""

from urllib.parse import urlencode

import pytest
from flask import Flask, render_template_string
from flask_babel import force_locale, lazy_gettext
from flask_babel import gettext as _
from markupsafe import Markup

from app.api.knowledge import SearchAnswer
from app.web.frame import marked
from app.web.hits import article_url, query_of
from knowledge.index import Piece


def test_a_passage_is_escaped_and_its_finds_are_marked() -> None:
    assert marked((Piece("<b> | "), Piece("网关 & 柜", True))) == "<b> · ".replace("<", "&lt;").replace(">", "&gt;") + "<mark>网关 &amp; 柜</mark>"
    assert marked([["甲", False], ["乙", True]]) == "甲<mark>乙</mark>" and marked(None) == ""
    assert isinstance(marked([["甲", True]]), Markup) and not isinstance(marked("<i>"), Markup), "plain words are escaped by the page"


def test_plain_words_of_a_passage_are_escaped_by_the_page(app: Flask) -> None:
    with app.test_request_context("/"):
        assert render_template_string("{{ '<i>'|marked }}|{{ [['<i>', 1]]|marked }}") == "&lt;i&gt;|<mark>&lt;i&gt;</mark>"


@pytest.mark.parametrize("value", ["网关 离线", "a&b=c?d#e/f", "100%+", "", "<\"'>"])
def test_addresses_are_quoted_as_by_the_library(value: str) -> None:
    given = {"q": value, "from": "10", "n": 3}
    assert query_of(given) == urlencode(given)
    assert article_url("slug", q=value) == ("/articles/slug" + (f"?{urlencode({'q': value})}" if value else ""))


def test_words_of_templates_follow_the_language_at_once(app: Flask) -> None:
    page = "{{ _('搜索') }}|{{ _('%(n)s 条答案', n='<3>') }}"
    with app.test_request_context("/"):
        assert render_template_string(page) == "搜索|&lt;3&gt; 条答案"
        with force_locale("en"):
            english = render_template_string(page)
            assert not any("\u4e00" <= sign <= "\u9fff" for sign in english) and "&lt;3&gt;" in english
            assert _("搜索") == str(lazy_gettext("搜索")) == english.split("|")[0]
        assert render_template_string(page) == "搜索|&lt;3&gt; 条答案" and _("搜索") == "搜索"


def test_what_the_api_writes_by_hand_is_what_its_schema_writes() -> None:
    hit = {"id": 1, "title": "网关", "product": None, "score": 1.5, "passage": "离线", "anchor": ""}
    facets = {kind: [{"value": "7", "name": "HK", "count": 2}] for kind in ("product", "category", "level")}
    for answer in ({"total": 1, "did_you_mean": None, "hits": [hit]}, {"total": 1, "did_you_mean": "网关", "hits": [hit], "facets": facets}):
        assert SearchAnswer().dump(answer) == answer
