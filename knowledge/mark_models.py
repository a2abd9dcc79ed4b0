"""The table of what single persons did with things that many may read: who follows, voted, reported, has seen."""

from datetime import datetime

from sqlalchemy import Boolean, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime

FOLLOW, SEEN = "follow", "seen"
QUESTION, PRODUCT, RELEASE = "question", "product", "release"


class PersonMark(Base):
    """What one person did with one thing, once each. `mark`: vote, follow, report or seen; `about` and `about_id`: a
    public question or answer, a product (its releases are followed), or the gate of a release (its notice was seen).

    `person_kind` and `person_id` are a login, or the identity by which a visitor is known. `words` are the reason of a
    report, or what a follower is still to be told; `settled`: a report that was judged."""

    __tablename__ = "person_mark"
    __table_args__ = (
        UniqueConstraint("mark", "about", "about_id", "person_kind", "person_id"),
        Index("ix_person_mark_person", "person_kind", "person_id", "mark"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    mark: Mapped[str] = mapped_column(CleanText(8))
    about: Mapped[str] = mapped_column(CleanText(8))
    about_id: Mapped[int] = mapped_column(Integer, index=True)
    person_kind: Mapped[str] = mapped_column(CleanText(12))
    person_id: Mapped[int] = mapped_column(Integer)
    words: Mapped[str] = mapped_column(CleanText(300), default="")
    settled: Mapped[bool] = mapped_column(Boolean, default=False)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
