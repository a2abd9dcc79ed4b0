"""What stands beside a ticket: who asks, from where, with which machines, what was before, and what it hangs together with."""

from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from app.core.clock import now
from app.core.db import session
from app.core.directory.access import readable_contacts, readable_devices
from app.core.directory.merging import family_ids, kept
from app.core.installed_base import Contract, Device
from app.core.people import Contact, Identity, Organisation, Team, User
from app.core.permissions import ROLES, Actor
from app.queries.directory import contacts_like
from app.queries.history import last_contacts
from channels.models import Account, Conversation, Message
from workflows.access import readable
from workflows.models import FollowUp, Ticket, TicketConversation, TicketLink, TicketMark

REPEAT_WITHIN = timedelta(days=7)
_RANK = {"gold": 0, "silver": 1, "basic": 2}


@dataclass(frozen=True)
class Repeat:
    """How many other tickets of this person, or of this device, came in the seven days before this one."""

    person: int
    device: int


@dataclass(frozen=True)
class Customer:
    """The person of a ticket and their surroundings. `others` are people of the company whom the agent may pick,
    `shared` is the address that only names the company. `last` are the newest words of other conversations."""

    contact: Contact | None
    identities: list[Identity] = field(default_factory=list)
    organisation: Organisation | None = None
    manager: User | None = None
    level: str | None = None
    devices: list[Device] = field(default_factory=list)
    recent: list[Ticket] = field(default_factory=list)
    repeat: Repeat = field(default=Repeat(0, 0))
    others: list[Contact] = field(default_factory=list)
    shared: Identity | None = None
    last: list[tuple[Message, Ticket | None]] = field(default_factory=list)


def customer_of(actor: Actor, ticket: Ticket) -> Customer:
    """Everything about the customer that the actor may read."""
    person = kept(ticket.contact) if ticket.contact else None
    ids = family_ids(person) if person else []
    identities = list(session().scalars(select(Identity).where(Identity.contact_id.in_(ids)).order_by(Identity.id)))
    company = ticket.organisation or (person.organisation if person else None)
    manager = session().get(User, company.manager_id) if company and company.manager_id else None
    return Customer(
        person,
        identities,
        company,
        manager,
        _level(ticket, company),
        _devices(actor, ticket, company),
        _recent(actor, ticket, ids),
        _repeat(actor, ticket, ids),
        people_of(actor, company, limit=6) if person is None and company is not None else [],
        _shared(ticket),
        last_contacts(actor, ticket, ids),
    )


def people_of(actor: Actor, company: Organisation, q: str = "", limit: int = 8) -> list[Contact]:
    """People of a company, those who wrote last first, or those with `q` in name, address or number."""
    rows = readable_contacts(actor).where(Contact.organisation_id == company.id, Contact.merged_into_id.is_(None))
    if q:
        rows = rows.where(contacts_like(q))
    spoke = select(func.max(Conversation.last_message_at)).where(Conversation.contact_id == Contact.id).scalar_subquery()
    rows = rows.options(selectinload(Contact.identities)).order_by(spoke.desc().nulls_last(), Contact.id).limit(limit)
    return list(session().scalars(rows))


def _shared(ticket: Ticket) -> Identity | None:
    """The shared address from which the ticket's newest conversation came."""
    rows = (
        select(Identity)
        .join(Conversation, Conversation.identity_id == Identity.id)
        .join(TicketConversation, TicketConversation.conversation_id == Conversation.id)
        .where(TicketConversation.ticket_id == ticket.id, Identity.shared.is_(True))
        .order_by(Conversation.id.desc())
    )
    return session().scalar(rows.limit(1))


def _level(ticket: Ticket, company: Organisation | None) -> str | None:
    """The best contract that covers this ticket's product today."""
    if company is None:
        return None
    today = now().date()
    rows = select(Contract.level).where(
        Contract.organisation_id == company.id,
        Contract.starts_on <= today,
        or_(Contract.ends_on.is_(None), Contract.ends_on >= today),
        or_(Contract.product_id.is_(None), Contract.product_id == ticket.product_id),
    )
    return min(session().scalars(rows), key=lambda level: _RANK.get(level, 9), default=None)


def _devices(actor: Actor, ticket: Ticket, company: Organisation | None, limit: int = 5) -> list[Device]:
    """The ticket's device first, then those of its product, then the newest others of the company."""
    if company is None and ticket.device_id is None:
        return []
    rows = (
        readable_devices(actor)
        .where(or_(Device.id == (ticket.device_id or -1), Device.organisation_id == (company.id if company else -1)))
        .options(joinedload(Device.site), joinedload(Device.product))
        .order_by(
            (Device.id == (ticket.device_id or -1)).desc(),
            (Device.product_id == (ticket.product_id or -1)).desc(),
            Device.id.desc(),
        )
    )
    return list(session().scalars(rows.limit(limit)))


def _recent(actor: Actor, ticket: Ticket, ids: list[int], limit: int = 5) -> list[Ticket]:
    if not ids:
        return []
    rows = select(Ticket).where(readable(actor), Ticket.contact_id.in_(ids), Ticket.id != ticket.id)
    return list(session().scalars(rows.order_by(Ticket.id.desc()).limit(limit)))


