"""/contacts: people, the ways we know them, and finding out that two are one."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app.core.db import session
from app.core.directory import contacts, identities
from app.core.directory.access import access_contact, access_organisation
from app.core.directory.merging import FILLED, family_ids, kept, merge_contacts, unmerge_contacts
from app.core.errors import Conflict, DeskError, Invalid, NotFound, Refused, Stale
from app.core.people import Contact, ContactMerge, Identity
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.queries import directory_pages as pages
from app.queries.directory import contact_cards
from app.viewer import current_actor, needs
from app.web import desk_history
from app.web import directory_forms as forms
from app.web import directory_show as show
from app.web.desk_words import CONTRACTS
from app.web.errors import field_errors, status_of, words_of
from app.web.written import name_of

blueprint = Blueprint("contacts", __name__, url_prefix="/contacts")
ONE = "/<int(max=2147483647):contact_id>"
Answer = str | Response | tuple[str, int]
_REFUSALS = (Invalid, Conflict, Refused, Stale)


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@needs("contact.read")
def contact_list() -> str:
    """People, the newest first, fifty at a time."""
    return _list()


@blueprint.post("")
@needs("contact.edit")
def create() -> Answer:
    """Make a person."""
    known = [{"kind": kind, "value": forms.text(kind)} for kind in ("phone", "email") if forms.text(kind)]
    try:
        given = forms.typed_contact()
        with unit_of_work():
            made = contacts.create_contact(current_actor(), **given, identities=known)
    except (Invalid, Conflict) as problem:
        places = {f"identities.{n}.value": row["kind"] for n, row in enumerate(known)}
        problem.errors = {places.get(name, name): reasons for name, reasons in problem.errors.items()}
        return _list(problem), status_of(problem)
    flash(_("已建立联系人。"), "good")
    return redirect(show.contact_url(made), 303)


@blueprint.get(ONE)
@needs("contact.read")
def contact(contact_id: int) -> Answer:
    """One person; a merged one leads to the one that is kept."""
    row = access_contact(current_actor(), contact_id)
    if row.merged_into_id is not None:
        try:
            return redirect(show.contact_url(access_contact(current_actor(), kept(row).id)), 303)
        except NotFound:  # kept at a company that this reader does not see: then the merged one is all there is
            pass
    return _page(row)


@blueprint.post(ONE)
@needs("contact.edit")
def edit(contact_id: int) -> Answer:
    """Change a person."""

    def save() -> None:
        given, version = forms.typed_contact(), forms.number("version")
        contacts.update_contact(current_actor(), contact_id, version=version, **given)

    return _saved(contact_id, "edit", save, _("已保存。"))


@blueprint.post(f"{ONE}/identities")
@needs("contact.edit")
def add_identity(contact_id: int) -> Answer:
    """Add a way to reach this person."""

    def save() -> None:
        kind, value = forms.text("kind"), forms.text("value")
        identities.add_identity(current_actor(), contact_id, kind=kind, value=value)

    return _saved(contact_id, "identity", save, _("已加上渠道身份。"))


@blueprint.post(f"{ONE}/identities/<int(max=2147483647):identity_id>/remove")
@needs("contact.edit")
def remove_identity(contact_id: int, identity_id: int) -> Response:
    """Forget a way to reach this person."""

    def act() -> None:
        _own(contact_id, identity_id)
        identities.remove_identity(current_actor(), identity_id)

    return _done(contact_id, act, _("已移除。"))


@blueprint.post(f"{ONE}/identities/<int(max=2147483647):identity_id>/share")
@needs("contact.edit")
def share_identity(contact_id: int, identity_id: int) -> Response:
    """Say whether several people of the company use it."""

    def act() -> None:
        _own(contact_id, identity_id)
        if request.form.get("shared") == "1":
            identities.share_identity(current_actor(), identity_id)
        else:
            identities.unshare_identity(current_actor(), identity_id, contact_id)

    return _done(contact_id, act, _("已保存。"))


@blueprint.post(f"{ONE}/merge")
@needs("contact.edit")
def merge(contact_id: int) -> Response:
    """Make two contacts one person."""
    keep_id, merge_id = forms.number("keep"), forms.number("merge")

    def act() -> None:
        if keep_id is None or merge_id is None or contact_id not in (keep_id, merge_id):
            raise Invalid()
        merge_contacts(current_actor(), keep_id, merge_id)

    return _done(contact_id, act, _("已合并。可以在「合并过的」里撤销。"))


@blueprint.post(f"{ONE}/merges/<int(max=2147483647):merge_id>/undo")
@needs("contact.edit")
def undo_merge(contact_id: int, merge_id: int) -> Response:
    """Take a merge of this person's family apart again."""

    def act() -> None:
        row = session().get(ContactMerge, merge_id)
        if row is None or row.kept_id not in family_ids(access_contact(current_actor(), contact_id)):
            raise NotFound()
        unmerge_contacts(current_actor(), merge_id)

    return _done(contact_id, act, _("已撤销合并，各归各。"))


