"""Whose calls to make an actor may see."""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, or_, select, true

from app.core.db import session
from app.core.errors import NotFound
from app.core.people import Organisation
from app.core.permissions import Actor
from workflows.access import readable
from workflows.call_models import CallTask
from workflows.models import Ticket


def readable_call_task(actor: Actor) -> ColumnElement[bool]:
    """The condition on CallTask: staff of the desk see all, an account manager those of the companies in their care,
    others what they took themselves or what belongs to a ticket of theirs. Customers see none."""
    if not actor.can("desk.use") or not actor.can("ticket.read"):
        return false()
    if actor.can("ticket.read_all"):
        return true()
    if actor.role == "manager":
        return CallTask.organisation_id.in_(select(Organisation.id).where(Organisation.manager_id == actor.id))
    own = and_(CallTask.user_id.is_not(None), CallTask.user_id == actor.id)
    return or_(own, CallTask.ticket_id.in_(select(Ticket.id).where(readable(actor))))


def readable_call_tasks(actor: Actor) -> Select[Any]:
    """All calls to make that this actor may see."""
    return select(CallTask).where(readable_call_task(actor))


def access_call_task(actor: Actor, task_id: int) -> CallTask:
    """The call to make with this id. Raises NotFound, for one that is not the actor's to see too."""
    found = None
    if 0 < task_id < 2**31:
        found = session().scalar(readable_call_tasks(actor).where(CallTask.id == task_id))
    if found is None:
        raise NotFound()
    assert isinstance(found, CallTask)
    return found
