"""Coming in and going out: /login, /logout, and the new password that a temporary one asks for."""

from flask import Blueprint, Flask, redirect, render_template, request, session
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core import accounts, logins
from app.core.errors import Invalid
from app.core.uow import unit_of_work
from app.queries.accounts import demo_logins
from app.web import kept_words
from app.web.errors import field_errors
from app.web.frame import home_of
from app.web.security import LOGIN_FAILURES, limiter

blueprint = Blueprint("auth", __name__)
DEMO_PASSWORD = "huiyin-demo"


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


def failed(response: Response) -> bool:
    """Only what was refused counts against a limit of guesses."""
    return response.status_code >= 400


@blueprint.get("/login")
@viewer.public
def login_page() -> Response | str:
    """The form; whoever is logged in goes on to where they wanted to be."""
    if viewer.current_actor().kind == "user":
        return redirect(_onward(), 303)
    return _form("", None)


@blueprint.post("/login")
@viewer.public
@limiter.limit(LOGIN_FAILURES, deduct_when=failed)
def log_in() -> Response | tuple[str, int]:
    """Check name and password. The cookie begins anew, so that what was in it before the login counts no longer."""
    name, password = request.form.get("login", ""), request.form.get("password", "")
    attempt = logins.verify_login(name, password)
    settings = viewer.settings()
    with unit_of_work():
        opened = logins.log_in(
            attempt,
            ip=request.remote_addr or "",
            agent=request.user_agent.string,
            lockout_attempts=settings.lockout_attempts,
            replaces=session.get(viewer.COOKIE_KEY),
        )
    if opened is None:
        said = _(
            "登录名或密码不对。连续输错 %(times)s 次，会锁定 %(minutes)s 分钟。",
            times=settings.lockout_attempts,
            minutes=int(logins.LOCKED_FOR.total_seconds() // 60),
        )
        return _form(name, said), 401
    remember(opened.token)
    viewer.load_login()
    if opened.must_change_password:
        return redirect(f"{viewer.PASSWORD_PAGE}?next={_quoted_onward()}", 303)
    return redirect(_onward(), 303)


@blueprint.get("/login/password")
@viewer.needs()
def password_page() -> str:
    """Asks for a password of one's own, before anything else is shown."""
    return render_template("auth/password.html", next=request.args.get("next", ""), error=None, errors={})


@blueprint.post("/login/password")
@viewer.needs()
@limiter.limit("20 per minute", deduct_when=failed)
def new_password() -> Response | tuple[str, int]:
    """Set it, and go on to where the person wanted to be."""
    try:
        change_own_password()
    except Invalid as problem:
        given = {"next": request.form.get("next", ""), "error": None, "errors": field_errors(problem)}
        return render_template("auth/password.html", **given), 422
    return redirect(_onward(), 303)


@blueprint.get("/logout")
@viewer.public
def logout_page() -> Response | str:
    """A link cannot log anybody out; it asks."""
    if viewer.current_actor().kind != "user":
        return redirect(viewer.LOGIN_PAGE, 303)
    return render_template("auth/logout.html")


@blueprint.post("/logout")
@viewer.public
def log_out() -> Response:
    """End this login here and on the server."""
    kept = session.get(viewer.COOKIE_KEY)
    if kept and viewer.current_actor().kind == "user":
        with unit_of_work():
            logins.end_login_of_token(viewer.current_actor(), kept)
    session.clear()
    return kept_words.forget(redirect(viewer.LOGIN_PAGE, 303))


def remember(token: str) -> None:
    """Put a login's token into a fresh cookie. Of what was in it before, only the way to a request goes along: what was
    read in this visit, and what was missing there."""
    along = {name: session[name] for name in ("read", "missed") if name in session}
    session.clear()
    session.update(along)
    session.permanent = True
    session[viewer.COOKIE_KEY] = token


def change_own_password() -> None:
    """From the fields old, new and again. All other logins end; this browser gets a new token. Raises Invalid."""
    old, new = request.form.get("old", ""), request.form.get("new", "")
    if new != request.form.get("again", ""):
        raise Invalid.of("again", _("两次输入的新密码不一样。"))
    user, actor = viewer.current_user(), viewer.current_actor()
    change = accounts.prepare_change(user, old, new)
    with unit_of_work():
        token = accounts.change_password(actor, change, keep=viewer.current_login())
    if token:
        remember(token)


def _onward() -> str:
    return viewer.safe_path(request.values.get("next"), home_of(viewer.current_actor()))


def _quoted_onward() -> str:
    return viewer.quoted(_onward())


def _form(name: str, error: str | None) -> str:
    demo = demo_logins() if viewer.settings().demo else []
    return render_template(
        "auth/login.html",
        next=viewer.safe_path(request.values.get("next"), ""),
        login=name,
        error=error,
        demo=[{"login": d.name, "role": _(d.role)} for d in demo],
        demo_password=DEMO_PASSWORD,
    )
