"""People who ask: made and changed by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.core import audit
from app.core.db import session
from app.core.directory.access import access_contact, access_organisation
from app.core.directory.changes import change, check_version, cleaned, note_changed
from app.core.directory.events import ContactChanged
from app.core.directory.identities import add_identity
from app.core.errors import Conflict, Invalid, NotFound
from app.core.events import record
from app.core.people import Contact
from app.core.permissions import Actor, require

LANGUAGES = ("zh", "en")


def create_contact(
    actor: Actor,
    *,
    name: str = "",
    organisation_id: int | None = None,
    title: str = "",
    language: str | None = None,
    note: str = "",
    identities: Sequence[Mapping[str, Any]] = (),
) -> Contact:
    """A new person with their addresses ({"kind", "value", "shown"?, "verified"?}). Raises Invalid without name and
    address, Conflict when an address belongs to somebody else."""
    require(actor, "contact.edit")
    given = {"name": name, "organisation_id": organisation_id, "title": title, "language": language, "note": note}
    values = cleaned(Contact, given)
    if not values["name"] and not identities:
        raise Invalid.of("name", "请填写姓名，或至少一个联系方式。")
    _check(actor, values)
    contact = Contact(**values)
    session().add(contact)
    session().flush()
    audit.note(actor, "contact.created", contact)
    record(ContactChanged(contact_id=contact.id, version=contact.version))
    for place, identity in enumerate(identities):
        try:
            add_identity(actor, contact.id, **identity)
        except (Conflict, Invalid) as problem:
            problem.errors = {f"identities.{place}.{field}": reasons for field, reasons in problem.errors.items()}
            raise
    return contact


def update_contact(actor: Actor, contact_id: int, *, version: int | None = None, **changes: Any) -> Contact:
    """Change name, organisation_id, title, language or note. With `version`, raises Stale when it moved on."""
    require(actor, "contact.edit")
    contact = access_contact(actor, contact_id)
    check_version(contact, version)
    values = cleaned(Contact, changes)
    _check(actor, values)
    if "name" in values and not values["name"] and not contact.identities:
        raise Invalid.of("name", "请填写姓名，或至少一个联系方式。")
    if changed := change(contact, values):
        session().flush()
        note_changed(actor, "contact.edited", contact, changed)
        record(ContactChanged(contact_id=contact.id, version=contact.version))
    return contact


def _check(actor: Actor, values: Mapping[str, Any]) -> None:
    if values.get("language") not in (None, *LANGUAGES):
        raise Invalid.of("language", "没有这种语言。")
    if values.get("organisation_id") is not None:
        try:
            access_organisation(actor, values["organisation_id"])
        except NotFound:
            raise Invalid.of("organisation_id", "没有这家企业。") from None