def _own(contact_id: int, identity_id: int) -> None:
    found = identities.access_identity(current_actor(), identity_id)
    if found.contact_id not in family_ids(access_contact(current_actor(), contact_id)):
        raise NotFound()


def _done(contact_id: int, act: Callable[[], None], said: str) -> Response:
    """Do it and go back to the page, with what was done or why not."""
    row = access_contact(current_actor(), contact_id)
    try:
        with unit_of_work():
            act()
        flash(said, "good")
    except _REFUSALS as problem:
        flash(words_of(problem), "bad")
    return redirect(show.contact_url(row), 303)


def _saved(contact_id: int, form: str, save: Callable[[], None], said: str) -> Answer:
    access_contact(current_actor(), contact_id)
    try:
        with unit_of_work():
            save()
    except _REFUSALS as problem:
        return _page(access_contact(current_actor(), contact_id), form, problem), status_of(problem)
    flash(said, "good")
    return redirect(f"/contacts/{contact_id}", 303)


def _list(problem: DeskError | None = None) -> str:
    actor, q = current_actor(), forms.wanted("q")
    organisation, cursor = forms.asked("organisation"), forms.asked("cursor")
    found = pages.contacts(actor, q=q, organisation=organisation, after=cursor)
    form = None
    if actor.can("contact.edit"):
        errors, typed = (field_errors(problem), request.form) if problem else ({}, None)
        form = forms.filled(forms.contact_fields(actor), errors, typed)
    return render_template(
        "directory/contacts.html",
        here="contacts",
        contacts=[show.contact_row(card, found) for card in found.rows],
        q=q,
        selects=[
            {
                "name": "organisation",
                "label": _("所有企业"),
                "value": str(organisation or ""),
                "options": forms.companies(actor),
            }
        ],
        page=forms.page_links(
            "/contacts", {"q": q, "organisation": organisation, "cursor": cursor}, len(found.rows), found.next
        ),
        form=form,
        form_error=problem.text(_) if problem else None,
        form_open=problem is not None,
    )


def _page(row: Contact, form_open: str | None = None, problem: DeskError | None = None) -> str:
    actor = current_actor()
    can_edit = actor.can("contact.edit")
    card = contact_cards([row])[0]
    own: dict[str, Any] = {"edit": None, "identity": None}
    if can_edit:
        own = {"edit": forms.contact_fields(actor, row), "identity": forms.identity_fields()}
        if problem is not None and form_open:
            forms.filled(own[form_open], field_errors(problem), request.form)
    merge_q = forms.wanted("merge_q") if can_edit else ""
    return render_template(
        "directory/contact.html",
        here="contacts",
        contact={
            "id": row.id,
            "url": show.contact_url(row),
            "name": show.name_of(row, card["identities"]),
            "title": row.title,
            "version": row.version,
            "language_label": show.LANGUAGES.get(row.language or "", ""),
            "note": row.note,
            "created_at": row.created_at,
        },
        organisation=show.company_ref(row.organisation) if _may_see(actor, row) else None,
        can_edit=can_edit,
        identities=[_identity(row, found, can_edit) for found in card["identities"]],
        add_identity=own["identity"],
        merges=[_merge(row, *found, can_edit) for found in pages.merges_of_family(row)],
        suggestions=[_suggestion(row, likely) for likely in pages.likely_same(actor, row)] if can_edit else [],
        merge_q=merge_q,
        found=[_found(row, other) for other in pages.people_found(actor, merge_q, row)] if merge_q else [],
        preview=_preview(actor, row) if can_edit else None,
        **desk_history.panel(actor, row, show.contact_url(row)),
        around=_around(actor, row),
        devices=[show.device_row(device) for device in pages.devices_of_contact(actor, row)],
        tickets=[show.ticket_row(ticket) for ticket in pages.tickets_of_contact(actor, row)],
        edit=own["edit"],
        form_open=form_open,
        form_error=problem.text(_) if problem else None,
    )


