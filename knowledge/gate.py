"""What a release must bring along, and who prepares it: lists of documents per kind of product, test questions, choices.

A supplier's author prepares the releases of the own products; the platform's editors all of them, and the platform's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, false, select, true

from app.core.audit import note
from app.core.catalogue import Product, Release
from app.core.clock import now
from app.core.db import session
from app.core.directory import products as catalogue
from app.core.directory.access import circle
from app.core.errors import Conflict, Invalid, NotFound, Refused
from app.core.permissions import Actor, require
from app.core.text import clean
from app.core.turns import in_turn
from knowledge.access import editable_articles, own_products, reader_for, within
from knowledge.gate_models import PREPARING, PUBLISHED, GateDocument, GateQuery, GateRequirement, ReleaseGate
from knowledge.models import KINDS, Article

MOST_REQUIREMENTS, MOST_QUERIES = 20, 40


@dataclass(frozen=True)
class Requirement:
    """A document that must be there: `kinds` of article that may be it; where it has `words`, one of them must stand in
    the title or the category."""

    code: str
    name: str
    kinds: tuple[str, ...]
    words: tuple[str, ...] = ()


GUIDE = Requirement("guide", "使用指南", ("howto",))
FAULTS = Requirement("faults", "故障代码", ("fault",))
FAQ = Requirement("faq", "常见问题", ("faq",))
API = Requirement("api", "接口说明", ("api",))
CONTACT_WORDS = ("联系", "支持", "contact", "support")  # data: looked for in titles

CONTACTS = Requirement("contacts", "联系方式", ("howto", "faq", "internal"), CONTACT_WORDS)
DEFAULTS: tuple[Requirement, ...] = (GUIDE, FAULTS, FAQ, API, CONTACTS)
"""Shipped, and in force until an editor writes a list: for all products, or for one category."""


def _prepared(actor: Actor) -> ColumnElement[bool]:
    """The condition on Product that the actor prepares its releases."""
    if not actor.can("article.write"):
        return false()
    where = circle(actor)
    if where == "staff":
        return true()
    return Product.id.in_(own_products(actor)) if where == "supplier" else false()


def prepared_products(actor: Actor) -> Select[Product]:
    return select(Product).where(_prepared(actor))


def prepared_releases(actor: Actor) -> Select[Release]:
    """The releases that the actor prepares, of all products or of the own ones."""
    return select(Release).join(Product, Product.id == Release.product_id).where(_prepared(actor))


def access_release(actor: Actor, release_id: int) -> Release:
    """The release, when it is the actor's to prepare; raises NotFound."""
    known = 0 < release_id < 2**31
    found = session().scalar(prepared_releases(actor).where(Release.id == release_id)) if known else None
    if found is None:
        raise NotFound()
    return found


def access_product(actor: Actor, product_id: int) -> Product:
    """The product, when it is the actor's to prepare; raises NotFound."""
    known = 0 < product_id < 2**31
    found = session().scalar(prepared_products(actor).where(Product.id == product_id)) if known else None
    if found is None:
        raise NotFound()
    return found


def may_override(actor: Actor) -> bool:
    """Whether the actor may publish a release that is not ready: the platform's editors."""
    return actor.can("article.publish") and circle(actor) == "staff"


def requirements_of(category: str) -> list[Requirement]:
    """The list of a category; else the one for all products; else the shipped one."""
    for wanted in dict.fromkeys((category, "")):
        rows = session().scalars(select(GateRequirement).where(GateRequirement.category == wanted).order_by(GateRequirement.place))
        if found := [Requirement(row.code, row.name, tuple(row.kinds), tuple(row.words)) for row in rows]:
            return found
    return list(DEFAULTS)


def has_own_list(category: str) -> bool:
    """Whether somebody wrote a list for exactly this category."""
    return session().scalar(select(GateRequirement.id).where(GateRequirement.category == category).limit(1)) is not None


def categories() -> list[str]:
    """Categories of products, and those that have a list."""
    used = set(session().scalars(select(Product.category).where(Product.category != "").distinct()))
    return sorted(used | set(session().scalars(select(GateRequirement.category).where(GateRequirement.category != "").distinct())))


def set_requirements(actor: Actor, category: str, wanted: Sequence[Requirement]) -> None:
    """Write the list of a category anew; an empty one goes back to the general or the shipped list. Raises Invalid."""
    if not may_override(actor):
        require(actor, "article.publish")
        raise NotFound()
    category = clean(category).strip()
    if len(category) > 60:
        raise Invalid.of("category", "太长了。")
    if len(wanted) > MOST_REQUIREMENTS:
        raise Invalid.of("requirements", "最多 %(n)s 项。", n=MOST_REQUIREMENTS)
    codes: set[str] = set()
    for item in wanted:
        if not item.name.strip() or len(item.name) > 60:
            raise Invalid.of("requirements", "每一项都要有名称，不超过 60 字。")
        if not item.kinds or not set(item.kinds) <= set(KINDS):
            raise Invalid.of("requirements", "“%(name)s”要选一种知识类型。", name=item.name)
        if item.code in codes:
            raise Invalid.of("requirements", "“%(name)s”写了两次。", name=item.name)
        codes.add(item.code)
    before = [item.name for item in requirements_of(category)]
    session().execute(delete(GateRequirement).where(GateRequirement.category == category))
    for place, item in enumerate(wanted):
        words = [word.strip()[:30] for word in item.words if word.strip()]
        session().add(GateRequirement(category=category, code=item.code[:40], name=item.name.strip(), kinds=list(item.kinds), words=words, place=place))
    session().flush()
    note(actor, "gate.requirements", None, before="、".join(before)[:300], after="、".join(i.name for i in wanted)[:300], category=category)


