"""Pictures and attachments of articles: taken in while an editor writes, and read by whoever may read the article."""

from typing import Any

from flask import Blueprint, Flask, make_response, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core.db import session
from app.core.errors import DeskError, Invalid
from app.core.text import clean
from app.core.uow import unit_of_work
from app.web.desk_files import deliver
from app.web.errors import field_errors, status_of, words_of
from app.web.portal import number_of
from app.web.security import limiter
from knowledge.access import access_editable
from knowledge.editing_models import ArticleFile
from knowledge.editing_rules import rules
from knowledge.files import access_file, add_file, address_of, listed
from knowledge.models import Revision

blueprint = Blueprint("knowledge_files", __name__)
MEGABYTE = 1024 * 1024


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.post("/knowledge/files")
@viewer.needs("article.write")
@limiter.limit("120 per minute")
def upload() -> Response:
    """Keep one file for an article (`article`), or in the basket of a new one; answers with JSON for the editor's script."""
    actor = viewer.current_actor()
    given = request.files.get("file")
    try:
        if given is None or not given.filename:
            raise Invalid.of("file", _("没有收到文件。"))
        content = given.read(max(rules().image_bytes, rules().file_bytes) + 1)
        number = number_of(request.form.get("article"))
        with unit_of_work():
            article = access_editable(actor, number) if number else None
            row = add_file(
                actor, content, clean(given.filename), given.mimetype, article=article, basket=request.form.get("basket", "")
            )
            answer = facts_of(row)
    except DeskError as problem:
        session().rollback()
        said = [word for words in field_errors(problem).values() for word in words]
        return make_response({"message": " ".join(said) or words_of(problem)}, status_of(problem))
    return make_response(answer, 201)


@blueprint.get("/articles/files/<int(max=2147483647):number>/<name>")
@viewer.public
def file(number: int, name: str) -> Response:
    """A file of an article that the viewer may read: a picture in its place, everything else as a download."""
    return deliver(access_file(viewer.current_actor(), number).file)


def facts_of(row: ArticleFile) -> dict[str, Any]:
    """A file as pages and the editor's script show it."""
    return {"id": row.id, "name": row.file.name, "url": address_of(row), "size": size_words(row.file.size), "image": row.is_image}


def attachments(revision: Revision | None) -> list[dict[str, Any]]:
    """What readers find at the end of an article."""
    return [facts_of(row) for row in listed(revision)]


def limits() -> dict[str, Any]:
    """What the editor's script refuses before it sends anything."""
    held = rules()
    kinds = " ".join(held.file_types)
    return {
        "image_mb": held.image_bytes // MEGABYTE,
        "file_mb": held.file_bytes // MEGABYTE,
        "accept": ",".join(["image/png,image/jpeg,image/gif,image/webp", *(f".{kind}" for kind in held.file_types)]),
        "words": _("图片最大 %(image)s MB，其他文件最大 %(file)s MB（%(kinds)s）。", image=held.image_bytes // MEGABYTE,
                   file=held.file_bytes // MEGABYTE, kinds=kinds),
    }  # fmt: skip


def size_words(size: int) -> str:
    """A size as people read it."""
    return f"{size / MEGABYTE:.1f} MB" if size >= MEGABYTE else f"{max(1, round(size / 1024))} KB"
