"""/r/<signed>: how a request stands, like a parcel, for whoever holds the link we sent; and what they say to it.

Reading changes nothing, however often a mail scanner opens the link. Each answer is a form that a person submits.
"""

import secrets
from dataclasses import replace
from typing import Any

from flask import Blueprint, Flask, flash, make_response, redirect, render_template, request
from flask import session as cookie
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import asking, letters, progress, viewer
from app.core.errors import DeskError, NotFound, Stale
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.queries import portal as queries
from app.web import progress_show as show
from app.web.desk_files import deliver
from app.web.errors import words_of
from app.web.security import limiter
from channels.accounts import mailbox_that_sends
from channels.base import InboundFile
from channels.models import Message
from workflows.models import Ticket
from workflows.ticket_guards import within_reopen_time
from workflows.tickets import TICKET

blueprint = Blueprint("progress", __name__, url_prefix="/r/<signed>")
LONGEST = 4000


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.public
@limiter.limit("120 per minute")
def page(signed: str) -> Response:
    """Where the request stands, what is next, and what was said."""
    return _page(_ticket(signed), signed)


@blueprint.get("/pulse")
@viewer.public
@limiter.limit("240 per minute")
def pulse(signed: str) -> Response:
    """A short word that changes when the page would: asked every few seconds by a page that is looked at."""
    ticket = _ticket(signed)
    return _private(make_response(queries.pulse_of(ticket, progress.holder_of(ticket)), {"Content-Type": "text/plain"}))


@blueprint.get("/files/<int(max=2147483647):file_id>")
@viewer.public
@limiter.limit("240 per minute")
def file(signed: str, file_id: int) -> Response:
    """A file of a message that this page shows."""
    ticket = _ticket(signed)
    return deliver(queries.access_said_file(ticket, progress.holder_of(ticket), file_id))


@blueprint.post("")
@viewer.public
@limiter.limit("30 per minute")
def answer(signed: str) -> Response:
    """Solved (with a score and words) or not (with words, and it goes on)."""
    ticket = _ticket(signed)
    given = {name: clean(request.form.get(name, "")).strip()[:LONGEST] for name in ("solved", "rating", "comment", "once")}
    rating = int(given["rating"]) if given["rating"] in ("1", "2", "3", "4", "5") else None
    if given["solved"] not in ("0", "1") or (given["rating"] and rating is None):
        return _page(ticket, signed, given, _("请选「解决了」或「没解决」。"), 422)
    try:
        with unit_of_work():
            ticket = _ticket(signed)
            actor = _asker(ticket)
            if given["solved"] == "1":
                progress.confirm_solved(actor, ticket, rating=rating, comment=given["comment"])
            else:
                progress.deny_solved(actor, ticket, given["comment"], given["once"], rating=rating)
    except Stale:
        pass  # somebody moved the ticket at the same moment; the page shows how it stands now
    except DeskError as problem:
        return _page(_ticket(signed), signed, given, words_of(problem), 409)
    return redirect(f"/r/{signed}", 303)


@blueprint.post("/reply")
@viewer.public
@limiter.limit("30 per minute")
def reply(signed: str) -> Response:
    """A word more, or files, to whoever works on it."""
    words, once = clean(request.form.get("text", "")).strip()[:LONGEST], request.form.get("once", "")[:100]
    quick = request.form.get("quick") == "solved"
    if quick:
        words = _("问题已经解决了，可以结束。")
    sent = [f for f in request.files.getlist("files") if f.filename][: asking.MOST_FILES + 1]
    files = [
        InboundFile(f.filename or "", f.mimetype or "application/octet-stream", f.stream.read(asking.LARGEST_FILE + 1)) for f in sent
    ]
    if len(files) > asking.MOST_FILES or any(len(f.content) > asking.LARGEST_FILE for f in files):
        said = _("最多 6 个文件，每个 10 MB。文件没有发出，写的话还在下面。")
        return _page(_ticket(signed), signed, {"text": words}, said, 422)
    with unit_of_work():
        ticket = _ticket(signed)
        if quick and _is_fine(_messages(ticket)):
            return redirect(f"/r/{signed}", 303)
        if words or files:
            progress.say(_asker(ticket), ticket, words or _("（见附件）"), once, files)
    return redirect(f"/r/{signed}", 303)


