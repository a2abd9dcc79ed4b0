"""Fetching: the callback is only a doorbell, the messages are asked for, page by page.

The cursor behind a page and the raw payloads of that page are committed together; understanding follows. Killed between
any two lines, the worker's clock understands what lies there, and the next visit goes on behind it. One process at a time
reads an account: a lease, as for mailboxes.
"""

import json
import logging
import re
import secrets
import time
from datetime import timedelta
from typing import Any

from sqlalchemy import or_, select, update

from app.core.clock import now
from app.core.db import session
from app.core.events import record
from app.core.files import put_bytes
from app.core.outbox import HOLDER, vanished
from app.core.text import pack
from app.core.uow import unit_of_work
from channels.accounts import list_accounts
from channels.base import SendFailed
from channels.models import Account
from channels.receiving import keep_raw, understand
from channels.wecom import api, people, states
from channels.wecom.events import DoorbellRang
from channels.wecom.models import KfSource
from channels.wecom.settings import POLL_MINUTES

log = logging.getLogger("huiyin.wecom")
LEASE = timedelta(minutes=3)
LONGEST_VISIT = 20.0
"""Seconds after which a visit ends and the rest is the next one's."""
PAGE = 1000
MOST_STUCK = 3
"""Pages in a row that bring nothing new although more is said to wait."""
TOKEN_LIFE = timedelta(minutes=9)
LONGEST_WAIT = timedelta(minutes=15)
_KFID = re.compile(r"[0-9A-Za-z_-]{1,64}")


class _LeaseLost(Exception):
    """Another process reads the account now; what it writes counts."""


def ring(account: Account, open_kfid: str, token: str = "") -> KfSource | None:
    """Somebody wrote, says the platform: note it and have the worker fetch. None for a name that cannot be one.
    Within the caller's unit of work."""
    if not _KFID.fullmatch(open_kfid):
        return None
    source = _source(account.id, open_kfid)
    source.rings += 1
    if token and len(token) <= 200:
        source.token, source.token_at = token, now()
    session().flush()
    record(DoorbellRang(source_id=source.id))
    return source


def _source(account_id: int, open_kfid: str) -> KfSource:
    rows = select(KfSource).where(KfSource.account_id == account_id, KfSource.open_kfid == open_kfid)
    found = session().scalar(rows.with_for_update())
    if found is None:
        found = KfSource(account_id=account_id, open_kfid=open_kfid, rings=0, failures=0)
        session().add(found)
        session().flush()
    return found


def ring_due() -> int:
    """The worker's clock: look at every account whose time has come, in case a call was lost. Returns how many."""
    session().rollback()
    with unit_of_work() as s:
        for account in list_accounts():
            if account.kind == "wecom" and account.active:
                for name in str(account.settings.get("open_kfids") or "").split():
                    _source(account.id, name)
        due = s.scalars(select(KfSource).where(KfSource.due_at <= now()).order_by(KfSource.id).with_for_update()).all()
        rung = [source for source in due if source.account.active]
        for source in rung:
            source.due_at = now() + _poll(source)
            record(DoorbellRang(source_id=source.id))
    return len(rung)


def sync(source_id: int) -> int | None:
    """Fetch what is new. Returns how many messages were new, or None when somebody else is at it: they look again
    before they leave. How it went stands in the row. Opens its own units of work; asks the platform."""
    holder = _lease(source_id)
    if holder is None:
        return None
    visit = _Visit(source_id, holder)
    try:
        visit.run()
    except _LeaseLost:
        session().rollback()
        log.warning("lease of a customer-service account lost", extra={"source": source_id})
    except SendFailed as problem:
        visit.ended(problem.reason)
    except api.KfRefused as problem:
        visit.ended(api.as_failure(problem).reason)
    except Exception as problem:
        log.exception("customer-service visit broke", extra={"source": source_id})
        visit.ended(pack("取信时出错（%(problem)s）。", problem=type(problem).__name__))
    else:
        visit.ended(None)
    return visit.count


