"""/api/v1/devices: the installed base."""

from typing import Any

from flask import url_for
from marshmallow import fields

from app.api.base import Resource, heed_if_match
from app.api.fields import Answer, ApiSchema, Day, Moment, Named, ProductRef, QueryWhole, Ref, Text
from app.api.paging import PageArgs, listing, page_of
from app.core.directory import devices
from app.core.directory.access import access_device, readable_devices
from app.core.installed_base import Device
from app.core.uow import unit_of_work
from app.queries.directory import device_parts, devices_like
from app.viewer import current_actor, needs

api = Resource("devices", "The installed base: which machine stands where.")


class DeviceAnswer(Answer):
    """A machine at a client. `tag` is the word in its QR code."""

    id = fields.Integer(required=True)
    organisation = fields.Nested(Named, required=True)
    site = fields.Nested(Named, required=True, allow_none=True)
    product = fields.Nested(ProductRef, required=True)
    release = fields.Nested(Named, required=True, allow_none=True)
    name = fields.String(required=True)
    model = fields.String(required=True)
    serial = fields.String(required=True)
    firmware = fields.String(required=True)
    installed_on = fields.Date(required=True, allow_none=True)
    warranty_until = fields.Date(required=True, allow_none=True)
    tag = fields.String(required=True)
    note = fields.String(required=True)
    created_at = Moment(required=True)
    version = fields.Integer(required=True)


class DeviceChange(ApiSchema):
    """What may be changed. `organisation`, `site`, `product` and `release` are ids."""

    organisation_id = Ref("organisation_id", data_key="organisation")
    site_id = Ref("site_id", data_key="site", allow_none=True)
    product_id = Ref("product_id", data_key="product")
    release_id = Ref("release_id", data_key="release", allow_none=True)
    name = Text.of(Device.name)
    model = Text.of(Device.model)
    serial = Text.of(Device.serial, shortest=1)
    firmware = Text.of(Device.firmware)
    installed_on = Day(allow_none=True)
    warranty_until = Day(allow_none=True)
    note = Text.of(Device.note)


class DeviceNew(DeviceChange):
    """A new device."""

    organisation_id = Ref("organisation_id", data_key="organisation", required=True)
    product_id = Ref("product_id", data_key="product", required=True)
    serial = Text.of(Device.serial, shortest=1, required=True)


class DeviceArgs(PageArgs):
    q = Text(200, metadata={"description": "part of serial number, model, name, or of the product or company"})
    organisation = QueryWhole(1, metadata={"description": "id of the company"})
    site = QueryWhole(1, metadata={"description": "id of the site"})
    product = QueryWhole(1, metadata={"description": "id of the product"})
    serial = Text(80, metadata={"description": "the exact serial number"})
    tag = Text(32, metadata={"description": "the word in the QR code"})


@api.route("")
@needs("contact.read")
@api.arguments(DeviceArgs, location="query")
@api.response(200, listing(DeviceAnswer))
def list_devices(args: dict[str, Any]) -> Any:
    """The devices that you may see, by id."""
    rows = readable_devices(current_actor()).options(*device_parts())
    if args.get("q"):
        rows = rows.where(devices_like(args["q"]))
    exact = {"organisation": Device.organisation_id, "site": Device.site_id, "product": Device.product_id}
    for name, column in {**exact, "serial": Device.serial, "tag": Device.tag}.items():
        if name in args:
            rows = rows.where(column == args[name])
    return page_of(rows, args, [Device.id])


@api.route("", methods=["POST"])
@needs("contact.edit")
@api.idempotent
@api.arguments(DeviceNew)
@api.response(201, DeviceAnswer)
def create_device(fields: dict[str, Any]) -> Any:
    """Make a device at a client."""
    with unit_of_work():
        made = devices.create_device(current_actor(), **fields)
    return made, {"Location": url_for("api_devices.read_device", device_id=made.id)}


@api.route("/<int:device_id>")
@needs("contact.read")
@api.response(200, DeviceAnswer)
def read_device(device_id: int) -> Any:
    """One device."""
    return access_device(current_actor(), device_id)


@api.route("/<int:device_id>", methods=["PATCH"])
@needs("contact.edit")
@api.arguments(DeviceChange)
@api.response(200, DeviceAnswer)
def change_device(fields: dict[str, Any], device_id: int) -> Any:
    """Change what is given."""
    with unit_of_work():
        heed_if_match(access_device(current_actor(), device_id))
        return devices.update_device(current_actor(), device_id, **fields)
