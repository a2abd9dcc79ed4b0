"""/api/v1/articles/{id}/files: the pictures and attachments of an article."""

from typing import Any

from flask import url_for
from marshmallow import fields
from sqlalchemy import select
from werkzeug.wrappers import Response

from app.api.base import Resource
from app.api.fields import Answer, Moment
from app.api.files import UPLOADING, as_download, sent_file
from app.api.paging import PageArgs, listing, page_of
from app.core.errors import NotFound
from app.core.files import put_bytes
from app.core.text import clean
from app.core.uow import unit_of_work
from app.viewer import current_actor, needs
from knowledge.access import access_article, access_editable, may_edit
from knowledge.editing_models import ArticleFile
from knowledge.editing_rules import rules
from knowledge.files import access_file, add_file, address_of, as_kept, listed_ids, shown_ids
from knowledge.models import Article

api = Resource("article_files", "Pictures and attachments of articles.", max_body=None, under="articles")


class ArticleFileAnswer(Answer):
    """A picture or attachment. `listed`: it stands at the end of the article; `address` is what a text shows or links to."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    type = fields.String(required=True)
    size = fields.Integer(required=True)
    picture = fields.Boolean(required=True)
    listed = fields.Boolean(required=True)
    address = fields.String(required=True)
    created_at = Moment(required=True)


def facts_of(row: ArticleFile, listed: bool) -> dict[str, Any]:
    """A file as the API names it."""
    return {
        "id": row.id, "name": row.file.name, "type": row.file.mime, "size": row.file.size, "picture": row.is_image,
        "listed": listed, "address": address_of(row), "created_at": row.created_at,
    }  # fmt: skip


@api.route("/<int:article_id>/files")
@needs()
@api.arguments(PageArgs, location="query")
@api.response(200, listing(ArticleFileAnswer))
def list_files(args: dict[str, Any], article_id: int) -> Any:
    """The files of an article that you may fetch: what its published text shows, links or lists; all of them for whoever may
    change it."""
    actor = current_actor()
    article = access_article(actor, article_id)
    rows = select(ArticleFile).where(ArticleFile.article_id == article.id)
    changeable = may_edit(actor, article)
    if not changeable:
        rows = rows.where(ArticleFile.id.in_(shown_ids(article)))
    page = page_of(rows, args, [ArticleFile.id])
    newest = (article.draft if changeable else None) or article.current
    listed = set(listed_ids(newest))
    return {**page, "items": [facts_of(row, row.id in listed) for row in page["items"]]}


@api.route("/<int:article_id>/files", methods=["POST"])
@needs("article.write")
@api.idempotent
@api.doc(**UPLOADING)
@api.response(201, ArticleFileAnswer)
def upload(article_id: int) -> Any:
    """Upload one file as multipart/form-data, in the field `file`. Nobody reads it before a published text shows it, or lists
    it: name it in the text by its address, or its id in `files` of the article."""
    actor, limits = current_actor(), rules()
    access_editable(actor, article_id)
    content, found = sent_file(max(limits.image_bytes, limits.file_bytes))
    put_bytes(as_kept(content))  # they are on the disk before the unit of work begins
    with unit_of_work():
        article: Article = access_editable(actor, article_id)
        row = add_file(actor, content, clean(found.filename or ""), found.mimetype or "", article=article)
        answer = facts_of(row, False)
    return answer, {"Location": url_for("api_article_files.read_file", article_id=article_id, file_id=answer["id"])}


@api.route("/<int:article_id>/files/<int:file_id>")
@needs()
@api.doc(responses={"200": {"description": "the bytes", "content": {"application/octet-stream": {}, "image/*": {}}}})
def read_file(article_id: int, file_id: int) -> Response:
    """The bytes of a file, as a download."""
    row = access_file(current_actor(), file_id)
    if row.article_id != article_id:
        raise NotFound()
    return as_download(row.file)
