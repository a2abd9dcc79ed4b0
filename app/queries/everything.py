"""Everything that one may jump to by a few typed words, limited to what the actor may read; a fixed number of statements."""

from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.core.db import session
from app.core.directory.access import readable_devices, readable_organisations
from app.core.errors import NotFound
from app.core.installed_base import Device
from app.core.people import Contact, Organisation
from app.core.permissions import Actor
from app.queries import orders, tickets
from app.queries.directory import devices_like, organisations_like
from workflows.access import access_ticket
from workflows.models import Ticket
from workflows.order_access import readable_order
from workflows.orders_models import ServiceOrder

EACH = 5


@dataclass(frozen=True)
class Found:
    """A few of each sort, the likeliest first."""

    tickets: list[Ticket] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    organisations: list[Organisation] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    orders: list[ServiceOrder] = field(default_factory=list)


def find(actor: Actor, q: str) -> Found:
    """People, companies, machines, tickets and orders with these words. A ticket or order number stands first."""
    desk = actor.can("desk.use") and actor.can("ticket.read")
    return Found(
        tickets=_tickets(actor, q) if desk else [],
        contacts=tickets.search_contacts(actor, q, EACH) if desk and actor.can("contact.read") else [],
        organisations=_organisations(actor, q) if actor.can("organisation.read") else [],
        devices=_devices(actor, q) if actor.can("contact.read") else [],
        orders=_orders(actor, q) if actor.can("order.read") else [],
    )


def _tickets(actor: Actor, q: str) -> list[Ticket]:
    number, first = tickets.number_in(q), None
    try:
        first = access_ticket(actor, number) if number is not None else None
    except NotFound:
        pass  # then it is a word like any other
    found = [row.ticket for row in tickets.search_tickets(actor, q, EACH)]
    return ([first] if first else []) + [t for t in found if t is not first]


def _organisations(actor: Actor, q: str) -> list[Organisation]:
    rows = readable_organisations(actor).where(organisations_like(q)).order_by(Organisation.name).limit(EACH)
    return list(session().scalars(rows))


def _devices(actor: Actor, q: str) -> list[Device]:
    rows = readable_devices(actor).where(devices_like(q)).order_by(Device.id.desc()).limit(EACH)
    return list(session().scalars(rows.options(joinedload(Device.organisation), joinedload(Device.product))).unique())


def _orders(actor: Actor, q: str) -> list[ServiceOrder]:
    rows = select(ServiceOrder).where(readable_order(actor), orders.matches(actor, q)).order_by(ServiceOrder.id.desc())
    return list(session().scalars(rows.options(joinedload(ServiceOrder.supplier)).limit(EACH)))
