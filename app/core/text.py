"""The one rule for text that enters: no lone surrogate, no NUL, no stray control characters."""

import json
import re
from collections.abc import Callable
from typing import Any

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

_PLACES = re.compile(r"%\(\w+\)s|%%")


def clean(text: str) -> str:
    """Text that every database and every JSON reader accepts.

    A lone surrogate becomes U+FFFD so that its place stays visible; NUL and other control characters vanish;
    line ends become LF.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _FORBIDDEN.sub(lambda m: "\ufffd" if "\ud800" <= m.group() <= "\udfff" else "", text)


def pack(message: str, **data: object) -> str:
    """A message id with what fills its places, as one text to be stored: whoever reads it reads it in their language."""
    return json.dumps({"say": message, "with": data}, ensure_ascii=False) if data else message


def parts(stored: str) -> tuple[str, dict[str, Any]]:
    """The message id of a packed text and what fills its places, for an error that is translated later."""
    if stored.startswith('{"say"'):
        found = json.loads(stored)
        return found["say"], found["with"]
    return stored, {}


def unpack(stored: str, translate: Callable[[str], str] = str) -> str:
    """The sentence of a packed text; any other text is taken as a message id itself. Text of strangers may stand in the
    same columns and look like one of ours: what does not fit is shown as it is."""
    if not stored.startswith('{"say"'):
        return translate(stored) if stored else ""
    try:
        found = json.loads(stored)
        if "%" in _PLACES.sub("", found["say"]):
            return stored
        return str(translate(found["say"]) % found["with"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return stored
