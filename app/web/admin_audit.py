"""/admin/audit: who did what to what, and why; filtered, and as a table to take away."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, render_template, request, stream_with_context
from flask_babel import gettext as _

from app import viewer
from app.core.audit import AuditRow
from app.core.clock import now
from app.core.people import User
from app.core.permissions import ROLES
from app.core.text import unpack
from app.queries.audit import audit_actions, audit_rows, audit_subjects
from app.web import words
from app.web.frame import exists
from app.web.i18n import local, show_datetime, time_zone
from app.web.written import name_of, note_of
from workflows.kinds import IMPACTS, KINDS
from workflows.orders import ORDER
from workflows.tickets import TICKET

blueprint = Blueprint("admin_audit", __name__, url_prefix="/admin")
PAGE, MOST_EXPORTED = 50, 10_000
FILTERS = ("q", "who", "action", "subject", "from", "to")


@dataclass(frozen=True)
class Asked:
    """The filters of the address: as typed, and as the list takes them."""

    given: dict[str, str]
    wanted: dict[str, Any]


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/audit")
@viewer.needs("audit.read")
def trail() -> str:
    """The newest fifty entries that fit."""
    asked = _asked()
    cursor = request.args.get("cursor", "")
    before = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 19 else None
    found = audit_rows(**asked.wanted, before=before, limit=PAGE)
    filters = urlencode(asked.given)
    return render_template(
        "admin/audit.html",
        here="admin",
        rows=[_shown(row) for row in found.rows],
        q=asked.given.get("q", ""),
        selects=_selects(asked.given),
        filtered=bool(filters),
        page={
            "next": "/admin/audit?" + urlencode({**asked.given, "cursor": found.next}) if found.next else None,
            "first": f"/admin/audit?{filters}" if before else None,
            "shown": len(found.rows),
        },
        export_url="/admin/audit.csv" + (f"?{filters}" if filters else ""),
    )


@blueprint.get("/audit.csv")
@viewer.needs("audit.read")
def export() -> Response:
    """The entries that fit, the newest ten thousand at most, as CSV for a spreadsheet."""
    asked = _asked()

    def lines() -> Iterator[str]:
        yield "\ufeff" + _line(
            [_("时间"), _("谁"), _("途径"), _("做了什么"), _("对象"), _("改前"), _("改后"), _("原因")]
        )
        before, left = None, MOST_EXPORTED
        while left > 0:
            found = audit_rows(**asked.wanted, before=before, limit=min(500, left))
            for row in found.rows:
                subject = f"{row.subject}:{row.subject_id} {row.label}".strip() if row.subject else row.label
                shown = [
                    show_datetime(row.at),
                    name_of(row.actor_name),
                    row.via,
                    row.action,
                    subject,
                    row.before,
                    row.after,
                    _reason(row),
                ]
                yield _line(shown)
            left -= len(found.rows)
            before = found.next
            if before is None:
                return

    answer = Response(stream_with_context(lines()), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="audit-{local(now()):%Y%m%d-%H%M}.csv"'
    return answer


def _line(cells: list[str | None]) -> str:
    """One line; what a spreadsheet would take for a formula is written as text."""
    out = io.StringIO()
    csv.writer(out).writerow(["'" + cell if cell and cell[0] in "=+-@\t\r" else cell or "" for cell in cells])
    return out.getvalue()


def _asked() -> Asked:
    given = {name: value for name in FILTERS if (value := request.args.get(name, "").strip()[:200])}
    subject, _colon, number = given.get("subject", "").partition(":")
    since, until = _day(given.get("from")), _day(given.get("to"))
    if until is not None and until < date.max:
        until += timedelta(days=1)
    wanted = {
        "text": given.get("q", ""),
        "actor": given.get("who", ""),
        "action": given.get("action", ""),
        "subject": subject,
        "subject_id": int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None,
        "since": _midnight(since),
        "until": _midnight(until),
    }
    return Asked(given, wanted)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _midnight(day: date | None) -> datetime | None:
    """The beginning of a day in the viewer's zone; days at the edge of the calendar cannot be moved between zones."""
    return datetime.combine(day, time(), time_zone()) if day and 1900 < day.year < 9000 else None


