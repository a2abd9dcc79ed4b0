"""Codes, model numbers and versions: one written thing under every form in which people type it.

`FX3U-48MR` is found by `fx3u48mr` and by `48MR`, `E-07` by `E07` and `E7`, `v4.2.1` by `4.2`, `0x8102` by `8102`. All input is folded text
(see `knowledge.analysis.fold`).
"""

import re
from typing import NamedTuple

# One written thing: alphanumeric parts held together by one joining sign, with C++ and C# kept whole.
CHUNK = re.compile(r"[^\W_]+(?:\+\+|#(?![^\W_]))?(?:[-_./&][^\W_]+(?:\+\+|#(?![^\W_]))?)*")

LONGEST = 64
_JOINT = re.compile(r"[-_./&]")
_VERSION = re.compile(r"v?\d+(?:\.\d+)+")
_PADDED = re.compile(r"([^\W\d_]{1,5})0+([1-9]\d*)")
_HEX = re.compile(r"0x([0-9a-f]{2,16})")
_MEASURE = re.compile(r"(\d+(?:\.\d+)?)([^\W\d_]{1,4})")
_MOST_PARTS = 6
_PART_WEIGHT = 0.4
_BARE_WEIGHT = 0.8


class Form(NamedTuple):
    """One spelling of a written thing and its weight in a query (1 for the thing itself, less for a part of it)."""

    text: str
    weight: float


def is_code(chunk: str) -> bool:
    """Whether the chunk is more than a plain word or number."""
    return not (chunk.isalpha() or chunk.isdigit())


def _parts(chunk: str) -> list[str]:
    return [part for part in _JOINT.split(chunk) if part]


def _worth(part: str) -> bool:
    return len(part) > 1 and not (part.isdigit() and len(part) < 3)


def query_forms(chunk: str) -> list[Form]:
    """The spellings to look for, heaviest first: the whole, the whole without joints, then the parts."""
    found: dict[str, float] = {}
    parts = _parts(chunk)
    if len(chunk) <= LONGEST:
        found[chunk] = 1.0
    if _VERSION.fullmatch(chunk):
        found[chunk.lstrip("v")] = 1.0
    elif number := _HEX.fullmatch(chunk):
        found[number[1]] = _BARE_WEIGHT
    elif measure := _MEASURE.fullmatch(chunk):
        for part in measure.groups():
            if _worth(part) or "." in part:
                found.setdefault(part, _PART_WEIGHT)
    elif len(parts) > 1:
        joined = "".join(parts)
        if len(parts) <= _MOST_PARTS and not joined.isdigit():
            found[joined] = 1.0
            for left, right in zip(parts, parts[1:], strict=False):
                if not (left + right).isdigit():
                    found.setdefault(left + right, _PART_WEIGHT)
        for part in parts:
            if _worth(part) and len(part) <= LONGEST:
                found.setdefault(part, _PART_WEIGHT)
    for text in list(found):
        # Somebody who reads E07 off a display may have an article about E7 before them, but seldom the right one.
        if padded := _PADDED.fullmatch(text):
            found.setdefault(padded[1] + padded[2], _PART_WEIGHT)
    return [Form(text, weight) for text, weight in found.items()]


def index_forms(chunk: str) -> list[str]:
    """Every spelling under which the thing shall be found; more than `query_forms`, so that a shorter query reaches it."""
    found = dict.fromkeys(form.text for form in query_forms(chunk))
    if _VERSION.fullmatch(chunk):
        numbers = chunk.lstrip("v").split(".")
        for end in range(2, len(numbers)):
            found.setdefault(".".join(numbers[:end]))
    return list(found)
