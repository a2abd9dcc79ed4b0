"""A message as the desk shows it: what it holds, why it is where it is, and what became of ours."""

import re
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from app import moving
from app.core.clock import now
from app.core.permissions import Actor
from app.core.text import unpack
from app.queries import timeline
from app.registering import WRITTEN_DOWN
from app.web import desk_words as words
from app.web import said_show
from channels.media import KEPT_FOR
from channels.models import FAILED, HELD, QUEUED, SENT, UNDECIDED, Message
from workflows.models import Ticket

OPEN_ENDED = frozenset({FAILED, UNDECIDED, HELD})
"""States of a message of ours in which somebody has to decide, until they said that it is not needed any more."""

_KEYS = re.compile(r"(/(?:r|quotes)/)[\w.~-]+", re.ASCII)


def hide_keys(text: str) -> str:
    """The words without the customer's own link: whoever holds it can answer and rate in their name."""
    return _KEYS.sub(r"\1…", text)


def message(found: Message, ticket: Ticket, shown: timeline.Timeline, actor: Actor) -> dict[str, Any]:
    """One message of the timeline."""
    kind = ticket.channel if found.placed == WRITTEN_DOWN else found.conversation.account.kind
    visible, whole = (hide_keys(words_.strip()) for words_ in (found.visible_text, found.text))
    files = shown.files.get(found.id, ())
    held = said_show.content(found, files, lambda row: f"/desk/files/{row.id}", visible)
    if actor.can("ticket.work") and found.direction == "in" and now() - found.created_at <= KEPT_FOR:
        for one in held["waiting"]:
            one["again_url"] = f"/desk/messages/{found.id}/media" if one["lost"] else ""
    if held["menu"]:
        held["menu"] |= {name: hide_keys(held["menu"][name]) for name in ("head", "tail")}
    recalled = held["kind"] == "recalled"
    if not any(held[name] for name in held if name != "kind"):
        held["text"] = _("（没有正文）")
    return {
        "kind": "message",
        "id": found.id,
        "direction": found.direction,
        "author": (_("机器人") if "answer" in found.meta else _("系统")) if found.author_kind == "system" else (found.author_name or _("不知道是谁")),
        "channel": kind,
        "channel_label": words.channel_word(kind),
        "subject": found.subject if found.direction == "in" else "",
        "to": found.to_address if found.direction == "out" else "",
        "at": found.created_at,
        "sent_at": found.sent_at if found.direction == "in" and _differs(found) else None,
        "content": held,
        "quoted": whole if visible and whole != visible and not recalled else "",
        "auto": found.is_auto,
        "robot": _robot(found),
        "placed": why_here(found),
        "proposal": _proposal(found, actor),
        "move_url": f"/desk/tickets/{ticket.number}/move?message={found.id}" if actor.can("ticket.work") else None,
        "html_url": url_for("desk_files.html_mail", message_id=found.id) if found.id in shown.laid_out and not recalled else None,
        "articles": [{"title": a.title, "url": f"/articles/{a.slug}"} for a in shown.articles.get(found.id, ())],
        "delivery": delivery(found, actor, ticket),
    }


def _robot(found: Message) -> dict[str, Any] | None:
    """What the answer service sent with this message: the article and how sure it was, or that it asked for the product."""
    mark = found.meta.get("answer") if found.direction == "out" and isinstance(found.meta, dict) else None
    if not isinstance(mark, dict):
        return None
    sure = mark.get("confidence")
    return {
        "title": str(mark.get("title") or ""),
        "url": f"/articles/{mark['slug']}" if mark.get("slug") else "",
        "sure": _("把握 %(n)s%%", n=round(100 * sure)) if isinstance(sure, int | float) else "",
    }


def why_here(found: Message) -> str:
    """Why a message is in this conversation, in words."""
    return str(words.PLACED.get(found.placed, "")) if found.direction == "in" else ""


def _proposal(found: Message, actor: Actor) -> dict[str, Any] | None:
    """The ticket that a stranger's mail named, while nobody has decided."""
    number = moving.propose(found) if found.direction == "in" and actor.can("ticket.work") else None
    return {"number": number, "url": f"/desk/messages/{found.id}/proposal"} if number is not None else None


def state_of(found: Message) -> str:
    """What became of a message of ours, as a code: the states of the outbox, and delivered and seen where a channel
    tells."""
    if found.state == SENT:
        return "seen" if found.seen_at else "delivered" if (found.meta or {}).get("delivered_at") else "sent"
    return found.state


def delivery(found: Message, actor: Actor, ticket: Ticket | None) -> dict[str, Any] | None:
    """What became of a message in words, and what can be done about it."""
    if found.direction != "out":
        bounced = {"state": "failed", "label": _("退信"), "reason": "", "retry_url": None, "drop_url": None, "ways_url": None}
        return bounced if found.is_bounce else None
    undone = found.state in OPEN_ENDED and found.settled_at is None and actor.can("ticket.work")
    again = undone and found.state != HELD
    state = state_of(found)
    label = str(words.DELIVERY.get(state, state))
    if found.settled_at is not None and found.state in OPEN_ENDED:
        label = _("%(label)s，已说明不用再发", label=label)
    return {
        "state": "sending" if found.state == QUEUED else state,
        "label": label,
        "reason": unpack(found.error, _) if found.error else "",
        "retry_url": f"/desk/messages/{found.id}/again" if again else None,
        "drop_url": f"/desk/messages/{found.id}/settled" if undone else None,
        "ways_url": f"/desk/tickets/{ticket.number}/ways?message={found.id}" if undone and ticket else None,
    }


def _differs(found: Message) -> bool:
    return found.sent_at is not None and abs((found.sent_at - found.created_at).total_seconds()) > 600
