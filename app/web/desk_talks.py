"""/desk/talks (未成工单): people who have begun to talk and of whom there is no ticket yet."""

from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import talks, viewer
from app.core.uow import unit_of_work
from app.queries import talks as queries
from app.queries.messages import access_conversation
from app.web.desk_show import ticket_url
from app.web.desk_words import CHANNELS

blueprint = Blueprint("desk_talks", __name__)
PAGE, ROW = "/desk/talks", "/desk/talks/<int(max=2147483647):conversation_id>"


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get(PAGE)
@viewer.needs("desk.use", "ticket.read")
def waiting() -> str:
    """Who waits longest first."""
    return render_template("desk/talks.html", here="desk", rows=[_row(talk) for talk in queries.waiting(viewer.current_actor())])


@blueprint.post(f"{ROW}/ticket")
@viewer.needs("ticket.work")
def open_one(conversation_id: int) -> Response:
    """Open a ticket of it, and answer there."""
    actor = viewer.current_actor()
    access_conversation(actor, conversation_id)
    with unit_of_work():
        ticket = talks.open_from_talk(actor, access_conversation(actor, conversation_id))
        address = ticket_url(ticket)
    return redirect(address, 303)


@blueprint.post(f"{ROW}/leave")
@viewer.needs("ticket.work")
def leave(conversation_id: int) -> Response:
    """Take it from the list."""
    actor = viewer.current_actor()
    access_conversation(actor, conversation_id)
    with unit_of_work():
        talks.leave_talk(actor, access_conversation(actor, conversation_id))
    flash(_("已从列表里去掉。他再说话时照常处理。"), "good")
    return redirect(PAGE, 303)


def _row(talk: queries.Talk) -> dict[str, Any]:
    found = talk.conversation
    contact = found.contact
    return {
        "name": contact.label if contact else found.identity.label if found.identity else _("访客"),
        "company": contact.organisation.label if contact and contact.organisation else "",
        "person_url": f"/contacts/{contact.id}" if contact else None,
        "channel": found.account.kind,
        "channel_label": str(CHANNELS.get(found.account.kind, found.account.kind)),
        "text": talk.text[:200],
        "at": talk.at,
        "since": talk.since,
        "url": f"{PAGE}/{found.id}",
    }
