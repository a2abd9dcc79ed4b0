"""What must hold before a step of the order law; each says in one sentence why not, or None."""

from app.core.errors import Refused
from app.core.permissions import Actor
from workflows.engine import Given, early
from workflows.order_access import on_desk, owns, platforms
from workflows.order_kinds import CODE_TRIES, EVIDENCE, WORKS
from workflows.orders_models import OPEN_ORDER, ServiceOrder, Visit
from workflows.rules import MAX_HOLDS

Why = str | Refused | None


@early
def owned(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    if owns(order, actor):
        return None
    if order.supplier is None:
        return "这张订单归平台处理。"
    return Refused("这张订单归%(supplier)s处理。", supplier=order.supplier.label)


@early
def concerned(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    """Both sides: whoever owns the order, and the platform, which hears from the customer."""
    return None if on_desk(actor) else owned(order, actor, given)


@early
def mine(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    if actor.can("order.dispatch") or (order.technician_id is not None and order.technician_id == actor.id):
        return None
    return "这张订单派给了别的师傅。"


@early
def not_accepted(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    return "已经接单了。" if order.accepted_at else None


@early
def accepted(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    return None if order.accepted_at else "先接单。"


@early
def somebody_elses(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    return "平台自己的订单没有可退给的一方，请转给供应商。" if platforms(order) else None


@early
def no_window(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    return "已经预约了，要换时间请改约。" if order.window_from else None


@early
def has_window(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    return None if order.window_from else "先预约时间。"


@early
def travels(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    return None if WORKS[order.work].on_site else "这项工作不用上门。"


@early
def nobody_travelling(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    return "师傅已经出发，先记下这次上门的结果。" if open_visit(order) else None


@early
def not_there_yet(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    visit = open_visit(order)
    return "已经签到了。" if visit is not None and visit.arrived_at else None


@early
def somebody_travelling(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    return None if open_visit(order) else "现在没有进行中的上门。"


@early
def at_work(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    """Work on site begins on site."""
    visit = open_visit(order)
    if not WORKS[order.work].on_site or (visit is not None and visit.arrived_at):
        return None
    return "先到场签到。"


@early
def quote_settled(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    return {"asked": "等客户确认报价。", "refused": "客户不接受报价，请修改方案。"}.get(order.quote)


@early
def its_turn(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    if order.relation == "after" and order.other is not None and order.other.state in OPEN_ORDER:
        return Refused("要等订单 #%(number)s 结束。", number=order.other.number)
    return None


def evidence_complete(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    there = {row.kind for row in order.evidence if row.round == order.reworks}
    missing = [EVIDENCE[kind] for kind in WORKS[order.work].evidence if kind not in there]
    return Refused("还缺：%(kind)s。", kind=missing[0]) if missing else None


def been_there(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    return None if not WORKS[order.work].on_site or order.visited_at else "还没有到过现场。"


def signed_off(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    """The customer says that it is done: by the code that only they have, or by a signature."""
    code = "".join(str(given.get("code") or "").split())
    if code:
        if order.code_tries >= CODE_TRIES:
            return "验收码错得太多次，请客户签字。"
        return None if code == order.code else "验收码不对，请客户再念一遍。"
    if not WORKS[order.work].on_site or any(row.kind == "signature" and row.round == order.reworks for row in order.evidence):
        return None
    return "请客户报验收码，或者签字。"


@early
def other_hands(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    same = actor.kind == "user" and actor.id is not None and actor.id == order.technician_id
    return "验收的人不能是做的人，请同事验收。" if same else None


@early
def not_held_yet(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    if order.held:
        return "已经挂起了。"
    return Refused("已挂起 %(n)s 次，不能再挂起。", n=MAX_HOLDS) if order.holds >= MAX_HOLDS else None


@early
def is_held(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    return None if order.held else "没有挂起。"


@early
def cancel_agreed(order: ServiceOrder, actor: Actor, given: Given) -> Why:
    """Who has accepted must agree: the platform proposes, the supplier acknowledges. A supervisor may go over that."""
    if actor.kind == "system" or actor.can("ticket.supervise"):
        return None
    if owns(order, actor):
        return None if order.cancelling or platforms(order) else "平台没有提议撤单；做不了请用「无法完成」。"
    if on_desk(actor):
        return None if order.accepted_at is None else "供应商已接单，请提议撤单，由他们确认。"
    return owned(order, actor, given)


def open_visit(order: ServiceOrder) -> Visit | None:
    """The trip that is under way, if there is one."""
    last = order.visits[-1] if order.visits else None
    return last if last is not None and last.left_at is None else None
