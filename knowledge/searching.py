"""Searching on behalf of somebody, and what is remembered of it: searches, what was opened, and whether it helped."""

from dataclasses import dataclass, replace

from sqlalchemy import select, update

from app.core.db import session
from app.core.errors import NotFound
from app.core.permissions import Actor
from app.core.text import clean
from knowledge.access import access_article, reader_for, within
from knowledge.analysis import fold
from knowledge.correcting import did_you_mean
from knowledge.index import Hit, Hits, Index, Query, Reader
from knowledge.loop import search_log
from knowledge.models import Article, ArticleFeedback, SearchLog

LONGEST_QUERY = 300
HALF = 0.5


@dataclass(frozen=True)
class Found:
    """A hit together with its row, in the order of the answer."""

    hit: Hit
    article: Article


def search(
    index: Index, actor: Actor, text: str, product_id: int | None = None, limit: int = 10, offset: int = 0
) -> Hits:
    """What the actor may read about the words. Raises IndexUnavailable where there is no usable index."""
    return answer(index, Query(text[:LONGEST_QUERY], reader_for(actor), product_id, limit, offset))


def answer(index: Index, query: Query) -> Hits:
    """What the index finds, with another spelling beside it where that finds more. Letters that find next to nothing and are
    somebody's pinyin are answered as what they stand for. Raises IndexUnavailable."""
    hits = index.search(query)
    other = did_you_mean(index, query, hits)
    if other is None:
        return hits
    meant, found = other
    poor = not hits.items or hits.items[0].coverage < HALF <= found.items[0].coverage
    spoken = poor and fold(query.text).isascii()
    return replace(found if spoken else hits, did_you_mean=meant, read_as_meant=spoken)


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
    """Write a search down at once, in a unit of work of its own. Pages note it instead (app/kb/search_log.py): they must
    not wait for the database."""
    row = SearchLog(**search_log.noted(reader or reader_for(actor), text, hits, where, product_id).values())
    session().add(row)
    session().flush()
    return row


def mark_opened(key: str | None, article_id: int) -> None:
    """A hit of this search was opened; the first one counts. An unknown search, or an article it did not show, is ignored."""
    session().flush()
    search_log.mark(key or "", article_id)
    session().expire_all()


def count_view(article: Article) -> None:
    """One more reader. The version stays: being read is not a change."""
    _count(article.id, "view_count")


def record_feedback(actor: Actor, article: Article, helpful: bool, words: str = "", query: str = "") -> ArticleFeedback:
    """What a reader said about an article that they may read, and with which words of a search they had come."""
    access_article(actor, article.id)
    row = ArticleFeedback(
        article_id=article.id,
        helpful=helpful,
        words=clean(words).strip()[:1000],
        query=clean(query).strip()[:LONGEST_QUERY],
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
