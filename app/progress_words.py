"""「进度」 and 「催一下」: what a customer asks with two words is answered at once with where their requests stand.

Only when that is all a message says: with one word more it is for a person. It opens nothing and reopens nothing.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from app import letters
from app.core.clock import now
from app.core.db import session
from app.core.directory.merging import family_ids, kept
from app.core.errors import Refused
from app.core.people import Contact, Identity
from app.core.permissions import SYSTEM, Actor
from channels import sending
from channels.models import Conversation, Message
from channels.reaching.plans import set_wish, wish_of
from channels.reaching.ways import refusal_of
from channels.threading import STRANGER
from workflows import service as desk
from workflows.engine import take
from workflows.models import Ticket
from workflows.order_links import open_orders
from workflows.rules import URGE_PAUSE
from workflows.tickets import TICKET

LONGEST = 60
SHOWN = 5
PLACED_BY = "progress"
MOST, WITHIN = 6, timedelta(minutes=10)
"""So many answers one conversation gets in so long: two machines must not talk to each other for ever."""
_ASKS = frozenset(
    """进度 进展 到哪了 到哪 到哪里了 到哪一步了 到哪步了 处理到哪了 处理到哪一步了 怎么样了 处理得怎么样了 处理的怎么样了 有消息了吗 有结果了吗 有进展吗 有进度吗
    什么进度 什么进展 进度如何 进展如何 进度怎么样 进度怎么样了 查进度 查询进度 查一下进度 查下进度 看进度 看一下进度 看下进度 进度查询 查状态 状态查询 处理进度
    進度 進展 到哪了嗎 查詢進度""".split()
) | frozenset(
    ["progress", "status", "any update", "any updates", "any news", "any progress", "what is the status", "what's the status",
     "whats the status", "status update", "where is it", "how far", "check status", "check progress", "update please"]
)  # fmt: skip
_URGES = frozenset(
    """催 催一下 催一催 催催 催下 催单 催单子 催办 催促 催進度 催进度 加急 尽快处理 快点处理 快点 快一点 快些 抓紧 抓紧处理 抓紧时间 還沒好嗎 还没好吗 催單""".split()
) | frozenset(["hurry", "hurry up", "please hurry", "expedite", "urgent please", "faster please", "urge"])
_AROUND = frozenset(
    """我 我的 我们 我们的 的 请 請 请问 請問 麻烦 麻煩 麻烦您 麻烦你 帮我 幫我 帮忙 想 要 我要 我想 问 问一下 问下 查一下 查下 查 看一下 看下 你好 您好 你们好 在吗
    请求 工单 单子 报修 报修单 维修 订单 这个 那个 现在 目前 吗 嗎 呢 啊 呀 了 哈 谢谢 谢谢您 谢谢你 謝謝 多谢 辛苦了 一下 号 吧""".split()
) | frozenset(
    ["please", "pls", "hi", "hello", "my", "the", "of", "on", "for", "request", "ticket", "order", "thanks", "thank you", "now", "this", "is", "there", "a", "me"]
)  # fmt: skip
_NO_MORE = frozenset({"t", "td", "n", "退订", "拒收"})
_NUMBER = re.compile(r"#?\d{5,7}")
_MARKS = frozenset(" \t\n,，.。!！?？~～、;；:：)(）（…\"'“”")
_WORD = re.compile("[a-z0-9']")


@dataclass(frozen=True)
class Wish:
    """What was asked: `urge` or only where it stands; of the ticket with this `number`, or of all."""

    urge: bool
    number: int | None = None


def read(text: str) -> Wish | None:
    """What a message wishes, or None where it says anything else besides."""
    text = unicodedata.normalize("NFKC", text).strip().lower()
    if not text or len(text) > LONGEST:
        return None
    # Each place is reached with the set of what was understood on the way: nothing, an ask, an urge.
    reached: dict[int, set[tuple[str, str]]] = {0: {("", "")}}
    for place in range(len(text)):
        for core, number in sorted(reached.get(place, ())):
            for end, kind in _steps(text, place):
                said = ("urge" if "urge" in (core, kind) else core or kind) if kind in ("ask", "urge") else core
                digits = text[place:end].lstrip("#") if kind == "number" else number
                if kind == "number" and number and number != digits:
                    continue
                reached.setdefault(end, set()).add((said, digits))
    found = sorted((core, number) for core, number in reached.get(len(text), ()) if core)
    if not found:
        return None
    core, number = found[-1]
    return Wish(core == "urge", int(number) if number else None)


def _steps(text: str, place: int) -> Iterable[tuple[int, str]]:
    """Every word that stands here, as where it ends and what kind it is. An English word is one only whole."""
    if text[place] in _MARKS or text[place].isspace():
        yield place + 1, "mark"
    for words, kind in ((_ASKS, "ask"), (_URGES, "urge"), (_AROUND, "around")):
        for word in words:
            if text.startswith(word, place) and _whole(text, place, place + len(word)):
                yield place + len(word), kind
    number = _NUMBER.match(text, place)
    if number and _whole(text, place, number.end()):
        yield number.end(), "number"


def _whole(text: str, begin: int, end: int) -> bool:
    """Whether no Latin word or number is cut in two."""

    def cut(at: int) -> bool:
        return 0 < at < len(text) and bool(_WORD.match(text[at - 1]) and _WORD.match(text[at]))

    return not cut(begin) and not cut(end)


def answer(message: Message) -> bool:
    """Answer a message that only asks how far it is, or urges. False where it is for a person. In a unit of work."""
    if message.is_auto or message.is_bounce or message.kind not in ("text", "menu"):
        return False
    if _wants_no_more(message):
        return True
    wish = read(message.visible_text)
    if wish is None:
        return False
    conversation = message.conversation
    tickets = _tickets(message)
    if wish.number is not None:
        tickets = [ticket for ticket in tickets if ticket.number == wish.number] or tickets
    told = _urged(_actor(message), tickets) if wish.urge else {}
    language = (conversation.contact.language if conversation.contact else None) or _language(message.visible_text)
    for ticket in desk.tickets_of_conversation(conversation.id):
        desk.changed(ticket)
    if not _too_many(conversation) and not refusal_of(conversation, "progress"):
        text = letter(tickets, told, language, urge=wish.urge, person=conversation.contact is not None)
        try:
            sending.queue_message(SYSTEM, conversation, text, is_auto=True, meta={"purpose": PLACED_BY})
        except Refused:
            return True
    return True


def _wants_no_more(message: Message) -> bool:
    """Who answers a short message with these letters wants no more of them; that is the law, and no request."""
    contact = message.conversation.contact
    if message.conversation.account.kind != "sms" or message.visible_text.strip().lower() not in _NO_MORE or contact is None:
        return False
    wish = wish_of(contact_id=kept(contact).id)
    prefer = wish.prefer if wish and wish.prefer != "sms" else ""
    set_wish(SYSTEM, kept(contact), prefer=prefer, off=[*(wish.off if wish else ()), "sms"])
    return True


def _actor(message: Message) -> Actor:
    contact = message.conversation.contact
    name = contact.label if contact else message.author_name or "客户"
    return Actor(kind="contact", id=contact.id if contact else None, name=name, permissions=frozenset({"ticket.read"}), via="message")


def _tickets(message: Message) -> list[Ticket]:
    """The open requests that whoever gets the answer may know of: those of this conversation; and all of the person's,
    where the channel proves who it is and the answer goes nowhere else."""
    conversation = message.conversation
    if message.placed == STRANGER:
        return []
    own = desk.tickets_of_conversation(conversation.id)
    contact, identity = conversation.contact, conversation.identity
    if contact is not None and identity is not None and _proven(message, contact, identity):
        rows = select(Ticket).where(Ticket.contact_id.in_(family_ids(kept(contact)))).order_by(Ticket.id.desc()).limit(50)
        own = list({ticket.id: ticket for ticket in [*own, *session().scalars(rows)]}.values())
    elif identity is not None and message.to_address and message.to_address != identity.value and not _owns(contact, message.to_address):
        return []  # the sender may be forged, and the answer would go to whoever forged it
    return sorted((ticket for ticket in own if ticket.state not in TICKET.ends), key=lambda t: -t.id)


def _proven(message: Message, contact: Contact, identity: Identity) -> bool:
    if identity.shared or (identity.kind in ("visitor", "app") and not identity.verified):
        return False
    return not message.to_address or message.to_address == identity.value or _owns(contact, message.to_address)


def _owns(contact: Contact | None, address: str) -> bool:
    if contact is None:
        return False
    rows = select(Identity.id).where(
        Identity.contact_id.in_(family_ids(kept(contact))), Identity.value == address.lower(), Identity.suspect.is_(False)
    )
    return session().scalar(rows.limit(1)) is not None


def _urged(actor: Actor, tickets: list[Ticket]) -> dict[int, str]:
    """Urge what can be hastened. By id of the ticket: urged now, urged lately, or done already."""
    told = {}
    for ticket in tickets[:SHOWN]:
        if ticket.state == "following_up":
            told[ticket.id] = "done"
        elif ticket.urged_at is not None and now() - ticket.urged_at < URGE_PAUSE:
            told[ticket.id] = "lately"
        else:
            take(TICKET, ticket, "urge", actor)
            told[ticket.id] = "now"
    return told


def _too_many(conversation: Conversation) -> bool:
    rows = select(func.count()).select_from(Message).where(
        Message.conversation_id == conversation.id, Message.direction == "out", Message.is_auto.is_(True), Message.created_at > now() - WITHIN
    )
    return (session().scalar(rows) or 0) >= MOST


def _language(text: str) -> str:
    return "en" if text.isascii() else "zh"


def letter(tickets: list[Ticket], told: dict[int, str], language: str, *, urge: bool, person: bool) -> str:
    """Where the requests stand, each with its link. Without any, the honest answer."""
    english = language == "en"
    if not tickets:
        if english:
            return "We find no open request of yours here. Tell us what happened, and a colleague answers." if person else "We do not know you here yet. Tell us what happened, or give the number of your request."
        return "您这里没有还在处理的请求。写下发生了什么，我们马上安排人处理。" if person else "还不知道您是哪一位。请写下发生了什么，或者您的请求编号。"  # data
    parts = [f"#{t.number} {t.subject}\n{_stands(t, english)}{_after_urge(told.get(t.id, ''), english)}\n{letters.progress_link(t)}" for t in tickets[:SHOWN]]
    if len(tickets) > SHOWN:
        more = len(tickets) - SHOWN
        parts.append(f"and {more} more" if english else f"另有 {more} 个请求还在处理。")  # data
    return "\n\n".join(parts)


def _stands(ticket: Ticket, english: bool) -> str:
    who = ticket.assignee.label if ticket.assignee else ""
    if ticket.held:
        waits = {"customer": ("在等您的回复。", "We wait for your answer."), "part": ("在等备件。", "We wait for a part."),
                 "date": ("在等约定的时间。", "We wait for the agreed date.")}.get(ticket.hold_party or "", ("暂时等待。", "Waiting."))  # fmt: skip  # data
        said = waits[1] if english else waits[0]
    elif ticket.state == "following_up":
        said = "Dealt with; please tell us whether it is solved." if english else "已经处理，等您确认是否解决。"  # data
    elif ticket.state == "executing":
        said = f"{who or 'A colleague'} is working on it." if english else f"{who or '同事'}正在处理。"  # data
    else:
        said = "Received; somebody is being found for it." if english else "已收到，正在安排处理人。"  # data
    for order in open_orders(ticket):
        if order.window_from and order.window_to:
            when = letters.window(order, order.window_from, order.window_to)
            said += f" Visit: {when}." if english else f"上门时间：{when}。"  # data
    return said


def _after_urge(told: str, english: bool) -> str:
    # data
    said = {
        "now": ("已经替您催了，处理的人都会看到。", " We have passed your urge on."),
        "lately": ("刚催过，处理的人已经收到。", " It was urged a moment ago."),
    }.get(told)
    return "" if said is None else said[1] if english else said[0]
