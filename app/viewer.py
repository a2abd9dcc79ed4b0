"""Who is asking, and whether they may: loaded once per request, checked at one door before any view runs.

Every route says on its own line what it asks for: `@needs("ticket.read")`, `@needs_one_of(…)` or `@public`. A route
that says nothing stops the start. Pages know people by the login in their signed cookie, the API by a bearer token;
neither is taken for the other, so that no foreign page can use the API with somebody's cookie.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlsplit

from flask import Flask, Response, abort, current_app, g, redirect, request, session
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import Unauthorized
from werkzeug.routing import Rule

from app.config import Settings
from app.core import db, logins, tokens
from app.core.clock import now
from app.core.errors import Forbidden
from app.core.people import User
from app.core.permissions import NOBODY, PERMISSIONS, Actor
from app.core.uow import unit_of_work

View = TypeVar("View", bound=Callable[..., Any])
COOKIE_KEY = "login"
LOGIN_PAGE, PASSWORD_PAGE = "/login", "/login/password"


@dataclass(frozen=True)
class Access:
    """What a route asks for: nothing (`open`), a login, all of `permissions`, or one of them."""

    open: bool = False
    permissions: tuple[str, ...] = ()
    one_is_enough: bool = False

    def allows(self, actor: Actor) -> bool:
        """Whether this actor may come in; a login is checked before."""
        if self.open or not self.permissions:
            return True
        held = [actor.can(permission) for permission in self.permissions]
        return any(held) if self.one_is_enough else all(held)


OPEN = Access(open=True)


def public(view: View) -> View:
    """A route for everybody, logged in or not."""
    return _mark(view, OPEN)


def needs(*permissions: str) -> Callable[[View], View]:
    """A route for those who hold all these permissions; without a name, for everybody who is logged in."""
    return _marker(Access(permissions=permissions))


def needs_one_of(*permissions: str) -> Callable[[View], View]:
    """A route for those who hold at least one of these permissions."""
    return _marker(Access(permissions=permissions, one_is_enough=True))


def _marker(access: Access) -> Callable[[View], View]:
    unknown = [name for name in access.permissions if name not in PERMISSIONS]
    if unknown:
        raise ValueError(f"no such permission: {', '.join(unknown)}")
    return lambda view: _mark(view, access)


def _mark(view: View, access: Access) -> View:
    marked = cast(Any, view)
    marked.access = access
    marked.needs = access.permissions
    return view


def open_endpoints(flask: Flask, *endpoints: str) -> None:
    """Mark routes of libraries, whose views we cannot write on, as public."""
    flask.extensions.setdefault("open_endpoints", set()).update(endpoints)


def access_of(flask: Flask, endpoint: str, method: str) -> Access | None:
    """What a route asks for, or None where nobody has said it."""
    if endpoint in flask.extensions.get("open_endpoints", ()):
        return OPEN
    view: Any = flask.view_functions[endpoint]
    described = getattr(view, "view_class", None)
    if described is None:
        return cast(Access | None, getattr(view, "access", None))
    verb = getattr(described, method.lower(), None) or (getattr(described, "get", None) if method == "HEAD" else None)
    return getattr(verb, "access", None) or getattr(described, "access", None)


def methods_of(rule: Rule) -> list[str]:
    """The methods that our views answer; HEAD and OPTIONS follow from them."""
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def check_routes(flask: Flask) -> None:
    """Called last at start: raises RuntimeError with every route that does not say what it asks for."""
    silent = {
        f"{rule.endpoint} ({method} {rule.rule})"
        for rule in flask.url_map.iter_rules()
        for method in methods_of(rule)
        if access_of(flask, rule.endpoint, method) is None
    }
    if silent:
        raise RuntimeError("routes without @needs(…) or @public: " + ", ".join(sorted(silent)))


def is_api() -> bool:
    """Whether this request speaks JSON and bearer tokens."""
    return request.path.startswith("/api/") or request.path == "/openapi.json"


def current_actor() -> Actor:
    """Who asks, as the first argument of a write; NOBODY when not logged in."""
    return cast(Actor, g.get("actor", NOBODY))


def current_user() -> User:
    """The user who asks; only in routes that need a login."""
    return cast(User, g.user)


def current_login() -> logins.LoginSession | None:
    """The login of this browser; None for a token."""
    return cast(logins.LoginSession | None, g.get("login"))


def settings() -> Settings:
    return cast(Settings, current_app.extensions["settings"])


def idle_time() -> timedelta:
    """How long an unused login lives."""
    return timedelta(days=settings().session_days)


def load() -> None:
    """Find out who asks. Runs before CSRF and throttles look, so that refusals come in the viewer's language."""
    g.actor, g.user, g.login, g.token = NOBODY, None, None, None
    if request.endpoint == "static" or request.blueprint == "health":
        return
    if is_api():
        _load_token()
    else:
        load_login()


