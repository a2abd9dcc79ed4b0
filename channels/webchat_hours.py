"""Opening hours of a web chat: when somebody should be there, and when they are next."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.core.clock import now

ZONE = "Asia/Shanghai"
_SPAN = re.compile(r"([1-7])(?:-([1-7]))? (\d\d):(\d\d)-(\d\d):(\d\d)")


@dataclass(frozen=True)
class Span:
    """Open on the weekdays `first` to `last` (1 is Monday), from `begin` to `end` by the clock of the account's zone."""

    first: int
    last: int
    begin: time
    end: time

    def holds(self, moment: datetime) -> bool:
        return self.first <= moment.isoweekday() <= self.last and self.begin <= moment.time() < self.end


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


def zone(settings: Mapping[str, Any]) -> ZoneInfo:
    """Whose clock the hours are read by."""
    return ZoneInfo(str(settings.get("time_zone") or ZONE))


def is_open(settings: Mapping[str, Any], moment: datetime | None = None) -> bool:
    """Whether the account's opening hours hold now; always, where none are set."""
    spans = hours(str(settings.get("hours", "")))
    local = (moment or now()).astimezone(zone(settings))
    return not spans or any(span.holds(local) for span in spans)


def next_opening(settings: Mapping[str, Any], moment: datetime | None = None) -> datetime | None:
    """When it opens next, in UTC; None while it is open."""
    at = moment or now()
    if is_open(settings, at):
        return None
    local = at.astimezone(zone(settings))
    spans = hours(str(settings.get("hours", "")))
    for days in range(8):
        day = local.date() + timedelta(days=days)
        begins = [
            datetime.combine(day, span.begin, local.tzinfo)
            for span in spans
            if span.first <= day.isoweekday() <= span.last
        ]
        later = [begin for begin in begins if begin > local]
        if later:
            return min(later).astimezone(UTC)
    return None