def gate_of(release: Release) -> ReleaseGate | None:
    """How far the release is; None for one whose preparation nobody has begun."""
    return session().scalars(select(ReleaseGate).where(ReleaseGate.release_id == release.id)).one_or_none()


def _delegated(actor: Actor) -> Actor:
    """Who prepares the knowledge of a release may also name it: that is no right over the rest of the catalogue."""
    return replace(actor, permissions=actor.permissions | {"catalogue.edit"})


def add_release(actor: Actor, product_id: int, name: str, *, supported_until: date | None = None) -> ReleaseGate:
    """A new release of a product, in preparation. Its day of release is that of its publication. Raises Invalid, Conflict."""
    product = access_product(actor, product_id)
    release = catalogue.add_release(_delegated(actor), product.id, name=name, supported_until=supported_until)
    return open_gate(actor, release)


def change_release(actor: Actor, release: Release, *, name: str, supported_until: date | None) -> None:
    """Name and end of support. A published release keeps its name unless an editor changes it."""
    access_release(actor, release.id)
    gate = gate_of(release)
    if gate is not None and gate.state == PUBLISHED and name.strip() != release.name and not may_override(actor):
        raise Refused("已发布的版本，名称由知识编辑改。")
    catalogue.update_release(_delegated(actor), release.id, name=name, supported_until=supported_until)


def open_gate(actor: Actor, release: Release) -> ReleaseGate:
    """Begin to prepare the knowledge of a release."""
    access_release(actor, release.id)
    if gate_of(release) is not None:
        raise Conflict("这个版本已经在准备。")
    gate = ReleaseGate(release_id=release.id, state=PREPARING, created_by=actor.name[:80], created_at=now())
    session().add(gate)
    session().flush()
    note(actor, "gate.opened", gate)
    return gate


def choose_document(actor: Actor, gate: ReleaseGate, code: str, article_id: int | None) -> None:
    """Say which article is the required document; None lets the best one be proposed again. Raises Invalid, NotFound, and
    Refused once the release is out: with what it passed is kept."""
    release = access_release(actor, gate.release_id)
    if gate.state == PUBLISHED:
        raise Refused("版本已经发布，不再换资料。")
    if code not in {item.code for item in requirements_of(release.product.category)}:
        raise NotFound()
    row = session().scalars(select(GateDocument).where(GateDocument.gate_id == gate.id, GateDocument.code == code)).one_or_none()
    if article_id is None:
        if row is not None:
            session().delete(row)
    else:
        article = session().get(Article, article_id)
        if article is None or article.id not in {choice.id for choice in choices(actor, release.product)}:
            raise Invalid.of("article", "只能选这个产品的知识。")
        if row is None:
            row = GateDocument(gate_id=gate.id, code=code)
            session().add(row)
        row.article_id = article.id
    session().flush()
    note(actor, "gate.document", gate, after=str(article_id or ""), document=code)


def choices(actor: Actor, product: Product) -> list[Article]:
    """The articles about a product that the actor may read or change, not the retired ones."""
    rows = select(Article).where(Article.products.any(Product.id == product.id), Article.state != "retired")
    if circle(actor) != "staff":
        changed = editable_articles(actor).with_only_columns(Article.id)
        rows = rows.where(((Article.state == "published") & within(reader_for(actor))) | Article.id.in_(changed))
    return list(session().scalars(rows.order_by(Article.title).limit(500)))


def queries_of(product: Product) -> list[GateQuery]:
    """The test questions of a product."""
    return list(session().scalars(select(GateQuery).where(GateQuery.product_id == product.id).order_by(GateQuery.id)))


def add_query(actor: Actor, product: Product, *, text: str, article_id: int | None, name: str = "", client: bool = False) -> GateQuery:
    """A question that must find an article of the product. `client`: asked by a customer who is logged in. Raises Invalid."""
    access_product(actor, product.id)
    text, name = " ".join(clean(text).split()), clean(name).strip()
    errors: dict[str, list[str]] = {}
    if not text:
        errors["text"] = ["这一项要填写。"]
    if len(text) > 200 or len(name) > 80:
        errors["text"] = ["太长了。"]
    if article_id is None or article_id not in {choice.id for choice in choices(actor, product)}:
        errors["article"] = ["只能选这个产品的知识。"]
    if errors:
        raise Invalid(errors=errors)
    in_turn(actor)
    there = queries_of(product)
    for twin in there:  # a double click
        if (twin.text, twin.article_id, twin.client) == (text, article_id, client):
            return twin
    if len(there) >= MOST_QUERIES:
        raise Refused("测试问题最多 %(n)s 个。", n=MOST_QUERIES)
    row = GateQuery(product_id=product.id, text=text, name=name, article_id=article_id, client=client, created_by=actor.name[:80])
    session().add(row)
    session().flush()
    note(actor, "gate.query_added", row, after=text)
    return row


def remove_query(actor: Actor, query_id: int) -> GateQuery:
    """Take a test question away; the trail keeps that there was one."""
    row = session().get(GateQuery, query_id) if 0 < query_id < 2**31 else None
    if row is None:
        raise NotFound()
    access_product(actor, row.product_id)
    note(actor, "gate.query_removed", row, before=row.text)
    session().delete(row)
    session().flush()
    return row


def details_of(given: Mapping[str, Any]) -> Requirement:
    """A requirement as it came from a form."""
    return Requirement(str(given["code"]), clean(str(given["name"])).strip(), tuple(given["kinds"]), tuple(given.get("words") or ()))
