"""The clock of the mailboxes. Each visit has a thread of its own, so that a server that is slow or dead holds up neither
what is sent nor the other mailboxes; so has each wait for a server that tells of new mails by itself."""

import logging
import threading
from collections.abc import Callable

from flask import Flask

from app.config import Settings
from app.core.db import db
from app.core.trace import begin_trace
from channels import fetching, idling

log = logging.getLogger("huiyin.fetcher")
AT_ONCE = 16
LISTENING = 64
"""Bells that one worker listens at, each on a thread and a connection of its own; further mailboxes are polled."""
LOOK_EVERY = 1.0


def fetch_mail(flask: Flask, stop: threading.Event) -> None:
    """Visit mailboxes as they become due, until told to stop. Threads that still wait for a server are left behind:
    what they had stored is stored, the rest is fetched next time."""
    settings: Settings = flask.extensions["settings"]
    busy: set[int] = set()
    bells: set[int] = set()
    guard = threading.Lock()

    def one(folder_id: int) -> None:
        fetching.fetch(folder_id, max_bytes=settings.max_mail_mb * 1_000_000, stopping=stop.is_set)

    def bell(folder_id: int) -> None:
        idling.watch(folder_id, stopping=stop.is_set)

    def run(work: Callable[[int], None], folder_id: int, mine: set[int]) -> None:
        begin_trace()
        try:
            with flask.app_context():
                work(folder_id)
                db.session.remove()
        except Exception as problem:
            log.warning("mailbox not visited", extra={"account": folder_id, "problem": type(problem).__name__})
        finally:
            with guard:
                mine.discard(folder_id)

    def start(work: Callable[[int], None], folder_ids: list[int], mine: set[int], most: int) -> None:
        for folder_id in folder_ids:
            with guard:
                if folder_id in mine or len(mine) >= most:
                    continue
                mine.add(folder_id)
            threading.Thread(target=run, args=(work, folder_id, mine), name=f"mail-{folder_id}", daemon=True).start()

    released = False
    while not stop.is_set():
        try:
            with flask.app_context():
                if not released:
                    fetching.release_vanished()
                    released = True
                due, silent = fetching.due_folders(), idling.unwatched()
                db.session.remove()
        except Exception as problem:
            log.warning("mailboxes not looked at", extra={"problem": type(problem).__name__})
            due, silent = [], []
        start(one, due, busy, AT_ONCE)
        start(bell, silent, bells, LISTENING)
        stop.wait(LOOK_EVERY)
