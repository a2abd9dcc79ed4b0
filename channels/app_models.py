"""Phones that want to be told when we answer."""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime

PLATFORMS = ("ios", "android", "harmony", "huawei", "honor", "xiaomi", "oppo", "vivo", "web", "other")


class PushToken(Base):
    """The name of one phone at its maker's push service, as the app registered it. A phone is one person's at a time:
    who registers it last has it."""

    __tablename__ = "push_token"
    __table_args__ = (UniqueConstraint("account_id", "token"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    identity_id: Mapped[int] = mapped_column(ForeignKey("identity.id", ondelete="CASCADE"), index=True)
    platform: Mapped[str] = mapped_column(CleanText(12))
    token: Mapped[str] = mapped_column(CleanText(500))
    device: Mapped[str] = mapped_column(CleanText(120), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    registered_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
