"""Visitors whom their site vouches for: the proof becomes a token, and the person is joined to whom we know already.

What a visitor types proves nothing; what the site signed does. So a proved address takes the visitor to the contact
that has it, and an address that somebody merely claimed before goes to the one who proved it.
"""

import secrets
from datetime import timedelta

from sqlalchemy import delete, select

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.directory.identities import find_identity, find_or_create_contact
from app.core.directory.merging import kept, merge_contacts
from app.core.people import Contact, Identity
from app.core.permissions import SYSTEM
from channels.models import Account
from channels.visitor_models import VisitorPage, VisitorPass
from channels.visitors import Visitor, conversation_of, find_visitor, meet, placeholder, token_hash
from channels.webchat_proof import Proof
from channels.webchat_settings import number


def prove(account: Account, proof: Proof, token: str | None, language: str) -> tuple[Visitor, str]:
    """The visitor that a proof names, and a token for this browser. `token`: what the browser had so far; a nameless
    visitor's conversation goes on under the name, and that token is worth nothing any more."""
    own = find_visitor(account.id, token) if token else None
    nameless = own if own is not None and not own.verified else None
    wanted = select(Visitor).where(Visitor.account_id == account.id, Visitor.external_id == proof.external_id)
    visitor = session().scalar(wanted.with_for_update())
    if visitor is not None and nameless is not None and conversation_of(visitor) is None and conversation_of(nameless):
        _forget(visitor)
        visitor = None
    if visitor is None:
        visitor = nameless or meet(account, language)[0]
        visitor.external_id = proof.external_id
        visitor.token_hash = token_hash(secrets.token_urlsafe(32))  # from now on only passes open it
    elif nameless is not None:
        nameless.token_hash = token_hash(secrets.token_urlsafe(32))
    visitor.name = proof.name or visitor.name
    visitor.email, visitor.phone = proof.email or visitor.email, proof.phone or visitor.phone
    visitor.contact_id, visitor.organisation_id = proof.contact_id, proof.organisation_id
    visitor.last_online_at = now()
    session().flush()
    if conversation_of(visitor) is not None:
        settle(visitor)
    if nameless is not None and nameless is not visitor:
        _same_person(visitor, nameless)
    return visitor, _pass(account, visitor)


def settle(visitor: Visitor) -> None:
    """Join a proved visitor to the contact of their address, before the first word or when the proof comes later.
    Does nothing for those whom nobody vouches for."""
    if not visitor.verified:
        return
    wanted = select(Identity).where(Identity.kind == "visitor", Identity.value == visitor.key)
    identity, known = session().scalar(wanted), _known(visitor)
    if identity is None and known is not None:
        identity = Identity(
            kind="visitor", value=visitor.key, shown=visitor.shown_name, contact_id=known.id,
            organisation_id=known.organisation_id, verified=True,
        )  # fmt: skip
        session().add(identity)
        session().flush()
        note(SYSTEM, "identity.added", known, identity="visitor", value=visitor.key)
    elif identity is None:
        known, identity = find_or_create_contact(
            SYSTEM, "visitor", visitor.key, visitor.shown_name, visitor.name, verified=True, organisation_id=visitor.organisation_id
        )
    identity.verified, identity.shown = True, visitor.shown_name
    here = kept(identity.contact) if identity.contact is not None else None
    if here is not None and known is not None and here.id != known.id:
        merge_contacts(SYSTEM, known.id, here.id)
    person = known or here
    if person is not None:
        _own_addresses(person, visitor)
        if visitor.name and person.name in ("", *(placeholder(visitor.key, language) for language in ("zh", "en"))):
            person.name = visitor.name
    session().flush()


def _known(visitor: Visitor) -> Contact | None:
    """Whom a proved visitor is known as: by the house's own login, else by mail, else by telephone. Addresses of several
    people, and addresses that somebody only claimed, name nobody."""
    if visitor.contact_id is not None:
        return kept(session().get_one(Contact, visitor.contact_id))
    for kind, value in (("email", visitor.email), ("phone", visitor.phone)):
        identity = find_identity(kind, value) if value else None
        if identity is not None and identity.contact is not None and not identity.shared and not identity.suspect:
            return kept(identity.contact)
    return None


def _own_addresses(person: Contact, visitor: Visitor) -> None:
    for kind, value in (("email", visitor.email), ("phone", visitor.phone)):
        identity = find_identity(kind, value) if value else None
        if identity is None and value:
            identity = Identity(kind=kind, value=value, shown=value, organisation_id=person.organisation_id)
            session().add(identity)
            note(SYSTEM, "identity.added", person, identity=kind, value=value)
        if identity is None or identity.shared:
            continue
        if identity.contact_id is None or identity.suspect:
            identity.contact_id, identity.suspect = person.id, False
        if identity.contact_id == person.id:
            identity.verified = True
    session().flush()


def _same_person(visitor: Visitor, nameless: Visitor) -> None:
    """The browser spoke without a name before: what it said belongs to the same person."""
    there, here = conversation_of(nameless), conversation_of(visitor)
    if there is None or there.contact is None or here is None or here.contact is None:
        return
    if kept(there.contact).id != kept(here.contact).id:
        merge_contacts(SYSTEM, here.contact.id, there.contact.id)


def _forget(visitor: Visitor) -> None:
    """A named visitor who never spoke makes room for the nameless one who did: other browsers simply prove anew."""
    for table in (VisitorPass, VisitorPage):
        session().execute(delete(table).where(table.visitor_id == visitor.id))
    session().delete(visitor)
    session().flush()


def _pass(account: Account, visitor: Visitor) -> str:
    token = secrets.token_urlsafe(32)
    until = now() + timedelta(hours=number(account.settings, "proof_hours"))
    session().add(VisitorPass(visitor_id=visitor.id, token_hash=token_hash(token), until=until))
    session().flush()
    return token
