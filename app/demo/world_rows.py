"""The demo's world becomes rows: companies, people, products, machines, contracts. What is there already is used."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from app.core import accounts as logins
from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.directory.contacts import create_contact
from app.core.directory.contracts import create_contract
from app.core.directory.organisations import create_organisation, update_organisation
from app.core.directory.products import add_release, create_product
from app.core.directory.sites import create_site
from app.core.installed_base import Contract, Device, Site
from app.core.passwords import PasswordHash
from app.core.people import Contact, Identity, Organisation, Team, User
from app.core.permissions import SYSTEM, Actor
from app.demo import shapes, world
from app.demo.shapes import SupportAccount
from channels.accounts import add_account, find_account
from channels.models import Account


@dataclass
class World:
    """The rows by the names that the data uses: codes, logins, serials."""

    organisations: dict[str, Organisation] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    mails: dict[str, str] = field(default_factory=dict)

    def actor(self, login: str) -> Actor:
        """A member of staff as the first argument of what they did."""
        return self.users[login].actor("demo")

    def email(self, contact: str) -> str:
        """The mail address that a contact writes from."""
        return self.mails[contact]


def make_world(password: PasswordHash, contacts: Sequence[shapes.Contact] = world.CONTACTS) -> World:
    """Everything that a ticket may point to. `password` is for all logins. Call it in a unit of work."""
    rows, today = World(), now().date()
    _organisations(rows)
    _products(rows, today)
    _staff(rows, password)
    _places(rows, today)
    _people(rows, contacts)
    wanted: dict[SupportAccount, dict[str, str]] = {
        world.ACCOUNT: {"address": world.ACCOUNT.address, "name": world.ACCOUNT.name, "auto_reply": "yes"},
        world.CHAT: chat_settings(),
    }
    for a, given in wanted.items():
        rows.accounts[a.kind] = find_account(a.slug) or add_account(SYSTEM, a.kind, a.slug, given)
    session().flush()
    return rows


def chat_settings() -> dict[str, str]:
    """What the chat on the portal's own pages says first, in both languages."""
    return {
        "title": world.CHAT.name, "title_en": world.CHAT_NAME_EN,
        "welcome": world.CHAT_WELCOME, "welcome_en": world.CHAT_WELCOME_EN,
    }  # fmt: skip


def _there(column: InstrumentedAttribute[Any], value: Any) -> Any:
    return session().scalar(select(column.class_).where(column == value))


def _organisations(rows: World) -> None:
    for o in world.ORGANISATIONS:
        rows.organisations[o.code] = _there(Organisation.name, o.name) or create_organisation(
            SYSTEM, kind=o.kind, name=o.name, email_domains=[o.domain]
        )


def _products(rows: World, today: date) -> None:
    for p in world.PRODUCTS:
        product = _there(Product.code, p.code)
        if product is None:
            supplier = rows.organisations[p.organisation]
            product = create_product(
                SYSTEM, code=p.code, name=p.name, category=p.category,
                supplier_id=supplier.id if supplier.kind == "supplier" else None,
            )  # fmt: skip
            for release in p.releases:
                day = today - timedelta(days=release.released_days_ago)
                add_release(SYSTEM, product.id, name=release.version, released_on=day)
            session().refresh(product)
        rows.products[p.code] = product


def _staff(rows: World, password: PasswordHash) -> None:
    """Suppliers' and clients' people carry their company, which limits what they see; the platform's own do not."""
    for s in world.STAFF:
        company = rows.organisations[s.organisation]
        rows.users[s.login] = _there(User.name, s.login) or logins.create_user(
            SYSTEM, s.login, s.role, password=password, must_change=False, display_name=s.name,
            email=f"{s.login}@{next(o.domain for o in world.ORGANISATIONS if o.code == s.organisation)}",
            organisation_id=None if company.kind == "platform" else company.id,
        )  # fmt: skip
    for t in world.TEAMS:
        company = rows.organisations[t.organisation]
        team = _there(Team.name, t.name) or Team(
            name=t.name, line=t.line, organisation_id=None if company.kind == "platform" else company.id
        )
        session().add(team)
        leader = rows.users.get(world.LEADERS.get(t.code, ""))
        team.leader_id = team.leader_id or (leader.id if leader else None)
        for s in world.STAFF:
            if t.code in s.teams and rows.users[s.login] not in team.members:
                team.members.append(rows.users[s.login])
        rows.teams[t.code] = team
    session().flush()
    for o in world.ORGANISATIONS:
        if o.manager and rows.organisations[o.code].manager_id is None:
            update_organisation(SYSTEM, rows.organisations[o.code].id, manager_id=rows.users[o.manager].id)


def _places(rows: World, today: date) -> None:
    for s in world.SITES:
        owner = rows.organisations[s.organisation]
        there = select(Site).where(Site.organisation_id == owner.id, Site.name == s.name)
        rows.sites[s.code] = session().scalar(there) or create_site(
            SYSTEM, organisation_id=owner.id, name=s.name, address=s.address
        )
    known = {row.serial: row for row in session().scalars(select(Device))}
    for d in world.DEVICES:  # written at once: hundreds of entries in the trail would tell nobody anything
        site, product = rows.sites[d.site], rows.products[d.product]
        installed = today - timedelta(days=d.installed_days_ago)
        rows.devices[d.serial] = known.get(d.serial) or Device(
            organisation_id=site.organisation_id, product_id=product.id, serial=d.serial, site_id=site.id,
            release_id=next((r.id for r in product.releases if r.name == d.firmware), None), name=d.name,
            model=d.model, firmware=d.firmware, installed_on=installed,
            warranty_until=installed + timedelta(days=d.warranty_days),
        )  # fmt: skip
    session().add_all(rows.devices.values())
    session().flush()
    for c in world.CONTRACTS:
        if _there(Contract.number, c.code) is None:
            create_contract(
                SYSTEM, number=c.code, organisation_id=rows.organisations[c.organisation].id, level=c.level,
                starts_on=today - timedelta(days=c.starts_days_ago), ends_on=today + timedelta(days=c.ends_in_days),
            )  # fmt: skip


def _people(rows: World, contacts: Sequence[shapes.Contact]) -> None:
    for c in contacts:
        rows.mails[c.code] = next(i.value for i in c.identities if i.kind == "email")
        known = session().scalar(
            select(Contact).join(Identity, Identity.contact_id == Contact.id).where(
                Identity.kind == "email", Identity.value == rows.email(c.code)
            )
        )  # fmt: skip
        rows.contacts[c.code] = known or create_contact(
            SYSTEM, name=c.name, organisation_id=rows.organisations[c.organisation].id, title=c.title,
            language=c.language,
            identities=[{"kind": i.kind, "value": i.value, "verified": True} for i in c.identities],
        )  # fmt: skip
    for i in world.SHARED_IDENTITIES:
        if session().scalar(select(Identity.id).where(Identity.kind == i.kind, Identity.value == i.value)) is None:
            company = rows.organisations[i.organisation]
            session().add(
                Identity(kind=i.kind, value=i.value, shown=i.label, organisation_id=company.id, shared=True, verified=True)
            )
    for s in world.STAFF:
        if s.contact and rows.users[s.login].contact_id is None:
            rows.users[s.login].contact_id = rows.contacts[s.contact].id
