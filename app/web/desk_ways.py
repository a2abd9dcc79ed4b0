"""What may still be sent, on which other channels the customer can be reached, and what did not go out."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer, ways
from app.core.clock import now
from app.core.permissions import Actor
from app.core.text import unpack
from app.queries import ticket_page, timeline, unsent
from app.queries.ways import CALL, Way, ways_of
from app.web import desk_answer as answer
from app.web import desk_message
from app.web import desk_words as words
from app.web.call_words import number_word
from app.web.desk_show import ticket_url
from channels import windows
from channels.media import fetch_again
from channels.models import Conversation, Message
from channels.sending import give_up
from workflows import service
from workflows.access import access_ticket
from workflows.models import Ticket

blueprint = Blueprint("desk_ways", __name__)
SHOWN = 3


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


def window(ticket: Ticket, conversation: Conversation | None) -> dict[str, Any]:
    """What _window.html reads: how much may still be sent on this conversation, and where else where it is little."""
    left = windows.left(conversation) if conversation is not None else None
    shown: dict[str, Any] = {"text": "", "tone": "", "why": "", "waits": False, "ways": []}
    if left is not None and left.messages > 0 and left.until is not None:
        time = words.duration(left.until - now())
        shown["text"] = _("还可发 %(n)s 条，剩 %(time)s", n=left.messages, time=time)
        if left.messages <= max(left.reserve, 1):
            shown["tone"] = "warn"
            shown["why"] = _("这是平台允许的最后一条，最好留给处理结果。") if left.messages == 1 else ""
    elif left is not None:
        shown |= {"text": _("现在不能发"), "tone": "bad", "why": unpack(left.refusal, _), "waits": left.waits}
    if shown["tone"] == "bad" or conversation is None:
        shown["ways"] = [way(one, ticket) for one in ways_of(ticket, conversation.id if conversation else None) if one.open][:SHOWN]
    return {"window": shown, "conversation_id": conversation.id if conversation else ""}


def way(found: Way, ticket: Ticket) -> dict[str, Any]:
    """A way as a button."""
    value = found.identity.label
    if found.channel == CALL:
        label, url = _("打电话 %(number)s", number=number_word(value)), None
    else:
        label = _("用%(channel)s", channel=words.channel_word(found.channel)) + ("" if found.identity.kind in ("openid", "wecom", "visitor", "app", "weibo") else f" {value}")
        url = f"{ticket_url(ticket)}/ways"
    return {
        "channel": "calls" if found.channel == CALL else found.channel,
        "label": label,
        "url": url,
        "tel": f"tel:{found.identity.value}" if found.channel == CALL else None,
        "identity": found.identity.id,
        "by": found.channel,
        "open": found.open,
        "why": unpack(found.left.refusal, _) if found.left and found.left.refusal else "",
        "doubt": _("未核实") if found.identity.suspect else _("多人共用") if found.identity.shared else "",
        "left": _("还可发 %(n)s 条", n=found.left.messages) if found.left and found.left.messages else "",
    }


@blueprint.get("/desk/tickets/<int:number>/window")
@viewer.needs("ticket.work")
def window_part(number: int) -> str:
    """What may still be sent on the chosen conversation; fetched again as time goes by."""
    ticket = access_ticket(viewer.current_actor(), number)
    lines = ticket_page.lines_of(ticket)
    wanted = answer.number("conversation")
    line = next((x for x in lines if wanted in (None, x.conversation.id)), None)
    return render_template("desk/_window.html", ticket=_ref(ticket), **window(ticket, line.conversation if line else None))


def _ref(ticket: Ticket) -> dict[str, Any]:
    return {"id": ticket.id, "number": ticket.number, "url": ticket_url(ticket)}


@blueprint.get("/desk/tickets/<int:number>/ways")
@viewer.needs("ticket.work")
def ways_form(number: int) -> str:
    """All ways to the customer; with `message` its words go along."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    message_id = answer.number("message")
    message = timeline.access_message(actor, message_id) if message_id else None
    but = message.conversation_id if message is not None else answer.number("conversation")
    given = {
        "ticket": _ref(ticket),
        "ways": [way(one, ticket) for one in ways_of(ticket, but)],
        "message": message.id if message is not None else None,
    }
    return render_template("desk/_ways.html" if answer.is_piece() else "desk/ways.html", **given)


