"""Tickets, orders and what was said, as the API shows them. Lists take a fixed number of statements for any length."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from marshmallow import fields
from sqlalchemy.orm import joinedload, selectinload

from app.api.fields import Answer, Moment, Named, ProductRef
from app.core.people import Contact
from app.core.permissions import Actor
from app.core.text import unpack
from app.queries.messages import Said
from channels.models import Message
from workflows.kinds import IMPACTS, KINDS
from workflows.models import Ticket
from workflows.order_access import may_know_customer
from workflows.order_kinds import EVIDENCE, VISIT_RESULTS, WARRANTIES, WORKS
from workflows.order_links import counted
from workflows.orders import ORDER
from workflows.orders_models import OrderEvidence, ServiceOrder, Visit
from workflows.tickets import TICKET


class HoldAnswer(Answer):
    """Who or what is waited for, why, and until when."""

    party = fields.String(required=True)
    reason = fields.String(required=True)
    until = Moment(required=True)


class TicketDue(Answer):
    """When it should be solved, and when that was first promised."""

    resolve = Moment(required=True)
    promised = Moment(required=True)


class TicketAnswer(Answer):
    """One issue. `actions` are the steps that you could take now; `hold` is null unless somebody is waited for."""

    number = fields.Integer(required=True)
    subject = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": list(TICKET.states)})
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    impact = fields.String(required=True, metadata={"enum": list(IMPACTS)})
    priority = fields.String(required=True)
    product = fields.Nested(ProductRef, required=True, allow_none=True)
    contact = fields.Nested(Named, required=True, allow_none=True)
    organisation = fields.Nested(Named, required=True, allow_none=True)
    assignee = fields.Nested(Named, required=True, allow_none=True)
    team = fields.Nested(Named, required=True, allow_none=True)
    channel = fields.String(required=True)
    hold = fields.Nested(HoldAnswer, required=True, allow_none=True)
    created_at = Moment(required=True)
    restored_at = Moment(required=True, allow_none=True)
    resolved_at = Moment(required=True, allow_none=True)
    closed_at = Moment(required=True, allow_none=True)
    due = fields.Nested(TicketDue, required=True)
    actions = fields.List(fields.String(), required=True)
    version = fields.Integer(required=True)


class WindowAnswer(Answer):
    """When somebody comes."""

    begin = Moment(data_key="from", required=True)
    end = Moment(data_key="to", required=True)


class VisitAnswer(Answer):
    """One trip to the customer."""

    id = fields.Integer(required=True)
    technician = fields.Nested(Named, required=True, allow_none=True)
    departed_at = Moment(required=True, allow_none=True)
    arrived_at = Moment(required=True, allow_none=True)
    left_at = Moment(required=True, allow_none=True)
    place = fields.String(required=True)
    result = fields.String(required=True, allow_none=True, metadata={"enum": [*VISIT_RESULTS, "cancelled", None]})
    remark = fields.String(required=True)
    wasted = fields.Boolean(required=True)
    round = fields.Integer(required=True)


class FileAnswer(Answer):
    """A file; fetch it at /files/{id}."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    size = fields.Integer(required=True)


class EvidenceAnswer(Answer):
    """What shows that work was done. `round` counts reworks: only the present one's counts for a delivery."""

    id = fields.Integer(required=True)
    kind = fields.String(required=True, metadata={"enum": list(EVIDENCE)})
    text = fields.String(required=True)
    file = fields.Nested(FileAnswer, required=True, allow_none=True)
    place = fields.String(required=True)
    by = fields.String(required=True)
    at = Moment(required=True)
    round = fields.Integer(required=True)


