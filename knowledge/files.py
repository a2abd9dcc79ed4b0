"""Pictures and attachments of articles: who may add them, what is accepted, and who may read them.

A file has the audience of its article: its readers are those who may read the article, and only once the revision that
shows or lists it is published. Guessing its number is of no use.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, NotFound
from app.core.files import INLINE_TYPES, safe_name, store_file
from app.core.permissions import Actor, require
from app.core.pictures import without_traces
from app.core.text import clean
from knowledge.access import access_article, access_editable, may_edit
from knowledge.editing_models import ArticleFile, RevisionFile
from knowledge.editing_rules import rules
from knowledge.models import Article, Revision

FOLDER = "/articles/files/"
BASKET_LIVES = timedelta(days=3)
MOST_FILES = 40
_OWN = re.compile(re.escape(FOLDER) + r"(\d{1,9})(?:/|$|[?#\s)])")
_MAGIC = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}
_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp"}


def address_of(file: ArticleFile) -> str:
    """Where the file is read; the name is for people and downloads, the number finds it."""
    name = re.sub(r"[^\w.-]+", "-", file.file.name).strip("-.") or "file"
    return f"{FOLDER}{file.id}/{name}"


def numbers_in(body: str) -> set[int]:
    """The numbers of the files that a text shows or links to."""
    return {int(found[1]) for found in _OWN.finditer(body)}


def picture_type(content: bytes) -> str:
    """The type of a picture by its first bytes; empty for what is none that a page shows."""
    for mime, begins in _MAGIC.items():
        if content.startswith(begins) and (mime != "image/webp" or content[8:12] == b"WEBP"):
            return mime
    return ""


def as_kept(content: bytes) -> bytes:
    """What is kept of a file's bytes: of a picture only what shows it."""
    return without_traces(content) if picture_type(content) else content


def strip_picture(row: ArticleFile, content: bytes, stripped: bytes) -> bool:
    """The picture's row names its stripped bytes, which are on the disk already; its address stays. False when it no
    longer holds `content`. In a unit of work."""
    stored = row.file
    if stored.sha256 != hashlib.sha256(content).hexdigest():
        return False
    stored.sha256, stored.size = hashlib.sha256(stripped).hexdigest(), len(stripped)
    session().flush()
    return True


