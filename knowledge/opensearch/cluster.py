"""The one door to OpenSearch: its client, and its many ways of failing as one error in words.

Searching must never take a failure for "nothing found", so everything that is not an answer is raised: no connection,
no such index, a shard that is missing, a search that ran out of time.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opensearchpy import OpenSearch
from opensearchpy.exceptions import (
    AuthenticationException,
    AuthorizationException,
    ConnectionError,
    NotFoundError,
    OpenSearchException,
    TransportError,
)

from knowledge.index import IndexAway, IndexUnavailable
from knowledge.opensearch.address import Address

SEARCH_SECONDS = 5
WRITE_SECONDS = 60
CONNECTIONS = 64

# The client tells each failed request with a traceback; it comes to us as an error, and is told once.
logging.getLogger("opensearch").setLevel(logging.CRITICAL)


def connect(address: Address) -> OpenSearch:
    """A client for many threads. Nothing is asked yet."""
    return OpenSearch(
        hosts=[{"host": address.host, "port": address.port}],
        http_auth=(address.user, address.password) if address.user else None,
        use_ssl=address.tls,
        verify_certs=address.tls,
        timeout=SEARCH_SECONDS,
        max_retries=1,
        pool_maxsize=CONNECTIONS,
    )


@contextmanager
def told(address: Address) -> Iterator[None]:
    """Whatever the cluster raises becomes IndexUnavailable, or IndexAway where making the index anew would not help."""
    try:
        yield
    except NotFoundError as problem:
        raise IndexUnavailable(detail="还没有建立") from problem
    except (AuthenticationException, AuthorizationException) as problem:
        raise IndexAway(where=str(address), detail=f"{problem.status_code} {problem.error}") from problem
    except ConnectionError as problem:
        raise IndexAway(where=str(address), detail=_unreached(problem)) from problem
    except TransportError as problem:
        detail = f"{problem.status_code} {reason(problem)}"
        if isinstance(problem.status_code, int) and 400 <= problem.status_code < 500 and problem.status_code != 429:
            raise IndexUnavailable(detail=detail) from problem
        raise IndexAway(where=str(address), detail=detail) from problem
    except OpenSearchException as problem:
        raise IndexUnavailable(detail=f"{type(problem).__name__}: {problem}"[:300]) from problem


def _unreached(problem: ConnectionError) -> str:
    told = str(problem.info or problem.error)
    return told.rpartition("object at ")[2].partition(": ")[2] or told[:200]


def reason(problem: TransportError) -> str:
    """The innermost reason that the cluster gives, in one line."""
    info: Any = problem.info
    cause = info.get("error") if isinstance(info, dict) else None
    if isinstance(cause, dict):
        roots = cause.get("root_cause") or [cause]
        return f"{roots[0].get('type')}: {roots[0].get('reason')}"[:300]
    return str(cause or problem.error)[:300]


def refused(address: Address, result: dict[str, Any]) -> IndexUnavailable:
    """One document of many that was not taken."""
    cause = result.get("error") or {}
    words = f"{cause.get('type')}: {cause.get('reason')}" if isinstance(cause, dict) else str(cause)
    status = result.get("status", 500)
    if isinstance(status, int) and 400 <= status < 500 and status != 429:
        return IndexUnavailable(detail=words[:300])
    return IndexAway(where=str(address), detail=words[:300])
