"""What a solved ticket teaches the knowledge base: with an article, the customer's words find that article from now on;
without one, they are a question without an answer. A ticket that is opened again takes back what it taught."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, or_, select

from app.core.db import session
from app.core.outbox import Job, Retry, outside
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels.models import Message
from knowledge.events import ArticlePublished
from knowledge.index import Index, IndexUnavailable
from knowledge.loop import asked, closing, misses
from knowledge.loop_models import KnowledgeGap
from workflows.call_events import WrapUpWritten
from workflows.events import TicketChanged, TicketStepTaken
from workflows.models import Ticket, TicketArticle, TicketConversation
from workflows.wrap_models import WrapUp

SOLVED = ("following_up", "closed")
NO_QUESTION = ("complaint", "suggestion")
"""Kinds that no article answers."""
FIRST_WORDS, GUESSED = 3, 2
"""Messages that count as the question; articles of replies that count as the solution where none was named."""
BEFORE = timedelta(hours=2)
"""How long before a ticket somebody may have said what it is about: a conversation may be years old."""
BY_AGENTS = ("calls", "walk_in", "api")
"""Where the subject is what an agent wrote down."""
_open_index: list[Callable[[], Index]] = []
_limits = {"most": 40, "length": 160}


def use_loop(open_index: Callable[[], Index], most: int, length: int) -> None:
    """Say once at start which index is asked, and how many wordings of which length an article may have."""
    _open_index[:] = [open_index]
    _limits.update(most=most, length=length)


@outside
def learn_asked(event: TicketStepTaken | TicketChanged | WrapUpWritten, job: Job) -> None:
    """Keep, or take back, what the ticket teaches as it stands now. A wrap-up may name the article after the solution."""
    ticket = _ticket(event)
    if ticket is None or (not isinstance(event, TicketStepTaken) and ticket.state not in SOLVED):
        return
    teach(ticket, job.done)


def teach(ticket: Ticket, keep: Callable[[], Any]) -> None:
    """Keep the words of a solved ticket for its articles, or as a question without an answer, in a unit of work `keep()`;
    take back what it taught where it is not solved."""
    ticket_id = ticket.id
    solved = ticket.state in SOLVED and ticket.close_result != "cancelled"
    articles = _articles(ticket) if solved else []
    texts = customers_words(ticket) if solved else []
    names = _names(ticket)
    wordings = asked.prepare(texts, names, _limits["length"]) if articles and _limits["most"] else []
    unanswered = bool(solved and not articles and ticket.kind not in NO_QUESTION and ticket.merged_into_id is None)
    lost = misses.prepared(_misses(ticket, texts), names) if unanswered else []
    session().rollback()
    with keep():
        if wordings:
            asked.learn(ticket_id, articles, wordings, _limits["most"])
        else:
            asked.forget(ticket_id)
        if not lost:
            misses.take_back_ticket(ticket_id)
        elif not misses.knows_ticket(ticket_id):
            misses.gather(lost)


def _ticket(event: TicketStepTaken | TicketChanged | WrapUpWritten) -> Ticket | None:
    if not isinstance(event, WrapUpWritten):
        return session().get(Ticket, event.ticket_id)
    row = session().get(WrapUp, event.wrapup_id)
    return session().get(Ticket, row.ticket_id) if row is not None and row.ticket_id is not None else None


def _articles(ticket: Ticket) -> list[int]:
    """What the wrap-up names as the solution; else what was sent, where it was not a whole library."""
    rows = session().execute(
        select(TicketArticle.article_id, TicketArticle.use).where(TicketArticle.ticket_id == ticket.id).order_by(TicketArticle.id)
    ).all()
    named = [row.article_id for row in rows if row.use == "solved"]
    sent = [row.article_id for row in rows if row.use not in ("solved", "robot")]
    return list(dict.fromkeys(named)) or (sent if len(sent) <= GUESSED else [])


def customers_words(ticket: Ticket) -> list[str]:
    """The subject, where the customer wrote it, and the first thing that they said."""
    begun = and_(TicketConversation.since_message_id.is_(None), Message.created_at >= ticket.created_at - BEFORE)
    first = or_(begun, Message.id >= TicketConversation.since_message_id)
    rows = (
        select(Message.visible_text)
        .join(TicketConversation, TicketConversation.conversation_id == Message.conversation_id)
        .where(
            TicketConversation.ticket_id == ticket.id, first, Message.direction == "in",
            Message.is_auto.is_(False), Message.is_bounce.is_(False), Message.visible_text != "",
        )
    )  # fmt: skip
    said = list(session().scalars(rows.order_by(Message.id).limit(FIRST_WORDS)))
    subject = [ticket.subject] if ticket.channel not in BY_AGENTS and said else []
    return [*subject, *(said[:1] if said and len(said[0]) > 8 else ["\n".join(said)] if said else [])]


def _names(ticket: Ticket) -> list[str]:
    contact, company = ticket.contact, ticket.organisation
    names = [contact.name, *(i.value for i in contact.identities), *(i.shown for i in contact.identities)] if contact else []
    names += [company.name, company.short_name] if company else []
    ours = [n for n in (ticket.assignee_id, ticket.resolved_by_id) if n]
    names += [u.display_name for u in session().scalars(select(User).where(User.id.in_(ours)))] if ours else []
    return [name for name in names if name]


def _misses(ticket: Ticket, texts: list[str]) -> list[misses.Miss]:
    """A ticket is one question; of a telephone ticket only the subject is known, as the agent wrote it."""
    text = next((t for t in [*texts, ticket.subject] if t.strip()), "")
    at = ticket.resolved_at or ticket.touched_at
    level = "client" if ticket.organisation_id else "public"
    return [misses.Miss(misses.TICKET, text, ticket.channel, at, level, ticket.product_id, (), ticket.id)]


ASKED_AGAIN = 4
"""How often a question is asked after its article came out, 2, 4 and 8 seconds apart; afterwards once a minute."""


@outside
def test_gaps(event: ArticlePublished, job: Job) -> None:
    """An article came out: the questions that it is to answer are asked again. Another hand may be writing it into the
    index at this moment, so what is not found at once is asked a few times more."""
    waiting = [gap.id for gap in closing.waiting_for(event.article_id)]
    if retest(waiting, unit_of_work) < len(waiting) and job.attempts < ASKED_AGAIN:
        raise Retry("not found yet")


def retest(gap_ids: list[int], keep: Callable[[], Any]) -> int:
    """Ask these questions again and keep what comes out, each in a unit of work `keep()`. Gives how many are found."""
    found = 0
    for gap_id in gap_ids:
        gap = session().get(KnowledgeGap, gap_id)
        if gap is None:
            continue
        try:
            trials = closing.retest(_open_index[0](), gap)
        except IndexUnavailable:
            break
        session().rollback()
        with keep():
            found += closing.keep_trials(SYSTEM, session().get_one(KnowledgeGap, gap_id), trials)
    return found

