"""/requests: what somebody asked and how it stands. Without a password by a link in a mail; a client administrator sees
the whole company's."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, flash, make_response, redirect, render_template, request
from flask import session as cookie
from flask_babel import get_locale
from flask_babel import gettext as _
from limits import parse
from werkzeug.wrappers import Response

from app import community as house
from app import letters, portal_letters, viewer
from app.core.clock import now
from app.core.directory import identities
from app.core.directory.normal_form import normal_form
from app.core.errors import Invalid, NotFound
from app.core.events import record
from app.core.installed_base import Device
from app.core.people import Identity
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.portal_events import RequestsLinkAsked
from app.queries import requests as lists
from app.queries.requests import Filter, Requests
from app.web import desk_words, kept_words, progress_show
from app.web.errors import field_errors
from app.web.i18n import local
from app.web.portal import number_of
from app.web.security import limiter
from knowledge.community import following
from workflows.models import Ticket
from workflows.tickets import TICKET

blueprint = Blueprint("requests", __name__, url_prefix="/requests")
REMEMBERED = timedelta(days=14)
MAILS = parse("3 per hour")
"""Links mailed to one address, whoever asks for them."""


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


def visitor() -> Identity | None:
    """Whose link this browser has opened within the last days."""
    kept = cookie.get("requests")
    if not (isinstance(kept, list) and len(kept) == 2 and all(isinstance(part, int) for part in kept)):
        return None
    return lists.find_identity(kept[0]) if kept[1] > now().timestamp() else None


@blueprint.get("")
@viewer.public
@limiter.limit("240 per minute")
def index() -> str | Response:
    """The list, or the door to it. Whoever came from a page where they were writing (`next`) goes back to it."""
    actor = viewer.current_actor()
    if (back := kept_words.onward(request.args.get("next"))) and (actor.kind == "user" or visitor() is not None):
        return redirect(back, 303)
    wanted = _wanted()
    if actor.kind == "user" and actor.role == "client":
        return _list(lists.company(actor, wanted), wanted, _filters(actor, wanted), whose=None, company=True, news=following.count_news(actor))
    identity = visitor()
    if identity is None:
        return _door()
    news = following.count_news(house.visitor_actor(identity))
    return _list(lists.own(identity, wanted), wanted, [], whose=identity.shown or identity.value, company=False, news=news)


@blueprint.post("")
@viewer.public
@limiter.limit("10 per minute; 40 per hour")
def ask_link() -> Response:
    """Mail the link. The answer is the same whether the address is known or not, so that it tells nobody who is."""
    value, back = clean(request.form.get("who", "")).strip()[:320], kept_words.onward(request.form.get("next"))
    kind = "email" if "@" in value else "phone"
    try:
        address = normal_form(kind, value).value
        known = identities.find_identity(kind, address)
    except Invalid as problem:
        return make_response(_door(field_errors(problem)["value"][0], value), 422)
    key = hashlib.sha256(f"{kind}:{address}".encode()).hexdigest()[:24]  # one count for all its spellings
    if limiter.limiter.hit(MAILS, "requests-link", key):
        language = "en" if str(get_locale() or "").startswith("en") else "zh"
        with unit_of_work():
            # Written for a stranger as well: neither the words nor the time of the answer give anybody away.
            record(RequestsLinkAsked(identity_id=known.id if known else 0, language=language, key=secrets.token_hex(8), onward=back))
    return redirect(f"/requests?{urlencode({'mailed': 1, **({'next': back} if back else {})})}", 303)


def _door(error: str = "", value: str = "") -> str:
    back = kept_words.onward(request.values.get("next"))
    return render_template(
        "portal/requests_door.html", error=error, value=value, back=back, brought=bool(back and kept_words.brought(back)), meta={"robots": "noindex"}
    )


@blueprint.get("/open/<signed>")
@viewer.public
@limiter.limit("60 per minute")
def open_link(signed: str) -> Response:
    """The link of the mail: this browser may see the list for some days. The word leaves the address at once."""
    identity_id, back = portal_letters.read_identity(signed), kept_words.onward(request.args.get("next"))
    if identity_id is None or lists.find_identity(identity_id) is None:
        flash(_("这个链接过期了或不完整。在下面再要一个，一分钟就到。"), "warn")
        return redirect(kept_words.ways(back)["mail"] if back else "/requests", 303)
    cookie.permanent = True
    cookie["requests"] = [identity_id, int((now() + REMEMBERED).timestamp())]
    response = redirect(back or "/requests", 303)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@blueprint.post("/leave")
@viewer.public
def leave() -> Response:
    """Forget on this device who looked."""
    cookie.pop("requests", None)
    return kept_words.forget(redirect("/requests", 303))


@blueprint.get("/devices")
@viewer.needs("ticket.create")
def devices() -> str:
    """The company's machines and contracts, to read."""
    actor = viewer.current_actor()
    if actor.role != "client":
        raise NotFound()
    q, site, after = clean(request.args.get("q", "")).strip()[:100], _id("site"), _id("after")
    rows, next_ = lists.company_devices(actor, q, site, after)
    today = local(now()).date()
    address = {"q": q, "site": site or ""}
    return render_template(
        "portal/company_devices.html",
        devices=[_device(row, today) for row in rows],
        contracts=[
            {"number": c.number, "level": str(desk_words.CONTRACTS.get(c.level, c.level)), "product": c.product.label if c.product else _("所有产品"),
             "starts_on": c.starts_on, "ends_on": c.ends_on, "over": bool(c.ends_on and c.ends_on < today)}
            for c in ([] if after else lists.company_contracts(actor))
        ],
        q=q,
        selects=[_select("site", _("所有现场"), site, [(s.id, s.name) for s in lists.company_sites(actor)])],
        page={"next": _url("/requests/devices", {**address, "after": next_}) if next_ else None,
              "first": _url("/requests/devices", address) if after else None, "shown": len(rows)},
        here="requests",
        meta={"robots": "noindex"},
    )  # fmt: skip


