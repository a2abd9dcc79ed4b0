"""What a web chat sends by mail: answers that the visitor did not see in time, and the transcript that they asked for.

The answers go out on a conversation of the mailbox that hangs on the same ticket, so that a reply to the mail comes
back to it like any other mail.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from app.core.directory.identities import find_identity
from app.core.directory.merging import kept
from app.core.errors import Refused
from app.core.events import record
from app.core.files import StoredFile, get_bytes, store_file
from app.core.outbox import Job, Retry
from app.core.people import Identity
from app.core.permissions import SYSTEM
from channels import visitors
from channels.accounts import mailbox_that_sends
from channels.base import Outbound, SendFailed
from channels.chat_ends import spoken_by_desk
from channels.email import EmailChannel
from channels.events import AnswerWaits, ChatEnded, MessageSent, TranscriptAsked
from channels.models import SENT, Account, Conversation, Message
from channels.sending import queue_message
from channels.visitors import Visitor
from channels.webchat import KIND
from channels.webchat_hours import zone
from channels.webchat_settings import number, said, spoken
from workflows import service as desk
from workflows.models import Ticket, TicketConversation

MAIL = EmailChannel()
MOST_ANSWERS, MOST_BEFORE, MOST_LINES = 20, 6, 300
MOST_FILES = 10 * 1024 * 1024


def watch_answer(event: MessageSent) -> None:
    """An answer stands in a web chat: look again later whether it was seen."""
    message = session().get_one(Message, event.message_id)
    account = message.conversation.account
    minutes = number(account.settings, "offline_minutes") if account.kind == KIND else 0
    if minutes and message.direction == "out" and message.state == SENT and not message.is_auto:
        due = now() + timedelta(minutes=minutes)
        record(AnswerWaits(conversation_id=message.conversation_id, message_id=message.id), due_at=due)


def mail_unseen(event: AnswerWaits) -> None:
    """Answers that nobody saw in time go out as one mail; not more often than the account says."""
    conversation = session().get_one(Conversation, event.conversation_id)
    visitor = visitors.visitor_of(conversation)
    if visitor is None or max(visitor.seen_id, visitor.mailed_id) >= event.message_id:
        return
    to, mailbox = address_of(visitor, conversation), mailbox_that_sends()
    if not to or mailbox is None:
        return
    gap = timedelta(minutes=number(conversation.account.settings, "offline_gap_minutes"))
    if visitor.mailed_at is not None and now() - visitor.mailed_at < gap:
        record(event, due_at=visitor.mailed_at + gap)
        return
    unseen = [
        m for m in visitors.heard_by_visitor(conversation.id)
        if m.direction == "out" and not m.is_auto and m.id > max(visitor.seen_id, visitor.mailed_id)
    ][-MOST_ANSWERS:]  # fmt: skip
    if not unseen:
        return
    by_mail = _conversation_by_mail(conversation, mailbox, to)
    files = _copies(unseen)
    try:
        message = queue_message(SYSTEM, by_mail, answer_letter(visitor, conversation, unseen), files=files)
    except Refused:
        return
    message.to_address = to
    visitor.mailed_id, visitor.mailed_at = unseen[-1].id, now()
    session().flush()


def address_of(visitor: Visitor, conversation: Conversation | None) -> str:
    """Where the visitor reads mail: what they left, else what the desk knows of their contact; else empty."""
    if visitor.email:
        return visitor.email
    contact = kept(conversation.contact) if conversation is not None and conversation.contact is not None else None
    if contact is None:
        return ""
    rows = select(Identity.value).where(
        Identity.contact_id == contact.id, Identity.kind == "email", Identity.shared.is_(False), Identity.suspect.is_(False)
    )
    return session().scalar(rows.order_by(Identity.verified.desc(), Identity.id).limit(1)) or ""


def _conversation_by_mail(chat: Conversation, mailbox: Account, to: str) -> Conversation:
    """The mail side of a chat: one for each address, on the chat's ticket."""
    tickets = desk.tickets_of_conversation(chat.id)
    ticket = tickets[0] if tickets else None
    identity = find_identity("email", to)
    if identity is None:
        identity = Identity(kind="email", value=to, shown=to, contact_id=chat.contact_id, suspect=True)
        session().add(identity)
        session().flush()
    known = select(Conversation).where(Conversation.account_id == mailbox.id, Conversation.identity_id == identity.id)
    if ticket is not None:
        linked = select(TicketConversation.conversation_id).where(TicketConversation.ticket_id == ticket.id)
        found = session().scalar(known.where(Conversation.id.in_(linked)).order_by(Conversation.id.desc()).limit(1))
        if found is not None:
            return found
    fresh = Conversation(
        account_id=mailbox.id, identity_id=identity.id, contact_id=chat.contact_id, organisation_id=chat.organisation_id,
        subject=_subject(chat, ticket), token=str(ticket.number) if ticket else None,
    )  # fmt: skip
    session().add(fresh)
    session().flush()
    if ticket is not None:
        session().add(TicketConversation(ticket_id=ticket.id, conversation_id=fresh.id))
        session().flush()
    return fresh


