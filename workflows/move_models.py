"""Which words were moved from one ticket to another, so that the move can be taken back."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime
from workflows.models import Ticket


class MessageMove(Base):
    """One move. `message_ids` is empty where the whole conversation moved; `sessions` says in which session each message
    was before. `opened`: the other ticket was opened for it; `chain`: the earlier tickets of the conversation's link."""

    __tablename__ = "message_move"
    __table_args__ = (Index("ix_message_move_from_conversation_id", "from_conversation_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    from_ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), index=True)
    to_ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), index=True)
    from_conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"))
    to_conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"), index=True)
    message_ids: Mapped[list[int]] = mapped_column(Json, default=list)
    sessions: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    chain: Mapped[list[int]] = mapped_column(Json, default=list)
    opened: Mapped[bool] = mapped_column(Boolean, default=False)
    by: Mapped[str] = mapped_column(CleanText(200))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    from_ticket: Mapped[Ticket] = relationship(foreign_keys=[from_ticket_id])
    to_ticket: Mapped[Ticket] = relationship(foreign_keys=[to_ticket_id])
