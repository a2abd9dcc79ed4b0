"""What was said, with whom, on which account, and the raw payloads that it came in."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime, Versioned
from app.core.people import Contact, Identity

RECEIVED, QUEUED, SENDING, SENT, FAILED, UNDECIDED = "received", "queued", "sending", "sent", "failed", "undecided"
WITHDRAWN, HELD = "withdrawn", "held"


class Account(Versioned, Base):
    """One configured mailbox, official account, widget or call source. `settings` holds what its adapter needs."""

    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(CleanText(16))
    slug: Mapped[str] = mapped_column(CleanText(60), unique=True)
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    last_received_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    @property
    def label(self) -> str:
        return self.slug


class MailFolder(Base):
    """How far one folder of a mailbox was read, by the server's own numbers, and how its last visits went.

    `uidvalidity` changes when the server numbers its mails anew: then reading begins again, and what is known already
    is recognised. `error` is packed (app.core.text); `failing_since` is when the present row of failures began.
    `idles`: whether the server offers to tell of new mails (None: not asked yet); `watcher` listens, until `watched_until`.
    """

    __tablename__ = "mail_folder"
    __table_args__ = (UniqueConstraint("account_id", "folder"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    folder: Mapped[str] = mapped_column(CleanText(200))
    uidvalidity: Mapped[int | None] = mapped_column(BigInteger)
    last_uid: Mapped[int] = mapped_column(BigInteger, default=0)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    leased_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    holder: Mapped[str | None] = mapped_column(CleanText(160))
    fetched_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    failing_since: Mapped[datetime | None] = mapped_column(UTCDateTime)
    error: Mapped[str | None] = mapped_column(CleanText(600))
    idles: Mapped[bool | None] = mapped_column(Boolean)
    watcher: Mapped[str | None] = mapped_column(CleanText(160))
    watched_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    account: Mapped[Account] = relationship()


class RawPayload(Base):
    """A payload as it came, kept before anything parses it. `sha256` finds the bytes in the file storage.

    `state`: new, parsed, duplicate (the same message came before), failed (see `reason`; can be replayed).
    """

    __tablename__ = "raw_payload"
    __table_args__ = (UniqueConstraint("account_id", "dedup_key"), Index("ix_raw_payload_state_id", "state", "id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    dedup_key: Mapped[str] = mapped_column(CleanText(200))
    sha256: Mapped[str] = mapped_column(CleanText(64))
    size: Mapped[int] = mapped_column(BigInteger)
    source: Mapped[str] = mapped_column(CleanText(400), default="")
    state: Mapped[str] = mapped_column(CleanText(12), default="new")
    reason: Mapped[str | None] = mapped_column(CleanText(500))
    received_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    account: Mapped[Account] = relationship()

    @property
    def label(self) -> str:
        return self.source or self.dedup_key


class Conversation(Versioned, Base):
    """What was said with one contact on one account. `token` is the short mark by which an answer finds back
    (the ticket's number, set by the desk); `organisation_id` is known even where the person is not."""

    __tablename__ = "conversation"
    __table_args__ = (
        Index("ix_conversation_contact_id_id", "contact_id", "id"),
        Index("ix_conversation_account_id_token", "account_id", "token"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    identity_id: Mapped[int | None] = mapped_column(ForeignKey("identity.id"), index=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    subject: Mapped[str] = mapped_column(CleanText(300), default="")
    token: Mapped[str | None] = mapped_column(CleanText(40))
    started_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    last_message_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    account: Mapped[Account] = relationship()
    identity: Mapped[Identity | None] = relationship()
    contact: Mapped[Contact | None] = relationship()

    @property
    def label(self) -> str:
        return self.subject or f"#{self.id}"


class Session(Base):
    """One stretch of a conversation. `last_at`: when a person last spoke in it; `ended_at`: when the silence after that
    had lasted long enough, None while it is open.

    `inbound` counts the customer's messages, automatic ones excluded; `agent_turns` the runs of messages by people of
    the desk, with consecutive ones counted once. `first_user_*`: who of the desk spoke first, and when.
    """

    __tablename__ = "session"
    __table_args__ = (
        Index("ix_session_conversation_id_id", "conversation_id", "id"),
        Index("ix_session_ended_at_last_at", "ended_at", "last_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    started_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    last_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    inbound: Mapped[int] = mapped_column(Integer, default=0)
    agent_turns: Mapped[int] = mapped_column(Integer, default=0)
    first_user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    first_user_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    conversation: Mapped[Conversation] = relationship()

    @property
    def label(self) -> str:
        return f"#{self.id}"


class Message(Versioned, Base):
    """One message. `external_id` is the channel's own name for it, unique on its account; ours is stored before sending.

    `direction`: in or out. `author_kind`: contact, user, system. `state` as the constants above.
    `kind` and `meta` as in channels.base.Inbound. `placed` says why the message is in this conversation. `seen_at`: when the customer saw ours, where a channel
    tells. `leaves_at`: not before this moment does ours go out. `spent`: which grant of the platform it was counted on
    (channels/windows.py). `settled_at`: when somebody said that a message that did not go out is not needed any more.
    """

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("account_id", "external_id"),
        Index("ix_message_conversation_id_id", "conversation_id", "id"),
        Index("ix_message_state_id", "state", "id"),
        Index("ix_message_placed_created_at", "placed", "created_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    session_id: Mapped[int | None] = mapped_column(ForeignKey("session.id"), index=True)
    external_id: Mapped[str] = mapped_column(CleanText(1000))
    direction: Mapped[str] = mapped_column(CleanText(3))
    kind: Mapped[str] = mapped_column(CleanText(12), default="text", server_default="text")
    meta: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default="{}")
    author_kind: Mapped[str] = mapped_column(CleanText(12))
    author_id: Mapped[int | None] = mapped_column()
    author_name: Mapped[str] = mapped_column(CleanText(200), default="")
    subject: Mapped[str] = mapped_column(CleanText(1000), default="")
    text: Mapped[str] = mapped_column(CleanText())
    visible_text: Mapped[str] = mapped_column(CleanText())
    html: Mapped[str | None] = mapped_column(CleanText())
    answers: Mapped[list[str]] = mapped_column(Json, default=list)
    state: Mapped[str] = mapped_column(CleanText(12))
    error: Mapped[str | None] = mapped_column(CleanText(500))
    provider_id: Mapped[str | None] = mapped_column(CleanText(200))
    is_auto: Mapped[bool] = mapped_column(Boolean, default=False)
    is_bounce: Mapped[bool] = mapped_column(Boolean, default=False)
    placed: Mapped[str] = mapped_column(CleanText(40), default="")
    to_address: Mapped[str | None] = mapped_column(CleanText(320))
    raw_id: Mapped[int | None] = mapped_column(ForeignKey("raw_payload.id"))
    leaves_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    spent: Mapped[str | None] = mapped_column(CleanText(24))
    settled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    seen_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    conversation: Mapped[Conversation] = relationship()

    @property
    def label(self) -> str:
        return self.subject or self.external_id


class ReplyWindow(Base):
    """What a deed of the customer's (`why`: message, click, follow, scan) lets us send: `allowed` messages until `until`.

    `round` counts how often it began anew, so that a message knows which grant it was counted on. `shut`: why the platform
    closed it before its time (packed), else empty.
    """

    __tablename__ = "reply_window"
    __table_args__ = (UniqueConstraint("conversation_id", "why"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"))
    why: Mapped[str] = mapped_column(CleanText(12))
    round: Mapped[int] = mapped_column(Integer, default=0)
    opened_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    until: Mapped[datetime] = mapped_column(UTCDateTime)
    allowed: Mapped[int] = mapped_column(Integer)
    used: Mapped[int] = mapped_column(Integer, default=0)
    shut: Mapped[str] = mapped_column(CleanText(500), default="")
