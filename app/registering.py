"""Writing down a request for a customer: who asks, what they said, and the ticket, in one go. The API uses it."""

import uuid
from collections.abc import Mapping
from typing import Any

from app.core.db import session
from app.core.directory.access import access_contact, access_device, access_organisation, access_product, circle
from app.core.directory.contacts import create_contact
from app.core.directory.identities import add_identity, find_identity, find_or_create_contact
from app.core.directory.merging import kept
from app.core.directory.organisations import organisation_of_email
from app.core.errors import Invalid, NotFound
from app.core.installed_base import Device
from app.core.people import IDENTITY_KINDS, Contact, Identity, User
from app.core.permissions import SYSTEM, Actor
from channels.base import Inbound, Sender
from channels.models import Message
from channels.portal import portal_account
from channels.receiving import receive
from workflows import service
from workflows.access import readable_tickets
from workflows.models import Ticket
from workflows.opening import open_ticket

CHANNEL = OPENED_HERE = "api"
"""The channel of such a ticket, and why its first message is in its conversation: nobody has to find a ticket for it."""
WRITTEN_DOWN = "desk"
"""The same for words that a colleague took down from somebody at the telephone or at the counter."""

LONGEST = 20_000
LOOKED_UP = ("email", "phone", *(kind for kind in IDENTITY_KINDS if kind not in ("email", "phone")))


def register(
    actor: Actor,
    *,
    subject: str,
    text: str = "",
    contact: Mapping[str, Any] | None = None,
    kind: str = "consult",
    impact: str = "none",
    product_id: int | None = None,
    device_id: int | None = None,
) -> Ticket:
    """Open a ticket with the customer's words as its first message, so that it can be answered.

    `contact` holds `id`, or an address by its kind (email, phone …) with `name` and `organisation`; an address that is
    known finds its owner. A client's own people may leave it out. Raises Invalid with the field that is wrong.
    """
    person, identity = _who(actor, contact)
    device = _device(actor, device_id)
    if product_id is not None:
        _product(actor, product_id)
    company = device.organisation_id if device else person.organisation_id if person else None
    if company is None and identity is not None:
        company = identity.organisation_id
    own = actor.organisation_id if circle(actor) == "client" else None
    message = _said(identity, person, subject, text.strip() or subject)
    ticket = open_ticket(
        actor,
        subject=subject,
        channel=CHANNEL,
        contact=person,
        organisation_id=own or company,
        conversation_id=message.conversation_id if message else None,
        kind=kind,
        impact=impact,
        product_id=product_id or (device.product_id if device else None),
        device_id=device.id if device else None,
    )
    if message is not None:
        message.conversation.token = str(ticket.number)
    elif text.strip():
        service.add_note(SYSTEM, ticket, f"{actor.name}：{text.strip()}")  # data
    session().flush()
    if session().scalar(readable_tickets(actor).where(Ticket.id == ticket.id)) is None:
        raise Invalid.of("product", "选择自己企业的产品，否则登记之后看不到这张工单。")
    return ticket


def _who(actor: Actor, given: Mapping[str, Any] | None) -> tuple[Contact | None, Identity | None]:
    """The person who asks, and the address by which they are answered."""
    own = given is None
    given = _caller(actor) if given is None else given
    if "id" in given:
        try:
            person = kept(access_contact(actor, given["id"]))
        except NotFound:
            raise Invalid.of("contact", "没有这位联系人。") from None
        ways = sorted(person.identities, key=lambda i: (LOOKED_UP.index(i.kind), i.id))
        return person, ways[0] if ways else None
    addresses = [(kind, given[kind]) for kind in LOOKED_UP if given.get(kind)]
    company = _company(actor, given.get("organisation"))
    name = str(given.get("name") or "")
    if not addresses:
        if not name or not actor.can("contact.edit"):
            raise Invalid.of("contact", "写下联系人的邮箱或电话。")
        return create_contact(actor, name=name, organisation_id=company), None
    known = [found for kind, value in addresses if (found := _known(kind, value)) is not None]
    if known:
        return _owner(actor, known[0], name)
    (first, value), *more = addresses
    _check_domain(actor, addresses)
    doubted = circle(actor) != "staff"  # whoever names somebody else's address proves nothing
    if circle(actor) == "client" and not own and not _of_company(company, addresses):
        company = None  # the ticket is theirs, the person not yet: what they write elsewhere is not for this company
    person_, identity = find_or_create_contact(
        actor, first, value, name=name[:120], organisation_id=company, suspect=doubted
    )
    for kind, other in more:
        if person_ is not None:
            added = add_identity(SYSTEM, person_.id, kind=kind, value=other)
            added.suspect = added.suspect or doubted
    return person_, identity


