"""What a step of the order law changes besides the state. Called by `take()` only; `state` itself is the engine's."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import and_, or_, select

from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, Refused
from app.core.events import record
from app.core.people import User
from app.core.permissions import ROLES, Actor
from workflows.engine import STAY, Given, moment
from workflows.events import OrderHoldEnds
from workflows.holding import begin_hold, end_hold
from workflows.order_access import on_desk, platform_id, platforms
from workflows.order_guards import open_visit
from workflows.order_kinds import (
    ACCEPT_WITHIN,
    CHANGERS,
    FARTHEST_WINDOW,
    HOLDS,
    LONGEST_WINDOW,
    REJECTS,
    STOPS_CLOCK,
    UNABLES,
    VISIT_RESULTS,
    WARRANTIES,
    WASTED,
    WORKS,
)
from workflows.order_notices import tell_owner
from workflows.orders_models import OrderAppointment, OrderMark, OrderPlan, OrderQuote, ServiceOrder, Visit, new_code


def accept(order: ServiceOrder, actor: Actor, given: Given) -> str | None:
    order.accepted_at = now()
    return None


def reject(order: ServiceOrder, actor: Actor, given: Given) -> str | None:
    """Back to the platform. 「非我方责任」 waits for the platform's judgement and counts only then; the rest counts at once."""
    if given["why"] not in REJECTS:
        raise Invalid.of("why", "选择为什么。")
    judged = given["why"] == "not_ours"
    mark(order, actor, "reject", why=given["why"], reason=given["reason"], decision="asked" if judged else "")
    order.rejected += 0 if judged else 1
    order.rejected_by_id = order.supplier_id
    give_to(order, platform_id(), "platform")
    return None


def give_to(order: ServiceOrder, supplier_id: int | None, chosen: str) -> None:
    """Another owner begins anew: with a clock of its own, nobody assigned, nothing appointed."""
    order.supplier_id, order.chosen = supplier_id, chosen
    order.accepted_at = order.technician_id = order.assigned_at = order.window_from = order.window_to = None
    order.accept_due_at = now() + ACCEPT_WITHIN[order.priority]
    session().flush()
    session().refresh(order, ["supplier", "technician"])


def assign(order: ServiceOrder, actor: Actor, given: Given) -> str:
    order.technician = _technician(order, given["technician"])
    order.assigned_at = now()
    tell_owner(order, "assigned", actor)
    return _scheduled(order)


def appoint(order: ServiceOrder, actor: Actor, given: Given) -> str:
    return _set_window(order, actor, given, party="", reason="")


def reappoint(order: ServiceOrder, actor: Actor, given: Given) -> str:
    if given["party"] not in CHANGERS:
        raise Invalid.of("party", "选择是谁要改。")
    order.reappointed += 1
    return _set_window(order, actor, given, party=given["party"], reason=str(given["reason"])[:500])


def _set_window(order: ServiceOrder, actor: Actor, given: Given, *, party: str, reason: str) -> str:
    begin, end = window_of(given["window"])
    session().add(
        OrderAppointment(
            order_id=order.id, window_from=begin, window_to=end, was_from=order.window_from, was_to=order.window_to,
            party=party, reason=reason, by=actor.name, by_id=_user_id(actor),
        )
    )  # fmt: skip
    order.window_from, order.window_to = begin, end
    tell_owner(order, "appointment", actor)
    return _scheduled(order)


def window_of(given: Any) -> tuple[datetime, datetime]:
    """The two moments of {"from", "to"}. Raises Invalid on `window` for anything that is no coming stretch of time."""
    if not isinstance(given, dict) or not given.get("from") or not given.get("to"):
        raise Invalid.of("window", "开始和结束都要填。")
    begin, end = moment(given["from"], "window"), moment(given["to"], "window")
    if not begin < end <= begin + LONGEST_WINDOW:
        raise Invalid.of("window", "结束要晚于开始，最长 7 天。")
    if not now() < end <= now() + FARTHEST_WINDOW:
        raise Invalid.of("window", "时间要在现在之后、半年之内。")
    return begin, end


def _scheduled(order: ServiceOrder) -> str:
    """An order is scheduled as soon as it has both, a technician and a window."""
    if order.state != "created" or order.technician is None or order.window_from is None:
        return STAY
    order.scheduled_at = now()
    return "scheduled"


