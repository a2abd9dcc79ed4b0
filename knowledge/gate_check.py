"""Whether the knowledge of a release is complete: each document and each test question with what is missing, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time

from sqlalchemy import select

from app.core.catalogue import Product, Release
from app.core.db import session
from app.core.text import pack
from knowledge.gate import Requirement, queries_of, requirements_of
from knowledge.gate_models import GateDocument, GateQuery, ReleaseGate
from knowledge.index import INSIDE_LEVELS, Hits, Index, IndexUnavailable, Query, Reader
from knowledge.models import Article

FIRST = 3
LOOKED = 10
NOT_REVIEWED = "版本建立之后还没有复核。"
NO_QUERY = "还没有测试问题。至少写一个客户会问的问题。"


@dataclass(frozen=True)
class Document:
    """A requirement and the article that is to be it: `chosen` by somebody, else proposed. `missing` are packed texts;
    empty: fulfilled."""

    requirement: Requirement
    article: Article | None
    chosen: bool
    missing: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.missing


@dataclass(frozen=True)
class Tested:
    """A test question with the place where its article stands now (None: not among the first ten)."""

    query: GateQuery
    rank: int | None
    missing: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.missing


@dataclass(frozen=True)
class Checklist:
    """All of it. `general`: what is missing beside single documents and questions."""

    documents: tuple[Document, ...]
    queries: tuple[Tested, ...]
    general: tuple[str, ...] = ()

    @property
    def green(self) -> bool:
        return not self.general and all(d.ok for d in self.documents) and all(q.ok for q in self.queries)

    @property
    def done(self) -> int:
        return sum(d.ok for d in self.documents) + sum(q.ok for q in self.queries)

    @property
    def total(self) -> int:
        return len(self.documents) + len(self.queries) + len(self.general)

    @property
    def missing(self) -> list[str]:
        """Everything that is missing, as packed texts, each with the name of what it is about."""
        found = [pack("%(name)s：%(why)s", name=d.requirement.name, why=why) for d in self.documents for why in d.missing]
        found += [pack("%(name)s：%(why)s", name=q.query.label, why=why) for q in self.queries for why in q.missing]
        return [*found, *self.general]


def check(release: Release, gate: ReleaseGate | None, index: Index | None) -> Checklist:
    """How the release stands now. Without an index the test questions count as failed, and say so."""
    articles = _articles(release.product)
    chosen: dict[str, int] = {}
    if gate is not None:
        rows = session().scalars(select(GateDocument).where(GateDocument.gate_id == gate.id))
        chosen = {row.code: row.article_id for row in rows}
    requirements = requirements_of(release.product.category)
    named = {code: article for code, article_id in chosen.items() for article in articles if article.id == article_id}
    proposed = _proposals([r for r in requirements if r.code not in named], articles, {a.id for a in named.values()}, gate)
    documents = []
    for requirement in requirements:
        article = named.get(requirement.code) or proposed[requirement.code]
        documents.append(Document(requirement, article, requirement.code in named, _document_missing(requirement, article, gate)))
    tested = tuple(_test(query, release.product, index) for query in queries_of(release.product))
    return Checklist(tuple(documents), tested, () if tested else (NO_QUERY,))


def _articles(product: Product) -> list[Article]:
    # What one company alone may read is no document of a release, and its title is nobody else's to see.
    about = (Article.products.any(Product.id == product.id), ~Article.organisations.any())
    rows = select(Article).where(*about, Article.state != "retired")
    return list(session().scalars(rows.order_by(Article.id)))


def _fits(requirement: Requirement, article: Article) -> bool:
    said = f"{article.title} {article.category}".lower()
    return article.kind in requirement.kinds and (not requirement.words or any(word.lower() in said for word in requirement.words))


def _proposals(
    requirements: Sequence[Requirement], articles: Sequence[Article], taken: set[int], gate: ReleaseGate | None
) -> dict[str, Article | None]:
    """The article that comes nearest to each: what lacks least, then what was reviewed last. Nobody's page of contacts is
    also the list of questions: each article is proposed once, first to what asks for certain words."""

    def nearness(requirement: Requirement, article: Article) -> tuple[int, float, int]:
        reviewed = article.reviewed_at.timestamp() if article.reviewed_at else 0.0
        return -len(_document_missing(requirement, article, gate)), reviewed, article.id

    found: dict[str, Article | None] = {}
    for requirement in sorted(requirements, key=lambda r: not r.words):
        fitting = [article for article in articles if article.id not in taken and _fits(requirement, article)]
        found[requirement.code] = best = max(fitting, key=lambda article: nearness(requirement, article), default=None)
        taken = taken | ({best.id} if best is not None else set())
    return found


def _document_missing(requirement: Requirement, article: Article | None, gate: ReleaseGate | None) -> tuple[str, ...]:
    if article is None:
        return ("还没有这样的知识。",)
    missing = []
    if article.state != "published":
        missing.append({"draft": "还是草稿，没有提交。", "review": "在等知识编辑审核。"}.get(article.state, "没有发布。"))
    elif gate is not None and not _reviewed_since(article, gate):
        missing.append(NOT_REVIEWED)
    if article.level in INSIDE_LEVELS and "internal" not in requirement.kinds:
        missing.append("客户看不到这篇。")
    if article.state == "published" and article.draft_revision_id is not None:
        missing.append("有改过的草稿还没有发布。")
    return tuple(missing)


def _reviewed_since(article: Article, gate: ReleaseGate) -> bool:
    """A review that names only its day counts when it is the day on which the preparation began."""
    at, since = article.reviewed_at, gate.created_at
    if at is None:
        return False
    return at >= since or (at.time() == time() and at.date() == since.date())


def _test(query: GateQuery, product: Product, index: Index | None) -> Tested:
    article = query.article
    if article is None or article.state != "published":
        return Tested(query, None, ("应该找到的知识还没有发布。",))
    reader = Reader(("public", "client")) if query.client else Reader()
    if not reader.may_read(article.level, [o.id for o in article.organisations], [p.id for p in article.products]):
        return Tested(query, None, ("这样的读者看不到应该找到的知识。",))
    if index is None:
        return Tested(query, None, ("知识索引不可用，现在测不了。",))
    try:
        hits: Hits = index.search(Query(query.text, reader, limit=LOOKED, passages=False))
    except IndexUnavailable:
        return Tested(query, None, ("知识索引不可用，现在测不了。",))
    rank = next((place for place, hit in enumerate(hits, 1) if int(hit.id) == article.id), None)
    if rank is None:
        return Tested(query, None, ("前十没有找到。把客户的说法写进「客户会这样问」。",))
    return Tested(query, rank, () if rank <= FIRST else (pack("排在第 %(n)s 位，要进前三。", n=rank),))
