"""What an editor sees while typing: what customers asked in other words, and what already answers it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import case, func, or_, select

from app.core.clock import now
from app.core.db import session
from app.core.directory.access import circle
from app.core.permissions import Actor
from knowledge.access import own_products, readable_articles, reader_for
from knowledge.analysis import fold, query_tokens, tokens
from knowledge.index import Index, IndexUnavailable, Query
from knowledge.loop.masking import mask
from knowledge.models import Article, SearchLog

DAYS = timedelta(days=180)
ASKED, ANSWERED, LOOKED_AT = 6, 3, 300
ALIKE, SAME = 0.5, 0.6
"""Which share of the words a question must have in common to be offered, and a title to be called the same."""
CUSTOMERS = ("public", "client")


@dataclass(frozen=True)
class Asked:
    """What customers typed, how often, and how often it found nothing."""

    text: str
    count: int
    zero: int


@dataclass(frozen=True)
class Answered:
    """An article that seems to answer the same; `share` of the typed words stands in its title or questions."""

    article: Article
    share: float


def asked_like(actor: Actor, texts: Iterable[str], known: Iterable[str] = ()) -> list[Asked]:
    """Questions of customers that share their words with `texts` and are not `known` yet, the most asked first. A
    supplier's author sees those that were asked about own products alone."""
    wanted = [words for words in (_words(text) for text in texts) if words]
    if not wanted:
        return []
    terms = sorted({word for words in wanted for word in words}, key=len, reverse=True)[:8]
    rows = (
        select(SearchLog.folded, func.max(SearchLog.query), func.count(), func.sum(case((SearchLog.hits == 0, 1), else_=0)))
        .where(SearchLog.at >= now() - DAYS, SearchLog.level.in_(CUSTOMERS), SearchLog.folded != "")
        .where(or_(*(SearchLog.folded.contains(term, autoescape=True) for term in terms)))
        .group_by(SearchLog.folded)
        .order_by(func.count().desc())
        .limit(LOOKED_AT)
    )
    if circle(actor) == "supplier":
        rows = rows.where(SearchLog.product_id.in_(own_products(actor)))
    have = {" ".join(fold(text).split()) for text in known}
    found = []
    for folded, query, count, zero in session().execute(rows):
        words = _words(query)
        share = max((len(words & own) / min(len(words), len(own)) for own in wanted), default=0.0) if words else 0.0
        # What names a person or one order would stand among the questions of an article, where everybody finds it.
        if folded not in have and share >= ALIKE and 1 < len(folded) <= 60 and mask(query) == query:
            found.append((share, Asked(query, count, int(zero or 0))))
    found.sort(key=lambda one: (-(one[0] * (1 + one[1].count)), one[1].text))
    return [one for _share, one in found[:ASKED]]


def already_answered(index: Index, actor: Actor, title: str, article_id: int | None = None) -> list[Answered]:
    """Published articles that seem to answer what this title promises. Looks into the index: outside a unit of work."""
    words = _words(title)
    if not words or len(fold(title)) < 4:
        return []
    try:
        hits = index.search(Query(title[:300], reader_for(actor), limit=ANSWERED + 3, passages=False))
    except IndexUnavailable:
        return []
    ids = [int(hit.id) for hit in hits]
    rows = {a.id: a for a in session().scalars(readable_articles(actor).where(Article.id.in_(ids)))} if ids else {}
    found = []
    for number in ids:
        article = rows.get(number)
        if article is None or number == article_id:
            continue
        share = max(_share(words, text) for text in (article.title, *(article.current.questions if article.current else ())))
        if share >= SAME:
            found.append(Answered(article, share))
    return sorted(found, key=lambda one: -one.share)[:ANSWERED]


def _share(words: frozenset[str], text: str) -> float:
    """Which share of the words the other text holds; rare long ones count more than short ones."""
    other = set(tokens(text).words)
    return sum(len(word) for word in words & other) / sum(len(word) for word in words)


def _words(text: str) -> frozenset[str]:
    return frozenset(query_tokens(text[:300]).words)
