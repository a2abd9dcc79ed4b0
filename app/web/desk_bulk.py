"""Several tickets of the queue at once: a form where the act needs one, the outcome of each, and the way back."""

import json
from typing import Any

from flask import Blueprint, Flask, flash, make_response, redirect, render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from app import bulk, viewer
from app.core.errors import DeskError, Invalid, NotFound
from app.core.permissions import Actor
from app.queries import ticket_page
from app.web import desk_answer as answer
from app.web import desk_forms
from app.web.errors import field_errors, words_of
from workflows.ticket_effects import PARTIES

blueprint = Blueprint("desk_bulk", __name__)
BACK_SECONDS = 60
TITLES = {
    "assign": (_l("派给谁"), _l("派工")),
    "merge": (_l("合并到哪张工单"), _l("合并")),
    "hold": (_l("一起挂起"), _l("挂起")),
    "close": (_l("结单"), _l("结单")),
}
INTROS = {
    "assign": _l("还没人处理的直接派工；正在处理的算转派，要写原因。"),
    "merge": _l("选中的工单并入这一张，往来和订单一起过去。可以撤销。"),
    "hold": _l("只挂起没有挂起的；到时候自己醒来。"),
    "close": _l("只结到期没有答复、或三次联系不上的；其余留在待回访。"),
}
PERMISSION = {"assign": "ticket.work", "merge": "ticket.dispatch", "hold": "ticket.work", "close": "ticket.close"}


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


def acts(actor: Actor) -> list[dict[str, str]]:
    """What this actor may do with several tickets at once."""
    icons = {"assign": "users", "merge": "git-merge", "hold": "player-pause", "close": "check"}
    return [
        {"act": act, "label": str(TITLES[act][1]), "icon": icons[act], "url": f"/desk/bulk/{act}"}
        for act in bulk.ACTS
        if actor.can(PERMISSION[act])
    ]


@blueprint.post("/desk/bulk/<act>/form")
@viewer.needs("desk.use", "ticket.work")
def form(act: str) -> str:
    """What the act needs to know, for the tickets that were chosen."""
    if act not in bulk.ACTS:
        raise NotFound()
    return _form(act, viewer.current_actor())


@blueprint.post("/desk/bulk/<act>")
@viewer.needs("desk.use", "ticket.work")
def do(act: str) -> Response:
    """Do it to each chosen ticket. What was refused is listed with its reason."""
    actor = viewer.current_actor()
    if act not in bulk.ACTS:
        raise NotFound()
    try:
        outcomes = bulk.act_on(actor, act, answer.numbers("tickets"), _given(actor, act))
    except DeskError as problem:
        why = problem
        return make_response(_form(act, actor, why), answer.status(why))
    backs = [one.back for one in outcomes if one.back]
    return _told(outcomes, str(TITLES[act][1]), _sign(actor, backs) if backs else "")


@blueprint.post("/desk/bulk/undo/<token>")
@viewer.needs("desk.use", "ticket.work")
def undo(token: str) -> Response:
    """Take the last act back, where nobody has touched the tickets since."""
    actor = viewer.current_actor()
    try:
        kept = _signer().loads(token, max_age=BACK_SECONDS)
    except BadSignature:
        raise NotFound() from None
    if kept["user"] != actor.id:
        raise NotFound()
    return _told(bulk.undo(actor, kept["backs"]), _("撤销"), "")


def _given(actor: Actor, act: str) -> dict[str, Any]:
    given: dict[str, Any] = {
        "assignee": answer.number("assignee"), "team": answer.number("team"), "reason": answer.typed("reason", 500).strip() or None,
        "party": answer.typed("party", 16) or None,
    }  # fmt: skip
    if act == "assign" and given["assignee"] == actor.id and not given["reason"]:
        given["reason"] = _("接手处理")
    if act == "hold" and answer.typed("until", 40):
        try:
            given["until"] = desk_forms.moment(answer.typed("until", 40))
        except (ValueError, OverflowError):
            raise Invalid.of("until", "写成日期和时间。") from None  # data
    if act == "merge":
        into = answer.typed("into", 20).strip().lstrip("#＃")
        if not into.isdecimal() or not into.isascii() or len(into) > 9:
            raise Invalid.of("into", "写并入的工单号。")  # data
        given["into"] = int(into)
    return given