class _Visit:
    """One visit under a lease."""

    def __init__(self, source_id: int, holder: str) -> None:
        self.source_id, self.holder = source_id, holder
        self.count, self.rings, self.more = 0, 0, False

    def run(self) -> None:
        started, stuck = time.monotonic(), 0
        while True:
            account, open_kfid, asked = self._plan()
            if not account.active:
                return
            page = api.call(account, "kf/sync_msg", asked)
            items = [one for one in page.get("msg_list") or [] if isinstance(one, dict)]
            following = page.get("next_cursor")
            moved = isinstance(following, str) and bool(following) and following != asked.get("cursor")
            fresh = self._keep(account.id, items, following if moved else None)
            self._understand(fresh)
            self._people(account, open_kfid, items)
            stuck = 0 if moved or fresh else stuck + 1
            if page.get("has_more") != 1 or stuck > MOST_STUCK:
                return
            if time.monotonic() - started > LONGEST_VISIT:
                self.more = True
                return

    def _plan(self) -> tuple[Account, str, dict[str, Any]]:
        """The account, free of the session, and what to ask: the newest cursor and the newest token."""
        source = session().get_one(KfSource, self.source_id, populate_existing=True)
        if source.holder != self.holder:
            raise _LeaseLost
        account, self.rings = source.account, source.rings
        asked: dict[str, Any] = {"open_kfid": source.open_kfid, "limit": PAGE, "voice_format": 0}
        if source.cursor:
            asked["cursor"] = source.cursor
        if source.token and source.token_at is not None and now() - source.token_at < TOKEN_LIFE:
            asked["token"] = source.token
        session().refresh(account)
        session().expunge(account)
        session().rollback()
        return account, str(asked["open_kfid"]), asked

    def _keep(self, account_id: int, items: list[dict[str, Any]], cursor: str | None) -> list[int]:
        """Store the page and its cursor in one transaction. Returns the ids of payloads that were not here before."""
        raws = [(one, json.dumps(one, sort_keys=True).encode()) for one in items]
        for _one, raw in raws:
            put_bytes(raw)  # on the disk before the unit of work begins
        fresh: list[int] = []
        with unit_of_work() as s:
            values: dict[str, Any] = {"leased_until": now() + LEASE, **({"cursor": cursor[:200]} if cursor else {})}
            held = s.scalars(
                update(KfSource)
                .where(KfSource.id == self.source_id, KfSource.holder == self.holder)
                .values(**values)
                .returning(KfSource.id)
                .execution_options(synchronize_session=False)
            ).all()
            if not held:
                raise _LeaseLost
            for one, raw in raws:
                number = one.get("msgid")
                key = f"kf:{number}" if isinstance(number, str) and number else None
                row, new = keep_raw(account_id, raw, source=f"kf:{one.get('open_kfid', '')}", dedup_key=key)
                if new:
                    fresh.append(row.id)
        self.count += len(fresh)
        return fresh

    def _understand(self, fresh: list[int]) -> None:
        for raw_id in fresh:
            try:
                understand(raw_id)
            except Exception:  # it lies there as new; the worker's clock takes it up
                session().rollback()
                log.exception("a kept message is understood later", extra={"raw_id": raw_id})

    def _people(self, account: Account, open_kfid: str, items: list[dict[str, Any]]) -> None:
        """Take the sessions of those who wrote into our hands, and learn their names. Neither holds up the fetching."""
        wrote = [one.get("external_userid") for one in items if one.get("origin") == 3]
        users = [user for user in dict.fromkeys(wrote) if isinstance(user, str) and user]
        try:
            states.take_over(account, open_kfid, users)
            people.learn(account, users)
        except (SendFailed, api.KfRefused) as problem:
            session().rollback()
            log.warning("session or name not fetched", extra={"account": account.id, "problem": str(problem)[:200]})

    def ended(self, error: str | None) -> None:
        """Write down how it went and give the account back; when somebody rang meanwhile, or more waits, look again."""
        session().rollback()
        with unit_of_work() as s:
            row = s.get(KfSource, self.source_id, with_for_update=True, populate_existing=True)
            if row is None or row.holder != self.holder:
                return
            row.holder = row.leased_until = None
            if error is None:
                row.synced_at, row.failures, row.failing_since, row.error = now(), 0, None, None
                row.due_at = now() + _poll(row)
                if self.more or row.rings != self.rings:
                    record(DoorbellRang(source_id=row.id))
            else:
                row.failures += 1
                row.failing_since, row.error = row.failing_since or now(), error[:600]
                wait = min(timedelta(seconds=15) * 2 ** min(row.failures, 8), LONGEST_WAIT)
                row.due_at = now() + wait  # the worker's clock comes back: one chain of attempts, however often it rang
        if error is not None:
            log.warning("customer-service account not read", extra={"source": self.source_id})


def release_vanished() -> int:
    """Give back at once what is held by processes of this machine that are gone; called when a worker starts."""
    with unit_of_work() as s:
        held = s.scalars(select(KfSource).where(KfSource.holder.is_not(None))).all()
        gone = [row for row in held if vanished((row.holder or "").partition("#")[0])]
        for row in gone:
            row.holder = row.leased_until = None
    return len(gone)


def sources_of(account_id: int) -> list[KfSource]:
    """How each customer-service account of an account stands, for pages and the doctor."""
    return list(session().scalars(select(KfSource).where(KfSource.account_id == account_id).order_by(KfSource.id)))


def _lease(source_id: int) -> str | None:
    moment, holder = now(), f"{HOLDER}#{secrets.token_hex(4)}"
    with unit_of_work() as s:
        taken = s.scalars(
            update(KfSource)
            .where(KfSource.id == source_id, or_(KfSource.leased_until.is_(None), KfSource.leased_until < moment))
            .values(leased_until=moment + LEASE, holder=holder)
            .returning(KfSource.id)
            .execution_options(synchronize_session=False)
        ).all()
    return holder if taken else None


def _poll(source: KfSource) -> timedelta:
    return timedelta(minutes=int(source.account.settings.get("poll_minutes") or POLL_MINUTES))
