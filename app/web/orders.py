"""Service orders for whoever works on them: a dispatcher's lists, a technician's day, and one order with its next step as
the one big button."""

import json
from typing import Any

from flask import Blueprint, Flask, flash, make_response, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core.db import session
from app.core.errors import DeskError, Invalid, NotFound, Refused, Stale
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.queries import orders as queries
from app.web import desk_answer as answer
from app.web import desk_forms, order_show
from app.web import order_words as words
from app.web.desk_show import query
from app.web.errors import field_errors, words_of
from app.web.order_forms import DESK_FORMS, FORMS
from workflows import order_service as service
from workflows.engine import take
from workflows.order_access import access_order, on_desk, readable_orders
from workflows.order_notices import set_order_mail
from workflows.orders import ORDER
from workflows.orders_models import FIRST_ORDER, OrderMark, ServiceOrder

blueprint = Blueprint("orders", __name__)
BULK = 50
PLACE = "camera=(), microphone=(), geolocation=(self), payment=(), usb=(), browsing-topics=()"
FIRST_CHOICE = {"technician": ("today", "week", "mine"), "": ("judge", "unaccepted", "checking", "unassigned", "unappointed")}


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/orders")
@viewer.needs("order.read")
def order_list() -> str:
    """The lists with their counts; without one asked for, the first that has something to do."""
    actor = viewer.current_actor()
    day = order_show.day()
    counts = queries.counts(actor, day)
    wanted = _wanted(actor, counts)
    page = queries.listed(actor, wanted, day)
    same = {"view": wanted.view, "q": wanted.q, "technician": wanted.technician, "supplier": wanted.supplier}
    people = queries.technician_choices(actor) if actor.role == "dispatcher" else []
    return render_template(
        "orders/list.html",
        views=[
            {"label": str(words.VIEWS[v.key]), "url": query("/orders", **{**same, "view": v.key}), "count": counts.get(v.key),
             "here": v.key == wanted.view, "tone": "bad" if v.key == "overdue" else ""}
            for v in queries.views_for(actor)
        ],
        view=wanted.view,
        view_label=str(words.VIEWS[wanted.view]),
        q=wanted.q,
        list_url=query("/orders", **same, cursor=wanted.cursor),
        clear_url=query("/orders", view=wanted.view),
        filters=_filters(actor, wanted, people),
        people=[{"value": number, "label": label} for number, label in people],
        live=" ".join([*([f"changed:supplier:{actor.organisation_id}"] if actor.organisation_id else []),
                       *(f"changed:order:{order.id}" for order in page.rows)]),
        own=_own(actor),
        rows=[order_show.card(order, actor) for order in page.rows],
        page={
            "shown": len(page.rows),
            "total": None,
            "next": query("/orders", **same, cursor=page.next) if page.next else None,
            "first": query("/orders", **same) if wanted.cursor else None,
        },
    )  # fmt: skip


def _filters(actor: Actor, wanted: queries.Wanted, people: list[tuple[int, str]]) -> list[dict[str, Any]]:
    """What else narrows a list: the technician for a dispatcher, the supplier for the desk."""
    found = []
    if people:
        found.append({"name": "technician", "label": _("所有师傅"), "value": wanted.technician or "", "options": people})
    if on_desk(actor):
        found.append({"name": "supplier", "label": _("所有供应商"), "value": wanted.supplier or "", "options": queries.supplier_choices()})
    return [{**f, "options": [{"value": number, "label": label} for number, label in f["options"]]} for f in found]


def _own(actor: Actor) -> dict[str, Any] | None:
    """For those who carry orders out: whether their mailbox hears of them."""
    if actor.role not in ("dispatcher", "technician"):
        return None
    user = viewer.current_user()
    return {"email": user.email or "", "wanted": user.order_mail}


def _wanted(actor: Actor, counts: dict[str, int]) -> queries.Wanted:
    given = {name: clean(request.args.get(name, ""))[:100] for name in ("view", "q", "cursor")}
    offered = [v.key for v in queries.views_for(actor)]
    view = given["view"]
    if view not in offered:
        choices = FIRST_CHOICE.get(actor.role, FIRST_CHOICE[""])
        otherwise = "mine" if "mine" in offered else "open"
        view = otherwise if given["q"] else next((v for v in choices if counts.get(v)), otherwise)
    return queries.Wanted(
        view=view, q=given["q"].strip(), cursor=given["cursor"],
        technician=answer.number("technician"), supplier=answer.number("supplier"),
    )  # fmt: skip


@blueprint.get("/orders/<int:number>")
@viewer.needs("order.read")
def order(number: int) -> Response:
    """One order: where it stands, what is to be done, what was done."""
    return page_of(access_order(viewer.current_actor(), number))


def page_of(found: ServiceOrder, upload: dict[str, Any] | None = None) -> Response:
    """Where one's place may be asked for, once its owner has said so: at the check-in."""
    shown = order_show.whole(found, viewer.current_actor())
    response = make_response(render_template("orders/order.html", **shown, sent=upload or {}))
    response.headers["Permissions-Policy"] = PLACE
    return response


