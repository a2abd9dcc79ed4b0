"""The forms of the order steps, made of the same fields as those of tickets."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.core.clock import now
from app.core.permissions import Actor
from app.queries import orders
from app.web.desk_forms import Choices, Field, Form, plain
from app.web.i18n import local
from app.web.order_show import steps_of
from workflows.order_effects import technicians
from workflows.order_guards import open_visit
from workflows.order_kinds import ANSWERS, CHANGERS, HOLDS, REJECTS, UNABLES, VERDICTS, VISIT_RESULTS, WARRANTIES, WORKS
from workflows.orders_models import ServiceOrder


def people(order: ServiceOrder, actor: Actor) -> Choices:
    return [{"value": user.id, "label": user.label} for user in technicians(order)]


def suppliers(order: ServiceOrder, actor: Actor) -> Choices:
    return [{"value": number, "label": label} for number, label in orders.supplier_choices() if number != order.supplier_id]


def results(order: ServiceOrder, actor: Actor) -> Choices:
    """Results of a trip; one that did not arrive cannot have done the work."""
    visit = open_visit(order)
    there = visit is not None and visit.arrived_at is not None
    return [{"value": key, "label": _(label)} for key, label in VISIT_RESULTS.items() if there or key != "done"]


def _at(day: int, hour: int) -> str:
    return datetime.combine(local(now()).date() + timedelta(days=day), time(hour)).isoformat(timespec="minutes")


def _moment(moment: datetime | None, otherwise: str) -> str:
    return local(moment).replace(tzinfo=None).isoformat(timespec="minutes") if moment else otherwise


def _steps(order: ServiceOrder, actor: Actor) -> str:
    """What was planned before, else the standard procedure of the work, a line a step."""
    plan = orders.papers_of(order).plan
    if plan is not None:
        return plan.steps
    sop = WORKS[order.work].sop
    return "\n".join(steps_of(_(sop))) if sop else ""


def _parts(order: ServiceOrder, actor: Actor) -> str:
    plan = orders.papers_of(order).plan
    return "\n".join(plan.parts) if plan else ""


def _cost(order: ServiceOrder, actor: Actor) -> str:
    plan = orders.papers_of(order).plan
    return f"{plan.cost_cents / 100:.2f}" if plan and plan.cost_cents else ""


def day_after_due(order: ServiceOrder, actor: Actor) -> str:
    return _moment(order.due_at + timedelta(days=1), "")


_REASON = Field("reason", _l("原因"), "textarea", full=True, rows=3, longest=500)
_HERE = _l("按你的时区填写")
_WINDOW = (
    Field("window_from", _l("从"), "datetime", goes="window.from", hint=_HERE, first=lambda o, a: _moment(o.window_from, _at(1, 9))),
    Field("window_to", _l("到"), "datetime", goes="window.to", first=lambda o, a: _moment(o.window_to, _at(1, 11))),
)

FORMS: Mapping[str, Form] = {
    "reject": Form(
        (Field("why", _l("为什么"), "choices", choices=plain(REJECTS), full=True), _REASON),
        _l("拒单"), _l("订单退回平台。「非我方责任」由平台凭依据裁定，裁定之后才算数。"), _l("已拒单，订单退回平台"), danger=True,
    ),
    "assign": Form((Field("technician", _l("师傅"), "select", choices=people, first=lambda o, a: o.technician_id),),
                   _l("派给这位师傅"), said=_l("已派师傅")),
    "appoint": Form(_WINDOW, _l("预约"), _l("师傅和时间都有了，系统会把时间和验收码告诉客户。"), _l("已预约"), columns=True),
    "reappoint": Form(
        (*_WINDOW, Field("party", _l("谁要改"), "choices", choices=plain(CHANGERS), full=True), _REASON),
        _l("改约"), _l("新时间会告诉客户；谁要改、为什么会留下。"), _l("已改约"), columns=True,
    ),
    "plan": Form(
        (Field("warranty", _l("保修"), "choices", choices=plain(WARRANTIES), full=True, first=lambda o, a: o.warranty),
         Field("steps", _l("步骤"), "textarea", full=True, rows=6, longest=8000, first=_steps, hint=_l("一行一步。")),
         Field("parts", _l("备件"), "textarea", False, full=True, rows=3, first=_parts, hint=_l("一行一件：型号、数量。")),
         Field("cost", _l("费用（元）"), required=False, first=_cost, longest=20,
               hint=_l("保外的费用先由客户点链接确认，确认之后才能开工。"))),
        _l("定下方案"), said=_l("方案已定"),
    ),
    "leave": Form(
        (Field("result", _l("这次上门的结果"), "choices", choices=results, full=True),
         Field("reason", _l("说明"), "textarea", False, full=True, rows=3, longest=500)),
        _l("离场"), _l("没做完就再约时间；二次上门不算返工。"), _l("已离场"),
    ),
    "deliver": Form(
        (Field("solution", _l("做了什么"), "textarea", full=True, rows=5, longest=8000, first=lambda o, a: o.solution or ""),
         Field("code", _l("验收码"), required=False, longest=12, hint=_l("客户手里的六位数字；客户不便提供时，请客户签字并上传。"))),
        _l("交付"), said=_l("已交付，等平台验收"),
    ),
    "rework": Form((_REASON,), _l("退回返工"), _l("从排程重新开始，验收码换新。"), _l("已退回返工"), danger=True),
    "close": Form((_REASON,), _l("免验关闭"), _l("没有看凭证就关闭，报表里会单独列出。"), _l("已关闭"), danger=True),
    "hold": Form(
        (Field("party", _l("在等什么"), "choices", choices=plain(HOLDS), full=True), _REASON,
         Field("until", _l("到什么时候"), "datetime", hint=_HERE, first=lambda o, a: _at(1, 9))),
        _l("挂起"), _l("等停机窗口、入厂许可、客户、约定日期时停表；等备件、等平台时照走。"), _l("已挂起"),
    ),
    "extend": Form(
        (Field("until", _l("新的时限"), "datetime", hint=_HERE, first=day_after_due), _REASON),
        _l("申请延期"), _l("由平台批准；原时限和新时限都会留下。"), _l("已提交"),
    ),
    "unable": Form(
        (Field("why", _l("为什么"), "choices", choices=plain(UNABLES), full=True), _REASON),
        _l("无法完成"), _l("订单到此结束，工单回到平台继续处理。"), _l("已记为无法完成"), danger=True,
    ),
    "cancel": Form(
        (Field("reason", _l("原因"), "textarea", full=True, rows=3, longest=500, first=lambda o, a: o.cancel_reason or ""),),
        _l("撤销订单"), _l("师傅已经出发的，会记下这趟空跑。"), _l("订单已撤销"), danger=True,
    ),
}  # fmt: skip

DESK_FORMS: Mapping[str, Form] = {
    "propose": Form((_REASON,), _l("提议撤单"), _l("供应商确认后订单撤销；他们还没接单时立刻撤销。"), _l("已提议撤单"), danger=True),
    "hand_over": Form(
        (Field("supplier", _l("转给"), "select", choices=suppliers), _REASON),
        _l("转给这家"), _l("接单时限重新开始。"), _l("已转给别家"),
    ),
    "quote": Form(
        (Field("answer", _l("客户在电话里怎么说"), "choices", full=True, choices=plain(ANSWERS)),
         Field("reason", _l("谁说的、原话"), "textarea", full=True, rows=3, longest=500)),
        _l("记下答复"), said=_l("已记下答复"),
    ),
    "judge": Form(
        (Field("answer", _l("裁定"), "choices", full=True, choices=plain(VERDICTS)),
         Field("reason", _l("依据"), "textarea", full=True, rows=4, longest=500)),
        _l("裁定"), _l("「仍归这家」会把还没有人接的订单退回给他们。"), _l("已裁定"),
    ),
}  # fmt: skip
