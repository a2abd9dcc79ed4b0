"""How service orders come into being: a ticket is handed on, and the order finds its owner."""

from typing import Any

from sqlalchemy import or_, select

from app.core.audit import note
from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, Refused
from app.core.events import record
from app.core.installed_base import Contract, Device
from app.core.people import Organisation
from app.core.permissions import Actor
from workflows.engine import Given
from workflows.events import OrderOpened
from workflows.models import Ticket
from workflows.order_access import platform_id
from workflows.order_kinds import ACCEPT_WITHIN, FINISH_WITHIN, MAX_ORDERS, RELATIONS, WORKS
from workflows.order_links import count_open, orders_of
from workflows.order_notices import tell_owner
from workflows.orders_models import FIRST_ORDER, ServiceOrder


def escalate(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    """The effect of the ticket's step 转服务订单: one order more."""
    product = _product(given.get("product")) or ticket.product
    supplier = _supplier(given.get("supplier"))
    if product is None and supplier is None:
        raise Invalid.of("product", "选择产品或供应商。")
    open_order(
        ticket,
        actor,
        reason=str(given["reason"]).strip(),
        work=str(given.get("work") or "repair"),
        product=product,
        supplier=supplier,
        relation=str(given.get("relation") or ""),
        other=given.get("other"),
        place=str(given.get("place") or ""),
    )
    return None


def open_order(
    ticket: Ticket,
    actor: Actor,
    *,
    reason: str,
    work: str,
    product: Product | None,
    supplier: Organisation | None,
    relation: str = "",
    other: Any = None,
    place: str = "",
) -> ServiceOrder:
    """Put an order beside its ticket. Without `supplier`, the contract, else the product, else the platform owns it.

    Raises Invalid for unknown words, Refused where a ticket has too many open orders.
    """
    if work not in WORKS:
        raise Invalid.of("work", "选择工作类型。")
    if relation not in ("", *RELATIONS):
        raise Invalid.of("relation", "选择与哪张订单的关系。")
    if count_open(ticket) >= MAX_ORDERS:
        raise Refused("一张工单最多有 %(n)s 张未结的订单。", n=MAX_ORDERS)
    tied = _other(ticket, other) if relation else None
    device = ticket.device if ticket.device is not None and product in (None, ticket.device.product) else None
    owner_id, chosen, contract_id = (supplier.id, "person", None) if supplier else owner_of(ticket, product)
    site, moment = device.site if device else None, now()
    order = ServiceOrder(
        ticket=ticket,
        work=work,
        subject=ticket.subject,
        brief=reason[:8000],
        priority=ticket.priority,
        relation=relation,
        other_id=tied.id if tied else None,
        product_id=product.id if product else None,
        device_id=device.id if device else None,
        place=(place.strip() or (f"{site.name} {site.address}".strip() if site else ""))[:300],
        opened_by=actor.name,
        opened_by_id=actor.id if actor.kind == "user" else None,
        supplier_id=owner_id,
        chosen=chosen,
        contract_id=contract_id,
        warranty=warranty_of(device),
        created_at=moment,
        accept_due_at=moment + ACCEPT_WITHIN[ticket.priority],
        due_at=moment + FINISH_WITHIN[ticket.priority],
        first_due_at=moment + FINISH_WITHIN[ticket.priority],
    )
    session().add(order)
    session().flush()
    note(actor, "order.opened", order, after=order.state, chosen=chosen, ticket=ticket.number, supplier=owner_id)
    record(OrderOpened(order_id=order.id, version=order.version, ticket_id=ticket.id))
    tell_owner(order, "new", actor)
    return order


def owner_of(ticket: Ticket, product: Product | None) -> tuple[int | None, str, int | None]:
    """Who delivers, by what it was found, and the contract that said so: a contract of the client that names a supplier
    (for this product before one for all), else the product's supplier, else the platform."""
    if ticket.organisation_id is not None:
        today = now().date()
        contract = session().scalar(
            select(Contract)
            .where(
                Contract.organisation_id == ticket.organisation_id,
                Contract.supplier_id.is_not(None),
                Contract.starts_on <= today,
                or_(Contract.ends_on.is_(None), Contract.ends_on >= today),
                or_(Contract.product_id.is_(None), Contract.product_id == (product.id if product else None)),
            )
            .order_by(Contract.product_id.is_(None), Contract.id.desc())
            .limit(1)
        )
        if contract is not None:
            return contract.supplier_id, "contract", contract.id
    if product is not None and product.supplier_id is not None:
        return product.supplier_id, "product", None
    return platform_id(), "platform", None


def warranty_of(device: Device | None) -> str:
    if device is None or device.warranty_until is None:
        return "unknown"
    return "in" if device.warranty_until >= now().date() else "out"


def _other(ticket: Ticket, given: Any) -> ServiceOrder:
    text = str(given or "").strip().lstrip("#")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else 0
    for order in orders_of(ticket):
        if order.id + FIRST_ORDER == number:
            return order
    raise Invalid.of("other", "选择这张工单的另一张订单。")


def _product(given: Any) -> Product | None:
    if given in (None, ""):
        return None
    if isinstance(given, Product):
        return given
    found = session().get(Product, _id(given)) if _id(given) else None
    found = found or session().scalar(select(Product).where(Product.code == str(given)))
    if found is None:
        raise Invalid.of("product", "没有这个产品。")
    return found


def _supplier(given: Any) -> Organisation | None:
    if given in (None, ""):
        return None
    found = given if isinstance(given, Organisation) else session().get(Organisation, _id(given)) if _id(given) else None
    found = found or session().scalar(select(Organisation).where(Organisation.name == str(given)))
    if found is None or found.kind == "client":
        raise Invalid.of("supplier", "没有这家供应商。")
    return found


def _id(given: Any) -> int:
    """An id as given, or 0 (which no row has) for what cannot be one."""
    text = str(given)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else 0
