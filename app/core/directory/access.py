"""Gatekeepers: which rows of the directory an actor may read, as SQL, so that lists and single rows agree.

    staff            everything, with the permission
    account manager  the companies in their care
    supplier         clients that have devices of the supplier's products, and the supplier itself; with the permission
    client           the own company
    a contact        the own person; the own company's sites and devices

Anything else looks as if it were not there: NotFound.
"""

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, false, or_, select, true

from app.core.accounts import COMPANY_ROLES
from app.core.catalogue import Product
from app.core.db import session
from app.core.errors import NotFound
from app.core.installed_base import Contract, Device, Site
from app.core.people import Contact, Organisation
from app.core.permissions import Actor

Row = TypeVar("Row")


def circle(actor: Actor) -> str:
    """Where the actor stands: staff, manager, supplier, client, contact or nobody."""
    if actor.kind == "contact":
        return "contact"
    if actor.kind not in ("user", "system"):
        return "nobody"
    kind = None
    if actor.organisation_id is not None:
        kind = session().scalar(select(Organisation.kind).where(Organisation.id == actor.organisation_id))
    return circle_in(actor, kind)


def circle_in(actor: Actor, kind: str | None) -> str:
    """`circle` of a user whose company is of this kind, where that is known already."""
    if kind in ("supplier", "client"):
        return kind
    if actor.role in COMPANY_ROLES:
        return "nobody"
    return "manager" if actor.role == "manager" else "staff"


def _served_by(supplier_id: int | None) -> Select[int]:
    """Ids of the clients that have devices of this supplier's products."""
    return (
        select(Device.organisation_id)
        .join(Product, Product.id == Device.product_id)
        .where(Product.supplier_id == supplier_id)
    )


def _managed_by(user_id: int | None) -> Select[int]:
    return select(Organisation.id).where(Organisation.manager_id == user_id)


def _within(actor: Actor, organisation: Any, permission: str) -> ColumnElement[bool]:
    """The condition that a row with this organisation column lies in the actor's circle."""
    where = circle(actor)
    if where in ("client", "contact"):
        return and_(organisation.is_not(None), organisation == actor.organisation_id)
    if where == "nobody" or not actor.can(permission):
        return false()
    if where == "supplier":
        return or_(organisation == actor.organisation_id, organisation.in_(_served_by(actor.organisation_id)))
    if where == "manager":
        return organisation.in_(_managed_by(actor.id))  # type: ignore[no-any-return]
    return true()


def readable_organisations(actor: Actor) -> Select[Organisation]:
    return select(Organisation).where(_within(actor, Organisation.id, "organisation.read"))


def readable_contacts(actor: Actor) -> Select[Contact]:
    if circle(actor) == "contact":
        return select(Contact).where(Contact.id == actor.id)
    return select(Contact).where(_within(actor, Contact.organisation_id, "contact.read"))


def readable_devices(actor: Actor) -> Select[Device]:
    """A supplier sees the devices of its own products only, not what else stands at the client."""
    if circle(actor) == "supplier":
        own = select(Product.id).where(Product.supplier_id == actor.organisation_id)
        allowed = or_(Device.product_id.in_(own), Device.organisation_id == actor.organisation_id)
        return select(Device).where(allowed if actor.can("contact.read") else false())
    return select(Device).where(_within(actor, Device.organisation_id, "contact.read"))


def readable_sites(actor: Actor) -> Select[Site]:
    """A supplier sees the places where devices of its own products stand."""
    if circle(actor) == "supplier":
        own = select(Device.site_id).join(Product, Product.id == Device.product_id)
        theirs = own.where(Product.supplier_id == actor.organisation_id, Device.site_id.is_not(None))
        allowed = or_(Site.id.in_(theirs), Site.organisation_id == actor.organisation_id)
        return select(Site).where(allowed if actor.can("organisation.read") else false())
    return select(Site).where(_within(actor, Site.organisation_id, "organisation.read"))


def readable_contracts(actor: Actor) -> Select[Contract]:
    """A supplier sees the contracts that it delivers or that cover one of its products; a single contact sees none."""
    where = circle(actor)
    if where == "contact":
        return select(Contract).where(false())
    if where == "supplier":
        own = select(Product.id).where(Product.supplier_id == actor.organisation_id)
        named = Contract.supplier_id == actor.organisation_id
        allowed = or_(named, and_(Contract.supplier_id.is_(None), Contract.product_id.in_(own)))
        return select(Contract).where(allowed if actor.can("organisation.read") else false())
    return select(Contract).where(_within(actor, Contract.organisation_id, "organisation.read"))


def readable_products(actor: Actor) -> Select[Product]:
    """The catalogue is no secret; the portal shows it to everybody."""
    return select(Product)


def _one(rows: Select[Row], column: Any, row_id: int) -> Row:
    if not 0 < row_id < 2**31:
        raise NotFound()
    found = session().scalars(rows.where(column == row_id)).one_or_none()
    if found is None:
        raise NotFound()
    return found


def access_organisation(actor: Actor, organisation_id: int) -> Organisation:
    """The company, when it is the actor's to see; raises NotFound."""
    return _one(readable_organisations(actor), Organisation.id, organisation_id)


def access_contact(actor: Actor, contact_id: int) -> Contact:
    """The contact as it stands, merged or not, when it is the actor's to see; raises NotFound."""
    return _one(readable_contacts(actor), Contact.id, contact_id)


def access_device(actor: Actor, device_id: int) -> Device:
    """The device, when it is the actor's to see; raises NotFound."""
    return _one(readable_devices(actor), Device.id, device_id)


def access_site(actor: Actor, site_id: int) -> Site:
    """The site, when it is the actor's to see; raises NotFound."""
    return _one(readable_sites(actor), Site.id, site_id)


def access_contract(actor: Actor, contract_id: int) -> Contract:
    """The contract, when it is the actor's to see; raises NotFound."""
    return _one(readable_contracts(actor), Contract.id, contract_id)


def access_product(actor: Actor, product_id: int) -> Product:
    """The product; raises NotFound."""
    return _one(readable_products(actor), Product.id, product_id)
