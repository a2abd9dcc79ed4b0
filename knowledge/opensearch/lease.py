"""One writer at a time, on any machine: a document that its holder keeps alive and a successor waits for.

No clocks are compared: a waiting writer takes over when the document has not changed for a whole lease by its own
clock, and the change itself is refused by OpenSearch if anybody was faster.
"""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opensearchpy import OpenSearch
from opensearchpy.exceptions import ConflictError, NotFoundError, OpenSearchException, RequestError

from knowledge.index import IndexAway
from knowledge.opensearch.address import Address

LEASE = 20.0
"""Seconds without a sign of life after which the lock of a vanished writer is taken over."""
_BEAT = LEASE / 4
_LONGEST_PAUSE = 0.2
_ID = "writer"
_made: set[tuple[str, int, str]] = set()


class Lease:
    """Held by the one who writes. `check()` before a step that only the holder may take."""

    def __init__(self, client: OpenSearch, address: Address) -> None:
        self._client, self._address = client, address
        self._index = f"{address.name}-lock"
        self._holder = secrets.token_hex(8)
        self._mark: dict[str, int] = {}
        self._guard = threading.Lock()
        self._done = threading.Event()

    def check(self) -> None:
        """Raises IndexAway when another writer has taken over meanwhile, because we were stopped for too long."""
        try:
            self._beat()
        except ConflictError as problem:
            raise IndexAway(where=str(self._address), detail="another writer has taken over") from problem

    def wait(self) -> None:
        self._make()
        seen, since, pause = None, time.monotonic(), 0.01
        while True:
            try:
                self._note(self._client.create(index=self._index, id=_ID, body=self._body()))
                return
            except ConflictError:
                pass
            except NotFoundError:  # removed, in a cluster that makes no index by itself
                _made.clear()
                self._make()
                continue
            try:
                now = self._client.get(index=self._index, id=_ID)
            except NotFoundError:
                continue
            mark = (now["_seq_no"], now["_primary_term"])
            if mark != seen:
                seen, since = mark, time.monotonic()
            elif time.monotonic() - since > LEASE:
                self._mark = {"if_seq_no": mark[0], "if_primary_term": mark[1]}
                try:
                    self._beat()
                    return
                except ConflictError:
                    continue
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def keep(self) -> None:
        """Show signs of life until `leave`."""
        while not self._done.wait(_BEAT):
            try:
                self._beat()
            except ConflictError:
                return
            except OpenSearchException:
                continue  # the next one may get through; `check` has the last word

    def leave(self) -> None:
        self._done.set()
        with self._guard:
            try:
                self._client.delete(index=self._index, id=_ID, params=self._mark)
            except OpenSearchException:
                pass  # it runs out by itself

    def _beat(self) -> None:
        with self._guard:
            self._note(self._client.index(index=self._index, id=_ID, body=self._body(), params=self._mark))

    def _note(self, answer: Any) -> None:
        self._mark = {"if_seq_no": answer["_seq_no"], "if_primary_term": answer["_primary_term"]}

    def _body(self) -> dict[str, str]:
        return {"holder": self._holder}

    def _make(self) -> None:
        key = (self._address.host, self._address.port, self._index)
        if key in _made:
            return
        settings = {"number_of_shards": 1, "auto_expand_replicas": "0-1"}
        try:
            self._client.indices.create(index=self._index, body={"settings": settings})
        except RequestError as problem:
            if problem.error != "resource_already_exists_exception":
                raise
        _made.add(key)


@contextmanager
def writing(client: OpenSearch, address: Address) -> Iterator[Lease]:
    """Wait for the lock and hold it."""
    lease = Lease(client, address)
    lease.wait()
    keeper = threading.Thread(target=lease.keep, name="index-lease", daemon=True)
    keeper.start()
    try:
        yield lease
    finally:
        lease.leave()
