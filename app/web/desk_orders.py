"""The service orders of a ticket, beside it."""

from typing import Any

from flask import Blueprint, Flask, render_template
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core.permissions import Actor
from app.queries import orders
from app.web import desk_show, order_show
from workflows.access import access_ticket
from workflows.models import Ticket
from workflows.order_links import count_open
from workflows.tickets import TICKET

blueprint = Blueprint("desk_orders", __name__)


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


def panel(ticket: Ticket, actor: Actor) -> dict[str, Any]:
    """What orders/_panel.html reads."""
    found = orders.of_ticket(actor, ticket)
    offered = any(step.name == "escalate" for step in TICKET.offers(ticket, actor))
    return {
        "orders": [order_show.card(order, actor) for order in found],
        "orders_live": " ".join([f"changed:ticket:{ticket.id}", *(f"changed:order:{order.id}" for order in found)]),
        "escalate_url": f"{desk_show.ticket_url(ticket)}/steps/escalate" if offered else None,
    }


def waiting_for(ticket: Ticket) -> str:
    """What a ticket waits for that has orders open, in one sentence."""
    if ticket.state in TICKET.ends or not (n := count_open(ticket)):
        return ""
    if ticket.cancelling:
        return _("正在撤单，等供应商确认 %(n)s 张服务订单。", n=n)
    return _("还有 %(n)s 张服务订单没有结束，结束后才能标为已解决。", n=n)


@blueprint.get("/desk/tickets/<int:number>/orders")
@viewer.needs("desk.use", "ticket.read", "order.read")
def part(number: int) -> Response | str:
    """The panel alone, for the page that refreshes it."""
    actor = viewer.current_actor()
    found = access_ticket(actor, number)
    return render_template("orders/_panel.html", ticket=desk_show.head(found), **panel(found, actor))
