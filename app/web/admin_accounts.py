"""/admin and /admin/accounts: who may come in, in which role; passwords reset, locks lifted, logins ended."""

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, current_app, flash, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import doctor, viewer
from app.core import accounts, logins, outbox, passwords
from app.core.clock import now
from app.core.errors import Conflict, Invalid, Refused, Stale
from app.core.events import DEAD, UNDECIDED
from app.core.people import User
from app.core.permissions import PERMISSIONS, ROLES
from app.core.uow import unit_of_work
from app.queries import accounts as lists
from app.queries.audit import audit_rows
from app.web import admin_index, doctor_words, words
from app.web.errors import field_errors, status_of, words_of
from app.web.frame import exists
from app.web.written import name_of

blueprint = Blueprint("admin_accounts", __name__, url_prefix="/admin")
ACCOUNT = "/accounts/<int(max=2147483647):user_id>"
PAGE = 50


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.needs_one_of("user.manage", "channel.manage", "counter.manage", "outbox.manage", "audit.read")
def index() -> str:
    """What there is to manage, and whether the house is well."""
    actor, stuck = viewer.current_actor(), 0
    if actor.can("outbox.manage"):
        counted = outbox.counts()
        stuck = counted[DEAD] + counted[UNDECIDED]
    badge = {"text": str(stuck), "tone": "bad"} if stuck else None
    tiles: list[tuple[str, str, str, str, str, Any]] = [
        ("user.manage", "/admin/accounts", "users", _("用户与登录"), _("新建、改角色、重设密码、结束登录"), None),
        ("channel.manage", "/admin/channels", "plug", _("渠道账号"), _("邮箱等渠道的设置"), None),
        ("counter.manage", "/admin/counters", "qrcode", _("服务台二维码"), _("贴在柜台上，扫码提问，地点已经填好"), None),
        ("channel.manage", "/admin/reaching", "bell", _("告知的顺序"), _("先微信、再短信、再打电话，每种用途一个顺序"), None),
        ("channel.manage", "/admin/raw", "inbox", _("原始来件"), _("读不懂的来件，写明原因，可以重放"), None),
        ("outbox.manage", "/admin/outbox", "list-check", _("待办队列"), _("还没做完、放弃和不确定的事"), badge),
        ("index.rebuild", "/admin/search-index", "search", _("搜索索引"), _("搜索好不好用，重建索引"), admin_index.badge()),
        ("audit.read", "/admin/audit", "history", _("审计记录"), _("谁在什么时候做了什么"), None),
    ]
    checks = doctor.examine(current_app) if actor.can("user.manage") else []
    return render_template(
        "admin/index.html",
        here="admin",
        tiles=[
            {"url": url, "icon": icon, "title": title, "text": text, "badge": mark}
            for permission, url, icon, title, text, mark in tiles
            if actor.can(permission) and exists(url)
        ],
        health=[
            {"name": words.said(words.CHECKS, c["name"]), "ok": c["ok"], "text": doctor_words.detail(c["detail"]), "advice": doctor_words.advice(c["advice"])}
            for c in checks
        ],
    )


@blueprint.get("/accounts")
@viewer.needs("user.manage")
def account_list() -> str:
    """Accounts by name, fifty at a time."""
    return _list()


@blueprint.post("/accounts")
@viewer.needs("user.manage")
def create() -> str | tuple[str, int]:
    """Make an account with a temporary password, which is on this one answer and nowhere else."""
    form = request.form
    made = passwords.generated()
    try:
        kept = passwords.hashed(made, logins.normal_name(form.get("name", "")) or "-")
        with unit_of_work():
            user = accounts.create_user(
                viewer.current_actor(),
                form.get("name", ""),
                form.get("role", ""),
                password=kept,
                display_name=form.get("display_name", ""),
                email=form.get("email"),
                organisation_id=_number(form.get("organisation")),
            )
    except (Invalid, Conflict) as problem:
        return _list(form=_fields(form, field_errors(problem), new=True), form_error=problem.text(_)), 422
    return _account(user, temporary=made)


