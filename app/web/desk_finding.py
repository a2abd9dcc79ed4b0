"""Looking things up while writing: what a slash in the composer finds, solved tickets like this one, and what was used."""

from typing import Any

from flask import Blueprint, Flask, current_app, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core.errors import Invalid
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.kb.similar import Similar, similar
from app.queries import timeline
from app.web import desk_answer as answer
from app.web import desk_answers
from app.web.desk_message import hide_keys
from app.web.desk_show import head, ticket_url
from knowledge.access import access_article
from knowledge.index import IndexUnavailable
from workflows.access import access_ticket
from workflows.models import Ticket
from workflows.service import add_note
from workflows.ticket_effects import remember_article

blueprint = Blueprint("desk_finding", __name__)
LONGEST = 100


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/desk/tickets/<int:number>/found")
@viewer.needs("desk.use", "ticket.work", "article.read")
def found(number: int) -> str:
    """What stands under a slash that was typed in the composer: articles, then solved tickets."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    q = clean(request.args.get("q", "")).strip()[:LONGEST]
    articles = desk_answers.found_for(actor, ticket, q) if q else desk_answers.answers_for(actor, ticket, "")["items"]
    tickets = _similar(actor, ticket, q, 3)[0] if q else []
    return render_template("desk/_found.html", articles=articles, tickets=tickets, q=q)


@blueprint.get("/desk/tickets/<int:number>/similar")
@viewer.needs("desk.use", "ticket.read")
def similar_tickets(number: int) -> str:
    """Solved tickets like this one that the viewer may read."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    rows, unavailable = _similar(actor, ticket, timeline.customer_words(ticket), 3)
    return render_template("desk/_similar.html", ticket=head(ticket), similar={"items": rows, "unavailable": unavailable})


def _similar(actor: Actor, ticket: Ticket, text: str, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """The rows, and whether there is no index at the moment."""
    try:
        rows = similar(current_app.extensions["open_ticket_index"](), actor, text, ticket.product_id, besides=ticket.id, limit=limit)
    except IndexUnavailable:
        return [], True
    return [_row(row, ticket) for row in rows], False


def _row(row: Similar, about: Ticket) -> dict[str, Any]:
    ticket = row.ticket
    resolution = hide_keys((ticket.resolution or "").strip())
    return {
        "number": ticket.number,
        "url": ticket_url(ticket),
        "subject": ticket.subject,
        "product": ticket.product.code if ticket.product else "",
        "who": ticket.organisation.label if ticket.organisation else "",
        "at": ticket.resolved_at,
        "resolution": resolution,
        "quote": _quote(ticket),
        "quote_url": f"{ticket_url(about)}/similar/{ticket.number}/quote",
    }


def _quote(ticket: Ticket) -> str:
    return _("参考 #%(n)s：%(text)s", n=ticket.number, text=hide_keys((ticket.resolution or "").strip()))


@blueprint.post("/desk/tickets/<int:number>/similar/<int:other>/quote")
@viewer.needs("ticket.work")
def quote(number: int, other: int) -> Response:
    """Take how another ticket was solved along as a note: for colleagues, never for the customer."""
    actor = viewer.current_actor()
    access_ticket(actor, number)
    with unit_of_work():
        ticket, source = access_ticket(actor, number), access_ticket(actor, other)
        add_note(actor, ticket, _quote(source))
    return answer.done(ticket, _("已引到备注"))


@blueprint.post("/desk/tickets/<int:number>/answers/<int:article_id>/used")
@viewer.needs("ticket.work", "article.read")
def used(number: int, article_id: int) -> Response:
    """Note that an article served here without being sent: read aloud on the telephone, or copied."""
    actor = viewer.current_actor()
    access_ticket(actor, number)
    how = request.form.get("how", "")
    if how not in ("phone", "copied"):
        raise Invalid.of("how", _("写明怎么用的。"))
    with unit_of_work():
        ticket = access_ticket(actor, number)
        article = access_article(actor, article_id)
        remember_article(ticket, actor, article.id, "inserted", how=how)
    return answer.done(ticket, _("记下了：用了「%(title)s」", title=article.title))
