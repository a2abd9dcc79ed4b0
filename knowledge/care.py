"""Who looks after an article, until when it is to be looked at again, and what colleagues should know about it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm.attributes import flag_modified

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.directory.access import circle
from app.core.errors import Forbidden, Invalid, NotFound, Refused
from app.core.people import User
from app.core.permissions import ROLES, Actor, require
from app.core.text import clean
from knowledge.access import may_edit, own_products
from knowledge.editing_models import ArticleCare
from knowledge.editing_rules import rules
from knowledge.models import Article

LONGEST_NOTE = 4000
MOST_REMINDERS = 200


def care_of(article: Article) -> ArticleCare:
    """The care of an article; an empty one, not stored, where nobody has said anything yet."""
    return session().get(ArticleCare, article.id) or ArticleCare(article_id=article.id, internal_note="")


def may_read_note(actor: Actor, article: Article) -> bool:
    """Whether the internal note is for this actor: colleagues of the platform, and a supplier's own people for articles
    of their own products alone. Customers never."""
    if not actor.can("article.read"):
        return False
    where = circle(actor)
    if where == "supplier":
        products = {product.id for product in article.products}
        return bool(products) and products <= set(own_products(actor))
    return where in ("staff", "manager")


def may_read_script(actor: Actor, article: Article) -> bool:
    """Whether the words for the telephone are for this actor: colleagues, and a supplier's own people on what names one
    of their products, or none."""
    if not actor.can("article.read"):
        return False
    products = {product.id for product in article.products}
    return circle(actor) != "supplier" or not products or not products.isdisjoint(own_products(actor))


def take_care(
    actor: Actor, article: Article, *, owner_id: int | None, review_by: datetime | None, internal_note: str
) -> dict[str, list[Any]]:
    """Say who looks after the article, when it is to be looked at again, and what colleagues should know. Of a published
    one, owner and date are the publishers' to change. Returns what changed. Raises Invalid, Forbidden, NotFound."""
    require(actor, "article.write")
    if not may_edit(actor, article):
        raise NotFound()
    internal_note = clean(internal_note).replace("\r\n", "\n").strip()
    if len(internal_note) > LONGEST_NOTE:
        raise Invalid.of("internal_note", "太长了。")
    row = care_of(article)
    if owner_id is not None and owner_id != row.owner_id and owner_id not in {user.id for user in possible_owners(actor)}:
        raise Invalid.of("owner", "这个人不能负责这篇知识。")
    if owner_id is not None and owner_id != row.owner_id and not may_edit(session().get_one(User, owner_id).actor("check"), article):
        raise Invalid.of("owner", "这个人不能负责这篇知识。")
    wanted = {"owner_id": owner_id, "review_by": review_by, "internal_note": internal_note}
    changed: dict[str, list[Any]] = {
        name: [] if name == "internal_note" else [str(getattr(row, name) or ""), str(value or "")]
        for name, value in wanted.items()
        if getattr(row, name) != value
    }
    if not changed:
        return {}
    if article.state == "published" and not actor.can("article.publish") and set(changed) != {"internal_note"}:
        raise Forbidden()
    for name in changed:
        setattr(row, name, wanted[name])
    session().add(row)
    flag_modified(article, "updated_at")  # a new version: who comes second must see it
    session().flush()
    note(actor, "article.care", article, changed=changed)
    return changed


def confirm(actor: Actor, article: Article, review_by: datetime | None) -> None:
    """Somebody read the published text and it still holds; the next look is at `review_by`, or after the usual time."""
    require(actor, "article.publish")
    if not may_edit(actor, article):
        raise NotFound()
    if article.state != "published":
        raise Refused("只有已发布的知识才复核。")
    if review_by is not None and review_by <= now():
        raise Invalid.of("review_by", "下次复核写一个以后的日期。")
    article.reviewed_by, article.reviewed_at = actor.name[:80], now()
    row = care_of(article)
    row.review_by = review_by
    session().add(row)
    session().flush()
    note(actor, "article.reviewed", article, after=review_by.date().isoformat() if review_by else None)


def is_due() -> ColumnElement[bool]:
    """The condition on Article that it should be looked at again: its own date has come, or, without one, the last look
    was too long ago."""
    dated = ArticleCare.article_id == Article.id, ArticleCare.review_by.is_not(None)
    own = exists().where(*dated, ArticleCare.review_by <= now())
    old = or_(Article.reviewed_at.is_(None), Article.reviewed_at < now() - rules().review_after)
    return and_(Article.state == "published", or_(own, and_(~exists().where(*dated), old)))


def reminders_due() -> list[tuple[ArticleCare, Article]]:
    """Dates that have come and that nobody was reminded of yet."""
    rows = (
        select(ArticleCare, Article)
        .join(Article, Article.id == ArticleCare.article_id)
        .where(
            Article.state == "published",
            ArticleCare.review_by <= now(),
            or_(ArticleCare.reminded_for.is_(None), ArticleCare.reminded_for != ArticleCare.review_by),
        )
        .order_by(ArticleCare.review_by)
        .limit(MOST_REMINDERS)
    )
    return [(care, article) for care, article in session().execute(rows)]


def editors() -> list[User]:
    """Everybody of the platform who publishes knowledge as their work; administrators only where nobody else does."""
    roles = [name for name, (_label, permissions) in ROLES.items() if "article.publish" in permissions and name != "administrator"]
    for names in (roles, ["administrator"]):
        rows = select(User).where(User.active, User.role.in_(names), User.organisation_id.is_(None)).order_by(User.id)
        if found := list(session().scalars(rows)):
            return found
    return []


def possible_owners(actor: Actor) -> list[User]:
    """Who can look after an article: whoever writes knowledge; for a supplier's author, the own company's people."""
    roles = [name for name, (_label, permissions) in ROLES.items() if "article.write" in permissions]
    rows = select(User).where(User.active, User.role.in_(roles)).order_by(User.display_name, User.id)
    if circle(actor) == "supplier":
        rows = rows.where(User.organisation_id == actor.organisation_id)
    return list(session().scalars(rows))