@blueprint.post("/desk/tickets/<int:number>/ways")
@viewer.needs("ticket.work")
def take_way(number: int) -> Response:
    """Go on with the customer on another channel: the composer comes back, set to it."""
    by, message_id = answer.typed("by", 16), answer.number("message")

    def open_it(actor: Actor, ticket: Ticket) -> dict[str, Any]:
        conversation = ways.open_way(actor, ticket, answer.number("identity") or 0, by)
        if message_id:
            ways.take_along(actor, ticket, timeline.access_message(actor, message_id))
        page = ticket_url(ticket)
        return {"back": {"page": page, "url": f"{page}/composer?conversation={conversation.id}", "keep": message_id is None}}

    return answer.carried_out(number, open_it, _("接着用%(channel)s回复", channel=words.channel_word(by)))


@blueprint.post("/desk/messages/<int:message_id>/settled")
@viewer.needs("ticket.work")
def settled(message_id: int) -> Response:
    """Say that a message that did not go out is not needed any more."""
    return _about(message_id, give_up, _("记下了：这条不用再发"))


@blueprint.post("/desk/messages/<int:message_id>/media")
@viewer.needs("ticket.work")
def fetch_media(message_id: int) -> Response:
    """Have the files of a message that could not be fetched tried once more."""
    return _about(message_id, fetch_again, _("正在再取一次"))


def _about(message_id: int, act: Callable[[Actor, int], Any], said: str) -> Response:
    """Do it with a message; its ticket shows what became of it."""
    actor = viewer.current_actor()

    def do(actor: Actor, ticket: Ticket) -> None:
        act(actor, message_id)
        service.changed(ticket)

    return answer.carried_out(timeline.ticket_of_message(actor, timeline.access_message(actor, message_id)).number, do, said)


@blueprint.get("/desk/unsent")
@viewer.needs("desk.use", "ticket.read")
def unsent_list() -> str:
    """Everything of ours that did not go out, waits for the customer, or nobody knows whether it arrived."""
    actor = viewer.current_actor()
    state = request.args.get("state", "")
    page = unsent.unsent(actor, state if state in unsent.STATES else "", answer.number("before"))
    tabs = [{"label": _("全部"), "url": "/desk/unsent", "here": state not in unsent.STATES, "count": sum(page.counts.values())}]
    tabs += [
        {"label": str(words.DELIVERY[name]), "url": f"/desk/unsent?state={name}", "here": state == name, "count": page.counts.get(name, 0)}
        for name in unsent.STATES
    ]
    older = f"/desk/unsent?state={state}&before={page.before}" if page.before else None
    return render_template("desk/unsent.html", rows=[_row(one, actor) for one in page.rows], tabs=tabs, older=older)


def _receiver(found: Message) -> str:
    """Whom it was for: a name where the channel only has codes, else the address."""
    conversation = found.conversation
    name = conversation.contact.label if conversation.contact else ""
    return name if conversation.account.kind in words.CODED_CHANNELS else found.to_address or name


def _row(one: unsent.Unsent, actor: Actor) -> dict[str, Any]:
    found, ticket = one.message, one.ticket
    return {
        "id": found.id,
        "number": ticket.number,
        "url": f"{ticket_url(ticket)}#m-{found.id}",
        "subject": ticket.subject,
        "to": _receiver(found),
        "author": _("系统") if found.author_kind == "system" else found.author_name,
        "channel": found.conversation.account.kind,
        "channel_label": words.channel_word(found.conversation.account.kind),
        "account": found.conversation.account.slug,
        "text": desk_message.hide_keys(" ".join(found.visible_text.split()))[:160],
        "at": found.created_at,
        "delivery": desk_message.delivery(found, actor, ticket),
    }
