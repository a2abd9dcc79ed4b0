"""The stored verdict of each issue, with what reports group it by, and what agents decided about possible repeats."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime


class FcrVerdict(Base):
    """One row an issue, as workflows.fcr judged it. Reports read this table alone.

    `reasons`: [{code, at, ticket, session}]. `broken_after` in seconds after `counted_at`, None while nothing speaks
    against it. `kind` is the kind at the first resolution, `user_id` and `team_id` the credit, `possible` how many
    later contacts wait for a decision, `seconds` from creation to first resolution, of the clock.
    """

    __tablename__ = "fcr_verdict"
    __table_args__ = (
        # Reports of a year add up every row of it: all that they read stands in one index, the rows stay untouched.
        Index(
            "ix_fcr_verdict_counted_at_report", "counted_at", "verdict", "solvable", "channel", "kind", "product_id", "team_id",
            "user_id", "organisation_id", "main_reason", "excluded_as", "broken_after", "held", "reopened", "kind_changed",
            "possible", "seconds", "created_at",
        ),
        Index("ix_fcr_verdict_organisation_id_counted_at", "organisation_id", "counted_at"),
        Index("ix_fcr_verdict_possible_counted_at", "possible", "counted_at"),
    )
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True)
    verdict: Mapped[str] = mapped_column(CleanText(12))
    excluded_as: Mapped[str | None] = mapped_column(CleanText(16))
    main_reason: Mapped[str | None] = mapped_column(CleanText(16))
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    counted_at: Mapped[datetime] = mapped_column(UTCDateTime)
    matures_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    broken_after: Mapped[int | None] = mapped_column(Integer)
    solvable: Mapped[bool] = mapped_column(Boolean)
    possible: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    seconds: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(CleanText(16))
    channel: Mapped[str] = mapped_column(CleanText(16))
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    held: Mapped[bool] = mapped_column(Boolean, default=False)
    reopened: Mapped[bool] = mapped_column(Boolean, default=False)
    kind_changed: Mapped[bool] = mapped_column(Boolean, default=False)
    judged_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class RepeatDecision(Base):
    """That somebody decided whether a later ticket or session is about the same issue (`same`) or another one."""

    __tablename__ = "repeat_decision"
    __table_args__ = (UniqueConstraint("ticket_id", "later_ticket_id"), UniqueConstraint("ticket_id", "later_session_id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    later_ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"), index=True)
    later_session_id: Mapped[int | None] = mapped_column(ForeignKey("session.id", ondelete="CASCADE"), index=True)
    same: Mapped[bool] = mapped_column(Boolean)
    decided_by: Mapped[str] = mapped_column(CleanText(200))
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    decided_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
