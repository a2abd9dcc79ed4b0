"""Each call that has ended is one line in the conversation with its person, so that the history of all channels shows it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from app.core.events import record
from app.core.people import Contact, User
from channels.calls.models import ANSWERED, Call
from channels.calls.people import Book, Party
from channels.calls.record import CallRecord
from channels.calls.spoken import facts, in_words
from channels.events import MessageReceived
from channels.models import RECEIVED, SENT, Account, Conversation, Message, Session
from channels.sessions import spoke

KIND = "call"


def write_line(
    account: Account, ended: Sequence[tuple[Call, CallRecord]], book: Book, history: timedelta, raw_id: int | None
) -> None:
    """Write the line of each of these calls, or write it anew where a late record changed it."""
    if not ended:
        return
    calls = [call for call, _ in ended]
    names = {u.id: u.label for u in _by_ids(User, [c.user_id for c in calls])}
    people = {c.id: c for c in _by_ids(Contact, [c.contact_id for c in calls])}
    said = {m.id: m for m in _by_ids(Message, [c.message_id for c in calls])}
    _open_lines(account, calls, book)
    made: list[tuple[Call, Message]] = []
    for call in calls:
        agent = (names.get(call.user_id or 0, "") if call.outcome == ANSWERED else "") or call.agent or ""
        text, meta = in_words(call, agent), facts(call, agent)
        message = said.get(call.message_id or 0)
        if message is not None:
            if (message.text, message.meta) != (text, meta):
                message.text = message.visible_text = text
                message.meta = meta
                # A call that was taken to be missed, and was answered after all, is talk.
                if call.outcome == ANSWERED and message.session_id is None:
                    made.append((call, message))
            continue
        message = _message(account, call, text, people.get(call.contact_id or 0), names.get(call.user_id or 0, ""), raw_id)
        message.meta = meta
        session().add(message)
        made.append((call, message))
    session().flush()
    old: list[tuple[Message, Session]] = []
    for call, message in made:
        fresh = now() - message.created_at <= history
        known = call.message_id is not None
        call.message_id = message.id
        if call.outcome == ANSWERED and fresh:
            _count(call, message)
        elif call.outcome == ANSWERED:
            old.append((message, _stretch(call, message)))
        if fresh and not known and message.direction == "in":
            record(
                MessageReceived(
                    conversation_id=message.conversation_id,
                    version=message.conversation.version,
                    message_id=message.id,
                    threaded=True,
                )
            )
    session().add_all(stretch for _, stretch in old)
    session().flush()
    for message, stretch in old:
        message.session_id = stretch.id
    session().flush()


def _open_lines(account: Account, calls: Sequence[Call], book: Book) -> None:
    """The conversation of each call: the one with this number, else a new one. Whoever withheld the number, or has one
    that is none, cannot be told apart from others and gets a conversation for each call."""
    fresh: list[tuple[Call, Conversation]] = []
    for call in calls:
        if call.conversation_id is not None:
            continue
        party = Party(call.number, call.identity, call.contact)
        line = book.line(party)
        if line is None:
            at = said_at(call)
            line = Conversation(
                account_id=account.id, identity_id=call.identity_id, contact_id=call.contact_id,
                organisation_id=call.organisation_id, subject="", started_at=at, last_message_at=at,
            )  # fmt: skip
            session().add(line)
            book.keep_line(line)
        fresh.append((call, line))
    session().flush()
    for call, line in fresh:
        call.conversation_id = line.id
        line.last_message_at = max(line.last_message_at, said_at(call))


def said_at(call: Call) -> datetime:
    """When the call was over, never after now: an exchange's clock may be ahead."""
    return min(call.ended_at or call.started_at or now(), now())


def _message(account: Account, call: Call, text: str, contact: Contact | None, user: str, raw_id: int | None) -> Message:
    out = call.direction == "outbound"
    shown = call.number.removeprefix("short:") or call.caller or ""
    return Message(
        conversation_id=call.conversation_id,
        account_id=account.id,
        external_id=f"call:{call.external_id}",
        direction="out" if out else "in",
        kind=KIND,
        author_kind=("user" if call.user_id else "system") if out else "contact" if call.identity_id else "unknown",
        author_id=call.user_id if out else call.contact_id,
        author_name=(user or call.agent or "" if out else (contact.name if contact else "") or shown)[:200],
        text=text,
        visible_text=text,
        answers=[],
        state=SENT if out else RECEIVED,
        placed="same_line" if call.identity_id else "new",
        raw_id=raw_id,
        sent_at=call.started_at,
        created_at=said_at(call),
    )


def _count(call: Call, message: Message) -> None:
    """An answered call is talk, in the session that is open or begins with it."""
    line = session().get_one(Conversation, message.conversation_id)
    session().refresh(line, with_for_update={"of": Conversation})
    stretch = spoke(message)
    if stretch is not None and call.started_at is not None:
        stretch.started_at = min(stretch.started_at, call.started_at)


def _stretch(call: Call, message: Message) -> Session:
    """The session of an answered call of history: one of its own, which is over."""
    over = said_at(call)
    return Session(
        conversation_id=message.conversation_id, account_id=message.account_id,
        started_at=min(call.started_at or over, over), last_at=over, ended_at=over,
        inbound=0 if message.direction == "out" else 1, agent_turns=1 if call.user_id else 0,
        first_user_id=call.user_id, first_user_at=call.answered_at if call.user_id else None,
    )  # fmt: skip


def _by_ids(model: Any, ids: Sequence[int | None]) -> list[Any]:
    wanted = sorted({one for one in ids if one is not None})
    return list(session().scalars(select(model).where(model.id.in_(wanted)))) if wanted else []
