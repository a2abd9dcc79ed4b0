"""Figures in words: shares, lengths of time, changes, reasons."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.queries.reports import Share
from workflows.fcr import EXCLUSIONS, REASONS

DIMENSIONS: dict[str, Any] = {
    "channel": _l("渠道"), "product": _l("产品"), "kind": _l("类别"), "team": _l("团队"), "agent": _l("坐席"),
}  # fmt: skip
VERDICTS: dict[str, tuple[Any, str, str]] = {
    "pending": (_l("未到期"), "info", "clock"),
    "solved": (_l("首次解决"), "good", "circle-check"),
    "not_solved": (_l("没有首次解决"), "warn", "arrow-back-up"),
    "excluded": (_l("不计入"), "", "circle-off"),
}
"""Words, meaning and glyph of each verdict."""
MARKS: dict[str, Any] = {
    "matured": _l("已到期的请求"),
    "solved": _l("首次联系就解决的请求"),
    "not_solved": _l("没有首次解决的请求"),
    "pending": _l("未到期的请求"),
    "held": _l("挂起过的请求"),
    "reopened": _l("重开过的请求"),
    "kind_changed": _l("解决后改过类别的请求"),
    "possible": _l("可能的重复来访，等人裁定"),
    "resolved": _l("首次解决的工单"),
    "reason": _l("没有首次解决的请求"),
    "excluded": _l("不计入首解率的请求"),
    "created": _l("登记的工单"),
    "answered": _l("已有首次响应的工单"),
    "waiting": _l("还没有首次响应的工单"),
    "unidentified": _l("不知道是谁的工单"),
    "heat": _l("这个时段登记的工单"),
    "backlog": _l("期末未解决的工单"),
    "silent": _l("静默结单的工单"),
    "rated": _l("有评分的工单"),
    "pleased": _l("评 4 分、5 分的工单"),
}
"""The title of the list behind each mark."""
WEEKDAYS = (_l("周一"), _l("周二"), _l("周三"), _l("周四"), _l("周五"), _l("周六"), _l("周日"))


def reason(code: str | None) -> str:
    return _(REASONS[code]) if code in REASONS else (code or "")


def exclusion(code: str | None) -> str:
    return _(EXCLUSIONS[code]) if code in EXCLUSIONS else (code or "")


def percent(rate: float | None) -> str:
    """78.3%, or a dash where there is nothing to count."""
    return "—" if rate is None else f"{rate * 100:.1f}%"


def share(found: Share) -> str:
    return percent(found.rate)


def length(seconds: float | None) -> str:
    """A length of time in its two largest units; never rounded up to days."""
    if seconds is None:
        return "—"
    whole = int(seconds)
    days, hours, minutes = whole // 86400, whole % 86400 // 3600, whole % 3600 // 60
    if days:
        return _("%(d)s 天 %(h)s 小时", d=days, h=hours)
    if hours:
        return _("%(h)s 小时 %(m)s 分", h=hours, m=minutes)
    return _("%(m)s 分钟", m=minutes) if minutes else _("%(s)s 秒", s=whole)


def points(now: float | None, before: float | None) -> dict[str, str] | None:
    """The change of a rate in percentage points, with the glyph of its direction; None where there was nothing before."""
    if now is None or before is None:
        return None
    change = (now - before) * 100
    return _change(change, _("%(n)s 个百分点", n=f"{abs(change):.1f}"))


def slower(now: float | None, before: float | None) -> dict[str, str] | None:
    """The change of a length of time."""
    if now is None or before is None:
        return None
    return _change(now - before, length(abs(now - before)))


def more(now: float | None, before: float | None) -> dict[str, str] | None:
    """The change of a number."""
    if now is None or before is None:
        return None
    return _change(now - before, f"{abs(now - before):g}")


def _change(change: float, text: str) -> dict[str, str]:
    if abs(change) < 0.05:
        return {"sign": "=", "text": _("与上期相同")}
    return {"sign": "+" if change > 0 else "-", "text": _("比上期高 %(by)s", by=text) if change > 0 else _("比上期低 %(by)s", by=text)}
