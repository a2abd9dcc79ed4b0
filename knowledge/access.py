"""Gatekeepers: which articles an actor may read or edit, as SQL, so that lists, pages and the index agree.

anybody          published, public
client, contact  also level client, where it names no company or the own one
supplier         public; level client, supplier (article.read) and agent (desk.use or article.write), of own products or of none
staff            all of public, client, agent; level supplier with article.write
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, and_, exists, false, or_, select, true

from app.core.catalogue import Product
from app.core.db import session
from app.core.directory.access import circle, circle_in
from app.core.errors import NotFound
from app.core.people import Organisation, User
from app.core.permissions import Actor
from knowledge.index import EVERYTHING, OWN_LEVELS, PUBLIC, Reader
from knowledge.models import Article, article_organisation, article_product


def own_products(actor: Actor) -> tuple[int, ...]:
    """Ids of the products of the actor's own company."""
    if actor.organisation_id is None:
        return ()
    found = session().scalars(
        select(Product.id).where(Product.supplier_id == actor.organisation_id).order_by(Product.id)
    )
    return tuple(found)


def reader_for(actor: Actor) -> Reader:
    """What the actor may read, for SQL and for the index alike."""
    if actor.kind == "system":
        return EVERYTHING
    where = circle(actor)
    return _reader(actor, where, own_products(actor) if where == "supplier" else ())


def _reader(actor: Actor, where: str, own: tuple[int, ...]) -> Reader:
    if where == "nobody":
        return PUBLIC
    if where in ("client", "contact"):
        return Reader(("public", "client"), actor.organisation_id) if actor.organisation_id is not None else PUBLIC
    inside = actor.can("article.read")
    agent = inside and (actor.can("desk.use") or actor.can("article.write"))
    levels: tuple[str, ...] = ("public", "client", *(["agent"] if agent else []))
    if where == "supplier":
        levels = (*levels, *(["supplier"] if inside else []))
        return Reader(levels, actor.organisation_id, product_ids=own)
    if inside and actor.can("article.write"):
        levels = (*levels, "supplier")
    return Reader(levels, actor.organisation_id, all_organisations=True)


def within(reader: Reader) -> ColumnElement[bool]:
    """`Reader.may_read` as a condition on Article."""
    level = Article.level.in_(reader.levels)
    organisation: ColumnElement[bool] = true()
    if not reader.all_organisations:
        named = article_organisation.c.article_id == Article.id
        organisation = ~exists().where(named)
        if reader.organisation_id is not None:
            own = article_organisation.c.organisation_id == reader.organisation_id
            organisation = or_(organisation, exists().where(named, own))
    product: ColumnElement[bool] = true()
    if reader.product_ids is not None:
        linked = article_product.c.article_id == Article.id
        product = or_(
            Article.level.not_in(OWN_LEVELS),
            ~exists().where(linked),
            exists().where(linked, article_product.c.product_id.in_(reader.product_ids)),
        )
    return and_(level, organisation, product)


def readable_articles(actor: Actor) -> Select[Article]:
    """Published articles within the actor's audience."""
    return select(Article).where(Article.state == "published", within(reader_for(actor)))


def _editable(actor: Actor) -> ColumnElement[bool]:
    if not actor.can("article.write"):
        return false()
    where = circle(actor)
    if where == "staff":
        return true()
    if where != "supplier":
        return false()
    linked = article_product.c.article_id == Article.id
    own = article_product.c.product_id.in_(own_products(actor))
    return and_(exists().where(linked, own), ~exists().where(linked, ~own))


def editable_articles(actor: Actor) -> Select[Article]:
    """Articles in any state that the actor may change: staff all, a supplier's author those of own products alone."""
    return select(Article).where(_editable(actor))


def may_edit(actor: Actor, article: Article) -> bool:
    return bool(session().scalar(select(Article.id).where(Article.id == article.id, _editable(actor))))


def readers_among(article: Article, users: Sequence[User]) -> set[int]:
    """The numbers of those users who may read or edit the article: what `access_article` says of each of them, in two
    statements for all."""
    companies = {user.organisation_id for user in users if user.organisation_id is not None}
    rows = session().execute(select(Organisation.id, Organisation.kind).where(Organisation.id.in_(companies)))
    kinds: dict[int | None, str] = dict(rows.all())
    own: dict[int | None, list[int]] = {}
    for supplier, product in session().execute(select(Product.supplier_id, Product.id).where(Product.supplier_id.in_(companies))):
        own.setdefault(supplier, []).append(product)
    products = {product.id for product in article.products}
    organisations = {organisation.id for organisation in article.organisations}
    found = set()
    for user in users:
        actor = user.actor("check")
        where, theirs = circle_in(actor, kinds.get(user.organisation_id)), tuple(own.get(user.organisation_id, ()))
        writes = actor.can("article.write")
        edits = writes and (where == "staff" or (where == "supplier" and bool(products) and products <= set(theirs)))
        reads = article.state == "published" and _reader(actor, where, theirs).may_read(article.level, organisations, products)
        if reads or edits:
            found.add(user.id)
    return found


def access_article(actor: Actor, key: int | str) -> Article:
    """The article by id or slug, when it is the actor's to read or to edit; raises NotFound."""
    column: ColumnElement[bool] = Article.slug == key if isinstance(key, str) else Article.id == key
    if isinstance(key, int) and not 0 < key < 2**31:
        raise NotFound()
    readable = and_(Article.state == "published", within(reader_for(actor)))
    found = session().scalars(select(Article).where(column, or_(readable, _editable(actor)))).one_or_none()
    if found is None:
        raise NotFound()
    return found


def access_editable(actor: Actor, key: int | str) -> Article:
    """The article, when it is the actor's to change; raises NotFound."""
    article = access_article(actor, key)
    if not may_edit(actor, article):
        raise NotFound()
    return article
