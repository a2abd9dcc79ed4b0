"""/quotes/<token>: the price of work out of warranty, for the customer who holds the link; and their yes or no.

Reading changes nothing, however often a mail scanner opens the link.
"""

from dataclasses import replace
from typing import Any

from flask import Blueprint, Flask, make_response, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core.errors import DeskError
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.customers import customer
from app.web import order_words as words
from app.web.errors import words_of
from app.web.security import limiter
from workflows.order_kinds import WORKS
from workflows.order_service import access_quote, answer_quote
from workflows.orders_models import OPEN_ORDER, OrderQuote

blueprint = Blueprint("quotes", __name__, url_prefix="/quotes/<token>")


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.public
@limiter.limit("120 per minute")
def page(token: str) -> Response:
    """What will be done, what it costs, and how it was answered."""
    return _page(access_quote(token), token)


@blueprint.post("")
@viewer.public
@limiter.limit("30 per minute")
def answer(token: str) -> Response:
    """Confirm or refuse."""
    decision, remark = request.form.get("answer", ""), clean(request.form.get("remark", ""))[:500]
    quote = access_quote(token)
    if decision not in ("confirmed", "refused"):
        return _page(quote, token, remark, _("请选同意或不同意。"), 422)
    try:
        with unit_of_work():
            quote = access_quote(token)
            answer_quote(_asker(quote), quote, decision == "confirmed", remark)
    except DeskError as problem:
        return _page(access_quote(token), token, remark, words_of(problem), 409)
    return redirect(f"/quotes/{token}", 303)


def _asker(quote: OrderQuote) -> Actor:
    """Whoever holds the link speaks as the customer of the ticket."""
    return replace(customer(quote.order.ticket.contact), via="link")


def _page(quote: OrderQuote, token: str, remark: str = "", error: str | None = None, status: int = 200) -> Response:
    order = quote.order
    given: dict[str, Any] = {
        "token": token,
        "ticket": {"number": order.ticket.number, "subject": order.ticket.subject},
        "work": _(WORKS[order.work].label),
        "supplier": order.supplier.label if order.supplier else "",
        "amount": words.money(quote.amount_cents),
        "steps": quote.plan.steps.splitlines(),
        "parts": quote.plan.parts,
        "state": "dropped" if quote.state == "asked" and order.state not in OPEN_ORDER else quote.state,
        "answered_at": quote.answered_at,
        "remark": remark,
        "error": error,
        "meta": {"robots": "noindex"},
    }
    return make_response(render_template("orders/quote.html", **given), status)
