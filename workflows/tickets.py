"""The law of tickets, one row a step. `take(TICKET, ticket, "resolve", actor, …)` is the only way to move one."""

from workflows import merging, order_opening
from workflows import ticket_effects as do
from workflows import ticket_guards as check
from workflows.engine import STAY, Workflow, need, step
from workflows.events import TicketStepTaken
from workflows.models import Ticket

OPEN = "created dispatched executing following_up"
WORKING = "created dispatched executing"


def _event(ticket: Ticket, name: str, before: str, after: str) -> TicketStepTaken:
    return TicketStepTaken(ticket_id=ticket.id, version=ticket.version, step=name, before=before, after=after)


TICKET = Workflow(
    name="ticket",
    start="created",
    ends=frozenset({"closed", "cancelled", "merged"}),
    labels={
        "created": "待派工",
        "dispatched": "已派工",
        "executing": "处理中",
        "following_up": "待回访",
        "closed": "已结单",
        "cancelled": "已撤单",
        "merged": "已合并",
    },
    event=_event,
    steps=(
        step("dispatch", "派工", "created dispatched", "dispatched", "ticket.dispatch",
             need("assignee team", "选择团队或人员。"), effect=do.dispatch),
        step("start", "接单", "dispatched", "executing", "ticket.work", check.mine_or_free, effect=do.start),
        step("solve_now", "一键首解", WORKING, "following_up closed", "ticket.work",
             check.solvable_at_once, check.mine_or_free, check.no_open_order,
             need("resolution", "写下怎样解决的。"), need("wrap_up", "填写小结。"), effect=do.solve_now),
        step("resolve", "解决", "executing", "following_up closed", "ticket.work",
             check.mine_or_free, check.no_open_order,
             need("resolution", "写下怎样解决的。"), need("wrap_up", "填写小结。"), effect=do.solve),
        step("transfer", "转派", "dispatched executing", "dispatched", "ticket.work",
             need("assignee team", "选择转给谁。"), need("reason", "写下原因。"), effect=do.transfer, while_held=True),
        step("return", "退回", "dispatched executing", "created dispatched", "ticket.work",
             need("reason", "写下原因。"), effect=do.give_back),
        step("escalate", "转服务订单", "executing", STAY, "ticket.work",
             check.mine_or_free, check.not_cancelling,
             need("reason", "写下要供应商做什么。"), effect=order_opening.escalate, while_held=True),
        step("raise", "升级", OPEN, STAY, "ticket.work",
             need("to", "选择升级给谁。"), need("reason", "写下原因。"), effect=do.raise_level, while_held=True),
        step("urge", "催办", OPEN, STAY, "ticket.read", effect=do.urge, while_held=True),
        step("supervise", "督办", OPEN, STAY, "ticket.supervise",
             need("reason", "写下要求。"), need("until", "选择答复期限。"), effect=do.supervise, while_held=True),
        step("extend", "延期", OPEN, STAY, "ticket.work",
             need("reason", "写下原因。"), need("until", "选择新的时限。"), effect=do.extend, while_held=True),
        step("hold", "挂起", WORKING, STAY, "ticket.work",
             check.not_held_yet,
             need("party", "选择在等谁。"), need("reason", "写下原因。"), need("until", "选择到什么时候。"), effect=do.hold),
        step("resume", "恢复", WORKING, STAY, "ticket.work", check.is_held, effect=do.resume, while_held=True),
        step("close", "结单", "following_up", "closed", "ticket.close",
             check.no_open_order, need("result rating comment", "选择结果。"),
             check.question_settled, check.score_in_range, effect=do.close),
        step("reopen", "重开", "following_up closed", "executing dispatched", "ticket.close",
             check.within_reopen_time, need("reason", "写下原因。"), effect=do.reopen),
        step("cancel", "撤单", OPEN, f"cancelled {STAY}", "ticket.cancel",
             check.no_cancel_awaited, need("reason", "写下原因。"), effect=do.cancel, while_held=True),
        step("merge", "合并", OPEN, "merged", "ticket.dispatch",
             check.not_cancelling, need("into", "写并入的工单号。"), effect=merging.merge, while_held=True),
        step("unmerge", "撤销合并", "merged", OPEN, "ticket.dispatch", effect=merging.unmerge),
        step("split", "拆分", OPEN, STAY, "ticket.dispatch",
             need("subject", "写新工单的标题。"), effect=merging.split),
    ),
)  # fmt: skip
