"""Moving words to the ticket where they belong: the form, the undo, and the answer to a proposal."""

from typing import Any

from flask import Blueprint, Flask, make_response, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import moving, viewer
from app.core.db import session
from app.core.errors import DeskError, NotFound
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.queries import ticket_page, timeline
from app.web import desk_answer as answer
from app.web import desk_words as words
from app.web.desk_show import ticket_url
from app.web.errors import field_errors, words_of
from channels.models import Message
from workflows.access import access_ticket
from workflows.models import FIRST_NUMBER, Ticket
from workflows.move_models import MessageMove

blueprint = Blueprint("desk_moves", __name__)
WHAT = ("one", "following", "conversation")


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/desk/tickets/<int:number>/move")
@viewer.needs("ticket.work")
def form(number: int) -> str:
    """Where a message, what follows it, or its conversation should go."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    return _form(actor, ticket, _message(actor, ticket), None)


def _message(actor: Actor, ticket: Ticket) -> Message:
    """The message named, else the customer's newest word of this ticket."""
    wanted = answer.number("message")
    found = timeline.access_message(actor, wanted) if wanted else timeline.newest_word(ticket, None)
    if found is None:
        raise NotFound()
    return found


def _form(actor: Actor, ticket: Ticket, message: Message, problem: DeskError | None) -> str:
    typed = request.form if problem else {}
    wrong = field_errors(problem) if problem else {}
    others = [
        {"number": other.number, "subject": other.subject, "state": words.state_word(other.state)}
        for other in ticket_page.open_of_same_customer(actor, ticket)
    ]
    given: dict[str, Any] = {
        "ticket": {"number": ticket.number, "url": ticket_url(ticket)},
        "message": {
            "id": message.id,
            "author": message.author_name,
            "text": " ".join(message.visible_text.split())[:160],
            "why": str(words.PLACED.get(message.placed, "")) if message.direction == "in" else "",
        },
        "others": others,
        "what": typed.get("what", "following"),
        "into": typed.get("into", ""),
        "subject": typed.get("subject", "") or " ".join(message.visible_text.split())[:60],
        "error": words_of(problem) if problem and not wrong else None,
        "wrong": wrong,
    }
    return render_template("desk/_move.html" if answer.is_piece() else "desk/move.html", **given)


@blueprint.post("/desk/tickets/<int:number>/move")
@viewer.needs("ticket.work")
def move(number: int) -> Response:
    """Move it; the toast takes it back."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    message = _message(actor, ticket)
    what = answer.typed("what", 16)
    into = answer.typed("into", 20).strip().lstrip("#＃")
    try:
        with unit_of_work():
            ticket, message = access_ticket(actor, number), _message(actor, ticket)
            target = None
            if into != "new":
                wanted = int(into) if into.isascii() and into.isdecimal() and len(into) < 10 else 0
                target = access_ticket(actor, wanted, field="into")
            subject = answer.typed("subject", 300)
            if what == "conversation":
                done = moving.move_conversation(actor, ticket, message.conversation, to=target, subject=subject)
            else:
                done = moving.move_message(actor, ticket, message, to=target, subject=subject, following=what == "following")
            move_id, there = done.id, done.to_ticket_id + FIRST_NUMBER
    except DeskError as problem:
        if isinstance(problem, NotFound):
            raise
        why = problem
        session().rollback()
        ticket = access_ticket(actor, number)
        return make_response(_form(actor, ticket, _message(actor, ticket), why), answer.status(why))
    return answer.done(
        access_ticket(actor, number), _("已移到 #%(number)s", number=there), undo=f"/desk/moves/{move_id}/undo"
    )


@blueprint.post("/desk/moves/<int:move_id>/undo")
@viewer.needs("ticket.work")
def undo(move_id: int) -> Response:
    """Take a move back."""
    actor = viewer.current_actor()
    found = session().get(MessageMove, move_id)
    if found is None:
        raise NotFound()
    number = access_ticket(actor, found.from_ticket_id + FIRST_NUMBER).number

    def back(actor: Actor, ticket: Ticket) -> None:
        moving.move_back(actor, move_id)

    return answer.carried_out(number, back, _("已移回 #%(number)s", number=number))


@blueprint.post("/desk/messages/<int:message_id>/proposal")
@viewer.needs("ticket.work")
def proposal(message_id: int) -> Response:
    """A stranger's mail named a ticket: it belongs there, or it does not."""
    actor = viewer.current_actor()
    message = timeline.access_message(actor, message_id)
    ticket = timeline.ticket_of_message(actor, message)
    number, named = ticket.number, moving.propose(message)
    belongs = answer.typed("belongs", 4) == "yes"

    def decide(actor: Actor, ticket: Ticket) -> dict[str, str]:
        message = timeline.access_message(actor, message_id)
        if not belongs:
            moving.refuse_proposal(actor, ticket, message)
            return {}
        found = moving.accept_proposal(actor, ticket, message)
        return {"undo": f"/desk/moves/{found.id}/undo" if found is not None else f"{ticket_url(ticket)}/steps/unmerge"}

    return answer.carried_out(number, decide, _("已并入 #%(number)s", number=named) if belongs else _("留在这里，不再询问"))

