"""Writing knowledge: an article's properties and its revisions. Moving it through its states is `knowledge.lifecycle`."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app.core.audit import note
from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.directory.access import circle
from app.core.errors import Forbidden, Invalid, NotFound, Stale
from app.core.events import record
from app.core.people import Organisation
from app.core.permissions import Actor, require
from app.core.text import clean
from knowledge.access import may_edit, own_products
from knowledge.editing_models import ArticleAddress
from knowledge.events import ArticleChanged, ArticlePublished
from knowledge.files import adopt, list_files, listed_ids
from knowledge.index import LEVELS
from knowledge.models import KINDS, Article, Revision
from knowledge.plans import DRAFT_CHANGED, drop_plan

LONGEST_BODY, LONGEST_QUESTIONS = 200_000, 60_000
"""Characters of a text and of all its questions together; more is refused with words, never cut."""
LONGEST_LANGUAGE = 8
_LENGTHS = {"title": 200, "category": 60, "phone_script": 1000, "valid_for": 200, "source": 300, "reviewed_by": 80}


DOUBLE_CLICK = timedelta(minutes=2)
AUDIENCE = frozenset({"level", "products", "organisations", "safety"})


@dataclass(frozen=True)
class Content:
    """What a revision holds: the text as Markdown, the questions that it answers, in customers' words, and the numbers of
    the attachments that it lists (None: those of the revision before)."""

    title: str
    body: str
    questions: tuple[str, ...] = ()
    files: tuple[int, ...] | None = None

    def tidy(self) -> "Content":
        asked = (clean(question).strip() for question in self.questions)
        return Content(
            clean(self.title).strip(), clean(self.body).strip() + "\n", tuple(dict.fromkeys(q for q in asked if q)), self.files
        )

    @property
    def sha256(self) -> str:
        parts = [self.title, self.body, self.questions, *([self.files] if self.files else [])]
        told = json.dumps(parts, ensure_ascii=False)
        return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True)
class Properties:
    """What an article is, apart from its text. `product_ids` and `organisation_ids` empty: no restriction."""

    kind: str = "howto"
    category: str = ""
    level: str = "public"
    language: str = "zh"
    safety: bool = False
    phone_script: str = ""
    valid_for: str = ""
    source: str = ""
    reviewed_by: str = ""
    reviewed_at: datetime | None = None
    product_ids: tuple[int, ...] = ()
    organisation_ids: tuple[int, ...] = ()


def slug_of(text: str) -> str:
    """A short name for addresses: letters of any script, digits and hyphens."""
    folded = unicodedata.normalize("NFKC", clean(text)).lower()
    return re.sub(r"[^\w]+|_", "-", folded).strip("-")[:100].strip("-")


def _free_slug(wanted: str) -> str:
    wanted = wanted or "article"
    same = (select(model.slug).where(model.slug == wanted) for model in (Article, ArticleAddress))
    if not any(session().scalar(one) for one in same):
        return wanted  # nearly always; the rest reads every slug of the house
    taken = set(session().scalars(select(Article.slug).where(Article.slug.startswith(wanted, autoescape=True))))
    former = select(ArticleAddress.slug).where(ArticleAddress.slug.startswith(wanted, autoescape=True))
    taken |= set(session().scalars(former))  # an address leads to its article for ever
    number, slug = 1, wanted
    while slug in taken:
        number += 1
        slug = f"{wanted}-{number}"
    return slug


def check_draft(actor: Actor, content: Content, properties: Properties, own: Collection[int] | None) -> None:
    """Raise what `draft_article` would raise, and write nothing. `own` are the products of a supplier's author, None for
    everybody else: who asks about many articles looks that up once."""
    require(actor, "article.write")
    _raise_wrong(actor, content.tidy(), _allowed(actor, properties, Properties()), None, own)


def _check(actor: Actor, content: Content | None, properties: Properties, before: Properties | None = None) -> None:
    """Raises Invalid with every wrong field. `before` is what the article is until now."""
    _raise_wrong(actor, content, properties, before, own_products(actor) if circle(actor) == "supplier" else None)


def _raise_wrong(
    actor: Actor, content: Content | None, properties: Properties, before: Properties | None, own: Collection[int] | None
) -> None:
    errors: dict[str, list[str]] = {}
    values = {name: getattr(properties, name, "") for name in _LENGTHS} | {"title": content.title if content else "-"}
    errors |= {name: ["太长了。"] for name, length in _LENGTHS.items() if len(values[name]) > length}
    if not values["title"]:
        errors["title"] = ["这一项要填写。"]
    if content and not content.body.strip():
        errors["body"] = ["这一项要填写。"]
    if content and len(content.body.strip()) > LONGEST_BODY:
        errors["body"] = ["太长了。"]
    if content and sum(map(len, content.questions)) + len(content.questions) > LONGEST_QUESTIONS:
        errors["questions"] = ["太长了。"]
    if properties.level not in LEVELS:
        errors["audience"] = ["可选：public、client、agent、supplier。"]
    if len(properties.language) > LONGEST_LANGUAGE:
        errors["language"] = ["语言写 zh 或 en。"]
    if properties.kind not in KINDS:
        errors["kind"] = ["没有这种知识类型。"]
    if own is not None:
        if not properties.product_ids or not set(properties.product_ids) <= set(own):
            errors["products"] = ["只能写自己企业产品的知识，至少选一个产品。"]
        # Names of customers are not a supplier's to know: another company's number is answered like one that is none.
        known = {actor.organisation_id, *(before.organisation_ids if before else ())}
        if not set(properties.organisation_ids) <= known:
            errors["organisations"] = ["没有这家企业。"]
    if errors:
        raise Invalid(errors=errors)


def _allowed(actor: Actor, properties: Properties, before: Properties) -> Properties:
    """Who reviewed an article, and when, is for reviewers to say: what anybody else writes of it counts for nothing."""
    if actor.can("article.publish"):
        return properties
    return replace(properties, reviewed_by=before.reviewed_by, reviewed_at=before.reviewed_at)


def _apply(article: Article, properties: Properties) -> dict[str, list[Any]]:
    """Set what differs; returns what changed for the audit trail."""
    changed: dict[str, list[Any]] = {}
    for name in ("kind", "category", "level", "language", "safety", "phone_script", "valid_for", "source"):
        value, before = getattr(properties, name), getattr(article, name)
        if isinstance(value, str):
            value = clean(value).strip()
        if before != value:
            setattr(article, name, value)
            changed[name] = [] if name == "phone_script" else [before, value]
    for name in ("reviewed_by", "reviewed_at"):
        value = getattr(properties, name)
        if value and getattr(article, name) != value:
            setattr(article, name, value)
            changed[name] = [str(value)]
    products = _rows(Product, properties.product_ids, "products")
    if {p.id for p in article.products} != {p.id for p in products}:
        changed["products"] = [[p.id for p in article.products], [p.id for p in products]]
        article.products = products
    organisations = _rows(Organisation, properties.organisation_ids, "organisations")
    if {o.id for o in article.organisations} != {o.id for o in organisations}:
        changed["organisations"] = [[o.id for o in article.organisations], [o.id for o in organisations]]
        article.organisations = organisations
    if changed:
        article.updated_at = now()
    return changed


def _rows(model: Any, ids: Sequence[int], field: str) -> list[Any]:
    wanted = set(ids)
    if len(wanted) == 1:  # nearly always, and who writes many has it at hand
        found = [row for row in [session().get(model, next(iter(wanted)))] if row is not None]
    else:
        found = list(session().scalars(select(model).where(model.id.in_(wanted)).order_by(model.id))) if wanted else []
    if len(found) != len(wanted):
        raise Invalid.of(field, "有的选项不存在。")
    return found


def properties_of(article: Article) -> Properties:
    """The properties as they stand, to change some with `dataclasses.replace`."""
    names = ("kind", "category", "level", "language", "safety", "phone_script", "valid_for", "source", "reviewed_by")
    return Properties(
        **{name: getattr(article, name) for name in names},
        reviewed_at=article.reviewed_at,
        product_ids=tuple(product.id for product in article.products),
        organisation_ids=tuple(organisation.id for organisation in article.organisations),
    )


def draft_article(
    actor: Actor, content: Content, properties: Properties | None = None, slug: str = "", basket: str = ""
) -> Article:
    """Begin an article as a draft with its first revision; it takes over the files of `basket`. Raises Invalid."""
    require(actor, "article.write")
    content, properties = content.tidy(), _allowed(actor, properties or Properties(), Properties())
    _check(actor, content, properties)
    article = Article(slug=_free_slug(slug_of(slug or content.title)), title=content.title, created_by=actor.name[:80])
    article.products, article.organisations = [], []
    session().add(article)
    _apply(article, properties)
    session().flush()
    adopt(actor, article, basket)
    _add_revision(actor, article, content, "", first=True)
    note(actor, "article.draft", article, after="draft")
    record(ArticleChanged(article_id=article.id, version=article.version))
    return article


def begun_twice(actor: Actor, content: Content) -> Article | None:
    """The draft that this person began moments ago with the very same words: a double click, not a second article. Words
    that somebody wrote again on purpose are not the same to the letter."""
    if actor.kind != "user":
        return None
    first = (Revision.author_id == actor.id, Revision.number == 1, Revision.created_at > now() - DOUBLE_CLICK)
    rows = select(Revision).where(*first, Revision.title == content.tidy().title).order_by(Revision.id.desc()).limit(20)
    same = {content.tidy().sha256, replace(content.tidy(), files=None).sha256}
    return next((r.article for r in session().scalars(rows) if r.sha256 in same and r.article.draft_revision_id == r.id), None)


def _add_revision(actor: Actor, article: Article, content: Content, comment: str, first: bool = False) -> Revision:
    last = 0 if first else session().scalar(select(func.max(Revision.number)).where(Revision.article_id == article.id)) or 0
    revision = Revision(
        article_id=article.id,
        number=last + 1,
        title=content.title,
        body=content.body,
        questions=list(content.questions),
        author=actor.name[:80],
        author_id=actor.id if actor.kind == "user" else None,
        comment=clean(comment).strip()[:300],
        sha256=content.sha256,
    )
    session().add(revision)
    session().flush()
    list_files(revision, content.files or ())
    if not first:
        drop_plan(article, DRAFT_CHANGED)
    article.draft_revision_id = revision.id
    article.updated_at = now()
    if article.state == "draft":
        article.title = content.title
    session().flush()
    session().expire(article, ["draft", "revisions"])
    return revision


def _editable(actor: Actor, article: Article, version: int | None) -> None:
    require(actor, "article.write")
    if not may_edit(actor, article):
        raise NotFound()
    if version is not None and version != article.version:
        raise Stale()


def revise(
    actor: Actor, article: Article, content: Content, comment: str = "", version: int | None = None
) -> Revision | None:
    """Write a new revision as the draft. A published article keeps showing its old text until the draft is published;
    a submitted one goes back to draft unless the actor may publish. Returns None where nothing differs."""
    _editable(actor, article, version)
    content = content.tidy()
    _check(actor, content, properties_of(article), properties_of(article))
    newest = article.draft or article.current
    if content.files is None:
        content = replace(content, files=listed_ids(newest))
    if newest is not None and newest.sha256 == content.sha256:
        return None
    if article.state == "review" and not actor.can("article.publish"):
        article.state = "draft"
    revision = _add_revision(actor, article, content, comment)
    note(actor, "article.revise", article, after=revision.number, reason=comment)
    record(ArticleChanged(article_id=article.id, version=article.version))
    return revision


def change_properties(
    actor: Actor, article: Article, properties: Properties, version: int | None = None
) -> dict[str, list[Any]]:
    """Change what the article is. On a published one this takes effect at once, so it needs article.publish."""
    _editable(actor, article, version)
    if article.state == "published" and not actor.can("article.publish"):
        raise Forbidden()
    before = properties_of(article)
    properties = _allowed(actor, properties, before)
    _check(actor, None, properties, before)
    changed = _apply(article, properties)
    if changed:
        if article.state != "published" or AUDIENCE & set(changed):
            drop_plan(article, DRAFT_CHANGED)  # for whom it is, and its warnings, were looked at as well
        session().flush()
        note(actor, "article.change", article, changed=changed)
        published = article.state == "published"
        record((ArticlePublished if published else ArticleChanged)(article_id=article.id, version=article.version))
    return changed


def restore_revision(
    actor: Actor, article: Article, number: int, version: int | None = None, comment: str = ""
) -> Revision | None:
    """Make the text of an old revision the newest draft, with its attachments; history is added to, never cut."""
    old = session().scalar(select(Revision).where(Revision.article_id == article.id, Revision.number == number))
    if old is None:
        raise NotFound()
    said = f"恢复到修订 {number}"  # data
    return revise(actor, article, content_of(old), "：".join(part for part in (said, comment.strip()) if part), version)  # data


def content_of(revision: Revision | None) -> Content:
    """The text of a revision; an empty one without."""
    if revision is None:
        return Content("", "")
    return Content(revision.title, revision.body, tuple(revision.questions), listed_ids(revision))
