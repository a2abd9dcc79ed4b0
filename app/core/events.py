"""Facts that happened, and the outbox rows that make sure each of their reactions is done.

`record()` writes both in the transaction of the change itself: a `kill -9` between any two lines loses nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, ClassVar, cast

from sqlalchemy import ForeignKey, Index, Integer, Table, insert
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.db import Base, BigId, CleanText, Json, UTCDateTime, session

DUE, LEASED, DONE, DEAD, UNDECIDED = "due", "leased", "done", "dead", "undecided"


@dataclass(frozen=True)
class Event:
    """Something that happened, in the past tense. Fields are ids, numbers and short words, never texts of messages.

    `subject` names what changed and `<subject>_id` (with `version`, where the class has it) says which: pages that
    show it fetch it again.
    """

    subject: ClassVar[str] = ""
    registry: ClassVar[dict[str, type["Event"]]] = {}

    def __init_subclass__(cls, **extra: Any) -> None:
        super().__init_subclass__(**extra)
        Event.registry[cls.__name__] = cls

    @property
    def subject_id(self) -> int | None:
        return getattr(self, f"{self.subject}_id", None) if self.subject else None

    @classmethod
    def load(cls, name: str, payload: Mapping[str, Any]) -> "Event":
        """The event as it was recorded; fields that a newer release dropped are ignored."""
        kind = Event.registry[name]
        known = {f.name for f in fields(kind)}
        return kind(**{k: v for k, v in payload.items() if k in known})


class EventRow(Base):
    """The log of events. Its ids order what happened; the realtime tail and the outbox read it."""

    __tablename__ = "event"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(CleanText(80))
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    subject: Mapped[str | None] = mapped_column(CleanText(40))
    subject_id: Mapped[int | None] = mapped_column(Integer)
    subject_version: Mapped[int | None] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)


class OutboxRow(Base):
    """One reaction still owed to one event, and how far it got."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_state_due_at", "state", "due_at"),
        Index("ix_outbox_state_id", "state", "id"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id", ondelete="CASCADE"), index=True)
    event_name: Mapped[str] = mapped_column(CleanText(80))
    reaction: Mapped[str] = mapped_column(CleanText(80))
    state: Mapped[str] = mapped_column(CleanText(12), default=DUE)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    leased_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    holder: Mapped[str | None] = mapped_column(CleanText(120))
    error: Mapped[str | None] = mapped_column(CleanText())
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


_OUTBOX = cast(Table, OutboxRow.__table__)
Reaction = Callable[..., None]
_table: dict[type[Event], Sequence[Reaction]] = {}


def set_reactions(table: Mapping[type[Event], Sequence[Reaction]]) -> None:
    """Say, once at start, which reactions each event has. The table itself stands in app/reactions.py."""
    _table.clear()
    _table.update(table)


def slow_reactions() -> list[str]:
    """Names of reactions that take minutes (`outbox.slow`)."""
    return sorted({one.__name__ for table in _table.values() for one in table if getattr(one, "slow", False)})


def reactions_of(event: type[Event]) -> Sequence[Reaction]:
    return _table.get(event, ())


_pause: ContextVar[timedelta] = ContextVar("pause", default=timedelta())


@contextmanager
def in_bulk(pause: timedelta) -> Iterator[None]:
    """What is recorded inside is one of many: its reactions wait so long, so that they find more of their kind to do
    together (`outbox.gather`)."""
    before = _pause.set(pause)
    try:
        yield
    finally:
        _pause.reset(before)


def record(event: Event, *, due_at: datetime | None = None) -> EventRow:
    """Write the event and one outbox row per reaction, in the open unit of work. `due_at` (UTC) delays the reactions."""
    moment = now()
    row = EventRow(
        name=type(event).__name__,
        payload=asdict(event),
        subject=event.subject or None,
        subject_id=event.subject_id,
        subject_version=getattr(event, "version", None),
        at=moment,
    )
    session().add(row)
    session().flush()
    due = due_at or moment + _pause.get()
    owed = [{"event_id": row.id, "event_name": row.name, "reaction": one.__name__, "due_at": due} for one in reactions_of(type(event))]
    if owed:  # nobody needs their numbers here: one statement for all, where rows of a session are written one by one
        session().execute(insert(_OUTBOX), owed)
    return row
