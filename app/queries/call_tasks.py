"""The queue of calls to make, with how many stand in each view."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, select, true, tuple_
from sqlalchemy.orm import joinedload, selectinload

from app.core.clock import now
from app.core.db import UTCDateTime, session
from app.core.permissions import Actor
from app.queries.cursors import read_cursor, write_cursor
from workflows.call_access import readable_call_task
from workflows.call_models import CallTask

PAGE = 50
VIEWS = ("open", "mine", "late", "ended")


@dataclass(frozen=True)
class Page:
    """Calls to make, the most urgent first (of those that ended, the newest), and the cursor of what follows."""

    rows: list[CallTask]
    next: str | None


def _view(actor: Actor, view: str) -> ColumnElement[bool]:
    opened = CallTask.open_key.is_not(None)
    if view == "mine":
        return and_(opened, CallTask.user_id == (actor.id or -1))
    if view == "late":
        return and_(opened, CallTask.due_at < now())
    return CallTask.open_key.is_(None) if view == "ended" else opened


def counts(actor: Actor) -> dict[str, int]:
    """How many there are to be made, mine, and late; one statement."""
    views = [view for view in VIEWS if view != "ended"]
    row = session().execute(
        select(*(func.count().filter(_view(actor, view)) for view in views))
        .select_from(CallTask)
        .where(readable_call_task(actor), CallTask.open_key.is_not(None))
    ).one()
    return dict(zip(views, row, strict=True))


def tasks(actor: Actor, view: str = "open", reason: str = "", cursor: str = "", limit: int = PAGE) -> Page:
    """A page of them; a damaged cursor shows the first one."""
    ended = view == "ended"
    column: Any = CallTask.ended_at if ended else CallTask.due_at
    rows = (
        select(CallTask)
        .where(readable_call_task(actor), _view(actor, view), CallTask.reason == reason if reason else true())
        .options(
            joinedload(CallTask.contact), joinedload(CallTask.organisation), joinedload(CallTask.user),
            joinedload(CallTask.ticket), selectinload(CallTask.tries),
        )
        .limit(limit + 1)
    )  # fmt: skip
    order = (column.desc(), CallTask.id.desc()) if ended else (column, CallTask.id)
    if (after := read_cursor(cursor)) is not None:
        here, there = tuple_(column, CallTask.id), tuple_(literal(after[0], UTCDateTime), literal(after[1]))
        rows = rows.where(here < there if ended else here > there)
    found = list(session().scalars(rows.order_by(*order)))
    last = found[limit - 1] if len(found) > limit else None
    moment = (last.ended_at if ended else last.due_at) if last else None
    return Page(found[:limit], write_cursor(moment, last.id) if last and moment else None)
