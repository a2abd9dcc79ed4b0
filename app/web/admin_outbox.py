"""/admin/outbox: what is owed, what was given up, what may have been done; retried or settled by a person."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core import outbox
from app.core.errors import Invalid
from app.core.events import DEAD, DUE, UNDECIDED, Event, EventRow, OutboxRow
from app.core.uow import unit_of_work
from app.queries.outbox import OPEN, STATES, counts, dead_ids, events_owed, outbox_rows
from app.web import words
from channels.accounts import find_account, list_accounts
from channels.models import Account

blueprint = Blueprint("admin_outbox", __name__, url_prefix="/admin/outbox")
ROW = "/<int(max=2147483647):row_id>"
LATE_SECONDS = 60


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.needs("outbox.manage")
def rows() -> str:
    """The list by state; the part with the rows alone where the page asks for it again."""
    state = request.args.get("state", "open")
    state = state if state in STATES else "open"
    cursor = request.args.get("cursor", "")
    before = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 19 else None
    event, account = _filters(request.args)
    account_id = account.id if account else None
    narrowed = {**({"event": event} if event else {}), **({"account": account.slug} if account else {})}
    found = outbox_rows(state, event=event, account_id=account_id, before=before)
    counted, age = counts(event, account_id), int(outbox.oldest_due_age())
    late = age > LATE_SECONDS
    given: dict[str, Any] = {
        "rows_url": "/admin/outbox?" + urlencode({"state": state, **narrowed, **({"cursor": cursor} if before else {})}),
        "tabs": _tabs(state, counted, narrowed),
        "narrowed": narrowed,
        "state": state,
        "dead": counted[DEAD],
        "rows": [_shown(row, event) for row, event in found.rows],
        "page": {
            "next": "/admin/outbox?" + urlencode({"state": state, **narrowed, "cursor": found.next}) if found.next else None,
            "first": "/admin/outbox?" + urlencode({"state": state, **narrowed}) if before else None,
            "shown": len(found.rows),
        },
        "oldest": _("最早一条已等了 %(n)s 秒。", n=age) if age else "",
        "worker": {"ok": not late, "text": _("来不及做") if late else _("按时在做")},
    }
    if request.headers.get("HX-Request") == "true":
        return render_template("admin/_outbox_rows.html", **given)
    return render_template("admin/outbox.html", here="admin", selects=_selects(event, account), **given)


def _filters(given: Mapping[str, str]) -> tuple[str, Account | None]:
    event = given.get("event", "")
    return event if event in Event.registry else "", find_account(given.get("account", ""))


def _selects(event: str, account: Account | None) -> list[dict[str, Any]]:
    names = sorted({*events_owed(), *([event] if event else [])})
    return [
        {"name": "event", "label": _("任何事"), "value": event, "options": [{"value": n, "label": words.said(words.EVENTS, n)} for n in names]},
        {
            "name": "account",
            "label": _("全部账号"),
            "value": account.slug if account else "",
            "options": [{"value": a.slug, "label": a.slug} for a in list_accounts()],
        },
    ]


@blueprint.post("/retry")
@viewer.needs("outbox.manage")
def retry_all() -> Response:
    """Let the worker do again all that was given up, within the filters; what may have happened outside stays."""
    event, account = _filters(request.form)
    with unit_of_work():
        ids = dead_ids(event, account.id if account else None)
        for row_id in ids:
            outbox.retry(viewer.current_actor(), row_id)
    flash(_("%(n)s 件会马上再做一次。", n=len(ids)), "good")
    return _back()


@blueprint.post(f"{ROW}/retry")
@viewer.needs("outbox.manage")
def retry(row_id: int) -> Response:
    """Let the worker do it again."""
    with unit_of_work():
        outbox.retry(viewer.current_actor(), row_id)
    if request.headers.get("HX-Request") != "true":
        flash(_("会马上再做一次。"), "good")
    return _back()


@blueprint.post(f"{ROW}/settle")
@viewer.needs("outbox.manage")
def settle(row_id: int) -> Response:
    """Close it by hand, with the reason why that is right."""
    reason = request.form.get("reason", "").strip()
    if not reason:
        raise Invalid.of("reason", _("写明凭什么知道已经做完。"))
    with unit_of_work():
        outbox.settle(viewer.current_actor(), row_id, reason[:500])
    flash(_("已记为做完。"), "good")
    return _back()


def _back() -> Response:
    """To the list as it was looked at."""
    seen = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
    same = seen.netloc == request.host and seen.path == "/admin/outbox"
    return redirect(f"/admin/outbox?{seen.query}" if same and seen.query else "/admin/outbox", 303)


def _tabs(state: str, counted: dict[str, int], narrowed: dict[str, str]) -> list[dict[str, Any]]:
    numbers = {**counted, "open": sum(counted[name] for name in OPEN)}
    tones = {DEAD: "bad", UNDECIDED: "warn"}
    return [
        {
            "key": name,
            "label": words.said(words.STATES, name),
            "url": "/admin/outbox?" + urlencode({"state": name, **narrowed}),
            "count": numbers[name],
            "here": name == state,
            "tone": tones.get(name, ""),
        }
        for name in ("open", *STATES)
    ]


def _shown(row: OutboxRow, event: EventRow) -> dict[str, Any]:
    stuck = row.state in (DEAD, UNDECIDED)
    subject = None
    if event.subject and event.subject_id and viewer.current_actor().can("audit.read"):
        label = f"{words.said(words.SUBJECTS, event.subject)} {event.subject_id}"
        subject = {"label": label, "url": f"/admin/audit?subject={event.subject}:{event.subject_id}"}
    return {
        "id": row.id,
        "event": row.event_name,
        "event_label": words.said(words.EVENTS, row.event_name),
        "reaction": row.reaction,
        "reaction_label": words.said(words.REACTIONS, row.reaction),
        "subject": subject,
        "state": row.state,
        "state_label": words.said(words.STATES, row.state),
        "attempts": row.attempts,
        "error": row.error or "",
        "at": event.at,
        "due_at": row.due_at if row.state == DUE else None,
        "finished_at": row.finished_at,
        "retry_url": f"/admin/outbox/{row.id}/retry" if stuck else None,
        "settle_url": f"/admin/outbox/{row.id}/settle" if stuck else None,
    }
