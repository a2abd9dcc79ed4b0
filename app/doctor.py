"""Is everything there that the desk needs? Each check says what it found and, when broken, what to do."""

import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.config import Settings
from app.core import migrate, outbox
from app.core.clock import now
from app.core.db import db, session
from app.core.sealing import CannotOpen
from app.core.text import unpack
from app.queries.raw import accounts_with_health, mailboxes_now, sources_now, worst
from channels.accounts import list_accounts, opened
from channels.fetching import WATCHED_POLL
from knowledge.index import Index

Check = dict[str, Any]
LATE = timedelta(minutes=10)
"""A mailbox not read for so long beyond its turn is not well: the worker does not run, or is held up."""


def healthy(checks: list[Check]) -> bool:
    return all(check["ok"] for check in checks if check["required"])


def examine(flask: Flask) -> list[Check]:
    """Run every check; one that breaks is reported as broken and does not stop the others."""
    settings: Settings = flask.extensions["settings"]
    checks: list[Check] = []

    def check(name: str, required: bool, advice: str, look: Callable[[], tuple[bool, str]]) -> None:
        try:
            ok, detail = look()
        except Exception as problem:
            session().rollback()
            ok, detail = False, f"{type(problem).__name__}: {problem}".splitlines()[0][:300]
            if isinstance(problem, DBAPIError) and any(c["name"] == "migrations" and not c["ok"] for c in checks):
                detail, advice = "not looked at: the database comes first", "run: flask desk init"
        checks.append({"name": name, "ok": ok, "required": required, "detail": detail, "advice": "" if ok else advice})

    check("data folder", True, f"make {settings.data_dir} writable for this user", lambda: _folder(settings))
    check("database", True, "check HUIYIN_DATABASE_URL and that the server runs", _database)
    check("migrations", True, "run: flask desk init", lambda: _migrations())
    check("signing key", True, "remove HUIYIN_SECRET_KEY or give it at least 32 characters", lambda: _key(settings))
    check("browser libraries", True, "run: make setup", lambda: _assets())
    mend = "run: flask knowledge reindex"
    if settings.search_url:
        mend = f"check HUIYIN_SEARCH_URL and that OpenSearch runs, then {mend}"
    check("search index", True, mend, lambda: _index(settings, flask.extensions["open_index"]()))
    check("outbox", False, "look at: flask desk outbox --state dead", _outbox)
    check("mail in", False, "see /admin/channels, or: flask channel account set SLUG imap_…", _mail_in)
    check("calls and WeCom in", False, "see /admin/channels; the worker must be able to read the files", _sources)
    check("channels", False, "see /admin/channels and: flask channel raw --state failed", _channels)
    check("sealed passwords", False, "flask channel account reseal --old-key-file FILE, or set the passwords anew", _sealed)
    check("disk space", False, "free some space on the disk of the data folder", lambda: _disk(settings))
    if settings.redis_url:
        check("redis", True, "check HUIYIN_REDIS_URL and that the server runs", lambda: _redis(settings))
    return checks


def _folder(settings: Settings) -> tuple[bool, str]:
    folder = settings.data_dir
    return folder.is_dir() and os.access(folder, os.W_OK), str(folder.resolve())


def _database() -> tuple[bool, str]:
    session().execute(text("select 1"))
    return True, db.engine.dialect.name


def _migrations() -> tuple[bool, str]:
    current = migrate.is_current(db.engine)
    return current, "up to date" if current else "the database is older than this release"


def _key(settings: Settings) -> tuple[bool, str]:
    length = len(settings.signing_key())
    return length >= 32, f"{length} characters"


def _assets() -> tuple[bool, str]:
    from app.assets import manifest

    names = manifest()
    return bool(names), f"{len(names)} files"


def _index(settings: Settings, index: Index) -> tuple[bool, str]:
    health = index.health()
    where = settings.search_url.rpartition("@")[2].removeprefix("opensearch://")
    engine = f"OpenSearch at {where}" if where else "embedded"
    told = f"{health.documents} articles, " if health.usable else ""
    return health.usable, f"{told}{health.reason} ({engine})"


def _outbox() -> tuple[bool, str]:
    counts = outbox.counts()
    age = outbox.oldest_due_age()
    detail = ", ".join(f"{state} {number}" for state, number in counts.items()) + f"; oldest waits {age:.0f} s"
    return counts["dead"] == 0 and counts["undecided"] == 0 and age < 300, detail


def _mail_in() -> tuple[bool, str]:
    """Each fetched mailbox: when it was last read, or what is wrong."""
    well, said, folders = True, [], mailboxes_now()
    for account in list_accounts():
        row = worst(folders.get(account.id, []))
        if row is None:
            continue
        poll = timedelta(seconds=int(account.settings.get("imap_poll_seconds") or 20))
        patience = LATE + 3 * (max(poll, WATCHED_POLL) if row.watcher else poll)
        well = well and not row.error and row.fetched_at is not None and now() - row.fetched_at < patience
        seen = f"last read {row.fetched_at:%Y-%m-%d %H:%M} UTC" if row.fetched_at else "never read"
        said.append(f"{account.slug}: {unpack(row.error)} ({seen})" if row.error else f"{account.slug}: {seen}")
    return well, "; ".join(said)[:600] or "no mailbox is fetched"


def _sources() -> tuple[bool, str]:
    """Each file of calls and each customer-service account of WeCom: when something was read last, or what is wrong."""
    well, said, found = True, [], sources_now()
    for account in list_accounts():
        patience = LATE + 3 * timedelta(minutes=int(account.settings.get("poll_minutes") or 5))
        for one in found.get(account.id, []):
            late = account.kind == "wecom" and (one.read_at is None or now() - one.read_at > patience)
            well = well and not one.error and not late
            seen = f"last read {one.read_at:%Y-%m-%d %H:%M} UTC" if one.read_at else "nothing read yet"
            said.append(f"{account.slug} {one.name}: {unpack(one.error)} ({seen})" if one.error else f"{account.slug} {one.name}: {seen}")
    return well, "; ".join(said)[:600] or "no file of calls and no WeCom account is read"


def _channels() -> tuple[bool, str]:
    """Each account with payloads that nobody could read, messages that did not leave, or a platform that refuses it."""
    said = []
    for one in accounts_with_health():
        parts = [f"{number} {what}" for number, what in ((one.unread, "not understood"), (one.failed, "not sent"), (one.undecided, "undecided")) if number]
        parts += [unpack(why) for why in (one.token_error, one.trouble) if why]
        said += [f"{one.account.slug}: {', '.join(parts)}"] if parts and one.account.active else []
    return not said, "; ".join(said)[:600] or "all accounts are well"


def _sealed() -> tuple[bool, str]:
    lost = []
    for account in list_accounts():
        try:
            opened(account)
        except CannotOpen:
            lost.append(account.slug)
    return not lost, "cannot be opened: " + ", ".join(lost) if lost else "can be opened"


def _disk(settings: Settings) -> tuple[bool, str]:
    free = shutil.disk_usage(settings.data_dir).free
    return free > 1_000_000_000, f"{free / 1e9:.1f} GB free"


def _redis(settings: Settings) -> tuple[bool, str]:
    from redis import Redis

    return bool(Redis.from_url(settings.redis_url, socket_timeout=3).ping()), "answers"
