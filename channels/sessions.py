"""Stretches of a conversation: one begins with a person's words and ends after hours of silence.

First-contact resolution counts them, so they are kept with the messages instead of being guessed later. Words of
people, the customer's or an agent's, open and prolong a session; automatic mails, bounces and letters of the house
only join one that is open.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.core.clock import now
from app.core.db import session
from channels.calls.models import ANSWERED, Call
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
    if message.session_id is not None:
        recount(session().get_one(Session, message.session_id, with_for_update=True, populate_existing=True))


def recount(current: Session) -> None:
    """Count a session anew from the messages that it holds now. An answered call is one message and a turn of both."""
    current.inbound, current.agent_turns, current.first_user_id, current.first_user_at = 0, 0, None, None
    talks = _talks(current.id)
    before: Message | None = None
    for said in session().scalars(select(Message).where(Message.session_id == current.id).order_by(Message.id)):
        if said.state == WITHDRAWN or not (by_customer(said) or by_user(said)):
            continue
        if said.id in talks:
            current.inbound += by_customer(said)
            current.agent_turns += 1
            if current.first_user_id is None:
                current.first_user_id, current.first_user_at = talks[said.id]
            before = said
            continue
        if by_customer(said):
            current.inbound += 1
        else:
            if before is None or by_customer(before):
                current.agent_turns += 1
            if current.first_user_id is None:
                current.first_user_id, current.first_user_at = said.author_id, said.created_at
        before = said
    session().flush()


def _talks(session_id: int) -> dict[int, tuple[int, datetime]]:
    """By the message of each answered call of a session: who of the desk talked, and since when."""
    rows = select(Message.id, Call.user_id, func.coalesce(Call.answered_at, Call.started_at, Message.created_at)).join(
        Call, Call.message_id == Message.id
    )
    found = session().execute(rows.where(Message.session_id == session_id, Call.outcome == ANSWERED, Call.user_id.is_not(None)))
    return {message_id: (user_id, at) for message_id, user_id, at in found if user_id is not None}


def carry(messages: Sequence[Message], conversation_id: int) -> dict[int, int | None]:
    """Take messages that were moved out of the sessions in which they were said: a session that moved as a whole goes
    along, of another one a part becomes a session of its own. Where that leaves two that are open, the older one ends.
    Returns which session each message was in before."""
    before = {message.id: message.session_id for message in messages}
    for number in sorted({n for n in before.values() if n is not None}):
        old = session().get_one(Session, number)
        moved = [message for message in messages if before[message.id] == number]
        stays = select(func.count()).where(Message.session_id == number, Message.id.not_in(before))
        if not session().scalar(stays):
            old.conversation_id = conversation_id
            session().flush()
            continue
        times = [m.created_at for m in moved if by_customer(m) or by_user(m)] or [m.created_at for m in moved]
        part = Session(
            conversation_id=conversation_id, account_id=old.account_id, started_at=times[0], last_at=times[-1],
            inbound=0, agent_turns=0,
        )  # fmt: skip
        if old.ended_at is not None or now() - part.last_at >= _silence[0]:
            _end(part)
        session().add(part)
        session().flush()
        for message in moved:
            message.session_id = part.id
        session().flush()
        recount(part)
        recount(old)
    _keep_one_open(conversation_id)
    return before


def carry_back(messages: Sequence[Message], before: Mapping[int, int | None], conversation_id: int) -> None:
    """Undo carry(): each message returns into its session, and what is empty then was only made by the move."""
    left = {message.session_id for message in messages}
    from_there = {one.conversation_id for n in left if n is not None and (one := session().get(Session, n)) is not None}
    for message in messages:
        message.session_id = before.get(message.id, message.session_id)
    session().flush()
    for number in {n for n in before.values() if n is not None}:
        old = session().get(Session, number)
        if old is not None:
            old.conversation_id = conversation_id
            recount(old)
    for made in left - set(before.values()):
        part = session().get(Session, made) if made is not None else None
        if part is None:
            continue
        if session().scalar(select(func.count()).where(Message.session_id == part.id)):
            recount(part)
        else:
            session().delete(part)
    session().flush()
    for number in sorted({conversation_id, *from_there}):
        _keep_one_open(number)


def reseat(message: Message, conversation_id: int) -> None:
    """A message that has just come goes to another conversation, and counts there instead."""
    old = session().get(Session, message.session_id) if message.session_id is not None else None
    message.conversation_id, message.session_id = conversation_id, None
    session().flush()
    if old is not None:
        if session().scalar(select(func.count()).where(Message.session_id == old.id)):
            recount(old)
        else:
            session().delete(old)
            session().flush()
    spoke(message)


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


def _keep_one_open(conversation_id: int) -> None:
    """Of several open sessions of a conversation only the one that was spoken in last stays open. One that ended for no
    other reason (its silence is not over yet) opens again as soon as it stands alone."""
    rows = select(Session).where(Session.conversation_id == conversation_id).order_by(Session.last_at.desc(), Session.id.desc())
    open_ones = session().scalars(rows.where(Session.ended_at.is_(None))).all()
    for older in open_ones[1:]:
        _end(older)
    if not open_ones:
        newest = session().scalar(rows.limit(1))
        if newest is not None and newest.ended_at is not None and newest.ended_at > now():
            newest.ended_at = None
    session().flush()


def _last_human(session_id: int) -> Message | None:
    newest_first = select(Message).where(Message.session_id == session_id, Message.state != WITHDRAWN)
    rows = session().scalars(newest_first.order_by(Message.id.desc()).limit(50))
    return next((m for m in rows if by_customer(m) or by_user(m)), None)
