"""What was said, for whoever may read it: messages and, for colleagues, notes, in the order in which they came."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import defer, joinedload

from app.core.audit import AuditRow
from app.core.db import session
from app.core.errors import NotFound
from app.core.files import StoredFile
from app.core.permissions import Actor
from app.queries import timeline
from app.queries.portal import conversations_of
from channels.models import Account, Conversation, Message
from knowledge.models import Article
from workflows.access import readable
from workflows.models import Ticket, TicketConversation, TicketNote

Place = tuple[datetime, int, int]
"""Moment, 0 for a message or 1 for a note, and id: these order everything that was said."""


@dataclass(frozen=True)
class Said:
    """A message or a note, with what belongs to it. Exactly one of the two is set."""

    message: Message | None = None
    note: TicketNote | None = None
    files: Sequence[StoredFile] = ()
    articles: Sequence[Article] = field(default=())

    @property
    def place(self) -> Place:
        if self.message is not None:
            return self.message.created_at, 0, self.message.id
        assert self.note is not None
        return self.note.at, 1, self.note.id


def hears_colleagues(actor: Actor) -> bool:
    """Whether notes and letters of the house are for this actor; customers hear what was said to them."""
    return actor.can("desk.use")


def said_on(actor: Actor, ticket: Ticket, after: Place | None, limit: int) -> list[Said]:
    """What was said on a ticket after a place, oldest first. A fixed number of statements."""
    if not hears_colleagues(actor):
        conversations = [c.id for c in conversations_of(ticket, _holder(ticket))]
        return _with_papers(_messages(conversations, after, limit, to_customers()), [], limit, [])
    rows = select(TicketConversation.conversation_id).where(TicketConversation.ticket_id == ticket.id)
    family = _family(ticket)
    return _with_papers(_messages(list(session().scalars(rows)), after, limit), _notes(family, after, limit), limit, family)


def said_in(conversation: Conversation, after: Place | None, limit: int) -> list[Said]:
    """The messages of one conversation after a place, oldest first."""
    rows = select(TicketConversation.ticket_id).where(TicketConversation.conversation_id == conversation.id)
    return _with_papers(_messages([conversation.id], after, limit), [], limit, list(session().scalars(rows)))


def newest_in(conversation: Conversation, limit: int) -> list[Said]:
    """The newest messages of one conversation, oldest first."""
    rows = select(Message).where(Message.conversation_id == conversation.id).options(*_parts())
    found = list(session().scalars(rows.order_by(Message.created_at.desc(), Message.id.desc()).limit(limit)))[::-1]
    links = select(TicketConversation.ticket_id).where(TicketConversation.conversation_id == conversation.id)
    return _with_papers(found, [], limit, list(session().scalars(links)))


def one(message: Message | None = None, note: TicketNote | None = None) -> Said:
    """What was just written, as the list will show it."""
    if message is None:
        return Said(note=note)
    rows = select(TicketConversation.ticket_id).where(TicketConversation.conversation_id == message.conversation_id)
    return _with_papers([message], [], 1, list(session().scalars(rows)))[0]


def to_customers() -> ColumnElement[bool]:
    """What the customer and people of the desk said to each other and what left the house; the same as the portal's."""
    here = Message.account_id.in_(select(Account.id).where(Account.kind == "portal"))
    return and_(
        Message.is_bounce.is_(False),
        Message.is_auto.is_(False),
        Message.author_kind != "system",
        or_(
            Message.direction == "in",
            Message.state.in_(("sending", "sent")),  # what is queued may still be taken back
            and_(here, Message.state.in_(("queued", "failed", "undecided"))),
        ),
    )


def _parts() -> tuple[Any, ...]:
    return defer(Message.html), defer(Message.text), joinedload(Message.conversation).joinedload(Conversation.account)


def _messages(conversations: list[int], after: Place | None, limit: int, *only: ColumnElement[bool]) -> list[Message]:
    if not conversations:
        return []
    rows = select(Message).where(Message.conversation_id.in_(conversations), *only).options(*_parts())
    if after is not None:
        at, kind, number = after
        same = and_(Message.created_at == at, Message.id > number) if kind == 0 else None
        later = Message.created_at > at
        rows = rows.where(or_(later, same) if same is not None else later)
    return list(session().scalars(rows.order_by(Message.created_at, Message.id).limit(limit)))


