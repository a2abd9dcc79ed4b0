"""Tickets and what hangs on them. Rows of other domains are referred to by table name only."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime, Versioned
from app.core.installed_base import Device
from app.core.people import Contact, Organisation, Team, User
from workflows.holding import Holdable

FIRST_NUMBER = 20000


class Ticket(Holdable, Versioned, Base):
    """One issue to be solved. Its law stands in workflows/tickets.py; only `take()` changes `state`.

    `restored_at` is when production ran again, kept apart from `resolved_at`. `boxes` is the checklist of the kind as it
    was worked off: code → "" (done) or the reason why it was skipped. Moments are UTC.
    """

    __tablename__ = "ticket"
    __table_args__ = (
        Index("ix_ticket_state_id", "state", "id"),
        Index("ix_ticket_assignee_id_state_id", "assignee_id", "state", "id"),
        Index("ix_ticket_team_id_state_id", "team_id", "state", "id"),
        Index("ix_ticket_contact_id_id", "contact_id", "id"),
        Index("ix_ticket_organisation_id_id", "organisation_id", "id"),
        Index("ix_ticket_device_id_id", "device_id", "id"),
        Index("ix_ticket_product_id_id", "product_id", "id"),
        Index("ix_ticket_counter_id_created_at", "counter_id", "created_at"),
        Index("ix_ticket_state_due_at", "state", "due_at"),
        Index("ix_ticket_touched_at_id", "touched_at", "id"),
        Index(
            "ix_ticket_created_at_report", "created_at", "state", "first_response_at", "resolved_at", "closed_at", "channel", "kind",
            "organisation_id", "contact_id",
        ),
        Index("ix_ticket_closed_at_report", "closed_at", "state", "close_result", "organisation_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(CleanText(300))
    state: Mapped[str] = mapped_column(CleanText(16), default="created")
    kind: Mapped[str] = mapped_column(CleanText(16), default="consult")
    impact: Mapped[str] = mapped_column(CleanText(16), default="none")
    priority: Mapped[str] = mapped_column(CleanText(2), default="P4")
    channel: Mapped[str] = mapped_column(CleanText(16))
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"))
    device_id: Mapped[int | None] = mapped_column(ForeignKey("device.id"))
    counter_id: Mapped[int | None] = mapped_column(ForeignKey("counter.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    dispatched_by: Mapped[str] = mapped_column(CleanText(200), default="")
    bounces: Mapped[int] = mapped_column(Integer, default=0)
    level: Mapped[str] = mapped_column(CleanText(16), default="")
    urged: Mapped[int] = mapped_column(Integer, default=0)
    urged_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    cancelling: Mapped[bool] = mapped_column(Boolean, default=False)
    resolution: Mapped[str | None] = mapped_column(CleanText())
    category: Mapped[str | None] = mapped_column(CleanText(16))
    cause: Mapped[str | None] = mapped_column(CleanText(300))
    boxes: Mapped[dict[str, str]] = mapped_column(Json, default=dict, server_default="{}")
    solved_at_once: Mapped[bool] = mapped_column(Boolean, default=False)
    resolved_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    close_result: Mapped[str | None] = mapped_column(CleanText(16))
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id"), index=True)
    merged_from: Mapped[str | None] = mapped_column(CleanText(16))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    touched_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    first_response_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    restored_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    first_resolved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    resolved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    reopened: Mapped[int] = mapped_column(Integer, default=0)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    first_due_at: Mapped[datetime] = mapped_column(UTCDateTime)

    contact: Mapped[Contact | None] = relationship()
    organisation: Mapped[Organisation | None] = relationship()
    product: Mapped[Product | None] = relationship()
    device: Mapped[Device | None] = relationship()
    team: Mapped[Team | None] = relationship()
    assignee: Mapped[User | None] = relationship(foreign_keys=[assignee_id])
    follow_ups: Mapped[list["FollowUp"]] = relationship(back_populates="ticket", order_by="FollowUp.id")

    @hybrid_property
    def number(self) -> int:
        """The number that people say on the telephone."""
        return self.id + FIRST_NUMBER

    @property
    def label(self) -> str:
        return f"#{self.number} {self.subject}"


class TicketConversation(Base):
    """That a conversation belongs to a ticket. After a merge or move the link points to the new ticket and
    `came_from` lists the earlier tickets, first one first, so that it can go back."""

    __tablename__ = "ticket_conversation"
    __table_args__ = (UniqueConstraint("ticket_id", "conversation_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"), index=True)
    came_from: Mapped[list[int]] = mapped_column(Json, default=list)
    since_message_id: Mapped[int | None] = mapped_column(Integer)
    linked_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class TicketLink(Base):
    """That two tickets belong together: `split` (from → new one), `successor` (a late answer opened a new one)."""

    __tablename__ = "ticket_link"
    __table_args__ = (UniqueConstraint("from_id", "to_id", "kind"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    from_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    to_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), index=True)
    kind: Mapped[str] = mapped_column(CleanText(16))


class TicketArticle(Base):
    """That an article was used for a ticket: `inserted` into a reply, named in the wrap-up as what `solved` it, or sent by
    the answer service (`robot`) before anybody had it. `how`: text, link, card, phone (read aloud) or copied; `message_id`
    the message that it went with."""

    __tablename__ = "ticket_article"
    __table_args__ = (UniqueConstraint("ticket_id", "article_id", "use"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id"), index=True)
    use: Mapped[str] = mapped_column(CleanText(12))
    how: Mapped[str] = mapped_column(CleanText(12), default="", server_default="")
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id", ondelete="SET NULL"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class TicketNote(Base):
    """What colleagues wrote to each other; never leaves the house."""

    __tablename__ = "ticket_note"
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), index=True)
    author: Mapped[str] = mapped_column(CleanText(200))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    text: Mapped[str] = mapped_column(CleanText())
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


class TicketMark(Base):
    """A raise, supervision or extension: who asked what of whom, until when, and how it was answered.

    `kind` is raise, supervise or extend. `until` is the reply due (supervise) or the wished date (extend);
    `was` is the date before. `decision` is asked, approved, refused or answered; `answer` is what a supervision was told.
    """

    __tablename__ = "ticket_mark"
    __table_args__ = (Index("ix_ticket_mark_ticket_id_kind", "ticket_id", "kind"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    kind: Mapped[str] = mapped_column(CleanText(12))
    to: Mapped[str] = mapped_column(CleanText(16), default="")
    reason: Mapped[str] = mapped_column(CleanText(500), default="")
    until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    was: Mapped[datetime | None] = mapped_column(UTCDateTime)
    decision: Mapped[str] = mapped_column(CleanText(12), default="asked")
    asked_by: Mapped[str] = mapped_column(CleanText(200))
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    asked_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    decided_by: Mapped[str | None] = mapped_column(CleanText(200))
    decided_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    answer: Mapped[str] = mapped_column(CleanText(500), default="", server_default="")


class FollowUp(Base):
    """One question to the customer whether it is solved; carries the only survey.

    `state`: asking, asked (delivered), answered, silent, unreachable, dropped. `score` is 1 (bad) to 5 (good).
    """

    __tablename__ = "follow_up"
    __table_args__ = (Index("ix_follow_up_ticket_id", "ticket_id"), Index("ix_follow_up_message_id", "message_id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    message_id: Mapped[int | None] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(CleanText(12), default="asking")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    asked_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    delivered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    solved: Mapped[bool | None] = mapped_column(Boolean)
    score: Mapped[int | None] = mapped_column(Integer)
    comment: Mapped[str | None] = mapped_column(CleanText(2000))
    answered_via: Mapped[str | None] = mapped_column(CleanText(16))
    recorded_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    ticket: Mapped[Ticket] = relationship(back_populates="follow_ups")


class Draft(Base):
    """What a person has begun to write on a ticket, kept for them until it is sent or thrown away."""

    __tablename__ = "draft"
    __table_args__ = (UniqueConstraint("ticket_id", "user_id", "kind"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    kind: Mapped[str] = mapped_column(CleanText(8))
    text: Mapped[str] = mapped_column(CleanText())
    articles: Mapped[list[Any]] = mapped_column(Json, default=list)
    saved_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
