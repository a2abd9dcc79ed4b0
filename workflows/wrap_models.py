"""Wrap-ups (小结): what closes the record of a call or a chat."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime, Versioned
from app.core.people import User
from workflows.models import Ticket

CALL, SESSION = "call", "session"
NONE_REASONS = {
    "wrong_number": "打错了",
    "silent": "没有说话",
    "spam": "推销或骚扰",
    "internal": "自己人的通话",
    "test": "测试",
    "continued": "接着上一次，已有小结",
}
"""Why there is nothing to wrap up."""


class WrapUp(Versioned, Base):
    """The wrap-up of one call or one stretch of a chat. `kind` is what it is of, call or session, and `subject_id` which.

    `done_at` is None while there are only notes of the talk (`note`), or a ticket that was opened from it. Then either
    `category` says what it was about (with `issue`, one of the kinds of tickets), or `none_reason` why there is nothing
    to say. `took_s`: seconds from the end of the talk until it was written, where that was at once.
    """

    __tablename__ = "wrap_up"
    __table_args__ = (
        UniqueConstraint("kind", "subject_id"),
        Index("ix_wrap_up_user_id_id", "user_id", "id"),
        Index("ix_wrap_up_ticket_id_kind", "ticket_id", "kind"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(CleanText(8))
    subject_id: Mapped[int] = mapped_column(Integer)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    issue: Mapped[str | None] = mapped_column(CleanText(16))
    category: Mapped[str | None] = mapped_column(CleanText(16))
    cause: Mapped[str] = mapped_column(CleanText(300), default="")
    note: Mapped[str] = mapped_column(CleanText(2000), default="")
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"))
    articles: Mapped[list[int]] = mapped_column(Json, default=list)
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id"))
    none_reason: Mapped[str | None] = mapped_column(CleanText(16))
    took_s: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    touched_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    done_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    user: Mapped[User | None] = relationship()
    product: Mapped[Product | None] = relationship()
    ticket: Mapped[Ticket | None] = relationship()

    @property
    def label(self) -> str:
        return self.cause or f"#{self.id}"
