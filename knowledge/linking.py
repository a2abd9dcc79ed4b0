"""Links between articles: what a text leads to, which of it leads nowhere, and addresses that stay good for ever."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sqlalchemy import Select, and_, delete, or_, select

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.directory.access import circle
from app.core.errors import Conflict, Invalid, NotFound, Stale
from app.core.events import record
from app.core.permissions import Actor, require
from knowledge.access import editable_articles, may_edit, readable_articles
from knowledge.editing_models import ArticleAddress, ArticleLink
from knowledge.events import ArticleChanged, ArticlePublished
from knowledge.markdown import PORTAL, linked
from knowledge.models import Article, Revision
from knowledge.service import slug_of

_ADDRESS = re.compile(re.escape(PORTAL) + r"([^/?#]+)/?(?:[?#].*)?", re.DOTALL)
READERS: Mapping[str, frozenset[str]] = {
    "public": frozenset({"public"}),
    "client": frozenset({"public", "client"}),
    "agent": frozenset({"public", "client", "agent"}),
    "supplier": frozenset({"public", "client", "agent", "supplier"}),
}
"""Which levels the readers of an article of this level can read."""
MISSING, RETIRED, DRAFT, HIDDEN = "missing", "retired", "draft", "hidden"
CHUNK = 200


@dataclass(frozen=True)
class Trouble:
    """A link that leads readers nowhere. `why`: there is no such article, it was retired, was never published, or is
    not for these readers."""

    target: str
    why: str
    article: Article | None = None


@dataclass(frozen=True)
class BrokenLink:
    """A link in trouble together with the article that it stands in; `live`: readers meet it now."""

    article: Article
    trouble: Trouble
    live: bool


def target_of(address: str) -> str:
    """The word of another article's address that a link of a text leads to; empty for any other link."""
    found = _ADDRESS.fullmatch(address)
    return unquote(found[1])[:200] if found else ""


def targets_in(body: str) -> tuple[str, ...]:
    """The addresses of other articles that a text leads to, each once, in their order. Reads Markdown: outside a unit
    of work."""
    found = (target_of(address) for address in linked(body))
    return tuple(dict.fromkeys(target for target in found if target))


def articles_at(slugs: Iterable[str]) -> dict[str, Article]:
    """The articles under these addresses, present and former, whoever asks: callers decide what they may tell."""
    wanted = set(slugs)
    if not wanted:
        return {}
    former = select(ArticleAddress.slug, Article).join(Article, Article.id == ArticleAddress.article_id)
    found: dict[str, Article] = dict(session().execute(former.where(ArticleAddress.slug.in_(wanted))).all())
    return found | {a.slug: a for a in session().scalars(select(Article).where(Article.slug.in_(wanted)))}


def present_slug(slug: str) -> str | None:
    """Where the article is now that had this address; None for an address that never was one."""
    rows = select(Article.slug).join(ArticleAddress, ArticleAddress.article_id == Article.id)
    return session().scalar(rows.where(ArticleAddress.slug == slug))


def trouble_with(target: str, article: Article | None, level: str) -> Trouble | None:
    """What is wrong with a link to this address from an article of this level; None when readers get there."""
    if article is None:
        return Trouble(target, MISSING)
    if article.state == "retired":
        return Trouble(target, RETIRED, article)
    if article.state != "published":
        return Trouble(target, DRAFT, article)
    return None if article.level in READERS[level] else Trouble(target, HIDDEN, article)


def _known_to(actor: Actor, found: Mapping[str, Article]) -> dict[str, Article]:
    """Those that a writer may know of: any other is no article to them, or its address would tell what others write."""
    if circle(actor) != "supplier":
        return dict(found)
    ids = {article.id for article in found.values()}
    rows = (own(actor).with_only_columns(Article.id).where(Article.id.in_(ids)) for own in (readable_articles, editable_articles))
    known = {number for row in rows for number in session().scalars(row)}
    return {target: article for target, article in found.items() if article.id in known}


def troubles(actor: Actor, targets: Iterable[str], level: str) -> list[Trouble]:
    """Which of these links lead the readers of this level nowhere, as the writer may be told."""
    targets = tuple(targets)
    known = _known_to(actor, articles_at(targets))
    found = (trouble_with(target, known.get(target), level) for target in targets)
    return [trouble for trouble in found if trouble is not None]


def linking_here(article: Article, actor: Actor) -> list[Article]:
    """The articles that lead to this one, as far as the actor may change them: what must be put right when it goes."""
    addresses = select(ArticleAddress.slug).where(ArticleAddress.article_id == article.id)
    links = select(ArticleLink.article_id).where(
        or_(ArticleLink.target == article.slug, ArticleLink.target.in_(addresses)), _of_the_texts_that_count()
    )
    rows = editable_articles(actor).where(Article.id.in_(links), Article.id != article.id, Article.state != "retired")
    return list(session().scalars(rows.order_by(Article.title, Article.id)))


