"""Who looks at which ticket now, in all web processes: rows that live as long as their page is connected.

A row is a hint for colleagues and no record of anything: it is kept alive in bulk by the process that holds the socket
and forgotten a minute after that process was last heard of.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, Integer, delete, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime, session
from app.core.permissions import Actor

LIVES = timedelta(seconds=60)


class Looker(Base):
    """One open page of a ticket: the socket, whose it is, and whether they are writing an answer there."""

    __tablename__ = "ticket_looker"
    sid: Mapped[str] = mapped_column(CleanText(64), primary_key=True)
    ticket_id: Mapped[int] = mapped_column(Integer, index=True)
    user_id: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(CleanText(80))
    writing: Mapped[bool] = mapped_column(Boolean, default=False)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)


def look(actor: Actor, sid: str, ticket_id: int, writing: bool) -> None:
    """This page shows this ticket, and its user is writing there or not."""
    row = session().get(Looker, sid)
    if row is None:
        row = Looker(sid=sid, user_id=actor.id)
        session().add(row)
    row.ticket_id, row.name, row.writing = ticket_id, actor.name[:80], writing
    row.changed_at = row.seen_at = now()
    session().flush()


def leave(sids: Collection[str]) -> None:
    """These pages are closed."""
    if sids:
        session().execute(delete(Looker).where(Looker.sid.in_(sids)))


def keep(sids: Collection[str]) -> None:
    """These pages are still open; rows of processes that are gone are forgotten."""
    session().execute(update(Looker).where(Looker.sid.in_(sids)).values(seen_at=now()))
    session().execute(delete(Looker).where(Looker.seen_at < now() - LIVES))


def mark() -> Any:
    """A value that changes whenever anybody comes, goes, begins or stops writing."""
    return tuple(session().execute(select(func.count(), func.max(Looker.changed_at))).one())


def present(ticket_ids: Collection[int]) -> Sequence[Looker]:
    """Who looks at these tickets, the first come first."""
    if not ticket_ids:
        return ()
    rows = select(Looker).where(Looker.ticket_id.in_(ticket_ids), Looker.seen_at > now() - LIVES)
    return session().scalars(rows.order_by(Looker.ticket_id, Looker.user_id, Looker.sid)).all()
