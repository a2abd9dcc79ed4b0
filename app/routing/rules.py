"""Which ticket a message belongs to, and when a message becomes one. docs/routing.md says the same for people.

A thread that the channel itself knows (a mail that answers ours, the portal's form) decides first; then a ticket's number
or a device that the message names; then, where a channel has one line with each person, the person's open tickets: one is
taken, of several the one last spoken of in this session, else the person is asked. A greeting opens nothing, thanks and
automatic answers reopen nothing. Every choice is a word in `Message.placed`, and one key puts it right.
"""

from collections.abc import Sequence

from app import asking, letters, order_reactions, progress_words, rating_menu, registering, scanned
from app.answering import rules as answer_rules
from app.answering import talks as answer_talks
from app.core.db import session
from app.core.permissions import SYSTEM
from app.customers import writer
from app.moving import home_of
from app.routing import question as routing_question
from app.routing.facts import Fact, device_named, last_spoken, open_tickets_of, ticket_named
from app.routing.words import GREETED, greet, promise
from app.small_talk import asks_for_person, only_greeting
from channels.events import MessageReceived
from channels.models import Conversation, Message
from channels.sessions import open_session, reseat
from channels.threading import STRANGER, STRAY
from workflows import service as desk
from workflows.engine import take
from workflows.models import Ticket, TicketConversation
from workflows.opening import open_ticket
from workflows.ticket_guards import last_question, within_reopen_time
from workflows.tickets import TICKET

LINES = frozenset({"wechat", "wecom", "webchat", "app", "weibo", "sms"})
"""Channels that have one line with each person instead of threads."""

THREADED = frozenset({"in_reply_to", "references", "reply_address", "subject_token", "returned", STRANGER, STRAY})
"""Reasons by which the channel itself knew the conversation: then nothing in the words decides against it."""


def route_message(event: MessageReceived) -> None:
    """Bring a message of the outside to its ticket: an open one, the closed one that it reopens, or a new one."""
    message = session().get_one(Message, event.message_id)
    # Locked: two first messages of one conversation, taken up by two workers, must not open two tickets.
    conversation = session().get_one(Conversation, message.conversation_id, with_for_update=True)
    if asking.is_request(message):
        asking.open_request(message)  # the page has done it, unless it was stopped on the way
        return
    if message.placed in (registering.OPENED_HERE, registering.WRITTEN_DOWN):
        return  # its ticket was opened together with it
    if message.kind == "call":
        _show_call(conversation)
        return
    if not (message.is_auto or message.is_bounce) and (heard := answer_talks.hear(message)) is not None:
        hand_over(heard.settle)
        if heard.promise:
            promise(heard.settle[0], conversation)
        return
    if progress_words.answer(message):
        return  # two words that a machine answers: they open and reopen nothing
    if rating_menu.answer(message):
        return
    tickets = desk.tickets_of_conversation(conversation.id)
    if message.is_bounce and tickets and not (message.placed == STRAY and tickets[0].state in TICKET.ends):
        desk.changed(tickets[0])
        return
    if not (message.is_auto or message.is_bounce or message.placed in THREADED):
        if (answer := routing_question.read(message)) is not None:
            settle(answer.messages, answer.ticket, "chosen")
            return
        fact = _decide(message, conversation, tickets)
        if fact.several:
            routing_question.ask(message, conversation, fact.several)
            return
        if fact.ticket is not None:
            bring(message, fact.ticket, fact.why)
            _reassure(message, conversation)
            return
        if fact.device is not None:
            _open(message, tickets[0] if tickets else None, fact)
            return
    _go_on(message, conversation, tickets)


def _decide(message: Message, conversation: Conversation, tickets: list[Ticket]) -> Fact:
    """What the words and the person's open tickets say. An empty Fact: nothing, the conversation decides."""
    contact = conversation.contact
    open_here = [t for t in tickets if t.state not in TICKET.ends]
    candidates = list(open_here)
    if contact is not None:
        if (named := ticket_named(contact, message.visible_text)) is not None:
            return Fact(named, "named_ticket")
        others = open_tickets_of(contact)
        candidates += [t for t in others if t not in candidates]
        if (device := device_named(contact, message.visible_text)) is not None:
            return _by_device(device, conversation, candidates)
    if conversation.account.kind not in LINES or not candidates:
        return Fact()
    if letters.only_thanks(message.visible_text) and not open_here:
        return Fact()
    if len(candidates) == 1:
        return Fact(candidates[0], "one_open")
    if (recent := last_spoken(message, candidates)) is not None:
        return Fact(recent, "last_spoken")
    return Fact(several=candidates)


def _by_device(device_id: int, conversation: Conversation, candidates: list[Ticket]) -> Fact:
    """The open ticket of a named device. Where an open ticket has no device yet, the number may be its answer."""
    same = [t for t in candidates if t.device_id == device_id]
    if len(same) == 1:
        return Fact(same[0], "named_device")
    if same:
        return Fact(several=same)
    without = [t for t in candidates if t.device_id is None]
    if len(without) == 1 and (conversation.account.kind in LINES or len(candidates) == 1):
        return Fact(without[0], "one_open")
    return Fact(device=device_id, why="named_device")


