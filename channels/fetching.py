"""Mail in: each mailbox is visited in turn by one worker, and every mail is kept before the mailbox is told anything.

A mail is stored raw and committed, then moved (where that is wished), then the cursor goes on: killed between any two
lines, the next visit meets the same mails again and recognises them. \\Seen is neither trusted nor set.
"""

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError
from sqlalchemy import or_, select, update

from app.core.clock import now
from app.core.db import session
from app.core.events import record
from app.core.outbox import HOLDER, vanished
from app.core.sealing import CannotOpen
from app.core.text import pack
from app.core.uow import unit_of_work
from channels.accounts import list_accounts
from channels.email_settings import folders
from channels.events import MailboxChanged
from channels.imap import MailboxProblem, open_folder, put_away, visit
from channels.models import Account, MailFolder
from channels.oauth import ready
from channels.receiving import accept, keep_part

log = logging.getLogger("huiyin.fetching")
LEASE = timedelta(minutes=10)
LONGEST_WAIT = timedelta(minutes=15)
WATCHED_POLL = timedelta(minutes=5)
"""Between two visits of a folder whose server tells of new mails: a bell may be broken without anybody noticing."""
LONGEST_VISIT = 120.0
"""Seconds after which a visit ends and the rest waits for the next."""
CHUNK = 20
HEADER_BYTES = 262_144


@dataclass(frozen=True)
class Visit:
    """A leased folder, free of the session: what a visit needs to know."""

    folder_id: int
    account_id: int
    holder: str
    folder: str
    uidvalidity: int | None
    last_uid: int
    settings: Mapping[str, Any]

    @property
    def processed(self) -> str:
        return str(self.settings.get("imap_processed_folder") or "")


class _LeaseLost(Exception):
    """Another worker holds the folder now; what it writes counts."""


def due_folders() -> list[int]:
    """Folders whose visit is due and which nobody holds. Sees to it that every active mailbox has its row."""
    session().rollback()
    wanted = [(a.id, folder) for a in list_accounts() if a.active for folder in folders_of(a)]
    rows = {(r.account_id, r.folder): r for r in session().scalars(select(MailFolder))}
    missing = [key for key in wanted if key not in rows]
    moment = now()
    waiting = [
        row
        for key in wanted
        if (row := rows.get(key)) is not None
        and row.due_at <= moment
        and (row.leased_until is None or row.leased_until < moment)
    ]
    # Whoever has waited longest comes first: no folder starves behind slow ones.
    due = [row.id for row in sorted(waiting, key=lambda row: row.due_at)]
    session().rollback()
    if missing:
        with unit_of_work() as s:
            for account_id, folder in missing:
                there = select(MailFolder.id).where(MailFolder.account_id == account_id, MailFolder.folder == folder)
                if s.scalar(there) is None:
                    s.add(MailFolder(account_id=account_id, folder=folder))
    return due


def fetch(folder_id: int, *, max_bytes: int, stopping: Callable[[], bool] = lambda: False) -> int | None:
    """Visit one folder now. Returns how many mails were taken, or None when somebody else holds it.

    How it went stands in the folder's row afterwards: the moment, or the error in words. Opens its own units of work.
    """
    leased = _lease(folder_id)
    if leased is None:
        return None
    taken = _Taken()
    try:
        plan = _plan(folder_id, leased)
        with visit(plan.settings) as client:
            taken.idles = client.has_capability("IDLE")
            _empty(client, plan, max_bytes, stopping, taken)
    except _LeaseLost:
        session().rollback()
        log.warning("mailbox lease lost", extra={"account": folder_id})
    except MailboxProblem as problem:
        _ended(folder_id, leased, problem.reason)
    except CannotOpen:
        _ended(folder_id, leased, "保存的密码解不开：密钥换过了。请重新填写收信密码。")
    except Exception as problem:
        log.exception("mailbox visit broke", extra={"account": folder_id})
        _ended(folder_id, leased, pack("收信时出错（%(problem)s）。", problem=type(problem).__name__))
    else:
        _ended(folder_id, leased, None, taken)
    return taken.count


@dataclass
class _Taken:
    count: int = 0
    more: bool = False
    idles: bool | None = None


def _empty(
    client: IMAPClient, plan: Visit, max_bytes: int, stopping: Callable[[], bool], taken: _Taken
) -> None:
    """Take in everything behind the cursor, in chunks."""
    if plan.processed and not client.folder_exists(plan.processed):
        client.create_folder(plan.processed)
    validity, following = open_folder(client, plan.folder, readonly=not plan.processed)
    last = plan.last_uid
    if plan.uidvalidity != validity:
        first_time = plan.uidvalidity is None
        last = following - 1 if first_time and plan.settings.get("imap_start") == "new" and following else 0
        _advance(plan, validity, last)
    # "n:*" names the last mail even where its number is below n.
    waiting = sorted(uid for uid in client.search(["UID", f"{last + 1}:*"]) if uid > last)
    started = time.monotonic()
    while waiting:
        if stopping() or time.monotonic() - started > LONGEST_VISIT:
            taken.more = True
            return
        chunk, waiting = waiting[:CHUNK], waiting[CHUNK:]
        sizes = client.fetch(chunk, ["RFC822.SIZE"])
        budget = 4 * max_bytes
        for position, uid in enumerate(chunk):
            size = int(sizes.get(uid, {}).get(b"RFC822.SIZE", 0))
            if position and (budget < size or stopping()):  # the rest of this chunk after the cursor has moved
                chunk, waiting = chunk[:position], chunk[position:] + waiting
                break
            budget -= min(size, max_bytes)
            taken.count += _take(client, plan, validity, uid, size, max_bytes)
        problem = _move(client, plan, chunk)
        _advance(plan, validity, chunk[-1])
        if problem is not None:
            raise problem


