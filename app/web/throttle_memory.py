"""Counters of the throttle in memory: the library's own, without a thread for each request that is counted."""

import time

from limits.storage import MemoryStorage


class CalmMemory(MemoryStorage):
    """The library sweeps expired counters after every hit, each time in a new thread; that cost a tenth of a search page.
    Reading a counter looks at its end by itself, so that sweeping now and then is enough."""

    STORAGE_SCHEME = ["calm-memory"]
    SWEEP_EVERY = 10.0

    _swept_at = float("-inf")

    def _MemoryStorage__schedule_expiry(self) -> None:  # the library calls it by this name
        if time.monotonic() - self._swept_at >= self.SWEEP_EVERY:
            self._swept_at = time.monotonic()
            super()._MemoryStorage__schedule_expiry()  # type: ignore[misc]
