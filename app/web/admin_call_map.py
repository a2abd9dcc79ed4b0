"""/admin/channels/calls/<slug>: the door of a source of calls, and its field map, tried on a sample before it is kept."""

import json
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import viewer
from app.core.db import session
from app.core.errors import DeskError, NotFound
from app.core.text import clean, unpack
from app.core.uow import unit_of_work
from app.web import account_form
from app.web.errors import words_of
from channels import accounts
from channels.base import Unparseable
from channels.calls.adapter import field_map, preview
from channels.calls.joining import calls_of
from channels.calls.mapping import BadMap, read_map
from channels.calls.models import CallFile
from channels.calls.providers import PROVIDERS
from channels.calls.record import LIVE, Row
from channels.calls.times import zone_of
from channels.models import Account

blueprint = Blueprint("admin_call_map", __name__, url_prefix="/admin/channels/calls")
LONGEST = 200_000
SHOWN = 20


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/<slug>")
@viewer.needs("channel.manage")
def page(slug: str) -> str:
    """The map as it holds now; `?provider=` shows a provider's to start from."""
    return _page(_account(slug), _start(_account(slug), request.args.get("provider", "")))


@blueprint.post("/<slug>")
@viewer.needs("channel.manage")
def change(slug: str) -> str | Response | tuple[str, int]:
    """Try the map on the sample, or keep it. Keeping an empty one goes back to the provider's."""
    account = _account(slug)
    text = clean(request.form.get("map", ""))[:LONGEST].strip()
    sample = clean(request.form.get("sample", ""))[:LONGEST]
    if request.form.get("do") != "save":
        return _page(account, text, sample, tried=_try(account, text, sample))
    try:
        with unit_of_work():
            version = request.form.get("version", "")
            accounts.set_account(
                viewer.current_actor(), slug, {"field_map": text}, version=int(version) if version.isdecimal() else None
            )
    except DeskError as problem:
        reasons = problem.errors.get("field_map", [])
        said = "；".join(_(one) for one in reasons) or words_of(problem)
        return _page(_account(slug), text, sample, wrong=said), 422
    flash(_("字段表已保存，下一次推送就按它理解。"), "good")
    return redirect(f"/admin/channels/calls/{slug}", 303)


def _try(account: Account, text: str, sample: str) -> dict[str, Any]:
    """What the map makes of the sample: {"error"} or {"calls": [[{label, text}]]}."""
    try:
        fields = read_map(text) if text else field_map(account.settings)
        zone = zone_of(str(account.settings.get("time_zone") or "Asia/Shanghai"))
        reading = preview(account, sample.encode(), zone, fields)
    except BadMap as problem:
        return {"error": _(problem.reason) % problem.data}
    except (Unparseable, ValueError) as problem:
        return {"error": unpack(str(problem), _)}
    live = {row.call_id: row for row in reading.rows if row.family == LIVE}
    return {"calls": [_shown(call.to_json(), live.get(call.external_id)) for call in calls_of(reading.rows)[:SHOWN]]}


def _shown(call: dict[str, Any], live: Row | None) -> list[dict[str, str]]:
    """A call by the names that a map uses for its fields."""
    rows = [{"label": name, "text": "" if value is None else str(value)} for name, value in call.items() if name != "legs"]
    if live is not None:
        rows.insert(1, {"label": "event", "text": str(live.data["event"])})
    return rows


def _account(slug: str) -> Account:
    account = accounts.find_account(slug)
    if account is None or account.kind != "calls":
        raise NotFound()
    return account


def _start(account: Account, provider: str) -> str:
    if provider in PROVIDERS:
        return json.dumps(PROVIDERS[provider], ensure_ascii=False, indent=2)
    if own := str(account.settings.get("field_map", "")):
        return own
    chosen = str(account.settings.get("provider", ""))
    return json.dumps(PROVIDERS[chosen], ensure_ascii=False, indent=2) if chosen in PROVIDERS else ""


def _page(account: Account, text: str, sample: str = "", *, tried: dict[str, Any] | None = None, wrong: str = "") -> str:
    files = session().scalars(select(CallFile).where(CallFile.account_id == account.id).order_by(CallFile.id))
    return render_template(
        "admin/call_map.html",
        here="admin",
        account={"slug": account.slug, "active": account.active, "version": account.version},
        hook=f"{viewer.settings().site_url}/hooks/calls/{account.slug}",
        has_secret=bool(account.settings.get("secret")),
        providers=[{"name": account_form.provider(name), "url": f"/admin/channels/calls/{account.slug}?provider={name}"} for name in PROVIDERS],
        own=bool(account.settings.get("field_map")),
        text=text,
        sample=sample,
        tried=tried,
        wrong=wrong,
        files=[
            {"path": f.path, "offset": f.offset, "read_at": f.read_at, "error": unpack(f.error, _) if f.error else ""} for f in files
        ],
    )
