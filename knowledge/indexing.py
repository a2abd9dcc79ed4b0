"""Keeping the index equal to the database. Called by the worker's reactions and by commands, outside a unit of work."""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.config import Settings
from app.core.db import session
from knowledge import lexicon
from knowledge.analysis import look_for_words, prepare
from knowledge.index import Index, IndexAway, IndexDocument, IndexUnavailable
from knowledge.loop.asked import asked_of
from knowledge.markdown import passages
from knowledge.models import Article
from knowledge.whoosh_index import WhooshIndex

log = logging.getLogger("huiyin.knowledge")


def open_index(settings: Settings) -> Index:
    """The index of this installation; one per process. Also loads the dictionaries, so call it at start."""
    lexicon.use_folder(words_folder(settings))
    return _open(settings.data_dir.resolve(), settings.search_url)


def words_folder(settings: Settings) -> Path:
    """Where the words of titles are kept; every process of this machine reads them there."""
    folder: Path = settings.data_dir.resolve() / "words"
    return folder


@cache
def _open(data_dir: Path, search_url: str) -> Index:
    prepare(data_dir / "cache")
    if search_url:
        from knowledge.opensearch.engine import OpenSearchIndex

        return OpenSearchIndex(search_url)
    return WhooshIndex(data_dir / "index")


def document_for(article: Article, asked: tuple[str, ...] = ()) -> IndexDocument:
    """A published article as the index sees it, with what customers asked whom it helped."""
    revision = article.current
    assert revision is not None, "only a published article is indexed"
    return IndexDocument(
        id=str(article.id),
        title=article.title,
        passages=passages(revision.body),
        questions=tuple(revision.questions),
        product_ids=tuple(product.id for product in article.products),
        level=article.level,
        organisation_ids=tuple(organisation.id for organisation in article.organisations),
        category=article.category,
        language=article.language,
        updated_at=article.updated_at,
        asked=asked,
    )


def refresh(index: Index, article_ids: Iterable[int]) -> None:
    """Bring these articles in the index to what the database says now: published ones in, all others out.

    An index that is missing or damaged is made anew instead; one that is away is not, and whoever asked tries again.
    """
    wanted = sorted(set(article_ids))
    if not wanted:
        return
    # The newest rows, not what this session read before; and no transaction is kept open while texts are cut.
    session().rollback()
    look_for_words(now=True)
    documents = list(_documents(wanted))
    session().rollback()
    try:
        index.put(documents)
        index.drop({str(number) for number in wanted} - {document.id for document in documents})
    except IndexAway:
        raise
    except IndexUnavailable as problem:
        log.warning("index unusable, rebuilding it", extra={"problem": str(problem.data.get("detail", ""))})
        rebuild(index)


def rebuild(index: Index, progress: Callable[[int], None] | None = None) -> int:
    """Make the index anew from all published articles; searches go on meanwhile. Gives their number."""
    session().rollback()
    look_for_words(now=True)
    return index.rebuild(_everything(), progress)


def _everything() -> Iterator[IndexDocument]:
    # Asked for only once the engine has begun: what changes from then on, the engine brings over by itself.
    session().rollback()
    ids = list(session().scalars(select(Article.id).where(Article.state == "published").order_by(Article.id)))
    yield from _documents(ids)


def ensure(index: Index, progress: Callable[[int], None] | None = None) -> bool:
    """Rebuild an index that is missing, damaged or outdated; call it when a worker starts. True if it was needed."""
    health = index.health(deep=True)
    if health.ok:
        return False
    log.log(
        logging.INFO if health.state == "missing" else logging.WARNING,
        "index is made anew",
        extra={"problem": health.state},
    )
    rebuild(index, progress)
    return True


def _documents(ids: list[int]) -> Iterator[IndexDocument]:
    for start in range(0, len(ids), 200):
        rows = (
            select(Article)
            .where(Article.id.in_(ids[start : start + 200]), Article.state == "published")
            .options(selectinload(Article.products), selectinload(Article.organisations), selectinload(Article.current))
            .order_by(Article.id)
        )
        asked = asked_of(ids[start : start + 200])
        for article in session().scalars(rows):
            if article.current is not None:
                yield document_for(article, asked.get(article.id, ()))
