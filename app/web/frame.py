"""What every page is framed with: who is there, the navigation they may use, language, theme, the house's name."""

import re
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, g, request
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup, escape

from app import viewer
from app.core.clock import now
from app.core.permissions import ROLES, Actor


@dataclass(frozen=True)
class Place:
    """An entry of the navigation, shown to those who hold one of `permissions` once its page exists."""

    key: str
    label: Any
    icon: str
    url: str
    permissions: tuple[str, ...]


PLACES = (
    Place("desk", _l("坐席台"), "headset", "/desk", ("desk.use",)),
    Place("orders", _l("服务订单"), "tool", "/orders", ("order.read",)),
    Place("contacts", _l("联系人"), "users", "/contacts", ("contact.read",)),
    Place("organisations", _l("企业名录"), "building", "/organisations", ("organisation.read",)),
    Place("devices", _l("设备"), "building-factory-2", "/devices", ("contact.read",)),
    Place("knowledge", _l("知识库"), "book-2", "/knowledge", ("article.read",)),
    Place("reports", _l("报表"), "chart-bar", "/reports", ("report.read",)),
    Place("admin", _l("管理"), "settings", "/admin", ("user.manage", "channel.manage", "counter.manage", "outbox.manage", "audit.read")),
)
PORTAL = (
    Place("home", _l("首页"), "home", "/", ()),
    Place("community", _l("社区"), "messages", "/community", ()),
    Place("ask", _l("提问"), "message-circle", "/ask", ()),
    Place("requests", _l("我的请求"), "list-check", "/requests", ()),
)
THEMES = ("", "light", "dark")
_ADDRESS = re.compile(r"(https?://[!-~]*[\w/=&#%+~-])", re.ASCII)


def init_app(flask: Flask) -> None:
    flask.context_processor(context)
    flask.jinja_env.add_extension("jinja2.ext.do")
    flask.jinja_env.filters["links"] = links
    flask.jinja_env.filters["marked"] = marked


def links(text: str) -> Markup:
    """Plain words with their web addresses made clickable. Only ASCII belongs to one: a Chinese full stop does not."""
    parts = _ADDRESS.split(text)
    link = Markup('<a href="{0}" rel="noopener noreferrer nofollow">{0}</a>')
    return Markup().join(link.format(part) if number % 2 else part for number, part in enumerate(parts))


def marked(segments: Any) -> str:
    """A passage with the finds in it marked: pieces of the index, or pairs of text and whether it was found. Cells of a
    table stand apart by a dot."""
    if isinstance(segments, str):
        return segments
    parts = []
    for one in segments or ():
        text, found = one if isinstance(one, list | tuple) else (one.text, one.hit)
        safe = str(escape(text.replace(" | ", " · ")))
        parts.append(f"<mark>{safe}</mark>" if found else safe)
    return Markup("".join(parts))


def exists(url: str) -> bool:
    """Whether a page stands at this address in this release; `<>` is any place: `/contacts/<>`."""
    pages: set[str] | None = current_app.extensions.get("page_addresses")
    if pages is None:
        known = (rule.rule for rule in current_app.url_map.iter_rules() if "GET" in (rule.methods or ()))
        pages = {re.sub("<[^>]*>", "<>", rule) for rule in known}
        current_app.extensions["page_addresses"] = pages
    return url in pages


def navigation(actor: Actor) -> list[dict[str, Any]]:
    """The pages that this actor may open and that exist, in the order of the rail."""
    if actor.kind != "user":
        return []
    return [
        {"key": p.key, "label": p.label, "icon": p.icon, "url": p.url}
        for p in PLACES
        if exists(p.url) and any(actor.can(permission) for permission in p.permissions)
    ]


def home_of(actor: Actor) -> str:
    """Where somebody begins the day: the first place that is theirs."""
    if actor.role == "client" and exists("/requests"):
        return "/requests"
    places = navigation(actor)
    # A client's person has no place in the desk; theirs is the portal.
    return places[0]["url"] if places else "/"


def context() -> dict[str, Any]:
    """The names that layouts use; see the head of base.html and layouts/*.html."""
    actor = viewer.current_actor()
    theme = request.cookies.get("theme", "")
    places = navigation(actor)
    first = "/" + request.path.strip("/").split("/", 1)[0]
    return {
        "actor": actor,
        "nav": places,
        "portal_nav": [
            {"key": p.key, "label": p.label, "url": p.url}
            for p in PORTAL
            if exists(p.url)
        ],
        "here": next((p.key for p in (*PLACES, *PORTAL) if p.url == first), ""),
        "asked_at": (g.get("asked_at") or now()).isoformat(),
        "telephone": getattr(g.get("user"), "extension", None) or "",
        "role_label": _(ROLES[actor.role][0]) if actor.role in ROLES else "",
        "locale": "en" if str(get_locale() or "zh").startswith("en") else "zh",
        "theme": theme if theme in THEMES else "",
        "site": {"name": _("回音"), "hotline": None},
    }
