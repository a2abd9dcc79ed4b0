"""Codes on walls and machines: who scans one and writes within half an hour is asked neither where nor what."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.core import clock
from app.core.catalogue import Product
from app.core.db import session
from app.core.errors import Forbidden, Invalid
from app.core.installed_base import Device
from app.core.people import Organisation
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.simulator.wechat_phone import Hands
from channels.accounts import add_account
from channels.base import Inbound, Sender, Signal
from channels.counters import Counter, find_counter, set_counter, set_counter_active
from channels.models import Account
from channels.receiving import receive
from channels.signals import hear
from tests.conftest import FreshClient
from tests.service.channels.wechat_party import playing
from workflows.models import Ticket

WANG = Sender("openid", "oWang", "王工", verified=True)


@pytest.fixture
def account(app: Flask) -> int:
    with unit_of_work():
        return add_account(SYSTEM, "wechat", "gzh", {"appid": "wx0000000001", "token": "t0ken"}).id


@pytest.fixture
def lake(app: Flask) -> Organisation:
    with unit_of_work() as s:
        found = Organisation(name="澄湖", kind="client")
        s.add(found)
    return found


@pytest.fixture
def counter(lake: Organisation) -> Counter:
    with unit_of_work():
        return set_counter(SYSTEM, None, name="一号厂房服务台", place="正门右手边", organisation_id=lake.id)


@pytest.fixture
def scans(account: int, drain: Callable[[], int]) -> Callable[..., None]:
    count = [0]

    def scan(kind: str = "scanned", **meta: Any) -> None:
        count[0] += 1
        with unit_of_work() as s:
            hear(s.get_one(Account, account), Signal(f"e{count[0]}", kind, WANG, meta=meta))
        drain()

    return scan


@pytest.fixture
def says(account: int, drain: Callable[[], int]) -> Callable[[str], Ticket]:
    count = [0]

    def say(text: str) -> Ticket:
        count[0] += 1
        with unit_of_work() as s:
            receive(s.get_one(Account, account), Inbound(f"m{count[0]}", WANG, text, text, continues=True))
        drain()
        session().rollback()
        return session().scalars(select(Ticket).order_by(Ticket.id.desc()).limit(1)).one()

    return say


@pytest.mark.parametrize("kind", ["scanned", "followed"])
def test_the_counter_that_was_scanned_stands_on_the_next_ticket(kind: str, scans: Any, says: Any, counter: Counter, lake: Organisation) -> None:
    scans(kind, counter=counter.slug, scan=True)
    ticket = says("变频器跳E07")
    assert (ticket.counter_id, ticket.organisation_id) == (counter.id, lake.id)


def test_the_machine_that_was_scanned_stands_on_the_next_ticket(scans: Any, says: Any, lake: Organisation) -> None:
    with unit_of_work() as s:
        product = Product(code="GW", name="网关")
        s.add(product)
        s.flush()
        device = Device(organisation_id=lake.id, product_id=product.id, serial="SN-1")
        s.add(device)
    scans(device=device.tag)
    ticket = says("绿灯不亮")
    assert (ticket.device_id, ticket.product_id, ticket.organisation_id, ticket.counter_id) == (device.id, product.id, lake.id, None)


def test_a_scan_is_forgotten_after_half_an_hour_and_counts_once(scans: Any, says: Any, counter: Counter) -> None:
    moment = clock.now()
    with clock.frozen(moment):
        scans(counter=counter.slug)
    with clock.frozen(moment + timedelta(minutes=31)):
        first = says("变频器跳E07")
        assert first.counter_id is None
    with unit_of_work() as s:
        s.get_one(Ticket, first.id).state = "cancelled"
    with clock.frozen(moment + timedelta(hours=5)):
        scans(counter=counter.slug)
        second = says("又跳了E07")
        with unit_of_work() as s:
            s.get_one(Ticket, second.id).state = "cancelled"
        third = says("打印机卡纸了")
    assert (second.counter_id, third.counter_id) == (counter.id, None) and second.id != third.id


@pytest.mark.parametrize("meta", [{}, {"counter": "no-such"}, {"device": "no-such"}, {"counter": ""}])
def test_a_code_of_nobody_changes_nothing(meta: dict[str, str], scans: Any, says: Any) -> None:
    scans(**meta)
    assert says("变频器跳E07").counter_id is None


def test_a_closed_counter_leads_nowhere(scans: Any, says: Any, counter: Counter) -> None:
    with unit_of_work() as s:
        set_counter_active(SYSTEM, s.get_one(Counter, counter.id), False)
    assert find_counter(counter.slug) is None
    scans(counter=counter.slug)
    assert says("变频器跳E07").counter_id is None


def test_counters_are_made_by_who_may(app: Flask, actor: Callable[..., Any]) -> None:
    with pytest.raises(Forbidden), unit_of_work():
        set_counter(actor("agent"), None, name="x")
    with pytest.raises(Invalid), unit_of_work():
        set_counter(actor("leader"), None, name="  ")
    with pytest.raises(Invalid), unit_of_work():
        set_counter(actor("leader"), None, name="x", account_id=99)


def test_the_official_account_gives_a_lasting_code(app: Flask, client: FreshClient, drain: Callable[[], int]) -> None:
    with playing(app, client, drain) as (party, _hands):
        hands: Hands = _hands
        with unit_of_work():
            number = set_counter(SYSTEM, None, name="前台", account_id=party.account_id).id
        drain()
        session().rollback()
        made = session().get_one(Counter, number)
        assert made.code is not None and made.slug in made.code and made.error is None
        hands.scan("oWang0001", made.scene)
        hands.say("oWang0001", "变频器跳E07")
        drain()
        session().rollback()
        assert session().scalars(select(Ticket.counter_id)).one() == number
