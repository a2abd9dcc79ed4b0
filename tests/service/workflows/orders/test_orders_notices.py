"""Suppliers hear of what others decide: who is told what, how often, and what happens without a mailbox."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.db import session
from app.core.people import User
from app.core.uow import unit_of_work
from app.live.watching import may_watch
from channels import registry
from channels.base import Outbound, SendFailed, SendUndecided
from channels.models import Account
from channels.reaching import direct
from tests.service.workflows.orders.conftest import WINDOW, House
from workflows import order_service
from workflows.order_notices import OrderNotice, set_order_mail
from workflows.orders_models import ServiceOrder

Make = Callable[..., Any]


def told(order: ServiceOrder) -> list[tuple[str, int, str]]:
    rows = select(OrderNotice).where(OrderNotice.order_id == order.id).order_by(OrderNotice.id)
    return [(n.what, n.user_id, n.state) for n in session().scalars(rows)]


@pytest.fixture
def addresses(house: House) -> None:
    with unit_of_work() as s:
        for actor in (house.dispatcher, house.technician):
            s.get_one(User, actor.id).email = f"u{actor.id}@supplier.example"


class Post:
    """Takes mails, or refuses them."""

    kind, idempotent = "email", False

    def __init__(self) -> None:
        self.mails: list[Outbound] = []
        self.problem: Exception | None = None

    def send(self, account: Account, message: Outbound) -> str | None:
        if self.problem:
            raise self.problem
        self.mails.append(message)
        return None


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch, house: House) -> Post:
    found = Post()
    monkeypatch.setattr(direct, "channel_for", lambda kind: found)
    assert registry.channel_for("email") is not found
    with unit_of_work() as s:
        s.add(Account(kind="email", slug="post", settings={"address": "support@hengchuan.example", "smtp_host": "127.0.0.1"}))
    return found


def test_each_hears_what_others_did(
    house: House, addresses: None, post: Post, escalated: Make, move: Make, tell: Make, drain: Make
) -> None:
    order = escalated()
    drain()
    d, t = house.dispatcher.id, house.technician.id
    assert told(order) == [("new", d, "sent")]
    move(order, "accept", house.dispatcher)
    move(order, "assign", house.dispatcher, technician=t)
    move(order, "appoint", house.dispatcher, window=WINDOW)
    drain()
    assert told(order)[1:] == [("assigned", t, "sent"), ("appointment", t, "sent")], "nobody is told of their own deed"
    tell(order.ticket, "urge", house.agent)
    tell(order.ticket, "urge", house.agent)
    drain()
    assert order.urged == 2 and [n[:2] for n in told(order)[3:]] == [("urge", d), ("urge", t)], "told once, counted twice"
    clock.advance(timedelta(minutes=11))
    tell(order.ticket, "urge", house.agent)
    with unit_of_work():
        order_service.propose_cancel(house.agent, order, "客户撤回")
    drain()
    assert [n[0] for n in told(order)[5:]] == ["urge", "urge", "cancel", "cancel"]
    mail = post.mails[0]
    assert mail.to == f"u{d}@supplier.example" and str(order.number) in mail.subject and mail.is_auto
    assert all("王建国" not in m.text and "19900000001" not in m.text and f"/orders/{order.number}" in m.text for m in post.mails)
    assert "客户撤回" in post.mails[-1].text


def test_without_address_mailbox_or_wish_nothing_is_sent(
    house: House, escalated: Make, drain: Make, addresses: None
) -> None:
    first = escalated()
    drain()
    assert told(first) == [("new", house.dispatcher.id, "no_account")]
    with unit_of_work():
        set_order_mail(house.dispatcher, False)
    second = escalated()
    with unit_of_work() as s:
        set_order_mail(house.dispatcher, True)
        s.get_one(User, house.dispatcher.id).email = None
    drain()
    assert told(second) == [("new", house.dispatcher.id, "no_mail")]
    with unit_of_work():
        set_order_mail(house.dispatcher, False)
    third = escalated()
    drain()
    assert told(third) == [("new", house.dispatcher.id, "off")]


@pytest.mark.parametrize(
    ("problem", "state"),
    [(SendFailed("没有这个地址。", final=True), "failed"), (SendFailed("忙。", final=False), "due"), (SendUndecided("断线。"), "undecided")],
)
def test_a_mail_that_fails_says_so(
    problem: Exception, state: str, house: House, addresses: None, post: Post, escalated: Make, drain: Make
) -> None:
    post.problem = problem
    order = escalated()
    drain()
    assert told(order) == [("new", house.dispatcher.id, state)]
    post.problem = None
    clock.advance(timedelta(minutes=5))
    drain()
    assert told(order)[0][2] == ("sent" if state == "due" else state), "what is undecided is not repeated by itself"
    assert len(post.mails) == (1 if state == "due" else 0)


def test_pages_of_the_supplier_alone_hear_of_it(house: House) -> None:
    assert may_watch(house.dispatcher, "supplier", house.supplier_id)
    assert may_watch(house.technician, "supplier", house.supplier_id)
    assert not may_watch(house.foreign, "supplier", house.supplier_id)
    assert not may_watch(house.agent, "supplier", house.supplier_id)
