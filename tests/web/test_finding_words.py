"""What people really type into the portal's search: codes in every spelling, one sign, nothing but question words, pinyin."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.core.catalogue import Product
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.kb.index import current_index
from knowledge import indexing, lifecycle
from knowledge.markdown import render
from knowledge.service import Content, Properties, draft_article
from tests.conftest import FreshClient
from tests.web.knowledge_house import House, build

ASKED = "在几种产品上意思不同"
ANSWER = 'class="answer"'
PARTLY = "只对上了一部分词"
READ = "当作拼音"


@pytest.fixture
def house(app: Flask) -> House:
    return build(app)


@pytest.fixture
def look(client: FreshClient, house: House) -> Callable[..., str]:
    def make(q: str, **more: Any) -> str:
        answer = client.get("/search", query_string={"q": q, **more})
        assert answer.status_code == 200
        return answer.text

    return make


@pytest.mark.parametrize("q", ["E07", "e07", "E-07", "E 07", "Ｅ０７", "E7", "报E07", "E07怎么办", "E07 故障", "e-07是什么意思"])
def test_a_shared_code_asks_for_the_product_in_every_spelling_and_whatever_else_is_said(look: Callable[..., str], q: str) -> None:
    page = look(q)
    assert ASKED in page and ANSWER not in page
    assert "product=HK-V20" in page and "product=TL-G300" in page


@pytest.mark.parametrize("q", ["变频器E07", "网关报 E-07", "HK-V20 E07", "G300 E07", "V20 网关 E07"])
def test_who_named_the_product_or_the_kind_of_thing_is_not_asked(look: Callable[..., str], q: str) -> None:
    assert ASKED not in look(q)


def test_two_products_of_a_kind_are_asked_apart(look: Callable[..., str], house: House) -> None:
    with unit_of_work() as s:
        s.add(Product(code="TL-G510", name="TL-G510 5G 网关", supplier_id=house.other.id))
    assert ASKED in look("网关报 E07")
    assert ASKED not in look("变频器报 E07")


@pytest.mark.parametrize("q", ["G300", "V20", "HK-V20"])
def test_a_piece_of_a_products_name_is_no_code(look: Callable[..., str], q: str) -> None:
    assert ASKED not in look(q)


@pytest.mark.parametrize("q", ["滤", "a", "怎么办", "怎么办？"])
def test_one_sign_or_question_words_alone_have_hits_but_no_answer(app: Flask, look: Callable[..., str], q: str) -> None:
    assert ANSWER not in look(q)


def test_what_matches_only_some_of_the_words_says_so(look: Callable[..., str]) -> None:
    assert PARTLY in look("散热器密码邮箱登录")
    assert PARTLY not in look("报工扫了两次") and PARTLY not in look("重新装卡")


def test_pinyin_says_what_it_was_read_as(look: Callable[..., str]) -> None:
    indexing.rebuild(current_index())
    page = look("sanreqi")
    assert READ in page and "散热器" in re.sub("<[^>]+>", "", page)
    assert READ not in look("散热器")


def test_long_words_do_not_fill_the_page(look: Callable[..., str]) -> None:
    heading = re.search("<h1>(.*?)</h1>", look("鑫" * 300))
    assert heading and len(heading[1]) < 90 and "…" in heading[1]


@pytest.mark.parametrize("typed", ["E0", "e0", "变频器 e0", "hk-v2"])
def test_a_code_is_suggested_before_it_is_typed_to_its_end(client: FreshClient, house: House, typed: str) -> None:
    items = client.get("/search/complete", query_string={"q": typed}).get_json()["items"]
    assert any(item["url"].startswith("/articles/v20-e07") for item in items), items


def test_the_answer_on_top_says_what_to_do_not_where_the_words_stand_most(client: FreshClient, house: House) -> None:
    """The words stand thickest in the last section; what is asked for are the steps."""
    body = "散热器过热时变频器停机。\n\n## 处理步骤\n\n1. 关机。\n2. 清风道。\n\n## 什么时候报修\n\n清了风道，散热器还是过热报警，散热器过热超过三次。\n"
    with unit_of_work():
        made = draft_article(SYSTEM, Content("散热器过热报警", body, ("散热器过热怎么处理",)), Properties(product_ids=(house.drive.id,)), "hot-fins")
        lifecycle.publish(SYSTEM, made)
    indexing.rebuild(current_index())
    page = client.get("/search", query_string={"q": "散热器过热怎么处理"}).text
    answer = page[page.index('class="answer"') : page.index("</article>")]
    told = re.sub("<[^>]+>", "", answer)
    assert "处理步骤" in told and "2. 清风道" in told and "超过三次" not in told


def test_a_list_that_goes_on_after_a_table_goes_on_counting() -> None:
    assert '<ol start="4">' in render("1. 甲\n2. 乙\n3. 丙\n\n| 列 | 值 |\n|---|---|\n| a | b |\n\n4. 丁\n")
    style = (Path(__file__).parents[2] / "app/web/static/own/portal.css").read_text()
    assert "counter(list-item)" in style and "counter-reset" not in style