@blueprint.get(ACCOUNT)
@viewer.needs("user.manage")
def account(user_id: int) -> str:
    """One account with its logins and what happened to it."""
    return _account(accounts.access_user(viewer.current_actor(), user_id))


@blueprint.post(ACCOUNT)
@viewer.needs("user.manage")
def edit(user_id: int) -> Response | tuple[str, int]:
    """Change role, company, shown name and mail."""
    form, actor = request.form, viewer.current_actor()
    try:
        with unit_of_work():
            accounts.edit_user(
                actor,
                user_id,
                role=form.get("role", ""),
                display_name=form.get("display_name", ""),
                email=form.get("email"),
                organisation_id=_number(form.get("organisation")),
                version=_number(form.get("version")),
            )
            if "extension" in form:
                accounts.set_extension(actor, user_id, form["extension"])
    except (Invalid, Conflict, Refused, Stale) as problem:
        user = accounts.access_user(actor, user_id)
        return _account(user, form=_fields(form, field_errors(problem)), form_error=problem.text(_)), status_of(problem)
    return _back(user_id, _("已保存。"))


@blueprint.post(f"{ACCOUNT}/password")
@viewer.needs("user.manage")
def reset_password(user_id: int) -> str | Response:
    """Set a temporary password, which is on this one answer and nowhere else."""
    actor = viewer.current_actor()
    if user_id == actor.id:
        flash(_("自己的密码在「我的账号」里改。"), "warn")
        return redirect("/me", 303)
    name, made = accounts.access_user(actor, user_id).name, passwords.generated()
    kept = passwords.hashed(made, name)
    with unit_of_work():
        user = accounts.set_password(actor, user_id, kept)
    return _account(user, temporary=made)


@blueprint.post(f"{ACCOUNT}/unlock")
@viewer.needs("user.manage")
def unlock(user_id: int) -> Response:
    """Lift the lock of too many wrong passwords."""
    with unit_of_work():
        accounts.unlock(viewer.current_actor(), user_id)
    return _back(user_id, _("已解锁。"))


@blueprint.post(f"{ACCOUNT}/active")
@viewer.needs("user.manage")
def set_active(user_id: int) -> Response | tuple[str, int]:
    """Disable an account, or enable it again."""
    actor, active = viewer.current_actor(), request.form.get("active") == "1"
    try:
        with unit_of_work():
            accounts.set_active(actor, user_id, active, version=_number(request.form.get("version")))
    except (Refused, Stale) as problem:
        return _account(accounts.access_user(actor, user_id), form_error=words_of(problem)), status_of(problem)
    return _back(user_id, _("已重新启用。") if active else _("已停用，所有登录都已结束。"))


@blueprint.post(f"{ACCOUNT}/sessions/end")
@viewer.needs("user.manage")
def end_sessions(user_id: int) -> Response:
    """End all logins of somebody."""
    actor = viewer.current_actor()
    login = viewer.current_login()
    accounts.access_user(actor, user_id)
    with unit_of_work():
        ended = logins.end_sessions(actor, user_id, keep=login.id if login else None)
    return _back(user_id, _("结束了 %(n)s 处登录。", n=ended))


@blueprint.post(f"{ACCOUNT}/sessions/<int(max=2147483647):login_id>/end")
@viewer.needs("user.manage")
def end_session(user_id: int, login_id: int) -> Response:
    """End one login of somebody."""
    with unit_of_work():
        logins.end_session(viewer.current_actor(), login_id)
    return _back(user_id, _("这处登录已结束。"))


def _back(user_id: int, said: str) -> Response:
    flash(said, "good")
    return redirect(f"/admin/accounts/{user_id}", 303)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _list(form: list[dict[str, Any]] | None = None, form_error: str | None = None) -> str:
    given = {name: request.args.get(name, "") for name in ("q", "role", "state", "after")}
    found = lists.accounts(**given, limit=PAGE)
    online = lists.signed_in_counts(now() - viewer.idle_time())
    filters = {name: value for name, value in given.items() if value and name != "after"}
    onward = "/admin/accounts?" + urlencode({**filters, "after": found.next}) if found.next else None
    return render_template(
        "admin/accounts.html",
        here="admin",
        accounts=[{**_row(user), "signed_in": online.get(user.id, 0)} for user in found.users],
        q=given["q"],
        selects=[
            {"name": "role", "label": _("所有角色"), "value": given["role"], "options": _roles()},
            {
                "name": "state",
                "label": _("所有状态"),
                "value": given["state"],
                "options": [{"value": s, "label": words.said(words.STATES, s)} for s in lists.STATES],
            },
        ],
        filtered=bool(filters),
        page={
            "next": onward,
            "first": "/admin/accounts?" + urlencode(filters) if given["after"] else None,
            "shown": len(found.users),
            "total": found.total,
        },
        form=form or _fields({}, {}, new=True),
        form_error=form_error,
        form_open=form is not None,
    )


