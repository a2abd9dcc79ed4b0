"""/admin/channels/…: a mailbox is added, changed, tried out and stopped; with what it did last and what is wrong."""

from collections.abc import Mapping
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
from app.web.errors import field_errors, status_of
from channels import accounts
from channels.models import Account
from channels.probing import Finding, probe

blueprint = Blueprint("admin_mail", __name__, url_prefix="/admin/channels")
ROW = "/mail/<slug>"
SECRETS = ("imap_password", "smtp_password")

SECURITY_IN = {"tls": _l("TLS（端口 993）"), "starttls": _l("STARTTLS（端口 143）"), "plain": _l("不加密，只用于本机")}
SECURITY_OUT = {"none": _l("不加密，只用于本机"), "starttls": _l("STARTTLS（端口 587）"), "tls": _l("TLS（端口 465）")}
START = {"all": _l("收件箱里已有的信也收进来"), "new": _l("只收从现在起的新信")}
PARTS = {"in": _l("收信"), "out": _l("发信")}


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/new-mail")
@viewer.needs("channel.manage")
def new() -> str:
    """An empty form."""
    return _page(None)


@blueprint.post("/new-mail")
@viewer.needs("channel.manage")
def create() -> Response | tuple[str, int]:
    """Add a mailbox."""
    form = request.form
    slug, given = form.get("slug", "").strip().lower(), _given(form)
    try:
        with unit_of_work():
            kept = {name: value for name, value in given.items() if value or name == "address"}
            accounts.add_account(viewer.current_actor(), "email", slug, kept)
    except (Invalid, Conflict) as problem:
        session().rollback()
        return _page(None, given=form, errors=field_errors(problem), form_error=problem.text(_)), status_of(problem)
    return _next(slug, _("已添加。"))


@blueprint.get(ROW)
@viewer.needs("channel.manage")
def mailbox(slug: str) -> str:
    """One mailbox."""
    return _page(_mailbox(slug))


@blueprint.post(ROW)
@viewer.needs("channel.manage")
def edit(slug: str) -> Response | tuple[str, int]:
    """Change it. A password field left empty keeps the password."""
    account, form = _mailbox(slug), request.form
    given, version = _given(form), form.get("version", "")
    try:
        changes = {k: v for k, v in given.items() if (v if k in SECRETS else v != account.settings.get(k, ""))}
        if changes:
            with unit_of_work():
                accounts.set_account(
                    viewer.current_actor(), slug, changes, version=int(version) if version[:9].isdecimal() else None
                )
    except (Invalid, Stale) as problem:
        session().rollback()
        return (
            _page(_mailbox(slug), given=form, errors=field_errors(problem), form_error=problem.text(_)),
            status_of(problem),
        )
    return _next(slug, _("已保存。"))


@blueprint.post(f"{ROW}/test")
@viewer.needs("channel.manage")
def test(slug: str) -> str:
    """Sign in both ways with what is saved; each wait is short and the page says how it went."""
    account = _mailbox(slug)
    session().expunge(account)
    session().rollback()
    findings = probe(account)
    return _page(_mailbox(slug), findings=findings)


@blueprint.post(f"{ROW}/active")
@viewer.needs("channel.manage")
def active(slug: str) -> Response:
    """Stop it, or let it work again."""
    wanted = request.form.get("active") == "1"
    _mailbox(slug)
    with unit_of_work():
        accounts.set_active(viewer.current_actor(), slug, wanted)
    flash(_("已重新启用。") if wanted else _("已停用：不再收信，也不再发信。"), "good")
    return redirect(f"/admin/channels/mail/{slug}", 303)


def _mailbox(slug: str) -> Account:
    account = accounts.find_account(slug)
    if account is None or account.kind != "email":
        raise NotFound()
    return account


def _next(slug: str, said: str) -> Response:
    """To the mailbox; straight on to the test where "save and test" was pressed (307 keeps it a POST)."""
    if request.form.get("then") == "test":
        return redirect(f"/admin/channels/mail/{slug}/test", 307)
    flash(said, "good")
    return redirect(f"/admin/channels/mail/{slug}", 303)


def _given(form: Mapping[str, str]) -> dict[str, str]:
    """What was typed. Passwords are taken as they are; around everything else spaces are chance."""
    names = [field["name"] for _title, fields in _groups({}, {}) for field in fields if field["name"] != "slug"]
    return {name: form.get(name, "") if name in SECRETS else form.get(name, "").strip() for name in names}


