"""Orders in any state, made by the law itself, with a supplier, its dispatcher and its technician."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from app.core.catalogue import Product
from app.core.installed_base import Device, Site
from app.core.people import Contact, Identity, Organisation, User
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from workflows import order_service
from workflows.engine import Step, take
from workflows.models import Ticket
from workflows.order_links import orders_of
from workflows.orders import ORDER
from workflows.orders_models import ServiceOrder

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
WINDOW = {"from": "2026-03-03T09:00:00+08:00", "to": "2026-03-03T11:00:00+08:00"}


@dataclass(frozen=True)
class House:
    """Who is there, by id: rows are read anew in each unit of work."""

    platform_id: int
    supplier_id: int
    other_id: int
    client_id: int
    product_id: int
    device_id: int
    contact_id: int
    dispatcher: Actor
    technician: Actor
    foreign: Actor
    agent: Actor
    leader: Actor


@pytest.fixture
def house(app: Flask, make_user: Callable[..., User], agent: Actor, leader: Actor) -> House:
    with unit_of_work() as s:
        platform = Organisation(kind="platform", name="平台")
        supplier = Organisation(kind="supplier", name="宏控自动化")
        other = Organisation(kind="supplier", name="拓联通信")
        client = Organisation(kind="client", name="澄湖轴承")
        s.add_all([platform, supplier, other, client])
        s.flush()
        product = Product(code="HK-V20", name="变频器", supplier_id=supplier.id)
        site = Site(organisation_id=client.id, name="一厂", address="湖滨路 1 号")
        contact = Contact(name="王建国", organisation_id=client.id)
        s.add_all([product, site, contact])
        s.flush()
        s.add(Identity(kind="phone", value="+8619900000001", contact_id=contact.id))
        device = Device(organisation_id=client.id, site_id=site.id, product_id=product.id, serial="A1")
        s.add(device)
    dispatcher = make_user("dispatcher", organisation=supplier)
    technician = make_user("technician", organisation=supplier)
    foreign = make_user("dispatcher", organisation=other)
    return House(
        platform.id, supplier.id, other.id, client.id, product.id, device.id, contact.id,
        dispatcher.actor("test"), technician.actor("test"), foreign.actor("test"), agent, leader,
    )  # fmt: skip


@pytest.fixture
def move(app: Flask) -> Callable[..., Step]:
    """Take a step of the order law in a unit of work of its own."""

    def run(order: ServiceOrder, step: str, who: Actor, **given: Any) -> Step:
        with unit_of_work():
            return take(ORDER, order, step, who, **given)

    return run


@pytest.fixture
def ours(house: House, ticket: Callable[..., Ticket]) -> Callable[..., Ticket]:
    """ours() is a ticket in work of the client's device."""

    def make(state: str = "executing", **given: Any) -> Ticket:
        known = {"organisation_id": house.client_id, "product_id": house.product_id, "device_id": house.device_id}
        return ticket(state, **{**known, **given})

    return make


@pytest.fixture
def escalated(house: House, ours: Callable[..., Ticket], tell: Callable[..., Step]) -> Callable[..., ServiceOrder]:
    """escalated() is a fresh order of a ticket in work (or of the one given)."""

    def make(on: Ticket | None = None, **given: Any) -> ServiceOrder:
        on = on or ours()
        tell(on, "escalate", house.agent, **{"reason": "E07 过热，检查风扇", "product": house.product_id, **given})
        return orders_of(on)[-1]

    return make


@pytest.fixture
def prove(house: House) -> Callable[..., None]:
    """Everything that the work's delivery asks for."""

    def run(order: ServiceOrder, who: Actor | None = None) -> None:
        with unit_of_work():
            order_service.add_evidence(who or house.technician, order, kind="photo", content=PNG, name="after.png")
            order_service.add_evidence(who or house.technician, order, kind="reading", text="62 ℃")

    return run


@pytest.fixture
def order(
    house: House, escalated: Callable[..., ServiceOrder], move: Callable[..., Step], prove: Callable[..., None]
) -> Callable[..., ServiceOrder]:
    """order("delivering") is an order that the law has brought there."""

    def make(state: str = "created", on: Ticket | None = None, **given: Any) -> ServiceOrder:
        found = escalated(on, **given)
        bring(found, state, house, move, prove)
        assert found.state == state
        return found

    return make


def bring(found: ServiceOrder, state: str, house: House, move: Callable[..., Step], prove: Callable[..., None]) -> None:
    """Take the steps of the usual way, up to the state."""
    if state == "cancelled":
        move(found, "cancel", house.agent, reason="重复")
        return
    way = ["accepted", "scheduled", "planned", "delivering", "checking", "closed"]
    wanted = "scheduled" if state == "unable" else state
    for place in way[: way.index(wanted) + 1] if wanted != "created" else []:
        if place == "accepted":
            move(found, "accept", house.dispatcher)
        elif place == "scheduled":
            move(found, "assign", house.dispatcher, technician=house.technician.id)
            move(found, "appoint", house.dispatcher, window=WINDOW)
        elif place == "planned":
            move(found, "plan", house.technician, steps="换风扇")
        elif place == "delivering":
            move(found, "depart", house.technician)
            move(found, "arrive", house.technician)
            move(found, "start", house.technician)
        elif place == "checking":
            prove(found)
            move(found, "deliver", house.technician, solution="换了风扇", code=found.code)
        else:
            move(found, "pass", house.agent)
    if state == "unable":
        move(found, "unable", house.technician, why="no_part", reason="停产")