def _notes(family: list[int], after: Place | None, limit: int) -> list[TicketNote]:
    rows = select(TicketNote).where(TicketNote.ticket_id.in_(family))
    if after is not None:
        at, kind, number = after
        same = TicketNote.at == at
        rows = rows.where(or_(TicketNote.at > at, same if kind == 0 else and_(same, TicketNote.id > number)))
    return list(session().scalars(rows.order_by(TicketNote.at, TicketNote.id).limit(limit)))


def _holder(ticket: Ticket) -> Ticket:
    """The ticket that this one was merged into, at the end of the chain; else the ticket itself."""
    while ticket.merged_into_id is not None:
        ticket = session().get_one(Ticket, ticket.merged_into_id)
    return ticket


def _family(ticket: Ticket) -> list[int]:
    """This ticket and all that were merged into it, however indirectly."""
    start = select(Ticket.id).where(Ticket.id == ticket.id).cte("merged_tickets", recursive=True)
    family = start.union(select(Ticket.id).join(start, Ticket.merged_into_id == start.c.id))
    return list(session().scalars(select(family.c.id)))


def _with_papers(messages: list[Message], notes: list[TicketNote], limit: int, tickets: list[int]) -> list[Said]:
    """Both in one order, with the files of the messages and the articles that went out with them."""
    found = sorted([*(Said(message=m) for m in messages), *(Said(note=n) for n in notes)], key=lambda s: s.place)[:limit]
    ids = [s.message.id for s in found if s.message is not None]
    files, articles = timeline.files_of(ids), _articles(ids, tickets)
    return [
        Said(s.message, s.note, files.get(s.message.id, ()), articles.get(s.message.id, ())) if s.message else s for s in found
    ]


def _articles(ids: list[int], tickets: list[int]) -> dict[int, list[Article]]:
    """The articles of these messages, as the trail of their tickets names them."""
    if not ids or not tickets:
        return {}
    rows = select(AuditRow.details).where(
        AuditRow.subject == "ticket", AuditRow.subject_id.in_(tickets), AuditRow.action == timeline.REPLIED
    )
    shown = set(ids)
    named = {int(d["message"]): list(d.get("articles", ())) for d in session().scalars(rows) if d.get("message") in shown}
    wanted = {number for numbers in named.values() for number in numbers}
    if not wanted:
        return {}
    known = {a.id: a for a in session().scalars(select(Article).where(Article.id.in_(wanted)))}
    return {message: [known[n] for n in numbers if n in known] for message, numbers in named.items()}


def readable_conversations(actor: Actor) -> Select[Any]:
    """All conversations for those who read all tickets, else those of the tickets that the actor may read."""
    rows = select(Conversation)
    if actor.can("ticket.read") and actor.can("ticket.read_all"):
        return rows
    links = select(TicketConversation.conversation_id).join(Ticket, Ticket.id == TicketConversation.ticket_id)
    return rows.where(Conversation.id.in_(links.where(readable(actor))))


def access_conversation(actor: Actor, conversation_id: int) -> Conversation:
    """The conversation, when it is the actor's to read; raises NotFound."""
    rows = readable_conversations(actor).where(Conversation.id == conversation_id)
    found: Conversation | None = session().scalar(rows) if 0 < conversation_id < 2**31 else None
    if found is None:
        raise NotFound()
    return found


def tickets_of(actor: Actor, conversations: Sequence[int]) -> dict[int, list[int]]:
    """The numbers of the tickets of each conversation that the actor may read, in one statement."""
    found: dict[int, list[int]] = {number: [] for number in conversations}
    rows = (
        select(TicketConversation.conversation_id, Ticket.number)
        .join(Ticket, Ticket.id == TicketConversation.ticket_id)
        .where(TicketConversation.conversation_id.in_(conversations), readable(actor))
        .order_by(Ticket.id)
    )
    for conversation, number in session().execute(rows) if conversations else ():
        found[conversation].append(number)
    return found


def access_message_file(actor: Actor, row: StoredFile) -> StoredFile:
    """A file of a message that the actor may read; raises NotFound."""
    found = timeline.access_file(actor, row.id)
    if not hears_colleagues(actor):
        rows = select(Message.id).where(Message.id == found.owner_id, to_customers())
        if session().scalar(rows) is None:
            raise NotFound()
    return found
