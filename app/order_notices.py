"""Mails to those who carry orders out. Nothing of the customer stands in them but the place: a mailbox is read by many."""

import uuid

from app import letters
from app.core.clock import now
from app.core.db import session
from app.core.outbox import Job, Retry, Undecided, outside
from app.core.uow import unit_of_work
from channels.accounts import mailbox_that_sends
from channels.base import Outbound, SendFailed, SendUndecided
from channels.models import Account
from channels.registry import channel_for
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
    """Whoever is concerned gets a mail; who has none, or wants none, sees it in the list of orders."""
    write_notices(session().get_one(ServiceOrder, event.order_id), event.what, event.by_id)


@outside
def send_notice(event: OrderNoticeDue, job: Job) -> None:
    """Send one notice. It is marked before the call: one that was interrupted is shown as undecided, never sent twice."""
    with unit_of_work():
        notice = session().get_one(OrderNotice, event.notice_id)
        if notice.state not in ("due", "sending"):
            return
        unsure, account = notice.state == "sending", mailbox_that_sends()
        notice.state = "undecided" if unsure else "sending" if account else "no_account"
        mailbox = account.id if account else None
    if unsure:
        raise Undecided("interrupted while sending")
    if mailbox is None:
        return
    account = session().get_one(Account, mailbox)
    mail = _mail(session().get_one(OrderNotice, event.notice_id), account, job)
    session().expunge(account)
    session().rollback()
    try:
        channel_for(account.kind).send(account, mail)
    except SendUndecided as problem:
        _settle(event.notice_id, "undecided", problem.reason)
        raise Undecided(str(problem)) from None
    except SendFailed as problem:
        if problem.final or job.last:
            with job.done():
                _write(event.notice_id, "failed", problem.reason)
            return
        _settle(event.notice_id, "due", problem.reason)
        raise Retry(str(problem)) from None
    with job.done():
        _write(event.notice_id, "sent", "")


def _mail(notice: OrderNotice, account: Account, job: Job) -> Outbound:
    user, domain = notice.user, str(account.settings["address"]).rpartition("@")[2]
    subject, text = words(notice, user.language or "zh")
    return Outbound(
        external_id=f"order-{notice.order_id}.{uuid.uuid4().hex}@{domain}", key=job.key, to=notice.to_address or "",
        to_name=user.label, subject=subject, text=text, is_auto=True,
    )  # fmt: skip


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


def _settle(notice_id: int, state: str, error: str) -> None:
    with unit_of_work():
        _write(notice_id, state, error)


def _write(notice_id: int, state: str, error: str) -> None:
    notice = session().get_one(OrderNotice, notice_id)
    notice.state, notice.error = state, error[:500] or None
    if state == "sent":
        notice.sent_at = now()
    session().flush()
