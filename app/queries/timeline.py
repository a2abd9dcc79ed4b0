"""Everything said and done on a ticket: messages of all its conversations, notes, and the steps from the audit trail."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import defer, joinedload

from app.core.audit import AuditRow
from app.core.db import session
from app.core.errors import NotFound
from app.core.files import StoredFile
from app.core.people import Team, User
from app.core.permissions import Actor
from channels.models import WITHDRAWN, Conversation, Message
from knowledge.models import Article
from workflows.access import readable
from workflows.models import Ticket, TicketArticle, TicketConversation, TicketNote
from workflows.order_access import readable_order
from workflows.orders_models import ServiceOrder

_ADDRESS = re.compile(r"https?://[!-~]+|[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+")

PAGE = 60
REPLIED = "ticket.replied"
ROBOT = "robot"


@dataclass(frozen=True)
class Entry:
    """One thing of the timeline; exactly one of the three is set."""

    at: datetime
    message: Message | None = None
    note: TicketNote | None = None
    step: AuditRow | None = None


@dataclass(frozen=True)
class Timeline:
    """A stretch of it, oldest first, with what its entries refer to. `earlier`: the cursor of what was before."""

    entries: list[Entry]
    earlier: str | None
    newest_id: int = 0
    conversation_ids: list[int] = field(default_factory=list)
    order_ids: list[int] = field(default_factory=list)
    laid_out: set[int] = field(default_factory=set)
    files: dict[int, list[StoredFile]] = field(default_factory=dict)
    articles: dict[int, list[Article]] = field(default_factory=dict)
    people: dict[int, str] = field(default_factory=dict)
    teams: dict[int, str] = field(default_factory=dict)


def timeline_of(ticket: Ticket, before: str = "", limit: int = PAGE, actor: Actor | None = None) -> Timeline:
    """The newest entries, or those before a cursor. A fixed number of statements; raises nothing for a bad cursor.
    Steps of its orders stand among them as far as `actor` may read the orders."""
    end = _moment(before)
    family = _family(ticket)
    conversations = list(
        session().scalars(select(TicketConversation.conversation_id).where(TicketConversation.ticket_id == ticket.id))
    )
    entries = [Entry(m.created_at, message=m) for m in _messages(conversations, end, limit)]
    newest = max((e.message.id for e in entries if e.message), default=0)
    entries += [Entry(n.at, note=n) for n in _notes(family, end, limit)]
    orders = _orders(family, actor) if actor else []
    steps, replies = _steps(family, orders, end, limit)
    entries += [Entry(step.at, step=step) for step in steps]
    entries.sort(key=lambda e: (e.at, 0 if e.step else 1, (e.message or e.note or e.step).id))  # type: ignore[union-attr]
    shown = entries[-limit:]
    while len(shown) < len(entries) and entries[-len(shown) - 1].at == shown[0].at:
        shown = entries[-len(shown) - 1 :]
    earlier = shown[0].at.isoformat() if len(shown) < len(entries) else None
    ids = [e.message.id for e in shown if e.message]
    people, teams = _names([e.step for e in shown if e.step])
    return Timeline(
        shown,
        earlier,
        newest,
        conversations,
        orders,
        with_html(ids),
        files_of(ids),
        _articles(replies),
        people,
        teams,
    )


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):  # the first and the last day of all time have no UTC everywhere
        return None


def _family(ticket: Ticket) -> list[int]:
    """This ticket and all that were merged into it, however indirectly: their notes and steps are read together."""
    start = select(Ticket.id).where(Ticket.id == ticket.id).cte("merged_tickets", recursive=True)
    family = start.union(select(Ticket.id).join(start, Ticket.merged_into_id == start.c.id))
    return list(session().scalars(select(family.c.id)))


def _orders(family: list[int], actor: Actor) -> list[int]:
    rows = select(ServiceOrder.id).where(readable_order(actor), ServiceOrder.ticket_id.in_(family))
    return list(session().scalars(rows))


def _messages(conversations: list[int], end: datetime | None, limit: int) -> list[Message]:
    if not conversations:
        return []
    rows = (
        select(Message)
        .where(Message.conversation_id.in_(conversations))
        .options(defer(Message.html), joinedload(Message.conversation).joinedload(Conversation.account))
        .order_by(Message.created_at.desc(), Message.id.desc())
        .limit(limit + 1)
    )
    if end is not None:
        rows = rows.where(Message.created_at < end)
    return list(session().scalars(rows))


def _notes(family: list[int], end: datetime | None, limit: int) -> list[TicketNote]:
    rows = select(TicketNote).where(TicketNote.ticket_id.in_(family)).order_by(TicketNote.id.desc()).limit(limit + 1)
    return list(session().scalars(rows.where(TicketNote.at < end) if end is not None else rows))


def _steps(
    family: list[int], orders: list[int], end: datetime | None, limit: int
) -> tuple[list[AuditRow], dict[int, list[int]]]:
    """Steps to show, of the tickets and of their orders, and which articles went out with which message."""
    rows = select(AuditRow).where(
        or_(
            and_(AuditRow.subject == "ticket", AuditRow.subject_id.in_(family)),
            and_(AuditRow.subject == ServiceOrder.__tablename__, AuditRow.subject_id.in_(orders)),
        )
    )
    rows = rows.order_by(AuditRow.id.desc()).limit(2 * limit + 1)
    found = list(session().scalars(rows.where(AuditRow.at < end) if end is not None else rows))
    replies = {int(r.details["message"]): list(r.details.get("articles", ())) for r in found if r.action == REPLIED}
    return [row for row in found if row.action != REPLIED][: limit + 1], replies


def with_html(ids: list[int]) -> set[int]:
    """Which of these messages were laid out by their writer."""
    return set(session().scalars(select(Message.id).where(Message.id.in_(ids), Message.html != ""))) if ids else set()


def files_of(ids: list[int]) -> dict[int, list[StoredFile]]:
    """The files of these messages."""
    found: defaultdict[int, list[StoredFile]] = defaultdict(list)
    if ids:
        rows = select(StoredFile).where(StoredFile.owner == "message", StoredFile.owner_id.in_(ids))
        for row in session().scalars(rows.order_by(StoredFile.id)):
            found[row.owner_id or 0].append(row)
    return found


def _articles(replies: dict[int, list[int]]) -> dict[int, list[Article]]:
    wanted = {number for numbers in replies.values() for number in numbers}
    if not wanted:
        return {}
    rows = {a.id: a for a in session().scalars(select(Article).where(Article.id.in_(wanted)))}
    return {message: [rows[n] for n in numbers if n in rows] for message, numbers in replies.items()}


def _names(steps: list[AuditRow]) -> tuple[dict[int, str], dict[int, str]]:
    """Names of the people and teams that the steps name by id."""

    def ids(key: str) -> set[int]:
        given = (step.details.get(key) for step in steps)
        return {int(value) for value in given if isinstance(value, int) or (isinstance(value, str) and value.isdecimal())}

    people, teams = ids("assignee"), ids("team")
    users = session().scalars(select(User).where(User.id.in_(people))) if people else ()
    groups = session().scalars(select(Team).where(Team.id.in_(teams))) if teams else ()
    return {user.id: user.label for user in users}, {team.id: team.name for team in groups}


def used_articles(ticket: Ticket) -> dict[int, Article]:
    """Articles that were inserted into replies of this ticket or named as its solution; not what the answer service
    sent before, which did not solve it."""
    rows = select(Article).join(TicketArticle, TicketArticle.article_id == Article.id)
    found = session().scalars(
        rows.where(TicketArticle.ticket_id == ticket.id, TicketArticle.use != ROBOT).order_by(TicketArticle.id)
    )
    return {article.id: article for article in found}


def shown_by_robot(ticket: Ticket) -> set[int]:
    """Ids of the articles that the answer service sent to the customer before a person had the ticket."""
    rows = select(TicketArticle.article_id).where(TicketArticle.ticket_id == ticket.id, TicketArticle.use == ROBOT)
    return set(session().scalars(rows))


def customer_words(ticket: Ticket, limit: int = 2000) -> str:
    """The subject and what the customer wrote, newest first: the words for which answers are looked up. How to reach
    somebody is no part of their question."""
    rows = (
        select(Message.visible_text)
        .join(TicketConversation, TicketConversation.conversation_id == Message.conversation_id)
        .where(
            TicketConversation.ticket_id == ticket.id,
            Message.direction == "in",
            Message.is_auto.is_(False),
            Message.is_bounce.is_(False),
        )
        .order_by(Message.id.desc())
        .limit(3)
    )
    said = list(session().scalars(rows))
    if not said:  # a telephone ticket: what the agent noted of the call
        said = list(session().scalars(select(TicketNote.text).where(TicketNote.ticket_id == ticket.id).limit(1)))
    return _ADDRESS.sub(" ", "\n".join([ticket.subject, *said])[:limit])


def newest_word(ticket: Ticket, reader_id: int | None) -> Message | None:
    """The last thing that this reader should have seen before answering: what the customer's side or a colleague wrote.
    Automatic letters, what was taken back, and the reader's own words do not count."""
    others = or_(
        Message.direction == "in", and_(Message.author_kind == "user", Message.author_id.is_distinct_from(reader_id))
    )
    rows = (
        select(Message)
        .join(TicketConversation, TicketConversation.conversation_id == Message.conversation_id)
        .where(
            TicketConversation.ticket_id == ticket.id,
            others,
            Message.is_bounce.is_(False),
            Message.is_auto.is_(False),
            Message.state != WITHDRAWN,
        )
    )
    return session().scalar(rows.order_by(Message.id.desc()).limit(1))


