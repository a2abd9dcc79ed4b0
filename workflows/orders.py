"""The law of service orders, one row a step. `take(ORDER, order, "accept", actor, …)` is the only way to move one.

未接单, 未派人, 未预约, 未上门, 未完工, 待验收 are lists derived from an order's facts (app/queries/orders.py), not states.
"""

from workflows import order_effects as do
from workflows import order_guards as check
from workflows.engine import STAY, Workflow, need, step
from workflows.events import OrderStepTaken
from workflows.orders_models import OPEN_ORDER, ServiceOrder

OPEN = " ".join(OPEN_ORDER)
APPOINTING = "created scheduled planned delivering"
WORKING = "scheduled planned delivering"


def _event(order: ServiceOrder, name: str, before: str, after: str) -> OrderStepTaken:
    return OrderStepTaken(
        order_id=order.id, version=order.version, ticket_id=order.ticket_id, step=name, before=before, after=after
    )


_WINDOW = need("window", "选择上门的时间段。")
_REASON = need("reason", "写下原因。")

ORDER = Workflow(
    name="order",
    start="created",
    ends=frozenset({"closed", "cancelled", "unable"}),
    labels={
        "created": "订单创建",
        "scheduled": "计划排程",
        "planned": "方案制订",
        "delivering": "执行交付",
        "checking": "反馈检查",
        "closed": "已关闭",
        "cancelled": "已撤销",
        "unable": "无法完成",
    },
    event=_event,
    steps=(
        step("accept", "接单", "created", STAY, "order.dispatch", check.owned, check.not_accepted, effect=do.accept),
        step("reject", "拒单", "created", STAY, "order.dispatch",
             check.owned, check.somebody_elses,
             need("why", "选择为什么。"), _REASON, effect=do.reject),
        step("assign", "派师傅", APPOINTING, f"{STAY} scheduled", "order.dispatch",
             check.owned, check.accepted, check.nobody_travelling,
             need("technician", "选择师傅。"), effect=do.assign, while_held=True),
        step("appoint", "预约", APPOINTING, f"{STAY} scheduled", "order.work",
             check.concerned, check.mine, check.accepted, check.no_window, _WINDOW, effect=do.appoint, while_held=True),
        step("reappoint", "改约", APPOINTING, f"{STAY} scheduled", "order.work",
             check.concerned, check.mine, check.accepted, check.has_window, check.nobody_travelling,
             _WINDOW, need("party", "选择是谁要改。"), _REASON, effect=do.reappoint, while_held=True),
        step("plan", "制订方案", "scheduled planned", "planned", "order.work",
             check.owned, check.mine, need("steps simple", "写下步骤。"), effect=do.plan),
        step("depart", "出发", WORKING, STAY, "order.work",
             check.owned, check.mine, check.travels, check.has_window, check.nobody_travelling, effect=do.depart),
        step("arrive", "到场签到", WORKING, STAY, "order.work",
             check.owned, check.mine, check.travels, check.has_window, check.not_there_yet, effect=do.arrive),
        step("leave", "离场", f"{WORKING} checking", STAY, "order.work",
             check.owned, check.mine, check.somebody_travelling,
             need("result", "选择这次上门的结果。"), effect=do.leave, while_held=True),
        step("start", "开工", "planned", "delivering", "order.work",
             check.owned, check.mine, check.its_turn, check.quote_settled, check.at_work, effect=do.start),
        step("deliver", "交付", "delivering", "checking", "order.work",
             check.owned, check.mine, need("solution", "写下做了什么。"),
             check.been_there, check.evidence_complete, check.signed_off, effect=do.deliver),
        step("pass", "验收", "checking", "closed", "order.check", check.other_hands, effect=do.accept_work),
        step("rework", "返工", "checking", "scheduled", "order.check",
             check.other_hands, _REASON, effect=do.rework),
        step("close", "免验关闭", "checking", "closed", "order.check",
             check.other_hands, _REASON, effect=do.close),
        step("hold", "挂起", OPEN, STAY, "order.work",
             check.concerned, check.mine, check.not_held_yet,
             need("party", "选择在等什么。"), _REASON, need("until", "选择到什么时候。"), effect=do.hold),
        step("resume", "恢复", OPEN, STAY, "order.work",
             check.concerned, check.mine, check.is_held, effect=do.resume, while_held=True),
        step("extend", "延期", OPEN, STAY, "order.work",
             check.concerned, check.mine, _REASON, need("until", "选择新的时限。"), effect=do.extend, while_held=True),
        step("unable", "无法完成", WORKING, "unable", "order.work",
             check.owned, check.mine, need("why", "选择为什么。"), _REASON, effect=do.unable, while_held=True),
        step("cancel", "撤销订单", APPOINTING, "cancelled", "order.cancel",
             check.cancel_agreed, _REASON, effect=do.cancel, while_held=True),
    ),
)  # fmt: skip
