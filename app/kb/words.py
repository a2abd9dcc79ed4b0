"""The worker's hand for the file of words that suggestions and other spellings come from: a thread of its own, with pauses,
so that nothing else waits for it."""

import logging
import threading
import time

from flask import Flask

from app.core.db import db
from knowledge import lexicon_making
from knowledge.indexing import words_folder

log = logging.getLogger("huiyin.search")
LOOK_EVERY = 30.0
PAUSE = 0.002
"""Seconds between two stretches of titles, for the worker's other hands."""


def keep_words(flask: Flask, stop: threading.Event) -> None:
    """Look every half minute whether the file has to be made, until told to stop."""
    folder = words_folder(flask.extensions["settings"])

    def pause() -> None:
        if stop.wait(PAUSE):
            raise SystemExit  # ends this thread alone; the file before stays in force

    while not stop.is_set():
        try:
            with flask.app_context():
                flask.extensions["open_index"]()  # titles are cut by the words of this house
                begun = time.thread_time()
                if why := lexicon_making.ensure(folder, pause):
                    log.info("words of titles written", extra={"problem": why, "seconds": round(time.thread_time() - begun, 1)})
                db.session.remove()
        except Exception as problem:
            log.warning("words of titles not written", extra={"problem": type(problem).__name__})
        stop.wait(LOOK_EVERY)
