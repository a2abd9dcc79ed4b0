"""/api/v1/app/<slug>: what an app does for its user: write, read, mark as seen, rate, and register phones."""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from flask import abort, current_app, request, send_file
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from app import progress
from app.api.app_door import api as api
from app.api.app_door import enter
from app.api.app_shapes import (
    AppFile,
    AppMessage,
    AppMessageNew,
    AppMessages,
    AppMessagesArgs,
    AppRating,
    AppSeen,
    AppState,
    AppUnread,
    PushTokenAnswer,
    PushTokenNew,
    PushTokens,
    message_card,
)
from app.api.paging import cursor_at, opened
from app.core.db import session
from app.core.errors import Conflict, Invalid, NotFound
from app.core.files import StoredFile, open_file, put_bytes, store_file
from app.core.text import clean
from app.core.uow import unit_of_work
from app.viewer import public
from channels import app_users, receiving
from channels.app import external_id, packed
from channels.models import Account, Message, RawPayload
from channels.visitors import files_for_visitor
from channels.webchat_files import LARGEST, kind_of
from workflows import service as desk
from workflows.models import Ticket

SHOWABLE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "audio/mpeg", "video/mp4"})
SEALED = "sandbox; default-src 'none'"
UPLOADING = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
            }
        },
    },
    "responses": {status: HTTPStatus(int(status)).name for status in ("400", "413", "415", "422")},
}


@api.route("/<slug>")
@public
@api.response(200, AppState)
def state(slug: str) -> Any:
    """How much is unread, and the person's requests of this conversation."""
    account, user = enter(slug)
    conversation, lines = app_users.conversation_of(account, user), app_users.lines_of(account, user)
    tickets = _requests(lines)
    return {
        "account": account.slug,
        "conversation": conversation.id if conversation else None,
        "unread": app_users.unread(lines),
        "last_message_at": conversation.last_message_at if conversation else None,
        "requests": [
            {"number": t.number, "subject": t.subject, "state": t.state, "asks_rating": t.state == "following_up"} for t in tickets[:50]
        ],
    }


@api.route("/<slug>/messages")
@public
@api.arguments(AppMessagesArgs, location="query")
@api.response(200, AppMessages)
def read_messages(args: dict[str, Any], slug: str) -> Any:
    """What both sides said, oldest first. Keep `latest` and give it as `cursor` to read what came since."""
    account, user = enter(slug)
    cursor, after = args["cursor"], None
    if cursor:
        at, number = opened(cursor, 2)
        after = (datetime.fromisoformat(at), int(number))
    lines = app_users.lines_of(account, user)
    if not lines:
        return {"items": [], "next": None, "latest": cursor or None, "unread": 0}
    found = list(app_users.heard(lines, after, args["limit"] + 1))
    more, found = len(found) > args["limit"], found[: args["limit"]]
    latest = cursor or None
    if found:
        at, number = app_users.place_of(found[-1])
        latest = cursor_at([at.astimezone(UTC).isoformat(), number])
    files = files_for_visitor([m.id for m in found])
    return {
        "items": [message_card(m, files.get(m.id, ())) for m in found],
        "next": latest if more else None,
        "latest": latest,
        "unread": app_users.unread(lines),
    }


@api.route("/<slug>/messages", methods=["POST"])
@public
@api.arguments(AppMessageNew)
@api.response(201, AppMessage)
def say(fields: dict[str, Any], slug: str) -> Any:
    """Write to the desk. The same `client_msg_id` (or Idempotency-Key) with the same words is answered as the first time,
    with other words refused (409)."""
    account, user = enter(slug)
    text = fields.get("text", "").strip()
    if not text and not fields.get("files"):
        raise Invalid.of("text", _("写点内容。"))
    number = fields.get("client_msg_id") or request.headers.get("Idempotency-Key", "")[:100] or uuid.uuid4().hex
    number = "".join(clean(number).split())[:100] or uuid.uuid4().hex
    with unit_of_work():
        identity_id = app_users.introduce(user).id
    files = [_uploaded(identity_id, one) for one in dict.fromkeys(fields.get("files", ()))]
    raw = packed(user.value, number, text, item=fields.get("item", ""), files=files)
    message, again = _take(account, user.value, number, raw)
    headers = {"Idempotency-Replayed": "true"} if again else {}
    return message_card(message, files_for_visitor([message.id]).get(message.id, ())), headers


def _uploaded(identity_id: int, file_id: int) -> dict[str, str]:
    rows = select(StoredFile).where(StoredFile.id == file_id, StoredFile.owner == app_users.UPLOADED)
    row = session().scalar(rows.where(StoredFile.owner_id == identity_id))
    if row is None:
        raise Invalid.of("files", _("没有上传过这个文件。"))
    return {"sha256": row.sha256, "name": row.name, "mime": row.mime}


def _take(account: Account, user: str, number: str, raw: bytes) -> tuple[Message, bool]:
    """Keep the message once, and give it back with whether it was there before."""
    account_id, name = account.id, external_id(user, number)
    known = _kept(account_id, name)
    if known is not None and known.sha256 != hashlib.sha256(raw).hexdigest():
        raise Conflict(_("这个 client_msg_id 已经用于另一条消息。"))
    session().rollback()
    if known is None:
        try:
            receiving.accept_now(account_id, raw, source="app", dedup_key=name)
        except IntegrityError:  # the same message came twice at the same moment
            session().rollback()
            receiving.accept(account_id, raw, source="app", dedup_key=name)
    else:
        receiving.accept(account_id, raw, source="app", dedup_key=name)
    found = session().scalar(select(Message).where(Message.account_id == account_id, Message.external_id == name))
    if found is None:
        raise Conflict(_("这个 client_msg_id 已经用于另一条消息。"))
    return found, known is not None


