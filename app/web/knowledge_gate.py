"""/knowledge/gate: which documents a release must have, for all products or for one category."""

from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core.db import session
from app.core.errors import Invalid, NotFound
from app.core.uow import unit_of_work
from app.web.errors import status_of, words_of
from app.web.knowledge import KIND_WORDS
from knowledge import gate
from knowledge.gate import Requirement, details_of

blueprint = Blueprint("knowledge_gate", __name__, url_prefix="/knowledge/gate")
SPARE = 2


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.needs("article.publish")
def index() -> str:
    """The list of one category, or of all products that have none of their own."""
    return _page(request.args.get("category", "")[:60])


@blueprint.post("")
@viewer.needs("article.publish")
def save() -> Response | tuple[str, int]:
    """Write the list; `reset` goes back to the general or the shipped one."""
    form = request.form
    category = form.get("category", "")[:60]
    wanted = [] if "reset" in form else _wanted()
    try:
        with unit_of_work():
            gate.set_requirements(viewer.current_actor(), category, wanted)
    except Invalid as problem:
        session().rollback()
        return _page(category, wanted, words_of(problem)), status_of(problem)
    flash(_("已保存。准备中的版本马上按新的清单检查。"), "good")
    return redirect("/knowledge/gate?" + urlencode({"category": category}), 303)


def _wanted() -> list[Requirement]:
    """The rows of the form that have a name; a row whose name was emptied is gone."""
    form = request.form
    found = []
    for place in range(min(form.get("rows", 0, int), gate.MOST_REQUIREMENTS + SPARE)):
        name = form.get(f"name-{place}", "").strip()
        if name:
            code = form.get(f"code-{place}", "") or "doc-" + sha256(name.encode()).hexdigest()[:10]
            words = form.get(f"words-{place}", "").replace("、", ",").replace("，", ",").split(",")
            found.append(details_of({"code": code, "name": name, "kinds": form.getlist(f"kinds-{place}"), "words": words}))
    return found


def _page(category: str, wanted: list[Requirement] | None = None, error: str = "") -> str:
    known = gate.categories()
    if category and category not in known:
        raise NotFound()
    rows = wanted if wanted is not None else gate.requirements_of(category)
    own = gate.has_own_list(category)
    blank = [Requirement("", "", ("howto",))] * SPARE
    tabs = [{"key": name, "label": name or _("所有产品"), "url": "/knowledge/gate?" + urlencode({"category": name}), "here": name == category} for name in ["", *known]]
    kinds: list[dict[str, Any]] = [{"value": key, "label": str(words)} for key, words in KIND_WORDS.items()]
    return render_template(
        "knowledge/gate.html",
        here="knowledge",
        category=category,
        tabs=tabs,
        rows=[{"code": r.code, "name": _(r.name) if r.name and not own and wanted is None else r.name, "kinds": r.kinds, "words": "、".join(r.words)} for r in [*rows, *blank]],
        kinds=kinds,
        own=own,
        error=error,
    )
