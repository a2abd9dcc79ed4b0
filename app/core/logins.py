"""Logging in: the check of name and password, and the list of where somebody is signed in.

A login name is locked for a while after too many wrong passwords. Unknown, locked, disabled and wrong all take the
same time and give the same answer, so that nobody learns which names exist.
"""

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from sqlalchemy import ForeignKey, Index, delete, select, update
from sqlalchemy.orm import Mapped, contains_eager, mapped_column, relationship

from app.core import passwords
from app.core.audit import note
from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime, session
from app.core.errors import NotFound
from app.core.events import Event, record
from app.core.people import User
from app.core.permissions import Actor, require
from app.core.text import clean

LOCKED_FOR = timedelta(minutes=15)
SEEN_EVERY = timedelta(minutes=5)
"""How exact "last seen" is: a write for each page would hold up everybody else's."""


class LoginSession(Base):
    """One browser in which somebody is signed in. Only the hash of its token is kept."""

    __tablename__ = "login_session"
    __table_args__ = (Index("ix_login_session_user_id_ended_at", "user_id", "ended_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(CleanText(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    last_seen_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    ip: Mapped[str] = mapped_column(CleanText(64), default="")
    agent: Mapped[str] = mapped_column(CleanText(200), default="")
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    user: Mapped[User] = relationship()

    @property
    def label(self) -> str:
        return self.ip


@dataclass(frozen=True)
class LoginStarted(Event):
    """Somebody signed in with a password."""

    subject: ClassVar[str] = "user"
    user_id: int
    login_id: int


@dataclass(frozen=True)
class LoginEnded(Event):
    """A browser is signed in no longer; its open sockets are closed."""

    subject: ClassVar[str] = "user"
    user_id: int
    login_id: int


@dataclass(frozen=True)
class Attempt:
    """A name and password that were looked at. `was` is the hash they were checked against: if it changed meanwhile,
    the check counts no longer."""

    user_id: int | None
    right: bool
    was: str | None = None
    fresher: passwords.PasswordHash | None = None


@dataclass(frozen=True)
class Opened:
    """A new login. `token` goes into the browser's cookie and is kept nowhere else."""

    login_id: int
    user_id: int
    token: str
    must_change_password: bool


def normal_name(name: str) -> str:
    """How a login name is kept and compared: without regard to case, width and spaces around."""
    return unicodedata.normalize("NFKC", clean(name)).strip().lower()


def token_hash(token: str) -> str:
    """What is kept of a token. Tokens have 256 bits, so one round is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def verify_login(name: str, password: str) -> Attempt:
    """Look at a name and password. Slow, and writes nothing: hand the result to `log_in` in a unit of work."""
    found = session().execute(
        select(User.id, User.password_hash).where(User.name == normal_name(name)[:60], User.active.is_(True))
    )
    row = found.one_or_none()
    kept = row.password_hash if row else None
    session().rollback()
    if not passwords.matches(kept, password) or row is None or kept is None:
        return Attempt(row.id if row else None, False, kept)
    return Attempt(row.id, True, kept, passwords.fresher(kept, password))


def log_in(
    attempt: Attempt, *, ip: str = "", agent: str = "", lockout_attempts: int = 10, replaces: str | None = None
) -> Opened | None:
    """Count a wrong attempt, or open a login. None means: no, without saying why.

    `replaces` is the token that the browser held before; that login is ended, so that a token known to somebody
    before the login is worth nothing after it.
    """
    if attempt.user_id is None:
        return None
    user = session().scalar(select(User).where(User.id == attempt.user_id).with_for_update())
    if user is None or not user.active:
        return None
    moment = now()
    if user.locked_until is not None and user.locked_until > moment:
        return None
    actor = user.actor("page")
    if not attempt.right or user.password_hash != attempt.was:
        _count_failure(actor, user, lockout_attempts)
        return None
    values: dict[str, object] = {"failed_attempts": 0, "locked_until": None, "last_login_at": moment}
    if attempt.fresher:
        values["password_hash"] = attempt.fresher
    _write(user, **values)
    if replaces:
        end_login_of_token(actor, replaces)
    token = secrets.token_urlsafe(32)
    login = LoginSession(user_id=user.id, token_hash=token_hash(token), ip=ip[:64], agent=agent[:200])
    session().add(login)
    session().flush()
    note(actor, "login.started", user, ip=ip[:64])
    record(LoginStarted(user_id=user.id, login_id=login.id))
    return Opened(login.id, user.id, token, user.must_change_password)


def _count_failure(actor: Actor, user: User, lockout_attempts: int) -> None:
    failed = user.failed_attempts + 1
    if failed < lockout_attempts:
        _write(user, failed_attempts=failed)
        return
    _write(user, failed_attempts=0, locked_until=now() + LOCKED_FOR)
    note(actor, "login.locked", user, attempts=failed)


def _write(user: User, **values: object) -> None:
    """Change columns without counting up the version: a stranger's wrong passwords must not make an
    administrator's edit stale."""
    session().execute(update(User.__table__).where(User.__table__.c.id == user.id).values(**values))  # type: ignore[arg-type]
    session().refresh(user)


def find_login(token: str, idle: timedelta) -> LoginSession | None:
    """The living login of a token with its user, or None when it ended, was unused for `idle`, or the user is disabled."""
    return session().scalar(
        select(LoginSession)
        .join(LoginSession.user)
        .where(
            LoginSession.token_hash == token_hash(token),
            LoginSession.ended_at.is_(None),
            LoginSession.last_seen_at > now() - idle,
            User.active.is_(True),
        )
        .options(contains_eager(LoginSession.user).selectinload(User.teams))
    )


def mark_seen(login: LoginSession, ip: str) -> None:
    """Note that the login was used now, and from where."""
    login.last_seen_at, login.ip = now(), ip[:64]
    session().flush()


def rotate(login: LoginSession) -> str:
    """Give a login a new token; the old one is worth nothing from now on."""
    token = secrets.token_urlsafe(32)
    login.token_hash = token_hash(token)
    session().flush()
    return token


def list_sessions(user_id: int, idle: timedelta) -> list[LoginSession]:
    """Where a user is signed in now, the last used first."""
    found = session().scalars(
        select(LoginSession)
        .where(
            LoginSession.user_id == user_id, LoginSession.ended_at.is_(None), LoginSession.last_seen_at > now() - idle
        )
        .order_by(LoginSession.last_seen_at.desc(), LoginSession.id.desc())
        .limit(200)
    )
    return list(found)


def end_session(actor: Actor, login_id: int) -> LoginSession:
    """End one login: one's own, or anybody's with `user.manage`. Another's looks as if it did not exist."""
    login = session().get(LoginSession, login_id)
    if login is None or (login.user_id != actor.id and not actor.can("user.manage")):
        raise NotFound()
    _end(actor, login)
    return login


def end_login_of_token(actor: Actor, token: str) -> None:
    """End the login that a browser holds; nothing where it ended before."""
    login = session().scalar(select(LoginSession).where(LoginSession.token_hash == token_hash(token)))
    if login is not None:
        _end(actor, login)


def end_sessions(actor: Actor, user_id: int, *, keep: int | None = None) -> int:
    """End all logins of a user but `keep`; returns how many."""
    if user_id != actor.id:
        require(actor, "user.manage")
    found = session().scalars(
        select(LoginSession).where(LoginSession.user_id == user_id, LoginSession.ended_at.is_(None))
    )
    ended = [login for login in found if login.id != keep]
    for login in ended:
        _end(actor, login)
    return len(ended)


def _end(actor: Actor, login: LoginSession) -> None:
    if login.ended_at is not None:
        return
    login.ended_at = now()
    session().flush()
    note(actor, "login.ended", login.user, ip=login.ip)
    record(LoginEnded(user_id=login.user_id, login_id=login.id))


def forget_logins(before: datetime) -> int:
    """Delete logins not used since `before`; for housekeeping. Returns how many."""
    gone = session().execute(delete(LoginSession).where(LoginSession.last_seen_at < before).returning(LoginSession.id))
    return len(gone.all())
