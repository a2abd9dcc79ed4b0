"""Must-read articles: asked by an editor, confirmed by each colleague at the desk, and who has not is a list."""

from datetime import date
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import viewer
from app.core.clock import now
from app.core.db import session
from app.core.errors import DeskError, Invalid, NotFound
from app.core.people import Team
from app.core.permissions import ROLES
from app.core.uow import unit_of_work
from app.kb.loop_told import remind_to_read
from app.web.errors import field_errors, status_of, words_of
from app.web.i18n import local
from app.web.knowledge import ONE
from app.web.portal import number_of
from app.web.written import name_of
from knowledge import release_news
from knowledge.access import access_editable
from knowledge.loop import must_read
from knowledge.loop_models import MustRead
from knowledge.models import Article

blueprint = Blueprint("must_read", __name__, url_prefix="/knowledge")


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)
    flask.jinja_env.globals["desk_notes"] = desk_notes


def desk_notes(most: int = 3) -> dict[str, Any]:
    """What the desk quietly says at its top: articles to be read, answers to what one had found wrong, new releases. The list
    of knowledge says it too, for those who have no desk, and names every article."""
    actor = viewer.current_actor()
    today = local(now()).date()
    asked, answers, released = must_read.waiting(actor) if actor.kind == "user" else (False, 0, False)
    rows = must_read.owed(actor) if asked else []
    return {
        "must_read": [
            {"id": row.id, "title": row.article.title, "url": f"/knowledge/{row.article_id}", "due_on": row.due_on, "overdue": row.due_on < today,
             "note": row.note}
            for row in rows[:most]
        ],
        "more": max(0, len(rows) - most),
        "answers": answers,
        "releases": [
            {"name": gate.label, "at": gate.published_at, "url": f"/products/{gate.release.product.code}", "seen_url": f"/desk/releases/{gate.id}/seen"}
            for gate in (release_news.noted(actor) if released else [])
        ],
    }  # fmt: skip


@blueprint.get(f"{ONE}/must-read")
@viewer.needs("article.publish")
def page(article_id: int) -> str:
    """Who has read it, who has not, and asking for it."""
    return _page(access_editable(viewer.current_actor(), article_id), {})


def _page(article: Article, errors: dict[str, list[str]]) -> str:
    chosen = {"roles": request.form.getlist("roles"), "teams": [number_of(n) for n in request.form.getlist("teams")]}
    teams = session().scalars(select(Team).order_by(Team.name))
    return render_template(
        "knowledge/must_read.html",
        here="knowledge",
        article={"id": article.id, "title": article.title, "url": f"/knowledge/{article.id}", "published": article.state == "published"},
        asked=[_asked(row) for row in must_read.asked_for(article.id)],
        errors=errors,
        fields=[
            {"name": "roles", "label": _("哪些角色"), "kind": "checkboxes", "required": False, "value": chosen["roles"], "errors": errors.get("roles"),
             "options": [{"value": r, "label": _(ROLES[r][0])} for r in must_read.READERS]},
            {"name": "teams", "label": _("哪些团队"), "kind": "checkboxes", "required": False, "value": chosen["teams"],
             "options": [{"value": t.id, "label": t.name} for t in teams]},
            {"name": "due_on", "label": _("哪天之前读完"), "kind": "date", "required": True, "value": request.form.get("due_on", ""), "errors": errors.get("due_on")},
            {"name": "note", "label": _("为什么要读"), "required": False, "maxlength": 300, "value": request.form.get("note", "")},
            {"name": "each", "label": _("发布新的修订后，要重新确认"), "kind": "checkbox", "value": request.method == "GET" or request.form.get("each") == "1"},
        ],
    )  # fmt: skip


def _asked(row: MustRead) -> dict[str, Any]:
    people = must_read.standing(row)
    teams = {t.id: t.name for t in session().scalars(select(Team).where(Team.id.in_(row.team_ids)))} if row.team_ids else {}
    return {
        "id": row.id,
        "to": _("、").join([*(_(ROLES[r][0]) for r in row.roles if r in ROLES), *(teams[t] for t in row.team_ids if t in teams)]),
        "due_on": row.due_on,
        "overdue": row.due_on < local(now()).date(),
        "note": row.note,
        "each_revision": row.each_revision,
        "by": name_of(row.asked_by),
        "at": row.at,
        "reminded_at": row.reminded_at,
        "missing": [{"name": p.user.label, "role": _(ROLES[p.user.role][0])} for p in people if p.at is None],
        "done": [{"name": p.user.label, "at": p.at} for p in people if p.at is not None],
    }


@blueprint.post(f"{ONE}/must-read")
@viewer.needs("article.publish")
def ask(article_id: int) -> tuple[str, int] | Response:
    """Ask people to read it."""
    actor, form = viewer.current_actor(), request.form
    article = access_editable(actor, article_id)
    try:
        due_on = date.fromisoformat(form.get("due_on", ""))
    except ValueError:
        return _page(article, {"due_on": [_("选一个日期。")]}), 422
    try:
        with unit_of_work():
            must_read.ask(
                actor, article_id, roles=form.getlist("roles"), team_ids=[n for n in map(number_of, form.getlist("teams")) if n],
                due_on=due_on, note_text=form.get("note", ""), each_revision=form.get("each") == "1",
            )  # fmt: skip
    except NotFound:
        raise
    except DeskError as problem:
        session().rollback()
        if isinstance(problem, Invalid):
            return _page(access_editable(actor, article_id), field_errors(problem)), status_of(problem)
        flash(words_of(problem), "bad")
    else:
        flash(_("已设为必读，他们在坐席台看得到。"), "good")
    return redirect(f"/knowledge/{article_id}/must-read", 303)


@blueprint.post("/must-read/<int(max=2147483647):must_read_id>/<what>")
@viewer.needs("article.publish")
def change(must_read_id: int, what: str) -> Response:
    """Remind those who have not read it, or end it."""
    actor = viewer.current_actor()
    if what not in ("end", "remind"):
        raise NotFound()
    with unit_of_work():
        row = must_read.access_must_read(actor, must_read_id)
        article_id = row.article_id
        if what == "end":
            must_read.end(actor, row)
            said = _("已取消必读。")
        else:
            people = must_read.remind(actor, row)
            for user in people:
                remind_to_read(user, f"must-read-{row.id}-{user.id}-{now():%Y%m%d}", row.article.title, row.due_on, article_id)
            said = _("已提醒 %(n)s 个人。", n=len(people))
    flash(said, "good")
    return redirect(f"/knowledge/{article_id}/must-read", 303)


@blueprint.post("/must-read/<int(max=2147483647):must_read_id>/confirm")
@viewer.needs("article.read")
def confirm(must_read_id: int) -> Response:
    """I have read it."""
    actor = viewer.current_actor()
    with unit_of_work():
        row = must_read.access_must_read(actor, must_read_id)
        article_id = row.article_id
        must_read.confirm(actor, row)
    flash(_("已记下你读过了。"), "good")
    back = {"desk": "/desk" if actor.can("ticket.read") else "", "knowledge": "/knowledge"}.get(request.form.get("back", ""))
    return redirect(back or f"/knowledge/{article_id}", 303)
