"""What every answer carries and every request passes: trace id, throttle, headers, CSRF; and the files of pages."""

import gzip
import re
import time
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, g, request, send_from_directory
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from app import viewer
from app.assets import IMMUTABLE, STATIC, asset_url, is_immutable
from app.config import Settings
from app.core.clock import now
from app.core.trace import begin_trace, request_id
from app.web.throttle_memory import CalmMemory

LOGIN_FAILURES = "20 per minute; 200 per hour"
"""Wrong passwords from one address; right ones are not counted, because an office shares one address."""

CSP = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "media-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "worker-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-src": "'self'",  # the chat, on our own pages
    "frame-ancestors": "'none'",
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
}
PACKED = {"text/html", "text/javascript", "text/plain", "text/csv", "application/json", "application/xml"}
PACKED_FROM = 1024
"""Bytes from which an answer travels as gzip; below, the header costs as much as it saves."""
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d+)?|\[[0-9a-fA-F:]+\](:\d+)?")


class PageSessions(SecureCookieSessionInterface):
    """Cookies live as long as pages are used, but only pages renew them: a file that is kept for ever, or an answer of
    the API, must not carry one."""

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        if request.endpoint == "static" or request.blueprint == "health" or viewer.is_api():
            return False
        return super().should_set_cookie(app, session)


csrf = CSRFProtect()
limiter = Limiter(
    key_func=get_remote_address,
    application_limits=[lambda: f"{current_app.extensions['settings'].api_per_minute} per minute"],
    application_limits_exempt_when=lambda: not viewer.is_api(),
    strategy="fixed-window",
)


def init_app(flask: Flask) -> None:
    """Put the steps before a view in their order: trace, who asks, throttle, CSRF, the door."""
    settings: Settings = flask.extensions["settings"]
    flask.config.update(
        SESSION_COOKIE_NAME="__Host-huiyin" if settings.https else "huiyin",
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.https,
        PERMANENT_SESSION_LIFETIME=settings.session_days * 24 * 3600,
        WTF_CSRF_CHECK_DEFAULT=False,  # _check_form does it, because the API and the hooks carry no cookies
        WTF_CSRF_TIME_LIMIT=None,  # as long as the login: an agent's page is open all day
        RATELIMIT_STORAGE_URI=_storage(settings.redis_url),
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=bool(settings.redis_url),
        RATELIMIT_KEY_PREFIX="huiyin",
    )
    flask.session_interface = PageSessions()
    flask.before_request(_trace)
    flask.before_request(viewer.load)
    limiter.init_app(flask)
    csrf.init_app(flask)
    flask.before_request(_check_form)
    flask.before_request(viewer.gate)
    flask.after_request(_finish)
    flask.add_url_rule("/static/<path:filename>", "static", static_file)
    flask.jinja_env.globals["asset"] = asset


def trust_proxies(flask: Flask) -> None:
    """Believe as many X-Forwarded-* as there are proxies. Called last, so that Socket.IO sees the same address."""
    count = flask.extensions["settings"].trusted_proxies
    if count:
        wrapped = ProxyFix(flask.wsgi_app, x_for=count, x_proto=count, x_host=count)
        flask.wsgi_app = wrapped  # type: ignore[method-assign]


def _storage(redis_url: str) -> str:
    if not redis_url:
        return f"{CalmMemory.STORAGE_SCHEME[0]}://"
    return "redis+" + redis_url if redis_url.startswith("unix") else redis_url


def _trace() -> None:
    g.asked_at = now()
    begin_trace(request.headers.get("X-Request-ID"))


def _check_form() -> None:
    """Whatever a cookie vouches for must come from a page of ours."""
    if current_app.config["WTF_CSRF_ENABLED"] and not viewer.is_api() and not request.path.startswith("/hooks/"):
        csrf.protect(apply_exemptions=True)


def check_token() -> None:
    """For a view that is exempt for one kind of request alone: every other must come from a page of ours."""
    if current_app.config["WTF_CSRF_ENABLED"]:
        csrf.protect()


