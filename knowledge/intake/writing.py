"""One found article into the knowledge base: new, updated or left alone. Doing it again changes nothing.

An article is found again by the slug that the file names, else by where it came from, else by the file's name. Sources
are kept per company, so that no supplier's file ever meets another's.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from sqlalchemy import select

from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, NotFound, Refused
from app.core.permissions import Actor, require
from app.core.pictures import without_traces
from app.core.text import pack
from knowledge.care import care_of, take_care
from knowledge.editing_models import ArticleFile
from knowledge.files import MOST_FILES, add_file, address_of
from knowledge.intake import catalogue, front_matter
from knowledge.intake.known import Known, given_slug, key_of, stem_of
from knowledge.intake.shapes import CHOSEN, FILE_MARK, MODELS, Entry
from knowledge.intake_models import ImportSource
from knowledge.lifecycle import publish as publish_article
from knowledge.models import Article
from knowledge.service import (
    Content,
    Properties,
    change_properties,
    check_draft,
    content_of,
    draft_article,
    properties_of,
    revise,
    slug_of,
)

_REFERENCE = re.compile(r"(!?)\[([^\[\]\n]*)\]\(" + re.escape(FILE_MARK) + r"([^\s()]+)((?:\s+\"[^\"\n]*\")?)\)")


@dataclass(frozen=True)
class Written:
    """What became of an entry: `status` is imported, updated or skipped; `notes` are packed texts for the report."""

    status: str
    article: Article
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Planned:
    """What would become of an entry; `article` is the one that is there already."""

    status: str
    article: Article | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Found:
    """Where an entry belongs: its key, what was imported under it before, its article, and the address for a new one."""

    key: str
    source: ImportSource | None
    article: Article | None
    slug: str
    same: bool


def write_entry(
    actor: Actor,
    entry: Entry,
    path: str,
    product: Product | None = None,
    publish: bool = False,
    defaults: Mapping[str, Any] | None = None,
    known: Known | None = None,
) -> Written:
    """Make or update the article of an entry of the file `path`. What the entry does not say keeps the value that the
    article has; a new one takes `defaults` (fields of Properties) and `product`. `known` is for who writes many in one
    transaction. Raises Invalid, NotFound, Forbidden."""
    require(actor, "article.write")
    if publish:
        require(actor, "article.publish")
    known = known or Known(actor, product)
    found = _find(known, entry, path)
    article = found.article
    wants = publish and entry.given.get("state", "published") == "published" and not entry.draft
    if found.same and article is not None and found.source is not None:
        return _unchanged(actor, article, found.source, wants)
    notes = list(entry.warnings)
    if made := catalogue.bring_in(actor, entry.given):
        notes += made
        known.forget_made()
    given = _properties(known, entry, article, defaults, notes)
    if article is None:
        given = replace(given, source=str(entry.given.get("source", path))[:300])
        article = _draft(actor, entry, given, found.slug, notes)
        status = "imported"
    else:
        status, touched = _update(actor, article, entry, given, path, found.source, notes)
        wants = wants and not touched
    _take_care(actor, article, entry.given)
    if wants and (article.state != "published" or article.draft_revision_id is not None):
        status = _publish(actor, article, status, notes)
    known.learn(found.key, _remember(known, found, entry, article), article)
    return Written(status, article, tuple(notes))


def plan_entry(known: Known, entry: Entry, path: str, defaults: Mapping[str, Any] | None = None) -> Planned | None:
    """What `write_entry` would do, where that can be told by reading alone: the same again, and what is new and brings no
    files. None for the rest, which has to be tried. Raises what writing would raise."""
    require(known.actor, "article.write")
    found = _find(known, entry, path)
    if found.same:
        return Planned("skipped", found.article)
    beyond = {catalogue.NAME, "internal_note", "review_by"} & set(entry.given)
    if found.article is not None or entry.files or beyond:
        return None
    notes = list(entry.warnings)
    given = _properties(known, entry, None, defaults, notes)
    given = replace(given, source=str(entry.given.get("source", path))[:300])
    check_draft(known.actor, Content(entry.title, entry.body, entry.questions or ()), given, known.own)
    if given_slug(entry):
        before = known.claimed.get(found.slug)
        known.claimed.setdefault(found.slug, entry.title)
        if before is not None:
            notes.append(pack("和这次导入的《%(title)s》短地址相同，会成为同一篇的新修订。", title=before[:60]))
            return Planned("updated", None, tuple(notes))
    if entry.title in known.titles:
        notes.append("知识库里已有同名的一篇，会另外新增。")
    elif entry.title in known.planned:
        notes.append("这次导入里有同名的一篇，两篇都会新增。")
    known.planned.add(entry.title)
    return Planned("imported", None, tuple(notes))


def _find(known: Known, entry: Entry, path: str) -> _Found:
    """Where an entry belongs. A slug that is another's is not the actor's to know."""
    key, slug = key_of(path, entry), given_slug(entry)
    source = known.source(key)
    if entry.given.get("slug") and not slug:
        raise Invalid.of("slug", "这一项要填写。")
    article = _known(known, slug, source, "" if entry.key else path)
    same = article is not None and source is not None and source.article_id == article.id and source.sha256 == entry.sha256
    if article is None and not slug:
        slug = stem_of(path) if not entry.key else slug_of(entry.title)
        if not slug:
            raise Invalid.of("slug", "这一项要填写。")
    return _Found(key, source, article, slug, same)


def _known(known: Known, slug: str, source: ImportSource | None, path: str) -> Article | None:
    if slug:
        article = known.by_slug(slug)
        if article is not None and not known.may_edit(article):
            raise NotFound()
        return article
    if source is not None:
        article = known.article(source.article_id)
        if article is not None and known.may_edit(article):
            return article
    if path and (stem := stem_of(path)):
        article = known.by_slug(stem)
        named = article is not None and PurePath(article.source).name == PurePath(path).name
        if article is not None and named and known.may_edit(article) and not known.has_source(article):
            return article
    return None


def _properties(
    known: Known, entry: Entry, article: Article | None, defaults: Mapping[str, Any] | None, notes: list[str]
) -> Properties:
    """What the entry makes of the article's properties, with the product that its table names by model alone."""
    before = properties_of(article) if article else Properties(**(defaults or {}))
    companies = {known.actor.organisation_id or 0, *before.organisation_ids} if known.supplier else None
    given = front_matter.properties(entry.given, before, known.product, companies, known.product_of)
    if "products" in entry.given or "product" in entry.given:
        return given
    chosen = entry.given.get(CHOSEN)
    if chosen is not None:
        if chosen and not known.may_write_about(int(chosen)):
            raise Invalid.of("products", "只能写自己企业产品的知识，至少选一个产品。")
        return replace(given, product_ids=(int(chosen),) if chosen else ())
    if entry.given.get(MODELS) and not given.product_ids:
        return replace(given, product_ids=_proposed(known, entry.given[MODELS], notes))
    return given


