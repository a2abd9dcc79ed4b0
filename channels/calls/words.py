"""Small rules that every source of calls shares: who is an extension, what a channel's name says, what a line is."""

import hashlib
import json
import re
from typing import Any
from urllib.parse import unquote

from app.core.text import clean

_EXTENSION = re.compile(r"\d{1,6}")
_SUFFIX = re.compile(r"(?:-[0-9a-fA-F]+)?(?:;[12])?$")


def is_extension(number: str | None) -> bool:
    """Up to six digits are a telephone inside the house."""
    return bool(number and _EXTENSION.fullmatch(number))


def direction_of(caller: str | None, callee: str | None) -> str | None:
    """inbound, outbound, internal, by who is an extension; None when neither side is one."""
    inside, outside = is_extension(caller), is_extension(callee)
    if inside and outside:
        return "internal"
    if inside:
        return "outbound"
    return "inbound" if outside else None


def peer_of(channel: str) -> str | None:
    """The telephone that a channel stands for: `SIP/301-0000000a`, `Local/301@queue/n` and `Agent/301` are 301."""
    technology, slash, rest = channel.partition("/")
    if not slash:
        rest = technology
    if technology.lower() == "local":
        rest = rest.partition("@")[0]
    return _SUFFIX.sub("", rest) or None


def user_of(address: str) -> str | None:
    """The user of `sofia/internal/1002@10.0.0.1:5060`, `1002@domain` or `user/1002`."""
    return address.rpartition("/")[2].partition("@")[0].removeprefix("sip:") or None


def text_of(raw: bytes) -> str:
    """Bytes as text: what no rule can decode becomes U+FFFD."""
    return clean(raw.decode("utf-8", "replace"))


def json_of(raw: bytes) -> Any:
    """The JSON of a body, with every text in it cleaned: an escape may hide what no database takes. Raises ValueError
    or RecursionError."""
    return _cleaned(json.loads(text_of(raw)))


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(name): _cleaned(one) for name, one in value.items()}
    return [_cleaned(one) for one in value] if isinstance(value, list) else value


def decoded(text: str) -> str:
    """A percent-encoded text, cleaned."""
    return clean(unquote(text, errors="replace"))


def digest_of(raw: bytes) -> str:
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def whole_lines(raw: bytes) -> tuple[list[bytes], int]:
    """The lines that are complete, blank ones left out, and the length in bytes of the unfinished rest."""
    cut = raw.rfind(b"\n") + 1
    lines = [line.rstrip(b"\r") for line in raw[:cut].removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    return [line for line in lines if line.strip()], len(raw) - cut
