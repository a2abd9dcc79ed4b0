"""How the desk names what has to do with calls."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from channels.calls.models import Call
from workflows.call_models import CallTask
from workflows.call_tasks import CALL_TASK

OUTCOMES: Mapping[str | None, tuple[Any, str, str]] = {
    None: (_l("进行中"), "accent", "phone-call"),
    "answered": (_l("已接通"), "good", "phone-check"),
    "abandoned": (_l("等待中挂断"), "bad", "phone-off"),
    "no_answer": (_l("无人接听"), "bad", "phone-off"),
    "busy": (_l("占线"), "warn", "phone-off"),
    "failed": (_l("没有接通"), "warn", "phone-off"),
    "ivr_only": (_l("只到语音导航"), "", "phone"),
}
"""Words, meaning and glyph of each outcome."""
DIRECTIONS: Mapping[str | None, tuple[Any, str]] = {
    "inbound": (_l("呼入"), "phone-incoming"),
    "outbound": (_l("呼出"), "phone-outgoing"),
    "internal": (_l("内线"), "phone"),
    None: (_l("方向不明"), "phone"),
}
VIEWS: Mapping[str, Any] = {"all": _l("全部通话"), "mine": _l("我的"), "missed": _l("未接"), "live": _l("通话中")}
TASK_VIEWS: Mapping[str, Any] = {"open": _l("待回电"), "mine": _l("我接手的"), "late": _l("已逾期"), "ended": _l("已结束")}
TASK_TONES = {"open": ("info", "phone"), "taken": ("accent", "player-play"), "done": ("good", "check"), "void": ("", "circle-off")}


def outcome(call: Call) -> dict[str, str]:
    label, tone, icon = OUTCOMES.get(call.outcome, (call.outcome, "", "phone"))
    if call.outcome is None:
        label = _("通话中") if call.answered_at else _("振铃中")
    return {"label": str(label), "tone": tone, "icon": icon}


def direction(call: Call) -> dict[str, str]:
    label, icon = DIRECTIONS.get(call.direction, DIRECTIONS[None])
    return {"label": str(label), "icon": icon}


def task_state(task: CallTask) -> dict[str, str]:
    tone, icon = TASK_TONES[task.state]
    return {"label": _(CALL_TASK.labels[task.state]), "tone": tone, "icon": icon}


def number_word(number: str) -> str:
    """A number as people of the country write it: +8613800138000 is 138 0013 8000, a short one has no mark."""
    if number.startswith("short:"):
        return number.removeprefix("short:")
    if number.startswith("+86") and len(number) == 14 and number[3] == "1":
        return f"{number[3:6]} {number[6:10]} {number[10:]}"
    if number.startswith("+86") and number[3:].isdecimal():
        rest = number[3:]
        if rest.startswith(("400", "800")):
            return f"{rest[:3]} {rest[3:6]} {rest[6:]}"
        area = 2 if rest[0] in "12" else 3
        return f"0{rest[:area]} {rest[area:]}"
    return number


def dial(number: str) -> str:
    """The address that a softphone or a mobile telephone dials; empty for what cannot be dialled."""
    plain = number.removeprefix("short:")
    return f"tel:{plain}" if plain.lstrip("+").isdecimal() and plain.lstrip("+").isascii() else ""


def seconds(length: float | None) -> str:
    """A short length of time as it stands on a telephone: 2:07, or 1:02:07."""
    if length is None:
        return "—"
    whole = round(length)
    minutes, rest = divmod(whole, 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
