"""What the outbox owes, for the administrator and for `flask desk outbox`."""

from dataclasses import dataclass

from sqlalchemy import select

from app.core.db import session
from app.core.events import DEAD, DONE, DUE, LEASED, UNDECIDED, EventRow, OutboxRow

STATES = (DUE, LEASED, DEAD, UNDECIDED, DONE)
OPEN = (DUE, LEASED, DEAD, UNDECIDED)


@dataclass(frozen=True)
class OutboxPage:
    """Some rows with their events, the newest first; `next` is the id to go on before."""

    rows: list[tuple[OutboxRow, EventRow]]
    next: int | None


def outbox_rows(state: str = "", *, before: int | None = None, limit: int = 50) -> OutboxPage:
    """Rows in a state, in any ("") or in any that is not done ("open"); keyset paging by id."""
    wanted = (
        select(OutboxRow, EventRow)
        .join(EventRow, EventRow.id == OutboxRow.event_id)
        .order_by(OutboxRow.id.desc())
        .limit(limit + 1)
    )
    if state == "open":
        wanted = wanted.where(OutboxRow.state.in_(OPEN))
    elif state:
        wanted = wanted.where(OutboxRow.state == state)
    if before is not None:
        wanted = wanted.where(OutboxRow.id < before)
    rows = [(row, event) for row, event in session().execute(wanted)]
    return OutboxPage(rows[:limit], rows[limit - 1][0].id if len(rows) > limit else None)
