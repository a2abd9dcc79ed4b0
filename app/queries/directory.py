"""Reading the directory: searches, and what belongs to whom, without a query per row."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, literal_column, or_, select
from sqlalchemy.orm import joinedload, selectinload

from app.core.catalogue import Product
from app.core.db import session
from app.core.installed_base import Device, Site
from app.core.people import Contact, ContactMerge, Identity, Organisation
from app.core.text import clean

_NO_DIGIT = re.compile(r"\D")


def organisations_like(q: str) -> ColumnElement[bool]:
    """Companies with `q` in a name or a mail domain."""
    domains = cast(Organisation.email_domains, Text)
    return or_(_has(Organisation.name, q), _has(Organisation.short_name, q), _has(domains, q))


def contacts_like(q: str) -> ColumnElement[bool]:
    """Contacts with `q` in the name, an address or number, or the company's name. A number may be written in any way."""
    own = [_has(Identity.value, q), _has(Identity.shown, q)]
    digits = _NO_DIGIT.sub("", q).lstrip("0")
    if len(digits) >= 4 and len(digits) * 2 >= len(q):
        own.append(_has(Identity.value, digits))
    with_identity = select(Identity.contact_id).where(or_(*own), Identity.contact_id.is_not(None))
    of_company = select(Organisation.id).where(or_(_has(Organisation.name, q), _has(Organisation.short_name, q)))
    return or_(_has(Contact.name, q), Contact.id.in_(with_identity), Contact.organisation_id.in_(of_company))


def products_like(q: str) -> ColumnElement[bool]:
    return or_(_has(Product.code, q), _has(Product.name, q), _has(Product.category, q))


def sites_like(q: str) -> ColumnElement[bool]:
    return or_(_has(Site.name, q), _has(Site.address, q))


def devices_like(q: str) -> ColumnElement[bool]:
    """Devices with `q` in serial number, model or name, or of a product or company with that name."""
    of_company = select(Organisation.id).where(or_(_has(Organisation.name, q), _has(Organisation.short_name, q)))
    of_product = select(Product.id).where(or_(_has(Product.code, q), _has(Product.name, q)))
    return or_(
        _has(Device.serial, q),
        _has(Device.model, q),
        _has(Device.name, q),
        Device.organisation_id.in_(of_company),
        Device.product_id.in_(of_product),
    )


def _has(column: Any, q: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.icontains(clean(q), autoescape=True)
    return found


def organisation_parts() -> Sequence[Any]:
    return (joinedload(Organisation.manager),)


def contact_parts() -> Sequence[Any]:
    return (joinedload(Contact.organisation),)


def product_parts() -> Sequence[Any]:
    return (joinedload(Product.supplier), selectinload(Product.releases))


def site_parts() -> Sequence[Any]:
    return (joinedload(Site.organisation),)


def device_parts() -> Sequence[Any]:
    return (
        joinedload(Device.organisation),
        joinedload(Device.site),
        joinedload(Device.product),
        joinedload(Device.release),
    )


def families(ids: Iterable[int]) -> dict[int, list[int]]:
    """For each of these contacts the ids of itself and of all that were merged into it, in one query."""
    wanted = list(ids)
    if not wanted:
        return {}
    start = select(Contact.id.label("root"), Contact.id.label("member")).where(Contact.id.in_(wanted))
    family = start.cte("family", recursive=True)
    family = family.union(select(family.c.root, Contact.id).join(family, Contact.merged_into_id == family.c.member))
    found = defaultdict[int, list[int]](list)
    for root, member in session().execute(select(family.c.root, family.c.member).order_by(literal_column("1, 2"))):
        found[root].append(member)
    return dict(found)


def contact_cards(contacts: Sequence[Contact]) -> list[dict[str, Any]]:
    """Contacts with the identities of their whole family and the merges that can be undone, in three queries."""
    groups = families(contact.id for contact in contacts)
    members = [member for group in groups.values() for member in group]
    identities, merges = defaultdict[int, list[Identity]](list), defaultdict[int, list[dict[str, Any]]](list)
    for identity in session().scalars(select(Identity).where(Identity.contact_id.in_(members)).order_by(Identity.id)):
        identities[identity.contact_id or 0].append(identity)
    rows = (
        select(ContactMerge, Contact)
        .join(Contact, Contact.id == ContactMerge.merged_id)
        .where(ContactMerge.merged_id.in_(members), ContactMerge.undone_at.is_(None))
        .order_by(ContactMerge.id)
    )
    for merge, merged in session().execute(rows):
        merges[merged.id].append({"merge": merge, "contact": merged})
    cards = []
    for contact in contacts:
        group = groups.get(contact.id, [contact.id])
        cards.append(
            {
                "contact": contact,
                "identities": [identity for member in group for identity in identities[member]],
                "merges": [merge for member in group if member != contact.id for merge in merges[member]],
            }
        )
    return cards
