"""Sending out: stored first, announced as `sending` before the call, never repeated where that could deliver twice."""

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, NotFound, Refused
from app.core.events import record
from app.core.files import StoredFile, get_bytes
from app.core.outbox import Job, Retry, Undecided
from app.core.permissions import Actor, require
from app.core.uow import unit_of_work
from channels.accounts import note_traffic
from channels.base import InboundFile, Outbound, SendFailed, SendUndecided
from channels.events import MessageNotSent, MessageQueued, MessageSent, MessageWithdrawn
from channels.models import FAILED, QUEUED, SENDING, SENT, UNDECIDED, WITHDRAWN, Account, Conversation, Message
from channels.registry import AT_HAND, channel_for
from channels.sessions import spoke, withdrew

log = logging.getLogger("huiyin.sending")


def queue_message(
    actor: Actor,
    conversation: Conversation,
    text: str,
    *,
    after: timedelta = timedelta(0),
    is_auto: bool = False,
    files: Sequence[StoredFile] = (),
    kind: str = "text",
    meta: Mapping[str, Any] | None = None,
) -> Message:
    """Write an answer into the outbox. Raises Invalid when it is empty, Refused when nobody can be reached.

    It goes to the address that the last message came from, under an id of ours that is stored now. `after` keeps it
    here for a while, in which withdraw() takes it back; what is written after it waits for it, so that messages of a
    conversation leave in their order.
    """
    if not text.strip():
        raise Invalid.of("text", "写点内容。")
    account = conversation.account
    last = last_inbound(conversation)
    to = (last.to_address if last else None) or (conversation.identity.value if conversation.identity else None)
    if not to:
        raise Refused("这个会话没有可以回复的地址。")
    if not account.active:
        raise Refused("渠道账号「%(account)s」已停用。", account=account.slug)
    session().refresh(conversation, with_for_update={"of": Conversation})  # two people who answer at once do so one after the other
    domain = str(account.settings.get("address", "")).rpartition("@")[2] or "huiyin.invalid"
    before_it = select(func.max(Message.leaves_at)).where(
        Message.conversation_id == conversation.id, Message.state == QUEUED
    )
    leaves_at = max(now() + after, session().scalar(before_it) or now())
    message = Message(
        conversation_id=conversation.id,
        account_id=account.id,
        external_id=f"{conversation.token or conversation.id}.{uuid.uuid4().hex}@{domain}",
        direction="out",
        kind=kind,
        meta=dict(meta or {}),
        author_kind=actor.kind,
        author_id=actor.id,
        author_name=actor.name,
        subject=conversation.subject,
        text=text.strip(),
        visible_text=text.strip(),
        state=QUEUED,
        is_auto=is_auto,
        to_address=to,
        answers=_ancestors(conversation),
        leaves_at=leaves_at,
        created_at=now(),
    )
    session().add(message)
    conversation.last_message_at = now()
    session().flush()
    for file in files:
        file.owner, file.owner_id = "message", message.id
    spoke(message)
    about = {"conversation_id": conversation.id, "version": conversation.version, "message_id": message.id}
    if account.kind in AT_HAND and leaves_at <= now():
        message.state, message.sent_at = SENT, now()
        note_traffic(account.id, last_sent_at=now())
        session().flush()
        record(MessageSent(**about))
    else:
        record(MessageQueued(**about), due_at=leaves_at)
    return message


def withdraw(actor: Actor, message_id: int) -> Message:
    """Take back a message that still waits: it stays in sight as withdrawn and its outbox row finds nothing to do.

    Raises Refused once it is going out. The row is locked here and where a send begins, so exactly one of them wins.
    """
    require(actor, "ticket.work")
    message = session().get(Message, message_id, with_for_update=True, populate_existing=True)
    if message is None or message.direction != "out":
        raise NotFound()
    if message.state == WITHDRAWN:
        return message
    if message.state != QUEUED:
        raise Refused("这条消息已经发出，撤不回来了。")
    note(actor, "message.withdrawn", message, before=message.state, after=WITHDRAWN)
    message.state, message.error = WITHDRAWN, None
    session().flush()
    withdrew(message)
    record(
        MessageWithdrawn(
            conversation_id=message.conversation_id, version=message.conversation.version, message_id=message_id
        )
    )
    return message


def last_inbound(conversation: Conversation) -> Message | None:
    """The newest message of the outside that a person wrote, or else the newest of all."""
    return session().scalar(
        select(Message)
        .where(Message.conversation_id == conversation.id, Message.direction == "in", Message.is_bounce.is_(False))
        .order_by(Message.is_auto, Message.id.desc())
        .limit(1)
    )


def _ancestors(conversation: Conversation) -> list[str]:
    """Ids for In-Reply-To (the first) and References (all, newest first), at most 20."""
    rows = session().scalars(
        select(Message)
        .where(
            Message.conversation_id == conversation.id, Message.is_bounce.is_(False), Message.state != WITHDRAWN
        )
        .order_by(Message.direction == "out", Message.id.desc())
        .limit(20)
    ).all()
    newest_in = next((m for m in rows if m.direction == "in"), None)
    ordered = sorted(rows, key=lambda m: m.id, reverse=True)
    if newest_in is not None:
        ordered.remove(newest_in)
        ordered.insert(0, newest_in)
    return [m.external_id.partition("#")[0] for m in ordered if not m.external_id.startswith("sha256:")]


