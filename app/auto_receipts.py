"""The automatic answer to a mail that opened a ticket: it came in, this is its number, this is what you can do."""

import re

from app.core.db import session
from app.core.errors import Refused
from app.core.permissions import SYSTEM
from app.letters import progress_link
from app.portal_letters import plain_name
from channels import auto_answers, sending
from channels.models import Conversation, Message
from workflows.events import TicketOpened
from workflows.merging import links_of
from workflows.models import Ticket

TEXTS = {
    "zh": (
        "{name}您好：\n\n您的来信已收到，编号 #{number}。我们会尽快查看，有进展就回复这封邮件。\n\n"
        "要补充情况、照片或日志，直接回复本邮件即可。\n看谁在处理、下一步是什么（无需密码）：\n{link}\n\n"
        "这是一封自动答复。"
    ),
    "en": (
        "Hello {name},\n\nwe have received your mail. Its number is #{number}. Somebody will look at it soon and answer in this thread.\n\n"
        "To add details, photos or logs, just answer this mail.\nSee who works on it and what is next (no password):\n{link}\n\n"
        "This is an automatic answer."
    ),
}  # data
_HAN = re.compile(r"[\u3400-\u9fff]")
_PLACE = re.compile(r"\{(number|subject|name|link)\}")


def answer_first(event: TicketOpened) -> None:
    """A reaction: tell whoever wrote that their mail is a ticket now, where the mailbox says so and it is no machine."""
    ticket = session().get_one(Ticket, event.ticket_id)
    conversation = next((c for link in links_of(ticket) if (c := session().get(Conversation, link.conversation_id))), None)
    if conversation is None or conversation.token != str(ticket.number):
        return  # somebody of the desk opened it
    account = conversation.account
    settings = account.settings
    if account.kind != "email" or settings.get("auto_reply") != "yes" or not settings.get("smtp_host"):
        return
    message = sending.last_inbound(conversation)
    if message is None:
        return
    address = message.to_address or (conversation.identity.value if conversation.identity else "")
    author = conversation.identity.value if conversation.identity else ""
    if auto_answers.why_not(message, address) or auto_answers.is_machine(author) or auto_answers.is_ours(author):
        return
    if not auto_answers.claim(account, address):
        return
    language = language_of(ticket, message)
    text = written(str(settings.get(f"auto_reply_text_{language}") or TEXTS[language]), ticket, message.author_name, language)
    try:
        sending.queue_message(SYSTEM, conversation, text, is_auto=True, meta={"language": language, "receipt": True})
    except Refused:
        return


def language_of(ticket: Ticket, message: Message) -> str:
    """The language to answer in: what the person chose, else the one that they wrote in."""
    if ticket.contact is not None and ticket.contact.language in TEXTS:
        return str(ticket.contact.language)
    text = f"{message.subject} {message.visible_text}"[:2000]
    letters = sum(sign.isascii() and sign.isalpha() for sign in text)
    return "en" if letters >= 12 and len(_HAN.findall(text)) * 8 < letters else "zh"


def written(template: str, ticket: Ticket, name: str, language: str) -> str:
    """The text with its places filled in. A name that is none is left out: nobody has us mail their words to others."""
    filled = {"number": str(ticket.number), "subject": ticket.subject, "name": plain_name(name), "link": progress_link(ticket)}
    if not filled["name"]:
        template = template.replace(" {name}", "" if language == "en" else "{name}")
    return _PLACE.sub(lambda found: filled[found[1]], template)
