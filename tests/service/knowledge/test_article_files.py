"""Files of articles: who reads them, to which text they belong, and what is refused."""

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import func, select

from app.core.clock import frozen, now
from app.core.db import session
from app.core.errors import Invalid, NotFound
from app.core.files import StoredFile, get_bytes
from app.core.permissions import NOBODY, Actor
from app.core.uow import unit_of_work
from knowledge import editing_rules, files, lifecycle, service
from knowledge.editing_models import ArticleFile
from knowledge.models import Article
from knowledge.service import Content

from .conftest import Market

Write = Callable[..., Article]
MakeActor = Callable[..., Actor]
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20
BASKET = "basket-of-one-form-1"


def upload(actor: Actor, article: Article | None, content: bytes = PNG, name: str = "a.png", mime: str = "image/png", basket: str = "") -> ArticleFile:
    with unit_of_work():
        return files.add_file(actor, content, name, mime, article=article, basket=basket)


def readable(actor: Actor, row: ArticleFile) -> bool:
    try:
        return files.access_file(actor, row.id).id == row.id
    except NotFound:
        return False


def test_a_picture_is_read_by_the_readers_of_what_shows_it(write: Write, actor: MakeActor, market: Market) -> None:
    editor, agent = actor("editor"), actor("agent")
    article = write("换滤棉", "旧的正文", level="agent")
    picture = upload(editor, article)
    with unit_of_work():
        service.revise(editor, article, Content("换滤棉", f"![滤棉]({files.address_of(picture)})"))
    assert readable(editor, picture)
    assert not readable(agent, picture), "the revision that shows it is no more than a draft"
    with unit_of_work():
        lifecycle.publish(editor, article)
    assert readable(agent, picture)
    assert not readable(NOBODY, picture) and not readable(actor("client", organisation=market.chenghu), picture)
    with unit_of_work():
        lifecycle.retire(editor, article, "旧了")
    assert not readable(agent, picture)
    with pytest.raises(NotFound):
        files.access_file(editor, picture.id + 1)


def test_attachments_belong_to_a_revision_and_come_back_with_it(write: Write, actor: MakeActor) -> None:
    editor = actor("editor")
    article = write("接线")
    row = upload(editor, article, b"%PDF-1.4", "接线图.pdf", "application/pdf")
    with unit_of_work():
        service.revise(editor, article, Content("接线", "见附件", files=(row.id,)))
        lifecycle.publish(editor, article)
    assert files.listed_ids(article.current) == (row.id,) and readable(NOBODY, row)
    with unit_of_work():
        service.revise(editor, article, Content("接线", "写法变了"))
    assert files.listed_ids(article.draft) == (row.id,), "who says nothing of attachments keeps them"
    with unit_of_work():
        service.revise(editor, article, Content("接线", "不要附件了", files=()))
        lifecycle.publish(editor, article)
    assert files.listed_ids(article.current) == () and not readable(NOBODY, row)
    with unit_of_work():
        service.restore_revision(editor, article, 2, comment="附件还要")
    assert files.listed_ids(article.draft) == (row.id,)
    assert article.draft is not None and article.draft.comment.endswith("附件还要")


def test_a_basket_is_its_writers_alone(actor: MakeActor) -> None:
    writer, other = actor("editor"), actor("editor")
    mine = upload(writer, None, basket=BASKET)
    theirs = upload(other, None, basket=BASKET)
    assert readable(writer, mine) and not readable(other, mine) and not readable(NOBODY, mine)
    with unit_of_work():
        article = service.draft_article(writer, Content("新的一篇", f"![图]({files.address_of(mine)})"), basket=BASKET)
    session().expire_all()
    assert (mine.article_id, theirs.article_id) == (article.id, None)
    with pytest.raises(Invalid), unit_of_work():
        service.revise(writer, article, Content("新的一篇", "正文", files=(theirs.id,)))
    with frozen(now() + files.BASKET_LIVES + timedelta(hours=1)):
        with unit_of_work():
            assert files.forget_baskets() == 1
    assert session().scalar(select(func.count()).select_from(StoredFile)) == 1


@pytest.mark.parametrize(
    ("content", "name", "mime"),
    [
        (b"<svg onload='x'/>", "a.svg", "image/svg+xml"),
        (b"<script>x</script>", "a.html", "text/html"),
        (b"<script>x</script>", "a.png", "image/png"),
        (b"", "a.pdf", "application/pdf"),
        (b"MZ", "a.exe", "application/octet-stream"),
        (b"x", "pdf", "application/pdf"),
        (PNG + b"0" * 2048, "a.png", "image/png"),
    ],
)
def test_what_is_no_picture_and_no_document_is_refused(app: Flask, actor: MakeActor, write: Write, content: bytes, name: str, mime: str) -> None:
    editing_rules.use_rules(image_bytes=1024, file_bytes=1024)
    article = write("题目")
    with pytest.raises(Invalid) as refused:
        upload(actor("editor"), article, content, name, mime)
    assert "file" in refused.value.errors


def test_a_suppliers_author_gives_files_to_own_articles_alone(write: Write, actor: MakeActor, market: Market) -> None:
    author = actor("author", organisation=market.hongkong)
    own, foreign = write("自己的", product_ids=(market.drive.id,)), write("别人的", product_ids=(market.gateway.id,))
    assert upload(author, own).article_id == own.id
    with pytest.raises(NotFound):
        upload(author, foreign)


def test_a_picture_is_kept_without_what_the_camera_wrote(write: Write, actor: MakeActor) -> None:
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "SECRET-MAKER"
    Image.new("RGB", (8, 6), (200, 30, 30)).save(out, "JPEG", exif=exif, comment=b"SECRET-PLACE")
    row = upload(actor("editor"), write("换滤棉", "正文"), out.getvalue(), "IMG_1.jpg", "image/jpeg")
    kept = get_bytes(row.file.sha256)
    assert b"SECRET" in out.getvalue() and b"SECRET" not in kept and row.file.size == len(kept)
    with Image.open(io.BytesIO(kept)) as found:
        assert dict(found.getexif()) == {0x0112: 6}
