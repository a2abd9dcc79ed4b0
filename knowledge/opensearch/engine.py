"""The engine for several machines: OpenSearch stores and scores, our analysis cuts and our weights rank.

    NAME-f1            an alias: the index in force. `f1` is the format
    NAME-f1-…          one physical index; `rebuild` fills a new one, switches the alias and removes the others
    NAME-lock          who writes (see lease.py)

Any number of web processes on any number of machines share it; nothing of it is kept on them.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from opensearchpy.exceptions import NotFoundError, TransportError
from opensearchpy.helpers import streaming_bulk

from knowledge import ranking
from knowledge.analysis import fingerprint, query_tokens
from knowledge.index import (
    Health,
    Hits,
    IndexAway,
    IndexDocument,
    IndexUnavailable,
    Query,
    Rarity,
    reader_keys,
)
from knowledge.opensearch import asking, showing
from knowledge.opensearch.address import Address
from knowledge.opensearch.cluster import WRITE_SECONDS, connect, refused, told
from knowledge.opensearch.counting import Counts
from knowledge.opensearch.lease import Lease, writing
from knowledge.opensearch.storing import FORMAT, creation, made_with, row

_STEP = 100
_BULK = 200


class OpenSearchIndex:
    """The `Index` protocol over an OpenSearch."""

    def __init__(self, url: str, address: Address | None = None) -> None:
        self.address = address or Address.parse(url)
        self._client = connect(self.address)
        self._alias = f"{self.address.name}-f{FORMAT}"
        self._counts = Counts(self._client, self._alias)

    # -- writing ------------------------------------------------------------------------------------------------

    def put(self, documents: Iterable[IndexDocument]) -> int:
        rows = {document.id: row(document) for document in documents}
        if rows:
            self._write({"_op_type": "index", "_id": number, **content} for number, content in rows.items())
        return len(rows)

    def drop(self, ids: Iterable[str]) -> int:
        wanted = list(dict.fromkeys(ids))
        return self._write({"_op_type": "delete", "_id": number} for number in wanted) if wanted else 0

    def _write(self, actions: Iterable[dict[str, Any]]) -> int:
        """Send changes to the index in force and make them seen; the number of documents that it had before."""
        with told(self.address), writing(self._client, self.address):
            self._physical()
            changed = self._send(self._alias, actions)
            self._client.indices.refresh(index=self._alias, params={"request_timeout": WRITE_SECONDS})
        return changed

    def _send(self, index: str, actions: Iterable[dict[str, Any]]) -> int:
        answers = streaming_bulk(
            self._client,
            actions,
            index=index,
            chunk_size=_BULK,
            max_chunk_bytes=8 << 20,
            max_retries=5,
            initial_backoff=1,
            # A delete of what is not there is no error.
            raise_on_error=False,
            raise_on_exception=True,
            request_timeout=WRITE_SECONDS,
        )
        known = 0
        for good, answer in answers:
            ((verb, result),) = answer.items()
            if not good and not (verb == "delete" and result.get("status") == 404):
                raise refused(self.address, result)
            known += result.get("result") in ("deleted", "updated")
        return known

    def rebuild(self, documents: Iterable[IndexDocument], progress: Callable[[int], None] | None = None) -> int:
        name = f"{self._alias}-{time.time_ns():x}"
        count = 0

        def counted() -> Iterator[dict[str, Any]]:
            nonlocal count
            for document in documents:
                yield {"_op_type": "index", "_id": document.id, **row(document)}
                count += 1
                if progress and count % _STEP == 0:
                    progress(count)

        with told(self.address), writing(self._client, self.address) as lease:
            self._client.indices.create(index=name, body=creation(fingerprint()), params={"request_timeout": WRITE_SECONDS})
            try:
                self._send(name, counted())
                self._client.indices.refresh(index=name, params={"request_timeout": WRITE_SECONDS})
                self._switch(name, lease)
            except BaseException:
                self._client.indices.delete(index=name, params={"ignore_unavailable": "true"})
                raise
            self._counts.forget()
        if progress:
            progress(count)
        return count

    def _switch(self, name: str, lease: Lease) -> None:
        """The alias points to the new index from one moment to the next; only then do the others go."""
        lease.check()
        others = [index for index in self._client.indices.get(index=f"{self.address.name}-f*") if index != name]
        removed = [{"remove": {"index": index, "alias": self._alias, "must_exist": False}} for index in others]
        added = {"add": {"index": name, "alias": self._alias}}
        self._client.indices.update_aliases(body={"actions": [*removed, added]})
        if others:
            self._client.indices.delete(index=",".join(others), params={"ignore_unavailable": "true"})

    def remove(self) -> None:
        """Take all that stands under our name out of the cluster, but for the lock: for measuring and for tests."""
        with told(self.address), writing(self._client, self.address):
            ours = list(self._client.indices.get(index=f"{self.address.name}-f*"))
            if ours:
                self._client.indices.delete(index=",".join(ours))

    def _physical(self) -> str:
        """The index that the alias stands for. Raises IndexUnavailable where there is none."""
        try:
            (name,) = self._client.indices.get_alias(name=self._alias)
        except NotFoundError:
            raise IndexUnavailable(detail="还没有建立") from None
        return str(name)

    # -- reading ------------------------------------------------------------------------------------------------

    def search(self, query: Query) -> Hits:
        wanted = query_tokens(query.text)
        if not wanted or not reader_keys(query.reader) or query.limit < 0:
            return Hits(0)
        with told(self.address):
            rarities = self._counts.of(wanted)
            plan = ranking.plan(wanted, rarities.documents, lambda terms: [rarities.df(term) for term in terms])
            if not plan.terms:
                return Hits(0)
            answer = self._ask(asking.body(query, plan, rarities))
        return showing.hits(query, plan, answer)

    def rarity(self, terms: Sequence[tuple[str, str]]) -> Rarity:
        with told(self.address):
            known = self._counts.of_terms(terms)
        return Rarity(known.documents, {term: known.df(term) for term in terms})

    def _ask(self, body: dict[str, Any]) -> dict[str, Any]:
        params = {"allow_partial_search_results": "false"}
        try:
            answer: dict[str, Any] = self._client.search(index=self._alias, body=body, params=params)
        except TransportError as problem:
            # A rebuild removes the old index, maybe while it is being searched; the alias names the new one by then.
            if not isinstance(problem.status_code, int) or problem.status_code == 400:
                raise
            answer = self._client.search(index=self._alias, body=body, params=params)
        if answer.get("timed_out") or answer["_shards"].get("failed"):
            raise IndexAway(where=str(self.address), detail="the search ran out of time")
        return answer

    def health(self, deep: bool = False) -> Health:
        """`deep` searches once as well; OpenSearch compares the sums of its files itself."""
        try:
            with told(self.address):
                name = self._physical()
                return self._health(name, deep)
        except IndexAway as problem:
            return Health("away", str(problem))
        except IndexUnavailable as problem:
            missing = problem.data.get("detail") == "还没有建立"
            return Health("missing" if missing else "damaged", str(problem.data.get("detail", "")))

    def _health(self, name: str, deep: bool) -> Health:
        state = self._client.cluster.health(index=name)
        if state["status"] == "red":
            return Health("away", f"{self.address}: shards of {name} are missing")
        if deep:
            self._client.search(index=name, body={"size": 1}, params={"allow_partial_search_results": "false"})
        documents = self._client.count(index=name)["count"]
        stats = self._client.indices.stats(index=name, metric=["segments", "store"], params={"level": "shards"})
        inside = stats["indices"][name]["primaries"]
        shards = [shard for copies in stats["indices"][name]["shards"].values() for shard in copies]
        mapping = self._client.indices.get_mapping(index=name)[name]["mappings"]
        outdated = mapping.get("_meta") != made_with(fingerprint())
        return Health(
            "outdated" if outdated else "ready",
            "词典或分词规则已更新，请重建索引" if outdated else "",
            documents,
            max((shard["seq_no"]["max_seq_no"] for shard in shards), default=-1),
            inside["segments"]["count"],
            inside["store"]["size_in_bytes"],
        )

    def close(self) -> None:
        self._client.close()


class PassingIndex(OpenSearchIndex):
    """An index of its own beside the one in force, gone when it is closed: for measuring."""

    def __init__(self, url: str) -> None:
        address = Address.parse(url)
        super().__init__(url, replace(address, name=f"{address.name}-passing-{secrets.token_hex(4)}"))

    def close(self) -> None:
        self.remove()
        self._client.indices.delete(index=f"{self.address.name}-lock", params={"ignore_unavailable": "true"})
        super().close()
