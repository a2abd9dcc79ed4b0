"""The phone of a follower in the demo: whose it may be, that it acts without a cookie, and that it is nowhere else."""

import dataclasses
from collections.abc import Callable

import pytest
from flask import Flask

from app.core.catalogue import Product
from app.core.installed_base import Device
from app.core.people import Contact, Identity, Organisation
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.demo.wechat import STORY
from app.factory import create_app
from app.simulator.demo_account import PHONES, SLUG, credentials
from channels.accounts import add_account
from tests.conftest import FreshClient
from workflows.opening import open_ticket

OWN = PHONES[0][0]


@pytest.fixture
def people(app: Flask) -> Callable[[str], int]:
    """A company with two machines and two people; people(name) is somebody's id."""
    with unit_of_work() as s:
        lake = Organisation(kind="client", name="澄湖轴承")
        s.add(lake)
        s.flush()
        product = Product(code=STORY, name="变频器", supplier_id=lake.id)
        s.add(product)
        s.flush()
        s.add_all(Device(organisation_id=lake.id, product_id=product.id, serial=serial) for serial in ("HV-1", "HV-2"))
        both = [Contact(name=name, organisation_id=lake.id, language="zh") for name in ("王工", "李工")]
        s.add_all(both)
        s.flush()
        add_account(SYSTEM, "wechat", SLUG, credentials())
        ids = {contact.name: contact.id for contact in both}
    return ids.__getitem__


def test_a_phone_is_lent_to_whoever_has_nothing_open_and_the_fewest_phones(
    app: Flask, client: FreshClient, people: Callable[[str], int]
) -> None:
    first, second = (client.post("/demo/wechat/lend").get_json() for _time in range(2))
    assert [first["name"], second["name"]] == ["王工", "李工"]
    assert first["serial"] == "HV-1" and first["openid"] != second["openid"]
    with unit_of_work() as s:
        assert s.query(Identity).filter_by(value=first["openid"]).one().contact_id == people("王工")
        contact = s.get_one(Contact, people("王工"))
        machine = s.query(Device).filter_by(serial="HV-1").one()
        open_ticket(SYSTEM, subject="跳 E07", channel="wechat", contact=contact, device_id=machine.id)
    third = client.post("/demo/wechat/lend").get_json()
    assert (third["name"], third["serial"]) == ("李工", "HV-2")
    assert third["openid"] in client.get(f"/demo/wechat?phone={third['openid']}").text


def test_the_phone_acts_without_a_cookie_or_a_form_token(
    app: Flask, client: FreshClient, people: Callable[[str], int]
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    assert client.post(f"/demo/wechat/phones/{OWN}/block", json={"on": True}).status_code == 200
    assert client.get(f"/demo/wechat/phones/{OWN}/messages").get_json()["blocked"] is True
    assert client.post("/demo/wechat/lend").status_code == 200
    assert client.post("/login").status_code == 400, (
        "elsewhere a token is asked for, or the above says nothing"
    )


def test_the_page_is_one_of_the_phones_and_shows_nobody_elses_words(
    app: Flask, client: FreshClient, people: Callable[[str], int]
) -> None:
    page = client.get("/demo/wechat?phone=<script>")
    assert page.status_code == 200
    assert f'data-openid="{OWN}"' in page.text and "<script>" not in page.text.partition("<main")[2]
    assert client.get("/demo/wechat/panel.png").data.startswith(b"\x89PNG")
    assert client.get("/demo/wechat/phones/nobody/messages").status_code == 404


def test_without_demo_data_the_page_says_so_and_nothing_is_lent(client: FreshClient) -> None:
    assert "还没有演示用的公众号" in client.get("/demo/wechat").text
    assert client.post("/demo/wechat/lend").status_code == 404


def test_outside_a_demo_there_is_no_phone(app: Flask) -> None:
    other = create_app(dataclasses.replace(app.extensions["settings"], demo=False))
    with other.app_context():
        client = other.test_client()
        for path in (
            "/demo/wechat",
            "/demo/wechat/panel.png",
            "/demo/wechat/state",
            f"/demo/wechat/phones/{OWN}/messages",
        ):
            assert client.get(path).status_code == 404, path
        assert client.post("/demo/wechat/lend").status_code == 404
        assert client.post(f"/demo/wechat/phones/{OWN}/say", json={"text": "x"}).status_code == 404
