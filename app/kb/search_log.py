"""Searches are written down many at a time, a second later and by another thread: an answer never waits for the database.

A process that is told to leave writes what it still holds; one that is killed loses a second of its log. Tests write at
once.
"""

import hashlib
import logging
import threading
import time

from flask import Flask, current_app, has_request_context
from flask import session as cookie
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.core.db import db, session
from app.core.people import User
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from knowledge.access import reader_for
from knowledge.index import Hits, Reader
from knowledge.loop import search_log

log = logging.getLogger("huiyin.search")
LEAVING_SECONDS = 1.5


class SearchLogger:
    """The buffer of this process and the thread that writes it; the thread lives only while there is something to write."""

    def __init__(self, flask: Flask) -> None:
        settings = flask.extensions["settings"]
        self.buffer = search_log.SearchBuffer(settings.search_log_most)
        self._flask = flask
        self._wait = settings.search_log_wait_ms / 1000
        self._batch = settings.search_log_batch
        self._full = threading.Event()
        self._begin = threading.Lock()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None

    def note(self, noted: search_log.Noted) -> None:
        """Take a search; it is in the log soon."""
        self._come(self.buffer.note(noted))

    def opened(self, key: str, article_id: int) -> None:
        """A hit of a search was opened."""
        self.buffer.opened(key, article_id)
        self._come(1)

    def _come(self, waiting: int) -> None:
        if self._flask.testing:
            return
        if waiting >= self._batch:
            self._full.set()
        if self._thread is None or not self._thread.is_alive():
            with self._begin:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._run, name="search-log", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        """Write every second, or sooner when many wait; end when nothing came for a minute."""
        idle = time.monotonic()
        while time.monotonic() - idle < 60:
            self._full.wait(self._wait)
            self._full.clear()
            if len(self.buffer):
                idle = time.monotonic()
                self.flush()

    def flush(self) -> bool:
        """Write what waits; what cannot be written waits on. True when nothing is left undone."""
        with self._writing:
            searches, opened = self.buffer.take()
            if not searches and not opened:
                return True
            try:
                with self._flask.app_context():
                    later = self._write(searches, opened)
            except Exception as problem:  # a busy or missing database is no reason to lose them, nor to tell the reader
                self.buffer.give_back(searches, opened)
                log.warning("searches wait for the database", extra={"problem": type(problem).__name__, "count": len(searches)})
                return False
            self.buffer.give_back((), later)
            return True

    def _write(self, searches: list[search_log.Noted], opened: search_log.Opened) -> search_log.Opened:
        try:
            for start in range(0, len(searches), 500):
                with unit_of_work():
                    search_log.write(searches[start : start + 500])
            with unit_of_work():
                return search_log.write_opened(opened)
        finally:
            db.session.remove()

    def leave(self) -> None:
        """This process ends: write now, but do not hold it back."""
        last = threading.Thread(target=self.flush, daemon=True)
        last.start()
        last.join(LEAVING_SECONDS)


def init_app(flask: Flask) -> None:
    flask.extensions["search_log"] = SearchLogger(flask)


def note_search(
    actor: Actor, text: str, hits: Hits, where: str, product_id: int | None = None, reader: Reader | None = None
) -> str:
    """Remember a search and give it its key, at once. Works on no row and fails no request."""
    noted = search_log.noted(reader or reader_for(actor), text, hits, where, product_id, _contact(actor), browser())
    logger = current_app.extensions["search_log"]
    if current_app.testing:
        with unit_of_work():
            search_log.write([noted])
    else:
        logger.note(noted)
    return noted.key


def note_opened(key: str, article_id: int) -> None:
    """A hit of the search with this key was opened."""
    logger = current_app.extensions["search_log"]
    if current_app.testing:
        with unit_of_work():
            search_log.mark(key, article_id)
    else:
        logger.opened(key, article_id)


def note_asker(contact_id: int | None) -> None:
    """The person behind this browser made themselves known by asking us: their searches of the last day were theirs."""
    name = browser()
    if contact_id is None or not name:
        return
    current_app.extensions["search_log"].flush()
    try:
        with unit_of_work():
            search_log.claim(name, contact_id)
    except OperationalError:
        session().rollback()


def browser() -> str:
    """A name for an anonymous browser, made from the secret that its forms carry anyway: nothing is set to follow it."""
    secret = cookie.get("csrf_token") if has_request_context() else None
    return hashlib.sha256(f"search:{secret}".encode()).hexdigest()[:24] if secret else ""


def _contact(actor: Actor) -> int | None:
    """Which person asks, if we know."""
    if actor.kind == "contact":
        return actor.id
    if actor.kind != "user" or actor.role != "client" or actor.id is None:
        return None
    return session().scalar(select(User.contact_id).where(User.id == actor.id))
