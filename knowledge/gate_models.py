"""Tables of the release gate: what a product's release must bring along, and how far each release is."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.catalogue import Product, Release
from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime, Versioned
from knowledge.models import Article

PREPARING, READY, PUBLISHED = "preparing", "ready", "published"


class GateRequirement(Base):
    """A document that a release must have. `category` is that of the product ("": where a category has no list of its
    own); `kinds` are the kinds of articles that may be it, `words` what its title or category says of it."""

    __tablename__ = "gate_requirement"
    __table_args__ = (UniqueConstraint("category", "code"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    category: Mapped[str] = mapped_column(CleanText(60), default="")
    code: Mapped[str] = mapped_column(CleanText(40))
    name: Mapped[str] = mapped_column(CleanText(60))
    kinds: Mapped[list[str]] = mapped_column(Json, default=list)
    words: Mapped[list[str]] = mapped_column(Json, default=list)
    place: Mapped[int] = mapped_column(Integer, default=0)

    @property
    def label(self) -> str:
        return self.name


class ReleaseGate(Versioned, Base):
    """The knowledge of one release on its way: preparing → ready → published. `created_at` is when its preparation
    began: documents count as reviewed when they were reviewed since. `override_reason`: published all the same, and why."""

    __tablename__ = "release_gate"
    id: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("release.id", ondelete="CASCADE"), unique=True)
    state: Mapped[str] = mapped_column(CleanText(12), default=PREPARING, index=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    created_by: Mapped[str] = mapped_column(CleanText(80), default="")
    ready_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    published_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    published_by: Mapped[str] = mapped_column(CleanText(80), default="")
    override_reason: Mapped[str] = mapped_column(CleanText(500), default="")
    missing: Mapped[list[Any]] = mapped_column(Json, default=list)
    release: Mapped[Release] = relationship()

    @property
    def label(self) -> str:
        return f"{self.release.product.label} {self.release.name}"


class GateDocument(Base):
    """Which article somebody chose for a requirement of a release; without a row the best one is proposed."""

    __tablename__ = "gate_document"
    __table_args__ = (UniqueConstraint("gate_id", "code"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    gate_id: Mapped[int] = mapped_column(ForeignKey("release_gate.id", ondelete="CASCADE"))
    code: Mapped[str] = mapped_column(CleanText(40))
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"), index=True)
    article: Mapped[Article] = relationship()


class GateQuery(Base):
    """A question by its name that must find an article among the first three, for every release of the product."""

    __tablename__ = "gate_query"
    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(CleanText(80), default="")
    text: Mapped[str] = mapped_column(CleanText(200))
    article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id", ondelete="SET NULL"), index=True)
    client: Mapped[bool] = mapped_column(Boolean, default=False)
    created_by: Mapped[str] = mapped_column(CleanText(80), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    article: Mapped[Article | None] = relationship()
    product: Mapped[Product] = relationship()

    @property
    def label(self) -> str:
        return self.name or self.text
