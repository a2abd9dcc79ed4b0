"""Searching on behalf of somebody, and what is remembered of it: searches, what was opened, and whether it helped."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from app.core.clock import now
from app.core.db import session
from app.core.errors import NotFound
from app.core.permissions import Actor
from app.core.text import clean
from knowledge.access import access_article, reader_for, within
from knowledge.analysis import fold
from knowledge.index import LEVELS, Hit, Hits, Index, Query, Reader
from knowledge.models import Article, ArticleFeedback, SearchLog

LONGEST_QUERY = 300


@dataclass(frozen=True)
class Found:
    """A hit together with its row, in the order of the answer."""

    hit: Hit
    article: Article


@dataclass(frozen=True)
class Gap:
    """One question that search did not serve: how often it was asked, found nothing, or nothing was opened."""

    query: str
    count: int
    zero: int
    unopened: int
    last_at: datetime


def search(
    index: Index, actor: Actor, text: str, product_id: int | None = None, limit: int = 10, offset: int = 0
) -> Hits:
    """What the actor may read about the words. Raises IndexUnavailable where there is no usable index."""
    return index.search(Query(text[:LONGEST_QUERY], reader_for(actor), product_id, limit, offset))


def with_articles(hits: Hits, reader: Reader) -> list[Found]:
    """The hits with their rows. What was retired or restricted a moment ago and is still in the index is left out:
    the database has the last word."""
    ids = [int(hit.id) for hit in hits]
    if not ids:
        return []
    rows = select(Article).where(Article.id.in_(ids), Article.state == "published", within(reader))
    articles = {article.id: article for article in session().scalars(rows)}
    return [Found(hit, articles[int(hit.id)]) for hit in hits if int(hit.id) in articles]


def log_search(
    actor: Actor, text: str, hits: Hits, where: str, product_id: int | None = None, reader: Reader | None = None
) -> SearchLog:
    """Remember a search. Call it in a unit of work of its own, after the answer is ready."""
    text = clean(text).strip()[:LONGEST_QUERY]
    levels = (reader or reader_for(actor)).levels
    row = SearchLog(
        query=text,
        folded=" ".join(fold(text).split())[:LONGEST_QUERY],
        level=max(levels, key=LEVELS.index, default="public"),
        where=where[:20],
        product_id=product_id,
        hits=hits.total,
        shown=[int(hit.id) for hit in hits],
    )
    session().add(row)
    session().flush()
    return row


def mark_opened(search_id: int, article_id: int) -> None:
    """A hit of this search was opened; the first one counts. An unknown search, or an article it did not show, is ignored."""
    row = session().get(SearchLog, search_id) if 0 < search_id < 2**31 else None
    if row is not None and row.opened_article_id is None and article_id in row.shown:
        row.opened_article_id = article_id
        row.opened_rank = row.shown.index(article_id) + 1
        session().flush()


def count_view(article: Article) -> None:
    """One more reader. The version stays: being read is not a change."""
    _count(article.id, "view_count")


def record_feedback(actor: Actor, article: Article, helpful: bool, words: str = "") -> ArticleFeedback:
    """What a reader said about an article that they may read."""
    access_article(actor, article.id)
    row = ArticleFeedback(
        article_id=article.id,
        helpful=helpful,
        words=clean(words).strip()[:1000],
        actor_kind=actor.kind,
        actor_id=actor.id,
    )
    session().add(row)
    _count(article.id, "helpful_count" if helpful else "unhelpful_count")
    session().flush()
    return row


def _count(article_id: int, column: str) -> None:
    counter = getattr(Article, column)
    statement = update(Article).where(Article.id == article_id).values({counter: counter + 1})
    changed = session().execute(statement.execution_options(synchronize_session=False))
    if not changed.rowcount:  # type: ignore[attr-defined]
        raise NotFound()


def gaps(days: int = 30, limit: int = 50) -> list[Gap]:
    """Questions of the last days that found nothing or where nothing was opened, the most frequent first."""
    since = now() - timedelta(days=days)
    rows = session().execute(
        select(SearchLog.folded, SearchLog.query, SearchLog.hits, SearchLog.opened_article_id, SearchLog.at)
        .where(SearchLog.at >= since, SearchLog.folded != "")
        .order_by(SearchLog.at)
    )
    grouped: defaultdict[str, list[tuple[str, bool, bool, datetime]]] = defaultdict(list)
    for folded, query, hits, opened, at in rows:
        grouped[folded].append((query, hits == 0, hits > 0 and opened is None, at))
    found = [
        Gap(asked[-1][0], len(asked), sum(a[1] for a in asked), sum(a[2] for a in asked), asked[-1][3])
        for asked in grouped.values()
        if any(a[1] or a[2] for a in asked)
    ]
    found.sort(key=lambda gap: (-gap.zero, -gap.unopened, -gap.last_at.timestamp()))
    return found[:limit]