@blueprint.post("/urge")
@viewer.public
@limiter.limit("10 per minute")
def urge(signed: str) -> Response:
    """Ask for haste: it reaches everybody who holds the request, but once in a while only."""
    try:
        with unit_of_work():
            ticket = _ticket(signed)
            progress.urge(_asker(ticket), ticket)
        flash(_("已催办 %(number)s，处理的人都收到了。", number=ticket.number), "good")
    except Stale:
        flash(_("请求刚有变化，请看最新进展。"), "warn")
    except DeskError as problem:
        flash(words_of(problem), "warn")
    return redirect("/requests" if request.form.get("next") == "/requests" else f"/r/{signed}", 303)


def _messages(ticket: Ticket) -> list[Message]:
    return queries.public_messages(queries.conversations_of(ticket, progress.holder_of(ticket)))


def _is_fine(messages: list[Message]) -> bool:
    """Whether the last word is the customer's, by the button: solved, it can be closed. Said once is enough."""
    return bool(messages) and messages[0].direction == "in" and messages[0].text.strip() == _("问题已经解决了，可以结束。")


def _ticket(signed: str) -> Ticket:
    ticket_id = letters.read_signed(signed)
    ticket = progress.access_request(ticket_id) if ticket_id is not None else None
    if ticket is None:
        raise NotFound()
    return ticket


def _asker(ticket: Ticket) -> Actor:
    """Whoever holds the link speaks as the customer; the administrator of the same company under their own name."""
    asker, user = progress.asker(ticket), viewer.current_actor()
    if user.kind == "user" and user.role == "client" and user.organisation_id == ticket.organisation_id is not None:
        return replace(asker, name=user.name, via=progress.COLLEAGUE)
    return asker


def _page(
    ticket: Ticket, signed: str, given: dict[str, str] | None = None, error: str | None = None, status: int = 200
) -> Response:
    holder = progress.holder_of(ticket)
    merged, url, open_ = holder is not ticket, f"/r/{signed}", holder.state not in TICKET.ends
    asked = ticket.state == "following_up"
    again = ticket.state == "closed" and within_reopen_time(ticket, progress.asker(ticket), {}) is None
    messages = _messages(ticket)
    given = given or {}
    context: dict[str, Any] = {
        "ticket": {
            "number": ticket.number,
            "subject": ticket.subject,
            "state": holder.state,
            "state_label": str(show.STAGES.get(holder.state, "")),
            "product": ticket.product.name if ticket.product else None,
            "created_at": ticket.created_at,
            "closed": not open_,
        },
        "sent": cookie.pop("sent", None) == ticket.number if cookie.get("sent") == ticket.number else False,
        "by_mail": mailbox_that_sends() is not None and any("@" in (m.to_address or "") for m in messages if m.direction == "in"),
        "link": letters.progress_link(ticket),
        "now": show.now_of(holder, holder.number if merged else None),
        "steps": show.stages(holder),
        "orders": show.orders(holder) if not merged else [],
        "way": show.way(ticket, messages, signed),
        "followup": {"url": url, "error": error, "values": given} if asked else None,
        "again": {"url": url, "error": error} if again else None,
        "answered": show.answered(ticket),
        "reply": {"url": f"{url}/reply", "error": error, "text": given.get("text", ""), "fine": _is_fine(messages)} if open_ and not asked else None,
        "urge": show.urge_of(holder, f"{url}/urge"),
        "pulse": queries.pulse_of(ticket, holder) if open_ else "",
        "pulse_url": f"{url}/pulse",
        "once": secrets.token_urlsafe(9),
        "here": "requests",
        "meta": {"robots": "noindex"},
    }
    return _private(make_response(render_template("portal/progress.html", **context), status))


def _private(response: Response) -> Response:
    """The address is the key: it is kept nowhere and told to nobody."""
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response
