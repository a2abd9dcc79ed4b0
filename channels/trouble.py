"""What an administrator must mend on an account, kept where the account's health is shown until a send goes well."""

from datetime import datetime

from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime, session
from app.core.events import record
from app.core.uow import in_unit_of_work, unit_of_work
from channels.base import SendFailed, Unreachable, WindowShut
from channels.events import AccountTroubled
from channels.models import Account


class AccountTrouble(Base):
    """The present trouble of one account: why its last send was refused for a reason that lies with us (packed, see
    app.core.text), since when, and when last."""

    __tablename__ = "account_trouble"
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    reason: Mapped[str] = mapped_column(CleanText(600))
    since: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    last_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


def noted(account: Account, problem: SendFailed) -> None:
    """Remember a refusal that is not about one person or one message. Opens its own unit of work."""
    if problem.final or isinstance(problem, WindowShut | Unreachable) or in_unit_of_work():
        return
    account_id = account.id
    session().rollback()
    with unit_of_work() as s:
        row = s.get(AccountTrouble, account_id)
        if row is None:
            row = AccountTrouble(account_id=account_id, reason="")
            s.add(row)
        fresh = row.reason != problem.reason[:600]
        row.reason, row.last_at = problem.reason[:600], now()
        if problem.alarm and fresh:
            record(AccountTroubled(account_id=account_id, reason=row.reason))


def cleared(account: Account) -> None:
    """A send went well: nothing is left to mend."""
    account_id = account.id
    if session().get(AccountTrouble, account_id) is None:
        session().rollback()
        return
    session().rollback()
    with unit_of_work() as s:
        row = s.get(AccountTrouble, account_id)
        if row is not None:
            s.delete(row)


def troubles() -> dict[int, AccountTrouble]:
    """The accounts that have one, by id."""
    return {row.account_id: row for row in session().scalars(select(AccountTrouble))}
