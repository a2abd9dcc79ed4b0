"""Orders as the templates of orders/ want them; each template's head says which names it reads."""

import re
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _

from app.core.audit import AuditRow
from app.core.clock import now
from app.core.people import Identity
from app.core.permissions import Actor
from app.queries import orders
from app.queries.audit import audit_rows
from app.web import order_words as words
from app.web.desk_context import identity
from app.web.desk_words import priority_of, size_word
from app.web.i18n import local, show_datetime
from workflows.kinds import IMPACTS, KINDS
from workflows.order_access import may_know_customer, on_desk, owns, platforms
from workflows.order_guards import open_visit
from workflows.order_kinds import CHANGERS, CHOSEN, EVIDENCE, QUOTES, REJECTS, UNABLES, VISIT_RESULTS, WARRANTIES, WORKS
from workflows.order_notices import NOTICES, notices_of
from workflows.orders import ORDER
from workflows.orders_models import OPEN_ORDER, OrderEvidence, OrderMark, ServiceOrder, Visit

DIRECT = frozenset({"accept", "depart", "arrive", "start", "pass", "resume"})
DANGEROUS = frozenset({"reject", "unable", "cancel", "rework", "close", "propose"})
ICONS = {
    "accept": "check", "reject": "arrow-back-up", "assign": "user", "appoint": "calendar", "reappoint": "calendar-time",
    "plan": "list-check", "depart": "arrow-right", "arrive": "map-pin", "leave": "logout", "start": "player-play",
    "deliver": "package", "pass": "circle-check", "rework": "reload", "hold": "player-pause", "resume": "player-play",
    "extend": "calendar-time", "unable": "circle-x", "cancel": "circle-off", "close": "check", "propose": "circle-off",
    "hand_over": "transfer", "quote": "phone",
}  # fmt: skip
LINE = ("created", "scheduled", "planned", "delivering", "checking", "closed")


def order_url(order: ServiceOrder) -> str:
    return f"/orders/{order.number}"


def card(order: ServiceOrder, actor: Actor) -> dict[str, Any]:
    """One row of a list or of the ticket's panel."""
    ticket, device = order.ticket, order.device
    return {
        "id": order.id,
        "number": order.number,
        "url": order_url(order),
        "subject": order.subject,
        "work": _(WORKS[order.work].label),
        "state": "hold" if order.held else order.state,
        "state_label": _("等%(what)s", what=words.hold_word(order)) if order.held else words.state_word(order.state),
        "window": words.window(order.window_from, order.window_to),
        "place": order.place or (ticket.organisation.label if ticket.organisation else ""),
        "organisation": ticket.organisation.label if ticket.organisation else "",
        "customer": customer_name(order, actor),
        "device": device.label if device else (order.product.code if order.product else ""),
        "supplier": order.supplier.label if order.supplier else _("平台"),
        "technician": order.technician.label if order.technician else "",
        "clock": words.clock_of(order),
        "priority": priority_of(ticket),
        "urged": order.urged if order.state in OPEN_ORDER else 0,
        "calls": urge_unheard(order),
        "may_assign": any(step.name in ("accept", "assign") for step in ORDER.offers(order, actor)) and actor.role == "dispatcher",
        "reworks": order.reworks,
        "cancelling": order.cancelling and order.state in OPEN_ORDER,
        "waiting": waiting_for(order),
        "next": next_label(order, actor),
    }


def urge_unheard(order: ServiceOrder) -> bool:
    """Whether the customer urged after the last thing that was done: the red dot."""
    if order.urged_at is None or order.state not in OPEN_ORDER or order.state == "checking":
        return False
    done = (order.accepted_at, order.assigned_at, order.scheduled_at, order.planned_at, order.visited_at, order.started_at)
    return all(moment is None or moment < order.urged_at for moment in done)


def ticked(order: ServiceOrder, done: set[str]) -> str:
    """The steps of the plan as a checklist in words, a line a step."""
    plan = orders.papers_of(order).plan
    lines = steps_of(plan.steps) if plan else []
    return "\n".join(f"{'✓' if line in done else '✗'} {line}" for line in lines) if done else ""


