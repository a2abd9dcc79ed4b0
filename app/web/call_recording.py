"""/desk/calls/<id>/recording: a recording for whoever may hear it, through us: its own address is on no page."""

import os

from flask import Blueprint, Flask, Response, abort, request, send_file
from werkzeug.wrappers import Response as AnyResponse

from app import viewer
from app.core.errors import Refused
from app.core.uow import unit_of_work
from app.web.desk_files import SEALED, deliver
from channels.base import SendFailed
from channels.calls import recordings

blueprint = Blueprint("call_recording", __name__)


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/desk/calls/<int(max=2147483647):call_id>/recording")
@viewer.needs("desk.use", "ticket.read")
def listen(call_id: int) -> AnyResponse:
    """From our own files, a folder of this machine, or the provider's server, whole or in the part that a player asks
    for. What cannot be had says why."""
    wanted = request.headers.get("Range", "")
    with unit_of_work():
        call = recordings.access_recording(viewer.current_actor(), call_id, begins=wanted in ("", "bytes=0-"))
    kept = recordings.kept_file(call)
    if kept is not None:
        return deliver(kept)
    try:
        source = recordings.source_of(call)
        response = _file(source) if source.path is not None else _passed_on(source, wanted)
    except Refused as problem:
        abort(409, description=problem.text(str))
    except (SendFailed, OSError) as problem:
        abort(502, description=str(problem))
    response.headers["Content-Security-Policy"] = SEALED
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _file(source: recordings.Source) -> Response:
    assert source.path is not None
    response = send_file(source.path, mimetype=source.mime, etag=False, max_age=0, conditional=False)
    size = os.path.getsize(source.path)
    response.content_length = size
    response.make_conditional(request.environ, accept_ranges=True, complete_length=size)
    return response


def _passed_on(source: recordings.Source, wanted: str) -> Response:
    """What the server answers, of its headers only those that a player needs."""
    answer = recordings.ask(source, wanted if wanted.startswith("bytes=") else "")
    response = Response(recordings.parts(answer), status=answer.status_code, content_type=source.mime)
    for name in ("Content-Length", "Content-Range", "Accept-Ranges"):
        if name in answer.headers:
            response.headers[name] = answer.headers[name]
    return response
