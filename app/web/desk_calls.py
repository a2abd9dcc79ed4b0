"""/desk/calls: the queue of calls to make with a result form, the calls of late, and one call."""

import json
from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, flash, make_response, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core.db import session
from app.core.directory.access import access_contact
from app.core.directory.identities import find_identity
from app.core.directory.merging import kept
from app.core.directory.normal_form import normal_form
from app.core.errors import DeskError, Invalid, NotFound
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.queries import call_tasks as queue
from app.queries import calls
from app.queries.caller import caller_of
from app.web import call_pop, call_show, call_words, desk_wraps
from app.web import desk_answer as answer
from app.web.call_tabs import tabs
from app.web.desk_show import query
from app.web.errors import field_errors, words_of
from app.web.i18n import show_datetime, time_zone
from workflows.call_access import access_call_task
from workflows.call_models import REASONS, RESULTS, CallTask
from workflows.call_tasks import CALL_TASK, open_call_task
from workflows.engine import take

blueprint = Blueprint("desk_calls", __name__)
FORMS = ("log", "void")
STEPS = ("take", "release", "log", "void", "reopen")


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)
    call_pop.init_app(flask)
    desk_wraps.init_app(flask)


def _asked(name: str, allowed: Any, otherwise: str = "") -> str:
    given = clean(request.args.get(name, ""))[:80]
    return given if given in allowed else otherwise


@blueprint.get("/desk/calls")
@viewer.needs("desk.use", "ticket.read")
def tasks() -> str:
    """The calls that somebody has to make, the most urgent first."""
    actor = viewer.current_actor()
    view, reason = _asked("view", queue.VIEWS, "open"), _asked("reason", REASONS)
    cursor = request.args.get("cursor", "")[:80]
    page = queue.tasks(actor, view, reason, cursor)
    same = {"view": view if view != "open" else None, "reason": reason}
    return render_template(
        "desk/calls.html",
        tabs=tabs(actor, f"task-{view}"),
        view=view,
        filters=[{"name": "reason", "label": _("所有原因"), "value": reason,
                  "options": [{"value": key, "label": _(text)} for key, text in REASONS.items()]}],
        filtered=bool(reason),
        rows=[call_show.task(t, actor) for t in page.rows],
        list_url=query("/desk/calls", **same, cursor=cursor or None),
        page={
            "shown": len(page.rows),
            "next": query("/desk/calls", **same, cursor=page.next) if page.next else None,
            "first": query("/desk/calls", **same) if cursor else None,
        },
        new_url="/desk/calls/tasks/new" if actor.can("ticket.work") else None,
    )  # fmt: skip


@blueprint.get("/desk/calls/log")
@viewer.needs("desk.use", "ticket.read")
def log() -> str:
    """The calls of late: all, one's own, those that nobody took, those that are being talked on."""
    actor = viewer.current_actor()
    names = calls.queues(actor)
    wanted = calls.Wanted(
        view=_asked("view", calls.VIEWS, "all"),
        queue=_asked("queue", names),
        direction=_asked("direction", ("inbound", "outbound", "internal")),
        q=clean(request.args.get("q", "")).strip()[:80],
        cursor=request.args.get("cursor", "")[:80],
    )
    page = calls.recent(actor, wanted)
    written = calls.wrapped_among([c.id for c in page.rows])
    narrowed = {"queue": wanted.queue, "direction": wanted.direction, "q": wanted.q}
    same = {"view": wanted.view if wanted.view != "all" else None, **narrowed}
    return render_template(
        "desk/call_log.html",
        tabs=tabs(actor, f"call-{wanted.view}"),
        view=wanted.view,
        q=wanted.q,
        filters=[
            {"name": "queue", "label": _("所有队列"), "value": wanted.queue, "options": [{"value": q, "label": q} for q in names]},
            {"name": "direction", "label": _("呼入和呼出"), "value": wanted.direction,
             "options": [{"value": d, "label": str(call_words.DIRECTIONS[d][0])} for d in ("inbound", "outbound", "internal")]},
        ],
        filtered=any(narrowed.values()),
        rows=[call_show.row(c, written.get(c.id)) for c in page.rows],
        list_url=query("/desk/calls/log", **same, cursor=wanted.cursor or None),
        page={
            "shown": len(page.rows),
            "next": query("/desk/calls/log", **same, cursor=page.next) if page.next else None,
            "first": query("/desk/calls/log", **same) if wanted.cursor else None,
        },
    )  # fmt: skip


@blueprint.get("/desk/calls/<int:call_id>")
@viewer.needs("desk.use", "ticket.read")
def call(call_id: int) -> str:
    """One call: with whom, how it went, its wrap-up, and who is to be called back because of it."""
    actor = viewer.current_actor()
    found = calls.access_call(actor, call_id)
    written = calls.wrapped_among([found.id]).get(found.id)
    return render_template(
        "desk/call.html",
        call=call_show.row(found, written),
        facts=_facts(found),
        who=call_show.caller(caller_of(actor, found), found, actor),
        card=call_pop.actions(found, actor),
        wrap_done=call_show.wrap_words(written) if written and written.done_at else "",
        note=written.note if written else "",
        wrap_url=f"/desk/wrap-ups/call/{found.id}" if found.outcome == "answered" and actor.can("ticket.work") else None,
        recording_url=call_pop.recording_url(found, actor),
        task_url=query("/desk/calls/tasks/new", call=found.id) if actor.can("ticket.work") and found.number else None,
    )


