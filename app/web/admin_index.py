"""/admin/search-index: whether the indexes of knowledge and of solved tickets are well, and having them made anew."""

from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import viewer
from app.core.errors import NotFound, Refused
from app.core.uow import unit_of_work
from app.kb import rebuilding, similar
from app.kb.index import current_index
from app.queries.audit import audit_rows
from app.web import words
from app.web.errors import words_of
from knowledge.index import Index

blueprint = Blueprint("admin_index", __name__, url_prefix="/admin/search-index")
PAGE = "/admin/search-index"
LATEST = 10
STATES = {"ready": _l("可以用"), "missing": _l("还没有建立"), "outdated": _l("旧了，照样能用"), "damaged": _l("坏了"), "away": _l("连不上")}

NAMES = {rebuilding.ARTICLES: _l("知识索引"), rebuilding.TICKETS: _l("工单索引")}
TEXTS = {
    rebuilding.ARTICLES: _l("门户、坐席和自动答复都从这里找知识。"),
    rebuilding.TICKETS: _l("坐席从这里找已解决的相似工单。"),
}


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.needs("index.rebuild")
def index() -> str:
    """How each index is, the rebuild that runs, and the last ones."""
    rows = [_row(which) for which in rebuilding.KINDS]
    return render_template(
        "admin/search_index.html",
        here="admin",
        rows=rows,
        busy=any(row["running"] for row in rows),
        last=[{"action": words.said(words.ACTIONS, row.action), "who": _("系统") if row.actor_kind == "system" else row.actor_name, "at": row.at,
               "documents": _many("tickets" in row.action, row.after) if row.after else ""}
              for row in audit_rows(action="index.", limit=LATEST).rows],
    )  # fmt: skip


def _row(which: str) -> dict[str, Any]:
    tickets = which == rebuilding.TICKETS
    health, running = _index(which).health(), rebuilding.now_running(which)
    return {
        "which": which,
        "name": str(NAMES[which]),
        "text": str(TEXTS[which]),
        "ok": health.ok,
        "usable": health.usable,
        "size": f"{_many(tickets, health.documents)} · {health.bytes / 1_000_000:.1f} MB",
        "state": str(STATES.get(health.state, health.state)),
        "detail": health.detail,
        "running": _running(running, tickets) if running else None,
    }


def _index(which: str) -> Index:
    return similar.house_index() if which == rebuilding.TICKETS else current_index()


def _many(tickets: bool, number: object) -> str:
    return _("工单 %(n)s 张", n=number) if tickets else _("%(n)s 篇", n=number)


def _running(row: rebuilding.Rebuilding, tickets: bool) -> dict[str, Any]:
    if row.total:
        said = f"{row.done} / {_many(tickets, row.total)}"
    else:
        said = _("正在开始") if row.running else _("等后台进程来做")
    return {"done": row.done, "total": row.total, "words": said, "asked_at": row.asked_at, "problem": row.problem}


@blueprint.post("/rebuild")
@viewer.needs("index.rebuild")
def rebuild() -> Response:
    """Ask for it; the worker does it."""
    which = request.form.get("which", rebuilding.ARTICLES)
    if which not in rebuilding.KINDS:
        raise NotFound()
    try:
        with unit_of_work():
            rebuilding.ask(viewer.current_actor(), which)
    except Refused as problem:
        flash(words_of(problem), "warn")
    return redirect(PAGE, 303)


def badge() -> dict[str, str] | None:
    """What the tile on /admin says where something is to be looked at."""
    if not viewer.current_actor().can("index.rebuild"):
        return None
    if any(rebuilding.now_running(which) for which in rebuilding.KINDS):
        return {"text": _("正在重建"), "tone": "info"}
    return None if all(_index(which).health().ok for which in rebuilding.KINDS) else {"text": _("有问题"), "tone": "bad"}
