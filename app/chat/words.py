"""How a web chat's messages look to the visitor's page: keys and times as the contract says."""

import hashlib
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from flask import request

from app.core.files import StoredFile
from channels.models import Account, Message
from channels.visitors import Visitor
from channels.webchat_settings import spoken

MOST_ITEMS, LONGEST_ITEM = 10, 128
"""How many items of a menu are shown, and how long the id of one may be."""


def shown(
    message: Message, files: Iterable[StoredFile], visitor: Visitor, account: Account, asks: Collection[int] = ()
) -> dict[str, Any]:
    """A message as the visitor may see it: names of people as they call themselves, no address, no state of ours. `ask`
    where it is a question that buttons can answer (`asks`)."""
    mine = message.direction == "in"
    client_id = message.external_id.removeprefix(visitor.key + ":") if mine else None
    return {
        "id": message.id,
        "author": {"type": "visitor", "name": visitor.name} if mine else author(message, account, visitor.language),
        "text": message.visible_text,
        "created_at": stamp(message.created_at),
        "client_msg_id": client_id,
        "files": [file(row) for row in files],
        **({"ask": "rating"} if message.id in asks else {}),
        **({"card": card} if not mine and (card := card_of(message)) else {}),
        **({"menu": menu, "head": str(message.meta.get("head") or "")} if not mine and (menu := items(message)) else {}),
    }


def items(message: Message) -> list[dict[str, str]]:
    """What can be tapped on a menu of ours: its id comes back with the answer."""
    found = message.meta.get("items") if message.kind == "menu" else None
    shown_ = [one for one in found if isinstance(one, dict) and one.get("id") and one.get("text")] if isinstance(found, list) else []
    return [{"id": str(one["id"])[:LONGEST_ITEM], "text": str(one["text"])} for one in shown_[:MOST_ITEMS]]


def card_of(message: Message) -> dict[str, str] | None:
    """A link of ours that is drawn as a card."""
    meta = message.meta if message.kind == "card" else {}
    url = str(meta.get("url") or "")
    if not url.startswith(("https://", "http://")):
        return None
    return {"title": str(meta.get("title") or url)[:200], "text": str(meta.get("text") or "")[:400], "url": url}


def author(message: Message, account: Account, language: str = "zh") -> dict[str, str]:
    """Who of ours wrote it."""
    if message.author_kind == "user":
        return {"type": "agent", "name": message.author_name}
    return {"type": "robot" if message.is_auto else "system", "name": spoken(account.settings, "title", language)}


def file(row: StoredFile) -> dict[str, Any]:
    """A file that the page may fetch with its token. `image`: it may be shown in the page."""
    return {"id": row.id, "name": row.name, "size": row.size, "mime": row.mime, "image": row.inline}


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with Z, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def browser_language() -> str:
    """zh or en, as the browser asks; zh when it asks for neither."""
    return request.accept_languages.best_match(("zh", "en"), "zh")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