def _facts(found: Any) -> list[dict[str, Any]]:
    length = call_words.seconds
    given = [
        (_("主叫"), call_words.number_word(found.caller or "")), (_("被叫"), call_words.number_word(found.callee or "")), (_("队列"), found.queue),
        (_("坐席"), found.user.label if found.user else found.agent),
        (_("响铃于"), show_datetime(found.started_at)), (_("接通于"), show_datetime(found.answered_at)), (_("挂断于"), show_datetime(found.ended_at)),
        (_("等待"), length(found.wait) if found.wait is not None else ""),
        (_("通话时长"), length(found.billsec) if found.billsec else ""),
        (_("保持"), length(found.hold_s) if found.hold_s else ""),
        (_("话后处理"), length(found.wrap_up_s) if found.wrap_up_s else ""),
    ]  # fmt: skip
    return [{"label": label, "text": text} for label, text in given if text]


@blueprint.get("/desk/calls/tasks/new")
@viewer.needs("desk.use", "ticket.work")
def new_form() -> str:
    """The form that asks for a call: empty, after a call (`?call=`), or for a person (`?contact=`)."""
    return _new(viewer.current_actor())


@blueprint.post("/desk/calls/tasks/new")
@viewer.needs("desk.use", "ticket.work")
def create() -> Response:
    """Ask that somebody be called."""
    actor = viewer.current_actor()
    try:
        with unit_of_work():
            person, number, company = _whom(actor)
            due = _moment(request.form.get("due", ""))
            if request.form.get("due") and due is None:
                raise Invalid.of("due", "写成日期和时间。")  # data
            key = f"asked:contact:{person.id}" if person is not None else f"asked:number:{number}"
            found = open_call_task(
                actor, key=key, number=number, contact_id=person.id if person else None, organisation_id=company,
                reason="asked", due_at=due, note=answer.typed("note", 500)[:500],
            )  # fmt: skip
            if request.form.get("mine") and found.user_id != actor.id:
                take(CALL_TASK, found, "take", actor)
    except DeskError as problem:
        return answer.again(problem, lambda why: _new(actor, why))
    return done(_("已记下要回的电话"), "/desk/calls")


def _whom(actor: Actor) -> tuple[Any, str, int | None]:
    """Person, number in normal form and company of the form."""
    person = None
    if chosen := answer.number("contact"):
        person = kept(access_contact(actor, chosen))
    typed = answer.typed("number", 40).strip()
    if not typed and person is not None:
        typed = next((i.value for i in person.identities if i.kind == "phone"), "")
    if not typed:
        raise Invalid.of("number", "写下要拨的号码，或选一位联系人。")  # data
    try:
        known = find_identity("phone", typed)
        number = known.value if known is not None else normal_form("phone", typed).value
    except Invalid as problem:
        raise Invalid(errors={"number": problem.errors.get("value", [problem.message])}) from None
    if person is None and known is not None and known.contact is not None and not known.shared:
        try:
            person = kept(access_contact(actor, known.contact.id))
        except NotFound:
            person = None
    company = person.organisation_id if person else known.organisation_id if known else None
    return person, number, company


def _new(actor: Actor, problem: DeskError | None = None) -> str:
    errors = field_errors(problem) if problem else {}
    given: dict[str, Any] = dict(request.form) if problem else {}
    contact = None
    if not problem and answer.number("call"):
        of = calls.access_call(actor, answer.number("call") or 0)
        given = {"number": of.number, "contact": of.contact_id or ""}
    if not problem and answer.number("contact"):
        given["contact"] = answer.number("contact")
    if given.get("contact") and actor.can("contact.read"):
        contact = kept(access_contact(actor, int(given["contact"])))
        given.setdefault("number", next((i.value for i in contact.identities if i.kind == "phone"), ""))
    form = {
        "title": _("要回的电话"), "intro": contact.label if contact else "", "url": "/desk/calls/tasks/new", "submit": _("记下"),
        "danger": False, "version": None, "error": words_of(problem) if problem and not errors else None, "missing": [], "columns": False,
        "fields": [
            {"name": "contact", "kind": "hidden", "value": contact.id if contact else ""},
            {"name": "number", "label": _("号码"), "kind": "tel", "required": True, "value": given.get("number", ""),
             "errors": errors.get("number", []), "autofocus": True},
            {"name": "due", "label": _("什么时候打"), "kind": "datetime", "value": given.get("due", ""), "errors": errors.get("due", []),
             "hint": _("不写就是尽快。")},
            {"name": "note", "label": _("要说什么"), "kind": "textarea", "rows": 2, "value": given.get("note", "")},
            {"name": "mine", "label": _("由我来打"), "kind": "checkbox", "value": given.get("mine") if problem else "1"},
        ],
    }  # fmt: skip
    return page(form)


