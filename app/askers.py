"""Who asks on a ticket: chosen by a person where the channel could only name the company, and taken back as easily.

Ticket and conversations live in two domains, so the choice is made here, over both. Pages and the API use it alike.
"""

from sqlalchemy import or_, select

from app.core.audit import note
from app.core.db import session
from app.core.directory import contacts
from app.core.directory.access import access_contact
from app.core.directory.merging import kept
from app.core.errors import Invalid
from app.core.people import Contact, Identity
from app.core.permissions import Actor, require
from channels.models import Conversation
from workflows import service
from workflows.models import Ticket, TicketConversation


def set_asker(actor: Actor, ticket: Ticket, contact: Contact | None) -> None:
    """Say who asks, or with None that nobody knows yet. The ticket takes the person, and with it its conversations
    from shared or unknown addresses; an address that belongs to one person keeps its own.

    Raises Invalid for somebody of another company than the ticket's.
    """
    require(actor, "ticket.work")
    person = kept(contact) if contact is not None else None
    if person is not None and ticket.organisation_id and person.organisation_id not in (None, ticket.organisation_id):
        raise Invalid.of("contact", "这个人不是这家企业的。")
    for conversation in _open_conversations(ticket):
        if conversation.contact_id == (person.id if person else None):
            continue
        before = conversation.contact_id
        conversation.contact_id = person.id if person else None
        session().flush()
        note(actor, "conversation.contact_set", conversation, before=before, after=conversation.contact_id, ticket=ticket.id)
    if ticket.contact_id != (person.id if person else None):
        service.set_contact(actor, ticket, person)
    else:
        service.changed(ticket)


def add_asker(actor: Actor, ticket: Ticket, name: str) -> Contact:
    """A new person of the ticket's company, who asks. Raises Invalid without a name."""
    if not name.strip():
        raise Invalid.of("name", "请填写姓名，或至少一个联系方式。")
    made = contacts.create_contact(actor, name=name, organisation_id=ticket.organisation_id)
    set_asker(actor, ticket, made)
    return made


def chosen(actor: Actor, contact_id: int | None) -> Contact | None:
    """The person of a form; None where it names nobody. Raises NotFound."""
    return access_contact(actor, contact_id) if contact_id else None


def _open_conversations(ticket: Ticket) -> list[Conversation]:
    """Conversations of the ticket whose address does not say who wrote."""
    rows = (
        select(Conversation)
        .join(TicketConversation, TicketConversation.conversation_id == Conversation.id)
        .outerjoin(Identity, Identity.id == Conversation.identity_id)
        .where(
            TicketConversation.ticket_id == ticket.id,
            or_(Conversation.contact_id.is_(None), Conversation.identity_id.is_(None), Identity.shared.is_(True)),
        )
    )
    return list(session().scalars(rows.order_by(Conversation.id)))
