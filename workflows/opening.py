"""How tickets come into being."""

from sqlalchemy import select

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid
from app.core.events import record
from app.core.people import Contact
from app.core.permissions import Actor, require
from workflows.events import TicketOpened
from workflows.kinds import IMPACTS, KINDS, priority_of, time_to_solve
from workflows.models import Ticket, TicketConversation, TicketLink


def open_ticket(
    actor: Actor,
    *,
    subject: str,
    channel: str,
    contact: Contact | None = None,
    organisation_id: int | None = None,
    conversation_id: int | None = None,
    kind: str = "consult",
    impact: str = "none",
    product_id: int | None = None,
    device_id: int | None = None,
    counter_id: int | None = None,
    after: Ticket | None = None,
) -> Ticket:
    """Put a new ticket into the queue. `after` is the closed ticket whose late answer this is: the two are linked.

    Raises Invalid for an empty subject or an unknown kind or impact.
    """
    require(actor, "ticket.create")
    errors: dict[str, list[str]] = {}
    if not subject.strip():
        errors["subject"] = ["写一个标题。"]
    if kind not in KINDS:
        errors["kind"] = ["没有这个类别。"]
    if impact not in IMPACTS:
        errors["impact"] = ["选择影响程度。"]
    if errors:
        raise Invalid(errors=errors)
    priority = priority_of(kind, impact)
    ticket = Ticket(
        subject=subject.strip()[:300],
        channel=channel,
        contact=contact,
        organisation_id=organisation_id or (contact.organisation_id if contact else None),
        kind=kind,
        impact=impact,
        priority=priority,
        product_id=product_id,
        device_id=device_id,
        counter_id=counter_id,
        created_at=now(),
        due_at=now() + time_to_solve(priority),
        first_due_at=now() + time_to_solve(priority),
    )
    session().add(ticket)
    session().flush()
    if conversation_id is not None:
        session().add(TicketConversation(ticket_id=ticket.id, conversation_id=conversation_id))
    if after is not None:
        session().add(TicketLink(from_id=after.id, to_id=ticket.id, kind="successor"))
    note(actor, "ticket.opened", ticket, after=ticket.state, channel=channel)
    record(TicketOpened(ticket_id=ticket.id, version=ticket.version))
    return ticket


def copy_for_split(ticket: Ticket, actor: Actor, subject: str) -> Ticket:
    """A new ticket with the same person, company, product, device and conversations."""
    new = open_ticket(
        actor,
        subject=subject,
        channel=ticket.channel,
        contact=ticket.contact,
        organisation_id=ticket.organisation_id,
        kind=ticket.kind,
        impact=ticket.impact,
        product_id=ticket.product_id,
        device_id=ticket.device_id,
    )
    for conversation_id in session().scalars(
        select(TicketConversation.conversation_id).where(TicketConversation.ticket_id == ticket.id)
    ):
        session().add(TicketConversation(ticket_id=new.id, conversation_id=conversation_id))
    session().flush()
    return new
