"""The answer service's side of a conversation, from the question on: each write in the caller's unit of work.

It says what an agent must take; opening the ticket is the routing's (app/routing/rules.py), so that there is one place for it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sqlalchemy import select

from app import letters, progress_words
from app.answering import rules, wording
from app.answering.events import AnswerEnded, AnswerSilent, AnswerWanted
from app.answering.finding import Finding, Question, named_product
from app.answering.models import (
    ANSWERED,
    ASKED,
    HANDED,
    LEFT,
    LOOKING,
    OPEN,
    PASSED,
    SILENT,
    SOLVED,
    THANKED,
    AnswerTalk,
)
from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.errors import DeskError
from app.core.events import record
from app.core.installed_base import Device
from app.core.permissions import NOBODY, SYSTEM
from app.kb.article_words import is_dangerous
from app.routing.words import ROBOT
from app.small_talk import asks_for_person
from channels.answer_settings import answer_number
from channels.chat_ends import open_chat
from channels.counters import recent_scan
from channels.models import Conversation, Message
from channels.sending import queue_message
from knowledge.access import readable_articles
from knowledge.confidence import THRESHOLD
from knowledge.models import Article
from workflows import service as desk
from workflows.models import Ticket
from workflows.ticket_effects import remember_article
from workflows.tickets import TICKET

ANSWERER = replace(SYSTEM, name="机器人", via="robot")  # data
NAME, SELF_SERVED, HANDED_OVER = "answer", "self_served", "handed"
_ITEM = re.compile(r"answer:(\d{1,12}):(?:(solved|person)|product:(\d{1,12}))")
_SOLVED = re.compile("解决|解決|搞定|好了|可以了|恢复|恢復|正常|solved|resolved|works|fixed", re.IGNORECASE)
_DIGIT = re.compile(r"\s*[【\[(（]?\s*([0-9０-９])\s*[】\])）.。、]?\s*")
_PLACE = re.compile(r"\s*(?:是|选|我选|就是)?\s*(?:第\s*)?([一二三四五六七八九1-9])\s*(?:个|种|项|款|号)?\s*[。.，,]?\s*")
"""Which one of a list somebody means: 第一个, 选2, 第二种."""
_PERSON_DIGIT = 2


@dataclass(frozen=True)
class Heard:
    """What the customer's words came to: `settle`, messages that an agent takes at once (none: the machine goes on), and
    whether they asked for a person and are to be told that one comes."""

    settle: Sequence[Message] = field(default=())
    promise: bool = False


def begin(message: Message) -> None:
    """Take up a question that would have become a ticket."""
    wait = timedelta(minutes=answer_number(message.conversation.account.settings, "answer_wait_minutes") or 30)
    talk = AnswerTalk(
        message_id=message.id, conversation_id=message.conversation_id, account_id=message.account_id,
        session_id=message.session_id, waits=[message.id], placed=message.placed,
        product_id=_scanned_product(message.conversation), searches=1,
    )  # fmt: skip
    session().add(talk)
    message.placed = ROBOT
    session().flush()
    about = {"conversation_id": talk.conversation_id, "talk_id": talk.id}
    record(AnswerWanted(**about, search=1))
    record(AnswerSilent(**about), due_at=now() + wait)


def product_of(message: Message) -> int | None:
    """The product that the person named when the machine asked, for the ticket of this question."""
    return session().scalar(select(AnswerTalk.product_id).where(AnswerTalk.message_id == message.id))


def open_talk(conversation_id: int) -> AnswerTalk | None:
    """The question of a conversation that waits for the customer's next words."""
    rows = select(AnswerTalk).where(AnswerTalk.conversation_id == conversation_id, AnswerTalk.state.in_(OPEN))
    return session().scalar(rows.order_by(AnswerTalk.id.desc()).limit(1))


def hear(message: Message) -> Heard | None:
    """What a message means to the question that is open here. None: nothing of ours, the routing decides."""
    item = _ITEM.fullmatch(str(message.meta.get("item") or "")) if message.kind == "menu" else None
    talk = open_talk(message.conversation_id)
    if item is not None and (talk is None or talk.id != int(item[1])):
        return _late(message, item)
    if talk is None or message.kind not in ("text", "menu"):
        return None
    if talk.state == LOOKING:
        _join(talk, message)
        return Heard(waiting(talk), promise=True) if _wants_person(message.visible_text) else Heard()
    digit = _DIGIT.fullmatch(message.visible_text) if item is None else None
    said = item[2] if item else ""
    if said == "person" or (item is None and _wants_person(message.visible_text)) or (digit and talk.state == ANSWERED and int(digit[1]) == _PERSON_DIGIT):
        _join(talk, message)
        return Heard(waiting(talk), promise=True)
    if talk.state == ASKED:
        return _chosen(talk, message, item, digit)
    thanks = letters.only_thanks(message.visible_text)
    if said == "solved" or (digit and int(digit[1]) == 1) or (thanks and _SOLVED.search(message.visible_text)):
        _solved(talk, message)
        return Heard()
    if thanks:
        message.placed = THANKED
        _end(talk, THANKED)
        return Heard()
    return None


