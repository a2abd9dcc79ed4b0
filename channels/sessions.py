"""Stretches of a conversation: one begins with a person's words and ends after hours of silence.

First-contact resolution counts them, so they are kept with the messages instead of being guessed later. Words of
people, the customer's or an agent's, open and prolong a session; automatic mails, bounces and letters of the house
only join one that is open.
"""

from datetime import timedelta

from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from channels.models import WITHDRAWN, Message, Session

_silence = [timedelta(hours=2)]


def use_silence(hours: int) -> None:
    """Say once at start how many hours of silence end a session."""
    _silence[0] = timedelta(hours=hours)


def spoke(message: Message) -> Session | None:
    """Count a stored message into its session; begins one where none is open. Returns None for a message of a machine
    outside any session. Called with the conversation locked, so that two messages at once do not open two."""
    at, human = message.created_at, by_customer(message) or by_user(message)
    current = open_session(message.conversation_id)
    if current is not None and at - current.last_at >= _silence[0]:
        _end(current)
        current = None
    if current is None:
        if not human:
            return None
        current = Session(
            conversation_id=message.conversation_id,
            account_id=message.account_id,
            started_at=at,
            last_at=at,
            inbound=0,
            agent_turns=0,
        )
        session().add(current)
        session().flush()
    if by_customer(message):
        current.inbound += 1
    elif by_user(message):
        before = _last_human(current.id)
        if before is None or by_customer(before):
            current.agent_turns += 1
        if current.first_user_id is None:
            current.first_user_id, current.first_user_at = message.author_id, at
    if human:
        current.last_at = max(current.last_at, at)
    message.session_id = current.id
    session().flush()
    return current


def withdrew(message: Message) -> None:
    """Count a session again after one of its messages was taken back before it left."""
    if message.session_id is None:
        return
    current = session().get_one(Session, message.session_id, with_for_update=True, populate_existing=True)
    current.agent_turns, current.first_user_id, current.first_user_at = 0, None, None
    before: Message | None = None
    for said in session().scalars(select(Message).where(Message.session_id == current.id).order_by(Message.id)):
        if said.state == WITHDRAWN or not (by_customer(said) or by_user(said)):
            continue
        if by_user(said):
            if before is None or by_customer(before):
                current.agent_turns += 1
            if current.first_user_id is None:
                current.first_user_id, current.first_user_at = said.author_id, said.created_at
        before = said
    session().flush()


def open_session(conversation_id: int) -> Session | None:
    """The session of a conversation that has not ended. It may be silent for longer than it should be: see end_silent."""
    return session().scalar(
        select(Session)
        .where(Session.conversation_id == conversation_id, Session.ended_at.is_(None))
        .order_by(Session.id.desc())
        .limit(1)
    )


def end_silent(limit: int = 200) -> int:
    """End sessions that have been silent long enough; the worker's clock calls it in a unit of work of its own."""
    silent = select(Session).where(Session.ended_at.is_(None), Session.last_at <= now() - _silence[0])
    found = session().scalars(silent.order_by(Session.id).limit(limit).with_for_update(skip_locked=True)).all()
    for one in found:
        _end(one)
    session().flush()
    return len(found)


def by_customer(message: Message) -> bool:
    """Whether a person of the outside wrote it, not a machine of theirs."""
    return message.direction == "in" and not message.is_auto and not message.is_bounce


def by_user(message: Message) -> bool:
    """Whether a person of the desk wrote it."""
    return message.direction == "out" and message.author_kind == "user" and not message.is_auto


def _end(one: Session) -> None:
    one.ended_at = one.last_at + _silence[0]


def _last_human(session_id: int) -> Message | None:
    newest_first = select(Message).where(Message.session_id == session_id, Message.state != WITHDRAWN)
    rows = session().scalars(newest_first.order_by(Message.id.desc()).limit(50))
    return next((m for m in rows if by_customer(m) or by_user(m)), None)
