"""The question whether it is solved, as a menu to tap where a channel knows menus, and what a tap means. A digit says the
same where that question is the last thing we said."""

import re

from sqlalchemy import select

from app import letters
from app.core.db import session
from app.core.errors import DeskError
from app.core.permissions import SYSTEM
from app.customers import writer
from channels.chat_ends import rate_chat
from channels.models import WITHDRAWN, Conversation, Message
from channels.sending import queue_message
from channels.threading import STRANGER
from workflows import service as desk
from workflows.engine import take
from workflows.models import FollowUp, Ticket
from workflows.ticket_guards import last_question, within_reopen_time
from workflows.tickets import TICKET

PLACED_BY = "rated"
OPEN = ("asking", "asked")
"""States of a question that waits for its answer."""
_ITEM = re.compile(r"rate:(?:(\d{1,12}):)?([1-5]|no)")
_DIGIT = re.compile(r"\s*[【\[(（]?\s*([0-5０-５])\s*[】\])）]?\s*分?\s*[.。!！~～]?\s*")
_OFFERED = (
    ("5", "解决了，很满意", "Solved, very satisfied"), ("4", "解决了，满意", "Solved, satisfied"),
    ("3", "解决了，一般", "Solved, so-so"), ("2", "解决了，但不满意", "Solved, but not satisfied"), ("no", "还没有解决", "Not solved yet"),
)  # fmt: skip  # data
_LONGEST = 300
CONTENT = 4
"""From this score on, somebody who says no more has got what they wanted."""


def words(ticket: Ticket, language: str) -> dict[str, str]:
    """The parts of the menu as a ladder keeps them: "menu" has a line an item, its id first."""
    english, done = language == "en", ticket.resolution or ""
    done = done if len(done) <= _LONGEST else done[: _LONGEST - 1] + "…"
    head = f"Your request #{ticket.number} has been dealt with:\n{done}\n\nIs it solved?" if english else f"您的请求 #{ticket.number} 已处理：\n{done}\n\n问题解决了吗？"  # data
    tail = f"Details: {letters.progress_link(ticket)}" if english else f"经过在这里：{letters.progress_link(ticket)}"  # data
    items = "\n".join(f"rate:{ticket.number}:{key} {key.replace('no', '0')} {en if english else zh}" for key, zh, en in _OFFERED)
    return {"menu": items, "menu_head": head, "menu_tail": tail}


def answer(message: Message) -> bool:
    """Take a tap on such a menu as the customer's answer. False where the message is none, or is one for a person. A
    late tap changes nothing, but that something is not solved counts as long as a request may be reopened."""
    if message.is_auto or message.is_bounce or message.placed == STRANGER:
        return False
    if message.kind == "text":
        return _digit(message)
    found = _ITEM.fullmatch(str(message.meta.get("item") or "")) if message.kind == "menu" else None
    if found is None:
        return False
    number, said = found.groups()
    if number is None:
        return _rate_talk(message, said)
    ticket = next((t for t in desk.tickets_of_conversation(message.conversation_id) if t.number == int(number)), None)
    return ticket is not None and _take(message, ticket, said)


def _digit(message: Message) -> bool:
    """A number where a menu would be tapped: 1 to 5 is the score, 0 that it is not solved."""
    digit = _DIGIT.fullmatch(message.visible_text)
    if digit is None:
        return False
    said = "no" if int(digit[1]) == 0 else str(int(digit[1]))
    rows = select(Message).where(
        Message.conversation_id == message.conversation_id, Message.direction == "out", Message.id < message.id, Message.state != WITHDRAWN
    )
    last = session().scalar(rows.order_by(Message.id.desc()).limit(1))
    if last is None:
        return False
    question = session().scalar(select(FollowUp).where(FollowUp.message_id == last.id, FollowUp.state.in_(OPEN)).limit(1))
    if question is not None:
        return _take(message, question.ticket, said)
    talk = any(str(one.get("id", "")) == "rate:5" for one in last.meta.get("items") or () if isinstance(one, dict))
    return talk and said != "no" and _rate_talk(message, said)


def _take(message: Message, ticket: Ticket, said: str) -> bool:
    """The score, or "no", as the customer's answer on this ticket."""
    actor, english = writer(message), _english(message.conversation)
    if said == "no" and (ticket.state == "following_up" or (ticket.state == "closed" and within_reopen_time(ticket, actor, {}) is None)):
        take(TICKET, ticket, "reopen", actor, reason="客户表示没有解决")
        reply = "We go on. Please write here what happens now; a photo helps." if english else "好，我们接着处理。请写下现在的情况，拍张照片也行。"  # data
    elif said != "no" and ticket.state == "following_up":
        take(TICKET, ticket, "close", actor, result="answered", rating=int(said), comment="", via="message")
        reply = "Thank you, that is noted. If it comes back, write here." if english else "谢谢，记下了。再有问题，直接在这里说。"  # data
    else:
        desk.changed(ticket)
        return True
    message.placed = PLACED_BY
    _say(message.conversation, reply)
    return True


def _rate_talk(message: Message, said: str) -> bool:
    """The menu at the end of a talk, which belongs to no ticket."""
    message.placed = PLACED_BY
    if said == "no":
        return True
    try:
        with session().begin_nested():
            rate_chat(writer(message), message.conversation, int(said), "")
    except DeskError:
        pass  # nobody of the desk spoke in it: there is nothing to rate
    ticket = asked_ticket(message.conversation)
    if ticket is not None and int(said) >= CONTENT:
        take(TICKET, ticket, "close", writer(message), result="answered", rating=int(said), comment="", via="message")
    return True


def asked_ticket(conversation: Conversation) -> Ticket | None:
    """The ticket of a conversation whose question is open."""
    for ticket in desk.tickets_of_conversation(conversation.id):
        question = last_question(ticket)
        if ticket.state == "following_up" and question is not None and question.state in OPEN:
            return ticket
    return None


def _english(conversation: Conversation) -> bool:
    return conversation.contact is not None and conversation.contact.language == "en"


def _say(conversation: Conversation, text: str) -> None:
    try:
        with session().begin_nested():
            queue_message(SYSTEM, conversation, text, is_auto=True)
    except DeskError:
        return  # the platform lets us send nothing now
