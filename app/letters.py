"""What the desk itself writes to customers, and the few things it reads out of their words."""

import re
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from itsdangerous import BadSignature, URLSafeSerializer

from app import emoticons
from channels.visitors import is_placeholder
from workflows.models import Ticket
from workflows.orders_models import OrderAppointment, OrderQuote, ServiceOrder

_PREFIX = re.compile(r"^\s*(?:(?:re|aw|sv|fw|fwd|wg|回复|答复|转发|回覆|轉寄)(?:\[\d+\])?\s*[:：]\s*)+", re.IGNORECASE)
_TOKEN = re.compile(r"\s*\[#\d{1,12}\]\s*")
_MARKS = frozenset(" \t\n,，.。!！~～、;；:：)(）（")
_THANKS = frozenset(
    """好 好的 嗯 收到 ok okay 感谢 感谢您 感谢你 多谢 謝謝 謝謝您 謝謝你 辛苦 辛苦了 没问题 没问题了 非常 已 已经 请关单 可以关闭 可以关闭了
    thank thanks thx solved resolved fixed works great 🙏 👍 👌 😊""".split()
) | frozenset(
    [f"谢谢{whom}{end}" for whom in ("", "您", "你") for end in ("", "们", "了")]
    + [f"{when}{what}{end}" for when in ("", "已", "经", "已经") for what in "解决 解決 好 可以 恢复 恢復 正常".split() for end in ("", "了")]
    + [f"{thank}{whom}{much}" for thank in ("thank", "thanks") for whom in ("", " you") for much in ("", " very much", " a lot")]
    + ["it works", "it works now", "works now", "all good"]
)
_settings: dict[str, str] = {}


def use_settings(*, key: str, site_url: str, time_zone: str = "UTC") -> None:
    """Say once at start how links are signed, where they lead, and in which zone times are written."""
    _settings.update(key=key, site_url=site_url, time_zone=time_zone)


def signing() -> Mapping[str, str]:
    """The key that signs links (`key`) and the address that they begin with (`site_url`)."""
    return _settings


def plain_subject(subject: str) -> str:
    """A subject without reply prefixes and without our mark."""
    return _TOKEN.sub(" ", _PREFIX.sub("", subject)).strip()


def first_line(text: str) -> str:
    return next((line.strip()[:80] for line in text.splitlines() if line.strip()), "")


def only_thanks(text: str) -> bool:
    """Whether a message says nothing but thanks or "it works": such a one never reopens a ticket."""
    text = emoticons.plain(text).replace(emoticons.SMILE, " ").strip().lower()
    if len(text) > 60 or not any(sign not in _MARKS for sign in text):
        return False
    # How far the text is made up of such words: each place is looked at once, whatever somebody wrote.
    reached = {0}
    for place in range(len(text)):
        if place in reached:
            reached.update(place + len(word) for word in _THANKS if text.startswith(word, place))
            if text[place].isspace() or text[place] in _MARKS:
                reached.add(place + 1)
    return len(text) in reached


def progress_link(ticket: Ticket) -> str:
    """The signed address under which the customer sees and answers this ticket without a password."""
    return f"{_settings['site_url']}/r/{sign_ticket(ticket.id)}"


def order_link(order: ServiceOrder) -> str:
    """Where those who carry an order out find it, once they are logged in."""
    return f"{_settings['site_url']}/orders/{order.number}"


def sign_ticket(ticket_id: int) -> str:
    return URLSafeSerializer(_settings["key"], salt="progress").dumps(ticket_id)


def read_signed(signed: str) -> int | None:
    """The ticket id of a signed link, or None when the signature is not ours."""
    try:
        found = URLSafeSerializer(_settings["key"], salt="progress").loads(signed)
    except BadSignature:
        return None
    return found if isinstance(found, int) else None


def _greeted(ticket: Ticket) -> str:
    """The name by which a letter greets the customer; empty where we only have a stand-in."""
    name = ticket.contact.name if ticket.contact else ""
    return "" if is_placeholder(name) else name