def _around(actor: Actor, row: Contact) -> dict[str, str]:
    """Level and account manager of the person's company."""
    company = row.organisation
    if company is None or not _may_see(actor, row):
        return {}
    level = pages.levels(actor, [company.id]).get(company.id, "")
    return {"level": str(CONTRACTS.get(level, level)), "manager": company.manager.label if company.manager else ""}


def _may_see(actor: Actor, row: Contact) -> bool:
    try:
        return row.organisation_id is not None and bool(access_organisation(actor, row.organisation_id))
    except NotFound:
        return False


def _identity(row: Contact, found: Identity, can_edit: bool) -> dict[str, Any]:
    url = f"{show.contact_url(row)}/identities/{found.id}"
    return {
        **show.identity(found),
        "remove_url": f"{url}/remove" if can_edit else None,
        "share_url": f"{url}/share" if can_edit else None,
    }


def _merge(row: Contact, done: ContactMerge, merged: Contact, own: list[Identity], can_edit: bool) -> dict[str, Any]:
    return {
        "name": show.name_of(merged, own),
        "at": done.merged_at,
        "by": name_of(done.merged_by),
        "identities": [i.label for i in own],
        "filled": [str(show.CONTACT_FIELDS.get(name, name)) for name in done.filled],
        "undo_url": f"{show.contact_url(row)}/merges/{done.id}/undo" if can_edit else None,
    }


def _suggestion(row: Contact, likely: pages.Likely) -> dict[str, Any]:
    other = likely.contact
    return {
        "id": other.id,
        "name": show.name_of(other, other.identities),
        "url": show.contact_url(other),
        "organisation": other.organisation.label if other.organisation else "",
        "why": _("同名，同一家企业") if likely.why == "company" else _("同名"),
        "preview_url": f"{show.contact_url(row)}?merge={other.id}",
    }


def _found(row: Contact, card: dict[str, Any]) -> dict[str, Any]:
    other: Contact = card["contact"]
    return {
        "id": other.id,
        "name": show.name_of(other, card["identities"]),
        "url": show.contact_url(other),
        "organisation": other.organisation.label if other.organisation else "",
        "identities": [i.label for i in card["identities"]],
        "preview_url": f"{show.contact_url(row)}?merge={other.id}",
    }


def _preview(actor: Actor, keep: Contact) -> dict[str, Any] | None:
    """Both people side by side, and what the kept one would be afterwards."""
    other_id = forms.asked("merge")
    if other_id is None:
        return None
    gone = kept(access_contact(actor, other_id))
    if gone.id == kept(keep).id:
        return None
    cards = contact_cards([keep, gone])
    rows = [
        {"label": str(show.CONTACT_FIELDS[name]), "keep": mine, "gone": theirs, "result": mine or theirs}
        for name in FILLED
        for mine, theirs in [(_shown(keep, name), _shown(gone, name))]
    ]
    people = [
        {
            "id": card["contact"].id,
            "name": show.name_of(card["contact"], card["identities"]),
            "organisation": card["contact"].organisation.label if card["contact"].organisation else "",
            "identities": [i.label for i in card["identities"]],
            "tickets": pages.number_of_tickets(actor, card["contact"]),
        }
        for card in cards
    ]
    return {"keep": people[0], "gone": people[1], "rows": rows, "url": f"{show.contact_url(keep)}/merge"}


def _shown(contact: Contact, name: str) -> str:
    if name == "organisation_id":
        return contact.organisation.label if contact.organisation else ""
    if name == "language":
        return show.LANGUAGES.get(contact.language or "", "")
    return str(getattr(contact, name) or "")
