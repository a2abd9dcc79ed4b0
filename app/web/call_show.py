"""Calls, calls to make and talk without wrap-up as the desk's templates want them."""

from typing import Any

from flask_babel import gettext as _

from app.core.clock import now
from app.core.people import Contact
from app.core.permissions import Actor
from app.queries.caller import Caller
from app.queries.calls import started
from app.queries.wrap_ups import Owed
from app.web import call_words, desk_context
from app.web import desk_words as words
from app.web.desk_message import hide_keys
from app.web.desk_show import ticket_url
from app.web.i18n import local
from channels.calls.models import Call
from workflows.call_models import REASONS, RESULTS, CallTask
from workflows.call_tasks import CALL_TASK
from workflows.kinds import CATEGORIES, KINDS
from workflows.models import Ticket
from workflows.wrap_models import NONE_REASONS, WrapUp


def call_url(call: Call) -> str:
    return f"/desk/calls/{call.id}"


def who_of(call: Call) -> dict[str, Any]:
    """Whom a call was with, in one line: the person, else the company, else the number."""
    person, company = call.contact, call.organisation
    number = call_words.number_word(call.number) or (call.caller if call.direction != "outbound" else call.callee) or ""
    return {
        "name": (person.name if person else "") or (company.label if company else "") or number or _("匿名来电"),
        "company": company.label if company and person and person.name else "",
        "number": number,
        "dial": call_words.dial(call.number),
    }


def row(call: Call, wrap: WrapUp | None = None) -> dict[str, Any]:
    """A line of the list of calls."""
    return {
        "id": call.id,
        "url": call_url(call),
        "at": started(call),
        **who_of(call),
        "direction": call_words.direction(call),
        "outcome": call_words.outcome(call),
        "queue": call.queue or "",
        "agent": call.user.label if call.user else call.agent or "",
        "wait": call_words.seconds(call.wait),
        "talk": call_words.seconds(call.billsec) if call.outcome == "answered" else "—",
        "wrapped": bool(wrap and wrap.done_at),
        "owes": call.outcome == "answered" and call.direction != "internal" and not (wrap and wrap.done_at),
        "ticket": ticket(wrap.ticket) if wrap and wrap.ticket else None,
        "missed": call.direction == "inbound" and call.outcome in ("abandoned", "no_answer", "busy", "failed"),
    }


def task(found: CallTask, actor: Actor) -> dict[str, Any]:
    """A call to make, with what may be done about it."""
    offered = {step.name for step in CALL_TASK.offers(found, actor)}
    opened = found.open_key is not None
    person = found.contact
    last = found.tries[-1] if found.tries else None
    return {
        "id": found.id,
        "url": f"/desk/calls/tasks/{found.id}",
        "name": (person.name if person else "") or (found.organisation.label if found.organisation else "") or call_words.number_word(found.number),
        "person_url": f"/contacts/{person.id}" if person and actor.can("contact.read") else None,
        "company": found.organisation.label if found.organisation and person and person.name else "",
        "number": call_words.number_word(found.number),
        "dial": call_words.dial(found.number) if opened else "",
        "reason": _(REASONS[found.reason]),
        "count": found.count,
        "queue": found.queue,
        "note": short(found.note),
        "state": call_words.task_state(found),
        "result": _(RESULTS[found.result]) if found.result else "",
        "who": found.user.label if found.user else "",
        "mine": found.user_id is not None and found.user_id == actor.id,
        "attempts": found.attempts,
        "last": {"result": _(RESULTS[last.result]), "at": last.at, "by": last.by, "note": last.note} if last else None,
        "due": found.due_at if opened else None,
        "late": opened and found.due_at < now(),
        "at": found.last_at,
        "ended": found.ended_at,
        "ticket": ticket(found.ticket) if found.ticket else None,
        "call_url": f"/desk/calls/{found.calls[-1]}" if found.calls else None,
        "may": {name: name in offered for name in ("take", "release", "log", "void", "reopen")},
        "version": found.version,
    }


