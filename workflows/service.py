"""What people do with tickets besides the steps of the law."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, NotFound, Refused
from app.core.events import record
from app.core.people import Contact
from app.core.permissions import SYSTEM, Actor, require
from workflows import ticket_effects
from workflows.engine import take, touch
from workflows.events import SilenceEnds, TicketChanged
from workflows.kinds import KINDS
from workflows.models import Draft, FollowUp, Ticket, TicketConversation, TicketMark, TicketNote
from workflows.rules import RULES
from workflows.ticket_guards import last_question
from workflows.tickets import TICKET

OPEN = ("created", "dispatched", "executing", "following_up")
TWICE = timedelta(seconds=60)


def changed(ticket: Ticket) -> None:
    """Count up the version and tell those who show the ticket."""
    touch(ticket)
    record(TicketChanged(ticket_id=ticket.id, version=ticket.version))


def add_note(actor: Actor, ticket: Ticket, text: str) -> TicketNote:
    """A note for colleagues. Raises Invalid when it is empty."""
    require(actor, "ticket.work")
    if not text.strip():
        raise Invalid.of("text", "写点内容。")
    row = TicketNote(
        ticket_id=ticket.id, author=actor.name, author_id=actor.id if actor.kind == "user" else None, text=text.strip()
    )
    session().add(row)
    if ticket.held and ticket.hold_party == "colleague" and row.author_id not in (None, ticket.assignee_id):
        take(TICKET, ticket, "resume", SYSTEM, reason="同事已答复")
    changed(ticket)
    return row


def classify(
    actor: Actor, ticket: Ticket, *, kind: str, impact: str, product_id: int | None, device_id: int | None
) -> None:
    """Set what the issue is about. The priority and the due date follow from kind and impact."""
    require(actor, "ticket.work")
    if kind not in KINDS:
        raise Invalid.of("kind", "没有这个类别。")
    before = f"{ticket.kind}/{ticket.impact}"
    ticket.kind = kind
    ticket_effects.set_impact(ticket, impact)
    ticket.product_id, ticket.device_id = product_id, device_id
    session().flush()
    note(actor, "ticket.classified", ticket, before=before, after=f"{kind}/{impact}", product=product_id, device=device_id)
    changed(ticket)


def set_contact(actor: Actor, ticket: Ticket, contact: Contact | None) -> None:
    """Say who asks, where the channel could only name the company; None takes it back."""
    require(actor, "ticket.work")
    before = ticket.contact_id
    ticket.contact = contact
    ticket.organisation_id = ticket.organisation_id or (contact.organisation_id if contact else None)
    session().flush()
    note(actor, "ticket.contact_set", ticket, before=before, after=contact.label if contact else None)
    changed(ticket)


def answered(ticket: Ticket, actor: Actor) -> None:
    """A person wrote to the customer: the first response is the first of these."""
    if ticket.first_response_at is None and actor.kind == "user":
        ticket.first_response_at = now()
    changed(ticket)


def unanswered(ticket: Ticket, at: datetime) -> None:
    """An answer of this moment was taken back before it went out: if it was the first, nobody has answered yet."""
    if ticket.first_response_at is not None and abs(ticket.first_response_at - at) < timedelta(seconds=1):
        ticket.first_response_at = None
    changed(ticket)


def decide_extension(actor: Actor, ticket: Ticket, mark_id: int, approved: bool) -> TicketMark:
    """Approve or refuse an asked extension; approval moves the due date."""
    require(actor, "ticket.supervise")
    mark = session().get(TicketMark, mark_id)
    if mark is None or mark.ticket_id != ticket.id or mark.kind != "extend":
        raise NotFound()
    if mark.decision != "asked":
        raise Refused("这个申请已经有结论了。")
    ticket_effects.decide(mark, actor, approved)
    if approved and mark.until:
        ticket.due_at = mark.until
    note(actor, "ticket.extension_decided", ticket, after=mark.decision)
    changed(ticket)
    return mark


def answer_supervision(actor: Actor, ticket: Ticket, mark_id: int, text: str) -> TicketMark:
    """Tell the supervisor what was asked for; the answer stands beside the demand and, late, says so by its moment."""
    require(actor, "ticket.work")
    mark = session().get(TicketMark, mark_id)
    if mark is None or mark.ticket_id != ticket.id or mark.kind != "supervise":
        raise NotFound()
    if not text.strip():
        raise Invalid.of("text", "写点内容。")
    if mark.decision != "asked":
        raise Refused("这次督办已经答复过了。")
    mark.decision, mark.answer = "answered", text.strip()[:500]
    mark.decided_by, mark.decided_at = actor.name, now()
    note(actor, "ticket.supervision_answered", ticket, after=mark.decision, mark=mark.id, late=mark.until is not None and now() > mark.until)
    changed(ticket)
    return mark


def question_sent(question: FollowUp, message_id: int) -> None:
    """The follow-up question waits to be sent as this message."""
    question.message_id = message_id
    question.attempts += 1
    _tell(question.ticket)


def question_delivered(message_id: int) -> FollowUp | None:
    """The follow-up question of this message arrived: from now on silence counts. Returns it, or None if it is no question."""
    question = session().scalar(select(FollowUp).where(FollowUp.message_id == message_id))
    if question is None or question.state not in ("asking", "asked"):
        return None
    question.state, question.delivered_at = "asked", now()
    record(SilenceEnds(ticket_id=question.ticket_id, follow_up_id=question.id), due_at=now() + RULES.silence)
    _tell(question.ticket)
    return question


def question_returned(message_id: int) -> FollowUp | None:
    """The follow-up question of this message did not arrive after all: it waits again, for another way to ask."""
    question = session().scalar(select(FollowUp).where(FollowUp.message_id == message_id))
    if question is None or question.state != "asked":
        return None
    question.state, question.delivered_at = "asking", None
    _tell(question.ticket)
    return question


def _tell(ticket: Ticket) -> None:
    """Tell those who show the ticket, without a new version: nothing that a person could have typed over has changed."""
    record(TicketChanged(ticket_id=ticket.id, version=ticket.version))


def attempt_failed(actor: Actor, ticket: Ticket) -> FollowUp:
    """Write down that the customer could not be reached; after three attempts the ticket may close as unreachable."""
    require(actor, "ticket.close")
    question = last_question(ticket)
    if ticket.state != "following_up" or question is None:
        raise Refused("这张工单没有在回访。")
    question.attempts += 1
    note(actor, "ticket.follow_up_attempt", ticket, after=question.attempts)
    changed(ticket)
    return question


def tickets_of_conversation(conversation_id: int) -> list[Ticket]:
    """The tickets that a conversation belongs to, newest first."""
    return list(
        session().scalars(
            select(Ticket)
            .join(TicketConversation, TicketConversation.ticket_id == Ticket.id)
            .where(TicketConversation.conversation_id == conversation_id)
            .order_by(Ticket.id.desc())
        )
    )


def opened_just_now(contact: Contact, subject: str) -> Ticket | None:
    """The ticket that the same form has just opened: one that is sent twice opens one ticket."""
    return session().scalar(
        select(Ticket)
        .where(Ticket.contact_id == contact.id, Ticket.subject == subject.strip(), Ticket.created_at > now() - TWICE)
        .order_by(Ticket.id.desc())
    )


def save_draft(actor: Actor, ticket: Ticket, kind: str, text: str, articles: list[int]) -> datetime:
    """Keep what a person has begun to write. Empty text throws the draft away."""
    row = find_draft(actor, ticket, kind)
    if not text.strip() and not articles:
        drop_draft(actor, ticket, kind)
        return now()
    if row is None:
        row = Draft(ticket_id=ticket.id, user_id=actor.id, kind=kind)
        session().add(row)
    row.text, row.articles, row.saved_at = text[:50_000], articles, now()
    session().flush()
    return row.saved_at


def find_draft(actor: Actor, ticket: Ticket, kind: str) -> Draft | None:
    return session().scalar(
        select(Draft).where(Draft.ticket_id == ticket.id, Draft.user_id == actor.id, Draft.kind == kind)
    )


def drop_draft(actor: Actor, ticket: Ticket, kind: str) -> None:
    session().execute(
        delete(Draft).where(Draft.ticket_id == ticket.id, Draft.user_id == actor.id, Draft.kind == kind)
    )
