"""Whose orders an actor may see: the one gate for reading a service order. And on which side of it an actor stands."""

from typing import Any

from sqlalchemy import Select, false, select, true
from sqlalchemy.sql.elements import ColumnElement

from app.core.db import session
from app.core.errors import Invalid, NotFound
from app.core.people import Organisation
from app.core.permissions import Actor
from workflows.access import readable as readable_ticket
from workflows.models import Ticket
from workflows.orders_models import FIRST_ORDER, ServiceOrder


def readable_order(actor: Actor) -> ColumnElement[bool]:
    """The condition on ServiceOrder that holds for the rows this actor may read: dispatchers those of their company,
    technicians those assigned to them, the desk those of tickets it may read."""
    if not actor.can("order.read"):
        return false()
    if actor.role == "dispatcher":
        if actor.organisation_id is None:
            return false()
        return ServiceOrder.supplier_id == actor.organisation_id
    if actor.role == "technician":
        return ServiceOrder.technician_id == actor.id if actor.id is not None else false()
    if actor.can("ticket.read_all"):
        return true()
    return ServiceOrder.ticket_id.in_(select(Ticket.id).where(readable_ticket(actor)))


def readable_orders(actor: Actor) -> Select[Any]:
    """All orders that this actor may read."""
    return select(ServiceOrder).where(readable_order(actor))


def access_order(actor: Actor, number: int, *, field: str | None = None) -> ServiceOrder:
    """The order with this number. Raises NotFound, for a row that is somebody else's too; with `field`, Invalid for it."""
    found = None
    if 0 < number - FIRST_ORDER < 2**31:
        found = session().scalar(readable_orders(actor).where(ServiceOrder.id == number - FIRST_ORDER))
    if found is None:
        if field:
            raise Invalid.of(field, "没有这张订单。")
        raise NotFound("没有这张订单。")
    assert isinstance(found, ServiceOrder)
    return found


def on_desk(actor: Actor) -> bool:
    """Whether the actor speaks for the platform about anybody's order."""
    return actor.can("order.check")


def platforms(order: ServiceOrder) -> bool:
    """Whether the platform itself owns the order."""
    return order.supplier is None or order.supplier.kind == "platform"


def owns(order: ServiceOrder, actor: Actor) -> bool:
    """Whether the actor works for the owner of the order."""
    if actor.kind == "system":
        return True
    if actor.role in ("dispatcher", "technician"):
        return order.supplier_id is not None and order.supplier_id == actor.organisation_id
    return on_desk(actor) and platforms(order)


def may_know_customer(order: ServiceOrder, actor: Actor) -> bool:
    """Names and numbers of customers stay covered for a supplier until it has accepted the order."""
    return actor.role not in ("dispatcher", "technician") or order.accepted_at is not None


def platform_id() -> int | None:
    """The platform's own company, or None where it is not registered."""
    return session().scalar(select(Organisation.id).where(Organisation.kind == "platform").order_by(Organisation.id).limit(1))
