"""Who of the desk is there: signs of life of users whose pages are open, from all web processes.

A visitor of the chat is told whether somebody will answer now; nothing else is known about anybody's day.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.db import Base, UTCDateTime, session
from app.core.people import User
from app.core.permissions import ROLES

LIVES = timedelta(seconds=60)
"""How long a sign of life counts; it is given every 20 seconds."""

ANSWERING = frozenset({"ticket.work", "ticket.read_all"})
"""What it takes to answer a customer whom nobody has taken up yet."""


class Presence(Base):
    """The last sign of life of a user with an open page."""

    __tablename__ = "presence"
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)


def seen_now(user_ids: Collection[int]) -> None:
    """Pages of these users are open now."""
    moment = now()
    known = set(session().scalars(select(Presence.user_id).where(Presence.user_id.in_(user_ids))))
    session().execute(update(Presence).where(Presence.user_id.in_(known)).values(seen_at=moment))
    for user_id in set(user_ids) - known:
        try:
            with session().begin_nested():
                session().add(Presence(user_id=user_id, seen_at=moment))
        except IntegrityError:  # another process saw them at the same moment
            continue


def anybody_there() -> bool:
    """Whether somebody who may answer has a page of the desk open."""
    roles = [role for role, (_, permissions) in ROLES.items() if permissions >= ANSWERING]
    rows = (
        select(Presence.user_id)
        .join(User, User.id == Presence.user_id)
        .where(Presence.seen_at > now() - LIVES, User.active.is_(True), User.role.in_(roles))
    )
    return session().scalar(rows.limit(1)) is not None
