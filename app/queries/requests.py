"""Requests as those who made them look at them: one person's own, or a client administrator's whole company."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, false, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from app.core.catalogue import Product
from app.core.db import session
from app.core.directory.access import readable_contacts, readable_contracts, readable_devices, readable_sites
from app.core.directory.merging import family_ids, kept
from app.core.installed_base import Contract, Device, Site
from app.core.people import Contact, Identity, User
from app.core.permissions import Actor
from channels.models import Conversation
from workflows.access import readable_tickets
from workflows.models import FIRST_NUMBER, Ticket, TicketConversation
from workflows.orders_models import OPEN_ORDER, OrderQuote, ServiceOrder
from workflows.tickets import TICKET

PAGE = 20
SHOWS = ("open", "done")
LAST_ID = 2**31


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed to. `show` is open or done; ids of a site, person (contact) and product; words."""

    show: str = "open"
    site: int | None = None
    person: int | None = None
    product: int | None = None
    state: str = ""
    q: str = ""
    after: int | None = None


@dataclass(frozen=True)
class Requests:
    """One page, newest first. `next` is the id to go on after; `counts` of open and done; open `orders` per ticket."""

    rows: Sequence[Ticket]
    next: int | None
    counts: dict[str, int]
    orders: dict[int, list[ServiceOrder]] = field(default_factory=dict)


def of_identity(identity: Identity) -> ColumnElement[bool]:
    """The requests of whoever reads mail at this address or has this number: those of the person, or, where several
    share it, those that came by it."""
    conversations = select(TicketConversation.ticket_id).join(
        Conversation, Conversation.id == TicketConversation.conversation_id
    )
    came_by_it = Ticket.id.in_(conversations.where(Conversation.identity_id == identity.id))
    if identity.shared or identity.contact is None:
        return came_by_it
    if identity.suspect:
        # Somebody typed it. What the desk knows of the same person by other ways is not for whoever reads there.
        return or_(came_by_it, Ticket.contact_id == identity.contact_id)
    return or_(Ticket.contact_id.in_(family_ids(kept(identity.contact))), came_by_it)


def own(identity: Identity, wanted: Filter) -> Requests:
    """A person's requests. The gate is the identity itself: its owner has opened the link that we mailed to it."""
    return _page(select(Ticket).where(of_identity(identity)), wanted)


def company(actor: Actor, wanted: Filter) -> Requests:
    """The requests of the client administrator's company."""
    if actor.role != "client" or actor.organisation_id is None:
        return _page(select(Ticket).where(false()), wanted)
    rows = readable_tickets(actor)
    if wanted.site is not None:
        here = readable_devices(actor).where(Device.site_id == wanted.site).with_only_columns(Device.id)
        rows = rows.where(Ticket.device_id.in_(here))
    if wanted.person is not None:
        person = session().scalar(readable_contacts(actor).where(Contact.id == wanted.person))
        rows = rows.where(Ticket.contact_id.in_(family_ids(person)) if person else false())
    if wanted.product is not None:
        rows = rows.where(Ticket.product_id == wanted.product)
    if wanted.state:
        rows = rows.where(Ticket.state == wanted.state)
    if wanted.q:
        rows = rows.where(_about(wanted.q))
    return _page(rows, wanted)


def _about(q: str) -> ColumnElement[bool]:
    plain = q.lstrip("#")
    if plain.isascii() and plain.isdecimal() and len(plain) < 10:
        return or_(Ticket.id == int(plain) - FIRST_NUMBER, Ticket.subject.icontains(q, autoescape=True))
    return Ticket.subject.icontains(q, autoescape=True)


def _page(rows: Select[Any], wanted: Filter) -> Requests:
    ended = Ticket.state.in_(TICKET.ends)
    # Counted as rows of the same list, so that the numbers on the tabs are those that the tabs open.
    ids = rows.with_only_columns(Ticket.id, ended.label("ended")).subquery()
    counted = session().execute(select(ids.c.ended, func.count()).group_by(ids.c.ended))
    counts = {"open": 0, "done": 0} | {"done" if done else "open": n for done, n in counted}
    rows = rows.where(ended if wanted.show == "done" else ~ended)
    if wanted.after is not None:
        rows = rows.where(Ticket.id < wanted.after)
    parts = [joinedload(Ticket.contact), joinedload(Ticket.product), joinedload(Ticket.assignee), joinedload(Ticket.team)]
    rows = rows.options(*parts, joinedload(Ticket.device).joinedload(Device.site), selectinload(Ticket.follow_ups))
    found = list(session().scalars(rows.order_by(Ticket.id.desc()).limit(PAGE + 1)).unique())
    more, found = len(found) > PAGE, found[:PAGE]
    return Requests(found, found[-1].id if more else None, counts, orders_of([t.id for t in found]))


