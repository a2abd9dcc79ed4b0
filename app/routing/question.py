"""Asking the person which of their open tickets a message is about, when nothing else tells.

The question goes out where they wrote, as a menu where the channel knows menus, always with numbers to answer by. Until
they answer, the message stands in its conversation; after ten minutes it goes to the ticket that was touched last.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from app.core.errors import DeskError
from app.core.events import record
from app.core.permissions import SYSTEM
from app.routing.events import ChoiceDue
from app.routing.words import ASKED, question
from channels.models import WITHDRAWN, Conversation, Message
from channels.sending import queue_message
from workflows.models import FIRST_NUMBER, Ticket
from workflows.tickets import TICKET

PATIENCE = timedelta(minutes=10)
OFFERED = 5
NEW = "new"
_DIGIT = re.compile(r"\s*[【\[(（]?\s*([0-9０-９])\s*[】\])）.。、]?\s*")
_KEY = "routing"


@dataclass(frozen=True)
class Answer:
    """The messages that waited, with the one that answered last, and where they go: None means a new ticket."""

    messages: list[Message]
    ticket: Ticket | None


def ask(message: Message, conversation: Conversation, candidates: Sequence[Ticket]) -> None:
    """Ask, unless the question is already out: then the message waits with the others."""
    message.placed = ASKED
    out = _open_question(conversation.id)
    if out is not None:
        _keep(out, waits=[*out.meta[_KEY]["waits"], message.id])
        return
    offered = list(candidates)[:OFFERED]
    language = (conversation.contact.language if conversation.contact else None) or "zh"
    text, menu = question([(ticket.number, ticket.subject) for ticket in offered], language)
    try:
        with session().begin_nested():
            sent = queue_message(SYSTEM, conversation, text, is_auto=True, kind="menu", meta=menu)
    except DeskError:  # the platform lets us send nothing: the clock alone decides
        sent = None
    tickets = [ticket.number for ticket in offered]
    holder = sent or message
    _keep(holder, waits=[message.id], tickets=tickets, done=False)
    record(ChoiceDue(conversation_id=conversation.id, message_id=holder.id), due_at=now() + PATIENCE)


def read(message: Message) -> Answer | None:
    """The choice that a message makes, where a question is out and the message answers it."""
    out = _open_question(message.conversation_id)
    if out is None:
        return None
    kept: dict[str, Any] = out.meta[_KEY]
    item = str(message.meta.get("item") or "") if message.kind == "menu" else ""
    digit = _DIGIT.fullmatch(message.visible_text)
    if item.startswith("ticket:"):
        chosen = item.removeprefix("ticket:")
    elif digit is not None:
        place = int(digit[1])
        if place > len(kept["tickets"]):
            return None
        chosen = str(kept["tickets"][place - 1]) if place else NEW
    else:
        return None
    if chosen != NEW and (not chosen.isdecimal() or int(chosen) not in kept["tickets"]):
        return None
    _keep(out, done=True)
    message.placed = "chosen"
    ticket = _ticket(int(chosen)) if chosen != NEW else None
    return Answer([*_messages(out, kept["waits"]), message], ticket)


def overdue(message_id: int) -> Answer | None:
    """What waited so long that the desk decides: the first of the offered tickets that is still open. None when the
    person has answered."""
    out = session().get(Message, message_id)
    kept = out.meta.get(_KEY) if out is not None else None
    if out is None or not kept or kept["done"]:
        return None
    _keep(out, done=True)
    found = [ticket for number in kept["tickets"] if (ticket := _ticket(number)) is not None]
    open_ones = [ticket for ticket in found if ticket.state not in TICKET.ends]
    return Answer(_messages(out, kept["waits"]), next(iter([*open_ones, *found]), None))


def _ticket(number: int) -> Ticket | None:
    """An offered ticket, or the one that it was merged into since."""
    found, seen = session().get(Ticket, number - FIRST_NUMBER), set[int]()
    while found is not None and found.state == "merged" and found.id not in seen:
        seen.add(found.id)
        found = session().get(Ticket, found.merged_into_id) if found.merged_into_id else None
    return found if found is not None and found.state not in ("merged", "cancelled") else None


def _messages(question_: Message, ids: Sequence[int]) -> list[Message]:
    """Those that wait still: what an agent took up, left alone or moved meanwhile stays where they put it."""
    rows = select(Message).where(
        Message.id.in_(ids), Message.placed == ASKED, Message.conversation_id == question_.conversation_id
    )
    return list(session().scalars(rows.order_by(Message.id)))


def _open_question(conversation_id: int) -> Message | None:
    """The question of this conversation that waits for its answer."""
    rows = (
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.created_at > now() - PATIENCE, Message.state != WITHDRAWN)
        .order_by(Message.id.desc())
        .limit(50)
    )
    return next((m for m in session().scalars(rows) if m.meta.get(_KEY) and not m.meta[_KEY]["done"]), None)


def _keep(message: Message, **changes: Any) -> None:
    message.meta = {**message.meta, _KEY: {**message.meta.get(_KEY, {}), **changes}}
    session().flush()
