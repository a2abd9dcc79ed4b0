"""Telling those who carry an order out: its dispatchers and its technician hear of what others decided about it."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, or_, select
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.sql.elements import ColumnElement

from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime, session
from app.core.events import record
from app.core.people import User
from app.core.permissions import Actor
from workflows.events import OrderNoticeDue, OrderTold
from workflows.order_access import platforms
from workflows.orders_models import ServiceOrder
from workflows.rules import URGE_PAUSE

NOTICES = {
    "new": "新订单",
    "assigned": "派给你的订单",
    "appointment": "预约有变",
    "urge": "客户催办",
    "rework": "退回返工",
    "cancel": "提议撤单",
    "cancelled": "订单已撤销",
}
TO_DISPATCHERS = frozenset(NOTICES) - {"assigned"}
TO_TECHNICIAN = frozenset(NOTICES) - {"new"}


class OrderNotice(Base):
    """One person told of one thing. `state`: due, sending, sent, failed, undecided; `no_mail` (the person has no
    address), `off` (wants none), `no_account` (the house has no mailbox to send from): these see it in their list alone."""

    __tablename__ = "order_notice"
    __table_args__ = (Index("ix_order_notice_order_id_user_id", "order_id", "user_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("service_order.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    what: Mapped[str] = mapped_column(CleanText(12))
    to_address: Mapped[str | None] = mapped_column(CleanText(254))
    state: Mapped[str] = mapped_column(CleanText(12), default="due")
    error: Mapped[str | None] = mapped_column(CleanText(500))
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    order: Mapped[ServiceOrder] = relationship()
    user: Mapped[User] = relationship()


def tell_owner(order: ServiceOrder, what: str, actor: Actor) -> None:
    """Say that the owner of an order has something to hear; its pages are told at once, mails follow by reaction."""
    by = actor.id if actor.kind == "user" else None
    record(OrderTold(supplier_id=order.supplier_id, order_id=order.id, what=what, by_id=by))


def write_notices(order: ServiceOrder, what: str, by_id: int | None) -> list[OrderNotice]:
    """A notice for each person concerned, but for who did it, and not twice for the same thing within the pause."""
    found = []
    for user in _concerned(order, what):
        if user.id == by_id or _told_lately(order, user, what):
            continue
        state = "due" if user.order_mail else "off"
        notice = OrderNotice(order_id=order.id, user_id=user.id, what=what, to_address=user.email, state=state)
        session().add(notice)
        session().flush()
        if state == "due":
            record(OrderNoticeDue(notice_id=notice.id))
        found.append(notice)
    return found


def _concerned(order: ServiceOrder, what: str) -> list[User]:
    wanted: list[ColumnElement[bool]] = []
    if what in TO_DISPATCHERS and not platforms(order):
        wanted.append((User.role == "dispatcher") & (User.organisation_id == order.supplier_id))
    if what in TO_TECHNICIAN and order.technician_id is not None:
        wanted.append(User.id == order.technician_id)
    if not wanted:
        return []
    return list(session().scalars(select(User).where(User.active.is_(True), or_(*wanted)).order_by(User.id)))


def _told_lately(order: ServiceOrder, user: User, what: str) -> bool:
    rows = select(OrderNotice.id).where(
        OrderNotice.order_id == order.id, OrderNotice.user_id == user.id, OrderNotice.what == what, OrderNotice.at > now() - URGE_PAUSE
    )
    return session().scalar(rows.limit(1)) is not None


def set_order_mail(actor: Actor, wanted: bool) -> None:
    """Whether the actor's own mailbox gets notices about orders."""
    user = session().get_one(User, actor.id)
    user.order_mail = wanted
    session().flush()


def notices_of(order: ServiceOrder, limit: int = 20) -> list[OrderNotice]:
    """Who was told what, newest first."""
    rows = select(OrderNotice).where(OrderNotice.order_id == order.id).order_by(OrderNotice.id.desc())
    return list(session().scalars(rows.limit(limit)))