def _row(user: User) -> dict[str, Any]:
    state = lists.state_of(user)
    return {
        "id": user.id,
        "url": f"/admin/accounts/{user.id}",
        "name": user.name,
        "label": user.label,
        "email": user.email or "",
        "role": user.role,
        "role_label": _(ROLES[user.role][0]),
        "organisation": user.organisation.label if user.organisation else "",
        "state": state,
        "state_label": words.said(words.STATES, state),
        "must_change": user.must_change_password,
        "last_login_at": user.last_login_at,
    }


def _account(
    user: User, *, form: list[dict[str, Any]] | None = None, form_error: str | None = None, temporary: str | None = None
) -> str:
    kept = {
        "display_name": user.display_name,
        "email": user.email or "",
        "extension": user.extension or "",
        "role": user.role,
        "organisation": str(user.organisation_id or ""),
    }
    trail = (
        audit_rows(subject="user", subject_id=user.id, limit=10).rows
        if viewer.current_actor().can("audit.read")
        else []
    )
    return render_template(
        "admin/account.html",
        here="admin",
        account={
            **_row(user),
            "version": user.version,
            "locked_until": user.locked_until if lists.state_of(user) == "locked" else None,
            "created_at": user.created_at,
        },
        form=form or _fields(kept, {}),
        form_error=form_error,
        permissions=[_(PERMISSIONS[name]) for name in PERMISSIONS if name in ROLES[user.role][1]],
        sessions=[
            {
                "id": row.id,
                "agent": words.browser(row.agent),
                "ip": row.ip,
                "created_at": row.created_at,
                "last_seen_at": row.last_seen_at,
                "end_url": f"/admin/accounts/{user.id}/sessions/{row.id}/end",
            }
            for row in logins.list_sessions(user.id, viewer.idle_time())
        ],
        temporary=temporary,
        audit=[{"at": row.at, "who": name_of(row.actor_name), "text": words.said(words.ACTIONS, row.action)} for row in trail],
    )


def _roles() -> list[dict[str, str]]:
    return [{"value": name, "label": _(label)} for name, (label, _held) in ROLES.items()]


def _fields(given: Any, errors: dict[str, list[str]], *, new: bool = False) -> list[dict[str, Any]]:
    """The form of an account, with what was typed and what is wrong with it."""
    companies = [{"value": str(number), "label": name} for number, name in lists.organisation_choices()]
    fields: list[dict[str, Any]] = [
        {
            "name": "name",
            "label": _("登录名"),
            "required": True,
            "autocomplete": "off",
            "hint": _("字母、数字和 . _ - @ +，以后不能改"),
        },
        {"name": "display_name", "label": _("姓名"), "required": False, "hint": _("同事和客户看到的名字")},
        {"name": "email", "label": _("邮箱"), "kind": "email", "required": False},
        *([] if new else [{"name": "extension", "label": _("分机"), "required": False, "hint": _("电话系统里的分机号，来电按它找人")}]),
        {"name": "role", "label": _("角色"), "kind": "select", "options": _roles(), "required": True},
        {
            "name": "organisation",
            "label": _("所属企业"),
            "kind": "select",
            "options": [{"value": "", "label": _("平台自己")}, *companies],
            "required": False,
            "hint": _("供应商和客户的人必须选，只能看到自己企业的"),
        },
    ]
    return [
        {**f, "value": given.get(f["name"], ""), "errors": errors.get(f["name"])}
        for f in fields
        if new or f["name"] != "name"
    ]