def steps_of(text: str) -> list[str]:
    """The steps of a plan: a line each, or what a sentence divides by semicolons."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines if len(lines) != 1 else [part.strip() for part in re.split("[；;]", lines[0].rstrip("。.")) if part.strip()]


def customer_name(order: ServiceOrder, actor: Actor) -> str:
    contact = order.ticket.contact
    if contact is None:
        return ""
    return contact.label if may_know_customer(order, actor) else words.covered(contact.name)


def next_step(order: ServiceOrder) -> str:
    """The step that brings the order on, whoever has to take it; "" where something outside is waited for."""
    if order.state not in OPEN_ORDER:
        return ""
    if order.cancelling and order.state != "checking":
        return "cancel"
    if order.held:
        return "resume"
    if order.accepted_at is None:
        return "accept"
    if order.state == "checking":
        return "pass"
    if order.technician_id is None:
        return "assign"
    if order.window_from is None:
        return "appoint"
    if order.state == "scheduled":
        return "plan"
    if order.state == "planned" and order.quote in ("asked", "refused"):
        return "plan" if order.quote == "refused" else ""
    return _on_site(order) or ("start" if order.state == "planned" else "deliver")


def _on_site(order: ServiceOrder) -> str:
    """Before work on site somebody travels; what was left with the result "done" needs no second trip."""
    if not WORKS[order.work].on_site:
        return ""
    visit = open_visit(order)
    if visit is not None:
        return "" if visit.arrived_at else "arrive"
    return "" if order.visited_at and order.state == "delivering" else "depart"


def next_label(order: ServiceOrder, actor: Actor) -> str:
    """What this actor is to do next, in words; "" where it is another's turn."""
    wanted = next_step(order)
    offered = wanted and any(step.name == wanted for step in ORDER.offers(order, actor))
    return _(ORDER.by_name[wanted].label) if offered else ""


def waiting_for(order: ServiceOrder) -> str:
    """Whose turn it is, in a short sentence."""
    if order.state not in OPEN_ORDER:
        return ""
    owner = order.supplier.label if order.supplier else _("平台")
    if order.cancelling and order.state != "checking":
        return _("已提议撤单，等 %(who)s 确认", who=owner)
    if order.held:
        until = show_datetime(order.hold_until)
        return _("在等%(what)s，到 %(until)s：%(reason)s", what=words.hold_word(order), until=until, reason=order.hold_reason or "")
    if order.state == "planned" and order.quote == "asked":
        return _("等客户确认报价")
    if order.state == "checking":
        return _("等平台验收")
    step = next_step(order)
    if step == "accept":
        return _("等 %(who)s 接单", who=owner)
    who = order.technician.label if order.technician and step not in ("assign", "appoint") else owner
    return _("等 %(who)s %(step)s", who=who, step=_(ORDER.by_name[step].label)) if step else ""


def actions(order: ServiceOrder, actor: Actor) -> dict[str, Any]:
    """`next`, the one filled button, and `actions`, the rest."""
    url, wanted, following, rest = order_url(order), next_step(order), None, []
    for step in ORDER.offers(order, actor):
        offered = _action(step.name, _(step.label), f"{url}/steps/{step.name}", direct=step.name in DIRECT)
        if step.name == wanted:
            following = offered
        else:
            rest.append(offered)
    if following is None and any(a["step"] == "leave" for a in rest):
        following = next(a for a in rest if a["step"] == "leave")
        rest.remove(following)
    sop = WORKS[order.work].sop
    if following and following["step"] == "plan" and sop and order.quote != "refused":
        rest.insert(0, following)
        following = _action("plan", _("按标准作业做"), f"{url}/steps/plan", direct=True) | {"values": '{"simple": "1"}'}
    if on_desk(actor) and order.state in OPEN_ORDER:
        rest += _desk_actions(order, url, {a["step"] for a in [*rest, following or {"step": ""}]})
    rest.sort(key=lambda a: a["danger"])
    return {"next": following, "actions": rest}


def _desk_actions(order: ServiceOrder, url: str, there: set[str]) -> list[dict[str, Any]]:
    found = []
    if order.state == "created" and (order.accepted_at is None or platforms(order)):
        found.append(_action("hand_over", _("转给别家"), f"{url}/desk/hand_over"))
    if order.quote == "asked":
        found.append(_action("quote", _("记下客户对报价的答复"), f"{url}/desk/quote"))
    if "cancel" not in there and not order.cancelling:
        found.append(_action("propose", _("提议撤单"), f"{url}/desk/propose"))
    return found


def _action(step: str, label: str, url: str, *, direct: bool = False) -> dict[str, Any]:
    return {
        "step": step, "label": label, "url": url, "icon": ICONS.get(step, "point"), "key": "", "direct": direct,
        "enabled": True, "why": "", "danger": step in DANGEROUS, "values": "", "missing": [],
    }  # fmt: skip