def deliver(message_id: int, job: Job) -> None:
    """Send one queued message: `sending` is committed before the call. After a crash a message found in `sending` is
    undecided unless the channel delivers once under one key. Raises Retry or Undecided for the outbox."""
    if not _begin(message_id, job):
        return
    try:
        account, outbound = _prepare(message_id, job)
    except Exception as problem:  # a file is gone: nothing has left the house, so nothing is undecided
        session().rollback()
        _settle(message_id, FAILED if job.last else QUEUED, str(problem))
        raise
    channel = channel_for(account.kind)
    try:
        provider_id = channel.send(account, outbound)
    except SendUndecided as problem:
        _settle(message_id, UNDECIDED, problem.reason)
        raise Undecided(str(problem)) from None
    except SendFailed as problem:
        if problem.final or job.last:
            with job.done():
                _write(message_id, FAILED, problem.reason)
            return
        _settle(message_id, QUEUED, problem.reason)
        raise Retry(str(problem)) from None
    with job.done() as _:
        message = session().get_one(Message, message_id)
        message.state, message.error, message.provider_id, message.sent_at = SENT, None, provider_id, now()
        message.conversation.account.last_sent_at = now()
        session().flush()
        record(
            MessageSent(
                conversation_id=message.conversation_id, version=message.conversation.version, message_id=message_id
            )
        )


def _begin(message_id: int, job: Job) -> bool:
    """Announce the send. False when there is nothing left to do."""
    unsure = False
    with unit_of_work() as s:
        message = s.get(Message, message_id, with_for_update=True, populate_existing=True)
        if message is None or message.state in (SENT, FAILED, WITHDRAWN):
            return False
        account = message.conversation.account
        if message.state in (SENDING, UNDECIDED) and not channel_for(account.kind).idempotent:
            unsure = message.state == SENDING
            if not unsure and job.attempts > 1:
                unsure = True
        message.state = UNDECIDED if unsure else SENDING
        if unsure:
            message.error = "发送中断，不知道对方是否已经收到。"
            record(
                MessageNotSent(
                    conversation_id=message.conversation_id,
                    version=message.conversation.version,
                    message_id=message_id,
                    state=UNDECIDED,
                )
            )
    if unsure:
        raise Undecided("interrupted while sending")
    return True


def _prepare(message_id: int, job: Job) -> tuple[Account, Outbound]:
    """What is sent, and on which account, free of the session."""
    message = session().get_one(Message, message_id)
    conversation = message.conversation
    last = last_inbound(conversation)
    files = session().scalars(
        select(StoredFile).where(StoredFile.owner == "message", StoredFile.owner_id == message_id)
    ).all()
    outbound = Outbound(
        external_id=message.external_id,
        key=job.key,
        to=message.to_address or "",
        to_name=conversation.contact.name if conversation.contact else "",
        subject=message.subject,
        text=message.text,
        answers=tuple(message.answers),
        quoted=last.visible_text if last else "",
        quoted_by=last.author_name if last else "",
        quoted_at=(last.sent_at or last.created_at) if last else None,
        files=tuple(InboundFile(f.name, f.mime, get_bytes(f.sha256), f.content_id) for f in files),
        is_auto=message.is_auto,
        token=conversation.token,
        kind=message.kind,
        meta=dict(message.meta),
    )
    account = conversation.account
    session().expunge(account)
    session().rollback()
    return account, outbound


def _settle(message_id: int, state: str, error: str) -> None:
    with unit_of_work():
        _write(message_id, state, error)


def _write(message_id: int, state: str, error: str) -> None:
    message = session().get_one(Message, message_id)
    message.state, message.error = state, error[:500]
    session().flush()
    if state in (FAILED, UNDECIDED):
        record(
            MessageNotSent(
                conversation_id=message.conversation_id,
                version=message.conversation.version,
                message_id=message_id,
                state=state,
            )
        )


def mark_returned(message: Message, reason: str) -> None:
    """A message of ours came back: it failed after all, and says so where it stands."""
    message.state, message.error = FAILED, (reason or "对方邮箱拒收。")[:500]
    session().flush()
    record(
        MessageNotSent(
            conversation_id=message.conversation_id,
            version=message.conversation.version,
            message_id=message.id,
            state=FAILED,
        )
    )


def send_again(actor: Actor, message_id: int) -> Message:
    """Queue a failed or undecided message once more: the person takes the risk that it arrives twice."""
    require(actor, "ticket.work")
    message = session().get(Message, message_id)
    if message is None or message.direction != "out":
        raise NotFound()
    if message.state not in (FAILED, UNDECIDED):
        raise Refused("只有发送失败或结果未知的消息可以重发。")
    note(actor, "message.sent_again", message, before=message.state, after=QUEUED)
    message.state, message.error = QUEUED, None
    session().flush()
    record(
        MessageQueued(
            conversation_id=message.conversation_id, version=message.conversation.version, message_id=message_id
        )
    )
    return message
