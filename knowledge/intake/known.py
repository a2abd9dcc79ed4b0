"""What the house knows already about the articles of an import.

Asked for many entries at once (`look_ahead`), a dry run of a thousand rows costs a handful of statements; asked one by one,
each answer is looked up when it is needed.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import PurePath

from sqlalchemy import select

from app.core.catalogue import Product
from app.core.db import session
from app.core.directory.access import circle
from app.core.installed_base import Device
from app.core.permissions import Actor
from knowledge.access import editable_articles, may_edit, own_products
from knowledge.editing_models import ArticleAddress
from knowledge.intake import front_matter, model_range
from knowledge.intake.shapes import Entry
from knowledge.intake_models import ImportItem, ImportSource
from knowledge.models import Article
from knowledge.service import slug_of
from knowledge.term_models import SynonymGroup

NAMES, SHORTEST = 200, 4
"""Models of machines that are looked at for one product, and how long one is at least: 4G names many things."""


@dataclass(frozen=True)
class Proposal:
    """Products that the models of a table name; `said` is how they stand there."""

    products: tuple[Product, ...]
    said: str


class Known:
    """The answers for one actor and one import. Holds rows: good for one transaction."""

    def __init__(self, actor: Actor, product: Product | None) -> None:
        self.actor, self.product = actor, product
        self.supplier = circle(actor) == "supplier"
        self.owner = (actor.organisation_id or 0) if self.supplier else 0
        """Whose sources these are: the id of a supplier's company, 0 for the platform."""
        self.claimed: dict[str, str] = {}
        """Titles by the addresses that entries of this import have asked for."""
        self.titles: set[str] = set()
        """Titles that articles of the house bear already, as far as the actor may change them."""
        self.planned: set[str] = set()
        """Titles of new articles of this import."""
        self._own: Collection[int] | None = None
        self._sources: dict[str, ImportSource | None] = {}
        self._slugs: dict[str, Article | None] = {}
        self._articles: dict[int, Article | None] = {}
        self._editable: dict[int, bool] = {}
        self._sourced: dict[int, bool] = {}
        self._products: dict[str, int | None] = {}
        self._names: dict[int, tuple[str, ...]] | None = None
        self._proposals: dict[tuple[str, ...], Proposal] = {}

    def look_ahead(self, entries: Iterable[tuple[str, Entry]]) -> None:
        """Read everything that these entries (each with its file's path) will ask for, in a few statements."""
        entries = list(entries)
        keys = {key_of(path, entry) for path, entry in entries}
        slugs = {slug for path, entry in entries for slug in (given_slug(entry), "" if entry.key else stem_of(path)) if slug}
        same = (ImportSource.owner == self.owner, ImportSource.product == (self.product.id if self.product else 0))
        self._sources |= dict.fromkeys(keys)
        self._sources |= {row.key: row for row in session().scalars(select(ImportSource).where(*same, ImportSource.key.in_(keys)))}
        self._slugs |= dict.fromkeys(slugs)
        self._slugs |= {row.slug: row for row in session().scalars(select(Article).where(Article.slug.in_(slugs)))}
        gone = [slug for slug in slugs if self._slugs[slug] is None]
        former = select(ArticleAddress.slug, ArticleAddress.article_id).where(ArticleAddress.slug.in_(gone))
        moved: dict[str, int] = dict(session().execute(former).all()) if gone else {}
        wanted = {row.article_id for row in self._sources.values() if row} | set(moved.values())
        self._articles |= dict.fromkeys(wanted)
        self._articles |= {row.id: row for row in session().scalars(select(Article).where(Article.id.in_(wanted)))} if wanted else {}
        for slug, number in moved.items():
            self._slugs[slug] = self._articles[number]
        ids = {row.id for row in (*self._articles.values(), *self._slugs.values()) if row}
        if ids:
            mine = set(session().scalars(editable_articles(self.actor).with_only_columns(Article.id).where(Article.id.in_(ids))))
            self._editable |= {number: number in mine for number in ids}
            known = set(session().scalars(select(ImportSource.article_id).where(ImportSource.article_id.in_(ids))))
            self._sourced |= {number: number in known for number in ids}

    def look_for_titles(self, titles: Collection[str], job_id: int) -> None:
        """Which of these titles are taken, here and in this import."""
        mine = editable_articles(self.actor).with_only_columns(Article.title)
        self.titles |= set(session().scalars(mine.where(Article.title.in_(titles), Article.state != "retired")))
        same = (ImportItem.job_id == job_id, ImportItem.plan == "new", ImportItem.title.in_(titles))
        self.planned |= set(session().scalars(select(ImportItem.title).where(*same)))

    def learn(self, key: str, source: ImportSource, article: Article) -> None:
        """Something was written: who comes next finds it."""
        self._sources[key], self._slugs[article.slug], self._articles[article.id] = source, article, article
        self._sourced[article.id] = True
        self._editable.pop(article.id, None)

    def forget_made(self) -> None:
        """An article brought products, or was taken back with those that it brought: they are looked for again."""
        self._products.clear()
        self._proposals.clear()
        self._names = None

    @property
    def own(self) -> Collection[int] | None:
        """The products of a supplier's author; None for everybody else, who may write about all."""
        if self.supplier and self._own is None:
            self._own = own_products(self.actor)
        return self._own

    def source(self, key: str) -> ImportSource | None:
        if key not in self._sources:
            same = (ImportSource.owner == self.owner, ImportSource.product == (self.product.id if self.product else 0), ImportSource.key == key)
            self._sources[key] = session().scalars(select(ImportSource).where(*same)).one_or_none()
        return self._sources[key]

    def by_slug(self, slug: str) -> Article | None:
        """The article of this address, of today or of former days."""
        if slug not in self._slugs:
            found = session().scalars(select(Article).where(Article.slug == slug)).one_or_none()
            if found is None and (former := session().get(ArticleAddress, slug)):
                found = session().get(Article, former.article_id)
            self._slugs[slug] = found
        return self._slugs[slug]

    def article(self, number: int) -> Article | None:
        if number not in self._articles:
            self._articles[number] = session().get(Article, number)
        return self._articles[number]

    def may_edit(self, article: Article) -> bool:
        if article.id not in self._editable:
            self._editable[article.id] = may_edit(self.actor, article)
        return self._editable[article.id]

    def has_source(self, article: Article) -> bool:
        if article.id not in self._sourced:
            rows = select(ImportSource.id).where(ImportSource.article_id == article.id).limit(1)
            self._sourced[article.id] = session().scalar(rows) is not None
        return self._sourced[article.id]

    def product_of(self, name: str) -> int:
        """The product of this code or name; raises Invalid."""
        if name not in self._products:
            self._products[name] = front_matter.find_product_id(name)
        found = self._products[name]
        if found is None:
            raise front_matter.no_product(name)
        return found

    def may_write_about(self, number: int) -> bool:
        return self.own is None or number in self.own

    def proposed(self, models: Iterable[str]) -> Proposal:
        """The products that these models name, among those that the actor may write about: of others nothing is said."""
        texts = tuple(models)
        if texts not in self._proposals:
            found = model_range.products_for(texts, self._all_names())
            rows = session().scalars(select(Product).where(Product.id.in_(found.products)).order_by(Product.id)) if found.products else ()
            self._proposals[texts] = Proposal(tuple(rows), "、".join(found.named))
        return self._proposals[texts]

    def _all_names(self) -> dict[int, tuple[str, ...]]:
        if self._names is None:
            mine = select(Product.id, Product.code, Product.name).where(Product.active)
            if self.own is not None:
                mine = mine.where(Product.id.in_(self.own))
            products = session().execute(mine.order_by(Product.id)).all()
            models: dict[int, list[str]] = {product.id: [] for product in products}
            rows = select(Device.product_id, Device.model).where(Device.product_id.in_(models), Device.model != "").distinct()
            for number, model in session().execute(rows):
                if len(models[number]) < NAMES and len(model) >= SHORTEST:
                    models[number].append(model)
            alike = [[word.casefold() for word in words] for words in session().scalars(select(SynonymGroup.words))]
            for product in products:
                known = {product.code.casefold(), product.name.casefold()}
                models[product.id] += [word for words in alike if known & set(words) for word in words]
            self._names = {p.id: model_range.names_of(p.code, p.name, models[p.id]) for p in products}
        return self._names


def key_of(path: str, entry: Entry) -> str:
    """What an entry is known by when it comes again."""
    return f"{path}#{entry.key}"[:700] if entry.key else path[:700]


def given_slug(entry: Entry) -> str:
    return slug_of(str(entry.given.get("slug") or ""))


def stem_of(path: str) -> str:
    return slug_of(PurePath(path).stem)
