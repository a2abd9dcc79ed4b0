"""What the mobile-app API takes and gives."""

from collections.abc import Sequence
from typing import Any

from marshmallow import fields

from app.api.fields import Answer, ApiSchema, Choice, Moment, QueryWhole, Rows, Text, Whole, Yes
from app.api.paging import DEFAULT_LIMIT, MAX_LIMIT
from app.core.files import StoredFile
from channels.app import LONGEST
from channels.app_models import PLATFORMS
from channels.models import Message

MOST_FILES = 10
SHOWN_META = ("title", "text", "description", "url", "head", "items", "tail", "lat", "lng", "label")


class AppAuthor(Answer):
    """Who wrote: the user themselves, somebody of the desk, or the house."""

    type = fields.String(required=True, metadata={"enum": ["user", "agent", "system"]})
    name = fields.String(required=True)


class AppFile(Answer):
    """A file; fetch it at files/{id}."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    size = fields.Integer(required=True)
    mime = fields.String(required=True)


class AppMessage(Answer):
    """One message. `details` holds what a menu, card, link or place has beside its text."""

    id = fields.Integer(required=True)
    client_msg_id = fields.String(required=True, allow_none=True)
    author = fields.Nested(AppAuthor, required=True)
    kind = fields.String(required=True)
    text = fields.String(required=True)
    details = fields.Dict(keys=fields.String(), required=True)
    files = fields.List(fields.Nested(AppFile), required=True)
    created_at = Moment(required=True)
    seen_at = Moment(required=True, allow_none=True, metadata={"description": "when the app showed it; of our messages only"})


class AppMessages(Answer):
    """A page, oldest first. `next` is null when this was all; `latest` always leads behind the last message that was
    given, for the next look."""

    items = fields.List(fields.Nested(AppMessage), required=True)
    next = fields.String(required=True, allow_none=True)
    latest = fields.String(required=True, allow_none=True)
    unread = fields.Integer(required=True)


class AppMessagesArgs(ApiSchema):
    limit = QueryWhole(1, MAX_LIMIT, load_default=DEFAULT_LIMIT)
    cursor = fields.String(load_default="", validate=lambda value: len(value) <= 500)


class AppMessageNew(ApiSchema):
    """Text, files, or both. `client_msg_id` names the message; sent again under the same, nothing new happens. Without one
    the Idempotency-Key is taken. `item`: the id of a menu's item that was chosen, with its words as text."""

    text = Text(LONGEST)
    client_msg_id = Text(100, shortest=1)
    item = Text(128)
    files = Rows(Whole(1), MOST_FILES, metadata={"description": "ids of uploaded files"})


class AppRequest(Answer):
    """One of the person's requests of this conversation."""

    number = fields.Integer(required=True)
    subject = fields.String(required=True)
    state = fields.String(required=True)
    asks_rating = fields.Boolean(required=True, metadata={"description": "we asked whether it is solved; answer at ratings"})


class AppState(Answer):
    """What an app shows before the conversation is opened."""

    account = fields.String(required=True)
    conversation = fields.Integer(required=True, allow_none=True)
    unread = fields.Integer(required=True)
    last_message_at = Moment(required=True, allow_none=True)
    requests = fields.List(fields.Nested(AppRequest), required=True)


class AppSeen(ApiSchema):
    last_id = Whole(1, required=True, metadata={"description": "id of the last message that was shown"})


class AppUnread(Answer):
    """How many of our messages were not shown yet."""

    unread = fields.Integer(required=True)


class AppRating(ApiSchema):
    """Whether a request is solved, and how it went."""

    request = Whole(1, required=True, metadata={"description": "its number"})
    solved = Yes(required=True)
    rating = Whole(1, 5, allow_none=True)
    comment = Text(2000)


class PushTokenNew(ApiSchema):
    platform = Choice(PLATFORMS, required=True)
    token = Text(500, shortest=1, required=True)
    device = Text(120, metadata={"description": "a name that the person knows the phone by"})


class PushTokenAnswer(Answer):
    """A phone that is told about answers. The token itself is not given back."""

    id = fields.Integer(required=True)
    platform = fields.String(required=True)
    device = fields.String(required=True)
    registered_at = Moment(required=True)


class PushTokens(Answer):
    """All phones of the person."""

    items = fields.List(fields.Nested(PushTokenAnswer), required=True)


def message_card(message: Message, files: Sequence[StoredFile]) -> dict[str, Any]:
    """A message as the app shows it; one that was taken back says nothing."""
    ours = message.direction == "out"
    kind = ("agent" if message.author_kind == "user" else "system") if ours else "user"
    return {
        "id": message.id,
        "client_msg_id": None if ours else message.external_id.partition(":")[2],
        "author": {"type": kind, "name": message.author_name if kind == "agent" else ""},
        "kind": message.kind,
        "text": message.visible_text,
        "details": {name: message.meta[name] for name in SHOWN_META if name in message.meta},
        "files": list(files),
        "created_at": message.sent_at if ours and message.sent_at else message.created_at,
        "seen_at": message.seen_at if ours else None,
    }
