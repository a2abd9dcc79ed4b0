"""/knowledge/releases: releases on their way, what their knowledge still lacks and why, and the step to readers."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func
from werkzeug.wrappers import Response

from app import viewer
from app.core.catalogue import Product, Release
from app.core.db import session
from app.core.directory.access import circle
from app.core.errors import Conflict, DeskError, Invalid, NotFound
from app.core.permissions import Actor
from app.core.text import unpack
from app.core.uow import unit_of_work
from app.kb import told
from app.kb.index import current_index
from app.web.acting import act_and_show
from app.web.errors import field_errors, status_of, words_of
from app.web.gate_show import document_row, query_row
from app.web.knowledge import STATE_WORDS
from app.web.portal import number_of
from knowledge import care, gate, gate_steps
from knowledge.access import access_editable
from knowledge.gate_check import NOT_REVIEWED, Checklist, check
from knowledge.gate_models import PUBLISHED, ReleaseGate
from knowledge.index import IndexUnavailable

blueprint = Blueprint("knowledge_releases", __name__, url_prefix="/knowledge/releases")
ONE = "/<int(max=2147483647):release_id>"
GATE_WORDS = {"preparing": _l("准备中"), "ready": _l("齐了，待发布"), "published": _l("已发布"), "": _l("没有检查")}
GATE_TONES = {"preparing": "warn", "ready": "info", "published": "good", "": ""}
STEP_WORDS = {
    "ready": _l("标记为齐了"), "back": _l("退回准备"), "publish": _l("发布这个版本"), "override": _l("缺项也发布"), "reopen": _l("重新准备"),
}  # fmt: skip
DONE_WORDS = {
    "ready": _l("已标记为齐了，可以发布。"), "back": _l("退回准备。"), "publish": _l("版本已发布，资料齐全。"),
    "override": _l("版本已发布，缺的项目和原因记下了。"), "reopen": _l("重新准备，资料要再复核一遍。"),
}  # fmt: skip
MOST = 200


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.needs("article.write")
def index() -> str:
    """Releases, those that are being prepared first, and the form for a new one."""
    return _list()


@blueprint.post("")
@viewer.needs("article.write")
def create() -> Response | tuple[str, int]:
    """A new release, in preparation."""
    form = request.form
    try:
        until = _day(form.get("supported_until"))
        with unit_of_work():
            made = gate.add_release(viewer.current_actor(), number_of(form.get("product")), form.get("name", ""), supported_until=until)
            release_id = made.release_id
    except (Invalid, Conflict) as problem:
        session().rollback()
        return _list(form, field_errors(problem)), status_of(problem)
    flash(_("版本已建立，按清单准备资料。"), "good")
    return redirect(f"/knowledge/releases/{release_id}", 303)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid.of("supported_until", "填写日期，如 2026-05-01。") from None  # data


def _list(given: Mapping[str, str] | None = None, errors: Mapping[str, list[str]] | None = None) -> str:
    actor = viewer.current_actor()
    product_id = number_of(request.args.get("product"))
    rows = gate.prepared_releases(actor).outerjoin(ReleaseGate, ReleaseGate.release_id == Release.id)
    if product_id:
        rows = rows.where(Release.product_id == product_id)
    order = (func.coalesce(ReleaseGate.state, "z").in_(("z", PUBLISHED)), Release.id.desc())
    found = list(session().scalars(rows.order_by(*order).limit(MOST)))
    products = list(session().scalars(gate.prepared_products(actor).order_by(Product.name)))
    shown = given or ({"product": str(products[0].id)} if len(products) == 1 else {"product": str(product_id or "")})
    options = [{"value": p.id, "label": p.label} for p in products]
    return render_template(
        "knowledge/releases.html",
        here="knowledge",
        releases=[_row(release) for release in found],
        selects=[{"name": "product", "label": _("全部产品"), "value": product_id or "", "options": options}] if len(products) > 1 else [],
        fields=_fields(shown, errors or {}, options),
        wrong=bool(errors),
        can_edit_gate=gate.may_override(actor),
    )


def _fields(shown: Mapping[str, Any], errors: Mapping[str, list[str]], products: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = []
    if products is not None:
        fields.append({"name": "product", "label": _("产品"), "kind": "select", "required": True, "value": number_of(shown.get("product")) or "",
                       "options": products, "errors": errors.get("product")})  # fmt: skip
    return [
        *fields,
        {"name": "name", "label": _("版本"), "required": True, "maxlength": 40, "value": shown.get("name") or "", "placeholder": _("例如：2.4.0"),
         "autocomplete": "off", "errors": errors.get("name")},
        {"name": "supported_until", "label": _("支持到"), "kind": "date", "required": False, "value": shown.get("supported_until") or "",
         "errors": errors.get("supported_until")},
    ]  # fmt: skip


def _row(release: Release) -> dict[str, Any]:
    row = gate.gate_of(release)
    state = row.state if row else ""
    checklist = check(release, row, _index()) if row is not None and state != PUBLISHED else None
    return {
        "id": release.id,
        "url": f"/knowledge/releases/{release.id}",
        "product": release.product.label,
        "name": release.name,
        "state": state,
        "state_label": str(GATE_WORDS[state]),
        "tone": GATE_TONES[state],
        "done": checklist.done if checklist else None,
        "total": checklist.total if checklist else None,
        "green": bool(checklist and checklist.green),
        "released_on": release.released_on,
        "override": bool(row and row.override_reason),
    }


def _index() -> Any:
    try:
        return current_index()
    except IndexUnavailable:
        return None


@blueprint.get(ONE)
@viewer.needs("article.write")
def show(release_id: int) -> str:
    """The checklist of one release."""
    return _page(gate.access_release(viewer.current_actor(), release_id))


def _page(release: Release, given: Mapping[str, str] | None = None, errors: Mapping[str, list[str]] | None = None, at: str = "") -> str:
    actor, wrong = viewer.current_actor(), errors or {}
    row = gate.gate_of(release)
    checklist = check(release, row, _index())
    articles = gate.choices(actor, release.product)
    known = None if circle(actor) == "staff" else {a.id for a in articles}
    options = [{"value": a.id, "label": f"{a.title}（{STATE_WORDS[a.state]}）"} for a in articles]
    url = f"/knowledge/releases/{release.id}"
    kept = {"name": release.name, "supported_until": release.supported_until.isoformat() if release.supported_until else ""}
    asked: Mapping[str, Any] = (given or {}) if at == "query" else {}
    return render_template(
        "knowledge/release.html",
        here="knowledge",
        release={
            **_row(release), "product_id": release.product_id, "supported_until": release.supported_until, "begun_at": row.created_at if row else None,
            "published_at": row.published_at if row else None, "published_by": row.published_by if row else "",
            "override_reason": row.override_reason if row else "", "version": row.version if row else 0,
            "lacked": [unpack(words, _) for words in row.missing] if row else [],
        },
        documents=[document_row(actor, d, url, known, release.product_id, row) for d in checklist.documents],
        queries=[query_row(t, url, known) for t in checklist.queries],
        general=[unpack(words, _) for words in checklist.general],
        done=checklist.done, total=checklist.total, green=checklist.green,
        open_url=f"{url}/open" if row is None else None,
        steps=_steps(actor, row, checklist, url) if row else [],
        options=options,
        query_fields=[
            {"name": "text", "label": _("客户会这样问"), "required": True, "maxlength": 200, "value": asked.get("text") or "", "errors": wrong.get("text") if at == "query" else None,
             "placeholder": _("例如：HK-V20 跳 E07 怎么办"), "autocomplete": "off"},
            {"name": "article", "label": _("应该找到"), "kind": "select", "required": True, "value": asked.get("article") or "", "options": options,
             "errors": wrong.get("article") if at == "query" else None},
            {"name": "client", "label": _("登录的客户来问"), "kind": "checkbox", "value": asked.get("client") == "1", "hint": _("不勾就按没有登录的人搜。")},
        ],
        edit_fields=_fields(given if at == "edit" and given else kept, wrong if at == "edit" else {}, None),
        editing=at == "edit",
        can_edit_gate=gate.may_override(actor),
    )  # fmt: skip


def _steps(actor: Actor, row: ReleaseGate, checklist: Checklist, url: str) -> list[dict[str, Any]]:
    offered = gate_steps.steps_for(actor, row, checklist)
    return [
        {
            "name": name,
            "label": str(STEP_WORDS[name]),
            "url": f"{url}/steps/{name}",
            "primary": name == "publish",
            "danger": name == "override",
            "reason": gate_steps.STEPS[name].reason,
        }
        for name in offered
    ]


@blueprint.post(f"{ONE}/open")
@viewer.needs("article.write")
def begin(release_id: int) -> Response:
    """Begin to prepare the knowledge of a release that was entered elsewhere."""

    def start(actor: Actor, release: Release) -> str:
        gate.open_gate(actor, release)
        return _("开始准备。")

    return _act(release_id, start)


@blueprint.post(f"{ONE}/edit")
@viewer.needs("article.write")
def edit(release_id: int) -> Response | tuple[str, int]:
    """Name and end of support."""
    actor, form = viewer.current_actor(), request.form
    try:
        until = _day(form.get("supported_until"))
        with unit_of_work():
            gate.change_release(actor, gate.access_release(actor, release_id), name=form.get("name", ""), supported_until=until)
    except (Invalid, Conflict) as problem:
        session().rollback()
        return _page(gate.access_release(actor, release_id), form, field_errors(problem), "edit"), status_of(problem)
    except NotFound:
        raise
    except DeskError as problem:
        session().rollback()
        flash(words_of(problem), "bad")
    else:
        flash(_("已保存。"), "good")
    return redirect(f"/knowledge/releases/{release_id}", 303)


@blueprint.post(f"{ONE}/steps/<name>")
@viewer.needs("article.write")
def step(release_id: int, name: str) -> Response:
    """Ready, back, publish, publish all the same, prepare again."""
    actor = viewer.current_actor()
    release = gate.access_release(actor, release_id)
    row = gate.gate_of(release)
    if row is None or name not in gate_steps.STEPS:
        raise NotFound()
    # Searching takes its time: it is done before the transaction begins.
    checklist = check(release, row, _index())

    def take(actor: Actor, release: Release) -> str:
        current = gate.gate_of(release)
        if current is None:
            raise NotFound()
        version = number_of(request.form.get("version")) or None
        gate_steps.take_step(actor, current, name, checklist, request.form.get("reason", ""), version)
        return str(DONE_WORDS[name])

    return _act(release_id, take)


@blueprint.post(f"{ONE}/documents/<code>")
@viewer.needs("article.write")
def choose(release_id: int, code: str) -> Response:
    """Which article is the document."""

    def set_it(actor: Actor, release: Release) -> str:
        row = gate.gate_of(release)
        if row is None:
            raise NotFound()
        gate.choose_document(actor, row, code, number_of(request.form.get("article")) or None)
        return _("已保存。")

    return _act(release_id, set_it)


@blueprint.post(f"{ONE}/documents/<code>/review")
@viewer.needs("article.publish")
def review(release_id: int, code: str) -> Response:
    """An editor has read the document and it holds for this release."""

    def confirm(actor: Actor, release: Release) -> str:
        row = gate.gate_of(release)
        documents = check(release, row, None).documents
        article = next((d.article for d in documents if d.requirement.code == code and d.article), None)
        if row is None or article is None:
            raise NotFound()
        care.confirm(actor, access_editable(actor, article.id), None)
        return _("记下了：你复核过，仍然正确。")

    return _act(release_id, confirm)


@blueprint.post(f"{ONE}/documents/<code>/ask")
@viewer.needs("article.write")
def ask_review(release_id: int, code: str) -> Response:
    """The supplier's author asks the platform's editors to look at a document again."""

    def ask(actor: Actor, release: Release) -> str:
        row = gate.gate_of(release)
        documents = check(release, row, None).documents
        article = next((d.article for d in documents if d.requirement.code == code and d.article and d.missing == (NOT_REVIEWED,)), None)
        if row is None or article is None:
            raise NotFound()
        told.ask_review(actor, row, access_editable(actor, article.id))
        return _("已请编辑复核。")

    return _act(release_id, ask)


@blueprint.post(f"{ONE}/queries")
@viewer.needs("article.write")
def add_query(release_id: int) -> Response | tuple[str, int]:
    """One more test question."""
    actor, form = viewer.current_actor(), request.form
    try:
        with unit_of_work():
            release = gate.access_release(actor, release_id)
            gate.add_query(
                actor, release.product, text=form.get("text", ""), article_id=number_of(form.get("article")) or None, client=form.get("client") == "1"
            )
    except Invalid as problem:
        session().rollback()
        return _page(gate.access_release(actor, release_id), form, field_errors(problem), "query"), status_of(problem)
    return redirect(f"/knowledge/releases/{release_id}#queries", 303)


@blueprint.post(f"{ONE}/queries/<int(max=2147483647):query_id>/remove")
@viewer.needs("article.write")
def remove_query(release_id: int, query_id: int) -> Response:
    """Take a test question away."""

    def remove(actor: Actor, release: Release) -> str:
        if query_id not in {query.id for query in gate.queries_of(release.product)}:
            raise NotFound()
        gate.remove_query(actor, query_id)
        return _("已去掉这个测试问题。")

    return _act(release_id, remove)


def _act(release_id: int, act: Any) -> Response:
    actor = viewer.current_actor()
    return act_and_show(f"/knowledge/releases/{release_id}", lambda: act(actor, gate.access_release(actor, release_id)))
