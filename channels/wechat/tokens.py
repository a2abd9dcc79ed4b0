"""Access tokens of platforms, one per account for all processes: fetched by one at a time, sealed at rest.

The lock is a lease in the token's row, so that no database lock is held while the platform is asked: whoever has the
lease asks, the others take the present token as long as it lives, or wait for the new one.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime, session
from app.core.sealing import CannotOpen, seal, unseal
from app.core.text import pack
from app.core.uow import in_unit_of_work, unit_of_work
from channels.base import SendFailed
from channels.models import Account

EARLY = 600
"""Seconds before its end at which a token is renewed; half of its life where that is shorter."""
LEASE = timedelta(seconds=40)
LONGEST_WAIT = 20.0
FORCE_APART = timedelta(seconds=30)
"""The platform forces a new token at most this often (and 20 times a day)."""


class PlatformToken(Base):
    """The token of one account. `token` is sealed; `of` says which credentials it was fetched with; `error` is why the
    last attempt failed, packed (app.core.text), None when it went well."""

    __tablename__ = "platform_token"
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), unique=True)
    token: Mapped[str | None] = mapped_column(CleanText())
    of: Mapped[str] = mapped_column(CleanText(64), default="", server_default="")
    refresh_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    fetched_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    forced_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    holder: Mapped[str | None] = mapped_column(CleanText(40))
    leased_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    error: Mapped[str | None] = mapped_column(CleanText(600))
    failed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


@dataclass(frozen=True)
class Fetched:
    """What the platform gave: the token and its life in seconds."""

    value: str
    expires_in: int


Fetch = Callable[[bool], Fetched]
"""Asks the platform for its token; with True it makes a new one whatever it thinks of the old. Raises SendFailed."""


@dataclass
class _Look:
    """What one look at the row brought: a token that may be used, or the lease to fetch one, or neither."""

    token: str | None = None
    holder: str = ""
    force: bool = False


def access_token(account: Account, fetch: Fetch, *, refused: str | None = None, of: str = "") -> str:
    """The token to use now. `refused` is one that the platform has just called invalid: it is not returned again, and a
    new one is fetched unless another process did so already. `of` names the credentials: with others the token counts
    for nothing. Raises what `fetch` raises (kept as the row's error), or SendFailed when another process is at it for too
    long. Opens its own units of work; never called inside one.
    """
    if in_unit_of_work():
        raise RuntimeError("the platform must not be asked inside a unit of work")
    mark = hashlib.sha256(of.encode("utf-8", "replace")).hexdigest()
    waited_since = time.monotonic()
    while True:
        look = _look(account.id, mark, refused)
        if look.token is not None:
            return look.token
        if look.holder:
            return _renew(account.id, mark, look, fetch, refused)
        if time.monotonic() - waited_since > LONGEST_WAIT:
            raise SendFailed("另一个进程正在换取平台的访问令牌，还没有结果。", final=False)
        time.sleep(0.05)


def _look(account_id: int, mark: str, refused: str | None) -> _Look:
    with unit_of_work() as s:
        row = s.scalar(select(PlatformToken).where(PlatformToken.account_id == account_id).with_for_update())
        if row is None:
            row = PlatformToken(account_id=account_id)
            try:
                with s.begin_nested():
                    s.add(row)
                    s.flush()
            except IntegrityError:  # another process makes the row at this moment
                return _Look()
        moment = now()
        known = _opened(row) if row.of == mark else None
        if known is not None and known != refused and row.expires_at is not None and row.expires_at > moment:
            busy = row.leased_until is not None and row.leased_until > moment
            if busy or (row.refresh_at is not None and row.refresh_at > moment):
                return _Look(token=known)
        if row.leased_until is not None and row.leased_until > moment:
            return _Look()
        row.holder, row.leased_until = secrets.token_hex(12), moment + LEASE
        force = refused is not None and (row.forced_at is None or moment - row.forced_at >= FORCE_APART)
        return _Look(holder=row.holder, force=force)


def _renew(account_id: int, mark: str, look: _Look, fetch: Fetch, refused: str | None) -> str:
    """Ask the platform with the lease in hand. It keeps giving a refused token back until it is told to make a new one."""
    forced = False
    try:
        fetched = fetch(False)
        if fetched.value == refused and look.force:
            forced, fetched = True, fetch(True)
    except BaseException as problem:
        reason = getattr(problem, "reason", None) or pack("换取访问令牌时出错（%(problem)s）。", problem=type(problem).__name__)
        session().rollback()
        with unit_of_work():
            if (row := _held(account_id, look.holder)) is not None:
                row.error, row.failed_at, row.holder, row.leased_until = str(reason)[:600], now(), None, None
        raise
    session().rollback()
    with unit_of_work():
        if (row := _held(account_id, look.holder)) is not None:
            moment, life = now(), max(fetched.expires_in, 2)
            row.token, row.of, row.fetched_at = seal(fetched.value), mark, moment
            row.expires_at = moment + timedelta(seconds=life)
            row.refresh_at = moment + timedelta(seconds=max(life - EARLY, life // 2))
            row.forced_at = moment if forced else row.forced_at
            row.error, row.failed_at, row.holder, row.leased_until = None, None, None, None
    return fetched.value


def _held(account_id: int, holder: str) -> PlatformToken | None:
    rows = select(PlatformToken).where(PlatformToken.account_id == account_id, PlatformToken.holder == holder)
    return session().scalar(rows.with_for_update())


def _opened(row: PlatformToken) -> str | None:
    try:
        return unseal(row.token) if row.token else None
    except CannotOpen:  # the house has a new key; the platform gives the token again
        return None


def token_of(account_id: int) -> PlatformToken | None:
    """The row of an account's token, for pages that show how it stands. Its value stays sealed."""
    return session().scalar(select(PlatformToken).where(PlatformToken.account_id == account_id))
