"""Messages of people in a company's own mobile app: in by our API, out by being stored, where the app reads them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.core.errors import NotFound
from app.core.files import get_bytes
from channels.base import Inbound, InboundFile, Outbound, Sender, Unparseable
from channels.models import Account

KIND = "app"
LONGEST = 10_000
"""Characters of one message."""


def packed(user: str, client_msg_id: str, text: str, *, item: str = "", files: Sequence[Mapping[str, str]] = ()) -> bytes:
    """A message as it is kept raw. `user` is the value of the sender's identity; `item` the item of a menu of ours that
    was chosen; `files` are {"sha256", "name", "mime"} of bytes that are stored already."""
    said = {"user": user, "client_msg_id": client_msg_id, "text": text, "item": item, "files": list(files)}
    return json.dumps(said, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")


def external_id(user: str, client_msg_id: str) -> str:
    """The name of a message, unique on its account: the ids that apps choose may collide."""
    return f"{user}:{client_msg_id}"


class AppChannel:
    """The company's own app."""

    kind = KIND
    idempotent = True

    def parse(self, account: Account, raw: bytes) -> Inbound:
        try:
            said: Any = json.loads(raw)
            user, number, text = said["user"], said["client_msg_id"], said["text"]
            item, files = said.get("item", ""), said.get("files", [])
            if not all(isinstance(part, str) for part in (user, number, text, item)) or not (user and number):
                raise TypeError
            kept = tuple(InboundFile(f["name"], f["mime"], get_bytes(f["sha256"])) for f in files)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Unparseable("不是 App 的消息。") from None
        except NotFound:
            raise Unparseable("消息里的文件已不在存储中。") from None
        if not text.strip() and not kept:
            raise Unparseable("消息是空的。")
        if len(text) > LONGEST:
            raise Unparseable("消息太长。")
        return Inbound(
            external_id=external_id(user, number),
            sender=Sender(KIND, user, verified=True),
            text=text,
            visible_text=text,
            files=kept,
            continues=True,
            kind="menu" if item else "text",
            meta={"item": item} if item else {},
        )

    def send(self, account: Account, message: Outbound) -> None:
        """The app reads it where it is stored; its phone is told by app/app_reactions.py."""
