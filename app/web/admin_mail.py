"""/admin/channels/…: a mailbox is added, changed, tried out and stopped; with what it did last and what is wrong."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import viewer
from app.core.clock import now
from app.core.db import session
from app.core.errors import Conflict, Invalid, NotFound, Stale
from app.core.text import unpack
from app.core.uow import unit_of_work
from app.queries import raw as queries
from app.web import account_form
from app.web.errors import field_errors, status_of
from channels import accounts, auto_answers
from channels.email_settings import EMAIL_SETTINGS
from channels.models import Account, MailFolder
from channels.probing import Finding, probe

blueprint = Blueprint("admin_mail", __name__, url_prefix="/admin/channels")
ROW = "/mail/<slug>"
SPECS = {one.name: one for one in EMAIL_SETTINGS}
SECRETS = tuple(one.name for one in EMAIL_SETTINGS if one.secret)

SECURITY_IN = {"tls": _l("TLS（端口 993）"), "starttls": _l("STARTTLS（端口 143）"), "plain": _l("不加密，只用于本机")}
SECURITY_OUT = {"none": _l("不加密，只用于本机"), "starttls": _l("STARTTLS（端口 587）"), "tls": _l("TLS（端口 465）")}
START = {"all": _l("收件箱里已有的信也收进来"), "new": _l("只收从现在起的新信")}
IDLE = {"yes": _l("用"), "no": _l("不用，只按间隔查看")}
PLUS = {"no": _l("不用"), "yes": _l("用")}
ANSWERS = {"no": _l("不答复"), "yes": _l("答复")}
CHOICES: Mapping[str, Mapping[str, Any]] = {
    "imap_security": SECURITY_IN, "smtp_security": SECURITY_OUT, "imap_start": START,
    "imap_idle": IDLE, "plus_addresses": PLUS, "auto_reply": ANSWERS,
}  # fmt: skip
PARTS = {"in": _l("收信"), "out": _l("发信"), "token": _l("令牌")}


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
    given = _given(form)
    try:
        account_form.keep_changes(account, given, SECRETS)
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
    flash(_("已重新启用。") if account_form.switch(_mailbox(slug)) else _("已停用：不再收信，也不再发信。"), "good")
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
            {"part": str(PARTS[f.part]), "ok": f.ok, "text": f"{unpack(f.said, _)} {_(f.more) if f.more else ''}".strip()} for f in findings or ()
        ],
    )


def _facts(account: Account) -> dict[str, Any]:
    folders = queries.mailboxes_now().get(account.id, [])
    folder = queries.worst(folders)
    unsent = queries.last_failure(account.id)
    url = f"/admin/channels/mail/{account.slug}"
    return {
        "url": url,
        "slug": account.slug,
        "version": account.version,
        "active": account.active,
        "fetches": bool(account.settings.get("imap_host")),
        "folders": [_folder(row) for row in folders],
        "stopped": [{"address": one.address, "until": one.until} for one in auto_answers.stopped(account.id)],
        "fetched_at": folder.fetched_at if folder else None,
        "failing_since": folder.failing_since if folder else None,
        "error": unpack(folder.error, _) if folder and folder.error else "",
        "again_at": folder.due_at if folder and folder.error else None,
        "last_received_at": account.last_received_at,
        "last_sent_at": account.last_sent_at,
        "unsent": {"at": unsent.created_at, "reason": unpack(unsent.error or "", _)} if unsent else None,
        "raw_url": f"/admin/raw?state=failed&account={account.slug}",
    }


def _folder(row: MailFolder) -> dict[str, Any]:
    return {
        "name": row.folder,
        "fetched_at": row.fetched_at,
        "error": unpack(row.error, _) if row.error else "",
        "told": row.watcher is not None and row.watched_until is not None and row.watched_until > now(),
        "bell": row.idles,
    }


def _groups(
    given: Mapping[str, Any], errors: Mapping[str, list[str]], saved: frozenset[str] = frozenset()
) -> list[tuple[str, list[dict[str, Any]]]]:
    """The fields in groups, with what was typed and what is wrong with it. A secret never comes back."""

    def field(name: str, **more: Any) -> dict[str, Any]:
        spec = SPECS[name]
        made: dict[str, Any] = {"name": name, "label": _(spec.label), "errors": errors.get(name), "required": spec.required}
        if spec.help:
            made["hint"] = _(spec.help)
        if spec.secret:
            made |= {"value": "", "kind": "password", "autocomplete": "new-password"}
        else:
            made["value"] = given.get(name, "") or more.pop("usual", spec.default if spec.choices else "")
        if spec.choices:
            made |= {"kind": "select", "options": [{"value": v, "label": str(CHOICES[name][v])} for v in spec.choices]}
        elif spec.default:
            made["placeholder"] = spec.default
        if spec.long:
            made |= {"kind": "textarea", "rows": 4, "full": True}
        if name in saved:
            made["placeholder"] = _("已保存，留空不变")
        more.pop("usual", None)
        return made | more

    slug = {
        "name": "slug", "label": _("代号"), "value": given.get("slug", ""), "errors": errors.get("slug"), "required": True,
        "hint": _("小写字母、数字和连字符，以后不能改"), "autocomplete": "off",
    }  # fmt: skip
    out = "none" if given else "starttls"  # what an account has that says nothing, and what a new one had better have
    number = {"inputmode": "numeric"}
    return [
        (
            _("基本"),
            [
                slug,
                field("address", kind="email", placeholder="support@company.example"),
                field("name"),
                field("signature", rows=2),
            ],
        ),
        (
            _("收信（IMAP）"),
            [
                field("imap_host", placeholder="imap.company.example"),
                field("imap_security"),
                field("imap_port", **number),
                field("imap_user", autocomplete="off"),
                field("imap_password"),
                field("imap_folder"),
                field("imap_processed_folder"),
                field("imap_poll_seconds", **number),
                field("imap_idle"),
                field("imap_start"),
            ],
        ),
        (
            _("发信（SMTP）"),
            [
                field("smtp_host", placeholder="smtp.company.example"),
                field("smtp_security", usual=out),
                field("smtp_port", **number),
                field("smtp_user", autocomplete="off"),
                field("smtp_password"),
                field("plus_addresses"),
            ],
        ),
        (
            _("自动答复"),
            [
                field("auto_reply"),
                field("auto_reply_hours", **number),
                field("auto_reply_text_zh"),
                field("auto_reply_text_en"),
                field("auto_reply_most", **number),
            ],
        ),
        (
            _("OAuth 登录（Microsoft 365、Gmail 等）"),
            [
                field("oauth_endpoint", placeholder="https://login.company.example/token", full=True),
                field("oauth_client_id", autocomplete="off"),
                field("oauth_client_secret"),
                field("oauth_refresh_token"),
                field("oauth_scope", autocomplete="off"),
            ],
        ),
    ]