def short(text: str, most: int = 120) -> str:
    """The beginning of what is to be said, without the customer's own link in it."""
    line = " ".join(hide_keys(text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def ticket(found: Ticket) -> dict[str, Any]:
    return {
        "number": found.number, "url": ticket_url(found), "subject": found.subject, "state": found.state,
        "state_label": words.state_word(found.state), "clock": words.clock_of(found),
        "product": found.product.code if found.product else None,
    }  # fmt: skip


def owed(found: Owed) -> dict[str, Any]:
    """A talk without wrap-up."""
    if found.call is not None:
        call = found.call
        return {
            "kind": "call", "id": call.id, "channel": "calls", "channel_label": words.channel_word("calls"),
            **who_of(call), "url": call_url(call), "at": found.at, "agent": call.user.label if call.user else call.agent or "",
            "length": call_words.seconds(call.billsec), "form_url": f"/desk/wrap-ups/call/{call.id}",
        }  # fmt: skip
    one = found.session
    assert one is not None
    conversation = one.conversation
    kind = conversation.account.kind
    return {
        "kind": "session", "id": one.id, "channel": kind, "channel_label": words.channel_word(kind),
        "name": conversation.contact.label if conversation.contact else _("还不知道是谁"), "company": "", "number": "", "dial": "",
        "url": None, "at": found.at, "agent": "", "length": call_words.seconds((one.last_at - one.started_at).total_seconds()),
        "form_url": f"/desk/wrap-ups/session/{one.id}",
    }  # fmt: skip


def caller(found: Caller, call: Call, actor: Actor) -> dict[str, Any]:
    """What the card shows of whoever is on the line."""
    person, company = found.contact, found.organisation
    today = local(now()).date()
    return {
        **who_of(call),
        "contact": {"id": person.id, "url": f"/contacts/{person.id}", "title": person.title, "named": bool(person.name)}
        if person and actor.can("contact.read") else None,
        "organisation": {
            "name": company.name, "url": f"/organisations/{company.id}",
            "level": str(words.CONTRACTS.get(found.level, found.level)) if found.level else None,
            "manager": found.manager.label if found.manager else None,
        } if company else None,
        "shared": found.shared,
        "shared_as": found.identity.shown if found.shared and found.identity else "",
        "known": found.known,
        "people": [candidate(c) for c in found.people],
        "times": found.times,
        "again": _("3 天内第 %(n)s 次", n=found.times) if found.times > 1 else "",
        "tickets": [ticket(t) for t in found.tickets],
        "devices": [
            {
                "id": d.id, "url": f"/devices/{d.id}", "model": d.model or d.product.code, "serial": d.serial,
                "site": " · ".join(w for w in (d.site.name if d.site else "", d.name) if w),
                "out": d.warranty_until is not None and d.warranty_until < today,
            }
            for d in found.devices
        ],
        "last": [
            {
                "channel": m.conversation.account.kind, "channel_label": words.channel_word(m.conversation.account.kind),
                "text": hide_keys(" ".join(m.visible_text.split()))[:70], "at": m.created_at,
                "url": f"{ticket_url(of)}#m-{m.id}" if of else None, "number": of.number if of else None,
            }
            for m, of in found.last
        ],
        "calls": [
            {"url": call_url(c), "at": started(c), "outcome": call_words.outcome(c), "agent": c.user.label if c.user else ""}
            for c in found.calls
        ],
        "tasks": [
            {"id": t.id, "reason": _(REASONS[t.reason]), "count": t.count, "note": short(t.note, 60), "due": t.due_at, "log_url": f"/desk/calls/tasks/{t.id}/log"}
            for t in found.tasks
        ],
    }  # fmt: skip


def candidate(contact: Contact) -> dict[str, Any]:
    """Somebody to pick as whoever is on the line: what they do says more than how else they can be reached."""
    shown = desk_context.candidate(contact)
    return shown | {"why": contact.title or shown["why"]}


def wrap_words(wrap: WrapUp) -> str:
    """A finished wrap-up in one line."""
    if wrap.none_reason:
        return _("不用小结：%(why)s", why=_(NONE_REASONS.get(wrap.none_reason, wrap.none_reason)))
    parts = [_(KINDS[wrap.issue].label) if wrap.issue in KINDS else "", _(CATEGORIES[wrap.category]) if wrap.category in CATEGORIES else "", wrap.cause]
    return " · ".join(part for part in parts if part)
