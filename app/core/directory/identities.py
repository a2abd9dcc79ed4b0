"""The ways we know people: recognising whoever writes or calls, and adding, removing and sharing identities by hand."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.core.audit import note
from app.core.db import session
from app.core.directory.access import access_contact, access_organisation
from app.core.directory.changes import save, touch
from app.core.directory.events import ContactChanged
from app.core.directory.merging import family_ids, kept
from app.core.directory.normal_form import NormalForm, normal_form
from app.core.directory.organisations import organisation_of_email
from app.core.errors import Conflict, Invalid, NotFound, Refused
from app.core.events import record
from app.core.people import Contact, Identity
from app.core.permissions import Actor, require
from app.core.text import clean

_TAKEN = "这个渠道身份已经属于别人。如果是同一个人，请合并两位联系人。"


def find_identity(kind: str, value: str) -> Identity | None:
    """The identity with this address in any spelling. Raises Invalid when `value` cannot be one of that kind."""
    return _stored(kind, normal_form(kind, value).value)


def find_or_create_contact(
    actor: Actor,
    kind: str,
    value: str,
    shown: str = "",
    name: str = "",
    *,
    verified: bool = False,
    suspect: bool = False,
    organisation_id: int | None = None,
    outside_line: str = "",
) -> tuple[Contact | None, Identity]:
    """Whoever wrote or called: the kept contact of this identity, made on first sight; None when the identity is shared.

    Two sessions that see the same stranger at the same moment get the same contact. A new one gets the organisation
    given, else that of its mail domain, unless the sender is `suspect` (the address may be forged). `verified` is
    remembered; a suspect message changes nothing of a known contact. No permission is asked: every door that may
    receive a message may learn who sent it. Raises Invalid on field `value` when it is no address of that kind.
    """
    normal = normal_form(kind, value, shown, outside_line=outside_line)
    name = clean(name).strip()[:120]
    identity = _stored(kind, normal.value)
    if identity is None:
        try:
            return _meet(actor, kind, normal, name, verified and not suspect, suspect, organisation_id)
        except IntegrityError:
            identity = _stored(kind, normal.value)
            if identity is None:
                raise
    if verified and not suspect and not identity.verified:
        identity.verified, identity.suspect = True, False
    if identity.shared:
        return None, identity
    contact = _owner(actor, identity)
    if name and not contact.name and not suspect:
        contact.name = name
        session().flush()
        record(ContactChanged(contact_id=contact.id, version=contact.version))
    session().flush()
    return contact, identity


def _stored(kind: str, value: str) -> Identity | None:
    return session().scalars(select(Identity).where(Identity.kind == kind, Identity.value == value)).one_or_none()


def _meet(
    actor: Actor, kind: str, normal: NormalForm, name: str, verified: bool, suspect: bool, organisation_id: int | None
) -> tuple[Contact, Identity]:
    """Make contact and identity together; the unique constraint decides between two who try."""
    if organisation_id is None and kind == "email" and not suspect:
        organisation_id = organisation_of_email(normal.value)
    with session().begin_nested():
        contact = Contact(name=name, organisation_id=organisation_id)
        session().add(contact)
        session().flush()
        identity = Identity(
            kind=kind, value=normal.value, shown=normal.shown, contact_id=contact.id, organisation_id=organisation_id,
            verified=verified, suspect=suspect,
        )  # fmt: skip
        session().add(identity)
        session().flush()
    note(actor, "contact.created", contact, identity=kind)
    record(ContactChanged(contact_id=contact.id, version=contact.version))
    return contact, identity


def _owner(actor: Actor, identity: Identity) -> Contact:
    if identity.contact_id is None:
        contact = Contact(name="", organisation_id=identity.organisation_id)
        session().add(contact)
        session().flush()
        identity.contact_id = contact.id
        note(actor, "contact.created", contact, identity=identity.kind)
        record(ContactChanged(contact_id=contact.id, version=contact.version))
        return contact
    contact = session().get_one(Contact, identity.contact_id)
    return kept(contact)


def add_identity(
    actor: Actor,
    contact_id: int,
    *,
    kind: str,
    value: str,
    shown: str = "",
    verified: bool = False,
    shared: bool = False,
) -> Identity:
    """Note one more way to reach this person. Raises Conflict when it belongs to somebody else."""
    require(actor, "contact.edit")
    contact = access_contact(actor, contact_id)
    normal = normal_form(kind, value, shown)
    known = _stored(kind, normal.value)
    if known is not None and known.contact_id in family_ids(contact):
        return known
    if known is not None and known.contact_id is not None:
        raise Conflict(_TAKEN, errors={"value": [_TAKEN]})
    identity = known or Identity(
        kind=kind, value=normal.value, shown=normal.shown, organisation_id=contact.organisation_id
    )
    identity.contact_id = contact.id
    identity.verified = identity.verified or verified
    identity.shared = shared
    save(identity, _TAKEN, "value")
    session().expire(contact, ["identities"])
    _tell(actor, "identity.added", contact, identity)
    return identity


def remove_identity(actor: Actor, identity_id: int) -> None:
    """Forget an address. What was said through it stays. Raises Refused while something still hangs on it."""
    require(actor, "contact.edit")
    identity = access_identity(actor, identity_id)
    contact = identity.contact
    refused = "这个渠道身份还有往来记录，不能删除。"
    try:
        with session().begin_nested():
            session().delete(identity)
            session().flush()
    except IntegrityError:
        raise Refused(refused) from None
    if contact is not None:
        session().expire(contact, ["identities"])
        _tell(actor, "identity.removed", contact, identity)


def share_identity(actor: Actor, identity_id: int, organisation_id: int | None = None) -> Identity:
    """Mark an address as used by several people of one company (a switchboard, service@). From now on it names the
    company and not a person. Raises Refused when no company is known."""
    require(actor, "contact.edit")
    identity = access_identity(actor, identity_id)
    contact = identity.contact
    company = organisation_id or identity.organisation_id or (contact.organisation_id if contact else None)
    if company is None:
        raise Refused("共享的渠道身份要先归到一家企业。")
    access_organisation(actor, company)
    identity.shared, identity.organisation_id = True, company
    session().flush()
    _tell(actor, "identity.shared", contact, identity)
    return identity


def unshare_identity(actor: Actor, identity_id: int, contact_id: int | None = None) -> Identity:
    """Give a shared address to one person: the one named, else the one it was with before."""
    require(actor, "contact.edit")
    identity = access_identity(actor, identity_id)
    owner_id = contact_id or identity.contact_id
    if owner_id is None:
        raise Invalid.of("contact_id", "请选择这个渠道身份属于谁。")
    contact = kept(access_contact(actor, owner_id))
    identity.shared, identity.contact_id = False, contact.id
    session().flush()
    _tell(actor, "identity.unshared", contact, identity)
    return identity


def access_identity(actor: Actor, identity_id: int) -> Identity:
    """The identity of a contact or company that the actor may see; raises NotFound."""
    identity = session().get(Identity, identity_id) if 0 < identity_id < 2**31 else None
    if identity is None:
        raise NotFound()
    if identity.contact_id is not None:
        access_contact(actor, identity.contact_id)
    elif identity.organisation_id is not None:
        access_organisation(actor, identity.organisation_id)
    else:
        require(actor, "contact.edit")
    return identity


def _tell(actor: Actor, action: str, contact: Contact | None, identity: Identity) -> None:
    """The trail names the kind and the address, because a removed identity cannot be looked up any more."""
    note(actor, action, contact or identity, identity=identity.kind, value=identity.value)
    if contact is not None:
        touch(contact)
        session().flush()
        record(ContactChanged(contact_id=contact.id, version=contact.version))