def load_login() -> None:
    """Take the viewer from the signed cookie; also called when a socket connects."""
    g.actor, g.user, g.login, g.token = NOBODY, None, None, None
    kept = session.get(COOKIE_KEY)
    login = logins.find_login(kept, idle_time()) if isinstance(kept, str) else None
    if login is None:
        return
    if now() - login.last_seen_at > logins.SEEN_EVERY:
        _touch(lambda: logins.mark_seen(login, request.remote_addr or ""))
    g.login, g.user = login, login.user
    g.actor = login.user.actor("page")


def _load_token() -> None:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    row = tokens.find_token(given.strip()) if kind.lower() == "bearer" and given.strip() else None
    if row is None:
        return
    if row.last_used_at is None or now() - row.last_used_at > tokens.USED_EVERY:
        _touch(lambda: tokens.mark_used(row))
    g.token, g.user, g.actor = row, row.user, row.actor()


def _touch(write: Callable[[], object]) -> None:
    """ "Last seen" is worth a write, but not a refusal when the database is busy."""
    try:
        with unit_of_work():
            write()
    except OperationalError:
        db.session().rollback()


def gate() -> Response | None:
    """The one door: turns away whoever lacks what the route asks for."""
    rule = request.url_rule
    if rule is None or (request.method == "OPTIONS" and getattr(rule, "provide_automatic_options", False)):
        return None
    access = access_of(current_app, rule.endpoint, request.method)
    if access is None:
        raise Forbidden()
    if access.open:
        return None
    actor = current_actor()
    if actor.kind != "user":
        return _ask_for_login()
    if g.login is not None and g.user.must_change_password and not access.open and request.path not in _WHILE_CHANGING:
        return cast(Response, redirect(f"{PASSWORD_PAGE}?next={quoted(next_page())}", 303))
    if not access.allows(actor):
        raise Forbidden()
    return None


_WHILE_CHANGING = frozenset({PASSWORD_PAGE, "/logout"})


def _ask_for_login() -> Response:
    if is_api():
        raise Unauthorized()
    if request.headers.get("HX-Request") == "true":
        abort(401)  # a login page swapped into a piece of another page would be no help
    return cast(Response, redirect(f"{LOGIN_PAGE}?next={quoted(next_page())}", 303))


def next_page() -> str:
    """Where to go on after a login: this page, or for a form the page that it stood on."""
    if request.method in ("GET", "HEAD"):
        query = request.query_string.decode("ascii", "replace")
        return safe_path(quote(request.path, safe="/~") + (f"?{query}" if query else ""))
    origin = urlsplit(request.referrer or "")
    if origin.netloc != request.host:
        return "/"
    return safe_path(origin.path + (f"?{origin.query}" if origin.query else ""))


def quoted(path: str) -> str:
    """A path as the value of `?next=`."""
    return quote(path, safe="/")


def safe_path(given: str | None, otherwise: str = "/") -> str:
    """A path of this house, or `otherwise`: nobody is sent to a foreign address by a link to our login page."""
    if not given or len(given) > 2000 or not given.startswith("/") or given.startswith("//"):
        return otherwise
    if "\\" in given or any(ord(sign) < 33 or ord(sign) == 127 for sign in given):
        return otherwise
    parts = urlsplit(given)
    if parts.scheme or parts.netloc or parts.path in (LOGIN_PAGE, "/logout"):
        return otherwise
    return given
