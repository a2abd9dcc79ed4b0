"""Counts readers without a write per request: views wait in memory for a few seconds and are written together.

A killed process loses those seconds; being read is a hint for editors and no record of anything.
"""

import logging
import threading
from collections import Counter

from flask import Flask, current_app, request

from app.core.uow import unit_of_work
from app.kb.search_log import note_opened
from knowledge import searching
from knowledge.models import Article

log = logging.getLogger("huiyin.web")
WAIT_SECONDS = 5.0
ROBOTS = ("bot", "spider", "crawl", "slurp", "preview", "monitor", "curl", "wget", "python-")


class Reads:
    """What was read since the last writing, of this process."""

    def __init__(self, flask: Flask) -> None:
        self._flask = flask
        self._lock = threading.Lock()
        self._views: Counter[int] = Counter()
        self._timer: threading.Timer | None = None

    def note(self, article: Article) -> None:
        """One more reader."""
        with self._lock:
            self._views[article.id] += 1
            if self._timer is None and not self._flask.testing:
                self._timer = threading.Timer(WAIT_SECONDS, self._in_context)
                self._timer.daemon = True
                self._timer.start()

    def write(self) -> None:
        """Write what was noted, in an app context."""
        with self._lock:
            views, self._timer = self._views, None
            self._views = Counter()
        if not views:
            return
        with unit_of_work() as s:
            for article_id, times in views.items():
                if (article := s.get(Article, article_id)) is not None:
                    for _ in range(times):
                        searching.count_view(article)

    def _in_context(self) -> None:
        try:
            with self._flask.app_context():
                self.write()
        except Exception as problem:  # a lost count is not worth a crashed thread
            log.warning("views not counted", extra={"problem": type(problem).__name__})


def init_app(flask: Flask) -> None:
    flask.extensions["reads"] = Reads(flask)


def note_read(article: Article, search_key: str = "") -> None:
    """Count this request as a reader, who came from this search, unless a robot sent it."""
    agent = request.user_agent.string.lower()
    if request.method == "GET" and not any(word in agent for word in ROBOTS):
        current_app.extensions["reads"].note(article)
        if search_key:
            note_opened(search_key, article.id)