def plan(order: ServiceOrder, actor: Actor, given: Given) -> str | None:
    """Write the plan. Out of warranty and not free of charge, the customer is asked first."""
    steps, simple = str(given.get("steps") or "").strip(), bool(given.get("simple"))
    if not steps:
        steps = WORKS[order.work].sop
    if not steps:
        raise Invalid.of("steps", "这类工作没有标准作业程序，写下步骤。")
    warranty = given.get("warranty") or order.warranty
    if warranty not in WARRANTIES:
        raise Invalid.of("warranty", "选择保内或保外。")
    cost = cents(given.get("cost"))
    row = OrderPlan(
        order_id=order.id, steps=steps[:8000], parts=parts_of(given.get("parts")), cost_cents=cost, simple=simple,
        by=actor.name, by_id=_user_id(actor),
    )  # fmt: skip
    session().add(row)
    session().flush()
    order.warranty, order.planned_at = warranty, now()
    _ask_price(order, row)
    return None


def _ask_price(order: ServiceOrder, row: OrderPlan) -> None:
    """A newer plan drops the open question; a price that the customer has confirmed needs no second word unless it rises."""
    quotes = session().scalars(select(OrderQuote).where(OrderQuote.order_id == order.id)).all()
    agreed = max((q.amount_cents for q in quotes if q.state == "confirmed"), default=0)
    for quote in quotes:
        if quote.state == "asked":
            quote.state = "dropped"
    if order.warranty != "out" or row.cost_cents == 0:
        order.quote = ""
    elif row.cost_cents <= agreed:
        order.quote = "confirmed"
    else:
        order.quote = "asked"
        session().add(OrderQuote(order_id=order.id, plan_id=row.id, amount_cents=row.cost_cents))


def cents(given: Any) -> int:
    """An amount in yuan as text or number, in 0.01 yuan. Raises Invalid on `cost`."""
    if given in (None, ""):
        return 0
    try:
        amount = Decimal(str(given).replace(",", "").strip())
    except InvalidOperation:
        raise Invalid.of("cost", "写成金额，例如 1200.50。") from None
    if not amount.is_finite() or not 0 <= amount < 100_000_000:
        raise Invalid.of("cost", "写成金额，例如 1200.50。")
    return int((amount * 100).to_integral_value())


def parts_of(given: Any) -> list[str]:
    """Parts, one a line or as a list."""
    lines = str(given or "").splitlines() if not isinstance(given, list) else [str(part) for part in given]
    return [line.strip()[:200] for line in lines if line.strip()][:100]


def depart(order: ServiceOrder, actor: Actor, given: Given) -> str | None:
    _new_visit(order).departed_at = now()
    return None


def arrive(order: ServiceOrder, actor: Actor, given: Given) -> str | None:
    """Check in, with the place where the device says it is, if it may."""
    visit = open_visit(order) or _new_visit(order)
    visit.arrived_at, visit.place = now(), str(given.get("place") or "").strip()[:200]
    order.visited_at = now()
    return None


def _new_visit(order: ServiceOrder) -> Visit:
    visit = Visit(order_id=order.id, technician_id=order.technician_id, round=order.reworks)
    order.visits.append(visit)
    order.visits_count += 1
    return visit


def leave(order: ServiceOrder, actor: Actor, given: Given) -> str | None:
    """End the trip. Where work is left, a new window has to be found: that is another visit and no rework."""
    result = given["result"]
    visit = open_visit(order)
    if result not in VISIT_RESULTS or visit is None:
        raise Invalid.of("result", "选择这次上门的结果。")
    if result == "done" and visit.arrived_at is None:
        raise Invalid.of("result", "没有到场，不能算完成。")
    visit.left_at, visit.result, visit.wasted = now(), result, result in WASTED
    visit.remark = str(given.get("reason") or "").strip()[:500]
    if result != "done" and order.state != "checking":
        order.window_from = order.window_to = order.visited_at = None
    return None


def start(order: ServiceOrder, actor: Actor, given: Given) -> str | None:
    order.started_at = order.started_at or now()
    return None


def deliver(order: ServiceOrder, actor: Actor, given: Given) -> str | None:
    order.solution = str(given["solution"]).strip()[:8000]
    order.delivered_at = now()
    order.first_delivered_at = order.first_delivered_at or order.delivered_at
    order.code_given_at = now() if given.get("code") else None
    return None


def accept_work(order: ServiceOrder, actor: Actor, given: Given) -> str | None:
    order.checked_at, order.checked_by_id = now(), _user_id(actor)
    return _end(order, "passed")


def close(order: ServiceOrder, actor: Actor, given: Given) -> str | None:
    """The end without a look at the work; the result says so."""
    return _end(order, "unchecked")