@blueprint.get("/desk/calls/tasks/<int:task_id>/<step>")
@viewer.needs("desk.use", "ticket.work")
def step_form(task_id: int, step: str) -> str:
    """The form of a step: how the attempt went, or why nobody need call."""
    found = access_call_task(viewer.current_actor(), task_id)
    if step not in FORMS:
        raise NotFound()
    return page(_step(found, step))


@blueprint.post("/desk/calls/tasks/<int:task_id>/<step>")
@viewer.needs("desk.use", "ticket.work")
def take_step(task_id: int, step: str) -> Response:
    """Take the step; refused or stale, the form comes again with the reason and everything that was typed."""
    actor = viewer.current_actor()
    if step not in STEPS:
        raise NotFound()
    found = access_call_task(actor, task_id)
    given: dict[str, Any] = {}
    if step == "log":
        given = {"result": answer.typed("result", 20), "until": _moment(request.form.get("until", "")), "comment": answer.typed("comment", 500)}
    elif step == "void":
        given = {"reason": answer.typed("reason", 300).strip()}
    try:
        with unit_of_work():
            found = access_call_task(actor, task_id)
            take(CALL_TASK, found, step, actor, version=answer.version(), **given)
    except DeskError as problem:
        if step in FORMS:
            return answer.again(problem, lambda why: page(_step(access_call_task(actor, task_id), step, why)))
        session().rollback()
        return refused(words_of(problem))
    said = _("已登记：%(result)s", result=_(RESULTS.get(given["result"], ""))) if step == "log" else _("已%(step)s", step=_(CALL_TASK.by_name[step].label))
    return done(said, "/desk/calls", f"changed:calltask:{found.id}")


def _step(found: CallTask, step: str, problem: DeskError | None = None) -> dict[str, Any]:
    errors = field_errors(problem) if problem else {}
    shown = call_show.task(found, viewer.current_actor())
    typed = request.form if problem else {}
    named: dict[str, Any] = {"errors": {}, "title": "", "submit": ""}
    if step == "log":
        choices = [{"value": key, "label": f"{n} {_(text)}"} for n, (key, text) in enumerate(RESULTS.items(), 1) if key != "unreachable"]
        fields = [
            {"name": "result", "label": _("结果"), "kind": "choices", "required": True, "options": choices, "value": typed.get("result", "reached"),
             "errors": errors.get("result", []), "full": True},
            {"name": "until", "label": _("约好什么时候再打"), "kind": "datetime", "value": typed.get("until", ""), "errors": errors.get("until", []),
             "hint": _("只在「约好再打」时要写。")},
            {"name": "comment", "label": _("说了什么"), "kind": "textarea", "rows": 2, "value": typed.get("comment", "")},
        ]  # fmt: skip
        named = {"title": _("打给 %(who)s", who=shown["name"]), "submit": _("登记结果"), "intro": " · ".join(w for w in (shown["number"], shown["reason"], shown["note"]) if w)}
    else:
        fields = [{"name": "reason", "label": _("为什么不用打了"), "required": True, "value": typed.get("reason", ""), "errors": errors.get("reason", []),
                   "maxlength": 300, "autofocus": True}]  # fmt: skip
        named = {"title": _("不用打给 %(who)s 了", who=shown["name"]), "submit": _("作废"), "intro": ""}
    return named | {
        "url": f"{shown['url']}/{step}", "danger": step == "void", "version": found.version, "missing": [], "columns": False, "fields": fields,
        "error": words_of(problem) if problem and not errors else None,
    }  # fmt: skip


def _moment(typed: str) -> datetime | None:
    """A moment as the browser's field writes it, in the viewer's zone; None for nothing and for what is none."""
    try:
        found = datetime.fromisoformat(typed)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=time_zone())


def page(form: dict[str, Any]) -> str:
    """A form in its dialog, or as a page of its own where there is no JavaScript."""
    return render_template("desk/_step_form.html" if answer.is_piece() else "desk/call_form.html", form=form)


def done(said: str, back: str, *changes: str) -> Response:
    """The write is committed: the dialog closes, lists fetch themselves, a toast says it."""
    if not answer.is_piece():
        flash(said, "good")
        return redirect(viewer.safe_path(request.form.get("next"), back), 303)
    response = make_response("", 204)
    events: dict[str, Any] = {"close-dialog": {}, "changed:calltask": {}, "toast": {"text": said}}
    response.headers["HX-Trigger"] = json.dumps(events | {change: {} for change in changes})
    return response


def refused(said: str) -> Response:
    """A button without a form was refused: say why, and show what is there now."""
    if not answer.is_piece():
        flash(said, "bad")
        return redirect("/desk/calls", 303)
    response = make_response("", 409)
    response.headers["HX-Reswap"] = "none"
    response.headers["HX-Trigger"] = json.dumps({"changed:calltask": {}, "toast": {"text": said, "seconds": 8}})
    return response


