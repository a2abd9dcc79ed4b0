"""The web chats of a ticket as the desk sees them: who is there, what they look at, what they filled in; and ending one."""

from typing import Any

from flask import Blueprint, Flask, render_template
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core.errors import DeskError, NotFound
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.queries import chat_visitors
from app.web import desk_answer as answer
from app.web.desk_show import ticket_url
from channels.chat_ends import end_chat
from workflows.access import access_ticket
from workflows.models import Ticket

blueprint = Blueprint("desk_chat", __name__)
TICKET = "/desk/tickets/<int:number>"


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)
    flask.jinja_env.globals["chat_panel"] = panel


def panel(number: int) -> list[dict[str, Any]]:
    """What _visitor.html reads, for a ticket that the viewer may see."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    return [_shown(side, ticket, actor) for side in chat_visitors.chats_of(ticket)]


def _shown(side: chat_visitors.ChatSide, ticket: Ticket, actor: Actor) -> dict[str, Any]:
    visitor = side.visitor
    known = (visitor.external_id or "").partition(":")[2]
    return {
        "conversation": side.conversation.id,
        "name": visitor.shown_name,
        "verified": visitor.verified,
        "known_as": known if (visitor.external_id or "").startswith("site:") else "",
        "online": side.online,
        "seen_at": visitor.last_online_at,
        "language": _languages().get(visitor.language, visitor.language),
        "email": visitor.email,
        "phone": visitor.phone,
        "open": side.open,
        "since": side.since,
        "ahead": side.ahead,
        "pages": [{"url": p.url, "title": p.title or p.url, "at": p.at} for p in side.pages],
        "answers": list(side.answers.items()),
        "rating": side.rating.score if side.rating else None,
        "comment": side.rating.comment if side.rating else "",
        "end_url": f"{ticket_url(ticket)}/chats/{side.conversation.id}/end" if side.open and actor.can("ticket.work") else None,
    }


def _languages() -> dict[str, str]:
    return {"zh": _("中文"), "en": _("英文")}


@blueprint.get(f"{TICKET}/visitor")
@viewer.needs("desk.use", "ticket.read")
def visitor(number: int) -> str:
    """The panel alone, for the page that refreshes itself."""
    ticket = access_ticket(viewer.current_actor(), number)
    return render_template("desk/_visitor.html", ticket={"number": ticket.number, "url": ticket_url(ticket), "id": ticket.id})


@blueprint.post(f"{TICKET}/chats/<int:conversation_id>/end")
@viewer.needs("ticket.work")
def end(number: int, conversation_id: int) -> Response:
    """End a chat: the visitor is told and asked for a rating; their next word begins another session."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    if chat_visitors.access_chat(ticket, conversation_id) is None:
        raise NotFound()
    try:
        with unit_of_work():
            conversation = chat_visitors.access_chat(access_ticket(actor, number), conversation_id)
            if conversation is not None:
                end_chat(actor, conversation)
    except DeskError as problem:
        return answer.refused(ticket, problem)
    changed: dict[str, Any] = {f"changed:conversation:{conversation_id}": {}}
    return answer.done(ticket, _("会话已结束"), **changed)
