"""Telling a customer on their own platform that somebody of the desk writes: WeChat shows it for fifteen seconds, and only
soon after they said something. A hint: late or lost, it is not repeated."""

from datetime import timedelta

from app.core.clock import now
from app.core.db import session
from app.core.events import record
from app.core.outbox import Job, outside
from app.core.uow import unit_of_work
from channels.events import DeskWrites
from channels.models import Conversation
from channels.registry import channel_for
from workflows.merging import links_of
from workflows.models import Ticket

FRESH = timedelta(seconds=30)
"""How long after an exchange the platform shows it."""
KINDS = frozenset({"wechat"})


def tell_writing(ticket_id: int) -> None:
    """Somebody began to write an answer on this ticket. Opens its own unit of work, and only where it can be shown."""
    ticket = session().get(Ticket, ticket_id)
    lines = [session().get(Conversation, link.conversation_id) for link in links_of(ticket)] if ticket is not None else []
    last = max((line for line in lines if line is not None), key=lambda line: line.last_message_at, default=None)
    if last is None or last.account.kind not in KINDS or not last.account.active or now() - last.last_message_at > FRESH:
        return
    conversation_id = last.id
    with unit_of_work():
        record(DeskWrites(conversation_id=conversation_id))


@outside
def show_typing(event: DeskWrites, job: Job) -> None:
    """Show it on the customer's phone, once."""
    conversation = session().get(Conversation, event.conversation_id)
    to = conversation.identity.value if conversation is not None and conversation.identity is not None else ""
    if conversation is None or not to or job.attempts > 1:
        return
    account = conversation.account
    session().expunge(account)
    session().rollback()
    show = getattr(channel_for(account.kind), "typing", None)
    if show is not None:
        show(account, to, True)
