"""What one message of ours becomes at the platform: one call, or several where the text is long or files hang on it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from channels.base import InboundFile, Outbound
from channels.file_links import link_to
from channels.wecom.splitting import split_text

SEND, TEMPLATE, SUBSCRIBED = "message/custom/send", "message/template/send", "message/subscribe/bizsend"
NATIVE: Mapping[str, tuple[str, int]] = {
    "image/jpeg": ("image", 2 * 1024 * 1024),
    "image/png": ("image", 2 * 1024 * 1024),
    "image/gif": ("image", 2 * 1024 * 1024),
    "audio/amr": ("voice", 2 * 1024 * 1024),
    "audio/mpeg": ("voice", 2 * 1024 * 1024),
    "video/mp4": ("video", 10 * 1024 * 1024),
}
"""What the platform takes as a file, and how large. Of two limits on its own page the smaller is kept."""
MOST_ITEMS = 10
LINK_BYTES = 150


@dataclass(frozen=True)
class Call:
    """One call: its path, its body without the receiver, and the file to hand over before (then `body` gets its id)."""

    path: str
    body: dict[str, Any] = field(default_factory=dict)
    file: InboundFile | None = None
    native: str = ""


def calls_of(message: Outbound, text_bytes: int) -> list[Call]:
    """The calls of one message, in their order; never none."""
    if message.kind == "template":
        return [_template(message)]
    if message.kind == "menu":
        return [Call(SEND, _menu(message))]
    if message.kind == "card":
        return [Call(SEND, _card(message))]
    natives = [(file, kind) for file in message.files if (kind := native_kind(file))]
    others = [file for file in message.files if not native_kind(file)]
    text = "\n".join([message.text, *(f"{file.name}\n{link_to(file)}" for file in others)]).strip()
    words = [Call(SEND, {"msgtype": "text", "text": {"content": piece}}) for piece in split_text(text, text_bytes)]
    return [*words, *(Call(SEND, {"msgtype": kind}, file, kind) for file, kind in natives)]


def native_kind(file: InboundFile) -> str:
    """As what the platform takes a file: image, voice or video; empty when it goes as a link."""
    kind, largest = NATIVE.get(file.mime, ("", 0))
    return kind if 5 < len(file.content) <= largest else ""


def count_parts(kind: str, text: str, files: Sequence[tuple[str, str, int]], text_bytes: int) -> int:
    """As how many messages the platform counts one of ours; `files` are (name, mime, size). Links of files that go as
    such are part of the words."""
    if kind in ("menu", "card", "template"):
        return 1
    natives = [mime for _name, mime, size in files if 5 < size <= NATIVE.get(mime, ("", 0))[1]]
    links = [f"{name}\n{'x' * LINK_BYTES}" for name, mime, size in files if not 5 < size <= NATIVE.get(mime, ("", 0))[1]]
    return len(split_text("\n".join([text, *links]), text_bytes)) + len(natives)


def with_file(call: Call, media_id: str) -> dict[str, Any]:
    """The body of a call whose file has been handed over."""
    held = {"media_id": media_id}
    if call.native == "video" and call.file is not None:
        held |= {"title": call.file.name[:60]}
    return {**call.body, call.native: held}


def _menu(message: Outbound) -> dict[str, Any]:
    return {
        "msgtype": "msgmenu",
        "msgmenu": {
            "head_content": str(message.meta.get("head") or message.text),
            "list": [{"id": str(one["id"]), "content": str(one["text"])} for one in _items(message)],
            "tail_content": str(message.meta.get("tail") or ""),
        },
    }


def _items(message: Outbound) -> Iterator[Mapping[str, Any]]:
    found = message.meta.get("items")
    for one in found[:MOST_ITEMS] if isinstance(found, list) else []:
        if isinstance(one, Mapping) and one.get("id") and one.get("text"):
            yield one


def _card(message: Outbound) -> dict[str, Any]:
    meta = message.meta
    article = {
        "title": str(meta.get("title") or message.text)[:128],
        "description": str(meta.get("text") or "")[:500],
        "url": str(meta.get("url") or ""),
    }
    if meta.get("picture"):
        article["picurl"] = str(meta["picture"])
    return {"msgtype": "news", "news": {"articles": [article]}}


def _template(message: Outbound) -> Call:
    """`meta`: template_id, data {name: text or {"value": text}}, url, miniprogram, subscribed (an accepted subscription
    message, which has other rules than a template message)."""
    meta = message.meta
    data = meta.get("data")
    body: dict[str, Any] = {
        "template_id": str(meta.get("template_id") or ""),
        "data": {
            str(name): value if isinstance(value, Mapping) else {"value": str(value)}
            for name, value in (data if isinstance(data, Mapping) else {}).items()
        },
    }
    if isinstance(meta.get("miniprogram"), Mapping):
        body["miniprogram"] = dict(meta["miniprogram"])
    if meta.get("subscribed"):
        return Call(SUBSCRIBED, {**body, "page": str(meta.get("url") or "")})
    # The platform remembers this id for ten minutes: a repeated send then delivers once.
    return Call(TEMPLATE, {**body, "url": str(meta.get("url") or ""), "client_msg_id": message.key[:32]})
