"""Looking up the answer to a question, outside any unit of work: what may be sent, which product must be asked for, or
why nothing may be said. It reads what is public, like a stranger would, and nothing else."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from app.answering.passages import answer_of, is_of_the_kind
from app.answering.rules import codes_of
from app.core.catalogue import Product
from app.core.db import session
from app.kb.article_words import body_of, is_dangerous
from knowledge import searching
from knowledge.access import within
from knowledge.analysis import fold
from knowledge.confidence import THRESHOLD, confidence
from knowledge.index import EVERYTHING, PUBLIC, Hit, Hits, Index, Query, Reader
from knowledge.models import Article

MOST_PRODUCTS = 5
LOOKED_AT = 30
LEAST_HELD = 0.4
"""What an article must hold of the question's weight, however alone it stands: a single hit on a common word is no answer."""
INSIDE_LEADS = 1.1
"""How much better than the public article one for fewer readers must be found for the machine to keep silent."""
_LETTERS = re.compile(r"[\W_]+")
_KIND = re.compile("[\u4e00-\u9fff]{2,}")
"""What kind of thing a product is stands in its name in Han signs: the 边缘网关 of TL-G300 4G 边缘网关."""


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
    codes = fault_codes(asked.text, products.values())
    for code in codes:
        sharing = products_sharing(index, code)
        if product is None and (kind := product_of_kind(asked.text, products.values())) in sharing:
            product = kind
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
    sure = confidence(replace(found, items=tuple(hits)), asked.text)
    told = Finding(article_id=article.id, revision_id=article.current_revision_id, confidence=round(sure, 4))
    if sure < asked.sure or hit.coverage < LEAST_HELD or _is_better_inside(index, asked.text, hit, product):
        return replace(told, why="unsure")
    if is_dangerous(article):
        return replace(told, why="safety")
    if article.id in asked.shown:
        return replace(told, why="again")
    if any(not _is_about(article, code) for code in codes):
        return replace(told, why="code")
    passage = answer_of(article, asked.text)
    if not passage or not is_of_the_kind(asked.text, passage):
        return replace(told, why="unsure")
    return replace(told, passage=passage)


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


def product_of_kind(text: str, products: Collection[Product]) -> int | None:
    """The only product of the kind of thing that the words name, 变频器 where there is one 变频器, 网关 where there are not two;
    or the only one with this piece of a name, V20. Enough to tell a shared code apart, too little to narrow a search by it."""
    plain, codes = _plain(fold(text)), set(codes_of(text))
    pieces = {p.id for p in products if codes.intersection(codes_of(f"{p.code} {p.name}"))}
    kinds = {p.id for p in products for kind in _KIND.findall(_plain(fold(p.name))) if kind[-3:] in plain or kind[-2:] in plain}
    found = pieces or kinds
    return found.pop() if len(found) == 1 else None


def fault_codes(text: str, products: Collection[Product]) -> list[str]:
    """The codes of a text in one spelling, without what is a piece of a product's name: the V20 of HK-V20."""
    names = {code for p in products for code in codes_of(f"{p.code} {p.name}")}
    plain = [_plain(p.code) for p in products]
    return [code for code in codes_of(text) if code not in names and not any(_plain(code) in name for name in plain)]


def products_sharing(index: Index, code: str, reader: Reader = EVERYTHING) -> set[int]:
    """The products whose articles name this code, where it is not the same thing for all of them. For a machine's answer what
    only colleagues may read counts too, for it says as well that the code is more than one thing."""
    hits = index.search(Query(code, reader, limit=LOOKED_AT, passages=False))
    rows = select(Article).options(joinedload(Article.current), selectinload(Article.products))
    rows = rows.where(Article.id.in_([int(hit.id) for hit in hits]), Article.state == "published", within(reader))
    articles = [article for article in session().scalars(rows) if _is_about(article, code)]
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
