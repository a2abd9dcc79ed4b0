"""Tables of bulk imports: a job with its files and what became of each article, and where an article came from."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime, Versioned
from knowledge.models import Article

READING, PLANNED, RUNNING, DONE, UNDONE, DROPPED = "reading", "planned", "running", "done", "undone", "dropped"
BUSY = (READING, RUNNING)


class ImportJob(Versioned, Base):
    """One import: reading → planned (the dry run is there) → running → done → undone; a planned one may be dropped.

    `organisation_id` is the company of whoever imports (None: the platform); `options` holds level and split;
    `leased_until` keeps two workers from working on the same job, and lets one go on where another vanished.
    """

    __tablename__ = "import_job"
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(CleanText(12), default=READING, index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    user_name: Mapped[str] = mapped_column(CleanText(80), default="")
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id", ondelete="SET NULL"))
    publish: Mapped[bool] = mapped_column(Boolean, default=False)
    options: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    total: Mapped[int] = mapped_column(Integer, default=0)
    done: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, index=True)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    leased_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    holder: Mapped[str] = mapped_column(CleanText(120), default="")
    product: Mapped[Product | None] = relationship()
    files: Mapped[list["ImportFile"]] = relationship(back_populates="job", order_by="ImportFile.id")

    @property
    def label(self) -> str:
        return f"#{self.id}"


class ImportFile(Base):
    """One file of an import. `content` and `parsed` are SHA-256 of kept bytes: as it came, and as it was read; `beside`
    marks a picture that another file shows. `reason` is a packed text."""

    __tablename__ = "import_file"
    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("import_job.id", ondelete="CASCADE"), index=True)
    path: Mapped[str] = mapped_column(CleanText(300))
    size: Mapped[int] = mapped_column(Integer)
    content: Mapped[str] = mapped_column(CleanText(64))
    parsed: Mapped[str] = mapped_column(CleanText(64), default="")
    state: Mapped[str] = mapped_column(CleanText(12), default="waiting")
    beside: Mapped[bool] = mapped_column(Boolean, default=False)
    reason: Mapped[str] = mapped_column(CleanText(), default="")
    mapping: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    job: Mapped[ImportJob] = relationship(back_populates="files")


class ImportItem(Base):
    """One article of an import, or a refused part. `plan` is what the dry run says (new, updated, skipped, failed);
    `result` is what was done, empty until then: that is what makes going on after a crash safe.

    `before_id` and `after_id` are the newest revisions around the import, `version` the article's afterwards: an import
    can be undone as long as nobody changed it since.
    """

    __tablename__ = "import_item"
    __table_args__ = (Index("ix_import_item_job_id_number", "job_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("import_job.id", ondelete="CASCADE"))
    file_id: Mapped[int] = mapped_column(ForeignKey("import_file.id", ondelete="CASCADE"), index=True)
    number: Mapped[int] = mapped_column(Integer)
    place: Mapped[int] = mapped_column(Integer, default=-1)
    key: Mapped[str] = mapped_column(CleanText(300), default="")
    title: Mapped[str] = mapped_column(CleanText(200), default="")
    plan: Mapped[str] = mapped_column(CleanText(12))
    result: Mapped[str] = mapped_column(CleanText(12), default="")
    reason: Mapped[str] = mapped_column(CleanText(), default="")
    rows: Mapped[int] = mapped_column(Integer, default=0)
    safety: Mapped[bool] = mapped_column(Boolean, default=False)
    excerpt: Mapped[str] = mapped_column(CleanText(600), default="")
    article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id", ondelete="SET NULL"), index=True)
    before_id: Mapped[int | None] = mapped_column(Integer)
    after_id: Mapped[int | None] = mapped_column(Integer)
    before_state: Mapped[str] = mapped_column(CleanText(12), default="")
    version: Mapped[int | None] = mapped_column(Integer)
    article: Mapped[Article | None] = relationship()
    file: Mapped[ImportFile] = relationship()


class ImportSource(Base):
    """Where an article came from, so that the same file or row finds it again. `owner` is the company's id (0: the
    platform): one supplier's file never meets another's. `sha256` is of what was imported last."""

    __tablename__ = "import_source"
    __table_args__ = (UniqueConstraint("owner", "product", "key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[int] = mapped_column(Integer)
    product: Mapped[int] = mapped_column(Integer, default=0)
    key: Mapped[str] = mapped_column(CleanText(700))
    sha256: Mapped[str] = mapped_column(CleanText(64))
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"), index=True)
    revision_id: Mapped[int | None] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
