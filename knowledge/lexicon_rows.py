"""What the words of titles are read from: stretches of articles by number, and those that changed since a moment."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, select, true

from app.core.catalogue import Product
from app.core.db import session
from app.core.events import EventRow
from knowledge.models import Article, Revision
from knowledge.term_models import Term

Changed = tuple[datetime, int]
"""A moment (UTC) and a number of an article: articles are read in this order once all were read by number."""
_LAST = 2**31 - 1
_COLUMNS = (Article.updated_at, Article.id, Article.title, Revision.questions)
_BY_NUMBER = (
    # Of every state, in the order of the key: asked for published ones alone, SQLite sorts all of them for each stretch.
    select(*_COLUMNS, Article.state)
    .outerjoin(Revision, Revision.id == Article.current_revision_id)
    .order_by(Article.id)
)
_CHANGED = (
    select(*_COLUMNS)
    .join(Revision, Revision.id == Article.current_revision_id)
    .where(Article.state == "published")
    .order_by(Article.updated_at, Article.id)
)


class Row(NamedTuple):
    at: datetime
    number: int
    texts: list[str]


def published() -> int:
    return session().scalar(select(func.count()).where(Article.state == "published")) or 0


def newest() -> Changed | None:
    """When the youngest change of now was; what comes later is read after all numbers were."""
    found = session().scalar(select(func.max(Article.updated_at)).where(Article.state == "published"))
    return None if found is None else (found, _LAST)


def newest_event() -> int | None:
    """The number of the newest event of the house."""
    return session().scalar(select(func.max(EventRow.id)))


def list_words() -> list[str]:
    """The words of editors and the names of products."""
    return [*session().scalars(select(Term.text)), *session().scalars(select(Product.name))]


def rows_by_number(after: int, most: int) -> tuple[list[Row], bool, int]:
    """The published ones of the next articles, whether they are the last, and how far they go."""
    told = session().execute(_BY_NUMBER.where(Article.id > after).limit(most)).all()
    rows = [Row(at, number, [title, *(asked or ())]) for at, number, title, asked, state in told if state == "published"]
    return rows, len(told) < most, told[-1].id if told else after


def rows_changed(place: Changed | None, most: int) -> tuple[list[Row], bool]:
    """Published articles changed after the place, oldest first, and whether they are the last. One read a second time only
    counts its words again."""
    told = session().execute(_CHANGED.where(_after(place)).limit(most)).all()
    return [Row(at, number, [title, *(asked or ())]) for at, number, title, asked in told], len(told) < most


def count_changed(place: Changed | None) -> int:
    """How many published articles changed after the place."""
    return session().scalar(select(func.count()).where(Article.state == "published", _after(place))) or 0


def _after(place: Changed | None) -> ColumnElement[bool]:
    if place is None:
        return true()
    at, number = place
    return or_(Article.updated_at > at, and_(Article.updated_at == at, Article.id > number))
