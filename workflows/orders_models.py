"""Service orders and what hangs on them: visits, evidence, appointments, plans, quotes, marks."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime, Versioned
from app.core.files import StoredFile
from app.core.installed_base import Contract, Device
from app.core.people import Organisation, User
from workflows.holding import Holdable
from workflows.models import Ticket

FIRST_ORDER = 600000
OPEN_ORDER = ("created", "scheduled", "planned", "delivering", "checking")


class ServiceOrder(Holdable, Versioned, Base):
    """Work that a supplier, or the platform itself, owes to a ticket. Its law stands in workflows/orders.py; only
    `take()` changes `state`.

    `supplier_id` is the owner (None: the platform where no such company is registered); `chosen` says by what it was
    found: contract, product, platform or person. `relation` is "", `after` (begins when `other` has ended) or `joint`
    (goes together with `other`). `came_from` lists the tickets that it hung on before merges, first one first.
    `warranty` is in, out or unknown; `quote` is "" (none is needed), asked, confirmed or refused. `code` is the 验收码
    that the customer gives when the work is done; the supplier never sees it. `window_*`, like all moments, are UTC.
    `visited_at` is the last arrival of the present round: a rework begins a new one. `urged` counts.
    """

    __tablename__ = "service_order"
    __table_args__ = (
        Index("ix_service_order_ticket_id_id", "ticket_id", "id"),
        Index("ix_service_order_state_due_at_id", "state", "due_at", "id"),
        Index("ix_service_order_supplier_id_state_due_at_id", "supplier_id", "state", "due_at", "id"),
        Index("ix_service_order_technician_id_state_window_from_id", "technician_id", "state", "window_from", "id"),
        Index("ix_service_order_device_id_id", "device_id", "id"),
        Index("ix_service_order_touched_at_id", "touched_at", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    came_from: Mapped[list[int]] = mapped_column(Json, default=list)
    state: Mapped[str] = mapped_column(CleanText(16), default="created")
    work: Mapped[str] = mapped_column(CleanText(16), default="repair")
    subject: Mapped[str] = mapped_column(CleanText(300))
    brief: Mapped[str] = mapped_column(CleanText(), default="")
    priority: Mapped[str] = mapped_column(CleanText(2), default="P4")
    relation: Mapped[str] = mapped_column(CleanText(8), default="")
    other_id: Mapped[int | None] = mapped_column(ForeignKey("service_order.id"), index=True)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"))
    device_id: Mapped[int | None] = mapped_column(ForeignKey("device.id"))
    place: Mapped[str] = mapped_column(CleanText(300), default="")
    opened_by: Mapped[str] = mapped_column(CleanText(200))
    opened_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    touched_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    supplier_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    chosen: Mapped[str] = mapped_column(CleanText(12), default="platform")
    contract_id: Mapped[int | None] = mapped_column(ForeignKey("contract.id"))
    accept_due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    accepted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    rejected: Mapped[int] = mapped_column(Integer, default=0)
    rejected_by_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))

    technician_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    assigned_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    window_from: Mapped[datetime | None] = mapped_column(UTCDateTime)
    window_to: Mapped[datetime | None] = mapped_column(UTCDateTime)
    reappointed: Mapped[int] = mapped_column(Integer, default=0)
    scheduled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    warranty: Mapped[str] = mapped_column(CleanText(8), default="unknown")
    quote: Mapped[str] = mapped_column(CleanText(12), default="")
    planned_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    visited_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    visits_count: Mapped[int] = mapped_column(Integer, default=0)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    first_delivered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    solution: Mapped[str | None] = mapped_column(CleanText())
    code: Mapped[str] = mapped_column(CleanText(8), default=lambda: new_code())
    code_given_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    code_tries: Mapped[int] = mapped_column(Integer, default=0)
    checked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    checked_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    reworks: Mapped[int] = mapped_column(Integer, default=0)
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    close_result: Mapped[str | None] = mapped_column(CleanText(16))
    unable_why: Mapped[str | None] = mapped_column(CleanText(16))
    unable_reason: Mapped[str | None] = mapped_column(CleanText(500))

    cancelling: Mapped[bool] = mapped_column(Boolean, default=False)
    cancel_reason: Mapped[str | None] = mapped_column(CleanText(500))
    cancel_asked_by: Mapped[str | None] = mapped_column(CleanText(200))
    cancel_asked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    wasted_trip: Mapped[bool] = mapped_column(Boolean, default=False)

    urged: Mapped[int] = mapped_column(Integer, default=0)
    urged_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    first_due_at: Mapped[datetime] = mapped_column(UTCDateTime)

    ticket: Mapped[Ticket] = relationship()
    other: Mapped["ServiceOrder | None"] = relationship(remote_side=[id])
    product: Mapped[Product | None] = relationship()
    device: Mapped[Device | None] = relationship()
    contract: Mapped[Contract | None] = relationship()
    supplier: Mapped[Organisation | None] = relationship(foreign_keys=[supplier_id])
    rejected_by: Mapped[Organisation | None] = relationship(foreign_keys=[rejected_by_id])
    technician: Mapped[User | None] = relationship(foreign_keys=[technician_id])
    visits: Mapped[list["Visit"]] = relationship(back_populates="order", order_by="Visit.id")
    evidence: Mapped[list["OrderEvidence"]] = relationship(back_populates="order", order_by="OrderEvidence.id")

    @hybrid_property
    def number(self) -> int:
        """The number that people say on the telephone; no ticket has one as long."""
        return self.id + FIRST_ORDER

    @property
    def label(self) -> str:
        return f"#{self.number} {self.subject}"


def new_code() -> str:
    """Six digits for the customer's ear."""
    return f"{secrets.randbelow(1_000_000):06d}"


