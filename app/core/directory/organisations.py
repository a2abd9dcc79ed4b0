"""Companies: the platform, its suppliers, their clients; and which company a mail address belongs to."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Text, cast, select

from app.core import audit
from app.core.db import session
from app.core.directory.access import access_organisation
from app.core.directory.changes import change, check_version, cleaned, note_changed, save
from app.core.directory.events import OrganisationChanged
from app.core.directory.normal_form import ascii_domain
from app.core.directory.public_mail import is_public
from app.core.errors import Conflict, Invalid
from app.core.events import record
from app.core.people import ORGANISATION_KINDS, Organisation, User
from app.core.permissions import Actor, require

_TAKEN = "已经有一家同名的企业。"
MAX_DOMAINS = 50


def create_organisation(
    actor: Actor,
    *,
    kind: str,
    name: str,
    short_name: str = "",
    email_domains: Iterable[str] = (),
    manager_id: int | None = None,
    note: str = "",
) -> Organisation:
    """A new company. Raises Conflict for a taken name or mail domain, Invalid for a public mail domain."""
    require(actor, "organisation.edit")
    given = {"kind": kind, "name": name, "short_name": short_name, "manager_id": manager_id, "note": note}
    values = _checked(given | {"email_domains": list(email_domains)}, None)
    organisation = Organisation(**values)
    save(organisation, _TAKEN, "name")
    audit.note(actor, "organisation.created", organisation)
    record(OrganisationChanged(organisation_id=organisation.id, version=organisation.version))
    return organisation


def update_organisation(
    actor: Actor, organisation_id: int, *, version: int | None = None, **changes: Any
) -> Organisation:
    """Change columns of a company. With `version`, raises Stale when it moved on."""
    require(actor, "organisation.edit")
    organisation = access_organisation(actor, organisation_id)
    check_version(organisation, version)
    values = _checked(changes, organisation.id)
    if changed := change(organisation, values):
        save(organisation, _TAKEN, "name")
        note_changed(actor, "organisation.edited", organisation, changed)
        record(OrganisationChanged(organisation_id=organisation.id, version=organisation.version))
    return organisation


def organisation_of_email(address: str) -> int | None:
    """Id of the company whose mail domain this (normal) address has, or a domain above it; None for public domains."""
    domain = address.rpartition("@")[2]
    if is_public(domain):
        return None
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        if owner := _owner(".".join(labels[start:])):
            return owner.id
    return None


def _owner(domain: str) -> Organisation | None:
    """The list of domains is JSON; both databases can compare its text, and Python has the last word."""
    pattern = '%"' + domain.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%") + '"%'
    rows = select(Organisation).where(cast(Organisation.email_domains, Text).like(pattern, escape="\\"))
    return next((row for row in session().scalars(rows) if domain in row.email_domains), None)


def _checked(given: Mapping[str, Any], own_id: int | None) -> dict[str, Any]:
    values = cleaned(Organisation, given, required=("kind", "name"))
    if values.get("kind", "client") not in ORGANISATION_KINDS:
        raise Invalid.of("kind", "没有这种企业类型。")
    if values.get("manager_id") is not None:
        manager = session().get(User, values["manager_id"])
        if manager is None or not manager.active:
            raise Invalid.of("manager_id", "没有这位客户经理。")
    if "name" in values:
        same = select(Organisation.id).where(Organisation.name == values["name"], Organisation.id != (own_id or 0))
        if session().scalar(same) is not None:
            raise Conflict(_TAKEN, errors={"name": [_TAKEN]})
    if "email_domains" in values:
        values["email_domains"] = _domains(values["email_domains"], own_id)
    return values


def _domains(given: Iterable[str], own_id: int | None) -> list[str]:
    found: list[str] = []
    for text in given:
        try:
            domain = ascii_domain(text.strip().removeprefix("@"))
        except Invalid:
            raise Invalid.of("email_domains", "邮箱域名不对。") from None
        if len(domain) > 253 or "." not in domain:
            raise Invalid.of("email_domains", "邮箱域名不对。")
        if is_public(domain):
            raise Invalid.of("email_domains", "公共邮箱的域名不能归到一家企业。")
        owner = _owner(domain)
        if owner is not None and owner.id != own_id:
            raise Conflict(
                "这个邮箱域名已经属于另一家企业。", errors={"email_domains": ["这个邮箱域名已经属于另一家企业。"]}
            )
        if domain not in found:
            found.append(domain)
    if len(found) > MAX_DOMAINS:
        raise Invalid.of("email_domains", "太长了。")
    return found
