"""Calls as a telephone exchange or a cloud provider recorded them, and what each of their rows said."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime, Versioned
from app.core.people import Contact, Identity, Organisation, User
from channels.models import Account, Conversation

ANSWERED, NO_ANSWER, BUSY, CALL_FAILED, ABANDONED, IVR_ONLY = (
    "answered", "no_answer", "busy", "failed", "abandoned", "ivr_only",
)  # fmt: skip
OUTCOMES = (ANSWERED, NO_ANSWER, BUSY, CALL_FAILED, ABANDONED, IVR_ONLY)
DIRECTIONS = ("inbound", "outbound", "internal")


class Call(Versioned, Base):
    """One call, however many legs it had. `external_id` is the exchange's name for the call, unique on its account.

    `caller` and `callee` as the exchange wrote them; `number` is the outside party's in normal form (E.164 with `+`, or
    `short:95588`), empty for an internal or an anonymous call. `outcome` is None while the call lives: it rings while
    `answered_at` is None, and is talked on after. `user_id` is who of ours rang or answered (by `agent`, an extension).
    Seconds: `duration` as a whole, `billsec` talked, `wait` until answered or given up, `hold_s` on hold, `wrap_up_s`
    after-call work, where the exchange tells. `recording` is a reference that is never shown as an open address;
    `recording_state`: empty (none), linked, fetched (into our files) or failed. `contact_id` is None for a shared number.
    `message_id` is the call's line in its conversation once it has ended. `meta`: what else was told (see docs/channels.md).
    """

    __tablename__ = "call"
    __table_args__ = (
        UniqueConstraint("account_id", "external_id"),
        Index("ix_call_number_id", "number", "id"),
        Index("ix_call_started_at_id", "started_at", "id"),
        Index("ix_call_user_id_id", "user_id", "id"),
        Index("ix_call_outcome_id", "outcome", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    external_id: Mapped[str] = mapped_column(CleanText(200))
    direction: Mapped[str | None] = mapped_column(CleanText(8))
    caller: Mapped[str | None] = mapped_column(CleanText(120))
    callee: Mapped[str | None] = mapped_column(CleanText(120))
    number: Mapped[str] = mapped_column(CleanText(40), default="")
    identity_id: Mapped[int | None] = mapped_column(ForeignKey("identity.id"), index=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"), index=True)
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    queue: Mapped[str | None] = mapped_column(CleanText(80))
    agent: Mapped[str | None] = mapped_column(CleanText(80))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    duration: Mapped[int | None] = mapped_column(Integer)
    billsec: Mapped[int] = mapped_column(Integer, default=0)
    hold_s: Mapped[int | None] = mapped_column(Integer)
    wrap_up_s: Mapped[int | None] = mapped_column(Integer)
    wait: Mapped[int | None] = mapped_column(Integer)
    outcome: Mapped[str | None] = mapped_column(CleanText(12))
    legs: Mapped[int] = mapped_column(Integer, default=0)
    recording: Mapped[str | None] = mapped_column(CleanText(1000))
    recording_state: Mapped[str] = mapped_column(CleanText(8), default="")
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversation.id"), index=True)
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"), index=True)
    meta: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    account: Mapped[Account] = relationship()
    identity: Mapped[Identity | None] = relationship()
    contact: Mapped[Contact | None] = relationship()
    organisation: Mapped[Organisation | None] = relationship()
    user: Mapped[User | None] = relationship()
    conversation: Mapped[Conversation | None] = relationship()

    @property
    def label(self) -> str:
        return self.number or self.caller or f"#{self.id}"

    @property
    def live(self) -> bool:
        return self.outcome is None


class CallLeg(Base):
    """One row or event that told about a call, as it was understood: the call is put together from all of them, so that
    rows that come late, twice or out of order give the same call. `key` recognises the same row; `family` names the
    rules that join (asterisk, queue, freeswitch, single, live); `row` holds its fields in neutral words. `alias` is another
    name of the call by which a queue's log may know it."""

    __tablename__ = "call_leg"
    __table_args__ = (UniqueConstraint("call_id", "key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(CleanText(80))
    family: Mapped[str] = mapped_column(CleanText(12))
    alias: Mapped[str] = mapped_column(CleanText(190), default="", index=True)
    row: Mapped[dict[str, Any]] = mapped_column(Json)


class CallFile(Base):
    """How far a growing file of call records was read: `inode` recognises it when it was renamed, `head` (length and
    digest of its first bytes) when it was cut and grew again. `offset` counts bytes and is committed together with what
    was read. `error` is packed (app.core.text)."""

    __tablename__ = "call_file"
    __table_args__ = (UniqueConstraint("account_id", "path"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    path: Mapped[str] = mapped_column(CleanText(400))
    inode: Mapped[int] = mapped_column(BigInteger, default=0)
    offset: Mapped[int] = mapped_column(BigInteger, default=0)
    head: Mapped[str] = mapped_column(CleanText(80), default="")
    read_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    error: Mapped[str | None] = mapped_column(CleanText(600))
    account: Mapped[Account] = relationship()