def _wants_person(text: str) -> bool:
    """Whether somebody asks for a person, or how far it is: then nothing was solved."""
    return asks_for_person(text) or progress_words.read(text) is not None


def _late(message: Message, item: re.Match[str]) -> Heard | None:
    """A tap on a menu whose question is over: solved after all, or a person after all."""
    talk = session().get(AnswerTalk, int(item[1]))
    if talk is None or talk.conversation_id != message.conversation_id:
        return None
    if item[2] == "solved":
        if talk.state == THANKED:
            _solved(talk, message)
        message.placed = SELF_SERVED
        _tell(talk.conversation_id)
        return Heard()
    if item[2] == "person" and not any(t.state not in TICKET.ends for t in desk.tickets_of_conversation(message.conversation_id)):
        question = session().get(Message, talk.message_id)
        again = [question] if question is not None and question.conversation_id == message.conversation_id else []
        _reopen(talk, message)
        return Heard([*again, message], promise=True)
    return None


def _reopen(talk: AnswerTalk, message: Message) -> None:
    talk.state, talk.ended_at = ANSWERED, None
    _join(talk, message)


def _chosen(talk: AnswerTalk, message: Message, item: re.Match[str] | None, digit: re.Match[str] | None) -> Heard | None:
    """The product that the person means, by tap, number or name; None where the words say something else."""
    number = int(item[3]) if item and item[3] else None
    if digit and 0 < int(digit[1]) <= len(talk.offered):
        number = talk.offered[int(digit[1]) - 1]
    if number is None and not item and (place := _PLACE.fullmatch(message.visible_text)):
        at = "一二三四五六七八九".find(place[1]) if not place[1].isdecimal() else int(place[1]) - 1
        number = talk.offered[at] if 0 <= at < len(talk.offered) else None
    if number is None and not item:
        rows = session().scalars(select(Product).where(Product.id.in_(talk.offered)))
        number = named_product(message.visible_text, rows.all())
    if number not in talk.offered:
        return None
    _join(talk, message)
    talk.product_id, talk.state, talk.searches = number, LOOKING, talk.searches + 1
    session().flush()
    record(AnswerWanted(conversation_id=talk.conversation_id, talk_id=talk.id, search=talk.searches))
    return Heard()


def waiting(talk: AnswerTalk) -> list[Message]:
    """The messages that go to a person together, as far as they still stand in this conversation."""
    rows = select(Message).where(Message.id.in_(talk.waits), Message.conversation_id == talk.conversation_id)
    return list(session().scalars(rows.order_by(Message.id)))


def _words(talk: AnswerTalk) -> str:
    """What was asked."""
    return "\n".join(m.visible_text for m in waiting(talk) if m.kind == "text")[:1000]


def question_of(talk_id: int, search: int) -> Question | None:
    """What is to be looked up; None where that is over or was done already."""
    talk = session().get(AnswerTalk, talk_id)
    if talk is None or talk.state != LOOKING or talk.searches != search:
        return None
    account = session().get_one(Conversation, talk.conversation_id).account
    percent = answer_number(account.settings, "answer_sure")
    shown = select(AnswerTalk.article_id).where(AnswerTalk.session_id == talk.session_id, AnswerTalk.answer_id.is_not(None))
    return Question(
        text=_words(talk),
        product_id=talk.product_id,
        shown=frozenset(n for n in session().scalars(shown) if n) if talk.session_id else frozenset(),
        sure=percent / 100 if percent else THRESHOLD,
        asked=bool(talk.offered),
    )


def write(talk_id: int, search: int, found: Finding) -> list[Message]:
    """Send what was found, once; or give the messages that an agent takes because there is no answer."""
    talk = session().get_one(AnswerTalk, talk_id)
    conversation = session().get_one(Conversation, talk.conversation_id, with_for_update=True, populate_existing=True)
    session().refresh(talk)
    if talk.state != LOOKING or talk.searches != search:
        return []
    talk.confidence, talk.why = found.confidence, found.why
    current = next((t for t in desk.tickets_of_conversation(conversation.id) if t.state not in TICKET.ends), None)
    if current is not None:
        handed(current, conversation)
        return []
    if not rules.last_written_by_person(conversation.id, talk.message_id):
        if found.products and _ask_product(talk, conversation, found):
            return []
        if found.article_id and not found.why and _answer(talk, conversation, found):
            return []
    if talk.offered:  # who was asked something and has answered it hears who goes on
        _say_plainly(conversation, wording.passed_on(conversation, _words(talk)))
    return _pass(talk)


def _ask_product(talk: AnswerTalk, conversation: Conversation, found: Finding) -> bool:
    rows = session().scalars(select(Product).where(Product.id.in_(found.products), Product.active.is_(True)).order_by(Product.id))
    products = rows.all()
    if not _say(talk, conversation, wording.which_product(conversation, products, talk.id, _words(talk)), asks="product"):
        return False
    talk.state, talk.offered = ASKED, [product.id for product in products]
    session().flush()
    return True