class Visit(Base):
    """One trip to the customer: departed, arrived, left, with its result (done, part, again, absent, not_ready, cancelled).

    `place` is where the arrival was recorded, if the technician allowed it: "31.2304,121.4737" (WGS 84) or words.
    A second visit is no rework. `wasted`: nobody could work, through no fault of the technician.
    """

    __tablename__ = "visit"
    __table_args__ = (Index("ix_visit_order_id_id", "order_id", "id"), Index("ix_visit_technician_id_id", "technician_id", "id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("service_order.id"))
    technician_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    round: Mapped[int] = mapped_column(Integer, default=0)
    departed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    arrived_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    place: Mapped[str] = mapped_column(CleanText(200), default="")
    left_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    result: Mapped[str | None] = mapped_column(CleanText(16))
    remark: Mapped[str] = mapped_column(CleanText(500), default="")
    wasted: Mapped[bool] = mapped_column(Boolean, default=False)
    order: Mapped[ServiceOrder] = relationship(back_populates="visits")
    technician: Mapped[User | None] = relationship()


class OrderEvidence(Base):
    """What shows that work was done: a photo, a reading, a signature, a note. `kind` is one of EVIDENCE.

    `round` is the rework it belongs to (0 the first delivery), `taken_at` when the device took it, `at` when we got it.
    `client_id` is the name that an offline page gave it, so that sending twice adds nothing.
    """

    __tablename__ = "order_evidence"
    __table_args__ = (
        Index("ix_order_evidence_order_id_id", "order_id", "id"),
        Index("uq_order_evidence_order_id_client_id", "order_id", "client_id", unique=True),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("service_order.id"))
    visit_id: Mapped[int | None] = mapped_column(ForeignKey("visit.id"), index=True)
    round: Mapped[int] = mapped_column(Integer, default=0)
    kind: Mapped[str] = mapped_column(CleanText(12))
    text: Mapped[str] = mapped_column(CleanText(2000), default="")
    file_id: Mapped[int | None] = mapped_column(ForeignKey("file.id"), index=True)
    place: Mapped[str] = mapped_column(CleanText(200), default="")
    client_id: Mapped[str | None] = mapped_column(CleanText(64))
    by: Mapped[str] = mapped_column(CleanText(200))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    taken_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    order: Mapped[ServiceOrder] = relationship(back_populates="evidence")
    file: Mapped[StoredFile | None] = relationship()


class OrderAppointment(Base):
    """One agreed window and, where it replaces another, which one, for whose sake (`party`) and why."""

    __tablename__ = "order_appointment"
    __table_args__ = (Index("ix_order_appointment_order_id_id", "order_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("service_order.id"))
    window_from: Mapped[datetime] = mapped_column(UTCDateTime)
    window_to: Mapped[datetime] = mapped_column(UTCDateTime)
    was_from: Mapped[datetime | None] = mapped_column(UTCDateTime)
    was_to: Mapped[datetime | None] = mapped_column(UTCDateTime)
    party: Mapped[str] = mapped_column(CleanText(16), default="")
    reason: Mapped[str] = mapped_column(CleanText(500), default="")
    by: Mapped[str] = mapped_column(CleanText(200))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    message_id: Mapped[int | None] = mapped_column(Integer)


class OrderPlan(Base):
    """How the work is going to be done; the newest one holds. `parts` are lines of text; `cost_cents` is in 0.01 CNY and
    what the customer would pay. `simple`: the standard procedure of the work, taken in one tap."""

    __tablename__ = "order_plan"
    __table_args__ = (Index("ix_order_plan_order_id_id", "order_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("service_order.id"))
    steps: Mapped[str] = mapped_column(CleanText())
    parts: Mapped[list[Any]] = mapped_column(Json, default=list)
    cost_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    simple: Mapped[bool] = mapped_column(Boolean, default=False)
    by: Mapped[str] = mapped_column(CleanText(200))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class OrderQuote(Base):
    """What the customer was asked to pay for work out of warranty, and the answer. `token` is the secret of the link;
    `state`: asked, confirmed, refused, dropped (a newer plan replaced it)."""

    __tablename__ = "order_quote"
    __table_args__ = (Index("ix_order_quote_order_id_id", "order_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("service_order.id"))
    plan_id: Mapped[int] = mapped_column(ForeignKey("order_plan.id"))
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    token: Mapped[str] = mapped_column(CleanText(48), unique=True, default=lambda: secrets.token_urlsafe(24))
    state: Mapped[str] = mapped_column(CleanText(12), default="asked")
    asked_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    message_id: Mapped[int | None] = mapped_column(Integer)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    answered_by: Mapped[str | None] = mapped_column(CleanText(200))
    answered_via: Mapped[str | None] = mapped_column(CleanText(16))
    remark: Mapped[str] = mapped_column(CleanText(500), default="")
    order: Mapped[ServiceOrder] = relationship()
    plan: Mapped[OrderPlan] = relationship()


class OrderMark(Base):
    """A rejection, rework or extension: who said what and why, and what was decided about it.

    `kind` is reject, rework or extend; `why` the sort of reason (`not_ours` is 非我方责任: it counts only once the platform
    has judged it `upheld`). `until`, `was` are the wished and the former due date. `decision`: asked, upheld, refused,
    approved, or "" where nothing is to be decided.
    """

    __tablename__ = "order_mark"
    __table_args__ = (
        Index("ix_order_mark_order_id_kind", "order_id", "kind"),
        Index("ix_order_mark_kind_decision_id", "kind", "decision", "id"),
        Index("ix_order_mark_supplier_id_kind_id", "supplier_id", "kind", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("service_order.id"))
    supplier_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    kind: Mapped[str] = mapped_column(CleanText(8))
    why: Mapped[str] = mapped_column(CleanText(16), default="")
    reason: Mapped[str] = mapped_column(CleanText(500), default="")
    until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    was: Mapped[datetime | None] = mapped_column(UTCDateTime)
    decision: Mapped[str] = mapped_column(CleanText(12), default="")
    asked_by: Mapped[str] = mapped_column(CleanText(200))
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    asked_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    decided_by: Mapped[str | None] = mapped_column(CleanText(200))
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    verdict: Mapped[str] = mapped_column(CleanText(500), default="")
    supplier: Mapped[Organisation | None] = relationship()
