"""Telling those who carry orders out. Nothing of the customer stands in it but the place: a mailbox is read by many."""

from app import letters
from app.core.db import session
from app.reach import reaching
from workflows.events import OrderNoticeDue, OrderTold
from workflows.order_kinds import WORKS
from workflows.order_notices import NOTICES, OrderNotice, write_notices
from workflows.orders_models import ServiceOrder

ENGLISH = {
    "new": "New order",
    "assigned": "Order assigned to you",
    "appointment": "Appointment changed",
    "urge": "The customer urges",
    "rework": "Sent back for rework",
    "cancel": "Proposal to cancel",
    "cancelled": "Order cancelled",
}


def tell_supplier(event: OrderTold) -> None:
    """Whoever is concerned is told; who has no address, or wants to hear nothing, sees it in the list of orders."""
    write_notices(session().get_one(ServiceOrder, event.order_id), event.what, event.by_id)


def send_notice(event: OrderNoticeDue) -> None:
    """Begin to tell one person, by the ladder of the purpose."""
    notice = session().get_one(OrderNotice, event.notice_id)
    if notice.state != "due":
        return
    order = notice.order
    said = {}
    for language in ("zh", "en"):
        subject, text = words(notice, language)
        said[language] = {"subject": subject, "text": text, "short": f"{subject} {order.place}"[:60] + f" {letters.order_link(order)}"}
    when = letters.window(order, order.window_from, order.window_to) if order.window_from and order.window_to else ""
    reaching.tell_colleague(
        notice.user,
        "appointment" if notice.what == "appointment" else "progress",
        f"{reaching.NOTICE}{notice.id}",
        said,
        subject=("order", order.number),
        about=f"order-{order.id}-{notice.what}-{notice.at:%Y%m%d%H%M}",
        params={"subject": order.subject[:40], "link": letters.order_link(order), "place": order.place[:40], "when": when},
    )


def words(notice: OrderNotice, language: str) -> tuple[str, str]:
    """Subject and text of the mail, in the reader's language."""
    order = notice.order
    english = language == "en"
    what = ENGLISH[notice.what] if english else NOTICES[notice.what]
    lines = [f"#{order.number} {'' if english else WORKS[order.work].label + '：'}{order.subject}", order.place]  # data
    if order.window_from and order.window_to:
        lines.append(letters.window(order, order.window_from, order.window_to))
    if notice.what in ("cancel", "cancelled"):
        lines.append(order.cancel_reason or "")
    if notice.what == "urge":
        lines.append(f"{order.urged} ×" if english else f"已催 {order.urged} 次。")  # data
    off = (
        "You can switch these mails off below the list of orders."
        if english
        else "不想收到订单邮件，可以在订单列表下方关掉。"  # data
    )
    body = [what, "", *(line for line in lines if line), "", letters.order_link(order), "", off]
    return f"{what} #{order.number} {order.subject}", "\n".join(body)

