"""Somebody who must be told of something, and each way that was tried to tell them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime
from app.core.people import Contact, Identity, User
from channels.models import Account, Conversation

OPEN, REACHED, EXHAUSTED, WITHDRAWN = "open", "reached", "exhausted", "withdrawn"
TRIED, DELIVERED, FAILED, SKIPPED = "tried", "delivered", "failed", "skipped"


class Outreach(Base):
    """One person (a contact or a user) to be told one thing. `key` is unique: asked for twice, it is told once.

    `subject_kind` and `subject_number` name the ticket or order. `about` is shared by all who are told the same, so that a
    group hears it once. `words`: by language {"subject", "text", "short"}; `params` fill templates. `conversation_id`: where
    the person spoke of it. `state`: open, reached, exhausted (no way is left), withdrawn (no longer needed).
    `next_at`: when the ladder goes on; `waiting`: why not at once (packed)."""

    __tablename__ = "outreach"
    __table_args__ = (
        Index("ix_outreach_subject", "subject_kind", "subject_number"),
        Index("ix_outreach_state_id", "state", "id"),
        Index("ix_outreach_about", "about"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(CleanText(120), unique=True)
    about: Mapped[str] = mapped_column(CleanText(120), default="")
    purpose: Mapped[str] = mapped_column(CleanText(12))
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversation.id"))
    subject_kind: Mapped[str] = mapped_column(CleanText(12), default="")
    subject_number: Mapped[int | None] = mapped_column(Integer)
    words: Mapped[dict[str, Any]] = mapped_column(Json)
    params: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    is_auto: Mapped[bool] = mapped_column(Boolean, default=False)
    state: Mapped[str] = mapped_column(CleanText(12), default=OPEN)
    next_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    waiting: Mapped[str] = mapped_column(CleanText(300), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    reached_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    contact: Mapped[Contact | None] = relationship()
    user: Mapped[User | None] = relationship()
    conversation: Mapped[Conversation | None] = relationship()
    rungs: Mapped[list["OutreachRung"]] = relationship(back_populates="outreach", order_by="OutreachRung.position")

    @property
    def label(self) -> str:
        return self.key

    @property
    def audience(self) -> str:
        return "staff" if self.user_id is not None else "customer"


class OutreachRung(Base):
    """One way of one ladder, tried at most once. `state`: tried, delivered, failed, skipped, with the `reason` packed.

    `message_id`: what was sent, where it stands in a conversation; what goes to colleagues directly has its own `sending`
    (due, sending, sent, undecided). `until`: so long it may stay unknown before the next way is tried."""

    __tablename__ = "outreach_rung"
    __table_args__ = (
        UniqueConstraint("outreach_id", "way"),
        UniqueConstraint("outreach_id", "position"),
        Index("ix_outreach_rung_message_id", "message_id"),
        Index("ix_outreach_rung_account_id_sent_at", "account_id", "sent_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    outreach_id: Mapped[int] = mapped_column(ForeignKey("outreach.id"))
    position: Mapped[int] = mapped_column(Integer)
    way: Mapped[str] = mapped_column(CleanText(16))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    identity_id: Mapped[int | None] = mapped_column(ForeignKey("identity.id", ondelete="SET NULL"))
    address: Mapped[str] = mapped_column(CleanText(320), default="")
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"))
    sending: Mapped[str] = mapped_column(CleanText(12), default="")
    state: Mapped[str] = mapped_column(CleanText(12), default=TRIED)
    reason: Mapped[str] = mapped_column(CleanText(600), default="")
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    outreach: Mapped[Outreach] = relationship(back_populates="rungs")
    account: Mapped[Account | None] = relationship()
    identity: Mapped[Identity | None] = relationship()


class ReachPlan(Base):
    """An administrator's own order of ways for a purpose: `ways` is a list of [way, minutes]. Without a row the default
    of channels.reaching.plans holds."""

    __tablename__ = "reach_plan"
    __table_args__ = (UniqueConstraint("purpose", "audience"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(CleanText(12))
    audience: Mapped[str] = mapped_column(CleanText(12))
    ways: Mapped[list[Any]] = mapped_column(Json)

    @property
    def label(self) -> str:
        return f"{self.purpose}/{self.audience}"


class ReachWish(Base):
    """How a person wants to be reached: `prefer` is tried first, the ways in `off` never. `mobile`: a colleague's number."""

    __tablename__ = "reach_wish"
    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"), unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), unique=True)
    prefer: Mapped[str] = mapped_column(CleanText(16), default="")
    off: Mapped[list[Any]] = mapped_column(Json, default=list)
    mobile: Mapped[str] = mapped_column(CleanText(40), default="")

    @property
    def label(self) -> str:
        return f"#{self.id}"


class GroupRobot(Base):
    """Which group robot speaks to a team, or to the people of a supplier."""

    __tablename__ = "group_robot"
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id", ondelete="CASCADE"), unique=True)
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), unique=True)
    account: Mapped[Account] = relationship()

    @property
    def label(self) -> str:
        return f"#{self.id}"
