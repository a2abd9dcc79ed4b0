"""How the desk answers a form: done, with what changed; or the form again, with what is wrong and everything typed."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from flask import flash, make_response, redirect, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core import errors
from app.core.db import session
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.web.errors import status_of, words_of
from workflows.access import access_ticket
from workflows.models import Ticket


def is_piece() -> bool:
    """Whether a page asked for a part of itself."""
    return request.headers.get("HX-Request") == "true"


def typed(name: str, longest: int = 50_000) -> str:
    """A field of the form, without what no database accepts."""
    return clean(request.form.get(name, ""))[: longest + 1]


def number(name: str) -> int | None:
    """A field that holds an id; anything else is nothing."""
    text = request.values.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and 0 < len(text) <= 9 else None


def numbers(name: str) -> list[int]:
    given = [v for v in request.values.getlist(name) if v.isascii() and v.isdecimal() and len(v) <= 9]
    return [int(v) for v in dict.fromkeys(given)]


HOWS = frozenset({"text", "link", "card", "phone", "copied"})
"""As what an article is used: its words, its link, a card, read aloud, or taken along by hand."""


def hows() -> dict[int, str]:
    """As what each article of the form goes, by its id: fields `how` with `12:link`."""
    found = {}
    for given in request.form.getlist("how"):
        number_, _sign, how = given.partition(":")
        if number_.isascii() and number_.isdecimal() and len(number_) <= 9 and how in HOWS:
            found[int(number_)] = how
    return found


def status(problem: errors.DeskError) -> int:
    """Pages of the desk tell a row that moved on (412) from a step that is refused (409)."""
    return 412 if isinstance(problem, errors.Stale) else status_of(problem)


def done(ticket: Ticket, said: str, *, undo: str = "", seconds: float = 15, **events: Any) -> Response:
    """The write is committed: the dialog closes, the parts that show the ticket fetch themselves, a toast says it.
    `undo` is the address that takes it back, offered for `seconds`."""
    if not is_piece():
        flash(said, "good")
        return redirect(f"/desk/tickets/{ticket.number}", 303)
    toast: dict[str, Any] = {"text": said}
    if undo:
        toast |= {"undo": undo, "seconds": seconds, "page": f"/desk/tickets/{ticket.number}"}
    told = {"close-dialog": {}, f"changed:ticket:{ticket.id}": {}, **events, "toast": toast}
    response = make_response("", 204)
    response.headers["HX-Trigger"] = json.dumps(told)
    return response


def refused(ticket: Ticket, problem: errors.DeskError) -> Response:
    """A button without a form was refused: say why, and show what is there now."""
    said = words_of(problem)
    if not is_piece():
        session().rollback()
        flash(said, "bad")
        return redirect(f"/desk/tickets/{ticket.number}", 303)
    response = make_response("", status(problem))
    response.headers["HX-Reswap"] = "none"
    response.headers["HX-Trigger"] = json.dumps(
        {f"changed:ticket:{ticket.id}": {}, "toast": {"text": said, "seconds": 8}}
    )
    return response


def carried_out(number_: int, act: Callable[[Actor, Ticket], Mapping[str, Any] | None], said: str) -> Response:
    """What a button without a form does with a ticket, in one unit of work: done, or refused on the ticket as it stands
    now. What `act` gives goes along with the answer (see `done`)."""
    actor = viewer.current_actor()
    access_ticket(actor, number_)
    try:
        with unit_of_work():
            ticket = access_ticket(actor, number_)
            more = act(actor, ticket) or {}
    except errors.DeskError as problem:
        session().rollback()
        return refused(access_ticket(actor, number_), problem)
    return done(ticket, said, **more)


def again(problem: errors.DeskError, form: Callable[[errors.DeskError], str]) -> Response:
    """The form once more, with what was typed; the rows are read anew, so that it shows what stands now."""
    session().rollback()
    return make_response(form(problem), status(problem))


def version() -> int | None:
    """The version that the person saw, where the form carries it."""
    return number("version")


def kept_note() -> str:
    return _("你写的内容还在下面。")
