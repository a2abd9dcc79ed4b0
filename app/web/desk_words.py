"""How the desk names things: states, channels, clocks, and each step of the audit trail in words."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.core.audit import AuditRow
from app.core.clock import now
from app.queries.tickets import STOPS_CLOCK, WORKED_ON
from app.queries.timeline import Timeline
from app.web.i18n import show_datetime
from workflows.kinds import IMPACTS, KINDS
from workflows.models import FIRST_NUMBER, Ticket
from workflows.ticket_effects import LEVELS, PARTIES
from workflows.tickets import TICKET

CHANNELS: Mapping[str, Any] = {
    "email": _l("邮件"),
    "calls": _l("电话"),
    "walk_in": _l("来访"),
    "wechat": _l("微信"),
    "wecom": _l("企业微信"),
    "webchat": _l("网页聊天"),
    "weibo": _l("微博"),
    "app": _l("应用"),
    "sms": _l("短信"),
    "portal": _l("门户"),
    "api": _l("接口"),
    "other": _l("其它渠道"),
}
IDENTITIES: Mapping[str, tuple[str, Any]] = {
    "email": ("email", _l("邮箱")),
    "phone": ("calls", _l("电话")),
    "openid": ("wechat", _l("微信")),
    "unionid": ("wechat", _l("微信")),
    "wecom": ("wecom", _l("企业微信")),
    "weibo": ("weibo", _l("微博")),
    "visitor": ("webchat", _l("网页访客")),
    "app": ("app", _l("应用")),
}
CODED = frozenset({"openid", "unionid", "wecom", "weibo", "visitor", "app"})
"""Kinds of identity whose value is a code of the platform, which tells people nothing."""
CODED_CHANNELS = frozenset(channel for kind, (channel, _label) in IDENTITIES.items() if kind in CODED)
CONTRACTS: Mapping[str, Any] = {"gold": _l("金牌"), "silver": _l("银牌"), "basic": _l("基础")}
VIEWS: Mapping[str, Any] = {
    "mine": _l("我的"),
    "team": _l("我的团队"),
    "free": _l("待派工、未认领"),
    "overdue": _l("已逾期"),
    "raised": _l("已升级"),
    "executing": _l("处理中"),
    "held": _l("挂起中"),
    "following": _l("待回访"),
    "open": _l("全部未结"),
    "ended": _l("最近结单"),
}
AUDIENCES: Mapping[str, Any] = {"agent": _l("坐席内部"), "supplier": _l("供应商内部"), "client": _l("客户可见")}
LINKED: Mapping[str, Any] = {
    "split_into": _l("拆出"),
    "split_from": _l("拆自"),
    "successor_of": _l("接续"),
    "followed_by": _l("后续"),
    "merged_here": _l("并入"),
}
PLACED: Mapping[str, Any] = {
    "in_reply_to": _l("回复了我们的来信，按邮件头归到这里"),
    "references": _l("按邮件往来记录归到这里"),
    "subject_token": _l("主题里带有工单号，归到这里"),
    "stranger_with_token": _l("主题里带有别的工单号，但发信人不是那边的人，另立会话"),
    "stranger_in_thread": _l("按邮件头归到这里，但发信人不是那边的人；答复仍寄给原来的客户"),
    "same_line": _l("同一位客户在这个渠道上的会话"),
    "returned": _l("退信，对应我们发出的邮件"),
    "stray_bounce": _l("不是我们发出的邮件的退信"),
    "api": _l("由接口登记，写在这里"),
    "new": _l("新的会话"),
    "named_ticket": _l("客户写了这张工单的号"),
    "named_device": _l("客户写了这台设备的序列号"),
    "one_open": _l("客户只有这一张没办完的工单"),
    "last_spoken": _l("刚才一直在说这张工单"),
    "chosen": _l("问过客户，客户选了这张"),
    "desk": _l("同事按客户的话记下"),
    "rated": _l("客户点了这张工单的回访菜单"),
    "asked": _l("问客户是哪一张，十分钟没有答复，先归到这里"),
    "left": _l("只是打招呼，有人看过，不用处理"),
    "greeted": _l("只是打招呼，先没有立工单"),
    "progress": _l("问进度或催办，已自动答复"),
    "robot": _l("机器人正在答，还没有立工单"),
    "self_served": _l("机器人答的，客户说解决了"),
    "thanked": _l("机器人答的，客户道了谢"),
    "handed": _l("机器人先答过，没有解决"),
}
DELIVERY: Mapping[str, Any] = {
    "queued": _l("等待发送"),
    "sending": _l("正在发送"),
    "sent": _l("已发出"),
    "delivered": _l("已送达"),
    "seen": _l("对方已看到"),
    "held": _l("等客户再写一句才能发出"),
    "failed": _l("没有发出"),
    "undecided": _l("不确定是否送达"),
    "withdrawn": _l("已撤回，没有发出"),
}
RESULTS: Mapping[str, Any] = {
    "answered": _l("客户确认已解决"),
    "silence": _l("问题已送达，客户到期未答复"),
    "unreachable": _l("三次联系不上"),
}
TONES = {"P1": "bad", "P2": "warn"}


def channel_word(kind: str) -> str:
    return str(CHANNELS.get(kind, kind))


def product_word(code: str, name: str) -> str:
    """Code and name of a product, the code once."""
    return name if name.startswith(code) else f"{code} {name}"


def state_word(state: str) -> str:
    return _(TICKET.labels.get(state, state))


def duration(span: timedelta) -> str:
    """A length of time in its largest unit: minutes, hours, days."""
    minutes = int(span.total_seconds()) // 60
    if minutes < 60:
        return _("%(n)s 分钟", n=max(minutes, 1))
    return _("%(n)s 小时", n=minutes // 60) if minutes < 48 * 60 else _("%(n)s 天", n=minutes // 1440)


def clock_of(ticket: Ticket) -> dict[str, Any] | None:
    """The chip of the customer's clock: turns at a fifth left and at breach; stands still while the customer is awaited."""
    if ticket.state not in WORKED_ON:
        return None
    if ticket.held and ticket.hold_party in STOPS_CLOCK:
        return {"text": _("已停表"), "tone": "muted", "due_at": ticket.due_at, "paused": True}
    left, warn_at = ticket.due_at - now(), ticket.due_at - (ticket.due_at - ticket.created_at) / 5
    if left < timedelta(0):
        return {"text": _("超时 %(time)s", time=duration(-left)), "tone": "bad", "due_at": ticket.due_at, "paused": False}
    return {
        "text": _("剩 %(time)s", time=duration(left)),
        "tone": "warn" if now() > warn_at else "",
        "due_at": ticket.due_at,
        "paused": False,
        "turns_at": ticket.due_at if now() > warn_at else warn_at,
    }


