"""Sending out: stored first, announced as `sending` before the call, never repeated where that could deliver twice."""

import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, NotFound, Refused, Stale
from app.core.events import record
from app.core.files import StoredFile, get_bytes
from app.core.outbox import Job, Retry, Undecided
from app.core.permissions import Actor, require
from app.core.uow import unit_of_work
from channels import windows
from channels.accounts import note_traffic
from channels.base import InboundFile, Outbound, SendFailed, SendPostponed, SendUndecided, Unreachable, WindowShut
from channels.events import MessageNotSent, MessageQueued, MessageSent, MessageWithdrawn
from channels.models import FAILED, HELD, QUEUED, SENDING, SENT, UNDECIDED, WITHDRAWN, Account, Conversation, Message
from channels.registry import AT_HAND, channel_for
from channels.sessions import spoke, withdrew

log = logging.getLogger("huiyin.sending")
PATIENCE = timedelta(days=3)
"""A message that waited so long for a quota is given up: nobody expects it any more."""


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
    if message.state not in (QUEUED, HELD):
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
    """Ids for In-Reply-To (the first) and References (all, newest first), at most 50."""
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
    ids = [m.external_id.partition("#")[0] for m in ordered if not m.external_id.startswith("sha256:")]
    # And what their mail refers to beyond our own: their colleagues' programs know the thread by its beginning.
    return list(dict.fromkeys([*ids, *(newest_in.answers if newest_in else ())]))[:50]


def deliver(message_id: int, job: Job) -> None:
    """Send one queued message: `sending` is committed before the call. After a crash a message found in `sending` is
    undecided unless the channel delivers once under one key. Raises Retry or Undecided for the outbox."""
    if not _begin(message_id, job):
        return
    try:
        account, outbound = _prepare(message_id, job)
    except Exception as problem:  # a file is gone: nothing has left the house, so nothing is undecided
        session().rollback()
        _settle(message_id, FAILED if job.last else QUEUED, str(problem), back=True)
        raise
    channel = channel_for(account.kind)
    try:
        provider_id = channel.send(account, outbound)
    except SendUndecided as problem:
        _settle(message_id, UNDECIDED, problem.reason)
        raise Undecided(str(problem)) from None
    except WindowShut as problem:
        with job.done():
            _write(message_id, HELD if problem.spent else FAILED, problem.reason, shut=problem)
        return
    except SendPostponed as problem:
        _postpone(message_id, problem, job)
        return
    except SendFailed as problem:
        if problem.final or job.last:
            with job.done():
                _write(message_id, FAILED, problem.reason, back=True)
                if isinstance(problem, Unreachable):
                    _out_of_reach(message_id)
            return
        _settle(message_id, QUEUED, problem.reason, back=True)
        raise Retry(str(problem)) from None
    _has_left(message_id, provider_id, job)


def _postpone(message_id: int, problem: SendPostponed, job: Job) -> None:
    """Let a message wait until the account may send again: a job of its own at that moment, so that the attempts of this
    one do not run out meanwhile. One that has waited for days already is given up."""
    with job.done():
        message = session().get_one(Message, message_id)
        if now() - message.created_at > PATIENCE:
            _write(message_id, FAILED, problem.reason, back=True)
            return
        _write(message_id, QUEUED, problem.reason, back=True)
        message.leaves_at = problem.until
        session().flush()
        about = {"conversation_id": message.conversation_id, "version": message.conversation.version}
        record(MessageQueued(**about, message_id=message_id), due_at=problem.until)


def _has_left(message_id: int, provider_id: str | None, job: Job) -> None:
    """Write down that a message was taken. Tried again when another transaction won a race: what has certainly left must
    not stand there as undecided."""
    for pause in (0.05, 0.2, 1.0, None):
        try:
            with job.done():
                message = session().get_one(Message, message_id, with_for_update=True, populate_existing=True)
                message.state, message.error, message.provider_id, message.sent_at = SENT, None, provider_id, now()
                note_traffic(message.account_id, last_sent_at=now())
                session().flush()
                record(
                    MessageSent(
                        conversation_id=message.conversation_id, version=message.conversation.version, message_id=message_id
                    )
                )
            return
        except (Stale, OperationalError):
            session().rollback()
            if pause is None:
                raise
            time.sleep(pause)


