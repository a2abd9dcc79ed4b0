"""What came with messages: files, and mails as they looked, shown where they can do no harm."""

import nh3
from flask import Blueprint, Flask, make_response, render_template, request, send_file
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import viewer
from app.core.db import session
from app.core.errors import NotFound
from app.core.files import INLINE_TYPES, PLAYED_TYPES, StoredFile, open_file
from app.queries import timeline
from channels.models import Message

blueprint = Blueprint("desk_files", __name__)
SEALED = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
# Same origin, so that its own pictures may be fetched; no scripts, no forms, nothing from elsewhere.
MAIL = "sandbox allow-same-origin allow-popups; default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'"
_MAGIC = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}
_TAGS = frozenset(
    "a abbr b big blockquote br center code dd del div dl dt em font h1 h2 h3 h4 h5 h6 hr i img ins li ol p pre q s small "
    "span strike strong sub sup table tbody td tfoot th thead tr u ul".split()
)
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "table": {"width", "cellpadding", "cellspacing"},
    "td": {"colspan", "rowspan", "align", "valign"},
    "th": {"colspan", "rowspan", "align", "valign"},
}


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/desk/files/<int:file_id>")
@viewer.needs("desk.use", "ticket.read")
def file(file_id: int) -> Response:
    """A file of a message that the viewer may read: a download, or a picture whose first bytes are those of one."""
    return deliver(timeline.access_file(viewer.current_actor(), file_id))


def deliver(row: StoredFile) -> Response:
    """A kept file that the viewer may have: sealed, as a download unless it really is a picture or a recording."""
    with open_file(row) as content:
        begin = content.read(16)
        picture = row.mime in INLINE_TYPES and begin.startswith(_MAGIC[row.mime])
        played = row.mime in PLAYED_TYPES and _is_recording(row.mime, begin)
    # Opened again: gunicorn sends from where the system stands in the file, and a buffer reads ahead of what we read.
    response = send_file(
        open_file(row),
        mimetype=row.mime if picture or played else "application/octet-stream",
        as_attachment=not (picture or played),
        download_name=row.name,
        max_age=0,
        etag=False,
    )
    response.content_length = row.size
    response.headers["Content-Security-Policy"] = SEALED
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, max-age=3600"
    if played:  # a player jumps to where the listener wants to go on, and some play nothing without it
        response.make_conditional(request.environ, accept_ranges=True, complete_length=row.size)
    return response


def _is_recording(mime: str, begin: bytes) -> bool:
    """Whether the first bytes are those of the format that the file claims."""
    if mime == "audio/mpeg":
        return begin.startswith(b"ID3") or (begin[:1] == b"\xff" and len(begin) > 1 and begin[1] & 0xE0 == 0xE0)
    if mime.endswith("wav"):
        return begin.startswith(b"RIFF") and begin[8:12] == b"WAVE"
    if mime.endswith("mp4"):
        return begin[4:8] == b"ftyp"
    return begin.startswith(b"OggS" if mime == "audio/ogg" else b"\x1aE\xdf\xa3")


@blueprint.get("/desk/messages/<int:message_id>/mail")
@viewer.needs("desk.use", "ticket.read")
def html_mail(message_id: int) -> Response:
    """A mail as its writer laid it out, cleaned, on a sealed page of its own. Pictures of other hosts stay out."""
    message = timeline.access_message(viewer.current_actor(), message_id)
    if not message.html:
        raise NotFound()
    body, blocked = safe_html(message)
    response = make_response(render_template("desk/mail.html", message=message, body=body, blocked=blocked))
    response.headers["Content-Security-Policy"] = MAIL
    return response


def safe_html(message: Message) -> tuple[str, int]:
    """The cleaned HTML of a message, and how many pictures of other hosts were left out."""
    rows = session().scalars(select(StoredFile).where(StoredFile.owner == "message", StoredFile.owner_id == message.id))
    own = {row.content_id.strip("<>").lower(): f"/desk/files/{row.id}" for row in rows if row.content_id}
    blocked = 0

    def check(tag: str, attribute: str, value: str) -> str | None:
        nonlocal blocked
        if (tag, attribute) == ("img", "src"):
            if value.lower().startswith("cid:"):
                return own.get(value[4:].strip("<>").lower())
            blocked += 1
            return None
        return value

    html = nh3.clean(
        message.html or "",
        tags=set(_TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=check,
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return html, blocked
