"""What shows that work was done, as it comes from a phone: one piece at a time, again where the line broke, never twice."""

from datetime import UTC, datetime

from flask import Blueprint, Flask, flash, make_response, redirect, request, send_from_directory
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.assets import STATIC
from app.core.clock import now
from app.core.db import session
from app.core.errors import DeskError, Invalid, NotFound
from app.core.files import StoredFile
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.web import desk_answer as answer
from app.web import desk_files, order_show
from app.web.errors import field_errors, words_of
from app.web.orders import page_of
from workflows import order_service as service
from workflows.order_access import access_order
from workflows.orders_models import OrderEvidence, ServiceOrder

blueprint = Blueprint("order_proofs", __name__)


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.post("/orders/<int:number>/evidence")
@viewer.needs("order.read", "order.work")
def evidence(number: int) -> Response:
    """Keep a photo, a reading, a signature, a note. `client_id` makes sending again harmless."""
    actor = viewer.current_actor()
    access_order(actor, number)
    given = {name: answer.typed(name, 2000).strip() for name in ("kind", "text", "place", "client_id", "taken_at")}
    try:
        with unit_of_work():
            rows = _add_evidence(actor, access_order(actor, number), given)
    except DeskError as problem:
        session().rollback()
        if _by_script():
            said = " ".join([word for all_ in field_errors(problem).values() for word in all_]) or words_of(problem)
            return make_response({"message": said}, answer.status(problem))
        kept = {**given, "errors": field_errors(problem), "error": None if problem.errors else words_of(problem)}
        page = page_of(access_order(actor, number), kept)
        page.status_code = answer.status(problem)
        return page
    if _by_script():
        return make_response({"ids": [row.id for row in rows]}, 201)
    flash(_("凭证已收到"), "good")
    return redirect(f"/orders/{number}#evidence", 303)


def _by_script() -> bool:
    """Whether the phone's queue asks, which wants a short answer and no page."""
    return request.accept_mimetypes.best == "application/json"


def _add_evidence(actor: Actor, found: ServiceOrder, given: dict[str, str]) -> list[OrderEvidence]:
    """One piece, or one for each of several pictures. A checklist without a script comes as its ticked lines."""
    text, uploads = given["text"], [upload for upload in request.files.getlist("file") if upload.filename]
    if given["kind"] == "checklist" and not text:
        text = order_show.ticked(found, {clean(line) for line in request.form.getlist("done")})
    if len(uploads) > 20:
        raise Invalid.of("file", "一次最多 20 张。")  # data
    files = [(upload.read(), clean(upload.filename or "")) for upload in uploads] or [(None, "")]
    return [
        service.add_evidence(
            actor, found, kind=given["kind"], text=text, content=content, name=name, place=given["place"],
            client_id=(given["client_id"] + (f"-{n}" if n else "")) if given["client_id"] else None,
            taken_at=_taken(given["taken_at"]),
        )  # fmt: skip
        for n, (content, name) in enumerate(files)
    ]


def _taken(text: str) -> datetime | None:
    """When the phone says that it was taken, if that is a moment and none of the future."""
    try:
        moment = datetime.fromisoformat(text)
        return min(moment.astimezone(UTC), now()) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


@blueprint.get("/orders/worker.js")
@viewer.public
def worker() -> Response:
    """The script that keeps the pages of orders at hand without a line. It stands here because it may only serve what is
    below its own address."""
    response = send_from_directory(STATIC / "own", "order-worker.js", max_age=0)
    response.headers["Service-Worker-Allowed"] = "/orders"
    response.headers["Cache-Control"] = "public, no-cache"
    return response


@blueprint.get("/orders/<int:number>/files/<int:file_id>")
@viewer.needs("order.read")
def file(number: int, file_id: int) -> Response:
    """A file of an order that the viewer may read."""
    found = access_order(viewer.current_actor(), number)
    row = session().get(StoredFile, file_id)
    if row is None or (row.owner, row.owner_id) != ("order", found.id):
        raise NotFound()
    return desk_files.deliver(row)
