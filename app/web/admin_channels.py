"""/admin/channels: how the accounts do. /admin/raw: what came in as it came, why it was not understood, and replay."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Flask, Response, flash, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app import viewer
from app.core.clock import now
from app.core.db import session
from app.core.errors import DeskError, NotFound
from app.core.files import get_bytes
from app.core.text import clean, unpack
from app.core.uow import unit_of_work
from app.queries import raw as queries
from app.web.admin_kinds import address_of, label_of, name_of
from app.web.errors import words_of
from app.web.portal import number_of
from channels import accounts, receiving
from channels.models import Account, RawPayload

SOURCES = {"callback": _l("平台回调"), "hook": _l("推送"), "app": _l("手机应用")}
blueprint = Blueprint("admin_channels", __name__, url_prefix="/admin")
ROW = "/raw/<int(max=2147483647):raw_id>"
SHOWN_BYTES = 100_000
DAYS = (1, 3, 7, 30)
AT_ONCE = 50
"""How many payloads "replay all" takes while the page waits; more are left to the worker."""

STATE_WORDS = {"failed": _l("读不懂"), "new": _l("等待解析"), "parsed": _l("已解析"), "duplicate": _l("重复")}


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/channels")
@viewer.needs("channel.manage")
def channels() -> str:
    """The accounts, what passed through them last, and what is stuck."""
    return render_template(
        "admin/channels.html",
        here="admin",
        accounts=[_account(health) for health in queries.accounts_with_health()],
        raw_url="/admin/raw",
    )


def _account(health: queries.AccountHealth) -> dict[str, Any]:
    account = health.account
    masked = accounts.shown(account)["settings"]
    return {
        "slug": account.slug,
        "kind": account.kind,
        "kind_label": name_of(account.kind),
        "address": masked.get("address", ""),
        "url": address_of(account),
        "active": account.active,
        "embed": embed_line(account) if account.kind == "webchat" else "",
        "well": health.well,
        "fetch_error": unpack(health.reading_fails, _),
        "fetched_at": health.read_at,
        "last_received_at": account.last_received_at,
        "last_sent_at": account.last_sent_at,
        "can_send": account.kind != "email" or bool(masked.get("smtp_host")),
        "unread": health.unread,
        "unread_url": f"/admin/raw?{urlencode({'state': 'failed', 'account': account.slug})}",
        "waiting": health.waiting,
        "failed": health.failed,
        "undecided": health.undecided,
        "token_error": unpack(health.token_error, _),
        "trouble": unpack(health.trouble, _) if health.trouble and not health.token_error else "",
        "settings": [{"label": label_of(account.kind, k), "value": v} for k, v in sorted(masked.items())],
    }


def embed_line(account: Account) -> str:
    """What stands on a page that shows this chat."""
    colour = f' data-colour="{account.settings["colour"]}"' if account.settings.get("colour") else ""
    return f'<script src="{viewer.settings().site_url}/widget.js" data-account="{account.slug}"{colour} async></script>'


@blueprint.get("/raw")
@viewer.needs("channel.manage")
def raw() -> str:
    """The inbox of payloads by state and account, with the reason of each that was not understood."""
    state = request.args.get("state", "failed")
    state = state if state in queries.STATES else ""
    chosen = accounts.find_account(request.args.get("account", ""))
    before = number_of(request.args.get("cursor")) or None
    by = _filters(request.args)
    found = queries.raw_page(state=state, **by, before=before)
    text, days = by["text"], request.args.get("days", "") if by["since"] else ""
    narrowed = {**({"account": chosen.slug} if chosen else {}), **({"q": text} if text else {}), **({"days": days} if days else {})}
    given = {"state": state or "all", **narrowed}
    return render_template(
        "admin/raw.html",
        here="admin",
        state=state or "all",
        tabs=_tabs(state, found.counts, given),
        selects=[
            {
                "name": "account",
                "label": _("全部账号"),
                "value": chosen.slug if chosen else "",
                "options": [{"value": a.slug, "label": a.slug} for a in accounts.list_accounts()],
            },
            {
                "name": "days",
                "label": _("任何时间"),
                "value": days,
                "options": [{"value": str(n), "label": _("最近 %(n)s 天", n=n) if n > 1 else _("最近一天")} for n in DAYS],
            },
        ],
        q=text,
        narrowed=narrowed,
        rows=[_row(row, found.tickets.get(row.id)) for row in found.rows],
        page={
            "next": "/admin/raw?" + urlencode({**given, "cursor": found.next}) if found.next else None,
            "first": "/admin/raw?" + urlencode(given) if before else None,
            "shown": len(found.rows),
        },
        replay_all_url="/admin/raw/replay",
        failed=found.counts["failed"] + found.counts["new"],
    )


def _filters(given: Mapping[str, str]) -> dict[str, Any]:
    """What an address or a form narrows the inbox by; what is no filter counts as none."""
    chosen = accounts.find_account(given.get("account", ""))
    days = number_of(given.get("days"))
    since = now() - timedelta(days=days) if days in DAYS else None
    return {"account_id": chosen.id if chosen else None, "text": clean(given.get("q", "")).strip()[:100], "since": since}


def _tabs(state: str, counts: dict[str, int], given: dict[str, str]) -> list[dict[str, Any]]:
    labels = {**{name: str(words) for name, words in STATE_WORDS.items()}, "": _("全部")}
    numbers = {**counts, "": sum(counts.values())}
    return [
        {
            "key": key,
            "label": label,
            "url": "/admin/raw?" + urlencode({**given, "state": key or "all"}),
            "count": numbers[key],
            "here": key == state,
            "tone": "bad" if key == "failed" else "",
        }
        for key, label in labels.items()
    ]


def _row(row: RawPayload, ticket: int | None) -> dict[str, Any]:
    seen = ticket is not None and viewer.current_actor().can("ticket.read_all")
    return {
        "id": row.id,
        "account": row.account.slug,
        "kind": row.account.kind,
        "source": _source(row.source),
        "dedup_key": row.dedup_key,
        "size_label": _size(row.size),
        "received_at": row.received_at,
        "state": row.state,
        "state_label": str(STATE_WORDS.get(row.state, row.state)),
        "reason": unpack(row.reason or "", _),
        "view_url": f"/admin/raw/{row.id}",
        "replay_url": f"/admin/raw/{row.id}/replay" if row.state in ("failed", "new") else None,
        "message_url": f"/desk/tickets/{ticket}" if seen else None,
    }


def _size(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


@blueprint.get(ROW)
@viewer.needs("channel.manage")
def payload(raw_id: int) -> str:
    """One payload as text, as far as it fits a page. It is only shown: nothing of it is run, loaded or linked."""
    row = _payload(raw_id)
    content = get_bytes(row.sha256)
    text = clean(content[:SHOWN_BYTES].decode("utf-8", "replace"))
    return render_template(
        "admin/raw_payload.html",
        here="admin",
        raw=_row(row, queries.tickets_of([row.id]).get(row.id)),
        text="".join(sign if sign in "\n\t" or sign.isprintable() else "�" for sign in text.replace("\r\n", "\n")),
        cut=_size(len(content)) if len(content) > SHOWN_BYTES else None,
        download_url=f"/admin/raw/{row.id}/content",
    )


@blueprint.get(f"{ROW}/content")
@viewer.needs("channel.manage")
def content(raw_id: int) -> Response:
    """The bytes, as a download that no browser opens."""
    row = _payload(raw_id)
    ending = "eml" if row.account.kind == "email" else "bin"
    response = Response(get_bytes(row.sha256), content_type="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="raw-{row.id}.{ending}"'
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@blueprint.post(f"{ROW}/replay")
@viewer.needs("channel.manage")
def replay(raw_id: int) -> AnyResponse:
    """Try one again."""
    try:
        outcome = receiving.replay(viewer.current_actor(), raw_id)
    except NotFound:
        raise
    except DeskError as problem:
        session().rollback()
        flash(words_of(problem), "bad")
        return _back()
    if outcome.state == receiving.FAILED:
        flash(_("还是读不懂：%(reason)s", reason=unpack(outcome.reason, _)), "bad")
    else:
        flash(_("已重放，归入了会话。") if outcome.state == receiving.IMPORTED else _("已重放，这件以前来过。"), "good")
    return _back()


@blueprint.post("/raw/replay")
@viewer.needs("channel.manage")
def replay_all() -> AnyResponse:
    """Try those that are ticked (`id`), else all that failed within the filters, oldest first: a few at once, so that
    the answer says how it went; more by the worker, or by asking again where it is filtered."""
    by = _filters(request.form)
    ids, good = queries.waiting_now(AT_ONCE + 1, **by), 0
    if "id" in request.form:
        ids = [number for raw_id in request.form.getlist("id")[:AT_ONCE] if (number := number_of(raw_id))]
    elif len(ids) > AT_ONCE and not any(by.values()):
        with unit_of_work():
            count = receiving.ask_replay(viewer.current_actor())
        flash(_("%(n)s 件太多，一次放不完：已交给后台重放，这一页会自己更新。", n=count), "good")
        return _back()
    for raw_id in ids[:AT_ONCE]:
        try:
            good += receiving.replay(viewer.current_actor(), raw_id).state != receiving.FAILED
        except DeskError:
            session().rollback()  # somebody else replayed it at the same moment
    bad = len(ids[:AT_ONCE]) - good
    flash(_("重放 %(good)s 件成功，%(bad)s 件还是读不懂。", good=good, bad=bad), "warn" if bad else "good")
    return _back()


def _payload(raw_id: int) -> RawPayload:
    row = session().get(RawPayload, raw_id)
    if row is None:
        raise NotFound()
    return row


def _back() -> AnyResponse:
    """To the list as it was looked at."""
    seen = urlsplit(request.referrer or "")
    same = seen.netloc == request.host and (seen.path == "/admin/raw" or seen.path.startswith("/admin/raw/"))
    return redirect(seen.path + (f"?{seen.query}" if seen.query else "") if same else "/admin/raw", 303)


def _source(source: str) -> str:
    """Where a payload came from, in words: an address or a name of a file tells by itself, a door of ours does not."""
    kind, _mark, rest = source.partition(":")
    if kind == "webchat" and rest.startswith("v-"):
        return str(_("访客 %(mark)s", mark=rest[-4:].upper()))
    return str(SOURCES.get(source, source))
