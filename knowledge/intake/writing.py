"""One found article into the knowledge base: new, updated or left alone. Doing it again changes nothing.

An article is found again by the slug that the file names, else by where it came from, else by the file's name. Sources
are kept per company, so that no supplier's file ever meets another's.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from sqlalchemy import select

from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.directory.access import circle
from app.core.errors import Invalid, NotFound, Refused
from app.core.permissions import Actor, require
from app.core.pictures import without_traces
from app.core.text import pack
from knowledge.access import may_edit
from knowledge.care import care_of, take_care
from knowledge.editing_models import ArticleAddress, ArticleFile
from knowledge.files import MOST_FILES, add_file, address_of
from knowledge.intake import catalogue, front_matter
from knowledge.intake.shapes import FILE_MARK, Entry
from knowledge.intake_models import ImportSource
from knowledge.lifecycle import publish as publish_article
from knowledge.models import Article
from knowledge.service import (
    Content,
    Properties,
    change_properties,
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


def owner_of(actor: Actor) -> int:
    """Whose sources these are: the id of a supplier's company, 0 for the platform."""
    return (actor.organisation_id or 0) if circle(actor) == "supplier" else 0


def write_entry(
    actor: Actor,
    entry: Entry,
    path: str,
    product: Product | None = None,
    publish: bool = False,
    defaults: Mapping[str, Any] | None = None,
) -> Written:
    """Make or update the article of an entry of the file `path`. What the entry does not say keeps the value that the
    article has; a new one takes `defaults` (fields of Properties) and `product`. Raises Invalid, NotFound, Forbidden."""
    require(actor, "article.write")
    if publish:
        require(actor, "article.publish")
    owner, key = owner_of(actor), f"{path}#{entry.key}"[:700] if entry.key else path[:700]
    source = _source(owner, product, key)
    slug = slug_of(str(entry.given.get("slug") or ""))
    if entry.given.get("slug") and not slug:
        raise Invalid.of("slug", "这一项要填写。")
    article = _known(actor, slug, source, "" if entry.key else path)
    wants = publish and entry.given.get("state", "published") == "published" and not entry.draft
    if article is not None and source is not None and source.article_id == article.id and source.sha256 == entry.sha256:
        return _unchanged(actor, article, source, wants)
    if article is None and not slug:
        slug = slug_of(PurePath(path).stem) if not entry.key else slug_of(entry.title)
        if not slug:
            raise Invalid.of("slug", "这一项要填写。")
    before = properties_of(article) if article else Properties(**(defaults or {}))
    companies = {actor.organisation_id or 0, *before.organisation_ids} if circle(actor) == "supplier" else None
    notes = [pack("%(words)s", words=words) for words in entry.warnings]
    notes += catalogue.bring_in(actor, entry.given)
    given = front_matter.properties(entry.given, before, product, companies)
    if article is None:
        given = replace(given, source=str(entry.given.get("source", path))[:300])
        article = _draft(actor, entry, given, slug, notes)
        status = "imported"
    else:
        status, touched = _update(actor, article, entry, given, path, source, notes)
        wants = wants and not touched
    _take_care(actor, article, entry.given)
    if wants and (article.state != "published" or article.draft_revision_id is not None):
        status = _publish(actor, article, status, notes)
    _remember(source, owner, product, key, entry, article)
    return Written(status, article, tuple(notes))


def _source(owner: int, product: Product | None, key: str) -> ImportSource | None:
    same = (ImportSource.owner == owner, ImportSource.product == (product.id if product else 0), ImportSource.key == key)
    return session().scalars(select(ImportSource).where(*same)).one_or_none()


def _known(actor: Actor, slug: str, source: ImportSource | None, path: str) -> Article | None:
    """The article that this entry is about. A slug that is another's is not the actor's to know."""
    if slug:
        article = session().scalars(select(Article).where(Article.slug == slug)).one_or_none()
        if article is None and (former := session().get(ArticleAddress, slug)):
            article = session().get(Article, former.article_id)
        if article is not None and not may_edit(actor, article):
            raise NotFound()
        return article
    if source is not None:
        article = session().get(Article, source.article_id)
        if article is not None and may_edit(actor, article):
            return article
    if path and (stem := slug_of(PurePath(path).stem)):
        article = session().scalars(select(Article).where(Article.slug == stem)).one_or_none()
        named = article is not None and PurePath(article.source).name == PurePath(path).name
        if article is not None and named and may_edit(actor, article) and not _has_source(article):
            return article
    return None


def _has_source(article: Article) -> bool:
    return session().scalar(select(ImportSource.id).where(ImportSource.article_id == article.id).limit(1)) is not None


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


def _remember(
    source: ImportSource | None, owner: int, product: Product | None, key: str, entry: Entry, article: Article
) -> None:
    if source is None:
        source = ImportSource(owner=owner, product=product.id if product else 0, key=key)
        session().add(source)
    source.sha256, source.article_id, source.at = entry.sha256, article.id, now()
    source.revision_id = _newest(article)
    session().flush()
