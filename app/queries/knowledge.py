"""Lists for those who write knowledge: articles by state, what readers missed, and what was asked without an answer."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, tuple_
from sqlalchemy.orm import selectinload

from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.directory.access import circle
from app.core.people import Organisation
from app.core.permissions import Actor
from knowledge.access import editable_articles, own_products, reader_for, within
from knowledge.models import STATES, Article, ArticleFeedback, Revision, article_product

REVIEW_AFTER = timedelta(days=365)
PAGE = 40
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class ArticlePage:
    """Some articles, the last changed first; `next` is the cursor to go on from."""

    articles: list[Article]
    next: str | None
    counts: dict[str, int]


def _visible(actor: Actor) -> ColumnElement[bool]:
    """What is published for this reader, and what they may change, in any state."""
    readable = and_(Article.state == "published", within(reader_for(actor)))
    if not actor.can("article.write"):
        return readable
    return or_(readable, Article.id.in_(editable_articles(actor).with_only_columns(Article.id)))


def article_page(
    actor: Actor, *, state: str = "", q: str = "", product_id: int | None = None, level: str = "", cursor: str = ""
) -> ArticlePage:
    """Articles by state, product and audience whose title, address or text holds `q`; keyset paging."""
    conditions = [_visible(actor)]
    if q:
        pattern = "%" + q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        text = exists().where(
            or_(Revision.id == Article.current_revision_id, Revision.id == Article.draft_revision_id),
            Revision.body.ilike(pattern, escape="\\"),
        )
        conditions.append(or_(*(c.ilike(pattern, escape="\\") for c in (Article.title, Article.slug)), text))
    if product_id is not None:
        linked = article_product.c.article_id == Article.id
        conditions.append(exists().where(linked, article_product.c.product_id == product_id))
    if level:
        conditions.append(Article.level == level)
    counted = session().execute(select(Article.state, func.count()).where(*conditions).group_by(Article.state))
    counts = dict.fromkeys(STATES, 0) | dict(counted.all())
    if state in STATES:
        conditions.append(Article.state == state)
    if (place := _place(cursor)) is not None:
        conditions.append(tuple_(Article.updated_at, Article.id) < place)
    rows = select(Article).where(*conditions).options(selectinload(Article.products))
    found = list(session().scalars(rows.order_by(Article.updated_at.desc(), Article.id.desc()).limit(PAGE + 1)))
    last = found[PAGE - 1] if len(found) > PAGE else None
    onward = f"{(last.updated_at - _EPOCH) // timedelta(microseconds=1)}_{last.id}" if last else None
    return ArticlePage(found[:PAGE], onward, counts)


def _place(cursor: str) -> Any:
    """The moment and id of a cursor; None for one that is none of ours."""
    moment, _, number = cursor.partition("_")
    if not (moment.isascii() and moment.isdecimal() and number.isascii() and number.isdecimal() and len(cursor) < 30):
        return None
    try:
        at = _EPOCH + timedelta(microseconds=int(moment))
    except OverflowError:
        return None
    return (at, int(number)) if int(number) < 2**31 else None


def is_stale(article: Article) -> bool:
    """Whether a published article should be looked at again."""
    return article.state == "published" and (article.reviewed_at is None or now() - article.reviewed_at > REVIEW_AFTER)


def revisions_of(article: Article) -> list[Revision]:
    """All revisions, the newest first."""
    rows = select(Revision).where(Revision.article_id == article.id).order_by(Revision.number.desc())
    return list(session().scalars(rows))


def missed(article: Article, limit: int = 10) -> list[ArticleFeedback]:
    """What readers said was missing, the newest first."""
    rows = select(ArticleFeedback).where(ArticleFeedback.article_id == article.id, ArticleFeedback.words != "")
    return list(session().scalars(rows.order_by(ArticleFeedback.id.desc()).limit(limit)))


def product_choices(actor: Actor) -> list[Product]:
    """The products that this author may write about; a supplier's author those of the own company alone."""
    rows = select(Product).order_by(Product.name)
    if circle(actor) == "supplier":
        rows = rows.where(Product.id.in_(own_products(actor)))
    return list(session().scalars(rows))


def organisation_choices(actor: Actor) -> list[Organisation]:
    """The companies that an article may be meant for alone; a supplier may name itself."""
    rows = select(Organisation).where(Organisation.kind != "platform").order_by(Organisation.name)
    if circle(actor) == "supplier":
        rows = rows.where(Organisation.id == actor.organisation_id)
    return list(session().scalars(rows))