def _finish(response: Response) -> Response:
    """A view may say something stricter or, for a widget's frame, something else: what it set stays."""
    headers = response.headers
    if current_app.extensions["settings"].demo:  # the 演示台 shows pages of this house in frames
        headers.setdefault("Content-Security-Policy", policy(frame_ancestors="'self'"))
        headers.setdefault("X-Frame-Options", "SAMEORIGIN")
    headers.setdefault("Content-Security-Policy", policy())
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if not headers["X-Frame-Options"]:  # a page that others may frame: it has no word for "some", its policy has
        del headers["X-Frame-Options"]
    if current_app.extensions["settings"].https:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    if request_id():
        headers["X-Request-ID"] = request_id() or ""
    if request.endpoint != "static" or response.status_code >= 400:
        headers.setdefault("Cache-Control", "private, no-cache" if viewer.is_api() else "private, no-store")
    if response.status_code == 429 and "Retry-After" not in headers:
        limit = limiter.current_limit
        headers["Retry-After"] = str(max(1, int(limit.reset_at - time.time()) + 1) if limit else 60)
    _pack(response)
    return response


def _pack(response: Response) -> None:
    """Send a page or JSON as gzip: a ticket's page shrinks to a sixth.

    Not over TLS when another site made the browser ask with our cookie: whoever can watch the lengths of such answers
    could guess what stands in them (BREACH). A browser says so itself (Sec-Fetch-Site); one too old to say it gets the
    page as it is. Without a cookie there is nothing to guess, and without TLS nothing is hidden.
    """
    if response.mimetype not in PACKED or response.is_streamed or "Content-Encoding" in response.headers:
        return
    response.vary.add("Accept-Encoding")
    body = response.get_data()
    if response.status_code in {204, 206, 304} or len(body) < PACKED_FROM or not request.accept_encodings["gzip"] > 0:
        return
    ours = request.headers.get("Sec-Fetch-Site") in {"same-origin", "none"}
    if (current_app.extensions["settings"].https or request.is_secure) and request.cookies and not ours:
        return
    response.set_data(gzip.compress(body, 5, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    tag, weak = response.get_etag()
    if tag and not weak and not viewer.is_api():  # of a row it is the version, which If-Match compares strictly
        response.set_etag(tag, weak=True)


def policy(**other: str) -> str:
    """The policy of a page, with what is `other` on it (`frame_ancestors="'self'"`). Older Safari does not count a
    WebSocket of this host as 'self', so it is named."""
    rules = {**CSP, **{name.replace("_", "-"): value for name, value in other.items()}}
    if _HOST.fullmatch(request.host):
        rules["connect-src"] += f" {'wss' if request.is_secure else 'ws'}://{request.host}"
    return "; ".join(f"{name} {value}" for name, value in rules.items())


@viewer.public
def static_file(filename: str) -> Response:
    """A file of pages. One whose address names its content may be kept for ever, others are asked about each time."""
    response = send_from_directory(STATIC, filename, max_age=0)
    kept = is_immutable(request.path, request.args.get("v"))
    response.headers["Cache-Control"] = IMMUTABLE if kept else "public, no-cache"
    if filename.endswith((".js", ".css", ".svg")):
        response.vary.add("Accept-Encoding")
        if response.status_code == 200 and request.accept_encodings["gzip"] > 0:
            path = STATIC / filename
            response.direct_passthrough = False
            response.close()
            response.set_data(_packed(path, path.stat().st_mtime_ns))
            response.headers["Content-Encoding"] = "gzip"
            response.set_etag(response.get_etag()[0] or "", weak=True)
    return response


@lru_cache(maxsize=64)
def _packed(path: Path, changed: int) -> bytes:
    """A file of pages as it travels: a phone on a slow line fetches a third of the bytes."""
    return gzip.compress(path.read_bytes(), 9)


def asset(name: str) -> str:
    """For templates: `asset('htmx.js')`, `asset('own/base.css')`. Looked up once per request."""
    known: dict[str, str] = g.setdefault("assets", {})
    if name not in known:
        known[name] = asset_url(name)
    return known[name]
