"""THE TABLE: which reactions each event has. The only place where the domains meet for writes.

A reaction is called once per event, at least once after a crash, with its writes and the mark "done" in one
transaction. One that talks to the outside or works long is marked `@outside` and closes with `with job.done():`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app import asking, fcr_reactions, letters, order_notices, order_reactions, portal_letters, registering
from app.core.clock import now
from app.core.db import session
from app.core.directory.events import ContactsMerged, ContactsUnmerged
from app.core.events import Event, Reaction, record
from app.core.outbox import Job, outside
from app.core.people import Contact
from app.core.permissions import SYSTEM, Actor
from app.core.text import pack
from app.portal_events import RequestsLinkAsked
from channels import receiving, sending
from channels.events import MessageNotSent, MessageQueued, MessageReceived, MessageSent, ReplayAsked
from channels.models import FAILED, SENT, Conversation, Message
from channels.threading import STRANGER, STRAY
from knowledge.events import ArticleChanged, ArticlePublished, ArticleRetired
from knowledge.index import Index
from knowledge.indexing import refresh
from workflows import service as desk
from workflows.engine import take
from workflows.events import (
    HoldEnds,
    OrderHoldEnds,
    OrderNoticeDue,
    OrderStepTaken,
    OrderTold,
    SilenceEnds,
    TicketChanged,
    TicketOpened,
    TicketStepTaken,
)
from workflows.fcr_verdicts import RepeatDecided, VerdictMatures
from workflows.merging import links_of
from workflows.models import FollowUp, Ticket
from workflows.opening import open_ticket
from workflows.rules import RULES
from workflows.ticket_guards import last_question, within_reopen_time
from workflows.tickets import TICKET

_open_index: list[Callable[[], Index]] = []
CUSTOMER = frozenset({"ticket.read", "ticket.close"})


def use_index(open_index: Callable[[], Index]) -> None:
    """Say once at start which index the reactions write."""
    _open_index[:] = [open_index]


def customer(contact: Contact | None, name: str = "") -> Actor:
    """The person who wrote, as the actor of what their words bring about."""
    if contact is None:
        return Actor(kind="contact", id=None, name=name or "客户", permissions=CUSTOMER, via="message")
    return Actor(kind="contact", id=contact.id, name=contact.label, permissions=CUSTOMER, via="message")


def writer(message: Message) -> Actor:
    """Who wrote it: the person of the conversation, unless a stranger joined who had our mail before them."""
    return customer(None if message.placed == STRANGER else message.conversation.contact, message.author_name)


def route_message(event: MessageReceived) -> None:
    """Bring a message of the outside to its ticket: an open one, the closed one that it reopens, or a new one."""
    message = session().get_one(Message, event.message_id)
    # Locked: two first messages of one conversation, taken up by two workers, must not open two tickets.
    conversation = session().get_one(Conversation, message.conversation_id, with_for_update=True)
    if asking.is_request(message):
        asking.open_request(message)  # the page has done it, unless it was stopped on the way
        return
    if message.placed == registering.OPENED_HERE:
        return  # its ticket was opened together with it
    tickets = desk.tickets_of_conversation(conversation.id)
    if message.is_bounce and tickets and not (message.placed == STRAY and tickets[0].state in TICKET.ends):
        desk.changed(tickets[0])
        return
    current = next((t for t in tickets if t.state not in TICKET.ends), None)
    if current is not None:
        _heard(current, message)
        return
    last = tickets[0] if tickets else None
    if last is not None and not message.is_bounce and (message.is_auto or letters.only_thanks(message.visible_text)):
        desk.changed(last)
        return
    actor = writer(message)
    if last is not None and not message.is_bounce and last.state == "closed" and within_reopen_time(last, actor, {}) is None:
        take(TICKET, last, "reopen", actor, reason="客户来信")
        return
    ticket = open_ticket(
        SYSTEM,
        subject=letters.plain_subject(message.subject) or letters.first_line(message.visible_text) or "（无主题）",
        channel=conversation.account.kind,
        contact=conversation.contact,
        organisation_id=conversation.organisation_id,
        conversation_id=conversation.id,
        after=last,
    )
    conversation.token = str(ticket.number)


def _heard(ticket: Ticket, message: Message) -> None:
    """Somebody of the customer's side wrote on an open ticket."""
    if message.is_auto:
        desk.changed(ticket)
        return
    actor = writer(message)
    if ticket.held and ticket.hold_party == "customer":
        take(TICKET, ticket, "resume", SYSTEM, reason="客户已回复")
    order_reactions.customer_spoke(ticket)
    if ticket.state == "following_up":
        question = last_question(ticket)
        if letters.only_thanks(message.visible_text):
            if question is not None and question.state in ("asking", "asked") and message.placed != STRANGER:
                take(TICKET, ticket, "close", actor, result="answered", via="message")
                return
        else:
            take(TICKET, ticket, "reopen", actor, reason="客户来信")
            return
    desk.changed(ticket)


