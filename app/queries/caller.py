"""Who is on the telephone: everything that the screen shows before they have said a word."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import defer, joinedload

from app.core.clock import now
from app.core.db import session
from app.core.directory.access import readable_devices, readable_organisations
from app.core.directory.merging import family_ids, kept
from app.core.installed_base import Contract, Device
from app.core.people import Contact, Identity, Organisation, User
from app.core.permissions import Actor
from app.queries import history, ticket_page
from app.queries.calls import AT, readable_call, started
from channels.calls.models import Call
from channels.models import Account, Conversation, Message, Session
from workflows.access import readable
from workflows.call_access import readable_call_tasks
from workflows.call_models import CallTask
from workflows.models import Ticket, TicketConversation

AGAIN_WITHIN = timedelta(days=3)
_RANK = {"gold": 0, "silver": 1, "basic": 2}


@dataclass(frozen=True)
class Caller:
    """The person of a call, as far as the actor may know. `shared`: the number names the company only; then `people` are
    those to pick from. `times`: the how-many-th contact within three days this is, on any channel. `known`: the number
    was met before this call."""

    contact: Contact | None = None
    identity: Identity | None = None
    organisation: Organisation | None = None
    manager: User | None = None
    level: str | None = None
    shared: bool = False
    known: bool = False
    people: list[Contact] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    last: list[tuple[Message, Ticket | None]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    tasks: list[CallTask] = field(default_factory=list)
    times: int = 1


def caller_of(actor: Actor, call: Call) -> Caller:
    """Everything about whoever is on the line; a dozen small statements, none over more than their own rows."""
    person = kept(call.contact) if call.contact is not None else None
    family = family_ids(person) if person else []
    company_id = call.organisation_id or (person.organisation_id if person else None)
    company = None
    if company_id is not None:
        company = session().scalar(readable_organisations(actor).where(Organisation.id == company_id))
    shared = bool(call.identity and call.identity.shared)
    earlier = _calls(actor, call, family)
    return Caller(
        contact=person,
        identity=call.identity,
        organisation=company,
        manager=session().get(User, company.manager_id) if company and company.manager_id else None,
        level=_level(company),
        shared=shared,
        known=bool(earlier) or bool(person and (person.name or person.organisation_id)),
        people=ticket_page.people_of(actor, company, limit=6) if company is not None and (shared or person is None) else [],
        tickets=_open_tickets(actor, family, company if person is None else None),
        devices=_devices(actor, company),
        last=_last(actor, call, family),
        calls=earlier[:3],
        tasks=_tasks(actor, family, call.number),
        times=_times(call, family),
    )


def _level(company: Organisation | None) -> str | None:
    """The best contract of the company today."""
    if company is None:
        return None
    today = now().date()
    rows = select(Contract.level).where(
        Contract.organisation_id == company.id, Contract.starts_on <= today,
        or_(Contract.ends_on.is_(None), Contract.ends_on >= today),
    )  # fmt: skip
    return min(session().scalars(rows), key=lambda level: _RANK.get(level, 9), default=None)


def _open_tickets(actor: Actor, family: list[int], company: Organisation | None, limit: int = 4) -> list[Ticket]:
    """Open tickets of the person; of the company where nobody knows who it is."""
    if not family and company is None:
        return []
    whose = Ticket.contact_id.in_(family) if family else Ticket.organisation_id == (company.id if company else -1)
    rows = select(Ticket).where(readable(actor), whose, Ticket.state.not_in(("closed", "cancelled", "merged")))
    return list(session().scalars(rows.options(joinedload(Ticket.product)).order_by(Ticket.touched_at.desc(), Ticket.id.desc()).limit(limit)))


def _devices(actor: Actor, company: Organisation | None, limit: int = 3) -> list[Device]:
    """The company's machines, those that tickets were about last before the others."""
    if company is None:
        return []
    last = select(func.max(Ticket.id)).where(Ticket.device_id == Device.id).scalar_subquery()
    rows = readable_devices(actor).where(Device.organisation_id == company.id)
    rows = rows.options(joinedload(Device.product), joinedload(Device.site))
    return list(session().scalars(rows.order_by(last.desc().nulls_last(), Device.id.desc()).limit(limit)))


def _last(actor: Actor, call: Call, family: list[int], limit: int = 3) -> list[tuple[Message, Ticket | None]]:
    """The newest word of the customer in each of their conversations, on any channel but this call."""
    if not family:
        return []
    newest = (
        select(func.max(Message.id))
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            history.conversations(actor, family), Message.direction == "in", Message.kind != "call",
            Message.is_auto.is_(False), Message.is_bounce.is_(False),
        )
        .group_by(Message.conversation_id)
    )  # fmt: skip
    rows = (
        select(Message)
        .where(Message.id.in_(newest))
        .options(defer(Message.html), joinedload(Message.conversation).joinedload(Conversation.account))
        .order_by(Message.created_at.desc(), Message.id.desc())
        .limit(limit)
    )
    found = list(session().scalars(rows))
    known = history.tickets_of(actor, {m.conversation_id for m in found})
    return [(m, known.get(m.conversation_id)) for m in found]


def _same(call: Call, family: list[int]) -> ColumnElement[bool]:
    """The condition on Call for the same person; where nobody knows who it is, for the same number."""
    if family:
        return Call.contact_id.in_(family)
    return and_(Call.number == call.number, Call.number != "")


def _calls(actor: Actor, call: Call, family: list[int]) -> list[Call]:
    rows = select(Call).where(readable_call(actor), _same(call, family), Call.id != call.id, AT <= started(call))
    return list(session().scalars(rows.options(joinedload(Call.user)).order_by(AT.desc(), Call.id.desc()).limit(4)))


def _tasks(actor: Actor, family: list[int], number: str) -> list[CallTask]:
    """What somebody is to be called about: it can be said now."""
    same: list[ColumnElement[bool]] = [CallTask.contact_id.in_(family)] if family else []
    if number:
        same.append(CallTask.number == number)
    if not same:
        return []
    rows = readable_call_tasks(actor).where(CallTask.open_key.is_not(None), or_(*same))
    return list(session().scalars(rows.order_by(CallTask.due_at, CallTask.id).limit(5)))


def _times(call: Call, family: list[int]) -> int:
    """The how-many-th contact of this person within three days: calls, stretches of talk on other channels, and
    requests that were written down by hand."""
    until: datetime = started(call)
    since = until - AGAIN_WITHIN
    rang = select(func.count()).select_from(Call).where(
        _same(call, family), Call.direction == "inbound", Call.id != call.id, AT >= since, AT < until
    )  # fmt: skip
    total = 1 + (session().scalar(rang) or 0)
    if not family:
        return total
    talked = (
        select(func.count())
        .select_from(Session)
        .join(Conversation, Conversation.id == Session.conversation_id)
        .join(Account, Account.id == Session.account_id)
        .where(
            Conversation.contact_id.in_(family), Account.kind != "calls", Session.inbound > 0,
            Session.started_at >= since, Session.started_at < until,
        )
    )  # fmt: skip
    linked = select(TicketConversation.id).where(TicketConversation.ticket_id == Ticket.id).exists()
    noted = select(func.count()).select_from(Ticket).where(
        Ticket.contact_id.in_(family), Ticket.channel.in_(("walk_in", "other", "calls")), ~linked,
        Ticket.created_at >= since, Ticket.created_at < until,
    )  # fmt: skip
    return total + (session().scalar(talked) or 0) + (session().scalar(noted) or 0)
