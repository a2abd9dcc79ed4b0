"""How much each visitor and address may send: token buckets, in this process or, with Redis, shared by all.

Without Redis, and while it cannot be reached, each process counts for itself: nobody is turned away because a counter
is gone.
"""

import logging
import math
import time
from collections import OrderedDict
from threading import Lock
from typing import Any

log = logging.getLogger("huiyin.chat")
REMEMBERED = 10_000
BROKEN_FOR = 5.0
"""Seconds for which a Redis that failed is not asked again."""
_TAKE = """
local most, rate = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local row = redis.call('HMGET', KEYS[1], 'left', 'at')
local left, at = tonumber(row[1]) or most, tonumber(row[2]) or now
left = math.min(most, left + math.max(0, now - at) * rate)
local wait = 0
if left >= 1 then left = left - 1 else wait = math.max(1, math.ceil((1 - left) / rate)) end
redis.call('HSET', KEYS[1], 'left', tostring(left), 'at', tostring(now))
redis.call('EXPIRE', KEYS[1], math.ceil(most / rate) + 60)
return wait
"""


class Shared:
    """The Redis that several web processes count in; None where there is only one process."""

    def __init__(self, url: str = "") -> None:
        self.url = url
        self._client: Any = None
        self._script: Any = None
        self._broken_at = -BROKEN_FOR
        self._lock = Lock()

    def client(self) -> Any:
        """The connection pool; opens nothing before it is used."""
        with self._lock:
            if self._client is None and self.url:
                import redis

                self._client = redis.Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=1)
                self._script = self._client.register_script(_TAKE)
            return self._client

    def take(self, name: str, most: int, per_second: float) -> int | None:
        """Take one from the bucket that all processes share; None where it cannot be asked."""
        if not self.url or time.monotonic() - self._broken_at < BROKEN_FOR:
            return None
        try:
            self.client()
            return int(self._script(keys=[f"huiyin:chat:{name}"], args=[most, per_second]))
        except Exception as problem:
            self._broken_at = time.monotonic()
            log.warning("redis not reached; this process counts alone", extra={"problem": type(problem).__name__})
            return None


class Buckets:
    """Token buckets by name, the longest unused forgotten first. `take` returns 0, or the seconds to wait."""

    def __init__(self, most: int, per_second: float, kind: str = "", shared: Shared | None = None) -> None:
        self.most, self.per_second, self.kind, self.shared = most, per_second, kind, shared
        self._left: OrderedDict[Any, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, name: Any, per_second: float | None = None) -> int:
        rate = per_second or self.per_second
        if self.shared is not None:
            told = self.shared.take(f"{self.kind}:{name}", self.most, rate)
            if told is not None:
                return told
        with self._lock:
            now = time.monotonic()
            left, at = self._left.pop(name, (float(self.most), now))
            left = min(float(self.most), left + (now - at) * rate)
            wait = 0 if left >= 1 else max(1, math.ceil((1 - left) / rate))
            self._left[name] = (left if wait else left - 1, now)
            while len(self._left) > REMEMBERED:
                self._left.popitem(last=False)
            return wait