def follow_up_question(ticket: Ticket, language: str, by_mail: bool = True) -> str:
    """The question whether it is solved, with the link to answer it. The only survey that the desk sends."""
    link, name = progress_link(ticket), _greeted(ticket)
    if language == "en":
        return (
            f"Hello{' ' + name if name else ''},\n\n"
            f"your request #{ticket.number} ({ticket.subject}) has been dealt with:\n\n{ticket.resolution}\n\n"
            f"Is it solved? Please tell us here (one click, no password):\n{link}\n\n"
            f"Or answer with one digit: 5 very satisfied, 1 not at all, 0 not solved.\n\n"
            f"If it is not, just answer {'this mail' if by_mail else 'here'} and we go on at once."
        )
    return (
        f"{name or '您'}好：\n\n"
        f"您的请求 #{ticket.number}（{ticket.subject}）已处理：\n\n{ticket.resolution}\n\n"
        f"问题解决了吗？请点开下面的链接告诉我们（点一下即可，无需密码）：\n{link}\n\n"
        f"也可以直接回复一个数字：5 很满意，1 很不满意，0 还没有解决。\n\n"
        f"如果还没有解决，直接{'回复这封邮件' if by_mail else '在这里回复'}，我们马上继续处理。"
    )  # data


def appointment(order: ServiceOrder, row: OrderAppointment, language: str) -> str:
    """Who comes and when; the code is what the customer tells the technician when the work is done."""
    ticket, name = order.ticket, _greeted(order.ticket)
    who = " ".join(w for w in (order.supplier.label if order.supplier else "", order.technician.label if order.technician else "") if w)
    when = window(order, row.window_from, row.window_to)
    moved = window(order, row.was_from, row.was_to) if row.was_from and row.was_to else ""
    link = progress_link(ticket)
    if language == "en":
        return (
            f"Hello{' ' + name if name else ''},\n\n"
            f"for your request #{ticket.number} ({ticket.subject}) we have {'moved the appointment' if moved else 'an appointment'}:\n\n"
            f"{who}\n{when}{f' (instead of {moved})' if moved else ''}\n{order.place}\n\n"
            f"Your code is {order.code}. Give it to the technician only when the work is done to your satisfaction.\n\n{link}"
        )
    # data
    return (
        f"{name or '您'}好：\n\n"
        f"您的请求 #{ticket.number}（{ticket.subject}）{'改了上门时间' if moved else '已约好上门时间'}：\n\n"
        f"{who}\n{when}{f'（原定 {moved}）' if moved else ''}\n{order.place}\n\n"
        f"验收码 {order.code}。等工作做完、您满意了，再把它告诉师傅。\n\n{link}"
    )


def price_question(order: ServiceOrder, quote: OrderQuote, language: str) -> str:
    """The price of work out of warranty, with the link to confirm or refuse it."""
    ticket, name = order.ticket, _greeted(order.ticket)
    amount, link = f"{quote.amount_cents / 100:,.2f}", f"{_settings['site_url']}/quotes/{quote.token}"
    if language == "en":
        return (
            f"Hello{' ' + name if name else ''},\n\n"
            f"the work for your request #{ticket.number} ({ticket.subject}) is not covered by the warranty. It costs CNY {amount}.\n\n"
            f"What will be done, and your decision:\n{link}\n\nNobody begins before you confirm."
        )
    # data
    return (
        f"{name or '您'}好：\n\n"
        f"您的请求 #{ticket.number}（{ticket.subject}）要做的工作不在保修范围内，费用为 {amount} 元。\n\n"
        f"请点开下面的链接查看方案，并确认或拒绝：\n{link}\n\n您确认之前，我们不会开工。"
    )


def window(order: ServiceOrder, begin: datetime, end: datetime) -> str:
    """A stretch of time in the zone of the place where the work is, with the zone's offset."""
    site = order.device.site if order.device else None
    zone = ZoneInfo((site.time_zone if site else None) or _settings["time_zone"])
    first, last = begin.astimezone(zone), end.astimezone(zone)
    until = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M}"
    return f"{first:%Y-%m-%d %H:%M} – {until} (UTC{first:%z})"
