"""Clock and hands of the outbox. The only file that names the task library: the table is the queue of record, Huey only
says when to look at it. A lost poke costs a second, never a job.
"""

import logging
import os
import signal
import threading
import time
from datetime import timedelta
from typing import Any

from flask import Flask
from huey import Huey, RedisHuey, SqliteHuey, crontab
from huey.consumer import Consumer
from sqlalchemy.exc import OperationalError

from app.calls.tail import tail_calls
from app.config import Settings
from app.core import outbox
from app.core.clock import now
from app.core.db import db
from app.core.idempotency import forget_old_keys
from app.core.logins import forget_logins
from app.core.trace import begin_trace
from app.core.uow import on_every_commit, unit_of_work
from app.fetcher import fetch_mail
from app.kb import loop_tick, similar
from app.kb.imports import work_imports
from app.kb.loop_told import remind_overdue
from app.kb.told import note_all_links, remind_reviews
from app.kb.words import keep_words
from app.sla_alarms import raise_alarms
from channels.app_users import forget_uploads
from channels.receiving import pick_up
from channels.sessions import end_silent
from channels.visitors import forget_visitors
from channels.wecom import syncing
from knowledge.files import forget_baskets
from knowledge.indexing import ensure

log = logging.getLogger("huiyin.worker")
POKE_EVERY = 0.05
LOOK_AT_INDEX = 30.0
"""Seconds between two looks at whether the files of the index are whole: one `stat` each."""


def make_huey(settings: Settings) -> Huey:
    """Tasks wait in a file of their own (Huey locks it exclusively), or in Redis where several machines work."""
    if settings.redis_url:
        return RedisHuey("huiyin", url=settings.redis_url, results=False)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return SqliteHuey("huiyin", filename=str(settings.data_dir / "pokes.sqlite3"), results=False, fsync=False)


def init_app(flask: Flask) -> None:
    """Poke the worker after each commit of this process."""
    settings: Settings = flask.extensions["settings"]
    flask.extensions["poker"] = Poker(settings)
    on_every_commit(flask.extensions["poker"].poke)