def _form(act: str, actor: Actor, problem: DeskError | None = None) -> str:
    numbers = answer.numbers("tickets")
    errors = field_errors(problem) if problem else {}
    own: list[dict[str, Any]] = [{"kind": "hidden", "name": "tickets", "value": n} for n in numbers]
    for field in _fields(act, actor):
        own.append(field | {"value": answer.typed(field["name"], 500) or field.get("value"), "errors": errors.get(field["name"])})
    return render_template(
        "desk/_step_form.html",
        form={
            "title": f"{TITLES[act][0]} · " + _("%(n)s 张工单", n=len(numbers)),
            "intro": str(INTROS[act]),
            "url": f"/desk/bulk/{act}",
            "submit": _("%(act)s %(n)s 张", act=str(TITLES[act][1]), n=len(numbers)),
            "danger": False,
            "version": None,
            "error": words_of(problem) if problem else None,
            "missing": [],
            "fields": own,
            "columns": False,
        },
    )


def _fields(act: str, actor: Actor) -> list[dict[str, Any]]:
    reason = {"name": "reason", "label": _("原因"), "kind": "textarea", "rows": 2, "maxlength": 500}
    if act == "assign":
        people, teams = desk_forms.people(None, actor), ticket_page.teams()  # type: ignore[arg-type]
        return [
            {"name": "assignee", "label": _("人员"), "kind": "select", "options": people, "required": False, "placeholder": _("由团队认领"), "autofocus": True},
            {"name": "team", "label": _("团队"), "kind": "select", "options": [{"value": t.id, "label": t.name} for t in teams], "required": False, "placeholder": _("按人员所在的团队")},
            reason | {"required": False, "hint": _("正在处理的工单转派时要写。")},
        ]  # fmt: skip
    if act == "merge":
        return [{"name": "into", "label": _("工单号"), "kind": "text", "inputmode": "numeric", "required": True, "autofocus": True}]
    if act == "hold":
        parties = [{"value": key, "label": _(label)} for key, label in PARTIES.items()]
        until = {"name": "until", "label": _("到什么时候"), "kind": "datetime", "required": True, "value": desk_forms.tomorrow(None, actor)}
        return [{"name": "party", "label": _("在等谁"), "kind": "choices", "options": parties, "required": True}, reason | {"required": True}, until]
    return []


def _told(outcomes: list[bulk.Outcome], act: str, back: str) -> Response:
    done = [one for one in outcomes if one.problem is None]
    refused = [one for one in outcomes if one.problem is not None]
    said = _("%(act)s：%(n)s 张", act=act, n=len(done)) if done else _("%(act)s：一张也没有成", act=act)
    if refused and done:
        said = _("%(act)s：%(n)s 张，%(m)s 张没有成", act=act, n=len(done), m=len(refused))
    if not answer.is_piece():
        flash(said, "warn" if refused else "good")
        return redirect("/desk", 303)
    events: dict[str, Any] = {"changed:ticket": {}, "bulk-done": {"left": [one.number for one in refused]}, "toast": {"text": said}}
    if back:
        events["toast"] |= {"undo": back, "seconds": 15}
    if not refused:
        events["close-dialog"] = {}
        response = make_response("", 204)
    else:
        rows = [
            {"number": o.number, "subject": o.subject, "url": f"/desk/tickets/{o.number}", "why": words_of(o.problem) if o.problem else ""}
            for o in refused
        ]
        response = make_response(render_template("desk/_bulk_done.html", said=said, rows=rows))
    response.headers["HX-Trigger"] = json.dumps(events)
    return response


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(viewer.settings().signing_key(), salt="desk-bulk")


def _sign(actor: Actor, backs: list[bulk.Back]) -> str:
    return f"/desk/bulk/undo/{_signer().dumps({'user': actor.id, 'backs': backs})}"