@outside
def deliver_message(event: MessageQueued, job: Job) -> None:
    """Send what an agent or the desk wrote."""
    sending.deliver(event.message_id, job)


@outside
def replay_payloads(event: ReplayAsked, job: Job) -> None:
    """Try failed payloads again, a chunk at a time; what is left is the next job."""
    onward = receiving.replay_chunk(event.after, event.up_to)
    with job.done():
        if onward is not None:
            record(ReplayAsked(after=onward, up_to=event.up_to))


def ask_follow_up(event: TicketStepTaken) -> None:
    """Ask the customer, on the channel they came by, whether it is solved."""
    if event.after != "following_up" or event.before == "following_up":
        return
    ticket = session().get_one(Ticket, event.ticket_id)
    question = last_question(ticket)
    if ticket.state != "following_up" or question is None or question.message_id is not None:
        return
    conversation = _conversation_of(ticket)
    if conversation is None or sending.last_inbound(conversation) is None:
        return
    language = (ticket.contact.language if ticket.contact else None) or "zh"
    text = letters.follow_up_question(ticket, language, conversation.account.kind in ("email", "portal"))
    message = sending.queue_message(SYSTEM, conversation, text, is_auto=False)
    desk.question_sent(question, message.id)


def _conversation_of(ticket: Ticket) -> Conversation | None:
    """The conversation that spoke last on this ticket. One that came with a merged ticket only where there is no
    other: it may be another person's, and the link in the letter opens this one's request."""
    links = links_of(ticket)
    own = [link for link in links if not link.came_from] or links
    found = [session().get_one(Conversation, link.conversation_id) for link in own]
    return max(found, key=lambda c: c.last_message_at, default=None)


def start_silence(event: MessageSent) -> None:
    """From the delivery of a follow-up question on, silence counts. One that only stands on a page was not delivered."""
    message = session().get_one(Message, event.message_id)
    if message.state != SENT:
        return  # it came back before this was read
    if message.conversation.account.kind != "portal" or "@" in (message.to_address or ""):
        desk.question_delivered(event.message_id)


def stop_silence(event: MessageNotSent) -> None:
    """A follow-up question that came back was never asked: silence after it says nothing."""
    if event.state == FAILED:
        desk.question_returned(event.message_id)


def close_silent(event: SilenceEnds) -> None:
    """Nobody answered a delivered question in time: the ticket closes, and says that it closed by silence."""
    question = session().get_one(FollowUp, event.follow_up_id)
    ticket = session().get_one(Ticket, event.ticket_id)
    if question.delivered_at is None or now() - question.delivered_at < RULES.silence:
        return  # it came back, or was sent again: then that delivery has a clock of its own
    if ticket.state == "following_up" and question.state == "asked" and last_question(ticket) is question:
        take(TICKET, ticket, "close", SYSTEM, result="silence", reason=pack("%(n)s 天未答复", n=RULES.silence.days))


def wake_hold(event: HoldEnds) -> None:
    """A hold wakes itself at the moment that was agreed."""
    ticket = session().get_one(Ticket, event.ticket_id)
    if ticket.held and ticket.holds == event.hold and ticket.state not in TICKET.ends:
        take(TICKET, ticket, "resume", SYSTEM, reason="挂起时间已到")


@outside
def mail_requests_link(event: RequestsLinkAsked, job: Job) -> None:
    """Mail somebody the link to their own requests."""
    portal_letters.send_link(event, job)


@outside
def write_index(event: Any, job: Job) -> None:
    """Put an article into the index as it now is, or take it out."""
    refresh(_open_index[0](), [event.article_id])


REACTIONS: Mapping[type[Event], Sequence[Reaction]] = {
    MessageReceived: [route_message],
    MessageQueued: [deliver_message],
    ReplayAsked: [replay_payloads],
    MessageSent: [start_silence],
    MessageNotSent: [stop_silence],
    TicketOpened: [fcr_reactions.judge_ticket],
    TicketChanged: [fcr_reactions.judge_ticket],
    TicketStepTaken: [ask_follow_up, fcr_reactions.judge_ticket],
    VerdictMatures: [fcr_reactions.judge_matured],
    RepeatDecided: [fcr_reactions.judge_matured],
    ContactsMerged: [fcr_reactions.judge_person],
    ContactsUnmerged: [fcr_reactions.judge_person],
    HoldEnds: [wake_hold],
    OrderStepTaken: [order_reactions.feed_ticket, order_reactions.tell_appointment, order_reactions.ask_price],
    OrderHoldEnds: [order_reactions.wake_order],
    OrderTold: [order_notices.tell_supplier],
    OrderNoticeDue: [order_notices.send_notice],
    SilenceEnds: [close_silent],
    RequestsLinkAsked: [mail_requests_link],
    ArticlePublished: [write_index],
    ArticleChanged: [write_index],
    ArticleRetired: [write_index],
}
