"""What the answer service did about a question: one row for each that it took up, so that it answers once and all can be counted."""

from datetime import datetime
from typing import Any

from sqlalchemy import Double, ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime, Versioned

LOOKING, ASKED, ANSWERED = "looking", "asked", "answered"
SOLVED, THANKED, HANDED, SILENT, PASSED, LEFT = "solved", "thanked", "handed", "silent", "passed", "left"
OPEN = (LOOKING, ASKED, ANSWERED)
"""States in which the customer's next words, or the clock, decide."""


class AnswerTalk(Versioned, Base):
    """A question that the answer service took up, named by its message.

    `state`: looking → asked (which product?) → looking, or answered; ends solved (the customer said so), thanked, handed
    (a person has it because the customer wanted one or said more), silent (nothing was said, a ticket stands), passed (no
    answer was sure enough: a person had it at once), left (an agent took it from the list). `waits`: ids of the messages
    that go to a person together. `offered`: ids of the products that were asked about. `placed`: what `Message.placed`
    said before. `confidence` 0 to 1, of the article that was sent or would have been.
    """

    __tablename__ = "answer_talk"
    __table_args__ = (Index("ix_answer_talk_conversation_id_state", "conversation_id", "state"), Index("ix_answer_talk_begun_at", "begun_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id"), unique=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    session_id: Mapped[int | None] = mapped_column(ForeignKey("session.id", ondelete="SET NULL"), index=True)
    state: Mapped[str] = mapped_column(CleanText(12), default=LOOKING)
    waits: Mapped[list[int]] = mapped_column(Json, default=list)
    placed: Mapped[str] = mapped_column(CleanText(40), default="")
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id", ondelete="SET NULL"))
    offered: Mapped[list[int]] = mapped_column(Json, default=list)
    article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id", ondelete="SET NULL"), index=True)
    confidence: Mapped[float | None] = mapped_column(Double)
    why: Mapped[str] = mapped_column(CleanText(20), default="")
    answer_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"), unique=True)
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id", ondelete="SET NULL"), index=True)
    searches: Mapped[int] = mapped_column(Integer, default=0)
    begun_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    @property
    def label(self) -> str:
        return f"#{self.id}"

    @property
    def shown(self) -> dict[str, Any]:
        """What the customer was shown, for marks on messages and notes."""
        return {"article": self.article_id, "confidence": self.confidence, "product": self.product_id}