@blueprint.get("/orders/<int:number>/steps/<step>")
@viewer.needs("order.read")
def step_form(number: int, step: str) -> str:
    """The form of a step, or in words why it is not possible now."""
    actor = viewer.current_actor()
    found = access_order(actor, number)
    if step not in FORMS:
        raise NotFound()
    return _form(found, step, missing=_why_not(found, step, actor))


@blueprint.post("/orders/<int:number>/steps/<step>")
@viewer.needs("order.read")
def take_step(number: int, step: str) -> Response:
    """Take the step; refused or stale, the form comes again with the reason and everything that was typed."""
    actor = viewer.current_actor()
    found = access_order(actor, number)
    form = FORMS.get(step)
    if form is None and step not in order_show.DIRECT:
        raise NotFound()
    place = answer.typed("place", 200).strip() if step == "arrive" else ""
    simple = step == "plan" and bool(request.form.get("simple"))
    given: dict[str, Any] = {}
    try:
        given = {"simple": True} if simple else desk_forms.read(form) if form else {"place": place} if place else {}
        with unit_of_work():
            take(ORDER, access_order(actor, number), step, actor, version=answer.version(), **given)
    except DeskError as problem:
        _count_wrong_code(actor, number, step, given, problem)
        if form is None or simple:
            return _refused(found, problem)
        return answer.again(problem, lambda why: _form(access_order(actor, number), step, problem=why))
    return _done(number, str(form.said) if form else _("已%(step)s", step=_(ORDER.by_name[step].label)))


def _count_wrong_code(actor: Actor, number: int, step: str, given: dict[str, Any], problem: DeskError) -> None:
    """The refusal undid its own unit of work, so the wrong code is counted in another."""
    if step != "deliver" or not given.get("code") or not isinstance(problem, Refused):
        return
    with unit_of_work():
        found = access_order(actor, number)
        if "".join(str(given["code"]).split()) != found.code:
            service.wrong_code(found)


def _why_not(found: ServiceOrder, step: str, actor: Actor) -> list[str]:
    try:
        ORDER.find(found, step, actor, {})
    except Invalid:
        return []
    except DeskError as problem:
        offered = step in {row.name for row in ORDER.offers(found, actor)}
        return [] if offered else [problem.text(_)]
    return []


def _form(found: ServiceOrder, step: str, *, problem: DeskError | None = None, missing: list[str] | None = None) -> str:
    return _dialog(found, FORMS[step], f"{order_show.order_url(found)}/steps/{step}", _(ORDER.by_name[step].label), problem, missing)


def _dialog(
    found: ServiceOrder,
    form: desk_forms.Form,
    url: str,
    title: str,
    problem: DeskError | None = None,
    missing: list[str] | None = None,
) -> str:
    errors = field_errors(problem) if problem else None
    error = None
    if problem is not None and not (isinstance(problem, Invalid) and problem.errors):
        error = problem.text(_)
        if isinstance(problem, Stale):
            error = " ".join([error, _("现在是「%(state)s」。", state=words.state_word(found.state)), answer.kept_note()])
    shown = {
        "title": f"{title} #{found.number}", "intro": str(form.intro), "url": url, "submit": str(form.submit),
        "danger": form.danger, "version": found.version, "error": error, "missing": missing or [],
        "fields": desk_forms.shown(form, found, viewer.current_actor(), errors, kept=problem is not None),
        "columns": form.columns,
    }  # fmt: skip
    template = "desk/_step_form.html" if answer.is_piece() else "orders/step.html"
    return render_template(template, form=shown, order={"number": found.number, "url": order_show.order_url(found)})


@blueprint.get("/orders/<int:number>/desk/<what>")
@viewer.needs("order.read", "order.check")
def desk_form(number: int, what: str) -> str:
    """What the platform alone does: propose a cancellation, hand over, write down an answer to a price."""
    found = access_order(viewer.current_actor(), number)
    if what not in DESK_FORMS or what == "judge":
        raise NotFound()
    return _desk_dialog(found, what, f"{order_show.order_url(found)}/desk/{what}")


def _desk_dialog(found: ServiceOrder, what: str, url: str, problem: DeskError | None = None) -> str:
    return _dialog(found, DESK_FORMS[what], url, str(DESK_FORMS[what].submit), problem)


@blueprint.post("/orders/<int:number>/desk/<what>")
@viewer.needs("order.read", "order.check")
def desk_step(number: int, what: str) -> Response:
    """Do it."""
    actor = viewer.current_actor()
    access_order(actor, number)
    form = DESK_FORMS.get(what)
    if form is None or what == "judge":
        raise NotFound()
    try:
        given = _filled(form)
        with unit_of_work():
            found = access_order(actor, number)
            if answer.version() not in (None, found.version):
                raise Stale()
            if what == "propose":
                service.propose_cancel(actor, found, given["reason"])
            elif what == "hand_over":
                service.hand_over(actor, found, int(given["supplier"]) if given["supplier"].isdecimal() else 0, given["reason"])
            else:
                quote = service.last_quote(found)
                if quote is None:
                    raise Refused("这份报价已经有答复，或已不再需要。")  # data
                service.answer_quote(actor, quote, given["answer"] == "confirmed", given["reason"])
    except DeskError as problem:
        url = f"/orders/{number}/desk/{what}"
        return answer.again(problem, lambda why: _desk_dialog(access_order(actor, number), what, url, why))
    return _done(number, str(form.said))


