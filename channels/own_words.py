"""Messages that come to us over a door of our own, the chat of a page and a company's app: kept raw as one JSON document
that we wrote ourselves. What both have in common is how it is read back, and what is no message."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.core.errors import NotFound
from app.core.files import get_bytes
from channels.base import Inbound, InboundFile, Sender, Unparseable

LONGEST = 10_000
"""Characters of one message."""


@dataclass(frozen=True)
class Said:
    """What stands in the document: `who` wrote it, and `name` as they call themselves; `item` is what was tapped on a
    menu of ours; `language` the one of the page."""

    who: str
    number: str
    text: str
    name: str
    item: str
    language: str
    files: tuple[InboundFile, ...]


def packed(said: Mapping[str, Any]) -> bytes:
    """The document as it is kept."""
    return json.dumps(said, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")


def external_id(who: str, client_msg_id: str) -> str:
    """The name of a message, unique on its account: the ids that browsers and apps choose may collide."""
    return f"{who}:{client_msg_id}"


def read(raw: bytes, who: str) -> Said | None:
    """The message, whose writer stands in the field `who`; None for what is none of ours. Raises Unparseable for one whose
    files are gone, and for one that is empty or too long."""
    try:
        told: Any = json.loads(raw)
        parts = (told[who], told["client_msg_id"], told["text"], told.get("name", ""), told.get("item", ""), told.get("language", ""))
        if not all(isinstance(part, str) for part in parts) or not (parts[0] and parts[1]):
            raise TypeError
        files = tuple(InboundFile(f["name"], f["mime"], get_bytes(f["sha256"])) for f in told.get("files", []))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    except NotFound:
        raise Unparseable("消息里的文件已不在存储中。") from None
    if not parts[2].strip() and not files:
        raise Unparseable("消息是空的。")
    if len(parts[2]) > LONGEST:
        raise Unparseable("消息太长。")
    return Said(*parts, files)


def inbound(said: Said, sender: Sender) -> Inbound:
    """The message as every channel hands it on."""
    return Inbound(
        external_id=external_id(said.who, said.number),
        sender=sender,
        text=said.text,
        visible_text=said.text,
        files=said.files,
        continues=True,
        kind="menu" if said.item else "text",
        meta={"item": said.item} if said.item else {},
    )
