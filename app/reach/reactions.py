"""What ladders wait for and what follows from them: time that is over, messages that arrived or came back, calls made."""

from sqlalchemy import select

from app.core.db import session
from app.core.events import record
from app.core.outbox import Job, outside
from app.reach import reaching
from app.reach import words as reach_words
from channels.events import MessageNotSent, MessageReceived, MessageSent, SignalHeard, VisitorSaw
from channels.models import FAILED, Message
from channels.reaching import direct, hearing, ladder
from channels.reaching.events import OutreachDue, OutreachMoved, RungDue
from channels.reaching.models import TRIED, Outreach, OutreachRung
from workflows import service as desk
from workflows.call_events import CallTaskStepTaken
from workflows.call_models import CallTask
from workflows.events import TicketChanged, TicketStepTaken
from workflows.models import Ticket
from workflows.tickets import TICKET


def climb_ladder(event: OutreachDue) -> None:
    """The time of a rung is over."""
    moved = ladder.climb(event.outreach_id, event.after)
    if moved is not None:
        reaching.settle(moved)


@outside
def send_rung(event: RungDue, job: Job) -> None:
    """Send what goes to a colleague."""
    direct.send_rung(event.rung_id, job)


def follow_ladder(event: OutreachMoved) -> None:
    """What follows in the house from where a ladder stands; who looks at the ticket sees it."""
    outreach = session().get_one(Outreach, event.outreach_id)
    reaching.settle(outreach)
    ticket = reaching.ticket_of(outreach)
    if ticket is not None:
        record(TicketChanged(ticket_id=ticket.id, version=ticket.version))


def hear_sent(event: MessageSent) -> None:
    """A rung's message left."""
    hearing.sent(event)


def hear_not_sent(event: MessageNotSent) -> None:
    """A rung's message did not arrive; or an agent's answer, which is then told of another way."""
    hearing.not_sent(event)
    message = session().get_one(Message, event.message_id)
    if event.state != FAILED or message.state != FAILED or message.author_kind != "user":
        return
    if session().scalar(select(OutreachRung.id).where(OutreachRung.message_id == message.id).limit(1)) is not None:
        return
    ticket = next((t for t in desk.tickets_of_conversation(message.conversation_id) if t.state not in TICKET.ends), None)
    if ticket is not None and ticket.contact is not None:
        reaching.tell_customer(ticket, "answer", f"answer-{message.id}", reach_words.answer(ticket), failed=message)


def hear_signal(event: SignalHeard) -> None:
    """A platform says that a rung's message arrived."""
    hearing.signal(event)


def hear_seen(event: VisitorSaw) -> None:
    """The person has looked."""
    hearing.seen(event)


def hear_answer(event: MessageReceived) -> None:
    """The person has written."""
    hearing.answered(event)


def hear_call(event: CallTaskStepTaken) -> None:
    """The call that a ladder ended in was made, or given up."""
    task = session().get_one(CallTask, event.calltask_id)
    if event.after not in ("done", "void") or event.before == event.after or not task.key.startswith(reaching.CALLS):
        return
    number = task.key.removeprefix(reaching.CALLS)
    rows = select(OutreachRung).where(OutreachRung.outreach_id == (int(number) if number.isdecimal() else 0), OutreachRung.way == "call")
    rung = session().scalar(rows.where(OutreachRung.state == TRIED))
    if rung is not None and task.result == "reached":
        ladder.arrived(rung, "电话里已经告知。")
    elif rung is not None:
        ladder.failed(rung, "电话没有打通。")


def drop_needless(event: TicketStepTaken) -> None:
    """A ticket went on: what was to be told about where it stood need not be told any more."""
    if event.before == event.after:
        return
    ticket = session().get_one(Ticket, event.ticket_id)
    purposes = []
    if ticket.state != "following_up":
        purposes.append("rating")
    else:
        purposes.append("alarm")
    if ticket.state in TICKET.ends:
        purposes += ["alarm", "progress", "appointment"]
    reaching.drop_open("ticket", ticket.number, purposes)
