"""What a platform still lets us send: grants that the customer's deeds open, counted when a sending begins.

One row per reason and person on an account: the platform counts by person, whatever tickets and conversations we keep their
words in. A new deed opens its grant anew; what runs out first is spent first. The rows are locked where they are spent, so
that two senders never share the last message. The platform's own word wins over ours.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select

from app.core.clock import now
from app.core.db import session
from app.core.errors import Refused
from app.core.events import record
from app.core.text import pack
from channels.events import MessageQueued
from channels.models import HELD, QUEUED, Conversation, Message, ReplyWindow
from channels.window_settings import limited, number

MESSAGE = "message"
DEEDS = (MESSAGE, "click", "follow", "scan")
SPENT = "平台允许的 %(n)s 条已经发完，等客户再写一句才能发。"
OVER = "客户上次写话已过 %(hours)s 小时，平台不再接收。"
NEVER = "客户还没有在这里写过话，平台不允许我们先发。"
SHUT = "平台不再接收发给这位客户的消息，要等客户再写一句。"
TOO_FEW = "这条要分 %(n)s 条发送，平台剩下的条数不够，等客户再写一句才能发。"
TOO_LONG = "这条要分 %(n)s 条发送，平台一次最多允许 %(most)s 条，请缩短。"
GONE = "客户已取消关注或拒收，平台不再接收。"


@dataclass(frozen=True)
class Left:
    """What may still be sent: `messages` until `until` (UTC; when the grant that lasts longest ends). `reserve` of them
    are kept for the result. `refusal`: why nothing may be sent, packed; empty while something may. `waits`: what is
    written now leaves after the customer's next words."""

    messages: int
    until: datetime | None
    reserve: int
    refusal: str = ""
    waits: bool = False


def refused(left_: Left) -> Refused:
    """The reason as an error, so that each reader reads it in their language."""
    if left_.refusal.startswith('{"say"'):
        packed = json.loads(left_.refusal)
        return Refused(packed["say"], **packed["with"])
    return Refused(left_.refusal)