def _page(
    account: Account | None,
    *,
    given: Mapping[str, str] | None = None,
    errors: Mapping[str, list[str]] | None = None,
    form_error: str | None = None,
    findings: list[Finding] | None = None,
) -> str:
    shown = given if given is not None else (account.settings if account else {})
    saved = frozenset(name for name in SECRETS if account and account.settings.get(name))
    return render_template(
        "admin/mailbox.html",
        here="admin",
        mailbox=_facts(account) if account else None,
        groups=[
            {"title": title, "fields": [f for f in fields if account is None or f["name"] != "slug"]}
            for title, fields in _groups(shown, errors or {}, saved)
        ],
        form_error=form_error,
        findings=[
            {"part": str(PARTS[f.part]), "ok": f.ok, "text": unpack(f.said, _)} for f in findings or ()
        ],
    )


def _facts(account: Account) -> dict[str, Any]:
    folder = queries.mailboxes_now().get(account.id)
    unsent = queries.last_failure(account.id)
    url = f"/admin/channels/mail/{account.slug}"
    return {
        "url": url,
        "slug": account.slug,
        "version": account.version,
        "active": account.active,
        "fetches": bool(account.settings.get("imap_host")),
        "fetched_at": folder.fetched_at if folder else None,
        "failing_since": folder.failing_since if folder else None,
        "error": unpack(folder.error, _) if folder and folder.error else "",
        "again_at": folder.due_at if folder and folder.error else None,
        "last_received_at": account.last_received_at,
        "last_sent_at": account.last_sent_at,
        "unsent": {"at": unsent.created_at, "reason": unpack(unsent.error or "", _)} if unsent else None,
        "raw_url": f"/admin/raw?state=failed&account={account.slug}",
    }


def _groups(
    given: Mapping[str, Any], errors: Mapping[str, list[str]], saved: frozenset[str] = frozenset()
) -> list[tuple[str, list[dict[str, Any]]]]:
    """The fields in three groups, with what was typed and what is wrong with it. A password never comes back."""

    def field(name: str, label: str, **more: Any) -> dict[str, Any]:
        value = "" if name in SECRETS else given.get(name, "") or more.pop("usual", "")
        more.pop("usual", None)
        if name in saved:
            more = {**more, "placeholder": _("已保存，留空不变")}
        return {"name": name, "label": label, "value": value, "errors": errors.get(name), "required": False, **more}

    def choices(words: Mapping[str, Any]) -> list[dict[str, str]]:
        return [{"value": value, "label": str(label)} for value, label in words.items()]

    out = "none" if given else "starttls"  # what an account has that says nothing, and what a new one had better have
    secret = {"kind": "password", "autocomplete": "new-password"}
    return [
        (
            _("基本"),
            [
                field("slug", _("代号"), required=True, hint=_("小写字母、数字和连字符，以后不能改"), autocomplete="off"),
                field("address", _("邮箱地址"), kind="email", required=True, placeholder="support@company.example"),
                field("name", _("发件人名称"), hint=_("客户看到的名字")),
                field("signature", _("签名"), kind="textarea", rows=2, full=True),
            ],
        ),
        (
            _("收信（IMAP）"),
            [
                field("imap_host", _("收信服务器"), placeholder="imap.company.example", hint=_("留空则不收信")),
                field("imap_security", _("收信加密"), kind="select", options=choices(SECURITY_IN), usual="tls"),
                field("imap_port", _("收信端口"), inputmode="numeric", hint=_("留空用默认端口")),
                field("imap_user", _("收信用户"), hint=_("留空用邮箱地址"), autocomplete="off"),
                field("imap_password", _("收信密码"), hint=_("QQ、163 等邮箱要填授权码"), **secret),
                field("imap_folder", _("收哪个文件夹"), placeholder="INBOX"),
                field("imap_processed_folder", _("收完移到文件夹"), hint=_("留空则不移动，也不标记已读")),
                field("imap_poll_seconds", _("每隔几秒看一次"), placeholder="20", inputmode="numeric"),
                field("imap_start", _("第一次收信"), kind="select", options=choices(START), usual="all"),
            ],
        ),
        (
            _("发信（SMTP）"),
            [
                field("smtp_host", _("发信服务器"), placeholder="smtp.company.example"),
                field("smtp_security", _("发信加密"), kind="select", options=choices(SECURITY_OUT), usual=out),
                field("smtp_port", _("发信端口"), inputmode="numeric", hint=_("留空用默认端口")),
                field("smtp_user", _("发信用户"), hint=_("留空则不登录"), autocomplete="off"),
                field("smtp_password", _("发信密码"), **secret),
            ],
        ),
    ]
