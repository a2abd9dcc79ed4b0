"""Who did what to what, when and why. Rows are only ever added."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.db import Base, BigId, CleanText, Json, UTCDateTime, session
from app.core.permissions import Actor
from app.core.trace import request_id


class AuditRow(Base):
    """One entry of the audit trail. `before` and `after` are states or short values, never texts of messages."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_subject_subject_id_id", "subject", "subject_id", "id"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    actor_kind: Mapped[str] = mapped_column(CleanText(12))
    actor_id: Mapped[int | None] = mapped_column(Integer, index=True)
    actor_name: Mapped[str] = mapped_column(CleanText(200))
    via: Mapped[str] = mapped_column(CleanText(12))
    action: Mapped[str] = mapped_column(CleanText(80), index=True)
    subject: Mapped[str | None] = mapped_column(CleanText(40))
    subject_id: Mapped[int | None] = mapped_column(Integer)
    label: Mapped[str] = mapped_column(CleanText(300), default="")
    before: Mapped[str | None] = mapped_column(CleanText(300))
    after: Mapped[str | None] = mapped_column(CleanText(300))
    reason: Mapped[str | None] = mapped_column(CleanText())
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    request_id: Mapped[str | None] = mapped_column(CleanText(40))


def note(
    actor: Actor,
    action: str,
    subject: Any = None,
    *,
    before: object = None,
    after: object = None,
    reason: str | None = None,
    **details: Any,
) -> AuditRow:
    """Add an entry in the open unit of work. `subject` is a flushed row; its `label` or `name` is kept with the entry,
    because the row itself may be renamed or gone when somebody reads the trail."""
    label = getattr(subject, "label", None) or getattr(subject, "name", None) or ""
    row = AuditRow(
        at=now(),
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name[:200],
        via=actor.via or actor.kind,
        action=action,
        subject=getattr(subject, "__tablename__", None),
        subject_id=getattr(subject, "id", None),
        label=str(label)[:300],
        before=None if before is None else str(before)[:300],
        after=None if after is None else str(after)[:300],
        reason=reason or None,
        details=details,
        request_id=request_id(),
    )
    session().add(row)
    return row
