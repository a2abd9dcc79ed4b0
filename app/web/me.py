"""/me: one's own password, where one is signed in, language, time zone and API tokens."""

from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core import accounts, logins, tokens
from app.core.errors import Conflict, Invalid
from app.core.permissions import PERMISSIONS, ROLES
from app.core.uow import unit_of_work
from app.web.auth import change_own_password
from app.web.errors import field_errors
from app.web.security import limiter
from app.web.words import browser

blueprint = Blueprint("me", __name__, url_prefix="/me")
ID = "<int(max=2147483647):row_id>"


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.needs()
def account() -> str:
    """Everything about oneself on one page."""
    return _page()


@blueprint.post("")
@viewer.needs()
def preferences() -> Response | tuple[str, int]:
    """Keep language, time zone and, for people of the desk, the extension."""
    actor = viewer.current_actor()
    try:
        with unit_of_work():
            if "extension" in request.form and actor.can("desk.use") and actor.id is not None:
                accounts.set_extension(actor, actor.id, request.form["extension"])
            accounts.set_preferences(
                actor, language=request.form.get("language"), time_zone=request.form.get("time_zone")
            )
    except (Invalid, Conflict) as problem:
        return _page(wrong=field_errors(problem)), 422
    flash(_("已保存。"), "good")
    return redirect("/me", 303)


@blueprint.post("/password")
@viewer.needs()
@limiter.limit("20 per minute", deduct_when=lambda response: response.status_code >= 400)
def password() -> Response | tuple[str, int]:
    """Change the own password."""
    try:
        change_own_password()
    except Invalid as problem:
        return _page(password_errors=field_errors(problem)), 422
    flash(_("密码已换，其他地方的登录都已结束。"), "good")
    return redirect("/me", 303)


@blueprint.post("/sessions/end")
@viewer.needs()
def end_other_sessions() -> Response:
    """End all logins but this one."""
    user, login = viewer.current_user(), viewer.current_login()
    with unit_of_work():
        ended = logins.end_sessions(viewer.current_actor(), user.id, keep=login.id if login else None)
    flash(_("结束了 %(n)s 处登录。", n=ended), "good")
    return redirect("/me", 303)


@blueprint.post(f"/sessions/{ID}/end")
@viewer.needs()
def end_session(row_id: int) -> Response:
    """End one login of one's own."""
    with unit_of_work():
        logins.end_session(viewer.current_actor(), row_id)
    flash(_("这处登录已结束。"), "good")
    return redirect("/me", 303)


@blueprint.post("/tokens")
@viewer.needs()
def new_token() -> str | tuple[str, int]:
    """Make a token for the own programs. It is on this one answer and nowhere else."""
    days = request.form.get("days", "")
    try:
        with unit_of_work():
            _row, made = tokens.create_token(
                viewer.current_actor(),
                viewer.current_user().id,
                request.form.get("label", ""),
                days=int(days) if days.isascii() and days.isdigit() and len(days) < 6 else 0,
            )
    except Invalid as problem:
        return _page(wrong=field_errors(problem)), 422
    return _page(token=made)


@blueprint.post(f"/tokens/{ID}/revoke")
@viewer.needs()
def revoke_token(row_id: int) -> Response:
    """Take a token back."""
    with unit_of_work():
        tokens.revoke(viewer.current_actor(), row_id)
    flash(_("令牌已收回。"), "good")
    return redirect("/me", 303)


def zones() -> list[dict[str, str]]:
    """Time zones for a select, the ones of places only."""
    return [
        {"value": z, "label": z}
        for z in sorted(available_timezones())
        if "/" in z and not z.startswith(("Etc/", "SystemV/"))
    ]


def _page(
    *,
    password_errors: dict[str, list[str]] | None = None,
    wrong: dict[str, list[str]] | None = None,
    token: str | None = None,
) -> str:
    user, login, wrong = viewer.current_user(), viewer.current_login(), wrong or {}
    house = viewer.settings()
    fields: list[dict[str, Any]] = [
        {
            "name": "language",
            "label": _("语言"),
            "kind": "choices",
            "value": user.language or house.language,
            "options": [{"value": "zh", "label": "中文"}, {"value": "en", "label": "English"}],  # data
            "errors": wrong.get("language"),
        },
        {
            "name": "time_zone",
            "label": _("时区"),
            "kind": "select",
            "value": user.time_zone or house.time_zone,
            "options": zones(),
            "errors": wrong.get("time_zone"),
        },
    ]
    if viewer.current_actor().can("desk.use"):
        fields.append(
            {
                "name": "extension",
                "label": _("分机"),
                "value": user.extension or "",
                "hint": _("电话系统里你的分机号；来电时这里会弹出来电人"),
                "errors": wrong.get("extension"),
                "required": False,
            }
        )
    return render_template(
        "me/account.html",
        here="me",
        user={
            "label": user.label,
            "name": user.name,
            "email": user.email,
            "role_label": _(ROLES[user.role][0]),
            "organisation": user.organisation.label if user.organisation else "",
            "last_login_at": user.last_login_at,
        },
        permissions=[_(PERMISSIONS[name]) for name in PERMISSIONS if name in ROLES[user.role][1]],
        preferences=fields,
        password_errors=password_errors or {},
        sessions=[
            {
                "id": row.id,
                "agent": browser(row.agent),
                "ip": row.ip,
                "created_at": row.created_at,
                "last_seen_at": row.last_seen_at,
                "current": login is not None and row.id == login.id,
                "end_url": f"/me/sessions/{row.id}/end",
            }
            for row in logins.list_sessions(user.id, viewer.idle_time())
        ],
        token=token,
        token_errors=wrong,
        tokens=[
            {
                "label": row.label,
                "prefix": row.prefix,
                "created_at": row.created_at,
                "expires_at": row.expires_at,
                "last_used_at": row.last_used_at,
                "revoke_url": f"/me/tokens/{row.id}/revoke",
            }
            for row in tokens.list_tokens(user.id)
        ],
    )
