"""Who is at the other end of a ticket's web chats: what the desk sees beside the words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from channels import chat_ends, visitors
from channels.models import Account, Conversation
from channels.visitor_models import ChatRating, VisitorPage
from channels.visitor_pages import pages_of
from channels.visitors import Visitor
from channels.webchat import KIND
from channels.webchat_fields import fields_of
from workflows.models import Ticket, TicketConversation

ONLINE = timedelta(seconds=60)
"""How long a sign of life of an open chat counts; it is noted every 20 seconds."""


@dataclass(frozen=True)
class ChatSide:
    """One web chat of a ticket. `ahead`: how many wait before it, None where it waits no more. `answers`: label → what
    the visitor filled in before the first word."""

    conversation: Conversation
    visitor: Visitor
    online: bool
    open: bool
    since: datetime | None
    ahead: int | None
    pages: list[VisitorPage]
    answers: Mapping[str, str]
    rating: ChatRating | None


def chats_of(ticket: Ticket) -> list[ChatSide]:
    """The web chats of a ticket, the last spoken of first."""
    rows = (
        select(Conversation)
        .join(TicketConversation, TicketConversation.conversation_id == Conversation.id)
        .join(Account, Account.id == Conversation.account_id)
        .where(TicketConversation.ticket_id == ticket.id, Account.kind == KIND)
        .order_by(Conversation.last_message_at.desc())
        .limit(5)
    )
    return [side for row in session().scalars(rows) if (side := _side(row)) is not None]


def _side(conversation: Conversation) -> ChatSide | None:
    visitor = visitors.visitor_of(conversation)
    if visitor is None:
        return None
    current = chat_ends.last_chat(conversation.id)
    labels = {f.key: f.label for f in fields_of(conversation.account.settings)}
    return ChatSide(
        conversation=conversation,
        visitor=visitor,
        online=visitor.last_online_at > now() - ONLINE,
        open=current is not None and current.ended_at is None,
        since=current.started_at if current is not None else None,
        ahead=chat_ends.ahead(conversation.account_id, [conversation.id]).get(conversation.id),
        pages=pages_of([visitor.id]),
        answers={labels.get(key, key): value for key, value in visitor.answers.items()},
        rating=chat_ends.rating_of(conversation.id),
    )


def access_chat(ticket: Ticket, conversation_id: int) -> Conversation | None:
    """A web chat of this ticket; None for any other conversation."""
    return next((side.conversation for side in chats_of(ticket) if side.conversation.id == conversation_id), None)
