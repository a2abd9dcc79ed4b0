"""/devices: machines in the field, and the code on each."""

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app.core.clock import now
from app.core.directory import devices
from app.core.directory.access import access_device
from app.core.errors import Conflict, DeskError, Invalid, Refused, Stale
from app.core.installed_base import Device
from app.core.uow import unit_of_work
from app.queries import directory_pages as pages
from app.viewer import current_actor, needs, settings
from app.web import desk_words
from app.web import directory_forms as forms
from app.web import directory_show as show
from app.web.errors import field_errors, status_of
from app.web.frame import exists
from app.web.i18n import local

blueprint = Blueprint("devices", __name__, url_prefix="/devices")
ONE = "/<int(max=2147483647):device_id>"


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@needs("contact.read")
def device_list() -> str:
    """Machines, the newest first, fifty at a time."""
    actor, q = current_actor(), forms.wanted("q")
    given = {name: forms.asked(name) for name in ("organisation", "product")}
    cursor = forms.asked("cursor")
    found = pages.devices(actor, q=q, after=cursor, **given)
    labels = {"organisation": _("所有企业"), "product": _("所有产品")}
    options = {"organisation": forms.companies(actor), "product": forms.products(actor)}
    return render_template(
        "directory/devices.html",
        here="devices",
        devices=[show.device_row(row, found) for row in found.rows],
        q=q,
        selects=[
            {"name": name, "label": labels[name], "value": str(value or ""), "options": options[name]}
            for name, value in given.items()
        ],
        page=forms.page_links("/devices", {"q": q, **given, "cursor": cursor}, len(found.rows), found.next),
    )


@blueprint.get(ONE)
@needs("contact.read")
def device(device_id: int) -> str:
    """One machine with its tickets."""
    return _page(access_device(current_actor(), device_id))


@blueprint.post(ONE)
@needs("contact.edit")
def edit(device_id: int) -> Response | tuple[str, int]:
    """Change a machine."""
    row = access_device(current_actor(), device_id)
    try:
        given, version = forms.typed_device(), forms.number("version")
        with unit_of_work():
            devices.update_device(current_actor(), device_id, version=version, **given)
    except (Invalid, Conflict, Refused, Stale) as problem:
        return _page(access_device(current_actor(), device_id), problem), status_of(problem)
    flash(_("已保存。"), "good")
    return redirect(show.device_url(row), 303)


def _page(row: Device, problem: DeskError | None = None) -> str:
    actor = current_actor()
    edit = None
    if actor.can("contact.edit"):
        errors, typed = (field_errors(problem), request.form) if problem else ({}, None)
        edit = forms.filled(forms.device_fields(actor, row.organisation_id, row), errors, typed)
    contract = pages.contract_in_force(actor, row, local(now()).date())
    return render_template(
        "directory/device.html",
        here="devices",
        device={
            "id": row.id,
            "url": show.device_url(row),
            "version": row.version,
            "name": row.name,
            "model": row.model or row.product.code,
            "serial": row.serial,
            "product": row.product.label,
            "release": row.release.name if row.release else "",
            "firmware": row.firmware,
            "installed_on": row.installed_on,
            "warranty_until": row.warranty_until,
            **show.warranty(row),
            "tag": row.tag,
            "tag_url": f"{settings().site_url}/ask?device={row.tag}" if exists("/ask") else "",
            "note": row.note,
            "created_at": row.created_at,
        },
        organisation=show.company_ref(row.organisation),
        site={"name": row.site.name, "address": row.site.address} if row.site else None,
        contract=contract and {"number": contract.number, "level": str(desk_words.CONTRACTS[contract.level])},
        tickets=[show.ticket_row(ticket) for ticket in pages.tickets_of_device(actor, row)],
        can_edit=edit is not None,
        edit=edit,
        form_open=problem is not None,
        form_error=problem.text(_) if problem else None,
    )