def _begin(message_id: int, job: Job) -> bool:
    """Announce the send. False when there is nothing left to do."""
    unsure = False
    with unit_of_work() as s:
        message = s.get(Message, message_id, with_for_update=True, populate_existing=True)
        if message is None or message.state in (SENT, FAILED, WITHDRAWN, HELD):
            return False
        account = message.conversation.account
        if message.state in (SENDING, UNDECIDED) and not channel_for(account.kind).idempotent:
            unsure = message.state == SENDING
            if not unsure and job.attempts > 1:
                unsure = True
        refused = None if unsure else windows.spend(message, _parts(account, message))
        if refused is not None:
            _write(message_id, HELD if refused[1] else FAILED, refused[0])
            return False
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


def _parts(account: Account, message: Message) -> int:
    """As how many messages the platform will count this one, where its channel cuts long ones or sends files apart."""
    measure: Callable[[Account, Message, Sequence[StoredFile]], int] | None = getattr(channel_for(account.kind), "parts", None)
    if measure is None:
        return 1
    files = select(StoredFile).where(StoredFile.owner == "message", StoredFile.owner_id == message.id)
    return measure(account, message, session().scalars(files).all())


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
        generated=message.author_kind == "system",
        token=conversation.token,
        language=str(message.meta.get("language") or (conversation.contact.language if conversation.contact else "") or "zh"),
        kind=message.kind,
        meta=dict(message.meta),
    )
    account = conversation.account
    session().expunge(account)
    session().rollback()
    return account, outbound


def _settle(message_id: int, state: str, error: str, *, back: bool = False) -> None:
    with unit_of_work():
        _write(message_id, state, error, back=back)


def _write(message_id: int, state: str, error: str, *, back: bool = False, shut: WindowShut | None = None) -> None:
    """`back`: it certainly did not arrive, so its count is given back; `shut`: what the platform said of the window."""
    message = session().get_one(Message, message_id)
    if shut is not None:
        windows.shut(message, spent=shut.spent, reason=shut.reason)
        message.spent = None
    elif back:
        windows.give_back(message)
    message.state, message.error = state, error[:500]
    session().flush()
    if state in (FAILED, UNDECIDED, HELD):
        record(
            MessageNotSent(
                conversation_id=message.conversation_id,
                version=message.conversation.version,
                message_id=message_id,
                state=state,
            )
        )


def _out_of_reach(message_id: int) -> None:
    """The channel says that this person is gone; their next words bring them back."""
    identity = session().get_one(Message, message_id).conversation.identity
    if identity is not None:
        identity.reachable = False


def mark_returned(message: Message, reason: str, window: str = "") -> None:
    """A message of ours came back: it failed after all, and says so where it stands. `window` (spent, closed): the
    platform refused it because of its own count."""
    if window in ("spent", "closed"):
        windows.shut(message, spent=window == "spent", reason=reason)
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
    if message.state not in (FAILED, UNDECIDED, HELD):
        raise Refused("只有发送失败或结果未知的消息可以重发。")
    note(actor, "message.sent_again", message, before=message.state, after=QUEUED)
    message.meta = {**message.meta, "round": int(message.meta.get("round", 0)) + 1}  # another sending than the one before
    message.state, message.error, message.spent, message.settled_at = QUEUED, None, None, None
    session().flush()
    record(
        MessageQueued(
            conversation_id=message.conversation_id, version=message.conversation.version, message_id=message_id
        )
    )
    return message


def give_up(actor: Actor, message_id: int) -> Message:
    """Say that a message that did not go out, or nobody knows whether, is not needed any more: it leaves the list of
    those that somebody must look at. One that was held back never goes out then."""
    require(actor, "ticket.work")
    message = session().get(Message, message_id, with_for_update=True, populate_existing=True)
    if message is None or message.direction != "out":
        raise NotFound()
    if message.state == HELD:
        return withdraw(actor, message_id)
    if message.state not in (FAILED, UNDECIDED):
        raise Refused("这条消息没有什么要处理的。")
    if message.settled_at is None:
        message.settled_at = now()
        note(actor, "message.settled", message, before=message.state)
        session().flush()
    return message
