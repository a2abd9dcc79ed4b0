"""Addresses of files for people whose channel carries no files: whoever has the link gets that one file."""

import hashlib
import hmac

from app.core.sealing import mark
from channels.base import InboundFile

_site = [""]
PURPOSE = "file link"


def use_site(site_url: str) -> None:
    """Say once at start under which address people reach this house, without a slash at the end."""
    _site[0] = site_url.rstrip("/")


def link_to(file: InboundFile) -> str:
    """The address of a file that hangs on a message."""
    digest = hashlib.sha256(file.content).hexdigest()
    return f"{_site[0]}/f/{digest}/{mark(PURPOSE, digest)}"


def is_ours(digest: str, given: str) -> bool:
    """Whether a link was made here."""
    return hmac.compare_digest(mark(PURPOSE, digest).encode(), given.encode("utf-8", "replace"))