def _answer(talk: AnswerTalk, conversation: Conversation, found: Finding) -> bool:
    """Send the passage, unless the article changed since it was found."""
    article = session().scalar(readable_articles(NOBODY).where(Article.id == found.article_id))
    if article is None or article.current_revision_id != found.revision_id or is_dangerous(article):
        talk.why = "changed"
        return False
    menu = wording.answer(conversation, article, found.passage, talk.id, _address(article), _words(talk))
    sent = _say(talk, conversation, menu, article=article.id, title=article.title, slug=article.slug, confidence=found.confidence)
    if sent is None:
        return False
    talk.state, talk.article_id, talk.answer_id, talk.answered_at = ANSWERED, article.id, sent.id, now()
    session().flush()
    return True


def _say(talk: AnswerTalk, conversation: Conversation, menu: wording.Menu, **mark: object) -> Message | None:
    text, meta = menu
    try:
        with session().begin_nested():
            marked = {**meta, "purpose": NAME, NAME: {"talk": talk.id, **mark}}
            return queue_message(ANSWERER, conversation, text, is_auto=True, kind="menu", meta=marked)
    except DeskError:  # the platform lets us send nothing now
        talk.why = "window"
        return None


def _pass(talk: AnswerTalk) -> list[Message]:
    """No answer: the messages as they came, for a person at once."""
    messages = waiting(talk)
    for message in messages:
        message.placed = talk.placed
    _end(talk, PASSED)
    return messages


def overdue(talk_id: int) -> list[Message]:
    """Nobody said whether it is solved: the messages, which become a ticket now. Empty where it is over."""
    talk = session().get(AnswerTalk, talk_id)
    if talk is None or talk.state not in OPEN:
        return []
    session().get_one(Conversation, talk.conversation_id, with_for_update=True, populate_existing=True)
    session().refresh(talk)
    if talk.state not in OPEN:
        return []
    talk.why = SILENT
    messages = waiting(talk)
    if not messages:  # they were moved to where somebody has them
        _end(talk, LEFT)
    return messages


def handed(ticket: Ticket, conversation: Conversation) -> None:
    """A ticket stands in this conversation: whoever works on it reads what the machine has said, and what came of it."""
    talk = open_talk(conversation.id)
    if talk is None:
        return
    silent = talk.why == SILENT
    for message in waiting(talk):
        if message.placed == ROBOT:
            message.placed = HANDED_OVER
    talk.ticket_id = ticket.id
    article = session().get(Article, talk.article_id) if talk.article_id else None
    asked = bool(talk.offered) and article is None
    _end(talk, SILENT if silent else HANDED)
    if article is not None:
        remember_article(ticket, ANSWERER, article.id, "robot")
    if article is not None or asked:
        desk.add_note(ANSWERER, ticket, _told(talk, article, silent))


def _address(article: Article) -> str:
    return f"{letters.signing()['site_url']}/articles/{article.slug}"


def _told(talk: AnswerTalk, article: Article | None, silent: bool) -> str:
    """The note for colleagues."""
    lines = []
    if article is not None:
        percent = round(100 * (talk.confidence or 0))
        lines.append(f"机器人已经答过：《{article.title}》，把握 {percent}%。{_address(article)}")  # data
    else:
        lines.append("机器人问过是哪个产品，没有给出答案。")  # data
    lines.append("客户之后没有回音。" if silent else "客户没有解决，要人接着处理。")  # data
    return "\n".join(lines)


def left(conversation: Conversation) -> None:
    """An agent looked at it and found that nobody needs anything."""
    talk = open_talk(conversation.id)
    if talk is not None:
        _end(talk, LEFT)


def _solved(talk: AnswerTalk, message: Message) -> None:
    """The customer says so: the stretch of talk ends, self-served; nobody gets a ticket of it."""
    for one in [*waiting(talk), message]:
        one.placed = SELF_SERVED
    _end(talk, SOLVED)
    conversation = message.conversation
    _say_plainly(conversation, wording.noted(conversation, _words(talk)))
    current = open_chat(conversation.id)
    if current is not None and current.first_user_id is None:
        current.ended_at = now()
    session().flush()


def _say_plainly(conversation: Conversation, text: str) -> None:
    try:
        with session().begin_nested():
            queue_message(ANSWERER, conversation, text, is_auto=True, meta={"purpose": NAME})
    except DeskError:
        pass  # the platform lets us send nothing now


def _join(talk: AnswerTalk, message: Message) -> None:
    message.placed = ROBOT
    if message.id not in talk.waits:
        talk.waits = [*talk.waits, message.id]
    session().flush()


def _end(talk: AnswerTalk, state: str) -> None:
    talk.state, talk.ended_at = state, now()
    session().flush()
    record(AnswerEnded(conversation_id=talk.conversation_id, talk_id=talk.id, state=state))


def _tell(conversation_id: int) -> None:
    for ticket in desk.tickets_of_conversation(conversation_id):
        if ticket.state not in TICKET.ends:
            desk.changed(ticket)


def _scanned_product(conversation: Conversation) -> int | None:
    """The product of the machine whose code the person has just scanned; the scan stays for the ticket."""
    scan = recent_scan(conversation.identity_id)
    device = session().get(Device, scan.device_id) if scan is not None and scan.device_id else None
    return device.product_id if device else None

