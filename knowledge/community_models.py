"""Tables of public questions: what was asked under a product and what was answered."""

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime, Versioned

PENDING, SHOWN, HIDDEN = "pending", "shown", "hidden"
SIDES = ("customer", "supplier", "desk")


class Question(Versioned, Base):
    """Something asked in public. Only a shown one is for everybody; a pending or hidden one is for its author and the
    moderators. `held_for` says why it waits, `hidden_reason` why it was taken down. `ticket_number` is the number of the
    desk's ticket where the question was handed over; `article_id` the article that was drafted from an answer."""

    __tablename__ = "community_question"
    __table_args__ = (
        Index("ix_community_question_state_active", "state", "active_at"),
        Index("ix_community_question_author", "author_kind", "author_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(CleanText(120))
    body: Mapped[str] = mapped_column(CleanText(4000), default="")
    state: Mapped[str] = mapped_column(CleanText(12), default=PENDING)
    held_for: Mapped[str] = mapped_column(CleanText(200), default="")
    hidden_reason: Mapped[str] = mapped_column(CleanText(300), default="")
    author_kind: Mapped[str] = mapped_column(CleanText(12))
    author_id: Mapped[int] = mapped_column(Integer)
    author_name: Mapped[str] = mapped_column(CleanText(40))
    side: Mapped[str] = mapped_column(CleanText(12), default="customer")
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id", ondelete="SET NULL"))
    accepted_answer_id: Mapped[int | None] = mapped_column(Integer)
    answer_count: Mapped[int] = mapped_column(Integer, default=0)
    vote_count: Mapped[int] = mapped_column(Integer, default=0)
    ticket_number: Mapped[int | None] = mapped_column(Integer)
    article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    active_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    product: Mapped[Product] = relationship()
    answers: Mapped[list["Answer"]] = relationship(back_populates="question", order_by="Answer.id")

    @property
    def label(self) -> str:
        return self.title

    @property
    def solved(self) -> bool:
        return self.accepted_answer_id is not None


class Answer(Versioned, Base):
    """An answer to a question, or its author's own addition (side customer)."""

    __tablename__ = "community_answer"
    __table_args__ = (Index("ix_community_answer_author", "author_kind", "author_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    question_id: Mapped[int] = mapped_column(ForeignKey("community_question.id", ondelete="CASCADE"), index=True)
    body: Mapped[str] = mapped_column(CleanText(8000))
    state: Mapped[str] = mapped_column(CleanText(12), default=PENDING, index=True)
    held_for: Mapped[str] = mapped_column(CleanText(200), default="")
    hidden_reason: Mapped[str] = mapped_column(CleanText(300), default="")
    author_kind: Mapped[str] = mapped_column(CleanText(12))
    author_id: Mapped[int] = mapped_column(Integer)
    author_name: Mapped[str] = mapped_column(CleanText(40))
    side: Mapped[str] = mapped_column(CleanText(12), default="customer")
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id", ondelete="SET NULL"))
    vote_count: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    question: Mapped[Question] = relationship(back_populates="answers")

    @property
    def label(self) -> str:
        return self.body[:60]


Post = Question | Answer


class CommunityTerm(Base):
    """One word of a shown question, for finding it. Rows stand and fall with the question being shown."""

    __tablename__ = "community_term"
    __table_args__ = (Index("ix_community_term_term", "term", "question_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    question_id: Mapped[int] = mapped_column(ForeignKey("community_question.id", ondelete="CASCADE"), index=True)
    term: Mapped[str] = mapped_column(CleanText(40))
    weight: Mapped[int] = mapped_column(Integer, default=1)


class SensitiveWord(Base):
    """A word that holds a public text back for the moderators: added to the shipped list, or, where `allowed`, taken
    from it. `folded` is the word as it is compared."""

    __tablename__ = "sensitive_word"
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(CleanText(40))
    folded: Mapped[str] = mapped_column(CleanText(60), unique=True)
    allowed: Mapped[bool] = mapped_column(Boolean, default=False)
    created_by: Mapped[str] = mapped_column(CleanText(80), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
