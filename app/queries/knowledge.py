"""Lists for those who write knowledge: articles by state, what readers missed, and what was asked without an answer."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, tuple_
from sqlalchemy.orm import selectinload

from app.core.catalogue import Product
from app.core.db import session
from app.core.directory.access import circle
from app.core.people import Organisation
from app.core.permissions import Actor
from app.queries.article_health import has_mark, worst_first
from app.queries.cursors import read_cursor, write_cursor
from knowledge.access import editable_articles, own_products, reader_for, within
from knowledge.care import is_due
from knowledge.editing_models import WAITING, PublishPlan
from knowledge.loop_models import ArticleFigures
from knowledge.models import STATES, Article, ArticleFeedback, Revision, article_product

PAGE = 40


@dataclass(frozen=True)
class ArticlePage:
    """Some articles, the last changed first; `next` is the cursor to go on from. `counts` by state; `marks` counts what is
    due for review and what is planned to be published, which are no states; `due` are those of this page to be looked at
    again, `own` those of this page that the actor may change."""

    articles: list[Article]
    next: str | None
    counts: dict[str, int]
    marks: dict[str, int]
    due: frozenset[int]
    own: frozenset[int]


def _visible(actor: Actor) -> ColumnElement[bool]:
    """What is published for this reader, and what they may change, in any state."""
    readable = and_(Article.state == "published", within(reader_for(actor)))
    if not actor.can("article.write"):
        return readable
    return or_(readable, Article.id.in_(editable_articles(actor).with_only_columns(Article.id)))


def article_page(
    actor: Actor, *, state: str = "", q: str = "", product_id: int | None = None, level: str = "", health: str = "", cursor: str = ""
) -> ArticlePage:
    """Articles by state (or mark: due, planned), product and audience whose title, address or text holds `q`; keyset
    paging."""
    conditions, own = [_visible(actor)], editable_articles(actor).with_only_columns(Article.id)
    if q:
        pattern = "%" + q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        # A draft is searched for those who may open it: whether a word stands there would tell others what it says.
        drafted = and_(Revision.id == Article.draft_revision_id, Article.id.in_(own))
        text = exists().where(or_(Revision.id == Article.current_revision_id, drafted), Revision.body.ilike(pattern, escape="\\"))
        conditions.append(or_(*(c.ilike(pattern, escape="\\") for c in (Article.title, Article.slug)), text))
    if product_id is not None:
        linked = article_product.c.article_id == Article.id
        conditions.append(exists().where(linked, article_product.c.product_id == product_id))
    if level:
        conditions.append(Article.level == level)
    if health:
        conditions.append(Article.id.in_(select(ArticleFigures.article_id).where(has_mark(health), ArticleFigures.article_id.in_(own))))
    counted = session().execute(select(Article.state, func.count()).where(*conditions).group_by(Article.state))
    counts = dict.fromkeys(STATES, 0) | dict(counted.all())
    marks = {"due": is_due(), "planned": exists().where(PublishPlan.article_id == Article.id, PublishPlan.state == WAITING)}
    marks = {name: and_(mark, Article.id.in_(own)) for name, mark in marks.items()}  # what others plan is theirs to know
    marked = {name: session().scalar(select(func.count()).select_from(Article).where(*conditions, mark)) or 0 for name, mark in marks.items()}
    if state in STATES:
        conditions.append(Article.state == state)
    elif state in marks:
        conditions.append(marks[state])
    rows = select(Article).where(*conditions).options(selectinload(Article.products))
    if health == "sick":
        found, onward = worst_first(rows, cursor, PAGE)
    else:
        if (place := read_cursor(cursor)) is not None:
            rows = rows.where(tuple_(Article.updated_at, Article.id) < place)
        found = list(session().scalars(rows.order_by(Article.updated_at.desc(), Article.id.desc()).limit(PAGE + 1)))
        last = found[PAGE - 1] if len(found) > PAGE else None
        onward = write_cursor(last.updated_at, last.id) if last else None
    ids = [article.id for article in found]
    due = frozenset(session().scalars(select(Article.id).where(Article.id.in_(ids), is_due())))
    return ArticlePage(found[:PAGE], onward, counts, marked, due, frozenset(session().scalars(own.where(Article.id.in_(ids)))))


def is_stale(article: Article) -> bool:
    """Whether a published article should be looked at again."""
    return session().scalar(select(Article.id).where(Article.id == article.id, is_due())) is not None


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