@blueprint.get("/orders/<int:number>/marks/<int:mark>")
@viewer.needs("order.read", "order.check")
def judge_form(number: int, mark: int) -> str:
    """The judgement on a rejection."""
    found = access_order(viewer.current_actor(), number)
    return _desk_dialog(found, "judge", f"{order_show.order_url(found)}/marks/{mark}")


@blueprint.post("/orders/<int:number>/marks/<int:mark>")
@viewer.needs("order.read", "order.check")
def judge(number: int, mark: int) -> Response:
    """Judge a rejection (with grounds), or approve or refuse a later due date."""
    actor = viewer.current_actor()
    found = access_order(actor, number)
    row = session().get(OrderMark, mark)
    if row is None or row.order_id != found.id:
        raise NotFound()
    extending = row.kind == "extend"
    try:
        given = {} if extending else _filled(DESK_FORMS["judge"])
        with unit_of_work():
            found = access_order(actor, number)
            if extending:
                service.decide_extension(actor, found, mark, request.form.get("answer") == "approve")
            else:
                service.judge(actor, found, mark, given["answer"] == "upheld", given["reason"])
    except DeskError as problem:
        if extending:
            return _refused(access_order(actor, number), problem)
        url = f"/orders/{number}/marks/{mark}"
        return answer.again(problem, lambda why: _desk_dialog(access_order(actor, number), "judge", url, why))
    return _done(number, _("已答复") if extending else str(DESK_FORMS["judge"].said))


def _filled(form: desk_forms.Form) -> dict[str, str]:
    """What was typed, every required field of it; raises Invalid with those that are empty."""
    given = {name: str(value) for name, value in desk_forms.read(form).items()}
    if errors := {f.name: ["这一项要填。"] for f in form.fields if f.required and not given.get(f.name)}:  # data
        raise Invalid(errors=errors)
    return given


@blueprint.post("/orders/mail")
@viewer.needs("order.read", "order.work")
def mail() -> Response:
    """Whether one's own mailbox gets notices about orders."""
    wanted = request.form.get("wanted") == "1"
    with unit_of_work():
        set_order_mail(viewer.current_actor(), wanted)
    flash(_("订单邮件已打开") if wanted else _("订单邮件已关掉"), "good")
    return redirect("/orders", 303)


@blueprint.post("/orders/assign")
@viewer.needs("order.read", "order.dispatch")
def assign_several() -> Response:
    """One technician for several orders. What cannot be assigned is named, with the reason; the rest is done."""
    actor = viewer.current_actor()
    numbers, done, refused = answer.numbers("order")[:BULK], 0, []
    for number in numbers:
        try:
            with unit_of_work():
                found = access_order(actor, number)
                if found.accepted_at is None and found.state == "created":
                    take(ORDER, found, "accept", actor)
                take(ORDER, found, "assign", actor, technician=request.form.get("technician", ""))
            done += 1
        except DeskError as problem:
            session().rollback()
            said = " ".join(word for all_ in field_errors(problem).values() for word in all_) or words_of(problem)
            refused.append(f"#{number} {said}")
    if not numbers:
        flash(_("先勾选要派的订单。"), "warn")
    if done:
        flash(_("已派 %(n)s 张订单", n=done), "good")
    if refused:
        flash(_("没有派出：%(list)s", list=_("；").join(refused)), "bad")
    return redirect(query("/orders", view=clean(request.form.get("view", ""))[:20], q=clean(request.form.get("q", ""))[:100]), 303)


def _done(number: int, said: str) -> Response:
    """The write is committed. An order that is no longer the viewer's to see leads back to the lists."""
    actor = viewer.current_actor()
    id_ = number - FIRST_ORDER
    still = session().scalar(readable_orders(actor).where(ServiceOrder.id == id_)) is not None
    if not answer.is_piece() or not still:
        flash(said, "good")
        target = f"/orders/{number}" if still else "/orders"
        if not answer.is_piece():
            return redirect(target, 303)
        response = make_response("", 204)
        response.headers["HX-Redirect"] = target
        return response
    response = make_response("", 204)
    response.headers["HX-Trigger"] = json.dumps({"close-dialog": {}, f"changed:order:{id_}": {}, "toast": {"text": said}})
    return response


def _refused(found: ServiceOrder, problem: DeskError) -> Response:
    said = words_of(problem)
    session().rollback()
    if not answer.is_piece():
        flash(said, "bad")
        return redirect(f"/orders/{found.number}", 303)
    response = make_response("", answer.status(problem))
    response.headers["HX-Reswap"] = "none"
    response.headers["HX-Trigger"] = json.dumps({f"changed:order:{found.id}": {}, "toast": {"text": said, "seconds": 8}})
    return response
