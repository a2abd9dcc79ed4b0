"""The demo's service orders are lived through like its tickets: by the order's law and its services, at each hour."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app import customers
from app.core.clock import now
from app.core.db import session
from app.demo import pictures, story
from app.demo.world_rows import World
from workflows import order_service
from workflows.engine import take
from workflows.models import Ticket
from workflows.order_links import orders_of
from workflows.orders import ORDER
from workflows.orders_models import OrderMark, ServiceOrder
from workflows.tickets import TICKET

EVIDENCE = ("photo", "signature", "reading", "note", "checklist")


class OrderLife:
    """One order on its way; `born` is when its ticket came."""

    def __init__(self, rows: World, ticket: Callable[[], Ticket], data: story.Order, born: datetime, loaded: datetime):
        self.rows, self.find_ticket, self.data, self.born, self.loaded = rows, ticket, data, born, loaded
        self.order: ServiceOrder

    def open(self) -> None:
        """Hand the ticket on."""
        ticket = self.find_ticket()
        given: dict[str, Any] = {"product": self.data.product} if self.data.product else {}
        take(TICKET, ticket, "escalate", self.rows.actor(self.data.by), reason=self.data.reason, work=self.data.work, **given)
        self.order = orders_of(ticket)[-1]

    def do(self, act: story.Act) -> None:
        """One act of the order's story."""
        given, order = dict(act.given), self.order
        if act.step == "quote":
            asked = order_service.last_quote(order)
            assert asked is not None
            customer = replace(customers.customer(order.ticket.contact), via="link")
            order_service.answer_quote(customer, asked, given["confirmed"], given.get("remark", ""))
            return
        actor = self.rows.actor(act.by)
        if act.step in EVIDENCE:
            self.show(act, actor)
        elif act.step == "judge":
            marks = select(OrderMark.id).where(OrderMark.order_id == order.id, OrderMark.kind == "reject", OrderMark.decision == "asked")
            order_service.judge(actor, order, session().scalars(marks).one(), given["upheld"], given["verdict"])
        elif act.step == "hand_over":
            order_service.hand_over(actor, order, self.rows.organisations[given["supplier"]].id, given["reason"])
        else:
            take(ORDER, order, act.step, actor, **self.filled(given))

    def filled(self, given: dict[str, Any]) -> dict[str, Any]:
        """What a step is given, with rows and moments in the place of codes and minutes."""
        if "technician" in given:
            given["technician"] = self.rows.users[given["technician"]]
        if "window" in given:
            begin = self.hour(given["window"][0])
            given["window"] = {"from": begin, "to": begin + timedelta(hours=given["window"][1])}
        if "until_in" in given:
            given["until"] = self.loaded + timedelta(minutes=given.pop("until_in"))
        if "until_after" in given:
            given["until"] = self.born + timedelta(minutes=given.pop("until_after"))
        if given.get("code") is True:
            given["code"] = self.order.code
        return given

    def hour(self, after: int) -> datetime:
        """The full hour at or before so many minutes after the ticket came."""
        return (self.born + timedelta(minutes=after)).replace(minute=0, second=0, microsecond=0)

    def show(self, act: story.Act, actor: Any) -> None:
        text = act.given.get("text", "")
        content, name = None, ""
        if act.step == "photo":
            shown = re.search(r"E\d\d|\d+(?:\.\d)?", text)
            content, name = pictures.display(shown.group().replace(".", "-") if shown else "888"), "现场照片.png"
        elif act.step == "signature":
            content, name = pictures.signature(text), "签字.png"
        order_service.add_evidence(actor, self.order, kind=act.step, text=text, content=content, name=name, taken_at=now())


def play_order(
    rows: World, ticket: Callable[[], Ticket], data: story.Order, born: datetime, loaded: datetime
) -> Iterator[tuple[int, Callable[[], None]]]:
    """The acts of an order with their times, in minutes after its ticket came."""
    life = OrderLife(rows, ticket, data, born, loaded)
    yield data.after, life.open
    for act in data.acts:
        yield act.after, lambda act=act: life.do(act)  # type: ignore[misc]
