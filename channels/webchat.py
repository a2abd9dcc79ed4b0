"""Web chat: words and files that visitors of a page write to us over our own socket.

Nothing here speaks to a network: what a visitor sent is stored as one JSON document by the socket's side, and what we
answer is read by the visitor from our own tables, so that storing it is sending it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.core.errors import NotFound
from app.core.files import get_bytes
from channels.base import Inbound, InboundFile, Outbound, Sender, Unparseable
from channels.models import Account

KIND = "webchat"
LONGEST = 10_000
"""Characters of one message."""


def packed(
    visitor: str,
    client_msg_id: str,
    text: str,
    *,
    name: str = "",
    files: Sequence[Mapping[str, str]] = (),
    item: str = "",
) -> bytes:
    """A visitor's message as it is kept raw. `visitor` is the visitor's public key, never the secret token; `files` are
    {"sha256", "name", "mime"} of bytes that are stored already; `item` is what was tapped on a menu of ours."""
    said: dict[str, Any] = {"visitor": visitor, "client_msg_id": client_msg_id, "text": text, "name": name, "files": list(files)}
    if item:
        said["item"] = item
    return json.dumps(said, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")


def external_id(visitor: str, client_msg_id: str) -> str:
    """The name of a visitor's message, unique on its account: the ids that visitors choose may collide."""
    return f"{visitor}:{client_msg_id}"


class WebChatChannel:
    """The widget."""

    kind = KIND
    idempotent = True

    def parse(self, account: Account, raw: bytes) -> Inbound:
        try:
            said: Any = json.loads(raw)
            visitor, number = said["visitor"], said["client_msg_id"]
            text, name, files = said["text"], said.get("name", ""), said.get("files", [])
            item = said.get("item", "")
            if not all(isinstance(part, str) for part in (visitor, number, text, name, item)) or not (visitor and number):
                raise TypeError
            kept = tuple(InboundFile(f["name"], f["mime"], get_bytes(f["sha256"])) for f in files)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Unparseable("不是网页会话的消息。") from None
        except NotFound:
            raise Unparseable("消息里的文件已不在存储中。") from None
        if not text.strip() and not kept:
            raise Unparseable("消息是空的。")
        if len(text) > LONGEST:
            raise Unparseable("消息太长。")
        return Inbound(
            external_id=external_id(visitor, number),
            sender=Sender("visitor", visitor, name),
            text=text,
            visible_text=text,
            files=kept,
            continues=True,
            kind="menu" if item else "text",
            meta={"item": item} if item else {},
        )

    def send(self, account: Account, message: Outbound) -> str | None:
        """The visitor reads it where it is stored."""
        return None