def opened(conversation: Conversation, why: str, at: datetime | None = None) -> None:
    """The customer did something (message, click, follow or scan): its grant begins anew, and what waited may go."""
    account = conversation.account
    if not limited(account):
        return
    row = session().scalar(
        select(ReplyWindow)
        .where(ReplyWindow.conversation_id.in_(_line(conversation)), ReplyWindow.why == why)
        .order_by(ReplyWindow.id)
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        row = ReplyWindow(conversation_id=conversation.id, why=why, round=0)
        session().add(row)
    begins = min(at or now(), now())
    if row.round and begins < row.opened_at:
        return  # an older deed that was only understood now
    if why == MESSAGE:
        lasts, row.allowed = timedelta(hours=number(account, "window_hours")), number(account, "window_messages")
    else:
        lasts, row.allowed = timedelta(seconds=number(account, "window_event_seconds")), number(account, "window_event_messages")
    row.opened_at, row.until, row.used, row.round, row.shut = begins, begins + lasts, 0, row.round + 1, ""
    session().flush()
    _release(conversation, row.allowed if row.until > now() else 0)


def _release(conversation: Conversation, most: int) -> None:
    """Queue again what was held back, oldest first, as many as the new grant allows."""
    held = select(Message).where(Message.conversation_id.in_(_line(conversation)), Message.state == HELD)
    for message in session().scalars(held.order_by(Message.id).limit(most).with_for_update()):
        message.state, message.error, message.leaves_at = QUEUED, None, now()
        session().flush()
        where = message.conversation
        record(MessageQueued(conversation_id=where.id, version=where.version, message_id=message.id))


def left(conversation: Conversation) -> Left | None:
    """What may be sent here now; None where nobody counts. Messages that wait for their sending count as sent."""
    account = conversation.account
    if not limited(account):
        return None
    reserve = number(account, "window_reserve")
    rows = _rows(conversation)
    refusal = _refusal(conversation, rows)
    if refusal:
        return Left(0, None, reserve, refusal, waits=_is_spent(rows))
    running = _running(rows)
    pending = session().scalar(
        select(func.count()).where(
            Message.conversation_id.in_(_line(conversation)), Message.direction == "out", Message.state.in_((QUEUED, HELD))
        )
    )
    free = sum(max(0, row.allowed - row.used) for row in running) - int(pending or 0)
    if free <= 0:
        return Left(0, None, reserve, pack(SPENT, n=max(row.allowed for row in running)), waits=True)
    return Left(free, max(row.until for row in running), reserve)


def spend(message: Message, parts: int = 1) -> tuple[str, bool] | None:
    """Count a message whose sending begins, under a row lock in the caller's unit of work. `parts`: as how many the
    platform will count it.

    Returns None when it may go, else the reason (packed) and whether it waits for the customer's next words."""
    conversation = message.conversation
    if not limited(conversation.account) or message.spent is not None or message.kind == "template":
        return None
    rows = _rows(conversation, lock=True)
    refusal = _refusal(conversation, rows)
    if refusal:
        return refusal, _is_spent(rows)
    free = sorted((row for row in _running(rows) if row.used < row.allowed), key=lambda row: row.until)
    if parts > sum(row.allowed - row.used for row in free):
        most = number(conversation.account, "window_messages")
        if parts > most:
            return pack(TOO_LONG, n=parts, most=most), False
        return pack(TOO_FEW, n=parts), True
    counted = []
    for row in free:
        taken = min(parts, row.allowed - row.used)
        row.used, parts = row.used + taken, parts - taken
        if taken:
            counted.append(f"{row.id}:{row.round}" + (f"*{taken}" if taken > 1 else ""))
    while len(",".join(counted)) > _NOTED:
        counted.pop()  # what is not noted is not given back: rather one too few than one too many
    message.spent = ",".join(counted)
    return None


def give_back(message: Message) -> None:
    """The platform certainly did not count it. A grant that began anew meanwhile owes nothing to the one before."""
    grants = _grants_of(message)
    message.spent = None
    for row, taken in grants:
        row.used = max(0, row.used - taken)


def shut(message: Message, *, spent: bool, reason: str = "") -> None:
    """The platform says that nothing may be sent now: its count is the right one. A word that it says of an older
    grant changes nothing about a newer one."""
    conversation = message.conversation
    if not limited(conversation.account):
        return
    if message.spent and not _grants_of(message):
        return
    for row in _rows(conversation, lock=True):
        if spent:
            row.used = row.allowed
        else:
            row.shut = (reason or SHUT)[:500]


_NOTED = 24
"""Characters of Message.spent: `grant:round*messages`, several with commas."""


def _grants_of(message: Message) -> list[tuple[ReplyWindow, int]]:
    """The grants on which a message was counted that did not begin anew since, each with how many messages it was."""
    found = []
    for part in (message.spent or "").split(",") if message.spent else ():
        place, _star, taken = part.partition("*")
        number_, _sep, round_ = place.partition(":")
        row = session().get(ReplyWindow, int(number_), with_for_update=True, populate_existing=True)
        if row is not None and str(row.round) == round_:
            found.append((row, int(taken or 1)))
    return found


def _line(conversation: Conversation) -> Select[int]:
    """All conversations with this person on this account: after a move, or with two open tickets, there are several."""
    rows = select(Conversation.id)
    if conversation.identity_id is None:
        return rows.where(Conversation.id == conversation.id)
    return rows.where(Conversation.account_id == conversation.account_id, Conversation.identity_id == conversation.identity_id)


def _rows(conversation: Conversation, *, lock: bool = False) -> Sequence[ReplyWindow]:
    rows = select(ReplyWindow).where(ReplyWindow.conversation_id.in_(_line(conversation))).order_by(ReplyWindow.id)
    if lock:
        rows = rows.with_for_update().execution_options(populate_existing=True)
    return session().scalars(rows).all()


def _running(rows: Sequence[ReplyWindow]) -> list[ReplyWindow]:
    return [row for row in rows if row.until > now() and not row.shut]


def _is_spent(rows: Sequence[ReplyWindow]) -> bool:
    return bool(_running(rows))


def _refusal(conversation: Conversation, rows: Sequence[ReplyWindow]) -> str:
    """Why nothing may be sent, or nothing."""
    if conversation.identity is not None and not conversation.identity.reachable:
        return GONE
    running = _running(rows)
    if any(row.used < row.allowed for row in running):
        return ""
    if running:
        return pack(SPENT, n=max(row.allowed for row in running))
    closed = next((row.shut for row in rows if row.shut and row.until > now()), "")
    if closed:
        return closed
    if not any(row.why == MESSAGE for row in rows):
        return NEVER
    return pack(OVER, hours=number(conversation.account, "window_hours"))
