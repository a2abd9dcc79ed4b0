"""Everything out again: Markdown with front matter and files, as `knowledge import` takes it, and a list to look at.

Whoever exports gets what they may change: a supplier's author the articles of their own products alone.
"""

import io
import os
import posixpath
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xlsxwriter
import yaml
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.errors import Conflict
from app.core.files import get_bytes
from app.core.permissions import Actor, require
from knowledge.access import editable_articles
from knowledge.care import care_of
from knowledge.editing_models import ArticleFile
from knowledge.files import address_of, listed, numbers_in
from knowledge.intake.catalogue import NAME, described
from knowledge.intake.table_files import LIST_SHEET
from knowledge.models import Article, Revision

FILES = "files"
LIST = "知识清单.xlsx"  # data
# data: the list is a file, not a page
COLUMNS = ("标题", "短地址", "状态", "产品", "类型", "分类", "给谁看", "语言", "安全警示", "复核人", "复核于", "更新于", "文件")
_BAD = re.compile(r'[<>:"/\\|?*\x00-\x1f]+')


@dataclass(frozen=True)
class Exported:
    """How much was written."""

    articles: int
    files: int
    bytes: int


def export_to(actor: Actor, target: Path, progress: Callable[[int], None] | None = None) -> Exported:
    """Write to a folder (which must be empty or not there yet) or to a .zip, which appears when it is complete."""
    if target.suffix.lower() == ".zip":
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".export-", delete=False) as out:
            try:
                done = export_zip(actor, out, progress)
            except BaseException:
                os.unlink(out.name)
                raise
        os.chmod(out.name, 0o644)
        os.replace(out.name, target)
        return done
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Conflict("“%(path)s”里已有东西，请给一个空文件夹。", path=str(target))
    size = count = articles = 0
    for path, content in exported(actor, progress):
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        size += len(content)
        articles += path.endswith(".md") and not path.endswith(".draft.md")
        count += 1
    return Exported(articles, count, size)


def export_zip(actor: Actor, out: Any, progress: Callable[[int], None] | None = None) -> Exported:
    """Write a ZIP to a binary file that is open for writing."""
    size = count = articles = 0
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in exported(actor, progress):
            stored = zipfile.ZIP_STORED if path.startswith(FILES) else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(path, now().timetuple()[:6]), content, stored)
            size += len(content)
            articles += path.endswith(".md") and not path.endswith(".draft.md")
            count += 1
    return Exported(articles, count, size)


def exported(actor: Actor, progress: Callable[[int], None] | None = None) -> Iterator[tuple[str, bytes]]:
    """(path, bytes) of everything that the actor may change, the list at the end."""
    require(actor, "article.write")
    rows: list[list[Any]] = []
    written: set[str] = set()
    ids = list(session().scalars(editable_articles(actor).with_only_columns(Article.id).order_by(Article.id)))
    for start in range(0, len(ids), 100):
        found = select(Article).where(Article.id.in_(ids[start : start + 100])).order_by(Article.id)
        options = (selectinload(Article.products).selectinload(Product.supplier), selectinload(Article.organisations))
        for article in session().scalars(found.options(*options)):
            folder = _BAD.sub("-", article.products[0].code).strip(". ") if len(article.products) == 1 else "general"
            path = f"{folder or 'general'}/{article.slug}.md"
            shown = article.current or article.draft
            if shown is None:
                continue
            made = list(_article(article, shown, path))
            if article.current is not None and article.draft is not None:
                made += _article(article, article.draft, path.removesuffix(".md") + ".draft.md", draft=True)
            for name, content in made:
                if name not in written:  # both may show the same picture
                    written.add(name)
                    yield name, content
            rows.append(_listed(article, path))
            if progress:
                progress(len(rows))
        session().expunge_all()
    yield LIST, _list(rows)


def _article(article: Article, revision: Revision, path: str, draft: bool = False) -> Iterator[tuple[str, bytes]]:
    attached = listed(revision)
    shown = session().scalars(
        select(ArticleFile).where(ArticleFile.article_id == article.id, ArticleFile.id.in_(numbers_in(revision.body)))
    )
    files = {file.id: file for file in (*shown, *attached)}
    body = revision.body
    places: dict[int, str] = {}
    for file in files.values():
        name = f"{FILES}/{article.slug}/{file.id}-{_BAD.sub('-', file.file.name)}"
        places[file.id] = posixpath.relpath(name, posixpath.dirname(path))
        body = body.replace(address_of(file), "<" + places[file.id] + ">" if re.search(r"[\s()]", places[file.id]) else places[file.id])
        yield name, get_bytes(file.file.sha256)
    head = _head(article, revision, draft)
    if attached:
        head["attachments"] = [places[file.id] for file in attached]
    block = yaml.safe_dump(head, allow_unicode=True, sort_keys=False, width=10_000)
    yield path, f"---\n{block}---\n{body}".encode()


def _head(article: Article, revision: Revision, draft: bool) -> dict[str, Any]:
    """Every name is written, so that taking it back sets everything; `state` keeps drafts drafts."""
    care = care_of(article)
    head: dict[str, Any] = {
        "title": revision.title,
        "slug": article.slug,
        "state": article.state,
        "products": [product.code for product in article.products],
        "audience": {"level": article.level, "organisations": [o.name for o in article.organisations]},
        "kind": article.kind,
        "category": article.category,
        "language": article.language,
        "questions": list(revision.questions),
        "valid_for": article.valid_for,
        "safety": article.safety,
        "phone_script": article.phone_script,
        "source": article.source,
    }
    if article.reviewed_at:
        head |= {"reviewed_by": article.reviewed_by, "reviewed_at": article.reviewed_at}
    if care.internal_note:
        head["internal_note"] = care.internal_note
    if care.review_by:
        head["review_by"] = care.review_by
    if draft:
        head["draft"] = True
    if told := described(article):  # a house that does not know these names yet can take the article in
        head[NAME] = told
    return head


def _listed(article: Article, path: str) -> list[Any]:
    day = "%Y-%m-%d"
    return [
        article.title,
        article.slug,
        article.state,
        "、".join(product.code for product in article.products),
        article.kind,
        article.category,
        article.level,
        article.language,
        "是" if article.safety else "",
        article.reviewed_by,
        article.reviewed_at.strftime(day) if article.reviewed_at else "",
        article.updated_at.strftime(day),
        path,
    ]


def _list(rows: list[list[Any]]) -> bytes:
    """A workbook that is only for looking at; `import` knows its sheet and leaves it alone."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet(LIST_SHEET)
    bold = book.add_format({"bold": True})
    sheet.write_row(0, 0, COLUMNS, bold)
    for number, row in enumerate(rows, 1):
        for column, cell in enumerate(row):
            sheet.write_string(number, column, str(cell))
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, 0, 50)
    sheet.set_column(1, len(COLUMNS) - 1, 18)
    sheet.autofilter(0, 0, max(len(rows), 1), len(COLUMNS) - 1)
    book.close()
    return out.getvalue()
