"""Places of a company: plants, lines, cabinet rooms."""

from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import select

from app.core import audit
from app.core.db import session
from app.core.directory.access import access_organisation, access_site
from app.core.directory.changes import change, check_version, cleaned, note_changed, save
from app.core.directory.events import SiteChanged
from app.core.errors import Conflict, Invalid, NotFound
from app.core.events import record
from app.core.installed_base import Site
from app.core.permissions import Actor, require

_TAKEN = "这家企业已经有同名的现场。"


def create_site(
    actor: Actor, *, organisation_id: int, name: str, address: str = "", time_zone: str | None = None
) -> Site:
    """A new place of a company. `time_zone` is an IANA name; None means that of the house."""
    require(actor, "organisation.edit")
    given = {"organisation_id": organisation_id, "name": name, "address": address, "time_zone": time_zone}
    values = _checked(given)
    try:
        access_organisation(actor, organisation_id)
    except NotFound:
        raise Invalid.of("organisation_id", "没有这家企业。") from None
    _free(organisation_id, values["name"], 0)
    site = Site(**values)
    save(site, _TAKEN, "name")
    audit.note(actor, "site.created", site)
    record(SiteChanged(site_id=site.id, version=site.version, organisation_id=site.organisation_id))
    return site


def update_site(actor: Actor, site_id: int, *, version: int | None = None, **changes: Any) -> Site:
    """Change name, address or time_zone; a site does not change its company."""
    require(actor, "organisation.edit")
    site = access_site(actor, site_id)
    check_version(site, version)
    if changes.pop("organisation_id", site.organisation_id) != site.organisation_id:
        raise Invalid.of("organisation_id", "现场不能换到另一家企业。")
    values = _checked(changes)
    _free(site.organisation_id, values.get("name", site.name), site.id)
    if changed := change(site, values):
        save(site, _TAKEN, "name")
        note_changed(actor, "site.edited", site, changed)
        record(SiteChanged(site_id=site.id, version=site.version, organisation_id=site.organisation_id))
    return site


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    values = cleaned(Site, given, required=("name",))
    if values.get("time_zone") is not None and values["time_zone"] not in available_timezones():
        raise Invalid.of("time_zone", "没有这个时区。")
    return values


def _free(organisation_id: int, name: str, own_id: int) -> None:
    same = select(Site.id).where(Site.organisation_id == organisation_id, Site.name == name, Site.id != own_id)
    if session().scalar(same) is not None:
        raise Conflict(_TAKEN, errors={"name": [_TAKEN]})
