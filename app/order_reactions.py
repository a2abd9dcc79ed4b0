"""What follows from service orders: the customer hears of appointments and prices, the ticket of the end."""

from sqlalchemy import select

from app import letters
from app.core.db import session
from app.core.permissions import SYSTEM
from app.reach import reaching
from app.reach import words as reach_words
from workflows import order_links
from workflows import service as desk
from workflows.engine import take
from workflows.events import OrderHoldEnds, OrderStepTaken
from workflows.models import Ticket
from workflows.order_access import platforms
from workflows.order_service import last_quote
from workflows.orders import ORDER
from workflows.orders_models import OrderAppointment, ServiceOrder
from workflows.tickets import TICKET


def feed_ticket(event: OrderStepTaken) -> None:
    """Where an order ends or waits for the platform, its ticket is told; one that is being cancelled may now be so."""
    order = session().get_one(ServiceOrder, event.order_id)
    if order.cancelling and order.state in ORDER.open_states - {"checking"} and platforms(order):
        take(ORDER, order, "cancel", SYSTEM, reason=order.cancel_reason or "工单已撤单")
        return  # the step just taken tells the rest
    if event.before == event.after and event.step != "reject":
        return
    ticket = order.ticket
    told = event.after in ORDER.ends or event.after == "checking" or event.step == "reject"
    if told and ticket.held and ticket.hold_party == "supplier" and ticket.state not in TICKET.ends:
        take(TICKET, ticket, "resume", SYSTEM, reason="供应商已答复")
    if event.after in ORDER.ends and ticket.cancelling and ticket.state not in TICKET.ends and not order_links.count_open(ticket):
        take(TICKET, ticket, "cancel", SYSTEM, reason=order.cancel_reason or "服务订单已全部结束")
        return
    if told:
        desk.changed(ticket)


def tell_appointment(event: OrderStepTaken) -> None:
    """The customer hears who comes and when, also when that changes; with the code that ends the work."""
    fresh = event.before != event.after and event.after == "scheduled" and event.step != "rework"
    if not fresh and not (event.step in ("appoint", "reappoint") and event.after != "created"):
        return
    order = session().get_one(ServiceOrder, event.order_id)
    rows = select(OrderAppointment).where(OrderAppointment.order_id == order.id).order_by(OrderAppointment.id.desc()).limit(1)
    appointment = session().scalar(rows)
    if appointment is None or appointment.message_id is not None or order.state not in ORDER.open_states:
        return
    if appointment.window_from != order.window_from:
        return  # it was called off meanwhile
    reaching.drop_open("ticket", order.ticket.number, ["appointment"])
    outreach = reaching.tell_customer(
        order.ticket, "appointment", f"appointment-{appointment.id}", reach_words.appointment(order, appointment),
        params={"when": letters.window(order, appointment.window_from, appointment.window_to), "place": order.place or ""},
    )  # fmt: skip
    message = reaching.first_message(outreach)
    appointment.message_id = message.id if message else None


def ask_price(event: OrderStepTaken) -> None:
    """Out of warranty, the customer confirms the price behind a link before anybody begins."""
    if event.step != "plan":
        return
    order = session().get_one(ServiceOrder, event.order_id)
    quote = last_quote(order)
    if quote is None or quote.state != "asked" or quote.message_id is not None:
        return
    outreach = reaching.tell_customer(order.ticket, "appointment", f"quote-{quote.id}", reach_words.price(order, quote))
    message = reaching.first_message(outreach)
    quote.message_id = message.id if message else None


def wake_order(event: OrderHoldEnds) -> None:
    """A held order wakes itself at the moment that was agreed."""
    order = session().get_one(ServiceOrder, event.order_id)
    if order.held and order.holds == event.hold and order.state in ORDER.open_states:
        take(ORDER, order, "resume", SYSTEM, reason="挂起时间已到")


def customer_spoke(ticket: Ticket) -> None:
    """Orders of a ticket that wait for the customer go on when the customer writes."""
    for order in order_links.open_orders(ticket):
        if order.held and order.hold_party == "customer":
            take(ORDER, order, "resume", SYSTEM, reason="客户已回复")
