"""Message ids: what a mail is called, what it answers, and the thread it belongs to."""

import re

from channels.mail.headers import Headers
from channels.mail.words import decoded_header

MAX_REFERENCES = 500
_BRACKETED = re.compile(r"<([^<>]{1,998})>")


def message_id(headers: Headers) -> str | None:
    """The id of the mail without brackets; the first header wins."""
    return next(iter(_ids(headers, "message-id", loose=True)), None)


def first_id(headers: Headers) -> str | None:
    """The id of the mail that is answered."""
    return next(iter(_ids(headers, "in-reply-to", loose=True)), None)


def reference_ids(headers: Headers) -> tuple[str, ...]:
    """The ids of the thread, oldest first."""
    return tuple(_ids(headers, "references", loose=True)[:MAX_REFERENCES])


def _ids(headers: Headers, name: str, *, loose: bool) -> list[str]:
    for raw in headers.all(name):
        text = decoded_header(raw)
        found = [re.sub(r"\s", "", inner) for inner in _BRACKETED.findall(text)]
        if not found and loose:
            words = [word.strip("<>,;") for word in text.split()]
            found = [word for word in words if "@" in word] or (words if len(words) == 1 else [])
        found = [one[:998] for one in found if one]
        if found:
            return found
    return []
