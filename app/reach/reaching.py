"""Telling customers and colleagues about tickets and orders, by the ladders of channels.reaching."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from app import letters
from app.core.db import session
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.text import unpack
from channels.models import SENT, Conversation, Message
from channels.reaching import ladder
from channels.reaching.models import EXHAUSTED, OPEN, TRIED, Outreach, OutreachRung
from channels.reaching.ways import number_of
from workflows import service as desk
from workflows.call_tasks import CALL_TASK, open_call_task, open_task
from workflows.engine import take
from workflows.merging import links_of
from workflows.models import FIRST_NUMBER, FollowUp, Ticket, TicketConversation
from workflows.order_notices import OrderNotice
from workflows.orders_models import FIRST_ORDER, ServiceOrder

Words = Mapping[str, Mapping[str, str]]
RATING, NOTICE, CALLS = "follow-up-", "notice-", "reach-"
"""Begins of keys: a follow-up question, a notice to a supplier's person; and of a call task that a ladder ended in."""


def tell_customer(
    ticket: Ticket, purpose: str, key: str, words: Words, *, params: Mapping[str, str] | None = None, failed: Message | None = None
) -> Outreach:
    """Tell the customer of a ticket something, first where they spoke last. In a unit of work."""
    outreach = ladder.reach(
        purpose,
        key,
        words,
        contact=ticket.contact,
        conversation=failed.conversation if failed else conversation_of(ticket),
        subject=("ticket", ticket.number),
        params={"number": str(ticket.number), "subject": ticket.subject[:40], "link": letters.progress_link(ticket), **(params or {})},
        failed=failed,
    )
    settle(outreach)
    return outreach


def tell_colleague(
    user: User, purpose: str, key: str, words: Words, *, subject: tuple[str, int], about: str = "", params: Mapping[str, str] | None = None
) -> Outreach:
    """Tell somebody of the desk or of a supplier something. In a unit of work."""
    outreach = ladder.reach(
        purpose, key, words, user=user, subject=subject, about=about, params={"number": str(subject[1]), **(params or {})}, is_auto=True
    )
    settle(outreach)
    return outreach


def conversation_of(ticket: Ticket) -> Conversation | None:
    """The conversation that spoke last on this ticket. One that came with a merged ticket only where there is no
    other: it may be another person's, and the link in the letter opens this one's request."""
    links = links_of(ticket)
    own = [link for link in links if not link.came_from] or links
    found = [session().get_one(Conversation, link.conversation_id) for link in own]
    return max(found, key=lambda c: c.last_message_at, default=None)


def first_message(outreach: Outreach) -> Message | None:
    """The message that the latest rung sent, if it sent one."""
    found = [rung.message_id for rung in outreach.rungs if rung.message_id is not None]
    return session().get(Message, found[-1]) if found else None


def settle(outreach: Outreach) -> None:
    """What follows in the house from where a ladder stands now; the same however often it is done."""
    ticket = ticket_of(outreach)
    if ticket is not None and outreach.user_id is None:
        _hang(ticket, outreach)
    if outreach.key.startswith(RATING):
        _move_question(outreach)
    if outreach.key.startswith(NOTICE):
        _note_notice(outreach)
    for rung in outreach.rungs:
        if rung.way == "call" and rung.sending == "due":
            _ask_to_call(rung, ticket)


def ticket_of(outreach: Outreach) -> Ticket | None:
    """The ticket that a ladder is about, directly or by its order."""
    if outreach.subject_number is None:
        return None
    if outreach.subject_kind == "order":
        order = order_of(outreach)
        return order.ticket if order else None
    return session().scalar(select(Ticket).where(Ticket.id == outreach.subject_number - FIRST_NUMBER))


def order_of(outreach: Outreach) -> ServiceOrder | None:
    """The order that a ladder is about."""
    return session().scalar(select(ServiceOrder).where(ServiceOrder.id == (outreach.subject_number or 0) - FIRST_ORDER))


