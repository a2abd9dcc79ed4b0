"""/organisations: companies, and on each one's page its people, machines, contracts and sites."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app.core.directory import contracts, devices, organisations, sites
from app.core.directory.access import access_organisation
from app.core.errors import Conflict, DeskError, Invalid, Refused, Stale
from app.core.people import ORGANISATION_KINDS, Organisation
from app.core.uow import unit_of_work
from app.queries import directory_pages as pages
from app.viewer import current_actor, needs
from app.web import directory_forms as forms
from app.web import directory_show as show
from app.web.errors import field_errors, status_of

blueprint = Blueprint("organisations", __name__, url_prefix="/organisations")
ONE = "/<int(max=2147483647):organisation_id>"
Answer = str | Response | tuple[str, int]


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@needs("organisation.read")
def organisation_list() -> str:
    """Companies by name, fifty at a time."""
    return _list()


@blueprint.post("")
@needs("organisation.edit")
def create() -> Answer:
    """Make a company."""
    try:
        given = forms.typed_organisation()
        with unit_of_work():
            made = organisations.create_organisation(current_actor(), **given)
    except (Invalid, Conflict) as problem:
        return _list(problem), status_of(problem)
    flash(_("已建立企业。"), "good")
    return redirect(show.organisation_url(made), 303)


@blueprint.get(ONE)
@needs("organisation.read")
def organisation(organisation_id: int) -> str:
    """One company with everything around it."""
    return _page(access_organisation(current_actor(), organisation_id))


@blueprint.post(ONE)
@needs("organisation.edit")
def edit(organisation_id: int) -> Answer:
    """Change a company."""

    def save() -> None:
        given, version = forms.typed_organisation(), forms.number("version")
        organisations.update_organisation(current_actor(), organisation_id, version=version, **given)

    return _saved(organisation_id, "edit", save, _("已保存。"))


@blueprint.post(f"{ONE}/sites")
@needs("organisation.edit")
def add_site(organisation_id: int) -> Answer:
    """Add a site."""

    def save() -> None:
        given = {"name": forms.text("name"), "address": forms.text("address")}
        sites.create_site(current_actor(), organisation_id=organisation_id, **given)

    return _saved(organisation_id, "site", save, _("已加上现场。"))


@blueprint.post(f"{ONE}/contracts")
@needs("organisation.edit")
def add_contract(organisation_id: int) -> Answer:
    """Add a contract."""

    def save() -> None:
        contracts.create_contract(current_actor(), organisation_id=organisation_id, **forms.typed_contract())

    return _saved(organisation_id, "contract", save, _("已加上合同。"))


@blueprint.post(f"{ONE}/devices")
@needs("contact.edit")
def add_device(organisation_id: int) -> Answer:
    """Register a device."""

    def save() -> None:
        devices.create_device(current_actor(), organisation_id=organisation_id, **forms.typed_device())

    return _saved(organisation_id, "device", save, _("已登记设备。"))


def _saved(organisation_id: int, form: str, save: Callable[[], None], said: str) -> Answer:
    """Do it and go back to the page, or show the page with the form open and what is wrong in it."""
    access_organisation(current_actor(), organisation_id)
    try:
        with unit_of_work():
            save()
    except (Invalid, Conflict, Refused, Stale) as problem:
        row = access_organisation(current_actor(), organisation_id)
        return _page(row, form, problem), status_of(problem)
    flash(said, "good")
    return redirect(f"/organisations/{organisation_id}", 303)


def _list(problem: DeskError | None = None) -> str:
    actor, q, kind = current_actor(), forms.wanted("q"), request.args.get("kind", "")
    kind, cursor = kind if kind in ORGANISATION_KINDS else "", forms.asked("cursor")
    found = pages.organisations(actor, q=q, kind=kind, after=cursor)
    kinds = [{"value": value, "label": str(label)} for value, label in show.ORGANISATION_KINDS.items()]
    form = None
    if actor.can("organisation.edit"):
        errors, typed = (field_errors(problem), request.form) if problem else ({}, None)
        form = forms.filled(forms.organisation_fields(), errors, typed)
    return render_template(
        "directory/organisations.html",
        here="organisations",
        organisations=[show.organisation_row(row, found) for row in found.rows],
        q=q,
        selects=[{"name": "kind", "label": _("所有类型"), "value": kind, "options": kinds}],
        page=forms.page_links("/organisations", {"q": q, "kind": kind, "cursor": cursor}, len(found.rows), found.next),
        form=form,
        form_error=problem.text(_) if problem else None,
        form_open=problem is not None,
    )


def _page(row: Organisation, form_open: str | None = None, problem: DeskError | None = None) -> str:
    actor = current_actor()
    own: dict[str, Any] = {"edit": None, "site": None, "contract": None, "device": None}
    if actor.can("organisation.edit"):
        own["edit"] = forms.organisation_fields(row)
        own["site"] = forms.site_fields()
        own["contract"] = forms.contract_fields(actor)
    if actor.can("contact.edit"):
        own["device"] = forms.device_fields(actor, row.id)
    if problem is not None and form_open and own[form_open]:
        forms.filled(own[form_open], field_errors(problem), request.form)
    return render_template(
        "directory/organisation.html",
        here="organisations",
        **show.company_page(row, pages.company(actor, row)),
        can_edit=any(own.values()),
        forms=own,
        form_open=form_open,
        form_error=problem.text(_) if problem else None,
    )
