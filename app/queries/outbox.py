"""What the outbox owes, for the administrator and for `flask desk outbox`."""

from dataclasses import dataclass

from sqlalchemy import select

from app.core.db import session
from app.core.events import DEAD, DONE, DUE, LEASED, UNDECIDED, EventRow, OutboxRow

STATES = (DUE, LEASED, DEAD, UNDECIDED, DONE)
OPEN = (DUE, LEASED, DEAD, UNDECIDED)


@dataclass(frozen=True)
class OutboxPage:
    """Some rows, the newest first; `next` is the id to go on before."""

    rows: list[OutboxRow]
    next: int | None


def outbox_rows(state: str = "", *, before: int | None = None, limit: int = 50) -> OutboxPage:
    """Rows in a state, in any ("") or in any that is not done ("open"); keyset paging by id."""
    wanted = select(OutboxRow).order_by(OutboxRow.id.desc()).limit(limit + 1)
    if state == "open":
        wanted = wanted.where(OutboxRow.state.in_(OPEN))
    elif state:
        wanted = wanted.where(OutboxRow.state == state)
    if before is not None:
        wanted = wanted.where(OutboxRow.id < before)
    rows = list(session().scalars(wanted))
    return OutboxPage(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def outbox_row(row_id: int) -> tuple[OutboxRow, EventRow] | None:
    """One row with the event that it reacts to."""
    found = session().execute(
        select(OutboxRow, EventRow).join(EventRow, EventRow.id == OutboxRow.event_id).where(OutboxRow.id == row_id)
    )
    row = found.one_or_none()
    return None if row is None else (row[0], row[1])
