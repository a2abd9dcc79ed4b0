"""Who waits in a web chat, how a chat ends, and what the visitor says of it at the end."""

from collections.abc import Collection

from sqlalchemy import exists, func, select

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, Refused
from app.core.events import record
from app.core.permissions import Actor
from app.core.text import clean
from channels.events import ChatEnded, ChatRated
from channels.models import Conversation, Message, Session
from channels.visitor_models import ChatRating


def ahead(account_id: int, conversation_ids: Collection[int]) -> dict[int, int]:
    """How many chats of the account have waited longer for a first answer than each of these; those that wait for none
    are left out. A chat waits while its session is open and nobody of the desk has spoken in it."""
    # Whom a machine has just answered waits for nobody until they say more.
    answered = exists().where(Message.session_id == Session.id, Message.placed == "robot")
    waiting = (
        select(Session.conversation_id)
        .where(
            Session.account_id == account_id, Session.ended_at.is_(None), Session.inbound > 0, Session.agent_turns == 0, ~answered
        )
        .order_by(Session.started_at, Session.id)
    )
    order = list(dict.fromkeys(session().scalars(waiting)))
    place = {number: n for n, number in enumerate(order)}
    return {number: place[number] for number in conversation_ids if number in place}


def open_chat(conversation_id: int) -> Session | None:
    """The session that goes on now."""
    rows = select(Session).where(Session.conversation_id == conversation_id, Session.ended_at.is_(None))
    return session().scalar(rows.order_by(Session.id.desc()).limit(1).with_for_update())


def end_chat(actor: Actor, conversation: Conversation) -> Session | None:
    """End the session now instead of after hours of silence; the next word begins another. None when there was none."""
    current = open_chat(conversation.id)
    if current is None:
        return None
    current.ended_at = now()
    session().flush()
    note(actor, "chat.ended", conversation, session=current.id)
    record(
        ChatEnded(
            conversation_id=conversation.id, version=conversation.version, session_id=current.id,
            by="visitor" if actor.kind == "contact" else "desk",
        )
    )  # fmt: skip
    return current


def last_chat(conversation_id: int) -> Session | None:
    """The newest session, ended or not."""
    rows = select(Session).where(Session.conversation_id == conversation_id)
    return session().scalar(rows.order_by(Session.id.desc()).limit(1))


def rate_chat(actor: Actor, conversation: Conversation, score: int, comment: str) -> ChatRating:
    """Keep what the visitor says of the chat; said again, the last word counts. Raises Invalid for no score, Refused
    where nobody of the desk has spoken."""
    if not 1 <= score <= 5:
        raise Invalid.of("score", "评分是 1 到 5。")
    current = last_chat(conversation.id)
    if current is None or not current.agent_turns:
        raise Refused("还没有人答复过，先不用评价。")
    comment = clean(comment).strip()
    if len(comment) > 2000:
        raise Invalid.of("comment", "太长了。")
    row = session().scalar(select(ChatRating).where(ChatRating.session_id == current.id))
    if row is None:
        row = ChatRating(conversation_id=conversation.id, session_id=current.id, score=score, comment=comment)
        session().add(row)
    row.score, row.comment, row.at = score, comment, now()
    session().flush()
    note(actor, "chat.rated", conversation, after=score)
    record(ChatRated(conversation_id=conversation.id, version=conversation.version, score=score))
    return row


def rating_of(conversation_id: int) -> ChatRating | None:
    """The newest rating of a conversation."""
    rows = select(ChatRating).where(ChatRating.conversation_id == conversation_id)
    return session().scalar(rows.order_by(ChatRating.id.desc()).limit(1))


def spoken_by_desk(conversation_id: int) -> bool:
    """Whether a person of the desk has ever spoken in it."""
    rows = select(func.sum(Session.agent_turns)).where(Session.conversation_id == conversation_id)
    return bool(session().scalar(rows))
