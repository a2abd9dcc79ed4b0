"""What a customer says behind the signed link of a request: solved, not solved, a word more. Each once, however often
it is sent."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.core.clock import now
from app.core.db import session
from app.core.errors import Refused
from app.core.permissions import SYSTEM, Actor
from app.customers import customer
from app.queries.portal import conversations_of
from channels.base import Inbound, InboundFile, Sender
from channels.models import Conversation, Message
from channels.receiving import receive
from channels.sending import last_inbound
from workflows import service as desk
from workflows.engine import take
from workflows.models import Ticket
from workflows.rules import URGE_PAUSE
from workflows.tickets import TICKET

SETTLED = ("following_up", "closed")
COLLEAGUE = "portal"
"""By which door the administrator of the customer's company speaks."""


def access_request(ticket_id: int) -> Ticket | None:
    """The ticket of a link whose signature was checked."""
    return session().get(Ticket, ticket_id, options=[joinedload(Ticket.contact), joinedload(Ticket.product)])


def holder_of(ticket: Ticket) -> Ticket:
    """The ticket that this one was merged into, at the end of the chain; else the ticket itself."""
    while ticket.merged_into_id is not None:
        ticket = session().get_one(Ticket, ticket.merged_into_id)
    return ticket


def asker(ticket: Ticket) -> Actor:
    """Whoever holds the link speaks as the customer of the ticket."""
    return replace(customer(ticket.contact), via="link")


def confirm_solved(actor: Actor, ticket: Ticket, *, rating: int | None = None, comment: str = "") -> bool:
    """It is solved: the ticket closes with the score (1 to 5). False where nothing is asked any more.

    Raises Invalid or Refused for a score that is none.
    """
    if ticket.state != "following_up":
        return False
    take(TICKET, ticket, "close", actor, result="answered", rating=rating, comment=comment.strip(), via="link")
    return True


def deny_solved(actor: Actor, ticket: Ticket, words: str, once: str, *, rating: int | None = None) -> bool:
    """It is not solved: the ticket goes back to who had it, with the words. False where nothing changed.

    Raises Refused when the ticket was closed too long ago.
    """
    reopened = ticket.state in SETTLED
    if reopened:
        take(TICKET, ticket, "reopen", actor, reason="客户表示没有解决", rating=rating, comment=words.strip())
    said = bool(words.strip()) and say(actor, ticket, words, once)
    return reopened or said


def urge(actor: Actor, ticket: Ticket) -> None:
    """Ask for haste. Raises Refused while the last urge is still fresh, or where nothing can be hastened."""
    holder = holder_of(ticket)
    if holder.state in SETTLED:
        raise Refused("这个请求已经处理好了，不用再催。")
    left = holder.urged_at + URGE_PAUSE - now() if holder.urged_at else timedelta(0)
    if left > timedelta(0):
        raise Refused("刚催过，处理的人都收到了。%(n)s 分钟后可以再催。", n=max(1, round(left.total_seconds() / 60)))
    take(TICKET, holder, "urge", actor)


def say(actor: Actor, ticket: Ticket, words: str, once: str, files: Sequence[InboundFile] = ()) -> bool:
    """The customer's words join their conversation as a message of theirs. `once` marks the form: sent again, nothing
    is added and False returned. Without a conversation the words become a note."""
    holder, words = holder_of(ticket), words.strip()
    conversation = next(iter(conversations_of(ticket, holder)), None)
    if conversation is None:
        desk.add_note(SYSTEM, holder, f"{actor.name}：{words}")
        return True
    sent = "".join(f"\n{f.name} {hashlib.sha256(f.content).hexdigest()}" for f in files)
    key = hashlib.sha256(f"link\n{ticket.id}\n{once}\n{words}{sent}".encode()).hexdigest()
    inbound = _inbound(conversation, words, f"sha256:{key}", actor.name if actor.via == COLLEAGUE else "")
    return receive(conversation.account, replace(inbound, files=tuple(files))) is not None


def _inbound(conversation: Conversation, words: str, external_id: str, colleague: str) -> Inbound:
    """The answer still goes where the last mail came from: a page has no address. The name of a `colleague` stands on
    the message alone: it is not the name of whose address it is."""
    who, last = conversation.identity, last_inbound(conversation)
    name = colleague or (conversation.contact.name if conversation.contact else "")
    newest = select(Message.external_id).where(Message.conversation_id == conversation.id).order_by(Message.id.desc()).limit(1)
    return Inbound(
        external_id=external_id,
        sender=Sender(who.kind, who.value, name, suspect=bool(colleague)) if who else None,
        subject=conversation.subject,
        text=words,
        visible_text=words,
        answers=tuple(session().scalars(newest)),
        reply_to=last.to_address if last else None,
    )
