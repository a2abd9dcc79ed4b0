"""Remembering the first answer of a request that is sent again: nothing is made twice because a line broke."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Integer, Text, UniqueConstraint, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime, session
from app.core.errors import Conflict
from app.core.permissions import Actor

KEPT_FOR = timedelta(hours=24)
MAX_KEY = 200


class IdempotencyKey(Base):
    """The answer that one user's key stands for. `asked` is a hash of method, address and body; a row without
    `status` belongs to a request that is still under way in the same transaction."""

    __tablename__ = "idempotency_key"
    __table_args__ = (UniqueConstraint("user_id", "key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(CleanText(MAX_KEY))
    asked: Mapped[str] = mapped_column(CleanText(64))
    status: Mapped[int | None] = mapped_column(Integer)
    headers: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    body: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, index=True)


def fingerprint(method: str, address: str, body: bytes) -> str:
    """What makes two requests the same one."""
    return hashlib.sha256(b"\0".join((method.encode(), address.encode("utf-8", "replace"), body))).hexdigest()


def claim(actor: Actor, key: str, asked: str) -> tuple[IdempotencyKey, bool]:
    """The row of this key and whether it already holds an answer. Called first in the unit of work that also does the
    work and `keep`s the answer: whoever comes second waits for the first to commit, and then reads its answer.

    Raises Conflict when the key was used for another request within the last 24 hours.
    """
    row = _stored(actor, key)
    if row is not None and row.created_at <= now() - KEPT_FOR:
        session().delete(row)
        session().flush()
        row = None
    if row is None:
        try:
            with session().begin_nested():
                row = IdempotencyKey(user_id=actor.id, key=key, asked=asked)
                session().add(row)
                session().flush()
            return row, False
        except IntegrityError:
            row = _stored(actor, key)
            if row is None:
                raise
    if row.asked != asked:
        raise Conflict("这个 Idempotency-Key 已经用于另一个请求。")
    return row, row.status is not None


def keep(row: IdempotencyKey, status: int, headers: dict[str, str], body: str) -> None:
    """Remember the answer together with what it says was done."""
    row.status, row.headers, row.body = status, headers, body
    session().flush()


def forget_old_keys() -> int:
    """Delete the keys whose time is over; how many. For the worker's clock."""
    gone = session().execute(delete(IdempotencyKey).where(IdempotencyKey.created_at <= now() - KEPT_FOR))
    return int(getattr(gone, "rowcount", 0))


def _stored(actor: Actor, key: str) -> IdempotencyKey | None:
    rows = select(IdempotencyKey).where(IdempotencyKey.user_id == actor.id, IdempotencyKey.key == key)
    return session().scalars(rows).one_or_none()
