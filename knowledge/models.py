"""Tables of the knowledge base: articles, their revisions, what readers said about them, and what was searched."""

from datetime import datetime

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime, Versioned
from app.core.people import Organisation

STATES = ("draft", "review", "published", "retired")
KINDS = ("howto", "fault", "faq", "api", "release", "wizard", "internal")

article_product = Table(
    "article_product",
    Base.metadata,
    Column("article_id", ForeignKey("article.id", ondelete="CASCADE"), primary_key=True),
    Column("product_id", ForeignKey("product.id", ondelete="CASCADE"), primary_key=True, index=True),
)

article_organisation = Table(
    "article_organisation",
    Base.metadata,
    Column("article_id", ForeignKey("article.id", ondelete="CASCADE"), primary_key=True),
    Column("organisation_id", ForeignKey("organisation.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class Article(Versioned, Base):
    """A piece of knowledge. Readers see `current` of a published one; `draft` is what is being worked on, if anything.

    Its audience is `level` × `organisations` × `products`; an empty list does not restrict. The counters are kept by
    statements that leave `version` alone: being read is not a change.
    """

    __tablename__ = "article"
    __table_args__ = (Index("ix_article_state_level", "state", "level"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(CleanText(120), unique=True)
    state: Mapped[str] = mapped_column(CleanText(12), default="draft")
    title: Mapped[str] = mapped_column(CleanText(200))
    kind: Mapped[str] = mapped_column(CleanText(12), default="howto")
    category: Mapped[str] = mapped_column(CleanText(60), default="")
    level: Mapped[str] = mapped_column(CleanText(12), default="public")
    language: Mapped[str] = mapped_column(CleanText(8), default="zh")
    safety: Mapped[bool] = mapped_column(Boolean, default=False)
    phone_script: Mapped[str] = mapped_column(CleanText(1000), default="")
    valid_for: Mapped[str] = mapped_column(CleanText(200), default="")
    source: Mapped[str] = mapped_column(CleanText(300), default="")
    reviewed_by: Mapped[str] = mapped_column(CleanText(80), default="")
    reviewed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    published_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)
    retired_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    current_revision_id: Mapped[int | None] = mapped_column(ForeignKey("article_revision.id", use_alter=True))
    draft_revision_id: Mapped[int | None] = mapped_column(ForeignKey("article_revision.id", use_alter=True))
    view_count: Mapped[int] = mapped_column(Integer, default=0)
    helpful_count: Mapped[int] = mapped_column(Integer, default=0)
    unhelpful_count: Mapped[int] = mapped_column(Integer, default=0)
    created_by: Mapped[str] = mapped_column(CleanText(80), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    products: Mapped[list[Product]] = relationship(secondary=article_product, order_by=Product.id)
    organisations: Mapped[list[Organisation]] = relationship(secondary=article_organisation, order_by=Organisation.id)
    revisions: Mapped[list["Revision"]] = relationship(
        back_populates="article", foreign_keys="Revision.article_id", order_by="Revision.number"
    )
    current: Mapped["Revision | None"] = relationship(foreign_keys=[current_revision_id], viewonly=True)
    draft: Mapped["Revision | None"] = relationship(foreign_keys=[draft_revision_id], viewonly=True)

    @property
    def label(self) -> str:
        return self.title


class Revision(Base):
    """One version of an article's text; never changed once written. `sha256` covers title, body and questions."""

    __tablename__ = "article_revision"
    __table_args__ = (UniqueConstraint("article_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    title: Mapped[str] = mapped_column(CleanText(200))
    body: Mapped[str] = mapped_column(CleanText())
    questions: Mapped[list[str]] = mapped_column(Json, default=list)
    author: Mapped[str] = mapped_column(CleanText(80))
    author_id: Mapped[int | None] = mapped_column(Integer)
    comment: Mapped[str] = mapped_column(CleanText(300), default="")
    sha256: Mapped[str] = mapped_column(CleanText(64))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    article: Mapped[Article] = relationship(back_populates="revisions", foreign_keys=[article_id])


class ArticleFeedback(Base):
    """What one reader said: did it help, in which words not, and with which words of a search they had come."""

    __tablename__ = "article_feedback"
    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"), index=True)
    helpful: Mapped[bool] = mapped_column(Boolean)
    words: Mapped[str] = mapped_column(CleanText(1000), default="")
    query: Mapped[str] = mapped_column(CleanText(300), default="", server_default="")
    actor_kind: Mapped[str] = mapped_column(CleanText(12), default="")
    actor_id: Mapped[int | None] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class SearchLog(Base):
    """One search as it was asked and answered, and what was opened of it. `folded` groups spellings of the same words.

    `where` is the place of the search (portal, console, cli, api …); `level` the widest level that its reader has. `key` is
    given to the page at once, before the row is written. `contact_id` is who asked, as far as they were known or made
    themselves known soon after; `browser` tells anonymous ones apart. `gap_id`: counted as a question without an answer.
    """

    __tablename__ = "search_log"
    __table_args__ = (Index("ix_search_log_folded_at", "folded", "at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    query: Mapped[str] = mapped_column(CleanText(300))
    folded: Mapped[str] = mapped_column(CleanText(300))
    level: Mapped[str] = mapped_column(CleanText(12), default="public")
    where: Mapped[str] = mapped_column(CleanText(20), default="")
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id", ondelete="SET NULL"))
    hits: Mapped[int] = mapped_column(Integer)
    shown: Mapped[list[int]] = mapped_column(Json, default=list)
    opened_article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id", ondelete="SET NULL"))
    opened_rank: Mapped[int | None] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, index=True)
    key: Mapped[str | None] = mapped_column(CleanText(24), unique=True)
    contact_id: Mapped[int | None] = mapped_column(Integer)
    browser: Mapped[str] = mapped_column(CleanText(24), default="", server_default="", index=True)
    gap_id: Mapped[int | None] = mapped_column(Integer)

    @property
    def zero(self) -> bool:
        return self.hits == 0