def _of_company(company: int | None, addresses: list[tuple[str, str]]) -> bool:
    """Whether one of the addresses is a mail address of the company's own domain."""
    return company is not None and any(kind == "email" and organisation_of_email(value) == company for kind, value in addresses)


def _caller(actor: Actor) -> Mapping[str, Any]:
    """A client's administrator who names nobody asks for themselves."""
    user = session().get(User, actor.id) if circle(actor) == "client" and actor.kind == "user" else None
    if user is None:
        raise Invalid.of("contact", "写下联系人的邮箱或电话。")
    if user.contact_id is not None:
        return {"id": user.contact_id}
    if user.email:
        return {"email": user.email, "name": user.label}
    raise Invalid.of("contact", "写下联系人的邮箱或电话。")


def _known(kind: str, value: str) -> Identity | None:
    try:
        return find_identity(kind, value)
    except Invalid as problem:
        raise Invalid(errors={f"contact.{kind}": problem.errors.get("value", [problem.message])}) from None


def _owner(actor: Actor, identity: Identity, name: str) -> tuple[Contact | None, Identity]:
    """Whom a known address belongs to. Someone else's customer stays unknown to a company's own people."""
    doubted = circle(actor) != "staff"
    person, identity = find_or_create_contact(actor, identity.kind, identity.value, name=name[:120], suspect=doubted)
    try:
        if person is not None and not _asked_here(actor, person):
            access_contact(actor, person.id)
        elif identity.organisation_id is not None and circle(actor) != "staff":
            access_organisation(actor, identity.organisation_id)
    except NotFound:
        raise Invalid.of("contact", "这位联系人不在你能看到的范围里，请交给服务台登记。") from None
    return person, identity


def _asked_here(actor: Actor, person: Contact) -> bool:
    """Whether a company's own people named this person before."""
    if circle(actor) != "client" or person.organisation_id is not None:
        return False
    return session().scalar(readable_tickets(actor).where(Ticket.contact_id == person.id).limit(1)) is not None


def _company(actor: Actor, given: int | None) -> int | None:
    if circle(actor) == "client":
        return actor.organisation_id
    if given is None:
        return None
    try:
        return access_organisation(actor, given).id
    except NotFound:
        raise Invalid.of("contact", "没有这家企业。") from None


def _check_domain(actor: Actor, addresses: list[tuple[str, str]]) -> None:
    """Nobody draws another company's people into their own by writing down their address first."""
    if circle(actor) == "staff":
        return
    for kind, value in addresses:
        company = organisation_of_email(value) if kind == "email" else None
        if company is not None and company != actor.organisation_id:
            raise Invalid.of("contact", "这位联系人不在你能看到的范围里，请交给服务台登记。")


def _device(actor: Actor, device_id: int | None) -> Device | None:
    try:
        return access_device(actor, device_id) if device_id is not None else None
    except NotFound:
        raise Invalid.of("device", "没有这台设备。") from None


def _product(actor: Actor, product_id: int) -> None:
    try:
        found = access_product(actor, product_id)
    except NotFound:
        raise Invalid.of("product", "没有这个产品。") from None
    if not found.active:
        raise Invalid.of("product", "没有这个产品。")


def _said(identity: Identity | None, person: Contact | None, subject: str, words: str) -> Message | None:
    """The customer's words as the first message of a conversation that can be answered; None without any address."""
    if identity is None or not subject.strip():
        return None
    message = receive(
        portal_account(),
        Inbound(
            external_id=f"{CHANNEL}.{uuid.uuid4().hex}",
            sender=Sender(identity.kind, identity.value, person.name if person else ""),
            subject=subject.strip()[:300],
            text=words,
            visible_text=words,
            reply_to=identity.value if identity.kind == "email" else None,
        ),
    )
    if message is not None:
        message.placed = OPENED_HERE
    return message
