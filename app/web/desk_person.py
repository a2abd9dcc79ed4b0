"""Who asks, and about which machine: chosen beside the ticket, each choice with its way back."""

from typing import Any

from flask import Blueprint, Flask, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import askers, viewer
from app.core.directory import identities
from app.core.directory.access import access_contact, access_device, access_product
from app.core.directory.merging import family_ids
from app.core.errors import DeskError, NotFound
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.queries import ticket_page, timeline
from app.web import desk_answer as answer
from app.web import desk_context, desk_history, desk_show
from workflows import service
from workflows.access import access_ticket
from workflows.models import Ticket

blueprint = Blueprint("desk_person", __name__)
TICKET = "/desk/tickets/<int:number>"


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get(f"{TICKET}/people")
@viewer.needs("ticket.work", "contact.read")
def people(number: int) -> str:
    """People of the ticket's company to pick from; what nobody is called can be added as a new person."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    q = clean(request.args.get("name", "")).strip()[:80]
    found = ticket_page.people_of(actor, ticket.organisation, q) if ticket.organisation else []
    return render_template(
        "desk/_people.html",
        people=[desk_context.candidate(c) for c in found],
        pick_url=f"{desk_show.ticket_url(ticket)}/contact",
        may_add=actor.can("contact.edit") and bool(ticket.organisation),
        q=q,
    )


@blueprint.post(f"{TICKET}/contact")
@viewer.needs("ticket.work", "contact.read")
def pick_contact(number: int) -> Response:
    """Say which person of the company wrote: one of those known, a new one by name, or nobody again."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    before = ticket.contact_id or ""
    name = clean(request.form.get("name", "")).strip()[:120]
    try:
        with unit_of_work():
            ticket = access_ticket(actor, number)
            if name and not answer.number("contact"):
                askers.add_asker(actor, ticket, name)
            else:
                askers.set_asker(actor, ticket, askers.chosen(actor, answer.number("contact")))
    except NotFound:
        raise
    except DeskError as problem:
        return answer.refused(ticket, problem)
    said = _("联系人是%(name)s", name=ticket.contact.label) if ticket.contact else _("联系人改回待确认")
    return answer.done(ticket, said, undo=f"{desk_show.ticket_url(ticket)}/contact?contact={before}")


@blueprint.post(f"{TICKET}/device")
@viewer.needs("ticket.work")
def set_device(number: int) -> Response:
    """Say which machine the ticket is about; its product comes with it. Without a device: it is about none."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    before = (ticket.device_id or "", ticket.product_id or "")
    try:
        with unit_of_work():
            ticket = access_ticket(actor, number)
            device = access_device(actor, answer.number("device") or 0) if answer.number("device") else None
            product = device.product_id if device else _product(actor, ticket)
            service.classify(
                actor, ticket, kind=ticket.kind, impact=ticket.impact,
                product_id=product, device_id=device.id if device else None,
            )  # fmt: skip
    except NotFound:
        raise
    except DeskError as problem:
        return answer.refused(ticket, problem)
    said = _("本单设备：%(serial)s", serial=ticket.device.serial) if ticket.device else _("本单不再指向设备")
    url = f"{desk_show.ticket_url(ticket)}/device?device={before[0]}&product={before[1] or 0}"
    return answer.done(ticket, said, undo=url)


def _product(actor: Actor, ticket: Ticket) -> int | None:
    """The product that is named, 0 for none; the ticket keeps its own where nothing is said about it."""
    named = answer.number("product")
    if named is None:
        return ticket.product_id
    return access_product(actor, named).id if named else None


@blueprint.post(f"{TICKET}/identities/<int:identity_id>/share")
@viewer.needs("ticket.work", "contact.edit")
def share(number: int, identity_id: int) -> Response:
    """Mark an address of the ticket's person as used by several people of the company, or as theirs alone again."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    shared = request.values.get("shared") == "1"
    try:
        with unit_of_work():
            ticket = access_ticket(actor, number)
            found = identities.access_identity(actor, identity_id)
            if ticket.contact is None or found.contact_id not in family_ids(access_contact(actor, ticket.contact.id)):
                raise NotFound()
            if shared:
                identities.share_identity(actor, identity_id, ticket.organisation_id)
            else:
                identities.unshare_identity(actor, identity_id, ticket.contact.id)
            service.changed(ticket)
            said = _("%(value)s 记为多人共用", value=found.label) if shared else _("%(value)s 只归这位联系人", value=found.label)
    except NotFound:
        raise
    except DeskError as problem:
        return answer.refused(ticket, problem)
    back = f"{desk_show.ticket_url(ticket)}/identities/{identity_id}/share?shared={'0' if shared else '1'}"
    return answer.done(ticket, said, undo=back)


@blueprint.get(f"{TICKET}/said")
@viewer.needs("desk.use", "ticket.read")
def said(number: int) -> str:
    """What was said on this request, or with `all` everything with this person on every channel."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    return render_template("desk/_said.html", ticket=desk_show.head(ticket), **said_of(ticket, actor))


def wants_all(ticket: Ticket, actor: Actor) -> bool:
    return request.args.get("all") == "1" and ticket.contact is not None and actor.can("contact.read")


def said_of(ticket: Ticket, actor: Actor) -> dict[str, Any]:
    """What _said.html reads."""
    url = desk_show.ticket_url(ticket)
    everything = wants_all(ticket, actor)
    given: dict[str, Any] = {
        "all": everything,
        "said_url": f"{url}/said",
        "person": ticket.contact.label if ticket.contact and actor.can("contact.read") else None,
    }
    if everything and ticket.contact is not None:
        newest = timeline.newest_word(ticket, None)
        given |= desk_history.panel(actor, ticket.contact, f"{url}/said?all=1", here=ticket, newest_first=False)
        given |= {"seen": newest.id if newest else 0}
        return given
    return given | timeline_of(ticket, actor)


def timeline_of(found: Ticket, actor: Actor) -> dict[str, Any]:
    """What _timeline.html reads."""
    before = request.args.get("before", "")
    shown = timeline.timeline_of(found, before, actor=actor)
    url = desk_show.ticket_url(found)
    return {
        "timeline": desk_show.timeline_items(found, shown, actor),
        "earlier_url": desk_show.query(url, before=shown.earlier),
        "is_earlier": bool(before),
        "has_earlier": shown.earlier is not None,
        "timeline_url": desk_show.query(f"{url}/timeline", before=before),
        "seen": shown.newest_id,
        "changes": " ".join(
            [
                f"changed:ticket:{found.id}",
                *(f"changed:conversation:{n}" for n in shown.conversation_ids),
                *(f"changed:order:{n}" for n in shown.order_ids),
            ]
        ),
    }