def rework(order: ServiceOrder, actor: Actor, given: Given) -> str | None:
    """Refused work begins a new round: another window, other evidence, another code."""
    mark(order, actor, "rework", reason=given["reason"])
    tell_owner(order, "rework", actor)
    _end_visit(order, "again")
    order.reworks += 1
    order.window_from = order.window_to = order.visited_at = order.delivered_at = order.code_given_at = None
    order.code, order.code_tries = new_code(), 0
    return None


def hold(order: ServiceOrder, actor: Actor, given: Given) -> str | None:
    until = begin_hold(order, given, HOLDS, "选择在等什么。")
    record(OrderHoldEnds(order_id=order.id, hold=order.holds), due_at=until)
    return None


def resume(order: ServiceOrder, actor: Actor, given: Given) -> str | None:
    """End the hold. The due date moves by the time spent on what the supplier cannot hasten, and only by that."""
    end_hold(order, STOPS_CLOCK)
    return None


def extend(order: ServiceOrder, actor: Actor, given: Given) -> str | None:
    """Ask for a later due date; the platform approves, its own wish at once. Both dates stay on record."""
    until = moment(given["until"], "until")
    if until <= order.due_at:
        raise Invalid.of("until", "新的时间要晚于现在的时限。")
    if now() > order.due_at:
        raise Refused("时限已过，不能再申请延期。")
    row = mark(order, actor, "extend", reason=given["reason"], until=until, was=order.due_at, decision="asked")
    if on_desk(actor):
        decide(row, actor, True)
        order.due_at = until
    return None


def unable(order: ServiceOrder, actor: Actor, given: Given) -> str | None:
    if given["why"] not in UNABLES:
        raise Invalid.of("why", "选择为什么。")
    order.unable_why, order.unable_reason = given["why"], str(given["reason"])[:500]
    _end_visit(order, "not_ready")
    return _end(order, "unable")


def cancel(order: ServiceOrder, actor: Actor, given: Given) -> str | None:
    """Called off. A technician who is under way travelled for nothing: that is written down, whoever is to blame."""
    visit = open_visit(order)
    if visit is not None:
        order.wasted_trip = visit.wasted = True
    _end_visit(order, "cancelled")
    order.cancel_reason = str(given["reason"])[:500]
    tell_owner(order, "cancelled", actor)
    return _end(order, "cancelled")


def _end(order: ServiceOrder, result: str) -> str | None:
    resume(order, Actor(kind="system", id=None, name=""), {})
    _end_visit(order, "done")
    order.closed_at, order.close_result = now(), result
    for quote in session().scalars(select(OrderQuote).where(OrderQuote.order_id == order.id, OrderQuote.state == "asked")):
        quote.state = "dropped"
    return None


def _end_visit(order: ServiceOrder, result: str) -> None:
    visit = open_visit(order)
    if visit is not None:
        visit.left_at, visit.result = now(), result


def mark(order: ServiceOrder, actor: Actor, kind: str, **given: Any) -> OrderMark:
    """Write down a rejection, rework or extension beside the order; it names the owner of that moment."""
    row = OrderMark(
        order_id=order.id, supplier_id=order.supplier_id, kind=kind, asked_by=actor.name, asked_by_id=_user_id(actor), **given
    )
    row.reason = str(row.reason)[:500]
    session().add(row)
    return row


def decide(row: OrderMark, actor: Actor, approved: bool, verdict: str = "") -> None:
    row.decision = ("upheld" if row.kind == "reject" else "approved") if approved else "refused"
    row.decided_by, row.decided_by_id, row.decided_at = actor.name, _user_id(actor), now()
    row.verdict = verdict.strip()[:500]


def technicians(order: ServiceOrder) -> list[User]:
    """Who may be sent: active people of the owner; for the platform's own work those of its desk who may carry it out."""
    sent = and_(User.role.in_(("technician", "dispatcher")), User.organisation_id == order.supplier_id)
    if platforms(order):
        desk = [r for r, (_, may) in ROLES.items() if "order.work" in may and r not in ("technician", "dispatcher", "administrator")]
        sent = or_(sent, User.role.in_(desk))
    rows = select(User).where(User.active.is_(True), sent)
    return list(session().scalars(rows.order_by(User.role.desc(), User.display_name, User.id)))


def _technician(order: ServiceOrder, given: Any) -> User:
    wanted = given.id if isinstance(given, User) else str(given).strip()
    for user in technicians(order):
        if user.id == wanted or str(user.id) == wanted or user.name == wanted:
            return user
    raise Invalid.of("technician", "没有这位师傅，或不是这家的人。")


def _user_id(actor: Actor) -> int | None:
    return actor.id if actor.kind == "user" else None