def access_message(actor: Actor, message_id: int) -> Message:
    """A message of a ticket that the actor may read; raises NotFound."""
    rows = (
        select(Message)
        .join(TicketConversation, TicketConversation.conversation_id == Message.conversation_id)
        .join(Ticket, Ticket.id == TicketConversation.ticket_id)
        .where(readable(actor), Message.id == message_id)
    )
    found = session().scalar(rows.limit(1)) if 0 < message_id < 2**31 else None
    if found is None:
        raise NotFound()
    return found


def access_file(actor: Actor, file_id: int) -> StoredFile:
    """A file of a message that the actor may read; raises NotFound."""
    found = session().get(StoredFile, file_id) if 0 < file_id < 2**31 else None
    if found is None or found.owner != "message" or found.owner_id is None:
        raise NotFound()
    access_message(actor, found.owner_id)
    return found


def ticket_of_message(actor: Actor, message: Message) -> Ticket:
    """The newest ticket of the message's conversation that the actor may read; raises NotFound."""
    rows = (
        select(Ticket)
        .join(TicketConversation, TicketConversation.ticket_id == Ticket.id)
        .where(readable(actor), TicketConversation.conversation_id == message.conversation_id)
    )
    found = session().scalar(rows.order_by(Ticket.id.desc()).limit(1))
    if found is None:
        raise NotFound()
    return found