def _device(row: Device, today: Any) -> dict[str, Any]:
    over = row.warranty_until is not None and row.warranty_until < today
    return {
        "label": row.label, "name": row.name, "site": row.site.name if row.site else "", "product": row.product.label,
        "firmware": row.firmware, "warranty_until": row.warranty_until, "over": over,
        "ask": f"/ask?{urlencode({'device': row.tag})}",
    }  # fmt: skip


def _wanted() -> Filter:
    show, state = request.args.get("show", ""), request.args.get("state", "")
    state = state if state in TICKET.labels else ""
    if show not in lists.SHOWS:
        show = "done" if state in TICKET.ends else "open"
    q = clean(request.args.get("q", "")).strip()[:100]
    return Filter(show, _id("site"), _id("person"), _id("product"), state, q, _id("after"))


def _id(name: str) -> int | None:
    number = number_of(request.args.get(name), -1)
    return number if 0 <= number < lists.LAST_ID else None


def _filters(actor: Actor, wanted: Filter) -> list[dict[str, Any]]:
    ends = wanted.show == "done"
    states = [(key, str(word)) for key, word in progress_show.STAGES.items() if (key in TICKET.ends) == ends]
    return [
        _select("site", _("所有现场"), wanted.site, [(s.id, s.name) for s in lists.company_sites(actor)]),
        _select("person", _("所有提出人"), wanted.person, [(c.id, c.label) for c in lists.company_people(actor)]),
        _select("product", _("所有产品"), wanted.product, [(p.id, p.label) for p in lists.company_products(actor)]),
        *([_select("state", _("所有阶段"), wanted.state, states)] if not ends else []),
    ]


def _select(name: str, label: str, value: Any, options: list[tuple[Any, str]]) -> dict[str, Any]:
    return {"name": name, "label": label, "value": str(value or ""), "options": [{"value": v, "label": w} for v, w in options]}


def _list(found: Requests, wanted: Filter, selects: list[dict[str, Any]], *, whose: str | None, company: bool, news: int) -> str:
    kept = {"site": wanted.site, "person": wanted.person, "product": wanted.product, "q": wanted.q}
    here = {**kept, "show": wanted.show, "state": wanted.state}
    moment = now()
    return render_template(
        "portal/requests.html",
        rows=[_row(t, found, moment, company) for t in found.rows],
        tabs=[
            {"label": label, "url": _url("/requests", {**kept, "show": key}), "count": found.counts[key], "here": wanted.show == key}
            for key, label in (("open", _("进行中")), ("done", _("已结束")))
        ],
        show=wanted.show,
        selects=selects,
        q=wanted.q,
        filtered=any([*kept.values(), wanted.state]),
        company=company,
        whose=whose,
        news=news,
        page={"next": _url("/requests", {**here, "after": found.next}) if found.next else None,
              "first": _url("/requests", here) if wanted.after else None, "shown": len(found.rows)},
        here="requests",
        meta={"robots": "noindex"},
    )  # fmt: skip


def _row(ticket: Ticket, found: Requests, moment: datetime, company: bool) -> dict[str, Any]:
    url = f"/r/{letters.sign_ticket(ticket.id)}"
    open_ = ticket.state not in TICKET.ends
    status = progress_show.now_of(ticket)
    window = next((w for o in found.orders.get(ticket.id, []) if (w := progress_show.visit_words(o))), "")
    return {
        "number": ticket.number,
        "subject": ticket.subject,
        "url": url,
        "state": ticket.state,
        "stage": str(progress_show.STAGES.get(ticket.state, "")),
        "now": status["text"],
        "next": window or status["next"],
        "person": ticket.contact.label if company and ticket.contact else "",
        "product": ticket.product.name if ticket.product else "",
        "site": ticket.device.site.name if company and ticket.device and ticket.device.site else "",
        "created_at": ticket.created_at,
        "late": open_ and not ticket.held and ticket.state != "following_up" and ticket.due_at < moment,
        "urge": f"{url}/urge" if open_ and ticket.state != "following_up" else None,
    }


def _url(path: str, given: dict[str, Any]) -> str:
    query = urlencode({name: value for name, value in given.items() if value not in (None, "")})
    return f"{path}?{query}" if query else path
