"""What the desk itself says while it finds out where words belong, in the customer's language."""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from app.core.clock import now
from app.core.db import session
from app.core.errors import DeskError
from app.core.permissions import SYSTEM
from channels.models import Conversation, Message
from channels.sending import queue_message

GREETED, ASKED, ROBOT = "greeted", "asked", "robot"
_ONCE_IN = timedelta(hours=2)


def greet(message: Message, conversation: Conversation) -> None:
    """Answer a greeting once in a session: what is the matter? A platform that lets us send nothing is left in peace."""
    earlier = select(func.count()).where(
        Message.conversation_id == conversation.id, Message.direction == "out", Message.created_at > now() - _ONCE_IN
    )
    if session().scalar(earlier):
        return
    try:
        with session().begin_nested():
            queue_message(SYSTEM, conversation, _hello(_language(conversation, message.visible_text)), is_auto=True)
    except DeskError:
        return


def promise(message: Message, conversation: Conversation) -> None:
    """Tell somebody who asked for a person that one will answer; a platform that lets us send nothing is left in peace."""
    english = _language(conversation, message.visible_text) == "en"
    text = "A colleague will answer you here." if english else "已经转给同事，会在这里答复您。"  # data
    said = select(Message.text).where(Message.conversation_id == conversation.id, Message.direction == "out", Message.created_at > now() - _ONCE_IN)
    if session().scalar(said.order_by(Message.id.desc()).limit(1)) == text:
        return  # said a moment ago, and nothing was said since
    try:
        with session().begin_nested():
            queue_message(SYSTEM, conversation, text, is_auto=True)
    except DeskError:
        return


def question(tickets: list[tuple[int, str]], language: str) -> tuple[str, dict[str, Any]]:
    """The question which ticket is meant: as text with numbers, and as a menu whose items say the same."""
    english = language == "en"
    head = "Which of your requests is this about?" if english else "您说的是哪一件？"
    tail = "Or just answer with the number." if english else "也可以直接回复前面的数字。"
    fresh = "Something new" if english else "都不是，是新问题"
    names = [(f"ticket:{number}", f"#{number} {subject}"[:60]) for number, subject in tickets]
    items = [{"id": key, "text": f"{place}. {words}"} for place, (key, words) in enumerate(names, 1)]
    items.append({"id": "ticket:new", "text": f"0. {fresh}"})
    text = "\n".join([head, *(item["text"] for item in items), tail])
    return text, {"head": head, "items": items, "tail": tail}  # data


def _language(conversation: Conversation, text: str) -> str:
    if conversation.contact is not None and conversation.contact.language:
        return conversation.contact.language
    return "en" if text.isascii() else "zh"


def _hello(language: str) -> str:
    if language == "en":
        return "Hello. What can we do for you? Say in one sentence what happens, with the model or the code on the display if there is one; a photo helps too. A colleague will answer here."
    return "您好，请问遇到什么问题？用一句话说说现象，有型号或屏上的代码请一起发来，拍张照片也行，我们的同事马上接着看。"  # data