def stepper(order: ServiceOrder) -> list[dict[str, str]]:
    """The state machine as a line; another end stands at the place where it was left."""
    if order.state in ("cancelled", "unable"):
        reached = 3 if order.started_at else 2 if order.planned_at else 1 if order.scheduled_at else 0
        line = [{"key": s, "label": words.state_word(s), "mark": "done"} for s in LINE[: reached + 1]]
        return [*line, {"key": order.state, "label": words.state_word(order.state), "mark": "ended"}]
    here = len(LINE) if order.state == "closed" else LINE.index(order.state)
    return [
        {"key": s, "label": words.state_word(s), "mark": "done" if i < here else "here" if i == here else "next"}
        for i, s in enumerate(LINE)
    ]


def whole(order: ServiceOrder, actor: Actor) -> dict[str, Any]:
    """Everything that the page of an order shows. Notes of the desk are not among it."""
    papers, ticket, device = orders.papers_of(order), order.ticket, order.device
    plan, quote = papers.plan, papers.quote
    return {
        "order": card(order, actor) | {
            "version": order.version, "brief": order.brief, "solution": order.solution,
            "chosen": _(CHOSEN[order.chosen]), "contract": order.contract.number if order.contract else "",
            "opened_by": order.opened_by, "created_at": order.created_at, "due_at": order.due_at,
            "first_due_at": order.first_due_at if order.first_due_at != order.due_at else None,
            "warranty": _(WARRANTIES[order.warranty]), "quote": _(QUOTES[order.quote]) if order.quote else "",
            "code": order.code if on_desk(actor) and order.state in OPEN_ORDER and WORKS[order.work].on_site else "",
            "wasted_trip": order.wasted_trip, "held": order.held,
            "unable": words.said(UNABLES, order.unable_why), "unable_reason": order.unable_reason,
            "cancel_reason": order.cancel_reason if order.cancelling or order.state == "cancelled" else "",
            "reappointed": order.reappointed, "ended": order.state not in OPEN_ORDER,
            "other": _other(order),
        },
        "ticket": {
            "number": ticket.number, "subject": ticket.subject, "kind": _(KINDS[ticket.kind].label),
            "impact": _(IMPACTS[ticket.impact]),
            "url": f"/desk/tickets/{ticket.number}" if actor.can("desk.use") and actor.can("ticket.read") else None,
        },
        "customer": _customer(order, actor),
        "device": device and {
            "name": device.name, "model": device.model or device.product.code, "serial": device.serial,
            "firmware": device.firmware, "site": device.site.name if device.site else "",
        },
        "product": order.product.label if order.product else None,
        "plan": plan and {"steps": steps_of(plan.steps), "parts": plan.parts, "by": plan.by, "at": plan.at,
                          "cost": words.money(plan.cost_cents) if plan.cost_cents else ""},
        "quote": quote and {"amount": words.money(quote.amount_cents), "label": words.said(QUOTES, quote.state),
                            "by": quote.answered_by, "at": quote.answered_at, "remark": quote.remark},
        "visits": [_visit(v) for v in order.visits],
        "evidence": [_evidence(e, order) for e in order.evidence],
        "appointments": [
            {"window": words.window(a.window_from, a.window_to), "was": words.window(a.was_from, a.was_to), "by": a.by,
             "party": words.said(CHANGERS, a.party), "reason": a.reason, "at": a.at}
            for a in papers.appointments
        ],
        "marks": [_mark(m, order, actor) for m in papers.marks if _shows(m, order, actor)],
        "history": [
            {"word": words.step_word(r), "who": _("系统") if r.actor_kind == "system" else r.actor_name, "at": r.at,
             "reason": r.reason or "", "icon": ICONS.get(r.action.removeprefix("order."), "point")}
            for r in _trail(order, actor)
        ],
        "steps": stepper(order),
        **actions(order, actor),
        "upload": upload_form(order, actor),
        "proofs": _proofs(order),
        "needed": _needed(order),
        "notices": [
            {"what": _(NOTICES[n.what]), "who": n.user.label, "at": n.at, "state": str(words.NOTICE_STATES[n.state])}
            for n in notices_of(order)
        ],
        "who": actor.id,
    }  # fmt: skip


def _trail(order: ServiceOrder, actor: Actor) -> list[AuditRow]:
    """What was done, newest first. A supplier sees its own time with the order and nothing of those before."""
    rows = audit_rows(subject="service_order", subject_id=order.id, limit=60).rows
    if on_desk(actor):
        return rows
    handed = next((i for i, row in enumerate(rows) if row.action in ("order.handed_over", "order.reject", "order.judged")), len(rows))
    return rows[:handed]


def _shows(mark: OrderMark, order: ServiceOrder, actor: Actor) -> bool:
    told = mark.decision == "asked" or mark.kind != "extend"
    return told and (on_desk(actor) or mark.supplier_id == order.supplier_id)