def orders_of(ticket_ids: Sequence[int], *, ended: bool = False) -> dict[int, list[ServiceOrder]]:
    """The service orders of these tickets that are under way (or all), oldest first."""
    rows = select(ServiceOrder).where(ServiceOrder.ticket_id.in_(ticket_ids))
    if not ended:
        rows = rows.where(ServiceOrder.state.in_(OPEN_ORDER))
    parts = [joinedload(ServiceOrder.technician), joinedload(ServiceOrder.supplier), joinedload(ServiceOrder.device).joinedload(Device.site)]
    found: dict[int, list[ServiceOrder]] = {}
    for order in session().scalars(rows.options(*parts).order_by(ServiceOrder.id)).unique():
        found.setdefault(order.ticket_id, []).append(order)
    return found


def asked_prices(orders: Sequence[ServiceOrder]) -> dict[int, OrderQuote]:
    """The price that waits for the customer's word, per order."""
    waiting = [order.id for order in orders if order.quote == "asked" and order.state in OPEN_ORDER]
    rows = select(OrderQuote).where(OrderQuote.order_id.in_(waiting), OrderQuote.state == "asked").order_by(OrderQuote.id)
    return {quote.order_id: quote for quote in session().scalars(rows)} if waiting else {}


def find_identity(identity_id: int) -> Identity | None:
    return session().get(Identity, identity_id, options=[joinedload(Identity.contact)])


def contact_of(user: User) -> Contact | None:
    """The person that a login of a client belongs to."""
    return session().get(Contact, user.contact_id) if user.contact_id else None


def offered_products() -> list[Product]:
    """What can be asked about."""
    return list(session().scalars(select(Product).where(Product.active.is_(True)).order_by(Product.code)))


def company_products(actor: Actor) -> list[Product]:
    """Products of the company's machines and requests."""
    asked_about = readable_tickets(actor).with_only_columns(Ticket.product_id)
    installed = readable_devices(actor).with_only_columns(Device.product_id)
    rows = select(Product).where(or_(Product.id.in_(asked_about), Product.id.in_(installed)))
    return list(session().scalars(rows.order_by(Product.code)))


def company_sites(actor: Actor) -> list[Site]:
    return list(session().scalars(readable_sites(actor).order_by(Site.name).limit(200)))


def company_people(actor: Actor) -> list[Contact]:
    """People of the company who asked something, by name."""
    asked = readable_tickets(actor).with_only_columns(Ticket.contact_id)
    rows = readable_contacts(actor).where(Contact.id.in_(asked)).options(selectinload(Contact.identities))
    return list(session().scalars(rows.order_by(Contact.name, Contact.id).limit(300)))


def company_devices(actor: Actor, q: str = "", site: int | None = None, after: int | None = None) -> tuple[list[Device], int | None]:
    """The company's machines, fifty at a time, and the id after which they go on."""
    rows = readable_devices(actor).options(joinedload(Device.site), joinedload(Device.product), joinedload(Device.release))
    if q:
        columns = (Device.serial, Device.model, Device.name)
        rows = rows.where(or_(*(column.icontains(q, autoescape=True) for column in columns)))
    if site is not None:
        rows = rows.where(Device.site_id == site)
    if after is not None:
        rows = rows.where(Device.id > after)
    found = list(session().scalars(rows.order_by(Device.id).limit(51)).unique())
    return found[:50], found[49].id if len(found) > 50 else None


def company_contracts(actor: Actor) -> list[Contract]:
    """The company's contracts, the newest first."""
    rows = readable_contracts(actor).options(joinedload(Contract.product))
    return list(session().scalars(rows.order_by(Contract.starts_on.desc(), Contract.id.desc()).limit(100)))