def bring(message: Message, ticket: Ticket, why: str) -> None:
    """Have a message that has just come stand on this ticket, and do what it means there."""
    conversation = message.conversation
    here = desk.tickets_of_conversation(conversation.id)
    if ticket not in here:
        if any(t.state not in TICKET.ends for t in here):
            home = home_of(ticket, conversation)
            reseat(message, home.id)
            conversation = home
            session().refresh(message)
        else:
            session().add(TicketConversation(ticket_id=ticket.id, conversation_id=conversation.id))
            conversation.token = str(ticket.number)
    if message.placed not in THREADED and (ticket not in here or why not in ("one_open", "last_spoken")):
        message.placed = why
    session().flush()
    if ticket.state in TICKET.ends:
        _wake(ticket, message)
    else:
        _heard(ticket, message)


def settle(messages: list[Message], ticket: Ticket | None, why: str) -> None:
    """The person, or the clock, has said where waiting messages belong; None: to a new ticket."""
    for message in messages:
        if ticket is None:
            before = desk.tickets_of_conversation(message.conversation_id)
            ticket = _open(message, before[0] if before else None, Fact(why=why))
        else:
            bring(message, ticket, why)


def hand_over(messages: Sequence[Message]) -> None:
    """What the answer service leaves to a person becomes a ticket now; nothing where there are no messages."""
    if not messages:
        return
    first, *others = messages
    before = desk.tickets_of_conversation(first.conversation_id)
    ticket = next((t for t in before if t.state not in TICKET.ends), None)
    if ticket is None:
        ticket = _open(first, before[0] if before else None, Fact())
    else:
        answer_talks.handed(ticket, first.conversation)
    for message in others:
        bring(message, ticket, "one_open")


def _go_on(message: Message, conversation: Conversation, tickets: list[Ticket]) -> None:
    """The conversation decides: its open ticket, the closed one that this reopens, or a new one."""
    current = next((t for t in tickets if t.state not in TICKET.ends), None)
    if current is not None:
        _heard(current, message)
        _reassure(message, conversation)
        return
    if not (message.is_auto or message.is_bounce) and (talk := answer_talks.open_talk(conversation.id)) is not None:
        asked = bool(talk.offered) and talk.article_id is None
        hand_over([*answer_talks.waiting(talk), message])  # the machine's answer was not enough
        if asked:  # it had asked something, and is silent from here on
            promise(message, conversation)
        return
    last = tickets[0] if tickets else None
    machine_or_thanks = message.is_auto or letters.only_thanks(message.visible_text)
    if last is not None and not message.is_bounce and machine_or_thanks:
        desk.changed(last)
        return
    if conversation.account.kind in LINES and not message.is_bounce and message.kind == "text":
        if machine_or_thanks:
            return
        if only_greeting(message.visible_text):
            message.placed = GREETED
            greet(message, conversation)
            return
    if last is not None and not message.is_bounce and last.state == "closed" and not asks_for_person(message.visible_text):
        if within_reopen_time(last, writer(message), {}) is None:
            _wake(last, message)
            return
    if answer_rules.takes(message, conversation):
        answer_talks.begin(message)
        return
    _open(message, last, Fact())


def _wake(last: Ticket, message: Message) -> None:
    """Words about a ticket that has ended: reopen it where the law lets the customer, else a successor takes them."""
    actor = writer(message)
    if letters.only_thanks(message.visible_text):
        desk.changed(last)
    elif last.state == "closed" and within_reopen_time(last, actor, {}) is None:
        take(TICKET, last, "reopen", actor, reason="客户来信")
    else:
        _open(message, last, Fact(why=message.placed))


def _open(message: Message, last: Ticket | None, fact: Fact) -> Ticket:
    conversation = message.conversation
    seen = scanned.take_scan(conversation)
    device = fact.found_device() or seen.device
    subject = letters.plain_subject(message.subject) or letters.first_line(message.visible_text)
    if asks_for_person(message.visible_text):
        subject = "请求人工服务"
    ticket = open_ticket(
        SYSTEM,
        subject=subject or "（无主题）",
        channel=conversation.account.kind,
        contact=conversation.contact,
        organisation_id=conversation.organisation_id or seen.organisation_id,
        conversation_id=conversation.id,
        product_id=device.product_id if device else answer_talks.product_of(message),
        device_id=device.id if device else None,
        counter_id=seen.counter.id if seen.counter else None,
        after=last if last is not None and last.state in TICKET.ends else None,
    )
    if fact.why:
        message.placed = fact.why
    conversation.token = str(ticket.number)
    answer_talks.handed(ticket, conversation)
    _reassure(message, conversation)
    return ticket


def _reassure(message: Message, conversation: Conversation) -> None:
    """Tell who asks for a person that one comes, as long as none has come."""
    if conversation.account.kind not in LINES or message.is_auto or not asks_for_person(message.visible_text):
        return
    current = open_session(conversation.id)
    if current is None or not (current.first_user_id or current.agent_turns):
        promise(message, conversation)


def _show_call(conversation: Conversation) -> None:
    """A call opens and reopens nothing by itself: the agent who talked does, and whoever gave up is called back. The
    pages of its open tickets show it."""
    for ticket in desk.tickets_of_conversation(conversation.id):
        if ticket.state not in TICKET.ends:
            desk.changed(ticket)


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
