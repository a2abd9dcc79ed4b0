"""Taking in: raw first, then understood, each message once."""

import hashlib
import logging
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import DataError, IntegrityError

from app.core.accounts import LANGUAGES
from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.directory.identities import find_or_create_contact
from app.core.errors import DeskError, Invalid, NotFound, Refused
from app.core.events import record
from app.core.files import get_bytes, put_bytes, store_file
from app.core.people import Contact
from app.core.permissions import SYSTEM, Actor, require
from app.core.text import pack
from app.core.uow import unit_of_work
from channels import bounces, windows
from channels.accounts import note_traffic
from channels.base import Deed, Inbound, Sender, Signal, Unparseable
from channels.events import MessageReceived, PayloadFailed, ReplayAsked
from channels.media import want
from channels.meeting import introduce
from channels.models import RECEIVED, Account, Conversation, Message, RawPayload
from channels.pasted import talk_in
from channels.registry import channel_for
from channels.sending import mark_returned
from channels.sessions import spoke
from channels.signals import NotYet, hear
from channels.threading import STRANGER, TOKEN_OF_OTHERS, find_conversation

log = logging.getLogger("huiyin.receiving")
IMPORTED, DUPLICATE, FAILED, WAITS = "imported", "duplicate", "failed", "waits"


@dataclass(frozen=True)
class Outcome:
    """What became of one payload: imported, duplicate, failed (with the reason), or waits (it is read again soon)."""

    state: str
    raw_id: int
    reason: str = ""
    message_id: int | None = None


def accept(account_id: int, raw: bytes, *, source: str = "", dedup_key: str | None = None) -> Outcome:
    """Store a payload durably, then try to understand it. Nothing is lost from the moment this has stored it.

    `dedup_key` defaults to the digest of the bytes. Opens its own units of work; not to be called inside one.
    """
    put_bytes(raw)
    try:
        raw_id, state, reason, fresh = _kept(account_id, raw, source, dedup_key)
    except IntegrityError:  # the same payload came twice at the same moment, and the other one was first
        session().rollback()
        raw_id, state, reason, fresh = _kept(account_id, raw, source, dedup_key)
    if not fresh and state in ("parsed", "duplicate"):
        return Outcome(DUPLICATE, raw_id)
    if not fresh and state == "failed":
        return Outcome(FAILED, raw_id, reason)
    return understand(raw_id)


def _kept(account_id: int, raw: bytes, source: str, dedup_key: str | None) -> tuple[int, str, str, bool]:
    with unit_of_work():
        known, fresh = keep_raw(account_id, raw, source=source, dedup_key=dedup_key)
        return known.id, known.state, known.reason or "", fresh


def keep_raw(account_id: int, raw: bytes, *, source: str = "", dedup_key: str | None = None) -> tuple[RawPayload, bool]:
    """Put a payload into the inbox within the caller's unit of work, once. Returns its row, and whether it is new.

    For a channel that reads a page of messages together with the mark of how far it read: rows and mark are committed
    together, and understand() follows."""
    digest = put_bytes(raw)
    key = (dedup_key or f"sha256:{digest}")[:200]
    known = session().scalar(select(RawPayload).where(RawPayload.account_id == account_id, RawPayload.dedup_key == key))
    if known is not None:
        return known, False
    row = RawPayload(account_id=account_id, dedup_key=key, sha256=digest, size=len(raw), source=source[-400:])
    session().add(row)
    session().flush()
    return row, True


INCOMPLETE = "incomplete:"
"""Begins the dedup key of a payload of which only a part was taken; no replay makes it whole."""


def keep_part(account_id: int, part: bytes, reason: str, *, source: str = "") -> Outcome:
    """Keep the part that could be had (the header of a mail that is too large) as a failed payload with its reason, so
    that somebody sees that it came. Opens its own unit of work."""
    digest = put_bytes(part)
    key = f"{INCOMPLETE}{digest}"
    with unit_of_work() as s:
        known = s.scalar(select(RawPayload).where(RawPayload.account_id == account_id, RawPayload.dedup_key == key))
        if known is not None:
            return Outcome(DUPLICATE, known.id)
        row = RawPayload(
            account_id=account_id, dedup_key=key, sha256=digest, size=len(part), source=source[-400:],
            state="failed", reason=reason[:500],
        )  # fmt: skip
        s.add(row)
        s.flush()
        record(PayloadFailed(raw_id=row.id))
        return Outcome(FAILED, row.id, reason)


def accept_now(account_id: int, raw: bytes, *, source: str = "", dedup_key: str) -> Outcome:
    """accept() for somebody who waits for the answer: payload and message are committed together, in half the time.

    What cannot be understood, and what came before, goes the longer way, where the payload alone is kept first.
    """
    account = session().get_one(Account, account_id)
    digest = put_bytes(raw)
    try:
        inbound = channel_for(account.kind).parse(account, raw)
        with unit_of_work() as s:
            known = s.scalar(
                select(RawPayload.id).where(RawPayload.account_id == account_id, RawPayload.dedup_key == dedup_key[:200])
            )
            if known is None:
                row = RawPayload(
                    account_id=account_id, dedup_key=dedup_key[:200], sha256=digest, size=len(raw), source=source[-400:]
                )
                s.add(row)
                s.flush()
                return _take_in(s.get_one(Account, account_id), inbound, row)
    except (Unparseable, ValueError, DeskError, DataError, NotYet) as problem:
        log.info("goes the longer way", extra={"account": account_id, "problem": type(problem).__name__})
        session().rollback()
    return accept(account_id, raw, source=source, dedup_key=dedup_key)


