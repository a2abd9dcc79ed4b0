"""Telephone numbers as exchanges write them: which of them is a person outside, and in which normal form."""

import re
from dataclasses import dataclass
from functools import lru_cache

from app.core.directory.normal_form import normal_form
from app.core.errors import Invalid
from channels.calls.words import is_extension

OUTSIDE, EXTENSION, WITHHELD, UNKNOWN = "outside", "extension", "withheld", "unknown"
_WITHHELD = re.compile(r"anonymous|restricted|private|unknown|unavailable|withheld|null|none|匿名|未知|保密|隐藏号码|[-+\s]*", re.I)


@dataclass(frozen=True)
class Number:
    """`raw` as written. `kind`: outside (then `value` is E.164 or `short:95588`), extension (a telephone of the house),
    withheld (nobody can be known by it) or unknown (digits that are no number). `extension` is dialled after the answer."""

    raw: str
    kind: str
    value: str = ""
    extension: str = ""


@lru_cache(20_000)
def read_number(raw: str, outside_line: str = "", extensions: frozenset[str] = frozenset()) -> Number:
    """Understand one number. Up to six digits are a telephone of the house, unless they are a public service number
    (110, 95588) that is not among the known `extensions`. `outside_line`: the digit dialled first for an outside line."""
    text = raw.strip()
    if _WITHHELD.fullmatch(text):
        return Number(raw, WITHHELD)
    if text in extensions:
        return Number(raw, EXTENSION, text)
    try:
        found = normal_form("phone", text, outside_line=outside_line)
    except Invalid:
        return Number(raw, EXTENSION, text) if is_extension(text) else Number(raw, UNKNOWN)
    return Number(raw, OUTSIDE, found.value, found.extension)