def priority_of(ticket: Ticket, with_impact: bool = False) -> dict[str, str]:
    label = ticket.priority
    if with_impact and ticket.impact != "none":
        label = f"{label} {_(IMPACTS[ticket.impact])}"
    return {"label": label, "tone": TONES.get(ticket.priority, "")}


_STEPS: Mapping[str, tuple[str, Any]] = {
    "ticket.opened": ("inbox", _l("登记了工单")),
    "ticket.dispatch": ("user", _l("派给 %(to)s")),
    "ticket.start": ("player-play", _l("接单，开始处理")),
    "ticket.solve_now": ("circle-check", _l("一键首解")),
    "ticket.resolve": ("circle-check", _l("标为已解决")),
    "ticket.transfer": ("arrow-right", _l("转派给 %(to)s")),
    "ticket.return": ("arrow-back-up", _l("退回派工")),
    "ticket.escalate": ("tool", _l("转服务订单")),
    "ticket.raise": ("chevron-up", _l("升级给%(to)s")),
    "ticket.urge": ("bell", _l("催办")),
    "ticket.supervise": ("eye", _l("督办，要求 %(until)s 前答复")),
    "ticket.extend": ("calendar-time", _l("申请延期到 %(until)s")),
    "ticket.extension_decided": ("calendar-time", _l("%(decision)s延期申请")),
    "ticket.hold": ("player-pause", _l("挂起，等%(party)s，到 %(until)s")),
    "ticket.resume": ("player-play", _l("恢复处理")),
    "ticket.close": ("check", _l("结单，%(result)s")),
    "ticket.reopen": ("refresh", _l("重开")),
    "ticket.cancel": ("circle-off", _l("撤单")),
    "ticket.merge": ("git-merge", _l("合并到 %(into)s")),
    "ticket.unmerge": ("unlink", _l("撤销合并")),
    "ticket.split": ("arrows-split", _l("拆分出一张新工单")),
    "ticket.moved_out": ("arrow-right", _l("把 %(count)s 条消息移到 #%(other)s")),
    "ticket.moved_in": ("arrow-right", _l("从 #%(other)s 移来 %(count)s 条消息")),
    "ticket.moved_back": ("arrow-back-up", _l("撤销与 #%(other)s 之间的移动")),
    "ticket.opened_from_talk": ("message", _l("把打招呼的会话立成工单")),
    "ticket.way_opened": ("send", _l("换用%(channel)s联系客户")),
    "ticket.classified": ("tag", _l("改为%(after)s")),
    "ticket.contact_set": ("user-check", _l("确认联系人为 %(after)s")),
    "ticket.follow_up_attempt": ("phone", _l("第 %(after)s 次联系，没有接通")),
    "contact.created": ("user-plus", _l("新建联系人")),
}


