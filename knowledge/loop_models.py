"""Tables of the loop between questions and articles: customers' words, questions without an answer, figures, corrections,
and what colleagues must have read."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Date, Double, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime, Versioned
from app.core.people import User
from knowledge.models import Article

OPEN, TAKEN, DONE, IGNORED = "open", "taken", "done", "ignored"
GAP_STATES = (OPEN, TAKEN, DONE, IGNORED)
RESOLVED, REJECTED = "resolved", "rejected"
MARKS = ("contradicted", "low_help", "stale", "never_found")
"""What can be wrong with an article's health, the worst first."""


class AskedWords(Base):
    """Words of a customer whose ticket an article solved. They find the article and are never shown to a reader.

    A removed row stays as a mark: the same words never come back. `ticket_id` is a number of the other floor.
    """

    __tablename__ = "asked_words"
    __table_args__ = (UniqueConstraint("article_id", "folded", "ticket_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"))
    ticket_id: Mapped[int] = mapped_column(Integer, index=True)
    text: Mapped[str] = mapped_column(CleanText(400))
    folded: Mapped[str] = mapped_column(CleanText(400))
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    removed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    removed_by: Mapped[str] = mapped_column(CleanText(80), default="")


class KnowledgeGap(Versioned, Base):
    """One question without an answer, in all the words in which it was asked. `level` is the narrowest audience that
    asked: as such a reader it is tested again. `result` holds the tests: [{text, rank, passage}]."""

    __tablename__ = "knowledge_gap"
    __table_args__ = (Index("ix_knowledge_gap_state_weight_id", "state", "weight", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(CleanText(12), default=OPEN)
    query: Mapped[str] = mapped_column(CleanText(300))
    tokens: Mapped[list[str]] = mapped_column(Json, default=list)
    level: Mapped[str] = mapped_column(CleanText(12), default="public")
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id", ondelete="SET NULL"), index=True)
    top_article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id", ondelete="SET NULL"), index=True)
    weight: Mapped[int] = mapped_column(Integer, default=0)
    zero: Mapped[int] = mapped_column(Integer, default=0)
    unopened: Mapped[int] = mapped_column(Integer, default=0)
    unhelpful: Mapped[int] = mapped_column(Integer, default=0)
    tickets: Mapped[int] = mapped_column(Integer, default=0)
    first_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    last_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, index=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    taken_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id", ondelete="SET NULL"), index=True)
    result: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    tested_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    reason: Mapped[str] = mapped_column(CleanText(500), default="")
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    closed_by: Mapped[str] = mapped_column(CleanText(80), default="")
    reopened: Mapped[int] = mapped_column(Integer, default=0)
    product: Mapped[Product | None] = relationship()
    owner: Mapped[User | None] = relationship()
    article: Mapped[Article | None] = relationship(foreign_keys=[article_id])
    top_article: Mapped[Article | None] = relationship(foreign_keys=[top_article_id])
    examples: Mapped[list["GapExample"]] = relationship(
        back_populates="gap", order_by="GapExample.count.desc(), GapExample.id", passive_deletes=True
    )

    @property
    def label(self) -> str:
        return self.query

    @property
    def count(self) -> int:
        """How often it was asked in vain."""
        return self.zero + self.unopened + self.unhelpful + self.tickets


class GapExample(Base):
    """One wording of a gap on one channel, and how often. `ticket_id` names a ticket that had these words."""

    __tablename__ = "gap_example"
    __table_args__ = (UniqueConstraint("gap_id", "folded", "channel"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    gap_id: Mapped[int] = mapped_column(ForeignKey("knowledge_gap.id", ondelete="CASCADE"))
    text: Mapped[str] = mapped_column(CleanText(400))
    folded: Mapped[str] = mapped_column(CleanText(400))
    kind: Mapped[str] = mapped_column(CleanText(12))
    channel: Mapped[str] = mapped_column(CleanText(20), index=True)
    count: Mapped[int] = mapped_column(Integer, default=1)
    ticket_id: Mapped[int | None] = mapped_column(Integer, index=True)
    last_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    gap: Mapped[KnowledgeGap] = relationship(back_populates="examples")


class GapKey(Base):
    """Which gap words of this meaning belong to: `key` is the sorted tokens, `product_id` 0 where none was named."""

    __tablename__ = "gap_key"
    __table_args__ = (UniqueConstraint("key", "product_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(CleanText(64))
    product_id: Mapped[int] = mapped_column(Integer, default=0)
    gap_id: Mapped[int] = mapped_column(ForeignKey("knowledge_gap.id", ondelete="CASCADE"), index=True)


class GapToken(Base):
    """Which gaps hold a token: candidates for words that were never asked exactly so before."""

    __tablename__ = "gap_token"
    __table_args__ = (Index("ix_gap_token_token_gap_id", "token", "gap_id", unique=True),)
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    token: Mapped[str] = mapped_column(CleanText(64))
    gap_id: Mapped[int] = mapped_column(ForeignKey("knowledge_gap.id", ondelete="CASCADE"), index=True)


class LoopCursor(Base):
    """How far the worker has read a log."""

    __tablename__ = "loop_cursor"
    name: Mapped[str] = mapped_column(CleanText(20), primary_key=True)
    last_id: Mapped[int] = mapped_column(BigInteger, default=0)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class ArticleDay(Base):
    """What searches did with an article on one day (UTC): shown, opened, and of the opened ones those that could be
    followed for 24 hours (`followed`) and that no ticket came after (`deflected`)."""

    __tablename__ = "article_day"
    __table_args__ = (UniqueConstraint("article_id", "day"), Index("ix_article_day_day", "day"))
    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"))
    day: Mapped[date] = mapped_column(Date)
    shown: Mapped[int] = mapped_column(Integer, default=0)
    opened: Mapped[int] = mapped_column(Integer, default=0)
    followed: Mapped[int] = mapped_column(Integer, default=0)
    deflected: Mapped[int] = mapped_column(Integer, default=0)


class ArticleFigures(Base):
    """How an article does, computed by the worker: sums of the last days, and its health. `worst` is the place of the
    worst mark in MARKS (9: healthy), `why` says the reason of each mark as [mark, message id, data]."""

    __tablename__ = "article_figures"
    __table_args__ = (Index("ix_article_figures_worst", "worst", "article_id"),)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"), primary_key=True)
    shown: Mapped[int] = mapped_column(Integer, default=0)
    opened: Mapped[int] = mapped_column(Integer, default=0)
    used: Mapped[int] = mapped_column(Integer, default=0)
    followed: Mapped[int] = mapped_column(Integer, default=0)
    deflected: Mapped[int] = mapped_column(Integer, default=0)
    helpful: Mapped[int] = mapped_column(Integer, default=0)
    rated: Mapped[int] = mapped_column(Integer, default=0)
    worst: Mapped[int] = mapped_column(Integer, default=9)
    marks: Mapped[list[str]] = mapped_column(Json, default=list)
    marks_text: Mapped[str] = mapped_column(CleanText(100), default="")
    why: Mapped[list[list[Any]]] = mapped_column(Json, default=list)
    share: Mapped[float | None] = mapped_column(Double)
    computed_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class ArticleFlag(Versioned, Base):
    """「这条有误」: what a colleague found wrong in an article, whose it is to put right and until when."""

    __tablename__ = "article_flag"
    __table_args__ = (Index("ix_article_flag_state_due_at_id", "state", "due_at", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"), index=True)
    revision_number: Mapped[int] = mapped_column(Integer, default=0)
    state: Mapped[str] = mapped_column(CleanText(12), default=OPEN)
    quote: Mapped[str] = mapped_column(CleanText(1000), default="")
    words: Mapped[str] = mapped_column(CleanText(1000))
    ticket_id: Mapped[int | None] = mapped_column(Integer)
    reporter_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    answer: Mapped[str] = mapped_column(CleanText(1000), default="")
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    closed_by: Mapped[str] = mapped_column(CleanText(80), default="")
    seen_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    article: Mapped[Article] = relationship()
    reporter: Mapped[User | None] = relationship(foreign_keys=[reporter_id])
    owner: Mapped[User | None] = relationship(foreign_keys=[owner_id])

    @property
    def label(self) -> str:
        return self.words[:80]


class MustRead(Versioned, Base):
    """That people of these roles or teams must have read an article by a day. With `each_revision` what was confirmed
    counts for the published revision only, so that a new one asks again."""

    __tablename__ = "must_read"
    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"), index=True)
    roles: Mapped[list[str]] = mapped_column(Json, default=list)
    team_ids: Mapped[list[int]] = mapped_column(Json, default=list)
    note: Mapped[str] = mapped_column(CleanText(300), default="")
    due_on: Mapped[date] = mapped_column(Date)
    each_revision: Mapped[bool] = mapped_column(Boolean, default=True)
    asked_by: Mapped[str] = mapped_column(CleanText(80), default="")
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    reminded_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)
    article: Mapped[Article] = relationship()

    @property
    def label(self) -> str:
        return self.article.title


class MustReadDone(Base):
    """That somebody confirmed having read this revision of the article."""

    __tablename__ = "must_read_done"
    __table_args__ = (UniqueConstraint("must_read_id", "user_id", "revision_number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    must_read_id: Mapped[int] = mapped_column(ForeignKey("must_read.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    revision_number: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