def _subject(chat: Conversation, ticket: Ticket | None) -> str:
    visitor = visitors.visitor_of(chat)
    subject = ticket.subject if ticket is not None else ""
    if visitor is not None and visitor.language == "en":
        return f"Answer to your question: {subject}"[:300] if subject else "Answer to your question"
    return f"您的咨询有了答复：{subject}"[:300] if subject else "您的咨询有了答复"  # data


def _copies(messages: Sequence[Message]) -> list[StoredFile]:
    """The files of these answers once more, for the mail; as many as a mail carries."""
    found, size = [], 0
    for rows in visitors.files_for_visitor([m.id for m in messages]).values():
        for row in rows:
            size += row.size
            if size <= MOST_FILES:
                found.append(store_file(get_bytes(row.sha256), row.name, row.mime, owner="message", owner_id=None))
    return found


def answer_letter(visitor: Visitor, conversation: Conversation, unseen: Sequence[Message]) -> str:
    """The mail: the answers, then the few words before them."""
    english = visitor.language == "en"
    heard = [m for m in visitors.heard_by_visitor(conversation.id) if m.id < unseen[0].id][-MOST_BEFORE:]
    account, name = conversation.account, _greeted(visitor.name)
    answers = "\n\n".join(line(m, account, visitor) for m in unseen)
    before = "\n\n".join(line(m, account, visitor) for m in heard)
    if english:
        told = f"\n\nBefore that:\n\n{before}" if before else ""
        return (
            f"Hello{' ' + name if name else ''},\n\nyou were away from the chat when we answered:\n\n{answers}\n\n"
            f"Just reply to this mail and we go on from here. The chat on our page goes on as well.{told}"
        )
    told = f"\n\n此前的对话：\n\n{before}" if before else ""  # data
    return (
        f"{name or '您'}好：\n\n我们在网页会话里答复了您，当时您不在：\n\n{answers}\n\n"
        f"直接回复这封邮件，我们接着处理；回到网页上也能接着说。{told}"
    )  # data


def _greeted(name: str) -> str:
    """The name as a letter greets it; empty for what is none: nobody has us mail words of theirs as a name."""
    plain = len(name) <= 24 and all(sign.isalpha() or sign in " ·'-" for sign in name)
    return name.strip() if plain else ""


def line(message: Message, account: Account, visitor: Visitor) -> str:
    """One message of a transcript: who, when by the account's clock, what."""
    english = visitor.language == "en"
    me, house = ("You", "Support") if english else ("您", "客服")  # data
    mine = message.direction == "in"
    who = me if mine else (message.author_name if message.author_kind == "user" else spoken(account.settings, "title", visitor.language) or house)
    text = message.visible_text.strip() or ("[file]" if english else "［文件］")  # data
    return f"{who} {_clock(message.created_at, zone(account.settings))}\n{text}"


def _clock(moment: datetime, where: ZoneInfo) -> str:
    return f"{moment.astimezone(where):%Y-%m-%d %H:%M}"


def transcript(conversation: Conversation, visitor: Visitor) -> str:
    """Everything that both sides said, oldest first; of a very long chat the newest part."""
    heard = visitors.heard_by_visitor(conversation.id, MOST_LINES)
    return "\n\n".join(line(m, conversation.account, visitor) for m in heard)


def tell_end(event: ChatEnded) -> None:
    """Where the account says so, whoever left an address gets the transcript when the chat ends."""
    conversation = session().get_one(Conversation, event.conversation_id)
    visitor = visitors.visitor_of(conversation)
    if visitor is None or said(conversation.account.settings, "transcript") != "end" or not spoken_by_desk(conversation.id):
        return
    if to := address_of(visitor, conversation):
        key = f"end.{event.session_id}"
        record(TranscriptAsked(conversation_id=conversation.id, to=to, language=visitor.language, key=key))


def send_transcript(event: TranscriptAsked, job: Job) -> None:
    """A reaction: mail what was said. Outside: it speaks SMTP."""
    conversation = session().get_one(Conversation, event.conversation_id)
    visitor, mailbox = visitors.visitor_of(conversation), mailbox_that_sends()
    if visitor is None or mailbox is None:
        with job.done():
            return
    english = event.language == "en"
    words = transcript(conversation, visitor)
    if english:
        subject, text = "What we said in the chat", f"Hello,\n\nhere is what was said in the chat:\n\n{words}"
    else:
        subject, text = "会话记录", f"您好：\n\n这是您在网页会话里的对话：\n\n{words}"  # data
    domain = str(mailbox.settings["address"]).rpartition("@")[2]
    mail = Outbound(
        external_id=f"transcript.{event.conversation_id}.{event.key}@{domain}", key=job.key, to=event.to, to_name="",
        subject=subject, text=text, is_auto=True, language=event.language,
    )  # fmt: skip
    session().expunge(mailbox)
    session().rollback()
    try:
        MAIL.send(mailbox, mail)
    except SendFailed as problem:
        if not problem.final:
            raise Retry(str(problem)) from None
    with job.done():
        pass