def _selects(given: dict[str, str]) -> list[dict[str, Any]]:
    today = local(now()).date()
    periods = {
        today.isoformat(): _("今天"),
        (today - timedelta(days=6)).isoformat(): _("近 7 天"),
        (today - timedelta(days=29)).isoformat(): _("近 30 天"),
    }
    since = given.get("from", "")
    if since and since not in periods:
        periods = {since: _("%(day)s 起", day=since), **periods}
    kinds = audit_subjects()
    subject = given.get("subject", "")
    chosen = [{"value": subject, "label": _subject_words(subject)}] if subject and subject not in kinds else []
    return [
        {
            "name": "from",
            "label": _("任何时间"),
            "value": since,
            "options": [{"value": v, "label": s} for v, s in periods.items()],
        },
        {
            "name": "action",
            "label": _("所有动作"),
            "value": given.get("action", ""),
            "options": [{"value": name, "label": words.said(words.ACTIONS, name)} for name in audit_actions()],
        },
        {
            "name": "subject",
            "label": _("所有对象"),
            "value": subject,
            "options": [*chosen, *({"value": name, "label": words.said(words.SUBJECTS, name)} for name in kinds)],
        },
    ]


LAWS = {
    "ticket": {**TICKET.labels, **IMPACTS, **{kind.code: kind.label for kind in KINDS.values()}},
    "service_order": ORDER.labels,
}


def _subject_words(subject: str) -> str:
    kind, _colon, number = subject.partition(":")
    return f"{words.said(words.SUBJECTS, kind)} {number}".strip()


def _reason(row: AuditRow) -> str:
    """Why, in words; with a new revision it is the revision's note, and that may be the house's own."""
    reason = row.reason or ""
    return note_of(reason) if row.action == "article.revise" else unpack(reason, _)


def _shown(row: AuditRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": row.at,
        "who": _("系统") if row.actor_kind == "system" and row.via == "system" else name_of(row.actor_name),
        "via_label": words.said(words.VIA, row.via),
        "action": row.action,
        "action_label": words.said(words.ACTIONS, row.action),
        "subject": _subject(row),
        "before": _value(row, row.before),
        "after": _value(row, row.after),
        "reason": _reason(row),
        "details": [
            [words.said(words.DETAILS, name), _plain(value)] for name, value in (row.details or {}).items() if value not in (None, [], "")
        ],
    }


def _value(row: AuditRow, value: str | None) -> str | None:
    """A role or a state in words; what has none stays as it was noted."""
    if value in ROLES and row.subject == User.__tablename__:
        return _(ROLES[value][0])
    if value and row.subject == "outbox":
        return words.said(words.STATES, value)
    known = LAWS.get(row.subject or "", {})
    return "、".join(_(known.get(part, part)) for part in value.split("/")) if value and known else value


def _subject(row: AuditRow) -> dict[str, str] | None:
    if not row.subject:
        return {"label": row.label, "url": ""} if row.label else None
    label = f"{words.said(words.SUBJECTS, row.subject)} {row.label or row.subject_id or ''}".strip()
    if row.subject_id is None:
        return {"label": label, "url": ""}
    page = words.PAGES.get(row.subject)
    may = row.subject != User.__tablename__ or viewer.current_actor().can("user.manage")
    if page and may and exists(page.format(id="<>")):
        return {"label": label, "url": page.format(id=row.subject_id)}
    return {"label": label, "url": f"/admin/audit?subject={row.subject}:{row.subject_id}"}


def _plain(value: Any) -> str:
    return ", ".join(str(v) for v in value) if isinstance(value, list) else str(value)
