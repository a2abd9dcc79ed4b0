"""Which messages the answer service may take up at all. Everything else is a person's from the first word."""

import re
import unicodedata

from sqlalchemy import func, select

from app import letters
from app.answering.models import HANDED, AnswerTalk
from app.core.db import session
from app.core.files import StoredFile
from app.small_talk import asks_for_person, only_greeting
from channels import windows
from channels.answer_settings import answer_number, answers
from channels.models import Conversation, Message
from channels.sessions import open_session

KINDS = frozenset({"wechat", "wecom", "webchat"})
LONGEST, SHORTEST = 300, 4
_FOR_PEOPLE = re.compile(
    r"没人(?:[来管理修接]|联系|处理|回复|答复)|等了[^，。]{0,6}[天周月年]|又坏了?|没修好|说话不算|"
    r"人工|真人|专员|经理|投诉|举报|赔偿|退款|退货|差评|律师|起诉|曝光|太差|垃圾|骗|停线|停产|全停|整条线|全厂|冒烟|着火|起火|火花|爆炸|烧焦|糊味|触电|漏电|受伤|伤人|救命|急救"
    r"|\bhumans?\b|\b(?:real )?person\b|\bagents?\b|representative|complain|refund|lawyer|smoke|smoking|\bfire\b|injur|electric shock|line (?:is )?down",
    re.IGNORECASE,
)
"""A wish for a person, a grievance, or a danger: no machine answers these."""
_CODE = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{1,6}[-_ ]?\d{1,6}(?![A-Za-z0-9])|(?<![\dA-Za-z])\d{4,6}(?!\d)", re.ASCII)
_MARKS = re.compile(r"[\W_]+")


def codes_of(text: str) -> list[str]:
    """Codes in a text in one spelling (`E-07`, `e07` and `E7` are `E7`), in their order."""
    plain = unicodedata.normalize("NFKC", text)
    return list(dict.fromkeys(one_spelling(found) for found in _CODE.findall(plain)))


def one_spelling(code: str) -> str:
    """A code without joints and leading noughts, in capitals."""
    plain = re.sub(r"[-_ ]", "", unicodedata.normalize("NFKC", code)).upper()
    letters_, digits = re.match(r"([A-Z]*)(\d*)", plain).groups()  # type: ignore[union-attr]
    return f"{letters_}{digits.lstrip('0') or '0'}" if letters_ and digits else plain


def takes(message: Message, conversation: Conversation) -> bool:
    """Whether this message, which would open a ticket now, may be answered by a machine first."""
    account = conversation.account
    if account.kind not in KINDS or not answers(account.settings) or message.kind != "text" or message.is_auto or message.is_bounce:
        return False
    if not asks(message.visible_text) or _has_files(message) or _spoken_to(message, conversation):
        return False
    left = windows.left(conversation)
    return left is None or left.messages > left.reserve


def asks(text: str) -> bool:
    """Whether the words can be a question that an article answers."""
    plain = _MARKS.sub("", text)
    if len(plain) > LONGEST or (len(plain) < SHORTEST and not codes_of(text)):
        return False
    return not (letters.only_thanks(text) or only_greeting(text) or asks_for_person(text) or _FOR_PEOPLE.search(text))


def _has_files(message: Message) -> bool:
    if message.meta.get("media"):
        return True
    rows = select(StoredFile.id).where(StoredFile.owner == "message", StoredFile.owner_id == message.id)
    return session().scalar(rows.limit(1)) is not None


def _spoken_to(message: Message, conversation: Conversation) -> bool:
    """Whether in this session somebody of the desk has spoken, a person was wanted, or enough was answered already."""
    current = open_session(conversation.id)
    if current is None:
        return False
    if current.first_user_id is not None or current.agent_turns:
        return True
    rows = select(AnswerTalk.state, AnswerTalk.article_id).where(AnswerTalk.session_id == current.id, AnswerTalk.message_id != message.id)
    before = session().execute(rows).all()
    most = answer_number(conversation.account.settings, "answer_most") or 0
    return any(state == HANDED for state, _article in before) or sum(article is not None for _state, article in before) >= most


def last_written_by_person(conversation_id: int, after: int) -> bool:
    """Whether somebody of the desk wrote after this message."""
    rows = select(func.count()).where(
        Message.conversation_id == conversation_id, Message.id > after, Message.direction == "out", Message.author_kind == "user"
    )
    return bool(session().scalar(rows))