def _proposed(known: Known, models: Sequence[str], notes: list[str]) -> tuple[int, ...]:
    found = known.proposed(models)
    said = found.said[:80]
    if len(found.products) == 1:
        notes.append(pack("适用型号写着“%(models)s”，归到产品“%(product)s”。", models=said, product=found.products[0].label))
        return (found.products[0].id,)
    if found.products:
        names = "、".join(product.label for product in found.products[:4])
        notes.append(pack("适用型号“%(models)s”对得上 %(n)s 个产品（%(names)s），没有归到产品。", models=said, n=len(found.products), names=names))
    else:
        notes.append(pack("没有产品对得上适用型号“%(models)s”，没有归到产品。", models=said or "、".join(models)[:80]))
    return ()


def _unchanged(actor: Actor, article: Article, source: ImportSource, wants: bool) -> Written:
    """The same file again: what people made of the article since then stays. It is published where that was asked for now."""
    notes: list[str] = []
    if wants and article.state in ("draft", "review") and _newest(article) == source.revision_id:
        return Written(_publish(actor, article, "skipped", notes), article, tuple(notes))
    return Written("skipped", article)


def _newest(article: Article) -> int | None:
    return article.draft_revision_id or article.current_revision_id


def _draft(actor: Actor, entry: Entry, given: Properties, slug: str, notes: list[str]) -> Article:
    asked = entry.questions or ()
    if not entry.files:
        return draft_article(actor, Content(entry.title, entry.body, asked), given, slug)
    if len(entry.files) > MOST_FILES:  # too many for a basket: first the article, then its text with them
        article = draft_article(actor, Content(entry.title, entry.body, asked), given, slug)
        body, listed = _with_files(actor, entry, article, "", notes)
        revise(actor, article, Content(entry.title, body, asked, listed))
        return article
    basket = hashlib.sha256(f"{entry.sha256}{slug}".encode()).hexdigest()[:32]
    body, listed = _with_files(actor, entry, None, basket, notes)
    article = draft_article(actor, Content(entry.title, body, asked), given, slug, basket)
    if listed:
        revise(actor, article, Content(entry.title, body, asked, listed))
    return article


