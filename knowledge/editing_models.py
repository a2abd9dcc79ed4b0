"""Tables of the editors' work around an article: files, comments of a review, planned publishing, links, and its care."""

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime
from app.core.files import StoredFile
from app.core.people import User
from knowledge.models import Article, Revision

WAITING, PUBLISHED, CANCELLED = "waiting", "published", "cancelled"
SAID, ASKED, RETURNED = "said", "asked", "returned"


class ArticleFile(Base):
    """A picture or attachment that somebody gave to an article. Until a new article is saved for the first time its files
    lie in a `basket`, a secret word of the form, and nobody but who uploaded them can read them."""

    __tablename__ = "article_file"
    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"), index=True)
    basket: Mapped[str] = mapped_column(CleanText(40), default="", index=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("file.id"))
    is_image: Mapped[bool] = mapped_column(Boolean, default=False)
    uploaded_by_id: Mapped[int | None] = mapped_column(Integer)
    uploaded_by: Mapped[str] = mapped_column(CleanText(80), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, index=True)
    file: Mapped[StoredFile] = relationship(lazy="joined")
    article: Mapped[Article | None] = relationship()


class RevisionFile(Base):
    """That a revision lists a file at its end. It belongs to the revision, so that readers see it from the moment when
    the revision is published, and an older revision brings its attachments back."""

    __tablename__ = "article_revision_file"
    revision_id: Mapped[int] = mapped_column(ForeignKey("article_revision.id", ondelete="CASCADE"), primary_key=True)
    article_file_id: Mapped[int] = mapped_column(ForeignKey("article_file.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(Integer)
    article_file: Mapped[ArticleFile] = relationship(lazy="joined")


class ReviewComment(Base):
    """Something said about a draft while it is reviewed. `quote` are the words that it is about, as they stood in the
    revision; answers hang on the first comment of their thread. `kind`: said, or the note of a submit or return."""

    __tablename__ = "review_comment"
    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"), index=True)
    revision_id: Mapped[int | None] = mapped_column(ForeignKey("article_revision.id", ondelete="SET NULL"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("review_comment.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(CleanText(12), default=SAID)
    quote: Mapped[str] = mapped_column(CleanText(300), default="")
    text: Mapped[str] = mapped_column(CleanText(2000))
    author_id: Mapped[int | None] = mapped_column(Integer)
    author: Mapped[str] = mapped_column(CleanText(80))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    resolved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    resolved_by: Mapped[str] = mapped_column(CleanText(80), default="")
    revision: Mapped[Revision | None] = relationship()

    @property
    def label(self) -> str:
        return self.quote or self.text[:40]


class PublishPlan(Base):
    """That a revision, as it was reviewed, is to be published at a moment. At most one waits for each article; it is
    carried out once or cancelled, with the reason."""

    __tablename__ = "publish_plan"
    __table_args__ = (Index("ix_publish_plan_state_publish_at", "state", "publish_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"), index=True)
    revision_id: Mapped[int] = mapped_column(ForeignKey("article_revision.id", ondelete="CASCADE"))
    publish_at: Mapped[datetime] = mapped_column(UTCDateTime)
    state: Mapped[str] = mapped_column(CleanText(12), default=WAITING)
    reason: Mapped[str] = mapped_column(CleanText(300), default="")
    planned_by_id: Mapped[int | None] = mapped_column(Integer)
    planned_by: Mapped[str] = mapped_column(CleanText(80))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    article: Mapped[Article] = relationship()
    revision: Mapped[Revision] = relationship()


class ArticleLink(Base):
    """A link of a revision to another article, by the address that was written. A revision without links has one row
    with an empty `target`, so that one that was not looked at yet can be told from it."""

    __tablename__ = "article_link"
    __table_args__ = (UniqueConstraint("revision_id", "target"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"), index=True)
    revision_id: Mapped[int] = mapped_column(ForeignKey("article_revision.id", ondelete="CASCADE"))
    target: Mapped[str] = mapped_column(CleanText(200), default="", index=True)


class ArticleAddress(Base):
    """An address that an article had before it was renamed; it leads to the new one for ever."""

    __tablename__ = "article_address"
    slug: Mapped[str] = mapped_column(CleanText(120), primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class ArticleCare(Base):
    """Who looks after an article, until when it is to be looked at again, and what colleagues should know about it.
    `reminded_for` is the date that a reminder was sent for: one for each date."""

    __tablename__ = "article_care"
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"), primary_key=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"), index=True)
    review_by: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)
    reminded_for: Mapped[datetime | None] = mapped_column(UTCDateTime)
    internal_note: Mapped[str] = mapped_column(CleanText(4000), default="")
    owner: Mapped[User | None] = relationship()