def understand(raw_id: int) -> Outcome:
    """Parse a stored payload and store its message. A payload that cannot be understood stays, with its reason."""
    row = session().get(RawPayload, raw_id)
    if row is None:
        raise NotFound()
    if row.dedup_key.startswith(INCOMPLETE):
        return Outcome(FAILED, raw_id, row.reason or "")
    account = row.account
    channel, digest, account_id = channel_for(account.kind), row.sha256, account.id
    try:
        inbound = channel.parse(account, get_bytes(digest))
    except Unparseable as problem:
        return _failed(raw_id, str(problem))
    except Exception as problem:
        # A bug in a parser must not lose a message: it waits in the raw inbox until a better release replays it.
        log.exception("parser broke", extra={"raw_id": raw_id, "problem": type(problem).__name__})
        return _failed(raw_id, pack("解析程序出错（%(problem)s）", problem=type(problem).__name__))
    session().rollback()
    try:
        with unit_of_work() as s:
            return _take_in(s.get_one(Account, account_id), inbound, s.get_one(RawPayload, raw_id))
    except NotYet:  # it stays new, and pick_up() comes back to it
        session().rollback()
        return Outcome(WAITS, raw_id)
    except (Invalid, ValueError, DataError) as problem:
        # Of an error of the database only its kind: its words hold the values of the row.
        said = type(problem).__name__ if isinstance(problem, DataError) else str(problem)
        return _failed(raw_id, pack("内容存不下：%(problem)s", problem=said[:200]))


def _take_in(account: Account, heard: Inbound | Signal | Deed, raw: RawPayload) -> Outcome:
    """Store a message, or do what a signal means, and mark its payload as read."""
    if isinstance(heard, Deed):
        return Outcome(IMPORTED if heard.store(account, raw) else DUPLICATE, raw.id)
    if isinstance(heard, Signal):
        hear(account, heard, raw)
        raw.state, raw.reason = "parsed", None
        return Outcome(IMPORTED, raw.id)
    message = receive(account, heard, raw)
    raw.state, raw.reason = ("parsed", None) if message else ("duplicate", None)
    return Outcome(IMPORTED if message else DUPLICATE, raw.id, message_id=message.id if message else None)


def _failed(raw_id: int, reason: str) -> Outcome:
    session().rollback()
    with unit_of_work() as s:
        row = s.get_one(RawPayload, raw_id)
        row.state, row.reason = "failed", reason[:500]
        record(PayloadFailed(raw_id=raw_id))
    return Outcome(FAILED, raw_id, reason)


def receive(account: Account, inbound: Inbound, raw: RawPayload | None = None) -> Message | None:
    """Store a message once, in the conversation that it belongs to. Returns None when it is there already.

    Two different messages under one id (a broken sender, or a forged id) are both kept: the second gets its digest
    appended, because losing a customer's words is worse than showing them twice.
    """
    external_id = inbound.external_id[:900]
    known = _find(account, external_id)
    if known is not None:
        if (known.text, known.subject) == (inbound.text, inbound.subject[:1000]) or known.direction == "out":
            return None
        external_id += "#" + hashlib.sha256(f"{inbound.subject}\n{inbound.text}".encode()).hexdigest()[:16]
        if _find(account, external_id) is not None:
            return None

    contact = identity = None
    if inbound.sender is not None:
        who = inbound.sender
        contact, identity = find_or_create_contact(
            SYSTEM, who.kind, who.value, name=who.name, verified=who.verified, suspect=who.suspect
        )
        if contact is not None and not contact.language and who.language in LANGUAGES:
            contact.language = who.language  # with the first word: what answers by itself may be faster than the page
    place = find_conversation(account, inbound, contact, identity)
    conversation = place.conversation
    if conversation is None:
        conversation = Conversation(
            account_id=account.id,
            identity_id=identity.id if identity else None,
            contact_id=contact.id if contact else None,
            organisation_id=(contact and contact.organisation_id) or (identity and identity.organisation_id),
            subject=inbound.subject[:300],
        )
        session().add(conversation)
        session().flush()
    else:  # of two messages at once the second waits here, instead of losing the race for the row's version
        session().refresh(conversation, with_for_update={"of": Conversation})
    moment = now()
    pasted = talk_in(inbound.visible_text) if inbound.kind == "text" else {}
    message = Message(
        conversation_id=conversation.id,
        account_id=account.id,
        external_id=external_id,
        direction="in",
        kind="merged" if pasted else inbound.kind,
        meta={**inbound.meta, **pasted, **({"proposed": inbound.token} if place.why == TOKEN_OF_OTHERS else {})},
        author_kind="contact" if contact or identity else "unknown",
        author_id=contact.id if contact else None,
        author_name=_called(inbound.sender, contact)[:200],
        subject=inbound.subject[:1000],
        text=inbound.text,
        visible_text=inbound.visible_text,
        html=inbound.html,
        answers=[a for a in inbound.answers if a][:50],
        state=RECEIVED,
        is_auto=inbound.is_auto,
        is_bounce=inbound.is_bounce,
        placed=place.why,
        to_address=inbound.reply_to[:320] if inbound.reply_to and place.why != STRANGER else None,
        raw_id=raw.id if raw else None,
        sent_at=inbound.sent_at,
        created_at=moment,
    )
    session().add(message)
    session().flush()
    for file in inbound.files:
        store_file(
            file.content, file.name, file.mime, owner="message", owner_id=message.id, content_id=file.content_id
        )
    want(message, inbound.media)
    introduce(account, identity)
    conversation.last_message_at = moment
    note_traffic(account.id, last_received_at=moment)
    session().flush()
    spoke(message)
    if not (inbound.is_auto or inbound.is_bounce):
        windows.opened(conversation, "click" if inbound.kind == "menu" and account.kind != "wecom" else windows.MESSAGE, inbound.sent_at)
    if place.returned is not None and place.returned.direction == "out":
        bounces.note_report(place.returned, inbound)
        if inbound.is_bounce:
            mark_returned(place.returned, inbound.bounce_reason)
    elif not inbound.is_auto:
        bounces.heard_from(identity)
    record(
        MessageReceived(
            conversation_id=conversation.id,
            version=conversation.version,
            message_id=message.id,
            threaded=place.conversation is not None,
        )
    )
    return message