def _update(
    actor: Actor, article: Article, entry: Entry, given: Properties, path: str, source: ImportSource | None, notes: list[str]
) -> tuple[str, bool]:
    """(status, whether somebody worked on the article since it was imported: then the new text waits as a draft)."""
    touched = source is not None and source.revision_id != _newest(article)
    given = replace(given, source=article.source)
    changed: dict[str, list[Any]] = {}
    if article.state != "published" or actor.can("article.publish"):
        changed = change_properties(actor, article, given)
    elif given != properties_of(article):
        notes.append(pack("已发布的知识，产品、受众等资料由知识编辑改，这里只写了新草稿。"))
    body, listed = _with_files(actor, entry, article, "", notes) if entry.files else (entry.body, None)
    before = content_of(article.draft or article.current)
    asked = before.questions if entry.questions is None else entry.questions
    comment = f"导入 {PurePath(path).name}"[:300]  # data
    revision = revise(actor, article, Content(entry.title, body, asked, listed), comment)
    if touched and revision is not None:
        notes.append(pack("导入之后有人改过，新内容写成草稿，没有直接发布。"))
    return ("updated" if changed or revision else "skipped"), touched and revision is not None


def _publish(actor: Actor, article: Article, status: str, notes: list[str]) -> str:
    try:
        publish_article(actor, article)
    except Refused as problem:
        notes.append(pack("没有直接发布，留作草稿：%(why)s", why=problem.message))
        return status
    return "updated" if status == "skipped" else status


def _with_files(
    actor: Actor, entry: Entry, article: Article | None, basket: str, notes: list[str]
) -> tuple[str, tuple[int, ...] | None]:
    """The text with the addresses of its files, and the numbers of those that it lists at its end."""
    kept: dict[str, ArticleFile] = {}
    there = _files_there(article)
    for file in entry.files:
        digest = hashlib.sha256(without_traces(file.content)).hexdigest()  # as it is kept
        try:
            kept[file.name] = there.get(digest) or add_file(actor, file.content, file.name, file.content_type, article=article, basket=basket)
        except Invalid as problem:
            reason = next((reason for reasons in problem.errors.values() for reason in reasons), problem.message)
            notes.append(pack(reason, **problem.data))

    def linked(found: re.Match[str]) -> str:
        file = kept.get(found[3])
        return f"{found[1]}[{found[2]}]({address_of(file)}{found[4]})" if file else found[2]

    listed = [kept[name].id for name in entry.given.get("attachments") or () if name in kept]
    return _REFERENCE.sub(linked, entry.body), tuple(listed) if listed else None


def _files_there(article: Article | None) -> dict[str, ArticleFile]:
    if article is None:
        return {}
    rows = session().scalars(select(ArticleFile).where(ArticleFile.article_id == article.id))
    return {row.file.sha256: row for row in rows}


def _take_care(actor: Actor, article: Article, given: Mapping[str, Any]) -> None:
    """The internal note and the next look, where the file speaks of them and the actor may change them."""
    if "internal_note" not in given and "review_by" not in given:
        return
    care = care_of(article)
    words = str(given.get("internal_note", care.internal_note))
    due = front_matter.moment(given["review_by"]) if "review_by" in given else care.review_by
    if article.state == "published" and not actor.can("article.publish"):
        due = care.review_by
    take_care(actor, article, owner_id=care.owner_id, review_by=due, internal_note=words)


def _remember(known: Known, found: _Found, entry: Entry, article: Article) -> ImportSource:
    source = found.source
    if source is None:
        source = ImportSource(owner=known.owner, product=known.product.id if known.product else 0, key=found.key)
        session().add(source)
    source.sha256, source.article_id, source.at = entry.sha256, article.id, now()
    source.revision_id = _newest(article)
    session().flush()
    return source
