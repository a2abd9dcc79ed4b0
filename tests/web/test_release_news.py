"""A release behind its gate is out nowhere; when the gate opens, those who follow the product hear of it, and the desk too."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.core import clock
from app.core.catalogue import Product, Release
from app.core.clock import now
from app.core.db import session
from app.core.directory.identities import find_or_create_contact
from app.core.directory.products import add_release, update_release
from app.core.installed_base import Contract, Device
from app.core.people import Contact, User
from app.core.permissions import SYSTEM
from app.core.tokens import create_token
from app.core.uow import unit_of_work
from app.kb.index import current_index
from channels.accounts import add_account
from channels.reaching.models import Outreach
from knowledge import gate, release_news
from knowledge.gate_check import check
from knowledge.gate_models import ReleaseGate
from knowledge.gate_steps import take_step
from knowledge.loop import figures
from knowledge.models import Article
from tests.conftest import FreshClient
from tests.web.knowledge_house import House, build

PAGE = "/products/HK-V20"


@pytest.fixture
def house(app: Flask) -> House:
    return build(app)


@pytest.fixture
def someone(app: Flask, house: House, make_user: Callable[..., User]) -> Callable[..., FreshClient]:
    def make(role: str) -> FreshClient:
        browser = app.test_client()
        assert isinstance(browser, FreshClient)
        return browser.log_in(house.user(make_user, role))

    return make


def waiting(house: House, name: str = "3.0") -> ReleaseGate:
    """A release that is prepared, though its day stands in the catalogue already."""
    with unit_of_work():
        row = gate.add_release(SYSTEM, house.drive.id, name)
        update_release(SYSTEM, row.release_id, released_on=now().date())
    return row


def opened(row: ReleaseGate, step: str = "override", reason: str = "资料下周补") -> None:
    with unit_of_work():
        row = session().get_one(ReleaseGate, row.id)
        take_step(SYSTEM, row, step, check(row.release, row, current_index()), reason)


def told() -> list[Outreach]:
    session().rollback()
    return list(session().scalars(select(Outreach).order_by(Outreach.id)))


def test_behind_its_gate_it_is_out_nowhere(house: House, client: FreshClient, someone: Callable[..., FreshClient], app: Flask) -> None:
    with unit_of_work():
        add_release(SYSTEM, house.drive.id, name="2.9", released_on=now().date() - timedelta(days=90))
        add_release(SYSTEM, house.drive.id, name="4.0", released_on=now().date() + timedelta(days=9))
    row = waiting(house)
    page = client.get(PAGE).text
    assert "2.9" in page and "3.0" not in page and "4.0" not in page and "</svg>新" not in page
    assert [r.name for r in release_news.out(house.drive.id, 9)] == ["2.9"]
    with unit_of_work() as s:
        device = Device(organisation_id=house.client.id, product_id=house.drive.id, serial="A1")
        s.add(device)
    form = someone("administrator").get(f"/devices/{device.id}").text
    assert "3.0（未发布）" in form and ">2.9<" in form
    opened(row)
    page = client.get(PAGE).text
    assert "3.0" in page and "</svg>新" in page and page.index("3.0") < page.index("2.9")
    opened(row, "reopen", "接口说明写错了")
    assert "3.0" not in client.get(PAGE).text


def test_no_article_is_stale_for_a_release_that_is_not_out(app: Flask, house: House) -> None:
    with clock.frozen(now() + timedelta(days=3)):
        row = waiting(house)
        assert figures._releases([session().get_one(Article, house.articles["hot"])]) == {}
        opened(row)
        assert [r.name for r in figures._releases([session().get_one(Article, house.articles["hot"])])[house.drive.id]] == ["3.0"]


def test_followers_who_use_the_product_hear_of_it_once(
    app: Flask, house: House, client: FreshClient, someone: Callable[..., FreshClient], drain: Callable[[], int], make_user: Callable[..., User]
) -> None:
    with unit_of_work() as s:
        add_account(SYSTEM, "email", "support", {"address": "desk@hengchuan.example", "smtp_host": "127.0.0.1"})
        identity = find_or_create_contact(SYSTEM, "email", "li@news.example", name="李秀兰")[1]
        assert identity.contact is not None
        s.get_one(Contact, identity.contact.id).organisation_id = house.client.id
        number = identity.id
    with client.session_transaction() as cookie:
        cookie["requests"] = [number, int(now().timestamp()) + 1000]
    assert "有新版本时告诉我" not in client.get(PAGE).text, "nothing of theirs is of this product"
    client.post(f"{PAGE}/follow")
    assert release_news.followers(house.drive.id) == []
    with unit_of_work() as s:
        s.add(Device(organisation_id=house.client.id, product_id=house.drive.id, serial="A1"))
    assert "有新版本时告诉我" in client.get(PAGE).text
    client.post(f"{PAGE}/follow")
    assert "不再关注版本" in client.get(PAGE).text
    resident, other = someone("resident"), make_user("resident", organisation=house.other)
    resident.post(f"{PAGE}/follow")
    stranger = app.test_client()
    assert isinstance(stranger, FreshClient)
    stranger.log_in(other).post(f"{PAGE}/follow")
    assert len(release_news.followers(house.drive.id)) == 2, "another supplier's people have nothing to do with it"

    row = waiting(house)
    drain()
    assert told() == []
    opened(row)
    drain()
    assert [(one.audience, one.purpose) for one in told()] == [("customer", "news"), ("staff", "news")]
    words = told()[0].words["zh"]
    assert words["subject"] == "HK-V20 变频器 3.0 发布了" and PAGE in words["text"] and "散热器过热" in words["text"]
    assert "拓联内部" not in words["text"]
    opened(row, "reopen", "再看")
    opened(row)
    drain()
    assert len(told()) == 2, "once for a release"

    link = "/community/unfollow/" + words["text"].rpartition("/community/unfollow/")[2].split()[0]
    assert "HK-V20" in stranger.get(link).text and stranger.post(link).status_code == 303
    assert "有新版本时告诉我" in client.get(PAGE).text


def test_who_no_longer_uses_it_or_was_told_too_early_hears_nothing(
    app: Flask, house: House, someone: Callable[..., FreshClient], drain: Callable[[], int]
) -> None:
    with unit_of_work() as s:
        contract = Contract(number="C1", organisation_id=house.client.id, product_id=house.drive.id, level="gold", starts_on=date(2020, 1, 1))
        s.add(contract)
    someone("client").post(f"{PAGE}/follow")
    assert len(release_news.followers(house.drive.id)) == 1
    row = waiting(house)
    opened(row)
    opened(row, "reopen", "弄错了")
    drain()
    assert told() == [], "it was taken back before anybody heard"
    with unit_of_work() as s:
        s.get_one(Contract, contract.id).ends_on = now().date() - timedelta(days=1)
    opened(row)
    drain()
    assert told() == []


def test_the_desk_is_told_until_each_has_noted_it(house: House, someone: Callable[..., FreshClient], make_user: Callable[..., User]) -> None:
    agent, colleague = someone("agent"), someone("agent")
    row = waiting(house)
    assert "发布了" not in agent.get("/desk").text
    opened(row)
    assert "HK-V20 变频器 3.0 发布了" in agent.get("/desk").text
    assert agent.post(f"/desk/releases/{row.id}/seen").status_code == 303
    agent.post(f"/desk/releases/{row.id}/seen")
    assert "发布了" not in agent.get("/desk").text and "发布了" in colleague.get("/desk").text
    assert release_news.noted(house.user(make_user, "resident").actor("page")) != []
    assert release_news.noted(make_user("resident", organisation=house.other).actor("page")) == []
    assert release_news.noted(house.user(make_user, "client").actor("page")) == []
    with clock.frozen(now() + timedelta(days=8)):
        assert release_news.noted(make_user("agent").actor("page")) == []


def test_the_catalogue_of_the_api_says_the_same(app: Flask, house: House, make_user: Callable[..., User]) -> None:
    def releases(role: str) -> list[tuple[str, str | None]]:
        user = house.user(make_user, role)
        with unit_of_work():
            token = create_token(user.actor("test"), user.id)[1]
        session().rollback()
        answer = app.test_client(use_cookies=False).get(f"/api/v1/products/{house.drive.id}", headers={"Authorization": f"Bearer {token}"})
        listed = app.test_client(use_cookies=False).get("/api/v1/products", headers={"Authorization": f"Bearer {token}"}).get_json()
        same = next(row for row in listed["items"] if row["id"] == house.drive.id)
        assert answer.status_code == 200 and same["releases"] == answer.get_json()["releases"]
        return [(r["name"], r["released_on"]) for r in same["releases"]]

    row, today = waiting(house), now().date().isoformat()
    assert releases("agent") == releases("author") == [("3.0", None)] and releases("client") == []
    version = session().get_one(Product, house.drive.id).version
    opened(row)
    assert releases("client") == releases("agent") == [("3.0", today)]
    assert session().get_one(Product, house.drive.id).version > version, "an ETag from before is not taken for fresh"
    assert session().get_one(Release, row.release_id).released_on is not None
