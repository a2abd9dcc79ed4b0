"""What the outbox owes, for the administrator and for `flask desk outbox`."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Integer, cast, func, or_, select

from app.core.db import session
from app.core.events import DEAD, DONE, DUE, LEASED, UNDECIDED, EventRow, OutboxRow
from channels.models import Conversation, Message

STATES = (DUE, LEASED, DEAD, UNDECIDED, DONE)
OPEN = (DUE, LEASED, DEAD, UNDECIDED)


@dataclass(frozen=True)
class OutboxPage:
    """Some rows with their events, the newest first; `next` is the id to go on before."""

    rows: list[tuple[OutboxRow, EventRow]]
    next: int | None


def outbox_rows(
    state: str = "", *, event: str = "", account_id: int | None = None, before: int | None = None, limit: int = 50
) -> OutboxPage:
    """Rows in a state, in any ("") or in any that is not done ("open"), of one event, about one channel account; keyset
    paging by id."""
    wanted = (
        select(OutboxRow, EventRow)
        .join(EventRow, EventRow.id == OutboxRow.event_id)
        .where(*_narrowed(event, account_id))
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


def counts(event: str = "", account_id: int | None = None) -> dict[str, int]:
    """How many rows stand in each state, within the same filters."""
    wanted = select(OutboxRow.state, func.count()).group_by(OutboxRow.state)
    if event or account_id is not None:
        wanted = wanted.join(EventRow, EventRow.id == OutboxRow.event_id).where(*_narrowed(event, account_id))
    return dict.fromkeys(STATES, 0) | dict(session().execute(wanted).all())


def events_owed() -> list[str]:
    """The events that some row is about, by name."""
    return sorted(session().scalars(select(OutboxRow.event_name).distinct()))


def dead_ids(event: str = "", account_id: int | None = None, limit: int = 200) -> list[int]:
    """Rows that were given up, oldest first, within the same filters."""
    wanted = select(OutboxRow.id).join(EventRow, EventRow.id == OutboxRow.event_id).where(OutboxRow.state == DEAD)
    return list(session().scalars(wanted.where(*_narrowed(event, account_id)).order_by(OutboxRow.id).limit(limit)))


def _narrowed(event: str, account_id: int | None) -> list[ColumnElement[bool]]:
    """An event is about an account by its own word, by its message or by its conversation."""
    found: list[ColumnElement[bool]] = [OutboxRow.event_name == event] if event else []
    if account_id is not None:

        def named(key: str) -> ColumnElement[int]:
            return cast(EventRow.payload[key].as_integer(), Integer)

        messages = select(Message.id).where(Message.account_id == account_id)
        conversations = select(Conversation.id).where(Conversation.account_id == account_id)
        about = (named("account_id") == account_id, named("message_id").in_(messages), named("conversation_id").in_(conversations))
        found.append(or_(*about))
    return found
