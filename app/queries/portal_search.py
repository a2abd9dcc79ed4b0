"""What a page of answers shows beside the index: a fixed, small number of statements, whatever was found."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, func, select

from app.core.catalogue import Product
from app.core.db import session
from app.queries.briefly import briefly
from knowledge.access import within
from knowledge.index import Reader
from knowledge.models import Article, Revision


@dataclass(frozen=True)
class Listed:
    """An article as lists show it: ten of them stand on each page of answers, so they hold nothing more."""

    id: int
    slug: str
    title: str
    level: str
    safety: bool


@dataclass(frozen=True)
class Shown:
    """What a reader sees of the one article that answers."""

    body: str
    valid_for: str
    reviewed_at: datetime | None


@dataclass(frozen=True)
class News:
    """An article that is new or changed."""

    slug: str
    title: str
    updated_at: datetime


_COLUMNS = [getattr(Article, name) for name in Listed.__dataclass_fields__]


def listed(ids: Iterable[int], reader: Reader) -> dict[int, Listed]:
    """The articles of these numbers that the reader may read now: the database has the last word over the index."""
    wanted = list(ids)
    if not wanted:
        return {}
    return {row[0]: Listed(*row) for row in session().execute(_listing(reader), {"wanted": wanted})}


@lru_cache(maxsize=256)
def _listing(reader: Reader) -> Select[Any]:
    """Putting the statement together costs more than running it; a reader's stays the same."""
    wanted: BindParameter[int] = bindparam("wanted", expanding=True)
    return select(*_COLUMNS).where(Article.id.in_(wanted), Article.state == "published", within(reader))


def products(ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    """(code, name) of products by number."""
    catalogue = _catalogue()
    return {number: catalogue[number] for number in ids if number in catalogue}


@briefly
def _catalogue() -> dict[int, tuple[str, str]]:
    rows = session().execute(select(Product.id, Product.code, Product.name))
    return {number: (code, name) for number, code, name in rows}


def product_codes_of(names: Iterable[str]) -> dict[str, str]:
    """Code by name, of products that are offered."""
    wanted = list(names)
    if not wanted:
        return {}
    rows = session().execute(select(Product.name, Product.code).where(Product.name.in_(wanted), Product.active.is_(True)))
    return {str(name): str(code) for name, code in rows}


def product_codes(limit: int) -> list[tuple[str, str]]:
    """(code, name) of what is offered, for somebody who found nothing."""
    rows = select(Product.code, Product.name).where(Product.active.is_(True)).order_by(Product.code).limit(limit)
    return [(code, name) for code, name in session().execute(rows)]


def shown_of(article_id: int) -> Shown:
    """The text that readers see, and since when it is known to be right."""
    row = session().execute(_SHOWN, {"wanted": article_id}).one_or_none()
    return Shown(*row) if row else Shown("", "", None)


_SHOWN = (
    select(func.coalesce(Revision.body, ""), Article.valid_for, Article.reviewed_at)
    .join(Revision, Article.current_revision_id == Revision.id, isouter=True)
    .where(Article.id == bindparam("wanted"))
)


def newest(reader: Reader, limit: int, product_id: int | None = None) -> list[News]:
    """What was published or changed last."""
    rows = select(Article.slug, Article.title, Article.updated_at).where(Article.state == "published", within(reader))
    if product_id is not None:
        rows = rows.where(Article.products.any(Product.id == product_id))
    rows = rows.order_by(func.coalesce(Article.published_at, Article.updated_at).desc(), Article.id.desc()).limit(limit)
    return [News(*row) for row in session().execute(rows)]
