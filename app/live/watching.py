"""Who may hear that something changed: rooms for those who see all of a kind, gatekeepers for single rows."""

from collections.abc import Callable

from app.core.db import session
from app.core.directory.access import (
    access_contact,
    access_contract,
    access_device,
    access_organisation,
    access_product,
    access_site,
)
from app.core.errors import DeskError
from app.core.permissions import Actor
from app.queries.calls import access_call
from knowledge.access import access_article
from workflows.access import readable_tickets
from workflows.call_access import access_call_task
from workflows.models import Ticket, TicketConversation
from workflows.order_access import readable_orders
from workflows.orders_models import ServiceOrder

ROOMS: dict[str, str] = {
    "ticket": "ticket.read_all",
    "conversation": "ticket.read_all",
    "order": "order.check",
    "contact": "ticket.read_all",
    "organisation": "ticket.read_all",
    "site": "ticket.read_all",
    "device": "ticket.read_all",
    "contract": "ticket.read_all",
    "product": "ticket.read_all",
    "article": "ticket.read_all",
    "call": "ticket.read_all",
    "calltask": "ticket.read_all",
    "wrapup": "ticket.read_all",
    "raw": "channel.manage",
    "account": "channel.manage",
    "user": "user.manage",
    "outbox": "outbox.manage",
    "audit": "audit.read",
}
"""Everything of a kind, for those who may see all of it. Others watch single rows, past a gatekeeper."""

Gatekeeper = Callable[[Actor, int], bool]
_gatekeepers: dict[str, Gatekeeper] = {}


def gatekeeper(what: str) -> Callable[[Gatekeeper], Gatekeeper]:
    """Say who may watch a single row: `@gatekeeper("ticket")` on a function (actor, id) → bool. It may also raise
    NotFound or Forbidden, so that an `access_*()` can be asked."""

    def keep(check: Gatekeeper) -> Gatekeeper:
        _gatekeepers[what] = check
        return check

    return keep


@gatekeeper("user")
def _own_account(actor: Actor, user_id: int) -> bool:
    return actor.id == user_id or actor.can("user.manage")


@gatekeeper("ticket")
def _own_ticket(actor: Actor, ticket_id: int) -> bool:
    return session().scalar(readable_tickets(actor).where(Ticket.id == ticket_id)) is not None


@gatekeeper("conversation")
def _own_conversation(actor: Actor, conversation_id: int) -> bool:
    rows = readable_tickets(actor).join(TicketConversation, TicketConversation.ticket_id == Ticket.id)
    return session().scalar(rows.where(TicketConversation.conversation_id == conversation_id).limit(1)) is not None


@gatekeeper("order")
def _own_order(actor: Actor, order_id: int) -> bool:
    return session().scalar(readable_orders(actor).where(ServiceOrder.id == order_id)) is not None


@gatekeeper("call")
def _own_call(actor: Actor, call_id: int) -> bool:
    return access_call(actor, call_id) is not None


@gatekeeper("calltask")
def _own_call_task(actor: Actor, task_id: int) -> bool:
    return access_call_task(actor, task_id) is not None


@gatekeeper("supplier")
def _own_company(actor: Actor, organisation_id: int) -> bool:
    """What is told to a supplier: to those who carry its orders out."""
    return actor.role in ("dispatcher", "technician") and actor.organisation_id == organisation_id


for _what, _access in {
    "contact": access_contact,
    "organisation": access_organisation,
    "device": access_device,
    "site": access_site,
    "contract": access_contract,
    "product": access_product,
    "article": access_article,
}.items():
    gatekeeper(_what)(lambda actor, number, access=_access: access(actor, number) is not None)  # type: ignore[misc]


def may_watch(actor: Actor, what: str, number: int) -> bool:
    """Whether the actor may hear of this row: they may see all of its kind, or its gatekeeper agrees."""
    if what in ROOMS and actor.can(ROOMS[what]):
        return True
    check = _gatekeepers.get(what)
    try:
        return check is not None and check(actor, number)
    except DeskError:
        return False
