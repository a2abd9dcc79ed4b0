"""What ties orders to their ticket: an order moves, is urged and is called off together with it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from sqlalchemy import func, select

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.events import record
from app.core.permissions import Actor
from workflows.engine import take, touch
from workflows.events import OrderChanged
from workflows.models import Ticket
from workflows.order_access import platforms
from workflows.order_notices import tell_owner
from workflows.orders import ORDER
from workflows.orders_models import OPEN_ORDER, ServiceOrder
from workflows.rules import URGE_PAUSE


def changed(order: ServiceOrder) -> None:
    """Count up the version and tell those who show the order."""
    touch(order)
    record(OrderChanged(order_id=order.id, version=order.version))


def orders_of(ticket: Ticket) -> list[ServiceOrder]:
    """The orders of a ticket, oldest first."""
    rows = select(ServiceOrder).where(ServiceOrder.ticket_id == ticket.id).order_by(ServiceOrder.id)
    return list(session().scalars(rows))


def open_orders(ticket: Ticket) -> list[ServiceOrder]:
    return [order for order in orders_of(ticket) if order.state in OPEN_ORDER]


_counted: ContextVar[Mapping[int, int]] = ContextVar("counted", default={})  # noqa: B039  never written to


@contextmanager
def counted(tickets: Sequence[Ticket]) -> Iterator[None]:
    """Within it, count_open() knows these tickets already: one statement for a list of them instead of one a guard."""
    ids = [ticket.id for ticket in tickets]
    rows = select(ServiceOrder.ticket_id, func.count()).where(ServiceOrder.ticket_id.in_(ids), ServiceOrder.state.in_(OPEN_ORDER))
    found = {number: n for number, n in session().execute(rows.group_by(ServiceOrder.ticket_id))} if ids else {}  # noqa: C416
    mark = _counted.set({number: found.get(number, 0) for number in ids})
    try:
        yield
    finally:
        _counted.reset(mark)


def count_open(ticket: Ticket) -> int:
    known = _counted.get().get(ticket.id)
    if known is not None:
        return known
    rows = select(func.count()).select_from(ServiceOrder)
    return session().scalar(rows.where(ServiceOrder.ticket_id == ticket.id, ServiceOrder.state.in_(OPEN_ORDER))) or 0


def urge_orders(ticket: Ticket, actor: Actor) -> None:
    """An urge reaches every holder down to the technician. All are counted; `urged_at` moves after a pause only."""
    for order in open_orders(ticket):
        order.urged += 1
        if order.urged_at is None or now() - order.urged_at >= URGE_PAUSE:
            order.urged_at = now()
            tell_owner(order, "urge", actor)
        note(actor, "order.urged", order, after=order.urged)
        changed(order)


def propose_cancel(order: ServiceOrder, actor: Actor, reason: str) -> bool:
    """Ask the supplier to call the order off. True where nobody has to be asked: then it is cancelled at once."""
    order.cancel_reason = reason.strip()[:500]
    if order.state != "checking" and (order.accepted_at is None or platforms(order)):
        take(ORDER, order, "cancel", _for_the_desk(actor), reason=order.cancel_reason)
        return True
    if not order.cancelling:
        order.cancelling, order.cancel_asked_by, order.cancel_asked_at = True, actor.name, now()
        note(actor, "order.cancel_proposed", order, reason=order.cancel_reason)
        tell_owner(order, "cancel", actor)
        changed(order)
    return False


def _for_the_desk(actor: Actor) -> Actor:
    """Who may cancel a ticket may call off the orders that hang on it."""
    return replace(actor, permissions=actor.permissions | {"order.cancel", "order.check"})


def cancel_with_ticket(ticket: Ticket, actor: Actor, reason: str) -> bool:
    """Call off what hangs on a ticket. True when nothing is open any more."""
    answers = [propose_cancel(order, actor, reason) for order in open_orders(ticket)]
    return all(answers)


def move_orders(ticket: Ticket, into: Ticket) -> None:
    """A merged ticket brings its orders along; they remember the way back."""
    for order in orders_of(ticket):
        order.came_from = [*order.came_from, ticket.id]
        _hang(order, into)


def move_back(ticket: Ticket, holder: Ticket) -> None:
    for order in orders_of(holder):
        if ticket.id in order.came_from:
            order.came_from = order.came_from[: order.came_from.index(ticket.id)]
            _hang(order, ticket)


def _hang(order: ServiceOrder, ticket: Ticket) -> None:
    order.ticket = ticket
    changed(order)
