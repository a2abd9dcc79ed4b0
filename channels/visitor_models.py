"""What else is kept of a visitor of a web chat: passes of somebody who was vouched for, pages looked at, a rating."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime


class VisitorPass(Base):
    """A token of somebody whom their site vouched for: one for each browser, good until its moment. Only the hash is kept."""

    __tablename__ = "visitor_pass"
    id: Mapped[int] = mapped_column(primary_key=True)
    visitor_id: Mapped[int] = mapped_column(ForeignKey("visitor.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(CleanText(64), unique=True)
    until: Mapped[datetime] = mapped_column(UTCDateTime, index=True)


class VisitorPage(Base):
    """A page of the site that the visitor had open around the chat; the newest twenty, for a day."""

    __tablename__ = "visitor_page"
    __table_args__ = (Index("ix_visitor_page_visitor_id_id", "visitor_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    visitor_id: Mapped[int] = mapped_column(ForeignKey("visitor.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(CleanText(1000))
    title: Mapped[str] = mapped_column(CleanText(200), default="")
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, index=True)


class ChatRating(Base):
    """What a visitor said of a chat at its end: 1 (bad) to 5 (good). The ticket's own question (回访) stays the survey that
    counts; where one is open, the same answer goes there too."""

    __tablename__ = "chat_rating"
    __table_args__ = (UniqueConstraint("session_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"), index=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("session.id"))
    score: Mapped[int] = mapped_column()
    comment: Mapped[str] = mapped_column(CleanText(2000), default="")
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