def _other(order: ServiceOrder) -> dict[str, Any] | None:
    if order.other is None:
        return None
    how = _("在 #%(number)s 之后", number=order.other.number) if order.relation == "after" else _("与 #%(number)s 一起", number=order.other.number)
    return {"how": how, "state": words.state_word(order.other.state)}


def _customer(order: ServiceOrder, actor: Actor) -> dict[str, Any] | None:
    contact = order.ticket.contact
    if contact is None:
        return None
    known = may_know_customer(order, actor)
    rows: list[Identity] = orders.identities_of(contact) if known else []
    return {"name": customer_name(order, actor), "known": known, "identities": [identity(i) for i in rows]}


def _visit(visit: Visit) -> dict[str, Any]:
    if visit.left_at is not None:
        label = words.said(VISIT_RESULTS, visit.result) or _("撤销")
    else:
        label = _("在现场") if visit.arrived_at else _("在路上")
    length = visit.left_at - visit.arrived_at if visit.left_at and visit.arrived_at else timedelta(0)
    return {
        "who": visit.technician.label if visit.technician else "", "departed_at": visit.departed_at,
        "arrived_at": visit.arrived_at, "left_at": visit.left_at, "result": label, "remark": visit.remark,
        "place": visit.place, "wasted": visit.wasted, "open": visit.left_at is None,
        "day": words.window(visit.departed_at or visit.arrived_at, visit.left_at or visit.arrived_at or visit.departed_at),
        "minutes": int(length.total_seconds()) // 60,
    }  # fmt: skip


def _evidence(row: OrderEvidence, order: ServiceOrder) -> dict[str, Any]:
    file = row.file
    return {
        "id": row.id, "kind": _(EVIDENCE[row.kind]), "text": row.text, "by": row.by, "at": row.at, "place": row.place,
        "taken_at": row.taken_at, "old": row.round != order.reworks,
        "url": f"{order_url(order)}/files/{file.id}" if file else None, "name": file.name if file else "",
        "image": bool(file and file.inline), "size": size_word(file.size) if file else "",
    }  # fmt: skip


def _mark(row: OrderMark, order: ServiceOrder, actor: Actor) -> dict[str, Any]:
    who = row.supplier.label if row.supplier else row.asked_by
    text = {
        "reject": lambda: _("%(who)s 拒单：%(why)s", who=who, why=words.said(REJECTS, row.why)),
        "rework": lambda: _("%(who)s 退回返工", who=row.asked_by),
        "extend": lambda: _(
            "%(who)s 申请延期到 %(until)s，原时限 %(was)s", who=row.asked_by, until=show_datetime(row.until), was=show_datetime(row.was)
        ),
    }[row.kind]()
    verdict = {"upheld": _("已裁定：确非其责任"), "refused": _("已裁定：仍归这家") if row.kind == "reject" else _("没有批准")}
    asked = row.decision == "asked"
    return {
        "text": text, "reason": row.reason, "at": row.asked_at, "kind": row.kind, "asked": asked,
        "verdict": verdict.get(row.decision, ""), "because": row.verdict,
        "judge_url": f"{order_url(order)}/marks/{row.id}" if asked and on_desk(actor) else None,
    }  # fmt: skip


def upload_form(order: ServiceOrder, actor: Actor) -> str:
    """Where evidence goes to, for those who may add some now; else ""."""
    side = on_desk(actor) or (owns(order, actor) and order.accepted_at is not None)
    mine = actor.can("order.dispatch") or order.technician_id == actor.id
    may = actor.can("order.work") and side and mine and order.state in OPEN_ORDER
    return f"{order_url(order)}/evidence" if may else ""


def _proofs(order: ServiceOrder) -> dict[str, int]:
    """How many pieces of each kind the present round has."""
    return {kind: sum(row.kind == kind and row.round == order.reworks for row in order.evidence) for kind in EVIDENCE}


def _needed(order: ServiceOrder) -> list[str]:
    """Kinds of evidence that the delivery still lacks."""
    if order.state not in OPEN_ORDER or order.state == "checking":
        return []
    there = {row.kind for row in order.evidence if row.round == order.reworks}
    return [_(EVIDENCE[kind]) for kind in WORKS[order.work].evidence if kind not in there]


def day() -> orders.Day:
    """Today and the coming seven days of the viewer."""
    here = local(now())
    begin = here.replace(hour=0, minute=0, second=0, microsecond=0)
    return orders.Day(begin, begin + timedelta(days=1), begin + timedelta(days=7))