def step_icon(row: AuditRow) -> str:
    return _STEPS.get(row.action, ("point", ""))[0]


def step_words(row: AuditRow, timeline: Timeline) -> str:
    """One entry of the audit trail as a short sentence without its subject."""
    known = _STEPS.get(row.action)
    if known is None:
        return row.action
    if row.action == "ticket.cancel" and row.before == row.after:
        return _("提议撤单，等供应商确认")
    sentence = str(known[1])
    return sentence % _places(row, timeline) if "%(" in sentence else sentence


def _places(row: AuditRow, timeline: Timeline) -> dict[str, str]:
    details = row.details
    names = [
        _name(details.get("assignee"), timeline.people),
        _name(details.get("team"), timeline.teams),
    ]
    to = _("、").join(name for name in names if name)
    if row.action == "ticket.raise":
        to = _(LEVELS.get(str(details.get("to")), ""))
    after, party = row.after or "", details.get("party")
    if row.action == "ticket.classified":
        kind, _sep, impact = after.partition("/")
        after = _("、").join(_(words[key]) for words, key in ((_KINDS, kind), (IMPACTS, impact)) if key in words)
    return {
        "to": to or _("（未记录）"),
        "until": _moment(details.get("until")) or _("（未记录）"),
        "party": _(PARTIES.get(str(party), "…")),
        "decision": _("批准了") if row.after == "approved" else _("没有批准"),
        "result": str(RESULTS.get(str(details.get("result") or "answered"), "")),
        "into": _number(details.get("into")),
        "after": after,
        "count": str(details.get("count", "")),
        "other": str(details.get("other", "")),
        "channel": channel_word(str(details.get("channel", ""))),
    }


_KINDS = {code: kind.label for code, kind in KINDS.items()}


def _name(given: Any, names: Mapping[int, str]) -> str:
    if given in (None, ""):
        return ""
    text = str(given)
    return names.get(int(text), "") if text.isdecimal() else text


def _number(given: Any) -> str:
    number = str(given or "").strip().lstrip("#")
    return f"#{number}" if number.isdecimal() and int(number) > FIRST_NUMBER else _("另一张工单")


def _moment(given: Any) -> str:
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) else None
    except ValueError:
        return ""
    return show_datetime(moment) if moment and moment.tzinfo else ""


def size_word(size: int) -> str:
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.0f} KB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MB"
