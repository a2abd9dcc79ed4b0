"""Merging, unmerging and splitting tickets: conversations and orders move with the ticket and remember the way back."""

from typing import Any

from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid
from app.core.events import record
from app.core.permissions import Actor
from workflows.access import access_ticket
from workflows.engine import Given, touch
from workflows.events import TicketChanged
from workflows.models import Ticket, TicketConversation, TicketLink
from workflows.opening import copy_for_split
from workflows.order_links import count_open, move_back, move_orders
from workflows.ticket_effects import resume

OPEN = ("created", "dispatched", "executing", "following_up")


def merge(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    """Fold a ticket into another open one. Raises Invalid when that one cannot take it."""
    into = _target(actor, given["into"])
    if into.id == ticket.id:
        raise Invalid.of("into", "不能并入自己。")
    if into.state not in OPEN:
        raise Invalid.of("into", "要并入的工单已经结束。")
    if ticket.organisation_id and into.organisation_id and ticket.organisation_id != into.organisation_id:
        raise Invalid.of("into", "两张工单属于不同的企业，不能合并。")
    if into.cancelling:
        raise Invalid.of("into", "要并入的工单正在撤销。")
    if into.state == "following_up" and count_open(ticket):
        raise Invalid.of("into", "那张工单已在回访，不能带着未结的服务订单并过去。")
    resume(ticket, actor, given)  # a merged ticket cannot wake from a hold, nor be unmerged while held
    ticket.merged_into_id, ticket.merged_from = into.id, ticket.state
    for link in links_of(ticket):
        link.came_from = [*link.came_from, ticket.id]
        _move(link, into.id)
    move_orders(ticket, into)
    ticket.closed_at, ticket.close_result = now(), "merged"
    _touch(into)
    return None


def unmerge(ticket: Ticket, actor: Actor, given: Given) -> str:
    """Bring a merged ticket back to where it stood, with the conversations that came with it."""
    holder = ticket
    while holder.merged_into_id:
        holder = session().get_one(Ticket, holder.merged_into_id)
    for link in links_of(holder):
        if ticket.id in link.came_from:
            place = link.came_from.index(ticket.id)
            link.came_from = link.came_from[:place]
            _move(link, ticket.id)
    move_back(ticket, holder)
    back = ticket.merged_from or "created"
    ticket.merged_into_id = ticket.merged_from = ticket.closed_at = ticket.close_result = None
    _touch(holder)
    return back


def split(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    """Open a second ticket for a second issue that came in the same conversation; the first one goes on."""
    new = copy_for_split(ticket, actor, str(given["subject"]).strip())
    session().add(TicketLink(from_id=ticket.id, to_id=new.id, kind="split"))
    return None


def links_of(ticket: Ticket) -> list[TicketConversation]:
    return list(session().scalars(select(TicketConversation).where(TicketConversation.ticket_id == ticket.id)))


def _move(link: TicketConversation, ticket_id: int) -> None:
    """Where the other ticket already has this conversation, its own link stays and this one waits under the old ticket."""
    twin = session().scalar(
        select(TicketConversation.id).where(
            TicketConversation.ticket_id == ticket_id, TicketConversation.conversation_id == link.conversation_id
        )
    )
    if twin is None:
        link.ticket_id = ticket_id
        session().flush()
    elif link.came_from:
        link.came_from = link.came_from[:-1]


def _target(actor: Actor, given: Any) -> Ticket:
    if isinstance(given, Ticket):
        return given
    text = str(given).strip().lstrip("#")
    if not text.isdecimal():
        raise Invalid.of("into", "写工单号。")
    return access_ticket(actor, int(text), field="into")


def _touch(ticket: Ticket) -> None:
    touch(ticket)
    record(TicketChanged(ticket_id=ticket.id, version=ticket.version))
