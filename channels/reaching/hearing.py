"""What the channels tell about messages, as news for the ladders that wait for them."""

from sqlalchemy import select

from app.core.db import session
from app.core.permissions import SYSTEM
from channels import models as mail
from channels.events import MessageNotSent, MessageReceived, MessageSent, SignalHeard, VisitorSaw
from channels.models import Message
from channels.reaching import ladder
from channels.reaching.models import DELIVERED, OPEN, TRIED, Outreach, OutreachRung
from channels.reaching.plans import QUIET
from channels.sending import withdraw


def sent(event: MessageSent) -> None:
    """The outside took the message of a rung; from now on its silence counts."""
    message = session().get_one(Message, event.message_id)
    for rung in _rungs(event.message_id):
        if message.state != mail.SENT or rung.state != TRIED:
            continue
        rung.sent_at = message.sent_at
        if ladder.silence_is_arrival(rung) and rung.outreach.state == OPEN and message.sent_at is not None:
            ladder.again(rung, message.sent_at + QUIET.settle)


def not_sent(event: MessageNotSent) -> None:
    """The message of a rung failed, came back, waits for the person's next words, or nobody knows."""
    message = session().get_one(Message, event.message_id)
    for rung in session().scalars(select(OutreachRung).where(OutreachRung.message_id == event.message_id)).all():
        if event.state == mail.UNDECIDED and rung.state == TRIED:
            rung.reason = message.error or ""
        elif message.state == mail.FAILED:
            ladder.failed(rung, message.error or "")
        elif message.state == mail.HELD and rung.state == TRIED:
            reason = message.error or ""
            withdraw(SYSTEM, message.id)  # what goes another way now must not come once more later
            ladder.failed(rung, reason)


def signal(event: SignalHeard) -> None:
    """A platform reports the arrival of a message. One that is refused comes as MessageNotSent."""
    if event.kind == "delivered" and event.message_id is not None:
        for rung in _rungs(event.message_id):
            ladder.arrived(rung, "对方已收到。")


def seen(event: VisitorSaw) -> None:
    """The person has looked at our messages up to one of them."""
    rows = select(OutreachRung).join(Message, OutreachRung.message_id == Message.id).where(
        Message.conversation_id == event.conversation_id, Message.id <= event.last_id, OutreachRung.state == TRIED
    )  # fmt: skip
    for rung in session().scalars(rows):
        ladder.arrived(rung, "对方已看到。")


def answered(event: MessageReceived) -> None:
    """The person wrote where we had written to them: they have read it."""
    message = session().get_one(Message, event.message_id)
    if message.is_auto or message.is_bounce:
        return
    rows = (
        select(OutreachRung)
        .join(Message, OutreachRung.message_id == Message.id)
        .join(Outreach, OutreachRung.outreach_id == Outreach.id)
        .where(Message.conversation_id == event.conversation_id, Message.state == mail.SENT, OutreachRung.state == TRIED)
        .where(Message.id < message.id, Outreach.state.in_((OPEN, "exhausted")))
    )
    for rung in session().scalars(rows):
        ladder.arrived(rung, "对方已回话。")


def _rungs(message_id: int) -> list[OutreachRung]:
    return list(session().scalars(select(OutreachRung).where(OutreachRung.message_id == message_id, OutreachRung.state != DELIVERED)))
