"""/admin/counters: counters with a code on the wall, and the sheet to print for each."""

from collections.abc import Mapping
from datetime import timedelta
from io import BytesIO
from typing import Any

import segno
from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from app import viewer
from app.core.clock import now
from app.core.db import session
from app.core.directory.access import access_organisation, readable_organisations
from app.core.errors import Invalid, NotFound
from app.core.people import Organisation
from app.core.text import unpack
from app.core.uow import unit_of_work
from app.web import desk_answer as answer
from app.web.errors import field_errors, status_of
from channels import counters
from channels.counters import Counter
from channels.models import Account
from workflows.models import Ticket

blueprint = Blueprint("admin_counters", __name__, url_prefix="/admin/counters")
ONE = "/<int(max=2147483647):counter_id>"
COUNTED = timedelta(days=30)


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.needs("counter.manage")
def index() -> str:
    """Every counter, with how many requests came by it lately, and the form for a new one."""
    return _page()


@blueprint.post("")
@viewer.needs("counter.manage")
def create() -> Response | tuple[str, int]:
    """Make a counter."""
    return _save(None)


@blueprint.post(ONE)
@viewer.needs("counter.manage")
def edit(counter_id: int) -> Response | tuple[str, int]:
    """Change a counter. Its code stays the same."""
    return _save(counters.access_counter(viewer.current_actor(), counter_id))


@blueprint.post(f"{ONE}/active")
@viewer.needs("counter.manage")
def active(counter_id: int) -> Response:
    """Close a counter, or open it again."""
    actor = viewer.current_actor()
    with unit_of_work():
        counters.set_counter_active(actor, counters.access_counter(actor, counter_id), request.form.get("active") == "1")
    flash(_("已重新启用。") if request.form.get("active") == "1" else _("已停用：扫码仍能打开普通的提问页。"), "good")
    return redirect("/admin/counters", 303)


@blueprint.post(f"{ONE}/code")
@viewer.needs("counter.manage")
def code(counter_id: int) -> Response:
    """Ask the official account once more for its code."""
    actor = viewer.current_actor()
    with unit_of_work():
        counters.ask_for_code(actor, counters.access_counter(actor, counter_id))
    flash(_("已向微信要二维码，稍后刷新这一页。"), "good")
    return redirect("/admin/counters", 303)


@blueprint.get(f"{ONE}/sheet")
@viewer.needs("counter.manage")
def sheet(counter_id: int) -> str:
    """The sheet to print and hang up."""
    row = counters.access_counter(viewer.current_actor(), counter_id)
    if not row.active:
        raise NotFound()
    address, by_wechat = leads_to(row)
    return render_template(
        "admin/counter_sheet.html", here="admin", counter=_shown(row, {}), code=drawn(address), address="" if by_wechat else address, wechat=by_wechat
    )


def leads_to(row: Counter) -> tuple[str, bool]:
    """What the code says, and whether it opens WeChat."""
    if row.account is not None and row.account.active and row.code:
        return row.code, True
    return f"{viewer.settings().site_url}/ask?counter={row.slug}", False


def drawn(text: str) -> Markup:
    """A code as a picture of lines, which stays sharp at any size."""
    out = BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=2, svgclass="qr", lineclass=None)
    return Markup(out.getvalue().decode())  # segno wrote it: paths only, none of the text


def _save(row: Counter | None) -> Response | tuple[str, int]:
    actor, form = viewer.current_actor(), request.form
    company, account = answer.number("organisation"), answer.number("account")
    try:
        if company is not None:
            try:
                access_organisation(actor, company)
            except NotFound:
                raise Invalid.of("organisation", "没有这家企业。") from None  # data
        with unit_of_work():
            if row is not None:
                row = counters.access_counter(actor, row.id)
            counters.set_counter(actor, row, name=form.get("name", ""), place=form.get("place", ""), organisation_id=company, account_id=account)
    except Invalid as problem:
        session().rollback()
        return _page(row.id if row else 0, form, field_errors(problem)), status_of(problem)
    flash(_("已保存。"), "good")
    return redirect("/admin/counters", 303)


def _page(wrong: int = -1, given: Mapping[str, str] | None = None, errors: Mapping[str, list[str]] | None = None) -> str:
    actor = viewer.current_actor()
    rows = counters.list_counters()
    recent = select(Ticket.counter_id, func.count()).where(Ticket.counter_id.is_not(None), Ticket.created_at > now() - COUNTED)
    counted = {number: count for number, count in session().execute(recent.group_by(Ticket.counter_id)) if number is not None}
    found = session().scalars(readable_organisations(actor).order_by(Organisation.name).limit(500))
    companies = [{"value": c.id, "label": c.label} for c in found]
    accounts = [
        {"value": a.id, "label": a.slug}
        for a in session().scalars(select(Account).where(Account.kind == "wechat", Account.active.is_(True)).order_by(Account.slug))
    ]

    def fields(row: Counter | None) -> list[dict[str, Any]]:
        mine = (row.id if row else 0) == wrong
        kept = {"name": row.name, "place": row.place, "organisation": row.organisation_id, "account": row.account_id} if row else {}
        shown: Mapping[str, Any] = given if mine and given is not None else kept

        def field(name: str, label: str, kind: str = "text", required: bool = False, **more: Any) -> dict[str, Any]:
            return {"name": name, "label": label, "kind": kind, "required": required, "value": shown.get(name) or "",
                    "errors": (errors or {}).get(name) if mine else None, **more}  # fmt: skip

        return [
            field("name", _("名称"), required=True, maxlength=80, placeholder=_("例如：一号厂房服务台"), autocomplete="off"),
            field("place", _("在哪里"), maxlength=200, placeholder=_("例如：正门右手边"), autocomplete="off"),
            field("organisation", _("在哪家企业"), "select", options=companies, placeholder=_("自己的场地")),
            field("account", _("扫码打开"), "select", options=accounts, placeholder=_("提问网页"),
                  hint=_("选公众号，客户扫码后直接在微信里说。") if accounts else _("还没有公众号，扫码打开提问网页。")),
        ]  # fmt: skip

    return render_template(
        "admin/counters.html",
        here="admin",
        counters=[_shown(row, counted) | {"fields": fields(row), "open": row.id == wrong} for row in rows],
        fields=fields(None),
        days=COUNTED.days,
        can_report=actor.can("report.read"),
    )


def _shown(row: Counter, counted: Mapping[int, int]) -> dict[str, Any]:
    url = f"/admin/counters/{row.id}"
    return {
        "id": row.id, "url": url, "name": row.name, "place": row.place, "organisation": row.organisation.label if row.organisation else "",
        "account": row.account.slug if row.account else "", "waits": row.account_id is not None and row.code is None and not row.error,
        "error": unpack(row.error, _) if row.error else "", "active": row.active, "count": counted.get(row.id, 0),
        "sheet": f"{url}/sheet" if row.active else None, "report": f"/reports?counter={row.id}",
    }  # fmt: skip
