"""Calls that somebody has to make: whom, why, until when, and how each attempt went."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime, Versioned
from app.core.people import Contact, Organisation, User
from workflows.models import Ticket

REASONS = {"abandoned": "来电没有接到", "unreached": "别的渠道没有送达", "follow_up": "回访", "asked": "约好回电"}
"""Why somebody is to be called."""
RESULTS = {
    "reached": "接通了",
    "no_answer": "没有接",
    "later": "约好再打",
    "wrong_number": "号码不对",
    "not_needed": "不用打了",
    "unreachable": "几次都没有接",
}
"""How an attempt went; `unreachable` is what the last of several makes of the task."""


class CallTask(Versioned, Base):
    """A call to make. Its law stands in workflows/call_tasks.py; only `take()` changes `state`.

    `key` says what it is about, so that the same is not asked for twice: `open_key` is the same while the task is open
    and None afterwards, and unique. `count`: how often it was asked for; `calls`: ids of the calls that were not
    answered. `last_at`: when it was asked for last. `number` in normal form. Moments are UTC.
    """

    __tablename__ = "call_task"
    __table_args__ = (
        Index("ix_call_task_state_due_at_id", "state", "due_at", "id"),
        Index("ix_call_task_ended_at_id", "ended_at", "id"),
        Index("ix_call_task_contact_id_id", "contact_id", "id"),
        Index("ix_call_task_number_id", "number", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(CleanText(120))
    open_key: Mapped[str | None] = mapped_column(CleanText(120), unique=True)
    state: Mapped[str] = mapped_column(CleanText(8), default="open")
    reason: Mapped[str] = mapped_column(CleanText(12))
    number: Mapped[str] = mapped_column(CleanText(40))
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id"), index=True)
    queue: Mapped[str] = mapped_column(CleanText(80), default="")
    note: Mapped[str] = mapped_column(CleanText(500), default="")
    calls: Mapped[list[int]] = mapped_column(Json, default=list)
    count: Mapped[int] = mapped_column(Integer, default=1)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    result: Mapped[str | None] = mapped_column(CleanText(12))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    opened_by: Mapped[str] = mapped_column(CleanText(200))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    touched_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    last_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    contact: Mapped[Contact | None] = relationship()
    organisation: Mapped[Organisation | None] = relationship()
    ticket: Mapped[Ticket | None] = relationship()
    user: Mapped[User | None] = relationship()
    tries: Mapped[list["CallAttempt"]] = relationship(back_populates="task", order_by="CallAttempt.id")

    @property
    def held(self) -> bool:
        """A call to make is never held: it is put off by its due date."""
        return False

    @property
    def label(self) -> str:
        return self.number or f"#{self.id}"


class CallAttempt(Base):
    """One attempt to call: who, with which of RESULTS, and until when it was put off."""

    __tablename__ = "call_attempt"
    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("call_task.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    by: Mapped[str] = mapped_column(CleanText(200))
    result: Mapped[str] = mapped_column(CleanText(12))
    note: Mapped[str] = mapped_column(CleanText(500), default="")
    until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    task: Mapped[CallTask] = relationship(back_populates="tries")
