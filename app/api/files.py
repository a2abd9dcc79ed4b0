"""/api/v1/files: pictures that are uploaded before a step names them, and the files of orders and messages."""

from http import HTTPStatus
from typing import Any

from flask import abort, current_app, request, send_file, url_for
from flask_babel import gettext as _
from marshmallow import fields
from sqlalchemy import select
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from app.api.base import Resource
from app.api.fields import Answer, Moment
from app.core.db import session
from app.core.errors import Invalid, NotFound
from app.core.files import StoredFile, get_bytes, open_file, put_bytes, store_file
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.queries.messages import access_message_file
from app.viewer import current_actor, needs_one_of
from workflows.order_access import readable_orders
from workflows.order_service import LARGEST_FILE, picture_type
from workflows.orders_models import ServiceOrder

api = Resource("files", "Files: uploaded pictures, and what came with messages.", max_body=LARGEST_FILE + 64 * 1024)
UPLOAD = "upload"
SEALED = "sandbox; default-src 'none'"




class UploadAnswer(Answer):
    """An uploaded file: name its id in a step. Until then it is yours alone."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    size = fields.Integer(required=True)
    created_at = Moment(required=True)


UPLOADING = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    },
    "responses": {status: HTTPStatus(int(status)).name for status in ("400", "413", "415", "422")},
}


@api.route("", methods=["POST"])
@needs_one_of("order.work", "ticket.work")
@api.idempotent
@api.doc(**UPLOADING)
@api.response(201, UploadAnswer)
def upload() -> Any:
    """Upload one file as multipart/form-data, in the field `file`."""
    content, found = sent_file(LARGEST_FILE)
    put_bytes(content)  # they are on the disk before the unit of work begins
    actor = current_actor()
    with unit_of_work():
        row = store_file(content, clean(found.filename or ""), found.mimetype or "", owner=UPLOAD, owner_id=actor.id)
    return row, {"Location": url_for("api_files.read_file", file_id=row.id)}


def sent_file(most: int) -> tuple[bytes, FileStorage]:
    """The bytes of the one file that was sent, and what was said of it. Answers 413 and 415; raises Invalid on `file`."""
    if request.mimetype != "multipart/form-data":
        abort(415)
    found = request.files.get("file")
    content = found.read() if found is not None else b""
    if found is None or not content:
        raise Invalid.of("file", _("选一个文件。"))
    if len(content) > min(most, current_app.config["MAX_CONTENT_LENGTH"] or most):
        abort(413)
    return content, found


@api.route("/<int:file_id>")
@needs_one_of("order.read", "ticket.read")
@api.doc(responses={"200": {"description": "the bytes", "content": {"application/octet-stream": {}, "image/*": {}}}})
def read_file(file_id: int) -> Response:
    """The bytes of a file, as a download."""
    return as_download(access_file(current_actor(), file_id))


def as_download(row: StoredFile) -> Response:
    """The bytes, sealed off from the browser that may show them."""
    with open_file(row) as content:
        kind = picture_type(content.read(16)) or "application/octet-stream"
    response = send_file(open_file(row), mimetype=kind, as_attachment=True, download_name=row.name, max_age=0, etag=False)
    response.content_length = row.size
    response.headers["Content-Security-Policy"] = SEALED
    return response


def access_file(actor: Actor, file_id: int) -> StoredFile:
    """A file that is the actor's own, of an order or of a message that they may read; raises NotFound."""
    row = session().get(StoredFile, file_id) if 0 < file_id < 2**31 else None
    if row is not None and row.owner == UPLOAD and row.owner_id == actor.id and actor.kind == "user":
        return row
    if row is not None and row.owner == "order":
        if session().scalar(readable_orders(actor).where(ServiceOrder.id == row.owner_id)) is not None:
            return row
    if row is not None and row.owner == "message" and actor.can("ticket.read"):
        return access_message_file(actor, row)
    raise NotFound()


def read_upload(actor: Actor, file_id: int, field: str) -> tuple[str, bytes]:
    """Name and bytes of a file that the actor uploaded. Raises Invalid on `field` for any other."""
    rows = select(StoredFile).where(StoredFile.id == file_id, StoredFile.owner == UPLOAD, StoredFile.owner_id == actor.id)
    row = session().scalar(rows)
    if row is None:
        raise Invalid.of(field, _("没有上传过这个文件。"))
    return row.name, get_bytes(row.sha256)
