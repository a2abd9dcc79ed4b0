"""Who is on the telephone: picked, added or named by the agent who hears them, on the call and in its conversation."""

from app.calls import reactions as call_reactions
from app.calls.events import CallerNamed
from app.core.audit import note
from app.core.db import session
from app.core.directory import contacts, merging
from app.core.directory.merging import family_ids, kept
from app.core.errors import Invalid
from app.core.events import record
from app.core.people import Contact, Identity
from app.core.permissions import Actor, require
from channels.calls.models import Call
from workflows import call_tasks, wrap_ups
from workflows.models import Ticket
from workflows.wrap_models import CALL


def is_nameless(contact: Contact | None) -> bool:
    """Whether nothing is known of somebody but the number they rang from."""
    return contact is not None and not contact.name and contact.organisation_id is None


def set_caller(actor: Actor, call: Call, contact: Contact) -> Contact:
    """Say who it is. Through a shared number the call takes the person and the number stays the company's; a number that
    nobody was known by becomes theirs, and that can be taken back as an unmerge.

    Raises Invalid for somebody of another company than the one that the shared number names.
    """
    require(actor, "ticket.work")
    person = kept(contact)
    identity = call.identity
    if identity is not None and identity.shared and identity.organisation_id not in (None, person.organisation_id):
        if person.organisation_id is not None:
            raise Invalid.of("contact", "这个人不是这家企业的。")
    before = kept(call.contact) if call.contact is not None else None
    if before is not None and before.id != person.id and not _shared(identity) and is_nameless(before):
        require(actor, "contact.edit")
        merging.merge_contacts(actor, person.id, before.id)
    call.contact = person
    call.organisation_id = person.organisation_id or call.organisation_id
    conversation = call.conversation
    if conversation is not None and conversation.contact_id != person.id:
        note(actor, "conversation.contact_set", conversation, before=conversation.contact_id, after=person.id, call=call.id)
        conversation.contact_id = person.id
    for task in call_tasks.open_tasks_for([], call.number):
        if task.contact_id is None and call.id in task.calls:
            task.contact_id, task.organisation_id = person.id, person.organisation_id or task.organisation_id
    note(actor, "call.contact_set", call, before=before.id if before else None, after=person.id)
    session().flush()
    record(CallerNamed(call_id=call.id, version=call.version))
    return person


def add_caller(actor: Actor, call: Call, name: str, organisation_id: int | None = None) -> Contact:
    """A person whom nobody knew: a new one of the company of a shared number, else the number's own gets a name and a
    company. Raises Invalid without a name."""
    require(actor, "ticket.work")
    require(actor, "contact.edit")
    if not name.strip():
        raise Invalid.of("name", "请填写姓名，或至少一个联系方式。")
    known = kept(call.contact) if call.contact is not None else None
    if known is not None and not _shared(call.identity) and not known.name:
        contacts.update_contact(actor, known.id, name=name.strip()[:120], organisation_id=organisation_id or known.organisation_id)
        return set_caller(actor, call, known)
    company = organisation_id or call.organisation_id
    made = contacts.create_contact(actor, name=name.strip()[:120], organisation_id=company)
    return set_caller(actor, call, made)


def _shared(identity: Identity | None) -> bool:
    return identity is not None and identity.shared


def same_person(call: Call, contact_id: int) -> bool:
    """Whether this contact is the call's person already."""
    return call.contact is not None and contact_id in family_ids(call.contact)


def hang_on(actor: Actor, call: Call, ticket: Ticket) -> None:
    """A ticket that was opened from a call: the call belongs to it, and the caller, where nobody knew who it was before,
    is whoever the ticket names."""
    wrap_ups.attach_ticket(actor, CALL, call.id, ticket)
    if ticket.contact is not None and not same_person(call, ticket.contact.id):
        nobody = call.contact is None or is_nameless(kept(call.contact))
        if nobody:
            set_caller(actor, call, ticket.contact)
    call_reactions.hang_on_ticket(call)