class DeviceRef(Answer):
    """A machine by id and serial number."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    serial = fields.String(required=True)


class OrderDue(Answer):
    """When it is to be accepted and finished, and when that was first promised."""

    accept = Moment(required=True)
    finish = Moment(required=True)
    promised = Moment(required=True)


class OrderAnswer(Answer):
    """Work that a supplier, or the platform itself, owes to a ticket. A supplier reads the customer's name once it has
    accepted."""

    number = fields.Integer(required=True)
    ticket = fields.Integer(required=True, metadata={"description": "number of the ticket"})
    subject = fields.String(required=True)
    brief = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": list(ORDER.states)})
    work = fields.String(required=True, metadata={"enum": list(WORKS)})
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    impact = fields.String(required=True, metadata={"enum": list(IMPACTS)})
    priority = fields.String(required=True)
    product = fields.Nested(ProductRef, required=True, allow_none=True)
    device = fields.Nested(DeviceRef, required=True, allow_none=True)
    contact = fields.Nested(Named, required=True, allow_none=True)
    organisation = fields.Nested(Named, required=True, allow_none=True)
    supplier = fields.Nested(Named, required=True, allow_none=True)
    technician = fields.Nested(Named, required=True, allow_none=True)
    window = fields.Nested(WindowAnswer, required=True, allow_none=True)
    place = fields.String(required=True)
    warranty = fields.String(required=True, metadata={"enum": list(WARRANTIES)})
    quote = fields.String(required=True, metadata={"enum": ["", "asked", "confirmed", "refused"]})
    visits = fields.List(fields.Nested(VisitAnswer), required=True)
    evidence = fields.List(fields.Nested(EvidenceAnswer), required=True)
    solution = fields.String(required=True, allow_none=True)
    reworks = fields.Integer(required=True)
    cancelling = fields.Boolean(required=True)
    hold = fields.Nested(HoldAnswer, required=True, allow_none=True)
    created_at = Moment(required=True)
    accepted_at = Moment(required=True, allow_none=True)
    delivered_at = Moment(required=True, allow_none=True)
    closed_at = Moment(required=True, allow_none=True)
    due = fields.Nested(OrderDue, required=True)
    actions = fields.List(fields.String(), required=True)
    version = fields.Integer(required=True)


class AuthorAnswer(Answer):
    """Who wrote it."""

    type = fields.String(required=True, metadata={"enum": ["contact", "agent", "system"]})
    name = fields.String(required=True)


class TitleAnswer(Answer):
    """An article by id and title."""

    id = fields.Integer(required=True)
    title = fields.String(required=True)


class MessageAnswer(Answer):
    """A message, or with `note` a note for colleagues, whose ids are counted apart. `state` is received, or what became
    of one of ours: queued, sending, sent, failed, undecided, withdrawn, held (until the customer writes again), with
    `error` saying why. `details` hold what the kind of message has beside its words (docs/channels.md)."""

    id = fields.Integer(required=True)
    note = fields.Boolean(required=True)
    direction = fields.String(required=True, allow_none=True, metadata={"enum": ["in", "out", None]})
    author = fields.Nested(AuthorAnswer, required=True)
    text = fields.String(required=True)
    conversation = fields.Integer(required=True, allow_none=True)
    channel = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, allow_none=True)
    error = fields.String(required=True, allow_none=True)
    kind = fields.String(required=True)
    details = fields.Dict(keys=fields.String(), required=True)
    delivered_at = Moment(required=True, allow_none=True)
    seen_at = Moment(required=True, allow_none=True)
    articles = fields.List(fields.Nested(TitleAnswer), required=True)
    files = fields.List(fields.Nested(FileAnswer), required=True)
    created_at = Moment(required=True)


def ticket_parts() -> Sequence[Any]:
    return (
        joinedload(Ticket.contact).selectinload(Contact.identities),
        joinedload(Ticket.organisation),
        joinedload(Ticket.product),
        joinedload(Ticket.assignee),
        joinedload(Ticket.team),
    )


def order_parts() -> Sequence[Any]:
    return (
        joinedload(ServiceOrder.ticket).joinedload(Ticket.contact).selectinload(Contact.identities),
        joinedload(ServiceOrder.ticket).joinedload(Ticket.organisation),
        joinedload(ServiceOrder.device),
        joinedload(ServiceOrder.product),
        joinedload(ServiceOrder.supplier),
        joinedload(ServiceOrder.technician),
        joinedload(ServiceOrder.other),
        selectinload(ServiceOrder.visits).joinedload(Visit.technician),
        selectinload(ServiceOrder.evidence).joinedload(OrderEvidence.file),
    )


def ticket_cards(actor: Actor, tickets: Sequence[Ticket]) -> list[dict[str, Any]]:
    """Tickets with the steps that this actor may take."""
    with counted(tickets):
        return [_ticket(actor, ticket) for ticket in tickets]


def ticket_card(actor: Actor, ticket: Ticket) -> dict[str, Any]:
    return ticket_cards(actor, [ticket])[0]


def _ticket(actor: Actor, ticket: Ticket) -> dict[str, Any]:
    plain = ("number", "subject", "state", "kind", "impact", "priority", "product", "organisation", "team", "channel",
             "created_at", "restored_at", "resolved_at", "closed_at", "version")  # fmt: skip
    return {
        **{name: getattr(ticket, name) for name in plain},
        "contact": named(ticket.contact),
        "assignee": named(ticket.assignee),
        "hold": hold_of(ticket),
        "due": {"resolve": ticket.due_at, "promised": ticket.first_due_at},
        "actions": [step.name for step in TICKET.offers(ticket, actor)],
    }


def named(row: Any) -> dict[str, Any] | None:
    """Another row by id and by the name that people know it by."""
    return {"id": row.id, "name": row.label} if row is not None else None


def hold_of(item: Any) -> dict[str, Any] | None:
    if not item.held:
        return None
    return {"party": item.hold_party, "reason": item.hold_reason or "", "until": item.hold_until}


def order_card(actor: Actor, order: ServiceOrder) -> dict[str, Any]:
    """An order with the steps that this actor may take."""
    ticket, contact = order.ticket, named(order.ticket.contact)
    if contact is not None and not may_know_customer(order, actor):
        contact["name"] = f"{contact['name'][:1]}**"
    plain = ("number", "subject", "brief", "state", "work", "priority", "product", "device", "supplier", "place", "warranty",
             "quote", "evidence", "solution", "reworks", "cancelling", "created_at", "accepted_at", "delivered_at",
             "closed_at", "version")  # fmt: skip
    window = {"begin": order.window_from, "end": order.window_to} if order.window_from else None
    return {
        **{name: getattr(order, name) for name in plain},
        "ticket": ticket.number,
        "kind": ticket.kind,
        "impact": ticket.impact,
        "contact": contact,
        "organisation": ticket.organisation,
        "technician": named(order.technician),
        "window": window,
        "visits": [visit_card(visit) for visit in order.visits],
        "hold": hold_of(order),
        "due": {"accept": order.accept_due_at, "finish": order.due_at, "promised": order.first_due_at},
        "actions": [step.name for step in ORDER.offers(order, actor)],
    }


def visit_card(visit: Visit) -> dict[str, Any]:
    plain = ("id", "departed_at", "arrived_at", "left_at", "place", "result", "remark", "wasted", "round")
    return {**{name: getattr(visit, name) for name in plain}, "technician": named(visit.technician)}


def message_card(said: Said) -> dict[str, Any]:
    """A message or note."""
    if said.note is not None:
        return {
            "id": said.note.id, "note": True, "direction": None, "author": {"type": "agent", "name": said.note.author},
            "text": said.note.text, "conversation": None, "channel": None, "state": None, "articles": (), "files": (),
            "created_at": said.note.at, "error": None, "kind": "note", "details": {}, "delivered_at": None, "seen_at": None,
        }  # fmt: skip
    message = said.message
    assert message is not None
    kind = {"user": "agent", "system": "system"}.get(message.author_kind, "contact")
    recalled = message.direction == "in" and message.meta.get("recalled") is True
    return {
        "id": message.id, "note": False, "direction": message.direction,
        "author": {"type": kind, "name": message.author_name}, "text": "" if recalled else message.visible_text,
        "kind": "recalled" if recalled else message.kind, "details": {} if recalled else _details(message),
        "error": unpack(message.error, _) if message.error else None, "seen_at": message.seen_at,
        "delivered_at": _moment(message.meta.get("delivered_at")),
        "conversation": message.conversation_id, "channel": message.conversation.account.kind, "state": message.state,
        "articles": said.articles, "files": () if recalled else said.files, "created_at": message.created_at,
    }  # fmt: skip


TOLD = frozenset("seconds lat lng label scale title description text url item head items tail parts outcome direction wait number".split())
"""What of a message's details is for the API's readers; the rest is the house's own."""


def _details(message: Message) -> dict[str, Any]:
    return {name: value for name, value in message.meta.items() if name in TOLD}


def _moment(given: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(given) if isinstance(given, str) else None
    except ValueError:
        return None
