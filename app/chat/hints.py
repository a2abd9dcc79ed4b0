"""What is only for the moment (somebody types, somebody looks at another page), told to the other web processes.

Words and answers need none of this: every process reads them from the table of events. A hint is not worth a row, so
with several processes it goes through Redis, and is lost where Redis is.
"""

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from app.chat.limits import Shared

log = logging.getLogger("huiyin.chat")
TOPIC = "huiyin:chat:hints"
AFTER_FAILURE = 2.0
LARGEST = 2000
Hear = Callable[[str, dict[str, Any]], None]


class Hints:
    """Says a hint here and, where there is Redis, in every other process. `hear` is called with each."""

    def __init__(self, shared: Shared, hear: Hear) -> None:
        self.shared, self.hear = shared, hear
        self.me = secrets.token_hex(8)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def say(self, name: str, content: dict[str, Any]) -> None:
        """Tell everybody, this process included. Never fails."""
        self.hear(name, content)
        if not self.shared.url:
            return
        try:
            text = json.dumps({"from": self.me, "name": name, "content": content})
            self.shared.client().publish(TOPIC, text)
        except Exception as problem:
            log.warning("hint not passed on", extra={"problem": type(problem).__name__})

    def listen(self) -> None:
        """Follow what other processes say, from the first page on; harmless when called again."""
        with self._lock:
            if not self.shared.url or self._thread is not None:
                return
            self._thread = threading.Thread(target=self._run, name="huiyin-hints", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the following."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                heard = self.shared.client().pubsub(ignore_subscribe_messages=True)
                heard.subscribe(TOPIC)
                while not self._stop.is_set():
                    found = heard.get_message(timeout=1.0)
                    if found is not None:
                        self._take(found["data"])
            except Exception as problem:
                log.warning("hints of others not heard", extra={"problem": type(problem).__name__})
                time.sleep(AFTER_FAILURE)

    def _take(self, raw: bytes) -> None:
        if len(raw) > LARGEST:
            return
        try:
            said = json.loads(raw)
            name, content, me = said["name"], said["content"], said["from"]
        except (ValueError, KeyError, TypeError):
            return
        if me != self.me and isinstance(name, str) and isinstance(content, dict):
            try:
                self.hear(name, content)
            except Exception:
                log.exception("a hint broke")