class Poker:
    """Tells the worker that there may be work; at most one poke waits at a time. Never fails the request that pokes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._huey: Huey | None = None
        self._last = 0.0
        self._lock = threading.Lock()

    def poke(self) -> None:
        if time.monotonic() - self._last < POKE_EVERY:
            return
        with self._lock:
            self._last = time.monotonic()
            try:
                if self._huey is None:
                    self._huey = make_huey(self._settings)
                    _declare(self._huey, None)
                if self._huey.pending_count() == 0:
                    self._huey.enqueue(self._huey.huiyin_poke.s())
            except Exception as problem:
                log.warning("worker not poked", extra={"problem": type(problem).__name__})


def _declare(huey: Huey, flask: Flask | None) -> None:
    """Name the tasks; only the worker itself has the app to run them in."""

    def look() -> None:
        if flask is not None:
            look_at_outbox(flask)

    huey.huiyin_poke = huey.task(name="poke")(look)
    def tick() -> None:
        if flask is not None:
            with flask.app_context():
                pick_up()
                syncing.ring_due()
                with unit_of_work():
                    end_silent()
            look_at_outbox(flask)
            with flask.app_context(), unit_of_work():
                raise_alarms()
                remind_reviews()
                remind_overdue()
            with flask.app_context():
                note_all_links()
            with flask.app_context():
                loop_tick.every_minute(flask.extensions["settings"])

    huey.huiyin_tick = huey.periodic_task(crontab(minute="*"), name="tick")(tick)
    huey.huiyin_sweep = huey.periodic_task(crontab(minute="17", hour="*"), name="sweep")(
        lambda: sweep(flask) if flask is not None else None
    )


def look_at_outbox(flask: Flask) -> int:
    """Do everything that is due. Returns how many rows were taken."""
    settings: Settings = flask.extensions["settings"]
    total = 0
    begin_trace()
    with flask.app_context():
        while taken := outbox.drain(
            20, lease_seconds=settings.outbox_lease_seconds, max_attempts=settings.outbox_attempts, slow=False
        ):
            total += taken
    return total


def sweep(flask: Flask) -> int:
    """Forget finished rows and old events, so that the log of events does not grow for ever."""
    from sqlalchemy import delete, select

    from app.core.events import DONE, EventRow, OutboxRow

    settings: Settings = flask.extensions["settings"]
    with flask.app_context():
        before = now() - timedelta(days=settings.event_days)
        with unit_of_work() as s:
            s.execute(delete(OutboxRow).where(OutboxRow.state == DONE, OutboxRow.finished_at < before))
            gone = s.execute(
                delete(EventRow).where(
                    EventRow.at < before, EventRow.id.not_in(select(OutboxRow.event_id).distinct())
                )
            )
            forget_old_keys()
            forget_visitors()
            forget_uploads()
            forget_baskets()
            forget_logins(now() - timedelta(days=2 * settings.session_days))
        return int(getattr(gone, "rowcount", 0))


class Worker:
    """The worker process: Huey's consumer for pokes and the clock, and one thread that wakes for rows due later."""

    def __init__(self, flask: Flask) -> None:
        self.flask = flask
        self.settings: Settings = flask.extensions["settings"]
        self.huey = make_huey(self.settings)
        _declare(self.huey, flask)
        self._stop = threading.Event()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT. What is in hand is finished; what is not comes back by its lease."""
        freed = self._free_vanished()
        log.info("worker started", extra={"count": freed, "pid": os.getpid()})
        alarm = threading.Thread(target=self._watch_due, name="due", daemon=True)
        alarm.start()
        threading.Thread(target=fetch_mail, args=(self.flask, self._stop), name="mail", daemon=True).start()
        threading.Thread(target=tail_calls, args=(self.flask, self._stop), name="calls", daemon=True).start()
        threading.Thread(target=work_imports, args=(self.flask, self._stop), name="import", daemon=True).start()
        threading.Thread(target=keep_words, args=(self.flask, self._stop), name="words", daemon=True).start()
        threading.Thread(target=self._do_slow, name="slow", daemon=True).start()
        consumer = Consumer(self.huey, workers=1, periodic=True, initial_delay=0.05, backoff=1.3, max_delay=0.25)
        consumer._set_signal_handlers = lambda: None
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._leave)
        consumer.start()
        self._mend_index()
        looked = time.monotonic()
        while not self._stop.wait(0.2):
            if time.monotonic() - looked > LOOK_AT_INDEX:
                self._mend_damaged()
                looked = time.monotonic()
        consumer.stop(graceful=False)
        log.info("worker stopped", extra={"pid": os.getpid()})

    def _free_vanished(self) -> int:
        """What a killed worker held is free again. A database that is busy or away for a while ends no worker."""
        while True:
            try:
                with self.flask.app_context():
                    freed = outbox.release_vanished()
                    syncing.release_vanished()
                    return freed
            except OperationalError as problem:
                log.warning("outbox not reachable", extra={"problem": type(problem).__name__})
                if self._stop.wait(2.0):
                    return 0

    def _mend_index(self) -> None:
        """A missing or damaged index is made anew from the database, and said so."""
        with self.flask.app_context():
            try:
                if ensure(self.flask.extensions["open_index"]()):
                    log.warning("search index was made anew")
                if similar.ensure(self.flask.extensions["open_ticket_index"]()):
                    log.info("index of solved tickets was made anew")
            except Exception:
                log.exception("search index cannot be made")

    def _mend_damaged(self) -> None:
        """What was lost or cut short while everything ran is made anew as well; the sums are left to the next start."""
        with self.flask.app_context():
            try:
                for name, mend in (("open_index", ensure), ("open_ticket_index", similar.ensure)):
                    index = self.flask.extensions[name]()
                    if index.health().state in ("missing", "damaged") and mend(index):
                        log.warning("search index was damaged and is made anew", extra={"problem": name})
            except Exception:
                log.exception("search index cannot be made")
            finally:
                db.session.remove()

    def _do_slow(self) -> None:
        """What takes minutes has a hand of its own, so that no message waits for it."""
        while not self._stop.wait(0.5):
            try:
                with self.flask.app_context():
                    begin_trace()
                    outbox.drain(1, lease_seconds=self.settings.outbox_lease_seconds, max_attempts=self.settings.outbox_attempts, slow=True)
                    db.session.remove()
            except Exception as problem:
                log.warning("outbox not reachable", extra={"problem": type(problem).__name__})
                self._stop.wait(2.0)

    def _leave(self, number: int, frame: Any) -> None:
        self._stop.set()

    def _watch_due(self) -> None:
        """Retries, holds and silences are due at moments that no commit announces."""
        while not self._stop.wait(1.0):
            try:
                with self.flask.app_context():
                    wait = outbox.next_due_in()
                    db.session.remove()
                if wait == 0.0:
                    look_at_outbox(self.flask)
            except Exception as problem:
                log.warning("outbox not reachable", extra={"problem": type(problem).__name__})
                self._stop.wait(2.0)
