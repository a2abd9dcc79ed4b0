"""The worker's hands for bulk imports: a thread of their own, so that a thick manual holds up no message."""

import logging
import threading

from flask import Flask

from app.core.db import db
from app.core.trace import begin_trace
from knowledge.intake import jobs, leases

log = logging.getLogger("huiyin.import")
LOOK_EVERY = 0.5


def work_imports(flask: Flask, stop: threading.Event) -> None:
    """Take imports as they come, until told to stop. What is half done is gone on with by whoever comes next."""
    with flask.app_context():
        try:
            leases.release_vanished()
        except Exception as problem:
            log.warning("imports of vanished workers not freed", extra={"problem": type(problem).__name__})
    while not stop.is_set():
        try:
            with flask.app_context():
                busy = work_once(stop)
                db.session.remove()
        except Exception as problem:
            log.warning("import not done", extra={"problem": type(problem).__name__})
            busy = False
        stop.wait(0.0 if busy else LOOK_EVERY)


def work_once(stop: threading.Event | None = None) -> bool:
    """Do one import as far as it goes now; False when none waits."""
    job_id = leases.claim()
    if job_id is None:
        return False
    begin_trace()
    while (stop is None or not stop.is_set()) and jobs.work(job_id):
        pass
    return True
