"""Moments as exchanges write them: stamps in the exchange's own zone, epoch seconds, milli- or microseconds."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

_STAMP = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})[T ]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,9}))?)?\s*"
    r"(Z|[+-]\d{2}:?\d{2})?"
)
_NUMBER = re.compile(r"\d{1,20}(?:\.\d+)?")
_EARLIEST = 315532800
"""1980: an epoch before it is a zero or a counter, not a moment of a call."""


@lru_cache(64)
def zone_of(name: str) -> ZoneInfo:
    """A zone by its IANA name. Raises ValueError for an unknown one."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError) as problem:
        raise ValueError(name) from problem


def read_epoch(value: Any, unit: str = "") -> float | None:
    """Epoch seconds of a number in `unit` (s, ms, us; empty: told by its size). None for zero and for no number."""
    text = str(value if value is not None else "").strip()
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    if unit == "ms" or (not unit and 1e11 < number < 1e14):
        number /= 1e3
    elif unit == "us" or (not unit and number >= 1e14):
        number /= 1e6
    return number if _EARLIEST < number < 253402300800 else None


def read_moment(value: Any, zone: ZoneInfo) -> float | None:
    """Epoch seconds of a stamp or an epoch. A stamp without zone is local time in `zone`; None when it is neither."""
    text = str(value if value is not None else "").strip()
    if not text:
        return None
    if (number := read_epoch(text)) is not None:
        return number
    return _stamp(text, zone)


@lru_cache(4096)
def _stamp(text: str, zone: ZoneInfo) -> float | None:
    found = _STAMP.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute = (int(one) for one in found.groups()[:5])
    second, fraction, offset = int(found[6] or 0), float(f"0.{found[7] or 0}"), found[8]
    try:
        here = zone if offset is None else UTC
        aware = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=here)
        if offset not in (None, "Z"):
            east = timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
            aware -= east if offset[0] == "+" else -east
        return aware.timestamp() + fraction
    except (ValueError, OverflowError):
        return None


def whole(value: float | None) -> int | None:
    """Seconds as a whole number, never below nought."""
    return None if value is None else max(0, round(value))


def read_seconds(value: Any) -> int | None:
    """A number of seconds (`66`, `66.4`, `3s`), None when it is none."""
    found = re.fullmatch(r"(\d{1,9})(?:\.\d+)?\s*s?", str(value if value is not None else "").strip())
    return int(found[1]) if found else None
