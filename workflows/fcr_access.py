"""Whose verdicts an actor may see: those of the tickets that they may read, with the permission to read reports."""

from sqlalchemy import select, true
from sqlalchemy.sql.elements import ColumnElement

from app.core.permissions import Actor, require
from workflows.access import readable
from workflows.fcr_models import FcrVerdict
from workflows.models import Ticket


def readable_verdicts(actor: Actor) -> ColumnElement[bool]:
    """The condition on FcrVerdict for the rows this actor may read. Raises Forbidden without report.read."""
    require(actor, "report.read")
    if actor.can("ticket.read") and actor.can("ticket.read_all"):
        return true()
    return FcrVerdict.ticket_id.in_(select(Ticket.id).where(readable(actor)))
