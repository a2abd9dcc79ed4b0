"""The door bell of a mailbox (IMAP IDLE): a second connection that waits until the server tells of a new mail.

It takes nothing in: it makes the folder due, and the visit does the rest. So a bell that breaks, or rings for
nothing, costs a visit and never a mail; and without one the mailbox is simply looked at every few seconds.
"""

import logging
import secrets
import time
from collections.abc import Callable
from datetime import timedelta

from imapclient import IMAPClient
from sqlalchemy import or_, select, update

from app.core.clock import now
from app.core.db import session
from app.core.outbox import HOLDER
from app.core.sealing import CannotOpen
from app.core.uow import unit_of_work
from channels.accounts import list_accounts
from channels.fetching import folders_of
from channels.imap import MailboxProblem, open_folder, visit
from channels.models import MailFolder
from channels.oauth import ready

log = logging.getLogger("huiyin.idling")
STEP = 1.0
"""Seconds of one wait for the bell; so long does it take at most until a stop is seen."""
RENEW = 540.0
"""Seconds after which IDLE is said again: servers hang up after 29 minutes, home routers after ten."""
HOLD = 20.0
"""Seconds between two looks whether the bell is still ours and the account unchanged."""
LEASE = timedelta(seconds=90)
AFTER_TROUBLE = timedelta(seconds=60)


def unwatched() -> list[int]:
    """Folders that can be read, whose server has a bell, and at which nobody listens."""
    session().rollback()
    wanted = {
        (a.id, folder) for a in list_accounts() if a.active and a.settings.get("imap_idle") != "no" for folder in folders_of(a)
    }
    free = or_(MailFolder.watched_until.is_(None), MailFolder.watched_until < now())
    rows = session().scalars(select(MailFolder).where(MailFolder.idles.is_(True), MailFolder.error.is_(None), free))
    found = [row.id for row in rows if (row.account_id, row.folder) in wanted]
    session().rollback()
    return found


def watch(folder_id: int, *, stopping: Callable[[], bool] = lambda: False) -> None:
    """Listen at one folder until told to stop, until the account changes or the line breaks. Opens its own units of work."""
    holder = f"{HOLDER}#{secrets.token_hex(4)}"
    if not _hold(folder_id, holder, first=True):
        return
    again = timedelta(0)
    try:
        row = session().get_one(MailFolder, folder_id, populate_existing=True)
        folder, account = row.folder, row.account
        settings = ready(account)
        session().expunge(account)
        session().rollback()
        with visit(settings) as client:
            open_folder(client, folder, readonly=True)
            _ring(folder_id, holder)  # something may have come between the last visit and this moment
            _listen(client, folder_id, holder, stopping)
    except (MailboxProblem, CannotOpen) as problem:
        again = AFTER_TROUBLE
        log.info("bell broke", extra={"account": folder_id, "problem": type(problem).__name__})
    finally:
        _leave(folder_id, holder, again)


def _listen(client: IMAPClient, folder_id: int, holder: str, stopping: Callable[[], bool]) -> None:
    held = time.monotonic()
    while not stopping():
        client.idle()
        began = time.monotonic()
        while not stopping() and time.monotonic() - began < RENEW:
            asked = time.monotonic()
            heard = client.idle_check(timeout=STEP)
            if any(_is_news(one) for one in heard):
                _ring(folder_id, holder)
            if not heard and time.monotonic() - asked < STEP / 2:
                break  # the library tells nothing of a line that was cut: the next command finds out
            if time.monotonic() - held > HOLD:
                held = time.monotonic()
                if not _hold(folder_id, holder):
                    return
        client.idle_done()


def _is_news(answer: object) -> bool:
    return isinstance(answer, tuple) and any(word in (b"EXISTS", b"RECENT", b"BYE") for word in answer)


def _hold(folder_id: int, holder: str, *, first: bool = False) -> bool:
    """Take the bell, or keep it. False when somebody else has it, or the account was changed."""
    moment = now()
    free = or_(MailFolder.watched_until.is_(None), MailFolder.watched_until < moment) if first else MailFolder.watcher == holder
    return _write(folder_id, free, watcher=holder, watched_until=moment + LEASE)


def _ring(folder_id: int, holder: str) -> None:
    _write(folder_id, MailFolder.watcher == holder, due_at=now())


def _leave(folder_id: int, holder: str, again: timedelta) -> None:
    """Give the bell back; from now on the folder is looked at as often as one without."""
    session().rollback()
    _write(folder_id, MailFolder.watcher == holder, watcher=None, watched_until=now() + again if again else None, due_at=now())


def _write(folder_id: int, condition: object, **values: object) -> bool:
    with unit_of_work() as s:
        done = s.scalars(
            update(MailFolder)
            .where(MailFolder.id == folder_id, condition)  # type: ignore[arg-type]
            .values(**values)
            .returning(MailFolder.id)
            .execution_options(synchronize_session=False)
        ).all()
    return bool(done)
