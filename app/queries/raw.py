"""Lists for the administrator: channel accounts with their health, and the inbox of raw payloads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from app.core.clock import now
from app.core.db import session
from channels.accounts import list_accounts
from channels.fetching import folder_of
from channels.models import FAILED, QUEUED, UNDECIDED, Account, MailFolder, Message, RawPayload
from workflows.models import FIRST_NUMBER, TicketConversation

STATES = ("failed", "new", "parsed", "duplicate")
PAGE = 50
LOOKED_AT = timedelta(days=7)
"""How far back unsent messages count as news of an account's health."""


@dataclass(frozen=True)
class AccountHealth:
    """An account with what does not go well: payloads not understood, messages waiting, failed or of unknown fate.
    `mailbox` is the folder that is fetched, with its last error; None where nothing is fetched or not yet."""

    account: Account
    unread: int
    waiting: int
    failed: int
    undecided: int
    mailbox: MailFolder | None = None

    @property
    def well(self) -> bool:
        return not (self.unread or self.failed or self.undecided or (self.mailbox and self.mailbox.error))


@dataclass(frozen=True)
class RawPage:
    """Some payloads, newest first; `next` is the id to go on below; `tickets` maps payload ids to ticket numbers."""

    rows: list[RawPayload]
    next: int | None
    counts: dict[str, int]
    tickets: dict[int, int]


def accounts_with_health() -> list[AccountHealth]:
    """All accounts, by name."""
    unread = dict(
        session()
        .execute(
            select(RawPayload.account_id, func.count())
            .where(RawPayload.state == "failed")
            .group_by(RawPayload.account_id)
        )
        .all()
    )
    unsent = session().execute(
        select(Message.account_id, Message.state, func.count())
        .where(
            Message.direction == "out",
            Message.state.in_((QUEUED, FAILED, UNDECIDED)),
            Message.created_at > now() - LOOKED_AT,
        )
        .group_by(Message.account_id, Message.state)
    )
    counted = {(account_id, state): number for account_id, state, number in unsent}
    mailboxes = mailboxes_now()
    return [
        AccountHealth(
            account,
            unread.get(account.id, 0),
            counted.get((account.id, QUEUED), 0),
            counted.get((account.id, FAILED), 0),
            counted.get((account.id, UNDECIDED), 0),
            mailboxes.get(account.id),
        )
        for account in list_accounts()
    ]


def mailboxes_now() -> dict[int, MailFolder]:
    """The folder that each active mailbox fetches from now, by account; folders of former settings are left out."""
    rows = {(row.account_id, row.folder): row for row in session().scalars(select(MailFolder))}
    found = {}
    for account in list_accounts():
        row = rows.get((account.id, folder_of(account)))
        if row is not None and account.active and account.settings.get("imap_host"):
            found[account.id] = row
    return found


def last_failure(account_id: int) -> Message | None:
    """The newest message of an account that did not leave lately, with its reason."""
    return session().scalar(
        select(Message)
        .where(
            Message.account_id == account_id,
            Message.direction == "out",
            Message.error.is_not(None),
            Message.created_at > now() - LOOKED_AT,
        )
        .order_by(Message.id.desc())
        .limit(1)
    )


def raw_page(*, state: str = "", account_id: int | None = None, before: int | None = None) -> RawPage:
    """Payloads by state and account; keyset paging by id."""
    rows = select(RawPayload).options(joinedload(RawPayload.account))
    counted = select(RawPayload.state, func.count()).group_by(RawPayload.state)
    if account_id is not None:
        rows, counted = rows.where(RawPayload.account_id == account_id), counted.where(RawPayload.account_id == account_id)
    if state in STATES:
        rows = rows.where(RawPayload.state == state)
    if before is not None:
        rows = rows.where(RawPayload.id < before)
    found = list(session().scalars(rows.order_by(RawPayload.id.desc()).limit(PAGE + 1)))
    shown = found[:PAGE]
    counts = dict.fromkeys(STATES, 0) | dict(session().execute(counted).all())
    return RawPage(shown, shown[-1].id if len(found) > PAGE else None, counts, tickets_of([row.id for row in shown]))


def tickets_of(raw_ids: Sequence[int]) -> dict[int, int]:
    """The numbers of the newest tickets that these payloads' messages came to."""
    found = session().execute(
        select(Message.raw_id, func.max(TicketConversation.ticket_id))
        .join(TicketConversation, TicketConversation.conversation_id == Message.conversation_id)
        .where(Message.raw_id.in_(raw_ids))
        .group_by(Message.raw_id)
    )
    return {raw_id: ticket_id + FIRST_NUMBER for raw_id, ticket_id in found if raw_id is not None}
