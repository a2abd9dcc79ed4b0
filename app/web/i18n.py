"""Languages and times: Chinese is the source, English a catalogue; moments are shown in the viewer's zone."""

from datetime import UTC, date, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date
from flask import Blueprint, Flask, g, redirect, request
from flask_babel import Babel, Domain, get_locale, get_translations
from flask_babel import gettext as _
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from werkzeug.wrappers import Response

from app import viewer
from app.core import accounts
from app.core.clock import now
from app.core.uow import unit_of_work

LANGUAGES = accounts.LANGUAGES
YEAR = 365 * 24 * 3600
blueprint = Blueprint("language", __name__)


def init_app(flask: Flask) -> None:
    settings = flask.extensions["settings"]
    flask.config.update(BABEL_DEFAULT_LOCALE="zh", BABEL_DEFAULT_TIMEZONE="UTC")
    babel = Babel(flask, locale_selector=language, timezone_selector=lambda: str(time_zone()), default_locale="zh")
    babel.domain_instance = KeptDomain(domain="messages")
    flask.jinja_env.globals["_"] = _told
    flask.jinja_env.filters.update(datetime=show_datetime, date=show_date, ago=ago, hm=show_time)
    flask.register_blueprint(blueprint)
    flask.extensions["default_language"] = settings.language


class KeptDomain(Domain):
    """The library's catalogue of words, found once per request and not once per word: a page has fifty of them."""

    def get_translations(self) -> Any:
        context = g.get("_flask_babel")
        found = None if context is None else getattr(context, "babel_translations", None)
        if found is None:
            found = super().get_translations()
            if (context := g.get("_flask_babel")) is not None:
                context.babel_translations = found  # force_locale() and refresh() take it away under this name
        return found


@pass_context
def _told(context: Context, words: str, /, **variables: Any) -> str:
    """`_("…")` of templates. Words without variables stay as they are for each language, so they are kept marked as safe."""
    babel = g.get("_flask_babel")  # asking the library for what it has found costs more than all the rest here
    translations = getattr(babel, "babel_translations", None) or get_translations()
    if variables or not context.eval_ctx.autoescape:
        found: str = translations.ugettext(words)
        return (Markup(found) if context.eval_ctx.autoescape else found) % variables
    kept: dict[str, Markup] = translations.__dict__.setdefault("huiyin_kept", {})
    known = kept.get(words)
    if known is None:
        known = kept[words] = Markup(translations.ugettext(words)) % {}
    return known


def language() -> str:
    """zh or en: what the user chose, this browser's cookie, what the browser prefers, what the house speaks."""
    user = g.get("user")
    chosen = (user.language if user is not None else None) or request.cookies.get("lang")
    if chosen in LANGUAGES:
        return str(chosen)
    if request.accept_languages:
        best = request.accept_languages.best_match(LANGUAGES)
        if best:
            return best
    return viewer.settings().language


def time_zone() -> tzinfo:
    """The viewer's zone, else the house's."""
    if "zone" not in g:
        user = g.get("user")
        g.zone = ZoneInfo((user.time_zone if user is not None else None) or viewer.settings().time_zone)
    zone: ZoneInfo = g.zone
    return zone


def local(moment: datetime) -> datetime:
    """A stored moment in the viewer's zone."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(time_zone())


def show_datetime(moment: datetime | None) -> str:
    """2026-11-22 09:05, in the viewer's zone: sortable by eye and the same in both languages."""
    return local(moment).strftime("%Y-%m-%d %H:%M") if moment else ""


def show_time(moment: datetime | None) -> str:
    return local(moment).strftime("%H:%M") if moment else ""


def show_date(day: date | datetime | None) -> str:
    """A day in words of the language, without the year when it is this year."""
    if day is None:
        return ""
    shown = local(day).date() if isinstance(day, datetime) else day
    locale = get_locale() or "zh"
    if shown.year != local(now()).year:
        return str(format_date(shown, "medium", locale=locale))
    return str(format_date(shown, "M月d日" if str(locale).startswith("zh") else "d MMM", locale=locale))  # data


def ago(moment: datetime | None) -> str:
    """How long ago or in how long, under a day; the date beyond."""
    if moment is None:
        return ""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = int((now() - moment).total_seconds())
    minutes, hours = abs(seconds) // 60, abs(seconds) // 3600
    if abs(seconds) >= 24 * 3600:
        return show_date(moment)
    if minutes < 1:
        return _("刚刚") if seconds >= 0 else _("马上")
    if seconds >= 0:
        return _("%(n)s 分钟前", n=minutes) if hours < 1 else _("%(n)s 小时前", n=hours)
    return _("%(n)s 分钟后", n=minutes) if hours < 1 else _("%(n)s 小时后", n=hours)


@blueprint.post("/language")
@viewer.public
def choose() -> Response:
    """Change the language of this browser, and of the account when logged in; back to the page it was asked on."""
    wanted = request.form.get("language", "")
    response = redirect(viewer.safe_path(request.form.get("next")), 303)
    if wanted in LANGUAGES:
        if viewer.current_actor().kind == "user":
            with unit_of_work():
                accounts.set_preferences(viewer.current_actor(), language=wanted)
        secure = viewer.settings().https
        response.set_cookie("lang", wanted, max_age=YEAR, samesite="Lax", secure=secure, httponly=True)
    return response