def _repeat(actor: Actor, ticket: Ticket, ids: list[int]) -> Repeat:
    if not ids and ticket.device_id is None:
        return Repeat(0, 0)
    person = Ticket.contact_id.in_(ids or [-1])
    device = and_(Ticket.device_id.is_not(None), Ticket.device_id == (ticket.device_id or -1))
    row = session().execute(
        select(func.count().filter(person), func.count().filter(device))
        .select_from(Ticket)
        .where(
            readable(actor),
            or_(person, device),
            Ticket.id < ticket.id,
            Ticket.state.not_in(("merged", "cancelled")),
            Ticket.created_at >= ticket.created_at - REPEAT_WITHIN,
        )
    ).one()
    return Repeat(row[0], row[1])


@dataclass(frozen=True)
class Line:
    """A conversation through which the customer of a ticket can be answered, and to whom it goes."""

    conversation: Conversation
    account: Account
    to_name: str
    to_address: str


def lines_of(ticket: Ticket) -> list[Line]:
    """The conversations of a ticket that can be answered, the one that spoke last first."""
    rows = (
        select(Conversation)
        .join(TicketConversation, TicketConversation.conversation_id == Conversation.id)
        .where(TicketConversation.ticket_id == ticket.id)
        .options(joinedload(Conversation.account), joinedload(Conversation.identity), joinedload(Conversation.contact))
        .order_by(Conversation.last_message_at.desc(), Conversation.id.desc())
    )
    found = list(session().scalars(rows))
    newest = (
        select(Message.conversation_id, func.max(Message.id).label("id"))
        .where(
            Message.conversation_id.in_([c.id for c in found]),
            Message.direction == "in",
            Message.is_bounce.is_(False),
            Message.is_auto.is_(False),
        )
        .group_by(Message.conversation_id)
        .subquery()
    )
    last = {m.conversation_id: m for m in session().scalars(select(Message).join(newest, Message.id == newest.c.id))}
    lines = []
    for conversation in found:
        said = last.get(conversation.id)
        address = (said.to_address if said else None) or (conversation.identity.label if conversation.identity else "")
        name = (conversation.contact.name if conversation.contact else "") or (said.author_name if said else "")
        if address and conversation.account.active:
            lines.append(Line(conversation, conversation.account, name, address))
    return lines


@dataclass(frozen=True)
class Linked:
    """Another ticket that this one hangs together with; `how`: split_from, split_into, successor_of, followed_by, merged_here."""

    how: str
    ticket: Ticket


def linked_tickets(actor: Actor, ticket: Ticket) -> list[Linked]:
    """Tickets split off, continued, or merged into this one, as far as the actor may read them."""
    links = session().execute(
        select(TicketLink.from_id, TicketLink.to_id, TicketLink.kind).where(
            or_(TicketLink.from_id == ticket.id, TicketLink.to_id == ticket.id)
        )
    )
    hows = {
        (to_id if from_id == ticket.id else from_id): {
            ("split", True): "split_into",
            ("split", False): "split_from",
            ("successor", True): "followed_by",
            ("successor", False): "successor_of",
        }[(kind, from_id == ticket.id)]
        for from_id, to_id, kind in links
    }
    rows = select(Ticket).where(readable(actor), or_(Ticket.id.in_(hows), Ticket.merged_into_id == ticket.id))
    return [Linked(hows.get(found.id, "merged_here"), found) for found in session().scalars(rows.order_by(Ticket.id))]


def open_marks(ticket: Ticket) -> list[TicketMark]:
    """Extensions that wait for a decision and supervisions that still run, oldest first."""
    rows = select(TicketMark).where(
        TicketMark.ticket_id == ticket.id, TicketMark.kind.in_(("extend", "supervise")), TicketMark.decision == "asked"
    )
    return list(session().scalars(rows.order_by(TicketMark.id)))


def last_follow_up(ticket: Ticket) -> FollowUp | None:
    rows = select(FollowUp).where(FollowUp.ticket_id == ticket.id).order_by(FollowUp.id.desc())
    return session().scalar(rows.limit(1))


def workers() -> list[User]:
    """Everybody who may work on tickets, with their teams, by name."""
    roles = [role for role, (_, permissions) in ROLES.items() if "ticket.work" in permissions]
    rows = select(User).where(User.active.is_(True), User.role.in_(roles)).options(selectinload(User.teams))
    return list(session().scalars(rows.order_by(User.display_name, User.id)))


def teams() -> list[Team]:
    return list(session().scalars(select(Team).order_by(Team.line, Team.name)))


def open_of_same_customer(actor: Actor, ticket: Ticket, limit: int = 8) -> list[Ticket]:
    """Open tickets that this one may belong to: same person or company, newest first."""
    same = or_(
        and_(Ticket.contact_id.is_not(None), Ticket.contact_id == (ticket.contact_id or -1)),
        and_(Ticket.organisation_id.is_not(None), Ticket.organisation_id == (ticket.organisation_id or -1)),
    )
    rows = select(Ticket).where(
        readable(actor), same, Ticket.id != ticket.id, Ticket.state.not_in(("closed", "cancelled", "merged"))
    )
    return list(session().scalars(rows.order_by((Ticket.contact_id == (ticket.contact_id or -1)).desc(), Ticket.id.desc()).limit(limit)))
