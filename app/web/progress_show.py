"""How the progress of a request is told to customers: stages, who has it, what is next, orders, what was said."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.core.clock import now
from app.core.files import StoredFile
from app.queries import portal as queries
from app.queries import requests as lists
from app.web import order_words, said_show
from app.web.i18n import show_datetime
from channels.models import Message
from workflows.models import Ticket
from workflows.order_kinds import WORKS
from workflows.orders_models import OPEN_ORDER, OrderQuote, ServiceOrder
from workflows.rules import URGE_PAUSE
from workflows.ticket_guards import last_question
from workflows.tickets import TICKET

SHOWN = 1500

STAGES = {
    "created": _l("已收到"),
    "dispatched": _l("已安排"),
    "executing": _l("处理中"),
    "following_up": _l("等你确认"),
    "closed": _l("已结束"),
}
WAY = {
    "opened": _l("收到你的请求"),
    "dispatch": _l("已安排处理人"),
    "transfer": _l("换了更合适的人处理"),
    "return": _l("重新安排处理人"),
    "start": _l("开始处理"),
    "escalate": _l("安排服务人员"),
    "hold": _l("暂时等待"),
    "resume": _l("继续处理"),
    "solve_now": _l("给出处理结果"),
    "resolve": _l("给出处理结果"),
    "urge": _l("收到催促"),
    "reopen": _l("重新打开，继续处理"),
    "merge": _l("并入另一个请求，一起处理"),
    "unmerge": _l("又分开处理"),
    "close": _l("请求结束"),
    "cancel": _l("请求已撤销"),
}
RESULTS = {"resolve", "solve_now"}
GOOD = {"opened", "start", "close", *RESULTS}
WAITS = {
    "customer": _l("在等你补充资料"),
    "date": _l("已约好时间"),
    "part": _l("在等备件"),
    "supplier": _l("在等供应商答复"),
    "colleague": _l("在等同事答复"),
}
ENDED = {
    "answered": _l("已结束，谢谢你的答复"),
    "silence": _l("没有收到答复，先结束了"),
    "unreachable": _l("几次联系不上，先结束了"),
    "cancelled": _l("请求已撤销"),
}
ORDER_STAGES = {
    "created": _l("安排人手"),
    "scheduled": _l("约好时间"),
    "planned": _l("定好方案"),
    "delivering": _l("正在处理"),
    "checking": _l("检查结果"),
    "closed": _l("完成"),
}
ORDER_ENDS = {"cancelled": _l("已取消"), "unable": _l("没有做成，我们另想办法")}


def now_of(ticket: Ticket, merged_into: int | None = None) -> dict[str, str]:
    """Who has it, and what is next. `merged_into` is the number of the request that this one goes on as."""
    who = ticket.assignee.label if ticket.assignee else (ticket.team.name if ticket.team else "")
    if ticket.state == "merged":
        return {"text": _("和另一个请求是同一件事，一起处理。"), "next": ""}
    if ticket.state in TICKET.ends:
        score = question.score if (question := last_question(ticket)) else None
        rated = _("你的评分：%(n)s 分", n=score) if score and ticket.close_result == "answered" else ""
        return {"text": str(ENDED.get(ticket.close_result or "", _("已结束"))), "next": rated}
    if ticket.held:
        until = _("计划 %(time)s 继续", time=show_datetime(ticket.hold_until)) if ticket.hold_until else ""
        return {"text": str(WAITS.get(ticket.hold_party or "", _("暂时等待"))), "next": until}
    if ticket.state == "following_up":
        return {"text": _("处理好了，等你确认"), "next": ""}
    text = {
        "created": _("已收到，正在安排处理人"),
        "dispatched": _("已交给 %(who)s", who=who) if who else _("已安排处理人"),
        "executing": _("%(who)s 正在处理", who=who) if who else _("正在处理"),
    }[ticket.state]
    onward = _due(ticket.due_at)
    if merged_into is not None:
        onward = _("和请求 %(number)s 是同一件事，一起处理。", number=merged_into) + " " + onward
    return {"text": text, "next": onward}


def _due(due: datetime) -> str:
    if due > now():
        return _("计划 %(time)s 前给出结果", time=show_datetime(due))
    return _("比计划晚了，我们在跟进")


def stages(ticket: Ticket) -> list[dict[str, str]]:
    """The five stages; what is behind is done, and an end that is no answer says so."""
    if ticket.state == "cancelled":
        shown = [{"key": "created", "label": str(STAGES["created"]), "mark": "done"}]
        return [*shown, {"key": "cancelled", "label": _("已撤销"), "mark": "ended"}]
    return _steps(STAGES, ticket.state, ticket.state == "closed")


def _steps(table: dict[str, Any], state: str, ended: bool) -> list[dict[str, str]]:
    names = list(table)
    here = names.index(state)
    marks = ["done" if place < here or ended else "here" if place == here else "next" for place in range(len(names))]
    return [{"key": n, "label": str(table[n]), "mark": m} for n, m in zip(names, marks, strict=True)]


def way(ticket: Ticket, messages: Sequence[Message], signed: str) -> list[dict[str, Any]]:
    """Steps and messages, newest first."""
    marks = [mark for mark in queries.way_of(ticket) if mark.step in WAY]
    result = max((place for place, mark in enumerate(marks) if mark.step in RESULTS), default=-1)
    steps: list[dict[str, Any]] = [
        {
            "text": str(WAY[mark.step]),
            "at": mark.at,
            "mark": "done" if mark.step in GOOD else "",
            "said": ticket.resolution or "" if place == result else "",
            "by": "",
            "content": None,
        }
        for place, mark in enumerate(marks)
    ]
    files = queries.files_of([message.id for message in messages])
    said = [_said(message, files.get(message.id, []), signed, ticket) for message in messages]
    return sorted([*steps, *said], key=lambda entry: entry["at"], reverse=True)


def _said(message: Message, files: Sequence[StoredFile], signed: str, ticket: Ticket) -> dict[str, Any]:
    text, mine = message.visible_text.strip(), message.direction == "in"
    other = mine and ticket.contact is not None and message.author_name not in ("", ticket.contact.name, ticket.contact.label)
    shown = text if len(text) <= SHOWN else text[:SHOWN].rstrip() + "…"
    return {
        "text": _("电话") if message.kind == "call" else (_("你写道") if not other else _("留言")) if mine else _("答复"),
        "at": message.created_at,
        "mark": "",
        "said": "",
        "content": said_show.content(message, files, lambda row: f"/r/{signed}/files/{row.id}", shown),
        "by": message.author_name if not mine or other else "",
    }


def orders(ticket: Ticket) -> list[dict[str, Any]]:
    """What was handed to people who come or work from afar: who, when, how far, and what it costs."""
    found = lists.orders_of([ticket.id], ended=True).get(ticket.id, [])
    prices = lists.asked_prices(found)
    return [_order(order, prices.get(order.id)) for order in found]


def _order(order: ServiceOrder, price: OrderQuote | None) -> dict[str, Any]:
    open_ = order.state in OPEN_ORDER
    ended = ORDER_ENDS.get(order.state)
    visit = order.visits[-1] if order.visits and order.visits[-1].round == order.reworks and open_ else None
    return {
        "number": order.number,
        "work": _(WORKS[order.work].label),
        "steps": _steps(ORDER_STAGES, order.state, order.state == "closed") if not ended else [],
        "ended": str(ended or ""),
        "supplier": order.supplier.label if order.supplier else "",
        "technician": order.technician.label if order.technician else "",
        "window": visit_words(order),
        "place": order.place if open_ else "",
        "visit": _visit(visit) if visit else "",
        "waits": str(WAITS.get(order.hold_party or "", _("暂时等待"))) if order.held and open_ else "",
        "code": order.code if open_ and order.window_from and order.code_given_at is None else "",
        "price": {"amount": order_words.money(price.amount_cents), "url": f"/quotes/{price.token}"} if price else None,
    }


def _visit(visit: Any) -> str:
    if visit.left_at:
        return ""
    if visit.arrived_at:
        return _("师傅 %(time)s 已到现场", time=show_datetime(visit.arrived_at))
    return _("师傅 %(time)s 已出发", time=show_datetime(visit.departed_at)) if visit.departed_at else ""


def visit_words(order: ServiceOrder) -> str:
    """When somebody comes, and who, as far as it is agreed."""
    if order.state not in ("scheduled", "planned", "delivering") or order.window_from is None:
        return ""
    window = order_words.window(order.window_from, order.window_to)
    return _("%(who)s %(window)s 上门", who=order.technician.label, window=window) if order.technician else _("%(window)s 上门", window=window)


def urge_of(ticket: Ticket, url: str) -> dict[str, Any] | None:
    """Whether an urge can be sent now, else in how many minutes again."""
    if ticket.state in TICKET.ends or ticket.state == "following_up":
        return None
    minutes = 0
    if ticket.urged_at is not None and (left := ticket.urged_at + URGE_PAUSE - now()).total_seconds() > 0:
        minutes = max(1, round(left.total_seconds() / 60))
    return {"url": url, "wait": minutes, "times": ticket.urged}


def answered(ticket: Ticket) -> dict[str, Any] | None:
    """How the last question whether it is solved was answered."""
    question = last_question(ticket)
    if question is None or question.state != "answered" or question.solved is None or ticket.state == "following_up":
        return None
    return {"solved": question.solved, "rating": question.score}