def _take(client: IMAPClient, plan: Visit, validity: int, uid: int, size: int, max_bytes: int) -> int:
    """Store one mail as it is. Returns 1, or 0 when it is gone from the mailbox."""
    source = f"imap:{plan.folder}/{validity}/{uid}"
    if size > max_bytes:
        part = _content(client.fetch([uid], [f"BODY.PEEK[HEADER]<0.{HEADER_BYTES}>"]), uid)
        reason = pack(
            "这封信有 %(size)s MB，超过上限 %(limit)s MB，只取了邮件头。", size=round(size / 1e6, 1), limit=max_bytes // 1_000_000
        )
        keep_part(plan.account_id, part or b"", reason, source=source)
        return 1
    content = _content(client.fetch([uid], ["BODY.PEEK[]"]), uid)
    if content is None:
        return 0
    accept(plan.account_id, content, source=source)
    return 1


def _content(answer: Mapping[int, Mapping[bytes, Any]], uid: int) -> bytes | None:
    for name, value in answer.get(uid, {}).items():
        if name.startswith(b"BODY["):
            return bytes(value or b"")
    return None


def _move(client: IMAPClient, plan: Visit, uids: list[int]) -> MailboxProblem | None:
    """Put away what is safely stored. What cannot be moved stays where it is and is not fetched again."""
    if not plan.processed:
        return None
    try:
        put_away(client, uids, plan.processed)
    except IMAPClient.AbortError:
        raise
    except IMAPClientError as problem:
        return MailboxProblem(
            "信都收下了，但移不到文件夹「%(folder)s」（%(answer)s）。", folder=plan.processed, answer=str(problem)[:150]
        )
    return None


def folders_of(account: Account) -> list[str]:
    """The folders that an account fetches from; none where it does not fetch."""
    return folders(account.settings.get("imap_folder")) if account.settings.get("imap_host") else []


def _lease(folder_id: int) -> "_Lease | None":
    moment, holder = now(), f"{HOLDER}#{secrets.token_hex(4)}"
    with unit_of_work() as s:
        taken = s.scalars(
            update(MailFolder)
            .where(
                MailFolder.id == folder_id,
                or_(MailFolder.leased_until.is_(None), MailFolder.leased_until < moment),
            )
            .values(leased_until=moment + LEASE, holder=holder)
            .returning(MailFolder.due_at)
            .execution_options(synchronize_session=False)
        ).all()
    return _Lease(holder, taken[0]) if taken else None


@dataclass(frozen=True)
class _Lease:
    """Who holds a folder, and when it was due then: rung at meanwhile, it is due at once again."""

    holder: str
    due_at: datetime


def _plan(folder_id: int, leased: _Lease) -> Visit:
    row = session().get_one(MailFolder, folder_id, populate_existing=True)
    account = row.account
    made = Visit(row.id, row.account_id, leased.holder, row.folder, row.uidvalidity, row.last_uid, ready(account))
    session().expunge(account)
    session().rollback()
    return made


def _advance(plan: Visit, uidvalidity: int, uid: int) -> None:
    """Move the cursor behind what is stored, and hold the folder for longer. Raises _LeaseLost."""
    with unit_of_work() as s:
        held = s.scalars(
            update(MailFolder)
            .where(MailFolder.id == plan.folder_id, MailFolder.holder == plan.holder)
            .values(uidvalidity=uidvalidity, last_uid=uid, leased_until=now() + LEASE)
            .returning(MailFolder.id)
            .execution_options(synchronize_session=False)
        ).all()
        if not held:
            raise _LeaseLost


def _ended(folder_id: int, leased: _Lease, error: str | None, taken: _Taken | None = None) -> None:
    """Write down how the visit went and give the folder back. The pages are told when that changed."""
    session().rollback()
    with unit_of_work() as s:
        row = s.get(MailFolder, folder_id, with_for_update=True, populate_existing=True)
        if row is None or row.holder != leased.holder:
            return
        poll = timedelta(seconds=int(row.account.settings.get("imap_poll_seconds") or 20))
        rung = row.due_at != leased.due_at
        told = error is not None and row.error != error[:600] or error is None and row.error is not None
        row.holder = row.leased_until = None
        if error is None:
            row.fetched_at, row.failures, row.failing_since, row.error = now(), 0, None, None
            row.idles = taken.idles if taken else row.idles
            watched = row.watcher is not None and row.watched_until is not None and row.watched_until > now()
            soon = rung or (taken is not None and taken.more)
            row.due_at = now() if soon else now() + (max(poll, WATCHED_POLL) if watched else poll)
        else:
            row.failures += 1
            row.failing_since = row.failing_since or now()
            row.error = error[:600]
            row.due_at = now() + min(poll * 2 ** min(row.failures, 10), LONGEST_WAIT)
        s.flush()
        if told:
            record(MailboxChanged(account_id=row.account_id, well=error is None))
    if error is not None:
        log.warning("mailbox visit failed", extra={"account": folder_id})


def release_vanished() -> int:
    """Give back at once the folders held by processes of this machine that are gone; called when a worker starts."""
    with unit_of_work() as s:
        held = s.scalars(select(MailFolder).where(MailFolder.holder.is_not(None))).all()
        gone = [row for row in held if vanished((row.holder or "").partition("#")[0])]
        for row in gone:
            row.holder = row.leased_until = None
        for row in s.scalars(select(MailFolder).where(MailFolder.watcher.is_not(None))):
            if vanished((row.watcher or "").partition("#")[0]):
                row.watcher = row.watched_until = None
                row.due_at = now()
    return len(gone)