def broken_links(actor: Actor, limit: int = 200) -> list[BrokenLink]:
    """Links that lead nowhere, in articles that the actor may change; those that readers meet first."""
    own = editable_articles(actor).with_only_columns(Article.id)
    rows = (
        select(ArticleLink, Article)
        .join(Article, Article.id == ArticleLink.article_id)
        .where(ArticleLink.target != "", Article.state != "retired", Article.id.in_(own), _of_the_texts_that_count())
        .order_by(Article.title, ArticleLink.id)
    )
    found = [(link, article) for link, article in session().execute(rows)]
    known: dict[str, Article] = {}
    targets = sorted({link.target for link, _article in found})
    for start in range(0, len(targets), CHUNK):
        known |= _known_to(actor, articles_at(targets[start : start + CHUNK]))
    broken: dict[tuple[int, str], BrokenLink] = {}
    for link, article in found:
        trouble = trouble_with(link.target, known.get(link.target), article.level)
        if trouble is not None:
            live = article.state == "published" and link.revision_id == article.current_revision_id
            before = broken.get((article.id, link.target))
            broken[article.id, link.target] = BrokenLink(article, trouble, live or bool(before and before.live))
    return sorted(broken.values(), key=lambda one: not one.live)[:limit]


def _of_the_texts_that_count() -> Any:
    """Links of what readers see and of what is being worked on; older revisions are history."""
    present = or_(ArticleLink.revision_id == Article.current_revision_id, ArticleLink.revision_id == Article.draft_revision_id)
    return select(Article.id).where(Article.id == ArticleLink.article_id, present).correlate(ArticleLink).exists()


def unread_revisions(article_id: int | None = None, limit: int = CHUNK) -> list[tuple[int, int, str]]:
    """(article, revision, text) of present texts whose links were not looked at yet."""
    present = or_(Revision.id == Article.current_revision_id, Revision.id == Article.draft_revision_id)
    looked = select(ArticleLink.id).where(ArticleLink.revision_id == Revision.id).exists()
    rows = select(Article.id, Revision.id, Revision.body).join(Revision, and_(Revision.article_id == Article.id, present))
    rows = rows.where(~looked)
    if article_id is not None:
        rows = rows.where(Article.id == article_id)
    return [(a, r, body) for a, r, body in session().execute(rows.order_by(Article.id).limit(limit))]


def keep_links(article_id: int, revision_id: int, targets: Iterable[str]) -> None:
    """Write down what a revision leads to. In a unit of work; doing it again changes nothing."""
    session().execute(delete(ArticleLink).where(ArticleLink.revision_id == revision_id))
    for target in tuple(targets) or ("",):
        session().add(ArticleLink(article_id=article_id, revision_id=revision_id, target=target))
    session().flush()


def rename(actor: Actor, article: Article, slug: str, version: int | None = None) -> str:
    """Give the article another address; the old one leads there for ever. Returns the new one. Raises Conflict where
    another article has it or had it, Invalid for one that is no address."""
    require(actor, "article.write")
    if article.state == "published":
        require(actor, "article.publish")
    if not may_edit(actor, article):
        raise NotFound()
    if version is not None and version != article.version:
        raise Stale()
    wanted = slug_of(slug)
    if not wanted:
        raise Invalid.of("slug", "地址由文字、数字和短横线组成。")
    if wanted == article.slug:
        return wanted
    other = session().scalar(select(Article.id).where(Article.slug == wanted))
    former = session().get(ArticleAddress, wanted)
    if other is not None or (former is not None and former.article_id != article.id):
        raise Conflict("另一篇知识用着或用过这个地址。")
    if former is not None:
        session().delete(former)
    before, article.slug = article.slug, wanted
    if article.published_at is not None:
        session().add(ArticleAddress(slug=before, article_id=article.id))
    article.updated_at = now()
    session().flush()
    note(actor, "article.rename", article, before=before, after=wanted)
    event = ArticlePublished if article.state == "published" else ArticleChanged
    record(event(article_id=article.id, version=article.version))
    return wanted


def readable_targets(targets: Iterable[str], readable: Select[Article]) -> set[str]:
    """Which of these addresses, present or former, lead into `readable`, the gatekeeper's list for a reader."""
    known = articles_at(targets)
    if not known:
        return set()
    ids = {article.id for article in known.values()}
    open_ids = set(session().scalars(readable.with_only_columns(Article.id).where(Article.id.in_(ids))))
    return {target for target, article in known.items() if article.id in open_ids}
