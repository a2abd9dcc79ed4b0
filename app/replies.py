"""Answering a customer: the one write that needs message, ticket and article together. Pages and the API use it alike."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.core.audit import AuditRow, note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, NotFound
from app.core.files import StoredFile
from app.core.people import Team
from app.core.permissions import Actor, require
from app.core.text import clean
from channels import windows
from channels.models import FAILED, WITHDRAWN, Conversation, Message
from channels.sending import queue_message, withdraw
from knowledge.access import access_article
from knowledge.index import INSIDE_LEVELS
from knowledge.models import Article
from workflows import service
from workflows.models import Ticket
from workflows.ticket_effects import remember_article

LONGEST = 50_000
TWICE = timedelta(seconds=30)


def reply(
    actor: Actor,
    ticket: Ticket,
    conversation: Conversation,
    text: str,
    *,
    article_ids: Sequence[int] = (),
    files: Sequence[StoredFile] = (),
    after: timedelta = timedelta(0),
    kind: str = "text",
    meta: Mapping[str, Any] | None = None,
    hows: Mapping[int, str] | None = None,
) -> Message:
    """Queue an answer to the customer, remember which articles it used, and throw the writer's draft away.
    `after` keeps it here for a while, in which take_back() undoes it. `hows`: as what an article went, where not as text.

    Raises Invalid for an empty or too long text, an unknown article or one that customers may not read, and Refused
    where the conversation cannot be answered, or its platform lets nothing through now.
    """
    require(actor, "ticket.work")
    if len(text) > LONGEST:
        raise Invalid.of("text", "太长了。")
    # Locked in the order in which what comes in locks them: a reaction to the customer's words at the same moment waits.
    session().refresh(conversation, with_for_update={"of": Conversation})
    session().refresh(ticket, with_for_update={"of": Ticket})
    articles = [sendable_article(actor, number) for number in dict.fromkeys(article_ids)]
    if not files and (known := _just_said(actor, conversation, text)):
        return known
    if (left := windows.left(conversation)) is not None and left.messages <= 0:
        raise windows.refused(left)
    given = {**_signature(actor, ticket), **(meta or {})}
    message = queue_message(actor, conversation, text, files=files, after=after, kind=kind, meta=given)
    for article in articles:
        how = (hows or {}).get(article.id, "card" if kind == "card" else "text")
        remember_article(ticket, actor, article.id, "inserted", how=how, message_id=message.id)
    note(actor, "ticket.replied", ticket, message=message.id, articles=[article.id for article in articles])
    service.answered(ticket, actor)
    service.drop_draft(actor, ticket, "reply")
    return message


def take_back(actor: Actor, ticket: Ticket, message_id: int) -> None:
    """Take back an answer that has not gone out yet; its text and articles return into the writer's draft, before what
    they have begun meanwhile. Raises Refused once it is going out, NotFound for what is not theirs."""
    require(actor, "ticket.work")
    found = session().get(Message, message_id)
    if found is None or found.author_kind != "user" or found.author_id != actor.id or found.state == WITHDRAWN:
        raise NotFound()
    message = withdraw(actor, message_id)
    used = _articles_of(ticket, message)
    begun = service.find_draft(actor, ticket, "reply")
    texts = [message.text, begun.text if begun else ""]
    articles = list(dict.fromkeys([*used, *(int(n) for n in (begun.articles if begun else ()))]))
    service.save_draft(actor, ticket, "reply", "\n\n".join(t for t in texts if t.strip()), articles)
    service.unanswered(ticket, message.created_at)


def _signature(actor: Actor, ticket: Ticket) -> dict[str, str]:
    """The signature of the team that writes: the ticket's, if the writer is in it, else the first of theirs that has one."""
    teams = session().scalars(select(Team).where(Team.id.in_(actor.team_ids), Team.signature != "").order_by(Team.id)).all()
    chosen = next((team for team in teams if team.id == ticket.team_id), teams[0] if teams else None)
    return {"signature": chosen.signature} if chosen else {}


def _articles_of(ticket: Ticket, message: Message) -> list[int]:
    """The articles that went with a message, as the trail says."""
    rows = (
        select(AuditRow.details)
        .where(AuditRow.subject == "ticket", AuditRow.subject_id == ticket.id, AuditRow.action == "ticket.replied")
        .order_by(AuditRow.id.desc())
        .limit(20)
    )
    return next((list(d.get("articles", ())) for d in session().scalars(rows) if d.get("message") == message.id), [])


def _just_said(actor: Actor, conversation: Conversation, text: str) -> Message | None:
    """The newest message of the conversation, when the same person wrote the same a moment ago: a form that is sent
    twice (a double click, a line that broke before the answer came) writes one letter."""
    newest = session().scalar(
        select(Message).where(Message.conversation_id == conversation.id).order_by(Message.id.desc()).limit(1)
    )
    if newest is None or newest.direction != "out" or newest.state in (FAILED, WITHDRAWN):
        return None
    same = (newest.author_kind, newest.author_id, newest.text) == (actor.kind, actor.id, clean(text).strip())
    return newest if same and now() - newest.created_at < TWICE else None


def sendable_article(actor: Actor, article_id: int) -> Article:
    """The article, if it is published and customers may read it; raises Invalid on `articles`."""
    try:
        article = access_article(actor, article_id)
    except NotFound:
        raise Invalid.of("articles", "没有这篇知识，或已下架。") from None
    if article.state != "published":
        raise Invalid.of("articles", "没有这篇知识，或已下架。")
    if article.level in INSIDE_LEVELS:
        raise Invalid.of("articles", "「%(title)s」只给内部看，不能发给客户。", title=article.title)
    return article
