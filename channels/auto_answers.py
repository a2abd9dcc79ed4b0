"""Whether a machine of ours may answer a message by itself: not to machines, lists or ourselves, once per address and
period, and never in a loop.

A loop is two machines that answer each other without either saying that it is one. So every automatic mail to an address
is counted; beyond the account's number in an hour nothing automatic goes there for a day, and the administrator is told.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, UniqueConstraint, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from app.core.audit import note
from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime, session
from app.core.events import record
from app.core.permissions import SYSTEM
from channels.accounts import list_accounts
from channels.email_settings import EMAIL_SETTINGS
from channels.events import AutoAnswersStopped
from channels.models import Account, Message

HOUR, PAUSE = timedelta(hours=1), timedelta(hours=24)
_DEFAULTS = {one.name: one.default for one in EMAIL_SETTINGS}
_MACHINE = re.compile(
    r"(?:no|do[-_.]?not|dont|never|not)[-_.]?repl(?:y|ies)|(?:auto|automatic)[-_.]?(?:reply|responder|answer)|mailer[-_.]?daemon"
    r"|postmaster|nobody|daemon|root|bounces?|listserv|majordomo|mailman|notifications?|alerts?|newsletter|nepasrepondre|bu-?huifu",
    re.IGNORECASE,
)
_MACHINE_PART = re.compile(r"(?:^|[-_.+=])(?:no-?reply|do-?not-?reply|bounces?)(?:$|[-_.+=])|-request$|^owner-", re.IGNORECASE)


class AutoAnswer(Base):
    """What went to one address by itself. `answered_at`: the last first-receipt answer; `in_hour` automatic mails since
    `hour_from`; `stopped_until`: nothing more before this moment."""

    __tablename__ = "auto_answer"
    __table_args__ = (
        UniqueConstraint("account_id", "address"),
        Index("ix_auto_answer_account_id_stopped_until", "account_id", "stopped_until"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    address: Mapped[str] = mapped_column(CleanText(320))
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    hour_from: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    in_hour: Mapped[int] = mapped_column(Integer, default=0)
    stopped_until: Mapped[datetime | None] = mapped_column(UTCDateTime)


@dataclass(frozen=True)
class Stopped:
    """An address to which nothing automatic goes before `until`."""

    address: str
    until: datetime


def number(settings: Any, name: str) -> int:
    """A number among the settings of a mailbox, or its default."""
    return int(settings.get(name) or _DEFAULTS[name])


def why_not(message: Message, address: str) -> str:
    """Why a message gets no automatic answer, as a short code; empty when it may get one.

    auto, bounce, list: it says so itself; nobody: there is no address; ours: it is one of our own; machine: its address
    is one that no person reads."""
    if message.is_bounce:
        return "bounce"
    if message.is_auto:
        return "auto"
    if message.meta.get("list"):
        return "list"
    local, at, _domain = address.rpartition("@")
    if not at or not local:
        return "nobody"
    if is_machine(address):
        return "machine"
    return "ours" if is_ours(address) else ""


def is_machine(address: str) -> bool:
    """Whether an address says of itself that nobody reads it."""
    local = address.rpartition("@")[0].partition("+")[0]
    return bool(_MACHINE.fullmatch(local) or _MACHINE_PART.search(local))


def is_ours(address: str) -> bool:
    """Whether an address is one of our own mailboxes, with or without something behind a plus."""
    return _plain(address) in {_plain(str(a.settings.get("address", ""))) for a in list_accounts() if a.kind in ("email", "portal")}


def claim(account: Account, address: str) -> bool:
    """Whether the first-receipt answer to an address is due; then it counts as given. Within the caller's unit of work."""
    row = _locked(account.id, address)
    period = timedelta(hours=number(account.settings, "auto_reply_hours"))
    if row.answered_at is not None and now() - row.answered_at < period:
        return False
    if not _counted(account, row):
        return False
    row.answered_at = now()
    session().flush()
    return True


def exchange(account: Account, address: str) -> bool:
    """Count one automatic mail that answers somebody; False when it must not go because there were too many of them.
    For every answer that no person writes. Within the caller's unit of work."""
    return _counted(account, _locked(account.id, address))


def stopped(account_id: int) -> list[Stopped]:
    """The addresses to which nothing automatic goes now, the latest first."""
    rows = select(AutoAnswer).where(AutoAnswer.account_id == account_id, AutoAnswer.stopped_until > now())
    return [
        Stopped(row.address, row.stopped_until)
        for row in session().scalars(rows.order_by(AutoAnswer.stopped_until.desc()).limit(20))
        if row.stopped_until is not None
    ]


def _counted(account: Account, row: AutoAnswer) -> bool:
    moment = now()
    if row.stopped_until is not None and row.stopped_until > moment:
        return False
    if moment - row.hour_from >= HOUR:
        row.hour_from, row.in_hour = moment, 0
    if row.in_hour >= number(account.settings, "auto_reply_most"):
        row.stopped_until = moment + PAUSE
        session().flush()
        note(SYSTEM, "account.auto_stopped", account, after=row.address)
        record(AutoAnswersStopped(account_id=account.id, address=row.address))
        return False
    row.in_hour += 1
    session().flush()
    return True


def _locked(account_id: int, address: str) -> AutoAnswer:
    """The row of an address; of two mails at once the second waits here."""
    wanted = select(AutoAnswer).where(AutoAnswer.account_id == account_id, AutoAnswer.address == _plain(address)[:320])
    row = session().scalar(wanted.with_for_update().execution_options(populate_existing=True))
    if row is None:
        try:
            with session().begin_nested():
                session().add(AutoAnswer(account_id=account_id, address=_plain(address)[:320], hour_from=now(), in_hour=0))
                session().flush()
        except IntegrityError:  # another process made it
            pass
        row = session().scalars(wanted.with_for_update().execution_options(populate_existing=True)).one()
    return row


def _plain(address: str) -> str:
    """An address without what stands behind a plus: a machine may use another one each time."""
    local, at, domain = address.strip().lower().rpartition("@")
    return f"{local.partition('+')[0]}{at}{domain}"