def _kept(account_id: int, name: str) -> RawPayload | None:
    return session().scalar(select(RawPayload).where(RawPayload.account_id == account_id, RawPayload.dedup_key == name[:200]))


@api.route("/<slug>/seen", methods=["POST"])
@public
@api.arguments(AppSeen)
@api.response(200, AppUnread)
def seen(fields: dict[str, Any], slug: str) -> Any:
    """The app showed everything up to this message."""
    account, user = enter(slug)
    with unit_of_work():
        lines = app_users.lines_of(account, user)
        app_users.saw(lines, fields["last_id"])
        return {"unread": app_users.unread(lines)}


@api.route("/<slug>/ratings", methods=["POST"])
@public
@api.arguments(AppRating)
@api.response(204)
def rate(fields: dict[str, Any], slug: str) -> Any:
    """Answer whether a request is solved: solved closes it with the score, not solved gives it back to who had it."""
    account, user = enter(slug)
    with unit_of_work():
        ticket = _request(app_users.lines_of(account, user), fields["request"])
        actor, comment = progress.asker(ticket), fields.get("comment", "")
        rating = fields.get("rating")
        if fields["solved"]:
            if not progress.confirm_solved(actor, ticket, rating=rating, comment=comment):
                raise Conflict(_("这个请求现在不需要评价。"))
        elif not progress.deny_solved(actor, ticket, comment, uuid.uuid4().hex, rating=rating):
            raise Conflict(_("这个请求现在不需要评价。"))


def _requests(lines: Sequence[int]) -> list[Ticket]:
    """The requests of these conversations, the newest first."""
    found = {ticket.id: ticket for line in lines for ticket in desk.tickets_of_conversation(line)}
    return sorted(found.values(), key=lambda ticket: -ticket.id)


def _request(lines: Sequence[int], number: int) -> Ticket:
    found = next((t for t in _requests(lines) if t.number == number), None)
    if found is None:
        raise NotFound()
    return found


@api.route("/<slug>/files", methods=["POST"])
@public
@api.doc(**UPLOADING)
@api.response(201, AppFile)
def upload(slug: str) -> Any:
    """Upload one file as multipart/form-data, in the field `file`; name its id in a message within a day."""
    _account, user = enter(slug)
    if request.mimetype != "multipart/form-data":
        abort(415)
    given = request.files.get("file")
    content = given.read() if given is not None else b""
    if given is None or not content:
        raise Invalid.of("file", _("选一个文件。"))
    if len(content) > min(LARGEST, current_app.config["MAX_CONTENT_LENGTH"] or LARGEST):
        abort(413)
    mime = kind_of(content)
    if mime is None:
        raise Invalid.of("file", _("只能发图片、PDF、Office 文档和文本文件。"))
    put_bytes(content)  # on the disk before the unit of work begins
    with unit_of_work():
        identity_id = app_users.introduce(user).id
        return store_file(content, clean(given.filename or ""), mime, owner=app_users.UPLOADED, owner_id=identity_id)


@api.route("/<slug>/files/<int:file_id>")
@public
@api.doc(responses={"200": {"description": "the bytes", "content": {"application/octet-stream": {}, "image/*": {}, "application/pdf": {}, "audio/*": {}, "video/*": {}}}})
def read_file(slug: str, file_id: int) -> Response:
    """The bytes of a file, as a download."""
    account, user = enter(slug)
    row = app_users.access_app_file(account, user, file_id)
    mime = row.mime if row.mime in SHOWABLE else "application/octet-stream"
    response = send_file(open_file(row), mimetype=mime, as_attachment=True, download_name=row.name, max_age=0, etag=False)
    response.content_length = row.size
    response.headers["Content-Security-Policy"] = SEALED
    return response


@api.route("/<slug>/push-tokens")
@public
@api.response(200, PushTokens)
def list_push_tokens(slug: str) -> Any:
    """The phones of the person that are told about answers."""
    account, user = enter(slug)
    identity = app_users.identity_of(user)
    return {"items": app_users.phones_of(account.id, identity.id) if identity is not None else []}


@api.route("/<slug>/push-tokens", methods=["POST"])
@public
@api.arguments(PushTokenNew)
@api.response(201, PushTokenAnswer)
def register_push_token(fields: dict[str, Any], slug: str) -> Any:
    """Register this phone; again after each start does no harm. A phone belongs to who registered it last."""
    account, user = enter(slug)
    with unit_of_work() as s:
        identity = app_users.introduce(user)
        account = s.get_one(Account, account.id)
        return app_users.register_phone(account, identity, fields["platform"], fields["token"], fields.get("device", ""))


@api.route("/<slug>/push-tokens/<int:token_id>", methods=["DELETE"])
@public
@api.response(204)
def remove_push_token(slug: str, token_id: int) -> None:
    """No more pushes to this phone; call it when the person signs out."""
    account, user = enter(slug)
    with unit_of_work():
        identity = app_users.identity_of(user)
        if identity is None:
            raise NotFound()
        app_users.forget_phone(account, identity, token_id)
