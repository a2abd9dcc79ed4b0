"""What a product's page shows, and what robots may find of articles and products."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select

from app.core.catalogue import Product
from app.core.db import session
from app.core.permissions import NOBODY, Actor
from app.core.text import clean
from knowledge.access import readable_articles
from knowledge.models import Article, article_product

MOST = 200


@dataclass(frozen=True)
class Line:
    """An article in a list of its product."""

    slug: str
    title: str
    category: str
    level: str
    safety: bool
    views: int
    updated_at: datetime


def find(code: str) -> Product | None:
    """An offered product by its code, in any spelling of case."""
    wanted = select(Product).where(func.lower(Product.code) == clean(code).strip().lower(), Product.active.is_(True))
    return session().scalars(wanted).one_or_none()


def lines(actor: Actor, product: Product) -> list[Line]:
    """All that this reader may read about a product, the most used first."""
    linked = select(article_product.c.article_id).where(article_product.c.product_id == product.id)
    rows = (
        readable_articles(actor)
        .where(Article.id.in_(linked))
        .with_only_columns(Article.slug, Article.title, Article.category, Article.level, Article.safety, Article.view_count, Article.updated_at)
    )
    return [Line(*row) for row in session().execute(rows.order_by(Article.view_count.desc(), Article.id).limit(MOST))]


def sitemap_size() -> int:
    """How many articles anybody may read."""
    rows = readable_articles(NOBODY).with_only_columns(Article.id).subquery()
    return session().scalar(select(func.count()).select_from(rows)) or 0


def sitemap_articles(number: int, size: int) -> list[tuple[str, datetime]]:
    """(slug, last change) of one part of them, in the order of their numbers; parts count from 0."""
    rows = readable_articles(NOBODY).with_only_columns(Article.slug, Article.updated_at)
    return [(slug, at) for slug, at in session().execute(rows.order_by(Article.id).offset(number * size).limit(size))]


def sitemap_products() -> list[tuple[str, datetime]]:
    """(code, last change) of products with something that anybody may read."""
    readable = readable_articles(NOBODY).with_only_columns(Article.id)
    linked = exists().where(article_product.c.product_id == Product.id, article_product.c.article_id.in_(readable))
    rows = select(Product.code, Product.created_at).where(Product.active.is_(True), linked).order_by(Product.code)
    return [(code, at) for code, at in session().execute(rows)]
