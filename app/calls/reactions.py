"""What a call brings about once it has ended: somebody to be called back, or nobody any more; talk that counts; a ticket
that knows its calls."""

from datetime import datetime

from sqlalchemy import or_, select

from app.core.db import session
from app.core.directory.merging import family_ids, kept
from app.core.permissions import SYSTEM
from channels.calls.events import CallEnded
from channels.calls.models import ABANDONED, ANSWERED, BUSY, CALL_FAILED, NO_ANSWER, Call
from channels.models import Message, Session
from channels.sessions import recount
from workflows import call_tasks, wrap_ups
from workflows.models import Ticket, TicketConversation
from workflows.service import changed
from workflows.wrap_models import CALL

MISSED = (ABANDONED, NO_ANSWER, BUSY, CALL_FAILED)
"""Outcomes of an inbound call after which the caller is still waiting to speak to somebody."""


def follow_call(event: CallEnded) -> None:
    """Look at the call as it is now: its end may be told again with another outcome."""
    call = session().get(Call, event.call_id)
    if call is None or call.outcome is None:
        return
    if call.outcome == ANSWERED:
        _count_talk(call)
        hang_on_ticket(call)
        if call.number and call.direction in ("inbound", "outbound"):
            call_tasks.settle_abandoned(SYSTEM, people_of(call), call.number, moment_of(call))
    elif call.direction == "inbound" and call.outcome in MISSED:
        _ask_to_call_back(call)


def moment_of(call: Call) -> datetime:
    """When the call was over, as well as it is known."""
    return call.ended_at or call.started_at or call.created_at


def people_of(call: Call) -> list[int]:
    """Ids of everybody who is the person of this call."""
    return family_ids(call.contact) if call.contact is not None else []


def _ask_to_call_back(call: Call) -> None:
    """One task for a person, or for a number whose person nobody knows, however often they ring."""
    if not call.number or call.number.startswith("short:") or _reached_since(call):
        return
    person = kept(call.contact) if call.contact is not None else None
    own = f"abandoned:contact:{person.id}" if person is not None else ""
    by_number = f"abandoned:number:{call.number}"
    key = own if own and call_tasks.open_task(by_number) is None else by_number
    call_tasks.open_call_task(
        SYSTEM, key=key, number=call.number, contact_id=person.id if person else None, organisation_id=call.organisation_id,
        reason="abandoned", call_id=call.id, queue=call.queue or "", at=moment_of(call),
    )  # fmt: skip


def _reached_since(call: Call) -> bool:
    """Whether somebody spoke to them after this call; its record may have come late."""
    same = [Call.number == call.number]
    if people := people_of(call):
        same.append(Call.contact_id.in_(people))
    later = select(Call.id).where(or_(*same), Call.outcome == ANSWERED, Call.ended_at >= moment_of(call), Call.id != call.id)
    return session().scalar(later.limit(1)) is not None


def _count_talk(call: Call) -> None:
    """Somebody of the desk spoke in this stretch of the conversation, as if they had written."""
    message = session().get(Message, call.message_id) if call.message_id else None
    if message is None or message.session_id is None or call.user_id is None:
        return
    recount(session().get_one(Session, message.session_id, with_for_update=True, populate_existing=True))


def hang_on_ticket(call: Call) -> None:
    """The conversation of a call that somebody opened or named a ticket for belongs to that ticket."""
    written = wrap_ups.wrap_up_of(CALL, call.id)
    if written is None or written.ticket_id is None or call.conversation_id is None:
        return
    known = select(TicketConversation.id).where(
        TicketConversation.ticket_id == written.ticket_id, TicketConversation.conversation_id == call.conversation_id
    )
    if session().scalar(known) is None:
        session().add(
            TicketConversation(
                ticket_id=written.ticket_id, conversation_id=call.conversation_id, since_message_id=call.message_id
            )
        )
        session().flush()
        changed(session().get_one(Ticket, written.ticket_id))
