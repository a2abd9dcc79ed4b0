"""What a search engine must be able to do for us: the shapes that go in and come out, and nothing of any engine.

Every engine passes tests/contracts/test_index.py. Reading rights are part of the query, so that a total or a page never
counts what the reader may not see.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from app.core.errors import Unavailable

LEVELS = ("public", "client", "agent", "supplier")
INSIDE_LEVELS = ("agent", "supplier")
OWN_LEVELS = ("client", "agent", "supplier")
"""Whom `Reader.product_ids` limits reads of these only what names one of those products, or none: a supplier reads no
manual that another supplier wrote for its customers."""


class IndexUnavailable(Unavailable):
    """There is no usable index. Searching must say so: an empty answer would look like missing knowledge."""

    code = "index_unavailable"
    message = "知识索引不可用，需要重建：%(detail)s"


class IndexAway(IndexUnavailable):
    """The engine stands elsewhere and does not answer, or refuses us: making the index anew would not help."""

    message = "搜索服务 %(where)s 不可用：%(detail)s"


@dataclass(frozen=True)
class Passage:
    """One stretch of an article under one heading; `anchor` is the id of that heading in the rendered page, or empty."""

    text: str
    heading: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class IndexDocument:
    """An article as the index sees it. An empty list of organisations or products does not restrict.

    `asked` are words of customers whom the article helped: they find it, and are never shown or suggested.
    """

    id: str
    title: str
    passages: tuple[Passage, ...] = ()
    questions: tuple[str, ...] = ()
    product_ids: tuple[int, ...] = ()
    level: str = "public"
    organisation_ids: tuple[int, ...] = ()
    category: str = ""
    language: str = "zh"
    updated_at: datetime | None = None
    asked: tuple[str, ...] = ()
    kind: str = ""
    safety: bool = False


@dataclass(frozen=True)
class Reader:
    """What somebody may read: level × organisation × products.

    `organisation_id` None with `all_organisations` False is a person of no organisation. `product_ids` None means all
    products; it limits the inside levels (agent, supplier) only, because public and client knowledge is not a secret
    between suppliers.
    """

    levels: tuple[str, ...] = ("public",)
    organisation_id: int | None = None
    all_organisations: bool = False
    product_ids: tuple[int, ...] | None = None

    def may_read(self, level: str, organisation_ids: Iterable[int], product_ids: Iterable[int]) -> bool:
        """The rule itself, for one article; engines and SQL must agree with it."""
        organisations, products = set(organisation_ids), set(product_ids)
        if level not in self.levels:
            return False
        if organisations and not self.all_organisations and self.organisation_id not in organisations:
            return False
        limited = self.product_ids is not None and level in OWN_LEVELS
        return not (limited and products and products.isdisjoint(self.product_ids or ()))


def document_keys(document: IndexDocument) -> list[str]:
    """The reading rule as terms of an index: a reader may read what shares one key with `reader_keys`."""
    organisations = ["any", *([f"o{number}" for number in document.organisation_ids] or ["open"])]
    products = ["any", *([f"p{number}" for number in document.product_ids] or ["open"])]
    return [f"{document.level}|{o}|{p}" for o in organisations for p in products]


def reader_keys(reader: Reader) -> list[str]:
    """The keys of what the reader may read; empty means nothing at all."""
    organisations = ["open"] if reader.organisation_id is None else ["open", f"o{reader.organisation_id}"]
    if reader.all_organisations:
        organisations = ["any"]
    keys = []
    for level in reader.levels:
        limited = reader.product_ids is not None and level in OWN_LEVELS
        products = ["open", *(f"p{number}" for number in reader.product_ids or ())] if limited else ["any"]
        keys += [f"{level}|{o}|{p}" for o in organisations for p in products]
    return keys


PUBLIC = Reader()
EVERYTHING = Reader(levels=LEVELS, all_organisations=True)


@dataclass(frozen=True)
class Query:
    """A search. `passages` False leaves out the best passage of each hit, which costs more than finding it.

    Category, language and levels narrow what the reader may read, and never widen it. `facets` counts what would be
    found under each product, category and level. Without `marked_titles` titles come in one piece.
    """

    text: str
    reader: Reader = PUBLIC
    product_id: int | None = None
    limit: int = 10
    offset: int = 0
    passages: bool = True
    category: str = ""
    language: str = ""
    levels: tuple[str, ...] = ()
    facets: bool = False
    marked_titles: bool = True


@dataclass(frozen=True)
class Piece:
    """A stretch of text and whether the query was found there. Pages escape `text` and mark the hits."""

    text: str
    hit: bool = False


@dataclass(frozen=True)
class Hit:
    """One article found. `score` compares hits of one answer only; `coverage` (0 to 1) says how much of the query's
    weight the article holds in its title, questions and best passage, and can be compared between queries. So can
    `strength`, the score as a share of what was asked, and `missing`, the share of the question's words that stand
    there neither whole nor in pieces; `lacks` are the words of which nothing stands there."""

    id: str
    score: float
    title: tuple[Piece, ...]
    passage: tuple[Piece, ...] = ()
    heading: str = ""
    anchor: str = ""
    product_ids: tuple[int, ...] = ()
    coverage: float = 0.0
    strength: float = 0.0
    missing: float = 0.0
    lacks: tuple[str, ...] = ()

    @property
    def passage_text(self) -> str:
        return "".join(piece.text for piece in self.passage)


@dataclass(frozen=True)
class Hits:
    """The answer to a query; `total` counts all readable articles found, beyond `limit` too. `facets`, where they were
    asked for: {"product": {"7": 3}, "category": {"安装": 2}, "level": {"public": 5}}, each counted without its own filter.
    `said` is how much the query says: its words' rarity added up, where a word that stands in no article counts 1.
    `read_as_meant`: these are the answers to `did_you_mean`, because the letters typed were its pinyin."""

    total: int
    items: tuple[Hit, ...] = ()
    did_you_mean: str | None = None
    facets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    said: float = 0.0
    read_as_meant: bool = False

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.items)


@dataclass(frozen=True)
class Rarity:
    """How many documents there are, and how many of them hold each (space, text) that was asked for; spaces as in
    `knowledge.ranking.Term`."""

    documents: int
    counts: Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Health:
    """The state of an index: ready, missing, outdated (made with another analysis), damaged or away (its engine stands
    elsewhere and does not answer), and why."""

    state: str
    detail: str = ""
    documents: int = 0
    generation: int = -1
    segments: int = 0
    bytes: int = 0

    @property
    def ok(self) -> bool:
        return self.state == "ready"

    @property
    def usable(self) -> bool:
        """Whether searches are answered rightly enough; an outdated index is, until it is rebuilt."""
        return self.state in ("ready", "outdated")

    @property
    def reason(self) -> str:
        """State and detail in one short line, for logs and checks."""
        return f"{self.state}: {self.detail}" if self.detail else self.state


class Index(Protocol):
    """An engine. Thread safe for reading; writers wait for each other, across processes too."""

    def put(self, documents: Iterable[IndexDocument]) -> int:
        """Add documents or replace those of the same id; found by every process when this returns. Gives their number."""

    def drop(self, ids: Iterable[str]) -> int:
        """Remove documents; unknown ids are ignored. Gives the number removed."""

    def search(self, query: Query) -> Hits:
        """Find. Raises IndexUnavailable where there is no usable index."""

    def rarity(self, terms: Sequence[tuple[str, str]]) -> Rarity:
        """How rare terms are, whoever may read what holds them: for weighing, never for showing. May be half a minute old."""

    def rebuild(self, documents: Iterable[IndexDocument], progress: Callable[[int], None] | None = None) -> int:
        """Make a new index from all documents and switch to it at once; searches use the old one meanwhile."""

    def health(self, deep: bool = False) -> Health:
        """How the index is. `deep` reads every byte and compares sums."""

    def close(self) -> None:
        """Let go of files."""
