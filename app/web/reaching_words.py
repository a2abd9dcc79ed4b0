"""The words of ladders, and ladders as the templates want them."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import viewer
from app.core.text import unpack
from app.reach import reaching
from app.web.order_words import covered
from channels.reaching.models import Outreach, OutreachRung
from channels.reaching.plans import AUDIENCES, PURPOSES, WAYS

STATES = {"open": (_l("还在告知"), "accent"), "reached": (_l("已送达"), "good"), "exhausted": (_l("都没送达"), "bad"), "withdrawn": (_l("不用再告知"), "")}
RUNGS = {
    "tried": (_l("等回音"), "accent", "clock"),
    "delivered": (_l("送达"), "good", "check"),
    "failed": (_l("没送达"), "bad", "circle-x"),
    "skipped": (_l("跳过"), "", "circle-off"),
}
ICONS = {
    "line": "message", "wechat": "message", "wecom": "message", "template": "bell", "app": "bell", "sms": "phone",
    "email": "mail", "robot": "users", "call": "phone",
}  # fmt: skip


def shown(outreach: Outreach) -> dict[str, Any]:
    """One ladder with its rungs. Addresses are for the desk alone."""
    word, tone = STATES[outreach.state]
    calls = any(rung.way == "call" and rung.state == "tried" for rung in outreach.rungs)
    if outreach.state == "exhausted" and calls:
        word, tone = _l("等电话告知"), "warn"
    person = outreach.user or outreach.contact
    desk = viewer.current_actor().can("desk.use")
    return {
        "id": outreach.id,
        "who": (person.label if desk or outreach.user else covered(person.label)) if person else _("没有联系人"),
        "purpose": _(PURPOSES[outreach.purpose]),
        "audience": _(AUDIENCES[outreach.audience]),
        "state": str(word),
        "tone": tone,
        "at": outreach.created_at,
        "waiting": unpack(outreach.waiting, _),
        "next_at": outreach.next_at if outreach.state == "open" else None,
        "subject": _subject(outreach),
        "rungs": [_rung(rung, desk) for rung in outreach.rungs],
        "skipped": sum(rung.state == "skipped" for rung in outreach.rungs),
    }


def _rung(rung: OutreachRung, desk: bool) -> dict[str, Any]:
    word, tone, icon = RUNGS[rung.state]
    if rung.state == "tried" and rung is not rung.outreach.rungs[-1]:
        word, tone, icon = _l("没有回音"), "warn", "clock"
    where = rung.account.slug if rung.account and rung.way in ("line", "robot") else rung.address
    return {
        "way": _(WAYS[rung.way]),
        "icon": ICONS[rung.way],
        "state": str(word),
        "tone": tone,
        "mark": icon,
        "skipped": rung.state == "skipped",
        "reason": unpack(rung.reason, _),
        "where": where if desk else "",
        "at": rung.sent_at or rung.at,
    }


def _subject(outreach: Outreach) -> dict[str, str] | None:
    if outreach.subject_number is None:
        return None
    place = "/orders" if outreach.subject_kind == "order" else "/desk/tickets"
    return {"label": f"#{outreach.subject_number}", "url": f"{place}/{outreach.subject_number}"}


def ladders_of(kind: str, number: int) -> list[dict[str, Any]]:
    """The ladders about a ticket or an order, newest first; for templates that have shown it past its gatekeeper."""
    return [shown(outreach) for outreach in reaching.about(kind, number)]
