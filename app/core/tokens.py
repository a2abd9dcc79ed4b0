"""Bearer tokens of the API: made for a user, narrowed to some permissions, shown once, kept as a hash."""

import secrets
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import ForeignKey, Select, bindparam, select
from sqlalchemy.orm import Mapped, contains_eager, mapped_column, relationship

from app.core.audit import note
from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime, session
from app.core.errors import Forbidden, Invalid, NotFound, Refused
from app.core.logins import token_hash
from app.core.people import User
from app.core.permissions import PERMISSIONS, ROLES, Actor

LONGEST_DAYS = 3650
USED_EVERY = timedelta(minutes=1)
"""How exact "last used" is."""


class ApiToken(Base):
    """A token of a user. `scopes` are names of permissions, or None for all that the user's role has; the role still
    limits it. `prefix` is shown in lists, so that a token found in a script can be told from the others."""

    __tablename__ = "api_token"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    label: Mapped[str] = mapped_column(CleanText(80))
    prefix: Mapped[str] = mapped_column(CleanText(12))
    token_hash: Mapped[str] = mapped_column(CleanText(64), unique=True)
    scopes: Mapped[list[str] | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    user: Mapped[User] = relationship()

    def actor(self) -> Actor:
        """The token's user as the API sees them, narrowed to the scopes."""
        return self.user.actor("api", None if self.scopes is None else frozenset(self.scopes))


def create_token(
    actor: Actor, user_id: int, label: str = "", *, days: int | None = None, scopes: list[str] | None = None
) -> tuple[ApiToken, str]:
    """Make a token for oneself, or for anybody with `user.manage`; returns the row and the token, which is shown once.

    `days` from now it ends (None: never). Raises Invalid for an unknown scope or a number of days out of range.
    """
    if user_id != actor.id and not actor.can("user.manage"):
        raise Forbidden()
    user = session().get(User, user_id)
    if user is None:
        raise NotFound()
    if not user.active:
        raise Refused("这个用户已停用。")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise Invalid.of("days", "天数要在 1 到 3650 之间。")
    label = label.strip()
    if len(label) > 80:
        raise Invalid.of("label", "名称最多 80 个字符。")
    if scopes is not None:
        unknown = [name for name in scopes if name not in PERMISSIONS]
        if unknown:
            raise Invalid.of("scopes", "没有这个权限名。")
        if not set(scopes) <= ROLES[user.role][1]:
            raise Invalid.of("scopes", "这个用户的角色没有其中的权限。")
    token = "hy_" + secrets.token_urlsafe(32)
    row = ApiToken(
        user_id=user.id,
        label=label or "token",
        prefix=token[:8],
        token_hash=token_hash(token),
        scopes=sorted(set(scopes)) if scopes is not None else None,
        expires_at=now() + timedelta(days=days) if days is not None else None,
    )
    session().add(row)
    session().flush()
    note(actor, "token.created", row, after=user.name, scopes=row.scopes, days=days)
    return row, token


def find_token(token: str) -> ApiToken | None:
    """The living token with its user; None when it is unknown, expired, revoked, or its user is disabled."""
    row = session().scalars(_living(), {"given": token_hash(token)}).unique().one_or_none()
    return None if row is None or (row.expires_at is not None and row.expires_at <= now()) else row


@cache
def _living() -> Select[ApiToken]:
    """Each request of the API asks this, so it is one statement with all that an actor is made of, and put together once."""
    return (
        select(ApiToken)
        .join(ApiToken.user)
        .where(ApiToken.token_hash == bindparam("given"), ApiToken.revoked_at.is_(None), User.active.is_(True))
        .options(contains_eager(ApiToken.user).joinedload(User.teams))
    )


def mark_used(row: ApiToken) -> None:
    """Note that the token was used now."""
    row.last_used_at = now()
    session().flush()


def list_tokens(user_id: int) -> list[ApiToken]:
    """The tokens of a user that are not revoked, newest first; expired ones stay in sight."""
    wanted = select(ApiToken).where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
    return list(session().scalars(wanted.order_by(ApiToken.id.desc()).limit(200)))


def revoke(actor: Actor, token_id: int) -> ApiToken:
    """End a token: one's own, or anybody's with `user.manage`. Another's looks as if it did not exist."""
    row = session().get(ApiToken, token_id)
    if row is None or (row.user_id != actor.id and not actor.can("user.manage")):
        raise NotFound()
    if row.revoked_at is None:
        row.revoked_at = now()
        session().flush()
        note(actor, "token.revoked", row, before=row.user.name)
    return row
