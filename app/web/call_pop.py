"""The screen pop: a card on any page of the one whose telephone rings, with everything about the caller, then a line for
notes, then the form of the wrap-up."""

import json
from typing import Any

from flask import Blueprint, Flask, flash, make_response, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.calls import people as call_people
from app.core.directory.access import access_contact, access_organisation
from app.core.errors import DeskError, NotFound
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.queries import calls
from app.queries.caller import Caller, caller_of
from app.queries.ticket_page import people_of
from app.queries.tickets import search_contacts
from app.web import call_show, call_words, desk_wraps
from app.web import desk_answer as answer
from app.web.desk_show import query
from app.web.errors import words_of
from app.web.frame import exists
from channels.calls.models import Call
from workflows import wrap_ups
from workflows.wrap_models import CALL

blueprint = Blueprint("call_pop", __name__)


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/desk/calls/card")
@viewer.needs("desk.use", "ticket.read")
def current() -> str:
    """The card of the call that this person is in; nothing where there is none."""
    actor = viewer.current_actor()
    found = calls.current_call(actor)
    return _card(found, actor) if found is not None else ""


@blueprint.get("/desk/calls/<int:call_id>/card")
@viewer.needs("desk.use", "ticket.read")
def card(call_id: int) -> str:
    """The card of a call that rings."""
    actor = viewer.current_actor()
    return _card(calls.access_call(actor, call_id), actor)


def _card(call: Call, actor: Actor) -> str:
    written = wrap_ups.wrap_up_of(CALL, call.id)
    state = "ring" if call.outcome is None and not call.answered_at else "talk" if call.outcome is None else "end"
    if state == "end" and call.outcome != "answered":
        state = "missed"
    found = caller_of(actor, call)
    works = actor.can("ticket.work")
    return render_template(
        "desk/_call_card.html",
        state=state,
        call=call_show.row(call, written),
        queue=call.queue or "",
        since=call.answered_at or call.started_at or call.created_at,
        who=call_show.caller(found, call, actor),
        card=actions(call, actor, found),
        note=written.note if written else "",
        note_url=f"/desk/calls/{call.id}/note" if works else None,
        wrap=desk_wraps.form_of_call(actor, call, found) if state == "end" and works and not (written and written.done_at) else None,
        wrapped=call_show.wrap_words(written) if written and written.done_at else "",
    )


def actions(call: Call, actor: Actor, found: Caller | None = None) -> dict[str, Any]:
    """Where the keys of the card go."""
    works = actor.can("ticket.work")
    return {
        "url": call_show.call_url(call),
        "new_ticket": query("/desk/tickets/new", call=call.id) if actor.can("ticket.create") else None,
        "pick": f"/desk/calls/{call.id}/contact" if works and actor.can("contact.read") else None,
        "people": f"/desk/calls/{call.id}/people" if works and actor.can("contact.read") else None,
        "may_add": works and actor.can("contact.edit"),
        "recording": recording_url(call, actor),
    }


def recording_url(call: Call, actor: Actor) -> str | None:
    """Where the recording can be heard, past its own gate."""
    return f"/desk/calls/{call.id}/recording" if call.recording and exists("/desk/calls/<>/recording") else None


@blueprint.get("/desk/calls/<int:call_id>/people")
@viewer.needs("ticket.work", "contact.read")
def people(call_id: int) -> str:
    """People to pick from for the words typed so far: of the company that the number names, else anybody."""
    actor = viewer.current_actor()
    call = calls.access_call(actor, call_id)
    q = clean(request.args.get("name", "")).strip()[:80]
    company = access_organisation(actor, call.organisation_id) if call.organisation_id else None
    found = people_of(actor, company, q, limit=9) if company is not None else []
    if not found and len(q) >= 2:
        found = search_contacts(actor, q, 9)
    return render_template(
        "desk/_call_people.html", people=[call_show.candidate(c) for c in found], card=actions(call, actor), q=q
    )


@blueprint.post("/desk/calls/<int:call_id>/contact")
@viewer.needs("ticket.work", "contact.read")
def set_contact(call_id: int) -> Response:
    """Say who it is: somebody known, or a new person by name."""
    actor = viewer.current_actor()
    call = calls.access_call(actor, call_id)
    name = answer.typed("name", 120).strip()
    try:
        with unit_of_work():
            call = calls.access_call(actor, call_id)
            if answer.number("contact"):
                person = call_people.set_caller(actor, call, access_contact(actor, answer.number("contact") or 0))
            else:
                person = call_people.add_caller(actor, call, name[:120], answer.number("organisation"))
    except NotFound:
        raise
    except DeskError as problem:
        return _answered(call, words_of(problem), status=answer.status(problem))
    return _answered(call, _("联系人是%(name)s", name=person.label))


@blueprint.post("/desk/calls/<int:call_id>/note")
@viewer.needs("ticket.work")
def note(call_id: int) -> Response:
    """Keep what is typed during the call."""
    actor = viewer.current_actor()
    call = calls.access_call(actor, call_id)
    with unit_of_work():
        wrap_ups.keep_note(actor, CALL, call.id, answer.typed("note", 2000)[:2000])
    if not answer.is_piece():
        return redirect(call_show.call_url(call), 303)
    return make_response("", 204)


def _answered(call: Call, said: str, status: int = 204) -> Response:
    if not answer.is_piece():
        flash(said, "good" if status < 400 else "bad")
        return redirect(call_show.call_url(call), 303)
    response = make_response("", status)
    response.headers["HX-Reswap"] = "none"
    toast = {"text": said} if status < 400 else {"text": said, "seconds": 8}
    response.headers["HX-Trigger"] = json.dumps({"call-changed": {"call": call.id}, "toast": toast})
    return response


def prefill(actor: Actor, call: Call) -> dict[str, Any]:
    """What the form of a new ticket holds when it is opened from a call: who, how, what was noted, and the machine that
    the person's last request was about, or the only one that the company has."""
    found = caller_of(actor, call)
    written = wrap_ups.wrap_up_of(CALL, call.id)
    given: dict[str, Any] = {"channel": "calls", "call": call.id, "text": written.note if written else ""}
    if found.contact is not None:
        given["contact"] = found.contact.id
    elif call.number:
        given["phone"] = call_words.number_word(call.number)
        given["organisation"] = found.organisation.id if found.organisation else ""
    if len(found.devices) == 1:
        given["device"] = found.devices[0].id
    return given
