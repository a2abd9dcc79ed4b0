"""/admin/search-index: whether the index of knowledge is well, and having it made anew."""

from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import viewer
from app.core.errors import Refused
from app.core.uow import unit_of_work
from app.kb import rebuilding
from app.kb.index import current_index
from app.queries.audit import audit_rows
from app.web import words
from app.web.errors import words_of

blueprint = Blueprint("admin_index", __name__, url_prefix="/admin/search-index")
PAGE = "/admin/search-index"
LATEST = 10
STATES = {"ready": _l("可以用"), "missing": _l("还没有建立"), "outdated": _l("旧了，照样能用"), "damaged": _l("坏了"), "away": _l("连不上")}


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.needs("index.rebuild")
def index() -> str:
    """How the index is, the rebuild that runs, and the last ones."""
    health, running = current_index().health(), rebuilding.now_running()
    return render_template(
        "admin/search_index.html",
        here="admin",
        health={"ok": health.ok, "usable": health.usable, "documents": health.documents, "bytes": health.bytes,
                "state": str(STATES.get(health.state, health.state)), "detail": health.detail},
        running=_running(running) if running else None,
        last=[{"action": words.said(words.ACTIONS, row.action), "who": _("系统") if row.actor_kind == "system" else row.actor_name, "at": row.at, "documents": row.after or ""}
              for row in audit_rows(action="index.", limit=LATEST).rows],
    )  # fmt: skip


def _running(row: rebuilding.Rebuilding) -> dict[str, Any]:
    if row.total:
        said = _("%(done)s / %(total)s 篇", done=row.done, total=row.total)
    else:
        said = _("正在开始") if row.running else _("等后台进程来做")
    return {"done": row.done, "total": row.total, "words": said, "asked_at": row.asked_at, "problem": row.problem}


@blueprint.post("/rebuild")
@viewer.needs("index.rebuild")
def rebuild() -> Response:
    """Ask for it; the worker does it."""
    try:
        with unit_of_work():
            rebuilding.ask(viewer.current_actor())
    except Refused as problem:
        flash(words_of(problem), "warn")
    return redirect(PAGE, 303)


def badge() -> dict[str, str] | None:
    """What the tile on /admin says where something is to be looked at."""
    if not viewer.current_actor().can("index.rebuild"):
        return None
    if rebuilding.now_running() is not None:
        return {"text": _("正在重建"), "tone": "info"}
    return None if current_index().health().ok else {"text": _("有问题"), "tone": "bad"}
