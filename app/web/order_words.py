"""How orders name things: states, clocks, windows, people under cover, and each step of the audit trail in words."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.core.audit import AuditRow
from app.core.clock import now
from app.web.desk_words import duration
from app.web.i18n import local, show_date, show_time
from workflows.order_kinds import HOLDS, STOPS_CLOCK
from workflows.orders import ORDER
from workflows.orders_models import OPEN_ORDER, ServiceOrder

VIEWS: Mapping[str, Any] = {
    "today": _l("今天"),
    "week": _l("本周"),
    "mine": _l("我的"),
    "unaccepted": _l("未接单"),
    "unassigned": _l("未派人"),
    "unappointed": _l("未预约"),
    "unvisited": _l("未上门"),
    "unfinished": _l("未完工"),
    "checking": _l("待验收"),
    "judge": _l("待平台答复"),
    "overdue": _l("已逾期"),
    "held": _l("挂起中"),
    "open": _l("全部未结"),
    "ended": _l("最近结束"),
}
OTHER_STEPS: Mapping[str, Any] = {
    "order.opened": _l("开立订单"),
    "order.urged": _l("客户催办"),
    "order.evidence": _l("上传凭证"),
    "order.judged": _l("裁定拒单"),
    "order.handed_over": _l("转给别家"),
    "order.cancel_proposed": _l("提议撤单"),
    "order.quote_answered": _l("客户答复报价"),
    "order.extension_decided": _l("答复延期申请"),
}


NOTICE_STATES: Mapping[str, Any] = {
    "due": _l("等着发邮件"),
    "sending": _l("正在发邮件"),
    "sent": _l("已发邮件"),
    "failed": _l("邮件没有送达"),
    "undecided": _l("邮件不知是否送达"),
    "no_mail": _l("没有邮箱，只在列表里显示"),
    "off": _l("关掉了邮件，只在列表里显示"),
    "no_account": _l("系统没有可发信的邮箱，只在列表里显示"),
}


def state_word(state: str) -> str:
    return _(ORDER.labels.get(state, state))


def step_word(row: AuditRow) -> str:
    """One entry of the audit trail as a short word."""
    step = ORDER.by_name.get(row.action.removeprefix("order."))
    return _(step.label) if step else str(OTHER_STEPS.get(row.action, row.action))


def clock_of(order: ServiceOrder) -> dict[str, Any] | None:
    """The chip of the supplier's clock: to accept, then to finish; stands still while they cannot hasten it."""
    if order.state not in OPEN_ORDER or order.state == "checking":
        return None
    if order.held and order.hold_party in STOPS_CLOCK:
        return {"text": _("已停表"), "tone": "muted", "due_at": order.due_at, "paused": True}
    accepting = order.accepted_at is None
    due = order.accept_due_at if accepting else order.due_at
    left = due - now()
    time = duration(abs(left))
    if left < timedelta(0):
        text = _("接单超时 %(time)s", time=time) if accepting else _("超时 %(time)s", time=time)
        return {"text": text, "tone": "bad", "due_at": due, "paused": False}
    tone = "warn" if left < (due - order.created_at) / 5 else ""
    text = _("接单剩 %(time)s", time=time) if accepting else _("剩 %(time)s", time=time)
    return {"text": text, "tone": tone, "due_at": due, "paused": False}


def window(begin: datetime | None, end: datetime | None) -> str:
    """「今天 09:00–11:00」, in the viewer's zone."""
    if begin is None or end is None:
        return ""
    first, last = local(begin).date(), local(end).date()
    until = show_time(end) if first == last else f"{_day(end)} {show_time(end)}"
    return f"{_day(begin)} {show_time(begin)}–{until}"


def _day(moment: datetime) -> str:
    days = (local(moment).date() - local(now()).date()).days
    return {0: _("今天"), 1: _("明天"), -1: _("昨天")}.get(days) or show_date(moment)


def hold_word(order: ServiceOrder) -> str:
    return said(HOLDS, order.hold_party)


def said(table: Mapping[str, str], key: str | None) -> str:
    """The word of a closed list in the reader's language; "" where nothing is chosen (gettext of "" is the catalogue's head)."""
    return _(table[key]) if key and key in table else ""


def covered(name: str) -> str:
    """A name of which only the first sign shows."""
    return f"{name[:1]}**" if name else "**"


def money(cents: int) -> str:
    return f"¥{cents / 100:,.2f}"