def add_file(actor: Actor, content: bytes, name: str, mime: str, *, article: Article | None, basket: str = "") -> ArticleFile:
    """Keep a picture or attachment for an article, or in the basket of one that is not saved yet. Its bytes decide
    whether it is a picture; of a picture only what shows it is kept. Raises Invalid on field `file`."""
    require(actor, "article.write")
    if article is not None and not may_edit(actor, article):
        raise NotFound()
    if article is None and not re.fullmatch(r"[\w-]{16,40}", basket):
        raise Invalid.of("file", "这一页放得太久，请刷新后再传。")
    picture, limits = picture_type(content), rules()
    name = safe_name(clean(name))
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if not content:
        raise Invalid.of("file", "「%(name)s」是空的。", name=name)
    largest = limits.image_bytes if picture else limits.file_bytes
    if len(content) > largest:
        raise Invalid.of("file", "「%(name)s」太大，最多 %(n)s MB。", name=name, n=largest // (1024 * 1024))
    if not picture and (ending not in limits.file_types or mime in INLINE_TYPES):
        raise Invalid.of("file", "「%(name)s」这种文件不能传。可以传图片和 %(kinds)s。", name=name, kinds=" ".join(limits.file_types))
    here = ArticleFile.article_id == article.id if article is not None else ArticleFile.basket == basket
    if article is None and len(session().scalars(select(ArticleFile.id).where(here)).all()) >= MOST_FILES:
        raise Invalid.of("file", "一次最多传 %(n)s 个文件，先保存草稿再继续。", n=MOST_FILES)
    content = as_kept(content)
    if picture and ending not in ("png", "jpg", "jpeg", "gif", "webp"):
        name = f"{name}.{_ENDINGS[picture]}"
    stored = store_file(content, name, picture or mime, owner="article_file")
    row = ArticleFile(
        article_id=article.id if article else None, basket="" if article else basket, file_id=stored.id, is_image=bool(picture),
        uploaded_by_id=actor.id, uploaded_by=actor.name[:80],
    )  # fmt: skip
    session().add(row)
    session().flush()
    stored.owner_id = row.id
    session().flush()
    return row


def adopt(actor: Actor, article: Article, basket: str) -> None:
    """A new article takes over what its writer put into the basket."""
    if not basket:
        return
    rows = select(ArticleFile).where(
        ArticleFile.basket == basket, ArticleFile.article_id.is_(None), ArticleFile.uploaded_by_id == actor.id
    )
    for row in session().scalars(rows):
        row.article_id, row.basket = article.id, ""
    session().flush()


def access_file(actor: Actor, number: int) -> ArticleFile:
    """The file, when it is the actor's to read; raises NotFound."""
    row = session().get(ArticleFile, number) if 0 < number < 2**31 else None
    if row is None:
        raise NotFound()
    if row.article_id is None:
        if actor.kind == "user" and actor.id == row.uploaded_by_id and actor.can("article.write"):
            return row
        raise NotFound()
    article = access_article(actor, row.article_id)
    if may_edit(actor, article) or is_live(row, article):
        return row
    raise NotFound()


def is_live(row: ArticleFile, article: Article) -> bool:
    """Whether what readers see of the article shows, links or lists the file."""
    return row.id in shown_ids(article)


def shown_ids(article: Article) -> set[int]:
    """The numbers of the files that readers see of an article."""
    revision = article.current
    if article.state != "published" or revision is None:
        return set()
    return numbers_in(revision.body) | set(listed_ids(revision))


def listed_ids(revision: Revision | None) -> tuple[int, ...]:
    """The numbers of the attachments that a revision lists, in their order."""
    if revision is None:
        return ()
    rows = select(RevisionFile.article_file_id).where(RevisionFile.revision_id == revision.id)
    return tuple(session().scalars(rows.order_by(RevisionFile.place)))


def listed(revision: Revision | None) -> list[ArticleFile]:
    """The attachments that a revision lists, in their order."""
    if revision is None:
        return []
    rows = select(RevisionFile).where(RevisionFile.revision_id == revision.id).order_by(RevisionFile.place)
    return [row.article_file for row in session().scalars(rows)]


def list_files(revision: Revision, numbers: Sequence[int]) -> None:
    """Write down what a new revision lists at its end: files of its own article. Raises Invalid on field `files`."""
    numbers = tuple(dict.fromkeys(numbers))
    rows = select(ArticleFile.id).where(ArticleFile.id.in_(numbers), ArticleFile.article_id == revision.article_id)
    if numbers and set(session().scalars(rows)) != set(numbers):
        raise Invalid.of("files", "有的附件已不在，请重新传。")
    for place, number in enumerate(numbers):
        session().add(RevisionFile(revision_id=revision.id, article_file_id=number, place=place))
    session().flush()


def in_hand(actor: Actor, numbers: Iterable[int], article: Article | None, basket: str) -> list[ArticleFile]:
    """Those of these files that belong to the article, or lie in the actor's basket: what a form shows again."""
    order = list(dict.fromkeys(numbers))
    rows = select(ArticleFile).where(ArticleFile.id.in_(order))
    if article is not None:
        rows = rows.where(ArticleFile.article_id == access_editable(actor, article.id).id)
    else:
        rows = rows.where(ArticleFile.article_id.is_(None), ArticleFile.basket == basket, ArticleFile.uploaded_by_id == actor.id)
    return sorted(session().scalars(rows), key=lambda row: order.index(row.id))


def forget_baskets() -> int:
    """Drop the files whose article was never saved; their bytes are swept with others. Returns how many."""
    old = (ArticleFile.article_id.is_(None), ArticleFile.created_at < now() - BASKET_LIVES)
    rows = list(session().scalars(select(ArticleFile).where(*old).limit(1000)))
    for row in rows:
        session().delete(row)
        session().flush()
        session().delete(row.file)
    session().flush()
    return len(rows)