OPAQUE = frozenset({"openid", "wecom", "weibo", "app"})
"""Kinds of identity whose value says nothing to a person: whoever is known is called by name."""


def _called(sender: Sender | None, contact: Contact | None) -> str:
    if sender is None:
        return ""
    known = contact.name if contact is not None and sender.kind in OPAQUE else ""
    return sender.name or known or sender.value


def _find(account: Account, external_id: str) -> Message | None:
    return session().scalar(
        select(Message).where(Message.account_id == account.id, Message.external_id == external_id)
    )


def pick_up(limit: int = 50) -> int:
    """Understand what was stored but never read, because its process died in between. Returns how many there were.

    A payload younger than a minute may still be in the hands of whoever stored it.
    """
    session().rollback()
    waiting = select(RawPayload.id).where(RawPayload.state == "new", RawPayload.received_at < now() - timedelta(minutes=1))
    ids = list(session().scalars(waiting.order_by(RawPayload.id).limit(limit)))
    for raw_id in ids:
        try:
            understand(raw_id)
        except Exception:  # one that breaks must not hold up those behind it
            session().rollback()
            log.exception("a kept payload is understood later", extra={"raw_id": raw_id})
    return len(ids)


REPLAY_CHUNK = 50
"""Payloads that one job of a great replay takes, so that it ends well within its lease."""


def waiting_ids(limit: int, *, after: int = 0, up_to: int | None = None) -> list[int]:
    """Payloads that failed or were never read, oldest first, in a range of ids."""
    rows = select(RawPayload.id).where(RawPayload.state.in_(("failed", "new")), RawPayload.id > after)
    if up_to is not None:
        rows = rows.where(RawPayload.id <= up_to)
    return list(session().scalars(rows.order_by(RawPayload.id).limit(limit)))


def ask_replay(actor: Actor) -> int:
    """Have the worker try every failed payload again, however many there are. Returns how many."""
    require(actor, "channel.manage")
    count, newest = session().execute(
        select(func.count(), func.max(RawPayload.id)).where(RawPayload.state.in_(("failed", "new")))
    ).one()
    if newest is not None:
        note(actor, "raw.replay_asked", session().get_one(RawPayload, newest), count=count)
        record(ReplayAsked(after=0, up_to=newest))
    return int(count)


def replay_chunk(after: int, up_to: int) -> int | None:
    """Replay the next payloads of a range. Returns the id to go on after, or None when that was all."""
    ids = waiting_ids(REPLAY_CHUNK, after=after, up_to=up_to)
    for raw_id in ids:
        try:
            replay(SYSTEM, raw_id)
        except DeskError:  # somebody replayed it meanwhile, or won the race for its conversation: it is still there
            session().rollback()
    return ids[-1] if len(ids) == REPLAY_CHUNK else None


def replay(actor: Actor, raw_id: int) -> Outcome:
    """Try a failed payload again, after a release or a setting changed. Opens its own units of work."""
    require(actor, "channel.manage")
    row = session().get(RawPayload, raw_id)
    if row is None:
        raise NotFound()
    if row.state not in ("failed", "new"):
        raise Refused("只有失败的原始消息可以重放。")
    with unit_of_work() as s:
        note(actor, "raw.replayed", s.get_one(RawPayload, raw_id))
    return understand(raw_id)
