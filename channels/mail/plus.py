"""The address that an answer comes back to: `support+t1024.k3f9a2b7xq@…` carries the mark of its conversation, signed, so
that the answer finds home when a program drops every other trace, and nobody finds a way in by counting."""

import hmac
import re
from collections.abc import Iterable

from app.core.sealing import mark
from channels.mail.headers import Headers
from channels.mail.words import decoded_header

_MARK = re.compile(r"t([a-z0-9_-]{1,40})\.([a-z2-7]{10})")
_ADDRESS = re.compile(r"[^\s<>\"(),:;]{1,150}\+t[^\s<>\"(),:;@]{1,60}@[^\s<>\"(),:;@]{1,255}", re.I)
_FIELDS = ("to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "resent-to")
MOST = 50
LONGEST_LOCAL = 64


def reply_address(address: str, token: str) -> str | None:
    """The address for answers to a conversation, or None where the mark does not fit into one."""
    local, at, domain = address.strip().rpartition("@")
    token = token.lower()
    marked = f"{local}+t{token}.{_signed(address, token)}"
    if not at or "+" in local or not _MARK.fullmatch(marked.rpartition("+")[2]) or len(marked) > LONGEST_LOCAL:
        return None
    return f"{marked}@{domain}"


def plus_addresses(headers: Headers) -> tuple[str, ...]:
    """The addresses with a mark, ours or not, that a mail was sent to or delivered by."""
    texts = (decoded_header(raw)[:20_000] for name in _FIELDS for raw in headers.all(name))
    return tuple(dict.fromkeys(found for text in texts for found in _ADDRESS.findall(text)))[:MOST]


def token_in(address: str, found: Iterable[str]) -> str | None:
    """The mark in the first of some addresses that is ours. Case is nothing: mail programs change it."""
    local, _, domain = address.strip().lower().rpartition("@")
    for one in found:
        theirs, _, host = one.strip().lower().rpartition("@")
        base, _, tail = theirs.rpartition("+")
        seen = _MARK.fullmatch(tail)
        if seen and (base, host) == (local, domain) and hmac.compare_digest(seen[2], _signed(address, seen[1])):
            return seen[1]
    return None


def _signed(address: str, token: str) -> str:
    return mark("reply address", address.strip().lower(), token)
