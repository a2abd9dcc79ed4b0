"""Whose tickets an actor may see: the one gate for reading a ticket."""

from typing import Any

from sqlalchemy import Select, false, or_, select, true
from sqlalchemy.sql.elements import ColumnElement

from app.core.catalogue import Product
from app.core.db import session
from app.core.errors import Invalid, NotFound
from app.core.people import Organisation
from app.core.permissions import Actor
from workflows.models import FIRST_NUMBER, Ticket


def readable(actor: Actor) -> ColumnElement[bool]:
    """The condition on Ticket that holds for the rows this actor may read."""
    if not actor.can("ticket.read"):
        return false()
    if actor.can("ticket.read_all"):
        return true()
    if actor.role == "manager":
        owned = select(Organisation.id).where(Organisation.manager_id == actor.id)
        return Ticket.organisation_id.in_(owned)
    if actor.role == "client":
        if actor.organisation_id is None:
            return false()
        return Ticket.organisation_id == actor.organisation_id
    if actor.role == "resident":
        own = select(Product.id).where(Product.supplier_id == actor.organisation_id)
        return Ticket.product_id.in_(own) if actor.organisation_id is not None else false()
    return or_(Ticket.assignee_id == actor.id, Ticket.team_id.in_(actor.team_ids or {-1}))


def readable_tickets(actor: Actor) -> Select[Any]:
    """All tickets that this actor may read."""
    return select(Ticket).where(readable(actor))


def access_ticket(actor: Actor, number: int, *, field: str | None = None) -> Ticket:
    """The ticket with this number. Raises NotFound, for a row that is somebody else's too; with `field`, Invalid for it."""
    found = None
    if 0 < number - FIRST_NUMBER < 2**31:
        found = session().scalar(readable_tickets(actor).where(Ticket.id == number - FIRST_NUMBER))
    if found is None:
        if field:
            raise Invalid.of(field, "没有这张工单。")
        raise NotFound("没有这张工单。")
    assert isinstance(found, Ticket)
    return found
