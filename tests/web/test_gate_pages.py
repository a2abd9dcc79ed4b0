"""The page of a release leads on: to a form that is half filled in, and to the editors for what the author cannot do."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.core import clock
from app.core.clock import now
from app.core.db import session
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels.reaching.models import Outreach
from knowledge import gate, lifecycle
from knowledge.service import Content, Properties, draft_article
from tests.conftest import FreshClient
from tests.web.knowledge_house import House, build

MakeUser = Callable[..., User]


@pytest.fixture
def house(app: Flask) -> House:
    return build(app)


def begin(house: House) -> str:
    with unit_of_work():
        release = gate.add_release(SYSTEM, house.drive.id, "2.4")
        return f"/knowledge/releases/{release.release_id}"


def publish(title: str, kind: str, house: House) -> None:
    with unit_of_work():
        made = Properties(kind=kind, product_ids=(house.drive.id,))
        lifecycle.publish(SYSTEM, draft_article(SYSTEM, Content(title, "正文。", ()), made))


def test_writing_what_is_missing_begins_with_its_product_and_kind(client: FreshClient, house: House, make_user: MakeUser) -> None:
    client.log_in(house.user(make_user, "author"))
    page = client.get(begin(house)).text
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="(/knowledge/new\?[^"]+)"', page)]
    assert any("template=faq" in link for link in links) and any("kind=api" in link for link in links)
    assert "标题或分类里要有 「联系」" in page, "what it is known by is said"
    form = client.get(next(link for link in links if "kind=api" in link)).text
    assert re.search(rf'name="products" value="{house.drive.id}"[^>]* checked', form)
    assert re.search(r'<option value="api"[^>]* selected', form)
    assert f"template=faq&amp;product={house.drive.id}" in form, "and a template keeps the product"
    foreign = client.get(f"/knowledge/new?product={house.gateway.id}&kind=nonsense").text
    assert f'name="products" value="{house.gateway.id}"' not in foreign


def test_one_article_stands_for_one_document(client: FreshClient, house: House, make_user: MakeUser) -> None:
    client.log_in(house.user(make_user, "author"))
    url = begin(house)
    publish("HK-V20 技术支持怎么找", "faq", house)
    rows = re.findall(r"<b>(常见问题|联系方式)</b>(.*?)</li>", client.get(url).text, re.DOTALL)
    said = dict(rows)
    assert "HK-V20 技术支持怎么找" in said["联系方式"].partition("<details")[0]
    assert "还没有这样的知识" in said["常见问题"], "a page of contacts is no list of questions"
    publish("HK-V20 常见问题", "faq", house)
    said = dict(re.findall(r"<b>(常见问题|联系方式)</b>(.*?)</li>", client.get(url).text, re.DOTALL))
    assert "HK-V20 常见问题" in said["常见问题"].partition("<details")[0]


def test_what_a_release_passed_with_is_not_exchanged_afterwards(client: FreshClient, house: House, make_user: MakeUser) -> None:
    url = begin(house)
    client.log_in(make_user("editor"))
    publish("HK-V20 接口", "api", house)
    assert f"{url}/documents/api" in client.get(url).text
    client.post(f"{url}/steps/override", data={"reason": "资料下周补"})
    assert f'action="{url}/documents/api"' not in client.get(url).text
    done = client.post(f"{url}/documents/api", data={"article": house.articles["hot"]}, follow_redirects=True)
    assert "版本已经发布，不再换资料" in done.text


def test_the_author_asks_the_editors_to_review_once(client: FreshClient, house: House, make_user: MakeUser) -> None:
    editor = make_user("editor")
    with clock.frozen(now() - timedelta(days=3)):
        publish("HK-V20 接口", "api", house)
    url = begin(house)
    client.log_in(house.user(make_user, "author"))
    ask = f"{url}/documents/api/ask"
    assert ask in client.get(url).text
    for _press in range(2):
        assert client.post(ask).status_code == 303
    session().rollback()
    told = [row for row in session().scalars(select(Outreach)) if row.key.startswith("gate-review-")]
    assert [row.user_id for row in told] == [editor.id] and "HK-V20 接口" in told[0].words["zh"]["subject"]
    page = client.get(url).text
    assert "已请编辑复核" in page and ask not in page
    assert client.post(f"{url}/documents/faq/ask").status_code == 404, "there is nothing to review"
    client.log_in(editor)
    page = client.get(url).text
    assert ask not in page and "复核过，仍然正确" in page