def about(kind: str, number: int, limit: int = 30) -> list[Outreach]:
    """The ladders about a ticket or an order, newest first."""
    rows = select(Outreach).where(Outreach.subject_kind == kind, Outreach.subject_number == number)
    return list(session().scalars(rows.order_by(Outreach.id.desc()).limit(limit)))


def drop_open(kind: str, number: int, purposes: Sequence[str]) -> None:
    """Nobody need hear of this any more: the open ladders of these purposes end, and the calls that they asked for."""
    rows = select(Outreach).where(
        Outreach.subject_kind == kind, Outreach.subject_number == number, Outreach.state.in_((OPEN, EXHAUSTED)), Outreach.purpose.in_(purposes)
    )
    for outreach in session().scalars(rows.with_for_update()):
        call = next((rung for rung in outreach.rungs if rung.way == "call" and rung.state == TRIED), None)
        if outreach.state == OPEN or call is not None:
            ladder.drop(outreach)
            settle(outreach)
        task = open_task(f"{CALLS}{outreach.id}") if call is not None else None
        if task is not None:
            take(CALL_TASK, task, "void", SYSTEM, reason="不用再打了：事情已经往前走了。")


def _hang(ticket: Ticket, outreach: Outreach) -> None:
    """A conversation that a ladder wrote in belongs to the ticket, so that its answer comes to it."""
    known = {link.conversation_id for link in links_of(ticket)}
    for rung in outreach.rungs:
        message = session().get(Message, rung.message_id) if rung.message_id else None
        if message is not None and message.conversation_id not in known and rung.state != "skipped":
            known.add(message.conversation_id)
            session().add(TicketConversation(ticket_id=ticket.id, conversation_id=message.conversation_id, since_message_id=message.id))
            session().flush()
            desk.changed(ticket)


def _move_question(outreach: Outreach) -> None:
    """The follow-up question is asked by the message of the latest rung."""
    question = session().get(FollowUp, int(outreach.key.removeprefix(RATING)))
    message = first_message(outreach)
    if question is None or message is None or question.message_id in (None, message.id) or question.state not in ("asking", "asked"):
        return
    question.message_id = message.id
    session().flush()
    if message.state == SENT:
        desk.question_delivered(message.id)


def _note_notice(outreach: Outreach) -> None:
    """The list of who was told of an order shows how far that came."""
    notice = session().get(OrderNotice, int(outreach.key.removeprefix(NOTICE)))
    if notice is None:
        return
    rungs = [rung for rung in outreach.rungs if rung.state != "skipped"]
    last = rungs[-1] if rungs else None
    if last is None:
        mail = next((rung for rung in outreach.rungs if rung.way == "email"), None)
        if outreach.state != OPEN:
            notice.state = "no_account" if mail and unpack(mail.reason) == "没有可以发信的邮箱账号。" else "no_mail"
        return
    notice.to_address = last.address[:254] or notice.to_address
    notice.error = last.reason[:500] or None
    if last.state == "delivered" or last.sending == "sent":
        notice.state, notice.sent_at, notice.error = "sent", notice.sent_at or last.sent_at, None
    elif last.state == "failed":
        notice.state = "failed"
    elif last.sending in ("due", "sending", "undecided"):
        notice.state = last.sending
    elif last.message_id is not None and last.sent_at is not None:
        notice.state, notice.sent_at = "sent", notice.sent_at or last.sent_at
    session().flush()


def _ask_to_call(rung: OutreachRung, ticket: Ticket | None) -> None:
    """The last rung: somebody calls, and writes down what came of it."""
    outreach = rung.outreach
    open_call_task(
        SYSTEM,
        key=f"{CALLS}{outreach.id}",
        number=number_of(outreach),
        contact_id=outreach.contact_id,
        organisation_id=outreach.contact.organisation_id if outreach.contact else None,
        reason="follow_up" if outreach.purpose == "rating" else "unreached",
        ticket_id=ticket.id if ticket else None,
        note=ladder.said(outreach).get("subject") or letters.first_line(ladder.said(outreach).get("text", "")),
    )
    rung.sending = "sent"
    if rung.state == TRIED:
        rung.reason = "已建电话任务，等同事打。"
    session().flush()
