"""Web chat: words and files that visitors of a page write to us over our own socket.

Nothing here speaks to a network: what a visitor sent is stored as one JSON document by the socket's side, and what we
answer is read by the visitor from our own tables, so that storing it is sending it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from channels import own_words
from channels.base import Inbound, Outbound, Sender, Unparseable
from channels.models import Account

KIND = "webchat"
LONGEST, external_id = own_words.LONGEST, own_words.external_id


def packed(
    visitor: str,
    client_msg_id: str,
    text: str,
    *,
    name: str = "",
    files: Sequence[Mapping[str, str]] = (),
    item: str = "",
    language: str = "",
) -> bytes:
    """A visitor's message as it is kept raw. `visitor` is the visitor's public key, never the secret token; `files` are
    {"sha256", "name", "mime"} of bytes that are stored already; `item` is what was tapped on a menu of ours;
    `language` is that of the page, so that whatever answers first answers in it."""
    said: dict[str, Any] = {"visitor": visitor, "client_msg_id": client_msg_id, "text": text, "name": name, "files": list(files)}
    if item:
        said["item"] = item
    if language:
        said["language"] = language
    return own_words.packed(said)


class WebChatChannel:
    """The widget."""

    kind = KIND
    idempotent = True

    def parse(self, account: Account, raw: bytes) -> Inbound:
        said = own_words.read(raw, "visitor")
        if said is None:
            raise Unparseable("不是网页会话的消息。")
        return own_words.inbound(said, Sender("visitor", said.who, said.name, language=said.language))

    def send(self, account: Account, message: Outbound) -> str | None:
        """The visitor reads it where it is stored."""
        return None
