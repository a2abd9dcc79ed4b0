"""The people and companies of the desk: users who log in, contacts who ask, organisations they belong to."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime, Versioned
from app.core.permissions import ROLES, Actor

ORGANISATION_KINDS = ("platform", "supplier", "client")
IDENTITY_KINDS = ("email", "phone", "openid", "unionid", "wecom", "weibo", "visitor", "app")


class Organisation(Versioned, Base):
    """A company: the platform itself, a supplier, or a client. A mail from one of its `email_domains` belongs to it."""

    __tablename__ = "organisation"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(CleanText(12), index=True)
    name: Mapped[str] = mapped_column(CleanText(200), unique=True)
    short_name: Mapped[str] = mapped_column(CleanText(60), default="")
    email_domains: Mapped[list[str]] = mapped_column(Json, default=list)
    manager_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", use_alter=True), index=True)
    note: Mapped[str] = mapped_column(CleanText(), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    manager: Mapped["User | None"] = relationship(foreign_keys=[manager_id], viewonly=True)

    @property
    def label(self) -> str:
        return self.short_name or self.name


team_member = Table(
    "team_member",
    Base.metadata,
    Column("team_id", ForeignKey("team.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class Team(Versioned, Base):
    """A group that tickets are dispatched to: first line, second line, a supplier's residents. `signature` stands below
    the mails of its members instead of the account's."""

    __tablename__ = "team"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(CleanText(80), unique=True)
    line: Mapped[int] = mapped_column(Integer, default=1)
    leader_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", use_alter=True))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    signature: Mapped[str] = mapped_column(CleanText(1000), default="", server_default="")
    members: Mapped[list["User"]] = relationship(secondary=team_member, back_populates="teams")


class User(Versioned, Base):
    """Somebody who logs in. Suppliers' and clients' people carry their organisation, which limits what they see.
    `extension` is their telephone at the exchange: by it a call finds who rings, answers or calls."""

    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(CleanText(60), unique=True)
    display_name: Mapped[str] = mapped_column(CleanText(80), default="")
    email: Mapped[str | None] = mapped_column(CleanText(254))
    role: Mapped[str] = mapped_column(CleanText(20))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"), index=True)
    password_hash: Mapped[str | None] = mapped_column(CleanText(200))
    must_change_password: Mapped[bool] = mapped_column(Boolean, default=False)
    failed_attempts: Mapped[int] = mapped_column(Integer, default=0)
    locked_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    extension: Mapped[str | None] = mapped_column(CleanText(20), unique=True)
    language: Mapped[str | None] = mapped_column(CleanText(5))
    time_zone: Mapped[str | None] = mapped_column(CleanText(40))
    last_login_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    order_mail: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    organisation: Mapped[Organisation | None] = relationship(foreign_keys=[organisation_id])
    teams: Mapped[list[Team]] = relationship(secondary=team_member, back_populates="members")

    @property
    def label(self) -> str:
        return self.display_name or self.name

    def actor(self, via: str, permissions: frozenset[str] | None = None) -> Actor:
        """This user as the first argument of a write. `permissions` narrows what the role allows (a token's scope)."""
        granted = ROLES[self.role][1]
        return Actor(
            kind="user",
            id=self.id,
            name=self.label,
            role=self.role,
            permissions=granted if permissions is None else granted & permissions,
            organisation_id=self.organisation_id,
            team_ids=frozenset(team.id for team in self.teams),
            via=via,
        )


class Contact(Versioned, Base):
    """A person who asks. A merged contact points to the one that is kept and stays as it was: so a merge can be undone,
    and everything that hangs on it is read together with the kept one."""

    __tablename__ = "contact"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(CleanText(120), default="")
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    title: Mapped[str] = mapped_column(CleanText(80), default="")
    language: Mapped[str | None] = mapped_column(CleanText(5))
    note: Mapped[str] = mapped_column(CleanText(), default="")
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    organisation: Mapped[Organisation | None] = relationship()
    identities: Mapped[list["Identity"]] = relationship(back_populates="contact", order_by="Identity.id")

    @property
    def label(self) -> str:
        return self.name or next((i.shown or i.value for i in self.identities), f"#{self.id}")


class Identity(Base):
    """One of the ways we know a person: `value` is the normal form (lower-case mail, E.164 number, openid).
    A shared one (switchboard, service@) names the company; its contact is chosen by the agent. `reachable`: not known to
    have unfollowed, blocked or left."""

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("kind", "value"), Index("ix_identity_contact_id", "contact_id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(CleanText(12))
    value: Mapped[str] = mapped_column(CleanText(320))
    shown: Mapped[str] = mapped_column(CleanText(320), default="")
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    shared: Mapped[bool] = mapped_column(Boolean, default=False)
    verified: Mapped[bool] = mapped_column(Boolean, default=False)
    suspect: Mapped[bool] = mapped_column(Boolean, default=False)
    reachable: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    contact: Mapped[Contact | None] = relationship(back_populates="identities")

    @property
    def label(self) -> str:
        return self.shown or self.value


class ContactMerge(Base):
    """That two contacts were found to be one person, and what unmerging must give back."""

    __tablename__ = "contact_merge"
    id: Mapped[int] = mapped_column(primary_key=True)
    kept_id: Mapped[int] = mapped_column(ForeignKey("contact.id"), index=True)
    merged_id: Mapped[int] = mapped_column(ForeignKey("contact.id"), index=True)
    filled: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    merged_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    merged_by: Mapped[str] = mapped_column(CleanText(200))
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
