"""How far each customer-service account was read, and in whose hands its sessions are."""

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime
from channels.models import Account


class KfSource(Base):
    """One customer-service account (open_kfid) of a WeCom account. `cursor` names the place in the platform's list
    behind the last page that was kept; it is committed together with that page.

    One process at a time reads (`holder`, until `leased_until`); `rings` counts the calls that came, so that one that
    comes while somebody reads is not missed. `token` came with the newest call and lifts the rate limit for ten
    minutes. `error` is packed (app.core.text).
    """

    __tablename__ = "kf_source"
    __table_args__ = (UniqueConstraint("account_id", "open_kfid"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    open_kfid: Mapped[str] = mapped_column(CleanText(64))
    cursor: Mapped[str | None] = mapped_column(CleanText(200))
    token: Mapped[str | None] = mapped_column(CleanText(200))
    token_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    rings: Mapped[int] = mapped_column(Integer, default=0)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    leased_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    holder: Mapped[str | None] = mapped_column(CleanText(160))
    synced_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    failing_since: Mapped[datetime | None] = mapped_column(UTCDateTime)
    error: Mapped[str | None] = mapped_column(CleanText(600))
    account: Mapped[Account] = relationship()


class KfSession(Base):
    """In whose hands the platform holds one person's session: 0 new, 1 ours, 2 waiting in the pool, 3 a person's in the
    WeCom app, 4 ended. Only in 0 and 1 may we answer."""

    __tablename__ = "kf_session"
    __table_args__ = (UniqueConstraint("account_id", "open_kfid", "external_userid"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    open_kfid: Mapped[str] = mapped_column(CleanText(64))
    external_userid: Mapped[str] = mapped_column(CleanText(128))
    state: Mapped[int] = mapped_column(Integer, default=0)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
