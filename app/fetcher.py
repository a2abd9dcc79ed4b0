"""The clock of the mailboxes. Each visit has a thread of its own, so that a server that is slow or dead holds up neither
what is sent nor the other mailboxes."""

import logging
import threading

from flask import Flask

from app.config import Settings
from app.core.db import db
from app.core.trace import begin_trace
from channels import fetching

log = logging.getLogger("huiyin.fetcher")
AT_ONCE = 8
LOOK_EVERY = 1.0


def fetch_mail(flask: Flask, stop: threading.Event) -> None:
    """Visit mailboxes as they become due, until told to stop. Threads that still wait for a server are left behind:
    what they had stored is stored, the rest is fetched next time."""
    settings: Settings = flask.extensions["settings"]
    busy: set[int] = set()
    guard = threading.Lock()

    def one(folder_id: int) -> None:
        begin_trace()
        try:
            with flask.app_context():
                fetching.fetch(folder_id, max_bytes=settings.max_mail_mb * 1_000_000, stopping=stop.is_set)
                db.session.remove()
        except Exception as problem:
            log.warning("mailbox not visited", extra={"account": folder_id, "problem": type(problem).__name__})
        finally:
            with guard:
                busy.discard(folder_id)

    released = False
    while not stop.is_set():
        try:
            with flask.app_context():
                if not released:
                    fetching.release_vanished()
                    released = True
                due = fetching.due_folders()
                db.session.remove()
        except Exception as problem:
            log.warning("mailboxes not looked at", extra={"problem": type(problem).__name__})
            due = []
        for folder_id in due:
            with guard:
                if folder_id in busy or len(busy) >= AT_ONCE:
                    continue
                busy.add(folder_id)
            threading.Thread(target=one, args=(folder_id,), name=f"mail-{folder_id}", daemon=True).start()
        stop.wait(LOOK_EVERY)
