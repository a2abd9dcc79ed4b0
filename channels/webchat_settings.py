"""What can be set on a web chat account, checked when it is written so that reading it needs no care."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from app.core.clock import now

WEBCHAT_SETTINGS = frozenset("title welcome colour allowed_sites hours time_zone ask".split())
ASKS = ("no", "offer", "require")
ZONE = "Asia/Shanghai"
_SPAN = re.compile(r"([1-7])(?:-([1-7]))? (\d\d):(\d\d)-(\d\d):(\d\d)")
_SITE = re.compile(r"https?://(\*\.)?[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")


@dataclass(frozen=True)
class Span:
    """Open on the weekdays `first` to `last` (1 is Monday), from `begin` to `end` by the clock of the account's zone."""

    first: int
    last: int
    begin: time
    end: time

    def holds(self, moment: datetime) -> bool:
        return self.first <= moment.isoweekday() <= self.last and self.begin <= moment.time() < self.end


def check(name: str, value: str) -> str:
    """What is wrong with a setting, as one sentence; empty when nothing is. An empty value is always right."""
    if not value:
        return ""
    if name == "title" and len(value) > 40:
        return "标题最多 40 个字。"
    if name == "welcome" and len(value) > 500:
        return "欢迎语最多 500 个字。"
    if name == "colour" and not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        return "颜色写成 #0b6480 这样。"
    if name == "ask" and value not in ASKS:
        return "写 no、offer 或 require。"
    if name == "allowed_sites" and not all(_SITE.fullmatch(site) for site in value.lower().split()):
        return "每个网站写成 https://www.example.com，多个之间用空格分开。"
    if name == "hours" and not hours(value):
        return "营业时间写成 1-5 09:00-18:00，多段之间用分号分开；1 是周一。"
    return ""


def hours(value: str) -> list[Span]:
    """The opening hours of `1-5 09:00-18:00; 6 10:00-16:00`; an empty list when it cannot be read or is empty."""
    spans = []
    for part in value.split(";"):
        found = _SPAN.fullmatch(part.strip())
        if found is None:
            return []
        first, last, *clock = found.groups()
        a, b, c, d = (int(number) for number in clock)
        if not (a < 24 and b < 60 and d < 60 and (c < 24 or (c, d) == (24, 0))):
            return []
        span = Span(int(first), int(last or first), time(a, b), time.max if c == 24 else time(c, d))
        if span.first > span.last or span.begin >= span.end:
            return []
        spans.append(span)
    return spans


def is_open(settings: Mapping[str, Any], moment: datetime | None = None) -> bool:
    """Whether the account's opening hours hold now; always, where none are set."""
    spans = hours(str(settings.get("hours", "")))
    local = (moment or now()).astimezone(ZoneInfo(str(settings.get("time_zone") or ZONE)))
    return not spans or any(span.holds(local) for span in spans)


def allowed_sites(settings: Mapping[str, Any]) -> list[str]:
    """Origins whose pages may show the chat; empty means every page."""
    return str(settings.get("allowed_sites", "")).lower().split()
