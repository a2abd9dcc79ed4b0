"""For those who watch the house: is the process alive, is it ready, how much does it do."""

import logging
import time

from flask import Blueprint, Flask, Response, abort, current_app, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import text

from app.core import outbox
from app.core.db import session
from app.queries.raw import accounts_with_health
from app.viewer import public

log = logging.getLogger("huiyin.request")
QUIET = frozenset({"health.healthz", "health.readyz", "health.metrics", "static"})
blueprint = Blueprint("health", __name__)
REGISTRY = CollectorRegistry()
REQUESTS = Counter("huiyin_http_requests", "Answers by endpoint and status.", ["endpoint", "status"], registry=REGISTRY)
SECONDS = Histogram(
    "huiyin_http_seconds",
    "Time to answer.",
    ["endpoint"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
OUTBOX = Gauge("huiyin_outbox_rows", "Outbox rows by state.", ["state"], registry=REGISTRY)
UNSENT = Gauge("huiyin_messages_unsent", "Messages of the last week that did not leave, by account and state.", ["account", "state"], registry=REGISTRY)
UNREAD = Gauge("huiyin_payloads_unread", "Raw payloads that could not be understood, by account.", ["account"], registry=REGISTRY)
WELL = Gauge("huiyin_account_well", "1 when nothing is wrong with a channel account.", ["account", "kind"], registry=REGISTRY)
TROUBLED = Gauge("huiyin_account_refused", "1 while the platform refuses an account: its token, address, rights or quota.", ["account", "kind"], registry=REGISTRY)
READ_FAILS = Gauge("huiyin_account_reading_fails", "1 while a mailbox, call file or WeCom account cannot be read.", ["account", "kind"], registry=REGISTRY)
LAST_READ = Gauge("huiyin_account_last_read_timestamp_seconds", "When a mailbox, call file or WeCom account was last read.", ["account"], registry=REGISTRY)
SPOKE = Gauge("huiyin_account_last_sent_timestamp_seconds", "When something last left by an account.", ["account"], registry=REGISTRY)
HEARD = Gauge("huiyin_account_last_received_timestamp_seconds", "When something last came by an account.", ["account"], registry=REGISTRY)
OUTBOX_AGE = Gauge("huiyin_outbox_age_seconds", "How long the oldest due outbox row waits.", registry=REGISTRY)


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)
    flask.before_request(_start)
    flask.after_request(_count)


def _start() -> None:
    g.started = time.perf_counter()


def _count(response: Response) -> Response:
    endpoint = request.endpoint or "none"
    REQUESTS.labels(endpoint, response.status_code).inc()
    if "started" in g and not request.path.startswith("/socket.io"):
        seconds = time.perf_counter() - g.started
        SECONDS.labels(endpoint).observe(seconds)
        if endpoint not in QUIET:
            # The endpoint and not the path: a path may hold a signed link.
            log.info(
                "request",
                extra={
                    "method": request.method,
                    "endpoint": endpoint,
                    "status": response.status_code,
                    "ms": round(seconds * 1000, 1),
                    "user_id": getattr(g.get("actor"), "id", None),
                },
            )
    return response


@blueprint.get("/healthz")
@public
def healthz() -> dict[str, str]:
    """200 while the process lives; asks nobody."""
    return {"status": "ok"}


@blueprint.get("/readyz")
@public
def readyz() -> tuple[dict[str, object], int]:
    """200 when requests can be served, else 503; names the part that is missing."""
    database, age = "ok", 0.0
    try:
        session().execute(text("select 1"))
        age = outbox.oldest_due_age()
    except Exception as problem:
        session().rollback()
        database = type(problem).__name__
    index = current_app.extensions.get("index_health", lambda: "ok")()
    good = database == "ok" and index == "ok"
    return {"database": database, "index": index, "outbox_age_s": round(age, 1)}, 200 if good else 503


@blueprint.get("/metrics")
@public
def metrics() -> Response:
    """Prometheus text, for this machine only unless HUIYIN_METRICS_OPEN=1."""
    if not current_app.extensions["settings"].metrics_open and not _from_here():
        abort(403)
    for state, number in outbox.counts().items():
        OUTBOX.labels(state).set(number)
    OUTBOX_AGE.set(outbox.oldest_due_age())
    _set_accounts()
    return Response(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _set_accounts() -> None:
    """The accounts as they are now; one that is gone is not told of any more."""
    for gauge in (UNSENT, UNREAD, WELL, HEARD, SPOKE, TROUBLED, READ_FAILS, LAST_READ):
        gauge.clear()
    for one in accounts_with_health():
        slug = one.account.slug
        for state, number in (("queued", one.waiting), ("failed", one.failed), ("undecided", one.undecided)):
            UNSENT.labels(slug, state).set(number)
        UNREAD.labels(slug).set(one.unread)
        WELL.labels(slug, one.account.kind).set(one.well)
        if one.account.last_received_at:
            HEARD.labels(slug).set(one.account.last_received_at.timestamp())
        if one.account.last_sent_at:
            SPOKE.labels(slug).set(one.account.last_sent_at.timestamp())
        TROUBLED.labels(slug, one.account.kind).set(bool(one.token_error or one.trouble))
        if one.read_at or one.reading_fails:
            READ_FAILS.labels(slug, one.account.kind).set(bool(one.reading_fails))
        if one.read_at:
            LAST_READ.labels(slug).set(one.read_at.timestamp())


def _from_here() -> bool:
    """Whether a program of this machine asks. A proxy of this machine that asks for somebody else does not count, also
    where nobody has told us of it."""
    forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"))
    return request.remote_addr in ("127.0.0.1", "::1") and not forwarded
