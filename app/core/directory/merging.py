"""Two contacts that are one person: merged, read together, and taken apart again.

A merged contact points to the kept one and stays otherwise as it was. Nothing that hangs on it is moved.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.directory.access import access_contact
from app.core.directory.changes import touch
from app.core.directory.events import ContactsMerged, ContactsUnmerged
from app.core.errors import Invalid, NotFound, Refused
from app.core.events import record
from app.core.people import Contact, ContactMerge
from app.core.permissions import Actor, require

FILLED = ("name", "organisation_id", "title", "language", "note")
"""Fields that the kept contact takes from the merged one where its own are empty."""


def kept(contact: Contact) -> Contact:
    """The contact that stands for this person now: at the end of its chain of merges."""
    seen = {contact.id}
    while contact.merged_into_id is not None:
        contact = session().get_one(Contact, contact.merged_into_id)
        if contact.id in seen:
            raise RuntimeError(f"contact {contact.id} is merged into itself")
        seen.add(contact.id)
    return contact


def family_ids(contact: Contact) -> list[int]:
    """Ids of the kept contact and of all that were merged into it, however indirectly: whose history is one history."""
    start = select(Contact.id).where(Contact.id == kept(contact).id).cte("family", recursive=True)
    family = start.union(select(Contact.id).join(start, Contact.merged_into_id == start.c.id))
    return sorted(session().scalars(select(family.c.id)))


def merges_of(contact: Contact) -> list[ContactMerge]:
    """The merges in force within this person's family, newest first: what can be undone."""
    ids = family_ids(contact)
    rows = select(ContactMerge).where(ContactMerge.merged_id.in_(ids), ContactMerge.undone_at.is_(None))
    return list(session().scalars(rows.order_by(ContactMerge.id.desc())))


def merge_contacts(actor: Actor, keep_id: int, merge_id: int) -> ContactMerge:
    """Say that the two are one person and keep the first. Already merged ones stand for the contact that is kept now,
    so no chain can close to a circle. Empty fields of the kept one are filled and remembered. Raises Refused for
    one and the same person."""
    require(actor, "contact.edit")
    if keep_id == merge_id:
        raise Invalid.of("merge", "请选择另一位联系人。")
    keep, merged = _both(actor, keep_id, merge_id)
    if keep.id == merged.id:
        raise Refused("这两位联系人已经合并在一起。")
    filled = {field: getattr(merged, field) for field in FILLED if not getattr(keep, field) and getattr(merged, field)}
    for field, value in filled.items():
        setattr(keep, field, value)
    touch(keep)
    merged.merged_into_id = keep.id
    row = ContactMerge(kept_id=keep.id, merged_id=merged.id, filled=filled, merged_by=actor.name[:200])
    session().add(row)
    session().flush()
    note(actor, "contact.merged", keep, merged=merged.id, merged_label=merged.label[:200], filled=sorted(filled))
    note(actor, "contact.merged_into", merged, into=keep.id)
    record(ContactsMerged(contact_id=keep.id, version=keep.version, merged_id=merged.id, merge_id=row.id))
    return row


def _both(actor: Actor, keep_id: int, merge_id: int) -> tuple[Contact, Contact]:
    """Both kept contacts, their rows locked in one order: two merges in opposite directions cannot both pass."""
    keep, merged = kept(access_contact(actor, keep_id)), kept(access_contact(actor, merge_id))
    ids = sorted({keep.id, merged.id})
    rows = select(Contact).where(Contact.id.in_(ids)).order_by(Contact.id).with_for_update()
    session().scalars(rows.execution_options(populate_existing=True)).all()
    return kept(keep), kept(merged)


def unmerge_contacts(actor: Actor, merge_id: int) -> ContactMerge:
    """Take a merge back: the merged contact is a person again, with everything that hung on it, and fields that the
    kept one only had from it are empty again unless somebody changed them since. Raises Refused when already undone."""
    require(actor, "contact.edit")
    row = session().get(ContactMerge, merge_id) if 0 < merge_id < 2**31 else None
    if row is None:
        raise NotFound()
    keep, merged = access_contact(actor, row.kept_id), access_contact(actor, row.merged_id)
    if row.undone_at is not None or merged.merged_into_id != keep.id:
        raise Refused("这次合并已经撤销。")
    merged.merged_into_id = None
    touch(merged)
    row.undone_at = now()
    _give_back(keep, row.filled)
    session().flush()
    note(actor, "contact.unmerged", keep, merged=merged.id)
    note(actor, "contact.unmerged_from", merged, kept=keep.id)
    record(ContactsUnmerged(contact_id=keep.id, version=keep.version, merged_id=merged.id, merge_id=row.id))
    return row


def unmerge_contact(actor: Actor, contact_id: int) -> ContactMerge:
    """Take back the merge that this contact went away in. Raises Refused when it is not merged."""
    contact = access_contact(actor, contact_id)
    rows = select(ContactMerge).where(ContactMerge.merged_id == contact.id, ContactMerge.undone_at.is_(None))
    row = session().scalars(rows).one_or_none()
    if row is None:
        require(actor, "contact.edit")
        raise Refused("这位联系人没有被合并。")
    return unmerge_contacts(actor, row.id)


def _give_back(keep: Contact, filled: Mapping[str, Any]) -> None:
    """Empty what was borrowed, here and further up, where it was borrowed on."""
    columns = Contact.__table__.c
    for field, value in filled.items():
        if getattr(keep, field) == value:
            setattr(keep, field, None if columns[field].nullable else "")
    touch(keep)
    if keep.merged_into_id is None:
        return
    rows = select(ContactMerge).where(ContactMerge.merged_id == keep.id, ContactMerge.undone_at.is_(None))
    above = session().scalars(rows).one()
    lent_on = {field: value for field, value in above.filled.items() if filled.get(field) == value}
    above.filled = {field: value for field, value in above.filled.items() if field not in lent_on}
    if lent_on:
        _give_back(session().get_one(Contact, keep.merged_into_id), lent_on)
