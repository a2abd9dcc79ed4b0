"""Lists for the administrator: channel accounts with their health, and the inbox of raw payloads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import joinedload

from app.core.clock import now
from app.core.db import session
from channels.accounts import list_accounts
from channels.calls.models import CallFile
from channels.calls.tailing import watched
from channels.fetching import folders_of
from channels.models import FAILED, QUEUED, UNDECIDED, Account, MailFolder, Message, RawPayload
from channels.trouble import troubles
from channels.wechat.tokens import PlatformToken
from channels.wecom.models import KfSource
from workflows.models import FIRST_NUMBER, TicketConversation

STATES = ("failed", "new", "parsed", "duplicate")
PAGE = 50
LOOKED_AT = timedelta(days=7)
"""How far back unsent messages count as news of an account's health."""


@dataclass(frozen=True)
class AccountHealth:
    """An account with what does not go well: payloads not understood, messages waiting, failed or of unknown fate.
    `mailbox` is the folder that is fetched, with its last error; None where nothing is fetched or not yet. `token_error`:
    why the platform gave no token lately, `trouble`: why it refused the account's last send, packed. `source`: the file of
    calls or the customer-service account of WeCom that tells how reading goes."""

    account: Account
    unread: int
    waiting: int
    failed: int
    undecided: int
    mailbox: MailFolder | None = None
    token_error: str = ""
    trouble: str = ""
    source: "SourceHealth | None" = None

    @property
    def well(self) -> bool:
        broken = self.token_error or self.trouble or self.reading_fails
        return not (self.unread or self.failed or self.undecided or broken)

    @property
    def reading_fails(self) -> str:
        """Why nothing can be fetched, packed; empty where it can, or where nothing is."""
        return (self.mailbox.error if self.mailbox else "") or (self.source.error if self.source else "") or ""

    @property
    def read_at(self) -> datetime | None:
        """When it was fetched last."""
        return self.mailbox.fetched_at if self.mailbox else self.source.read_at if self.source else None


@dataclass(frozen=True)
class SourceHealth:
    """Something that the worker reads for an account: `name` (a path, an open_kfid), when it was read last, and why not
    since (packed)."""

    name: str
    read_at: datetime | None
    error: str = ""


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
    tokens = dict(session().execute(select(PlatformToken.account_id, PlatformToken.error)).all())
    refused, sources = troubles(), sources_now()
    return [
        AccountHealth(
            account,
            unread.get(account.id, 0),
            counted.get((account.id, QUEUED), 0),
            counted.get((account.id, FAILED), 0),
            counted.get((account.id, UNDECIDED), 0),
            worst(mailboxes.get(account.id, [])),
            tokens.get(account.id) or "",
            refused[account.id].reason if account.id in refused else "",
            worst_source(sources.get(account.id, [])),
        )
        for account in list_accounts()
    ]


def mailboxes_now() -> dict[int, list[MailFolder]]:
    """The folders that each active mailbox fetches from now, by account; those of former settings are left out."""
    rows = {(row.account_id, row.folder): row for row in session().scalars(select(MailFolder))}
    found = {}
    for account in list_accounts():
        here = [row for folder in folders_of(account) if (row := rows.get((account.id, folder))) is not None]
        if here and account.active:
            found[account.id] = here
    return found


def worst(folders: Sequence[MailFolder]) -> MailFolder | None:
    """Of a mailbox's folders the one that tells how it is: one that fails, else the one read longest ago."""
    beginning = datetime.min.replace(tzinfo=UTC)
    return min(folders, key=lambda row: (row.error is None, row.fetched_at or beginning), default=None)


def sources_now() -> dict[int, list[SourceHealth]]:
    """The files of calls and the WeCom customer-service accounts that are read now, by account; those of former settings
    are left out."""
    found: dict[int, list[SourceHealth]] = {}
    files = {(row.account_id, row.path): row for row in session().scalars(select(CallFile))}
    for one, _every in watched():
        row = files.get((one.account_id, one.path[:400]))
        here = SourceHealth(one.path, row.read_at if row else None, (row.error or "") if row else "")
        found.setdefault(one.account_id, []).append(here)
    rows = select(KfSource).join(Account, Account.id == KfSource.account_id).where(Account.active).order_by(KfSource.id)
    for source in session().scalars(rows):
        found.setdefault(source.account_id, []).append(SourceHealth(source.open_kfid, source.synced_at, source.error or ""))
    return found


def worst_source(sources: Sequence[SourceHealth]) -> SourceHealth | None:
    """Of what an account reads the one that tells how it is: one that fails, else the one read longest ago."""
    beginning = datetime.min.replace(tzinfo=UTC)
    return min(sources, key=lambda one: (not one.error, one.read_at or beginning), default=None)


def token_error(account_id: int) -> str:
    """Why the account's platform gave no token lately, packed; empty where it did, or where none is needed."""
    return session().scalar(select(PlatformToken.error).where(PlatformToken.account_id == account_id)) or ""


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


def raw_page(
    *, state: str = "", account_id: int | None = None, text: str = "", since: datetime | None = None, before: int | None = None
) -> RawPage:
    """Payloads by state, account, words of their source, key or reason, and when they came; keyset paging by id."""
    narrow = _narrowed(account_id, text, since)
    rows = select(RawPayload).options(joinedload(RawPayload.account)).where(*narrow)
    counted = select(RawPayload.state, func.count()).where(*narrow).group_by(RawPayload.state)
    if state in STATES:
        rows = rows.where(RawPayload.state == state)
    if before is not None:
        rows = rows.where(RawPayload.id < before)
    found = list(session().scalars(rows.order_by(RawPayload.id.desc()).limit(PAGE + 1)))
    shown = found[:PAGE]
    counts = dict.fromkeys(STATES, 0) | dict(session().execute(counted).all())
    return RawPage(shown, shown[-1].id if len(found) > PAGE else None, counts, tickets_of([row.id for row in shown]))


def waiting_now(limit: int, *, account_id: int | None = None, text: str = "", since: datetime | None = None) -> list[int]:
    """Ids of payloads that failed or were never read, oldest first, within the same filters."""
    rows = select(RawPayload.id).where(RawPayload.state.in_(("failed", "new")), *_narrowed(account_id, text, since))
    return list(session().scalars(rows.order_by(RawPayload.id).limit(limit)))


def _narrowed(account_id: int | None, text: str, since: datetime | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if account_id is not None:
        found.append(RawPayload.account_id == account_id)
    if text:
        columns = (RawPayload.source, RawPayload.dedup_key, RawPayload.reason)
        found.append(or_(*(column.icontains(text, autoescape=True) for column in columns)))
    if since is not None:
        found.append(RawPayload.received_at >= since)
    return found


def tickets_of(raw_ids: Sequence[int]) -> dict[int, int]:
    """The numbers of the newest tickets that these payloads' messages came to."""
    found = session().execute(
        select(Message.raw_id, func.max(TicketConversation.ticket_id))
        .join(TicketConversation, TicketConversation.conversation_id == Message.conversation_id)
        .where(Message.raw_id.in_(raw_ids))
        .group_by(Message.raw_id)
    )
    return {raw_id: ticket_id + FIRST_NUMBER for raw_id, ticket_id in found if raw_id is not None}
