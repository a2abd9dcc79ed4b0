"""Tables of the words that editors teach the search: trade words to keep whole, and words that mean the same."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime, Versioned


class Term(Versioned, Base):
    """A word that the cutter shall not take apart. `text` is folded, as it is compared."""

    __tablename__ = "knowledge_term"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(CleanText(40), unique=True)
    note: Mapped[str] = mapped_column(CleanText(200), default="")
    created_by: Mapped[str] = mapped_column(CleanText(80), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    @property
    def label(self) -> str:
        return self.text


class SynonymGroup(Versioned, Base):
    """Words that mean the same to a searcher; `words` are folded and in the order in which they were given."""

    __tablename__ = "knowledge_synonym"
    id: Mapped[int] = mapped_column(primary_key=True)
    words: Mapped[list[str]] = mapped_column(Json, default=list)
    note: Mapped[str] = mapped_column(CleanText(200), default="")
    created_by: Mapped[str] = mapped_column(CleanText(80), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    @property
    def label(self) -> str:
        return " = ".join(self.words)
