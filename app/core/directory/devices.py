"""The installed base: which machine stands where, with which product, release and warranty."""

import secrets
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import select

from app.core import audit
from app.core.catalogue import Product, Release
from app.core.db import session
from app.core.directory.access import access_device, access_organisation
from app.core.directory.changes import change, check_version, cleaned, note_changed, save
from app.core.directory.events import DeviceChanged
from app.core.errors import Conflict, Invalid, NotFound
from app.core.events import record
from app.core.installed_base import Device, Site
from app.core.permissions import Actor, require

_TAKEN = "这个产品已经有相同序列号的设备。"


def create_device(
    actor: Actor,
    *,
    organisation_id: int,
    product_id: int,
    serial: str,
    site_id: int | None = None,
    release_id: int | None = None,
    name: str = "",
    model: str = "",
    firmware: str = "",
    installed_on: date | None = None,
    warranty_until: date | None = None,
    note: str = "",
) -> Device:
    """A machine at a client; its QR tag is made here. Raises Conflict for a serial number that the product already has."""
    require(actor, "contact.edit")
    given = {
        "organisation_id": organisation_id, "product_id": product_id, "serial": serial, "site_id": site_id,
        "release_id": release_id, "name": name, "model": model, "firmware": firmware, "installed_on": installed_on,
        "warranty_until": warranty_until, "note": note,
    }  # fmt: skip
    values = cleaned(Device, given, required=("serial",))
    _check(actor, values, None)
    device = Device(**values)
    save(device, _TAKEN, "serial")
    audit.note(actor, "device.created", device)
    _record(device)
    return device


def update_device(actor: Actor, device_id: int, *, version: int | None = None, **changes: Any) -> Device:
    """Change columns of a device; a move to another company needs a site there or none. With `version`, raises Stale."""
    require(actor, "contact.edit")
    device = access_device(actor, device_id)
    check_version(device, version)
    values = cleaned(Device, changes, required=("serial",))
    _check(actor, values, device)
    if changed := change(device, values):
        save(device, _TAKEN, "serial")
        session().expire(device, ["organisation", "site", "product", "release"])
        note_changed(actor, "device.edited", device, changed)
        _record(device)
    return device


def renew_tag(actor: Actor, device_id: int) -> Device:
    """Give the device a new QR code, when the old one was lost or copied; the old one leads nowhere from now on."""
    require(actor, "contact.edit")
    device = access_device(actor, device_id)
    device.tag = secrets.token_urlsafe(12)
    session().flush()
    audit.note(actor, "device.tag_renewed", device)
    _record(device)
    return device


def device_by_tag(tag: str) -> Device | None:
    """The device whose QR code was read. Who knows the tag stands before the machine: no permission is asked."""
    return session().scalars(select(Device).where(Device.tag == tag)).one_or_none() if 0 < len(tag) <= 32 else None


def _check(actor: Actor, values: Mapping[str, Any], device: Device | None) -> None:
    """Every row that the device would then point to exists, belongs to the others, and the serial number is free."""

    def then(field: str) -> Any:
        return values[field] if field in values else getattr(device, field, None)

    company = then("organisation_id")
    if "organisation_id" in values:
        try:
            access_organisation(actor, company)
        except NotFound:
            raise Invalid.of("organisation_id", "没有这家企业。") from None
    if "product_id" in values and session().get(Product, then("product_id")) is None:
        raise Invalid.of("product_id", "没有这个产品。")
    if then("site_id") is not None:
        site = session().get(Site, then("site_id"))
        if site is None or site.organisation_id != company:
            raise Invalid.of("site_id", "这家企业没有这个现场。")
    if then("release_id") is not None:
        release = session().get(Release, then("release_id"))
        if release is None or release.product_id != then("product_id"):
            raise Invalid.of("release_id", "这个产品没有这个版本。")
    since, until = then("installed_on"), then("warranty_until")
    if since is not None and until is not None and until < since:
        raise Invalid.of("warranty_until", "结束日期早于开始日期。")
    same = select(Device.id).where(Device.product_id == then("product_id"), Device.serial == then("serial"))
    if session().scalar(same.where(Device.id != (device.id if device else 0))) is not None:
        raise Conflict(_TAKEN, errors={"serial": [_TAKEN]})


def _record(device: Device) -> None:
    record(DeviceChanged(device_id=device.id, version=device.version, organisation_id=device.organisation_id))
