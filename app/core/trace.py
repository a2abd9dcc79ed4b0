"""The id that ties the log lines and audit entries of one request or job together."""

import secrets
from contextvars import ContextVar

_current: ContextVar[str | None] = ContextVar("huiyin_request_id", default=None)


def request_id() -> str | None:
    """The id in force, or None outside a request or job."""
    return _current.get()


def begin_trace(given: str | None = None) -> str:
    """Set the id for this thread of work; a proxy's id is taken over when it is short and plain."""
    chosen = given if given and len(given) <= 40 and given.replace("-", "").isalnum() and given.isascii() else secrets.token_hex(8)
    _current.set(chosen)
    return chosen
