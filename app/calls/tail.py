"""The clock of the files that exchanges write, on a thread of the worker: a file on a dead disk must not hold up the rest."""

import logging
import threading
import time

from flask import Flask

from app.core.db import db
from app.core.trace import begin_trace
from app.core.uow import unit_of_work
from channels.calls import forgotten, tailing

log = logging.getLogger("huiyin.calls")
LOOK_EVERY = 0.5
FORGET_EVERY = 60.0


def tail_calls(flask: Flask, stop: threading.Event) -> None:
    """Read the files of all accounts as they grow, until told to stop."""
    last: dict[tuple[int, str], float] = {}
    swept = 0.0
    while not stop.wait(LOOK_EVERY):
        begin_trace()
        with flask.app_context():
            try:
                for one, every in tailing.watched():
                    key, moment = (one.account_id, one.path), time.monotonic()
                    if moment - last.get(key, -every) >= every:
                        last[key] = moment
                        tailing.read_on(one, stop.is_set)
                if time.monotonic() - swept >= FORGET_EVERY:
                    swept = time.monotonic()
                    with unit_of_work():
                        forgotten.end_forgotten()
            except Exception as problem:
                log.warning("call files not read", extra={"problem": type(problem).__name__})
                stop.wait(2.0)
            finally:
                db.session.remove()
