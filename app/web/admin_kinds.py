"""/admin/channels/new and /admin/channels/account/<slug>: an account of any kind is added, changed and stopped.

The form is made from what each channel says about its settings (channels/settings.py). A mailbox has a page of its own
(app/web/admin_mail.py), because it can be tried out.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import viewer
from app.core.db import session
from app.core.errors import Conflict, Invalid, NotFound, Stale
from app.core.text import unpack
from app.core.uow import unit_of_work
from app.queries import raw as queries
from app.web import account_form
from app.web.errors import field_errors, status_of
from channels import accounts
from channels.models import Account
from channels.settings import SPECS, Setting

blueprint = Blueprint("admin_kinds", __name__, url_prefix="/admin/channels")

KINDS: Mapping[str, tuple[Any, str, Any]] = {
    "email": (_l("邮箱"), "mail", _l("来信变成工单，回复从同一个地址寄出。")),
    "wechat": (_l("微信公众号"), "brand-wechat", _l("服务号、订阅号的粉丝消息；回复走客服接口。")),
    "wecom": (_l("微信客服"), "brand-wechat", _l("企业微信里的「微信客服」，客户用微信说话。")),
    "webchat": (_l("网页会话"), "message-circle", _l("网站右下角的会话按钮。")),
    "calls": (_l("电话记录"), "phone", _l("话务平台推送或写下的通话：来电弹屏、通话记录、回拨。")),
    "sms": (_l("短信"), "message-2", _l("通知和上行短信，经短信平台的接口。")),
    "weibo": (_l("微博"), "brand-weibo", _l("粉丝服务平台的私信。")),
    "app": (_l("手机应用"), "device-mobile", _l("自己的应用里说话，走接口。")),
    "robot": (_l("群机器人"), "robot", _l("把告警发进企业微信或钉钉群。")),
}
"""Kind → name, icon, what it is for; in the order in which they are offered."""

ROW = "/account/<slug>"
LONG_HELP = 90
"""Characters of a help that is shown whole."""
OTHER = {"portal": _l("门户表单"), "api": _l("接口")}
HOOKS = {"wechat": "/hooks/wechat/", "wecom": "/hooks/wecom/", "weibo": "/hooks/weibo/", "calls": "/hooks/calls/", "sms": "/hooks/sms/"}
MORE = {"calls": ("/admin/channels/calls/", _l("字段对照表"))}
"""Further pages of a kind: the address before the slug, and its name."""


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


def address_of(account: Account) -> str | None:
    """The page of an account; None where there is nothing to set (the portal's form)."""
    if account.kind == "email":
        return f"/admin/channels/mail/{account.slug}"
    return f"/admin/channels/account/{account.slug}" if account.kind in KINDS else None


def name_of(kind: str) -> str:
    """What a kind is called on pages."""
    return str(KINDS[kind][0]) if kind in KINDS else str(OTHER.get(kind, kind))


def label_of(kind: str, setting: str) -> str:
    """What a setting is called on pages."""
    spec = next((one for one in SPECS.get(kind, ()) if one.name == setting), None)
    return _(spec.label) if spec else str(_("地址")) if setting == "address" else setting


@blueprint.get("/new")
@viewer.needs("channel.manage")
def choose() -> str:
    """The kinds to choose from."""
    kinds = [
        {"url": "/admin/channels/new-mail" if kind == "email" else f"/admin/channels/new/{kind}", "icon": icon, "title": str(name), "text": str(text)}
        for kind, (name, icon, text) in KINDS.items()
    ]
    return render_template("admin/kinds.html", here="admin", kinds=kinds)


@blueprint.get("/new/<kind>")
@viewer.needs("channel.manage")
def new(kind: str) -> str:
    """An empty form."""
    return _page(_kind(kind), None)


@blueprint.post("/new/<kind>")
@viewer.needs("channel.manage")
def create(kind: str) -> Response | tuple[str, int]:
    """Add an account of this kind."""
    form, specs = request.form, SPECS[_kind(kind)]
    slug, given = form.get("slug", "").strip().lower(), _given(specs, form)
    try:
        _complete(specs, given, {})
        with unit_of_work():
            accounts.add_account(viewer.current_actor(), kind, slug, {k: v for k, v in given.items() if v})
    except (Invalid, Conflict) as problem:
        session().rollback()
        return _page(kind, None, given=form, errors=field_errors(problem), form_error=problem.text(_)), status_of(problem)
    flash(_("已添加。"), "good")
    return redirect(f"/admin/channels/account/{slug}", 303)


@blueprint.get(ROW)
@viewer.needs("channel.manage")
def account(slug: str) -> str:
    """One account: how it does, and its settings."""
    found = _account(slug)
    return _page(found.kind, found)


@blueprint.post(ROW)
@viewer.needs("channel.manage")
def edit(slug: str) -> Response | tuple[str, int]:
    """Change it. A secret that is left empty stays as it is."""
    found, form = _account(slug), request.form
    specs = SPECS[found.kind]
    given = _given(specs, form)
    try:
        _complete(specs, given, found.settings)
        account_form.keep_changes(found, given, {one.name for one in specs if one.secret})
    except (Invalid, Stale) as problem:
        session().rollback()
        found = _account(slug)
        return (
            _page(found.kind, found, given=form, errors=field_errors(problem), form_error=problem.text(_)),
            status_of(problem),
        )
    flash(_("已保存。"), "good")
    return redirect(f"/admin/channels/account/{slug}", 303)


@blueprint.post(f"{ROW}/active")
@viewer.needs("channel.manage")
def active(slug: str) -> Response:
    """Stop it, or let it work again."""
    flash(_("已重新启用。") if account_form.switch(_account(slug)) else _("已停用：不再接收，也不再发送；已有的都留着。"), "good")
    return redirect(f"/admin/channels/account/{slug}", 303)


def _kind(kind: str) -> str:
    if kind not in KINDS or kind == "email":
        raise NotFound()
    return kind


def _account(slug: str) -> Account:
    found = accounts.find_account(slug)
    if found is None or found.kind not in KINDS or found.kind == "email":
        raise NotFound()
    return found


def _given(specs: Sequence[Setting], form: Mapping[str, str]) -> dict[str, str]:
    """What was typed. Secrets are taken as they are; around everything else spaces are chance."""
    return {one.name: form.get(one.name, "") if one.secret else form.get(one.name, "").strip().replace("\r\n", "\n") for one in specs}


def _complete(specs: Sequence[Setting], given: Mapping[str, str], saved: Mapping[str, Any]) -> None:
    """Raises Invalid for each setting without which the account cannot work."""
    missing = {one.name: [_("请填写。")] for one in specs if one.required and not given[one.name] and not (one.secret and saved.get(one.name))}
    if missing:
        raise Invalid(errors=missing)


def _page(
    kind: str,
    found: Account | None,
    *,
    given: Mapping[str, str] | None = None,
    errors: Mapping[str, list[str]] | None = None,
    form_error: str | None = None,
) -> str:
    name, icon, text = KINDS[kind]
    shown = given if given is not None else (found.settings if found else {})
    wrong = errors or {}
    specs = {one.name: one for one in SPECS[kind]}
    made = {name: _field(kind, one, shown, wrong, saved=bool(found and found.settings.get(name))) for name, one in specs.items()}
    slug = {
        "name": "slug", "label": _("代号"), "value": shown.get("slug", ""), "errors": wrong.get("slug"), "required": True,
        "hint": _("小写字母、数字和连字符，以后不能改"), "autocomplete": "off",
    }  # fmt: skip
    groups: list[dict[str, Any]] = [
        {"title": str(title), "fields": [made[name] for name in names], "folded": folded, "open": any(name in wrong for name in names)}
        for title, names, folded in account_form.groups(kind)
    ]
    if found is None:
        groups[0]["fields"] = [slug, *groups[0]["fields"]]
    return render_template(
        "admin/kind.html",
        here="admin",
        kind={"key": kind, "name": str(name), "icon": icon, "text": str(text)},
        account=_facts(found) if found else None,
        groups=groups,
        form_error=form_error,
    )


def _field(kind: str, one: Setting, given: Mapping[str, Any], errors: Mapping[str, list[str]], *, saved: bool) -> dict[str, Any]:
    """A field of the form. A secret never comes back."""
    made: dict[str, Any] = {"name": one.name, "label": _(one.label), "errors": errors.get(one.name)}
    if one.required and not (one.secret and saved):
        made["required"] = True
    if one.help:
        made["hint"], made["more"] = _short(_(one.help))
    if one.secret:
        made |= {"value": "", "kind": "password", "autocomplete": "new-password"}
        if saved:
            made["placeholder"] = _("已保存，留空不变")
        return made
    made["value"] = str(given.get(one.name, "") or (one.default if one.choices else ""))
    if one.choices:
        made |= {"kind": "select", "options": [{"value": v, "label": account_form.choice(kind, one.name, v)} for v in one.choices]}
    elif one.long:
        made |= {"kind": "textarea", "rows": 4, "full": True}
    if one.default and not one.choices:
        made["placeholder"] = one.default
    return made


def _short(text: str) -> tuple[str, str]:
    """A help of several sentences as its first one and, folded, the rest."""
    end = re.match(r".{0,120}?(。|\. (?=[A-Z]))", text) if len(text) > LONG_HELP else None
    return (text[: end.end()].rstrip("；; "), text[end.end() :].strip()) if end and end.end() < len(text) else (text, "")


def _facts(found: Account) -> dict[str, Any]:
    """How the account does: what came and went last, what is stuck, and the address that the platform must be told."""
    health = next((h for h in queries.accounts_with_health() if h.account.id == found.id), None)
    unsent = queries.last_failure(found.id)
    url = f"/admin/channels/account/{found.slug}"
    hook = HOOKS.get(found.kind)
    return {
        "url": url,
        "slug": found.slug,
        "version": found.version,
        "active": found.active,
        "hook": f"{viewer.settings().site_url}{hook}{found.slug}" if hook else "",
        "more": [{"url": f"{place}{found.slug}", "text": str(words)} for k, (place, words) in MORE.items() if k == found.kind],
        "last_received_at": found.last_received_at,
        "last_sent_at": found.last_sent_at,
        "unread": health.unread if health else 0,
        "waiting": health.waiting if health else 0,
        "undecided": health.undecided if health else 0,
        "failed": health.failed if health else 0,
        "token_error": unpack(queries.token_error(found.id), _),
        "trouble": unpack(health.trouble, _) if health else "",
        "sources": [
            {"name": one.name, "read_at": one.read_at, "error": unpack(one.error, _)} for one in queries.sources_now().get(found.id, [])
        ],
        "unsent": {"at": unsent.created_at, "reason": unpack(unsent.error or "", _)} if unsent else None,
        "raw_url": f"/admin/raw?state=failed&account={found.slug}",
    }
