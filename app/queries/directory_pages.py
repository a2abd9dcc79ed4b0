"""The directory's pages: lists with their numbers, and what stands around one company, person or machine.

Every number counts what the actor may see, so that none can be found that does not open.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, or_, select, tuple_
from sqlalchemy.orm import joinedload

from app.core.clock import now
from app.core.db import session
from app.core.directory.access import (
    readable_contacts,
    readable_contracts,
    readable_devices,
    readable_organisations,
    readable_sites,
)
from app.core.directory.merging import family_ids
from app.core.installed_base import Contract, Device, Site
from app.core.people import Contact, ContactMerge, Identity, Organisation, User
from app.core.permissions import Actor
from app.queries.directory import (
    contact_cards,
    contact_parts,
    contacts_like,
    device_parts,
    devices_like,
    families,
    organisation_parts,
    organisations_like,
)
from channels.models import Conversation
from workflows.access import readable_tickets
from workflows.models import Ticket
from workflows.tickets import TICKET

PAGE, FIRST, LAST = 50, 10, 8
_RANK = {"gold": 0, "silver": 1, "basic": 2}


@dataclass(frozen=True)
class Some:
    """Some rows, and the id after which the list goes on."""

    rows: list[Any]
    next: int | None
    numbers: dict[str, dict[int, Any]] = field(default_factory=dict)

    def of(self, name: str, row_id: int, otherwise: Any = 0) -> Any:
        return self.numbers.get(name, {}).get(row_id, otherwise)


def organisations(actor: Actor, *, q: str = "", kind: str = "", after: int | None = None) -> Some:
    """Companies by name, with their sites, devices, contacts, open tickets and present level of contract."""
    rows = readable_organisations(actor).options(*organisation_parts())
    if q:
        rows = rows.where(organisations_like(q))
    if kind:
        rows = rows.where(Organisation.kind == kind)
    if after is not None:
        last = select(Organisation.name).where(Organisation.id == after).scalar_subquery()
        rows = rows.where(tuple_(Organisation.name, Organisation.id) > tuple_(last, after))
    found, onward = _some(rows.order_by(Organisation.name, Organisation.id))
    ids = [row.id for row in found]
    alone = readable_contacts(actor).where(Contact.merged_into_id.is_(None))
    numbers: dict[str, dict[int, Any]] = {
        "sites": _count(readable_sites(actor), Site.organisation_id, ids),
        "devices": _count(readable_devices(actor), Device.organisation_id, ids),
        "contacts": _count(alone, Contact.organisation_id, ids),
        "tickets": _count(_open(actor), Ticket.organisation_id, ids),
        "level": levels(actor, ids),
    }
    return Some(found, onward, numbers)


def contacts(actor: Actor, *, q: str = "", organisation: int | None = None, after: int | None = None) -> Some:
    """People, the newest first, as cards (see `contact_cards`), with open tickets and when they last wrote or called."""
    rows = readable_contacts(actor).options(*contact_parts()).where(Contact.merged_into_id.is_(None))
    if q:
        rows = rows.where(contacts_like(q))
    if organisation is not None:
        rows = rows.where(Contact.organisation_id == organisation)
    if after is not None:
        rows = rows.where(Contact.id < after)
    found, onward = _some(rows.order_by(Contact.id.desc()))
    groups = families(contact.id for contact in found)
    root_of = {member: root for root, members in groups.items() for member in members}
    open_ = _count(_open(actor), Ticket.contact_id, list(root_of))
    seen = (
        select(Conversation.contact_id, func.max(Conversation.last_message_at))
        .where(Conversation.contact_id.in_(list(root_of)))
        .group_by(Conversation.contact_id)
    )
    tickets: dict[int, int] = {}
    last: dict[int, datetime] = {}
    for member, number in open_.items():
        tickets[root_of[member]] = tickets.get(root_of[member], 0) + number
    for contact_id, at in session().execute(seen):
        root = root_of[contact_id or 0]
        last[root] = max(at, last.get(root, at))
    return Some(contact_cards(found), onward, {"tickets": tickets, "last_at": last})


def devices(
    actor: Actor, *, q: str = "", organisation: int | None = None, product: int | None = None, after: int | None = None
) -> Some:
    """Devices, the newest first, with their open tickets."""
    rows = readable_devices(actor).options(*device_parts())
    if q:
        rows = rows.where(or_(devices_like(q), Device.tag == q))
    if organisation is not None:
        rows = rows.where(Device.organisation_id == organisation)
    if product is not None:
        rows = rows.where(Device.product_id == product)
    if after is not None:
        rows = rows.where(Device.id < after)
    found, onward = _some(rows.order_by(Device.id.desc()))
    return Some(found, onward, {"tickets": _count(_open(actor), Ticket.device_id, [d.id for d in found])})


@dataclass(frozen=True)
class Company:
    """What stands around a company; the lists of devices and contacts are the first few of `*_total`."""

    contracts: list[Contract]
    sites: list[tuple[Site, int]]
    devices: list[Device]
    devices_total: int
    contacts: list[dict[str, Any]]
    contacts_total: int
    tickets: list[Ticket]


def company(actor: Actor, organisation: Organisation) -> Company:
    """Everything about a company that the actor may see."""
    own = readable_contracts(actor).where(Contract.organisation_id == organisation.id)
    contracts = own.options(joinedload(Contract.product), joinedload(Contract.supplier))
    places = readable_sites(actor).where(Site.organisation_id == organisation.id).order_by(Site.name)
    sites = list(session().scalars(places))
    standing = _count(readable_devices(actor), Device.site_id, [site.id for site in sites])
    machines = readable_devices(actor).where(Device.organisation_id == organisation.id)
    people = readable_contacts(actor).where(
        Contact.organisation_id == organisation.id, Contact.merged_into_id.is_(None)
    )
    first = people.options(*contact_parts()).order_by(Contact.id.desc()).limit(FIRST)
    return Company(
        contracts=list(session().scalars(contracts.order_by(Contract.starts_on.desc(), Contract.id))),
        sites=[(site, standing.get(site.id, 0)) for site in sites],
        devices=list(
            session().scalars(machines.options(*device_parts()).order_by(Device.id.desc()).limit(FIRST)).unique()
        ),
        devices_total=_total(machines),
        contacts=contact_cards(list(session().scalars(first))),
        contacts_total=_total(people),
        tickets=_tickets(actor, Ticket.organisation_id == organisation.id),
    )


def tickets_of_contact(actor: Actor, contact: Contact) -> list[Ticket]:
    """The newest tickets of a person and of everybody merged into them."""
    return _tickets(actor, Ticket.contact_id.in_(family_ids(contact)))


def tickets_of_device(actor: Actor, device: Device) -> list[Ticket]:
    """The newest tickets of a machine."""
    return _tickets(actor, Ticket.device_id == device.id)


def number_of_tickets(actor: Actor, contact: Contact) -> int:
    """How many tickets a person has, with everybody merged into them."""
    return _total(readable_tickets(actor).where(Ticket.contact_id.in_(family_ids(contact))))


def devices_of_contact(actor: Actor, contact: Contact) -> list[Device]:
    """The machines that the tickets of this person were about, the last one first."""
    asked = (
        select(Ticket.device_id, func.max(Ticket.id).label("last"))
        .where(Ticket.contact_id.in_(family_ids(contact)), Ticket.device_id.is_not(None))
        .group_by(Ticket.device_id)
        .subquery()
    )
    rows = readable_devices(actor).join(asked, asked.c.device_id == Device.id).options(*device_parts())
    return list(session().scalars(rows.order_by(asked.c.last.desc()).limit(FIRST)).unique())


def contract_in_force(actor: Actor, device: Device, today: date) -> Contract | None:
    """The best contract that covers this machine today."""
    rows = readable_contracts(actor).where(
        Contract.organisation_id == device.organisation_id,
        Contract.starts_on <= today,
        or_(Contract.ends_on.is_(None), Contract.ends_on >= today),
        or_(Contract.product_id.is_(None), Contract.product_id == device.product_id),
    )
    found = sorted(session().scalars(rows), key=lambda row: (_RANK.get(row.level, 9), row.id))
    return found[0] if found else None


def levels(actor: Actor, organisation_ids: Sequence[int], today: date | None = None) -> dict[int, str]:
    """The best level that each company has now."""
    today = today or now().date()
    rows = readable_contracts(actor).where(
        Contract.organisation_id.in_(organisation_ids),
        Contract.starts_on <= today,
        or_(Contract.ends_on.is_(None), Contract.ends_on >= today),
    )
    best: dict[int, str] = {}
    for row in session().scalars(rows):
        known = best.get(row.organisation_id)
        if known is None or _RANK.get(row.level, 9) < _RANK.get(known, 9):
            best[row.organisation_id] = row.level
    return best


@dataclass(frozen=True)
class Likely:
    """Perhaps the same person; `why` is name (same name) or company (same name, same company)."""

    contact: Contact
    why: str


def likely_same(actor: Actor, contact: Contact) -> list[Likely]:
    """Other people with the same name and no other company: what an agent should look at, never merged by itself."""
    if not contact.name or contact.merged_into_id is not None:
        return []
    rows = (
        readable_contacts(actor)
        .options(*contact_parts())
        .where(
            func.lower(Contact.name) == contact.name.lower(),
            Contact.id != contact.id,
            Contact.merged_into_id.is_(None),
        )
    )
    if contact.organisation_id is not None:
        rows = rows.where(or_(Contact.organisation_id == contact.organisation_id, Contact.organisation_id.is_(None)))
    found = session().scalars(rows.order_by(Contact.id.desc()).limit(5))
    same = contact.organisation_id
    return [Likely(c, "company" if same is not None and c.organisation_id == same else "name") for c in found]


def people_found(actor: Actor, q: str, without: Contact) -> list[dict[str, Any]]:
    """Cards of people who could be merged with this one."""
    rows = readable_contacts(actor).options(*contact_parts())
    rows = rows.where(contacts_like(q), Contact.merged_into_id.is_(None), Contact.id != without.id)
    return contact_cards(list(session().scalars(rows.order_by(Contact.id.desc()).limit(FIRST))))


def merges_of_family(contact: Contact) -> list[tuple[ContactMerge, Contact, list[Identity]]]:
    """The merges into this person that can be undone, newest first, each with the merged one's identities."""
    members = family_ids(contact)
    rows = (
        select(ContactMerge, Contact)
        .join(Contact, Contact.id == ContactMerge.merged_id)
        .where(ContactMerge.merged_id.in_(members), ContactMerge.undone_at.is_(None))
        .order_by(ContactMerge.id.desc())
    )
    found = [(merge, merged) for merge, merged in session().execute(rows)]
    own: dict[int, list[Identity]] = {}
    ids = [merged.id for _merge, merged in found]
    for identity in session().scalars(select(Identity).where(Identity.contact_id.in_(ids)).order_by(Identity.id)):
        own.setdefault(identity.contact_id or 0, []).append(identity)
    return [(merge, merged, own.get(merged.id, [])) for merge, merged in found]


def managers() -> list[User]:
    """Who can have companies in their care."""
    rows = select(User).where(User.role == "manager", User.active.is_(True))
    return list(session().scalars(rows.order_by(User.name)))


def _open(actor: Actor) -> Select[Any]:
    return readable_tickets(actor).where(Ticket.state.not_in(TICKET.ends))


def _tickets(actor: Actor, which: Any) -> list[Ticket]:
    return list(session().scalars(readable_tickets(actor).where(which).order_by(Ticket.id.desc()).limit(LAST)))


def _some(rows: Select[Any]) -> tuple[list[Any], int | None]:
    found = list(session().scalars(rows.limit(PAGE + 1)).unique())
    return found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None


def _count(rows: Select[Any], column: Any, ids: Iterable[int]) -> dict[int, int]:
    """How many of the readable rows each of these owners has."""
    counted = rows.with_only_columns(column, func.count()).where(column.in_(list(ids))).group_by(column)
    return {row[0]: row[1] for row in session().execute(counted.order_by(None))}


def _total(rows: Select[Any]) -> int:
    return session().scalar(rows.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)) or 0
