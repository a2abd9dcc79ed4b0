"""Looking up the answer to a question, outside any unit of work: what may be sent, which product must be asked for, or
why nothing may be said. It reads what is public, like a stranger would, and nothing else."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import select

from app.answering.rules import codes_of
from app.core.catalogue import Product
from app.core.db import session
from app.library.article_words import body_of, is_dangerous, passage_of, readable
from knowledge import searching
from knowledge.confidence import THRESHOLD, confidence
from knowledge.index import EVERYTHING, PUBLIC, Hit, Hits, Index, Query
from knowledge.models import Article

MOST_PRODUCTS = 5
LOOKED_AT = 30
LEAST_HELD = 0.4
"""What an article must hold of the question's weight, however alone it stands: a single hit on a common word is no answer."""
INSIDE_LEADS = 1.1
"""How much better than the public article one for fewer readers must be found for the machine to keep silent."""
_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Question:
    """What is asked: `product_id` where it is known, `shown` articles that this session had already, `sure` from which
    confidence on an answer goes out, `asked` whether the product was asked for before."""

    text: str
    product_id: int | None = None
    shown: Collection[int] = ()
    sure: float = THRESHOLD
    asked: bool = False


@dataclass(frozen=True)
class Finding:
    """`article_id` with its `passage` and revision, or `products` to ask for, else nothing but `why`: index, nothing,
    unsure, safety, again (shown already), code (the article is not about the code) or product."""

    why: str = ""
    article_id: int | None = None
    revision_id: int | None = None
    passage: str = ""
    confidence: float | None = None
    products: Sequence[int] = field(default=())


def look_up(index: Index, asked: Question) -> Finding:
    """Search, and judge what was found. Raises IndexUnavailable. Keeps no transaction open."""
    try:
        return _look_up(index, asked)
    finally:
        session().rollback()


def _look_up(index: Index, asked: Question) -> Finding:
    products = {p.id: p for p in session().scalars(select(Product).where(Product.active.is_(True)))}
    product = asked.product_id if asked.product_id in products else named_product(asked.text, products.values())
    codes = [code for code in codes_of(asked.text) if not _names_a_product(code, products.values())]
    for code in codes:
        sharing = _sharing(index, code)
        if len(sharing) < 2 or product in sharing:
            continue
        offered = [number for number in sorted(sharing) if number in products]
        if asked.asked or product is not None or not 1 < len(offered) <= MOST_PRODUCTS:
            return Finding("product")
        return Finding("product", products=offered)
    found = index.search(Query(asked.text, PUBLIC, product if codes else None, limit=10))
    hits = [hit for hit in found if product is None or not hit.product_ids or product in hit.product_ids]
    if codes:  # who asks about a code wants the article about it, not one that mentions it
        known = {row.hit.id: row.article for row in searching.with_articles(Hits(len(hits), tuple(hits)), PUBLIC)}
        hits = [h for h in hits if h.id in known and all(_is_about(known[h.id], code) for code in codes)] or hits
    rows = searching.with_articles(Hits(len(hits), tuple(hits[:1])), PUBLIC)
    if not rows:
        return Finding("nothing")
    article, hit = rows[0].article, rows[0].hit
    sure = confidence(hits, asked.text)
    told = Finding(article_id=article.id, revision_id=article.current_revision_id, confidence=round(sure, 4))
    if sure < asked.sure or hit.coverage < LEAST_HELD or _is_better_inside(index, asked.text, hit, product):
        return replace(told, why="unsure")
    if is_dangerous(article):
        return replace(told, why="safety")
    if article.id in asked.shown:
        return replace(told, why="again")
    if any(not _is_about(article, code) for code in codes):
        return replace(told, why="code")
    return replace(told, passage=readable(article, passage_of(article, hit)))


def _is_better_inside(index: Index, text: str, hit: Hit, product: int | None) -> bool:
    """Whether something that strangers may not read answers clearly better: then a person should."""
    found = index.search(Query(text, EVERYTHING, limit=10, passages=False))
    first = next((h for h in found if product is None or not h.product_ids or product in h.product_ids), None)
    return first is not None and first.id != hit.id and first.score > hit.score * INSIDE_LEADS


def named_product(text: str, products: Collection[Product]) -> int | None:
    """The one product whose code or full name stands in the words; None where none does, or more than one."""
    plain = _plain(text)
    named = [p.id for p in products if any(len(name) > 2 and name in plain for name in (_plain(p.code), _plain(p.name)))]
    return named[0] if len(named) == 1 else None


def _names_a_product(code: str, products: Collection[Product]) -> bool:
    """Whether what looks like a code is a piece of a product's name: the V20 of HK-V20."""
    return any(code in codes_of(f"{p.code} {p.name}") or _plain(code) in _plain(p.code) for p in products)


def _sharing(index: Index, code: str) -> set[int]:
    """The products whose articles name this code, where it is not the same thing for all of them; what only colleagues
    may read counts too, for it says as well that the code is more than one thing."""
    hits = index.search(Query(code, EVERYTHING, limit=LOOKED_AT, passages=False))
    articles = [found.article for found in searching.with_articles(hits, EVERYTHING) if _is_about(found.article, code)]
    sets = [{product.id for product in article.products} for article in articles if article.products]
    if not sets or set.intersection(*sets):
        return set()
    alone = {number for one in sets if len(one) == 1 for number in one}
    return alone if len(alone) > 1 else {number for one in sets for number in one}


def _is_about(article: Article, code: str) -> bool:
    """Whether the code stands where an article says what it is about: title, questions, first cells of tables."""
    questions = article.current.questions if article.current else []
    rows = [line.split("|")[1] for line in body_of(article).splitlines() if line.lstrip().startswith("|") and line.count("|") > 2]
    return code in codes_of("\n".join([article.title, *questions, *rows]))


def _plain(text: str) -> str:
    return _LETTERS.sub("", unicodedata.normalize("NFKC", text)).lower()
