"""/admin/reaching: in which order people are told, which robot speaks to which group, and every ladder with its rungs.
/me/reaching: how one wants to be told oneself."""

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request
from flask_babel import gettext as _
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from app import viewer
from app.core.db import session
from app.core.errors import Invalid
from app.core.people import Organisation, Team
from app.core.uow import unit_of_work
from app.web import reaching_words
from app.web.errors import words_of
from channels.models import Account
from channels.reaching import plans
from channels.reaching.models import EXHAUSTED, OPEN, REACHED, WITHDRAWN, GroupRobot, Outreach

blueprint = Blueprint("admin_reaching", __name__)
PAGE = 30
STATES = (OPEN, EXHAUSTED, REACHED, WITHDRAWN)


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)
    flask.jinja_env.globals["ladders_of"] = reaching_words.ladders_of
    flask.jinja_env.globals["own_wish"] = own_wish


@blueprint.get("/admin/reaching")
@viewer.needs("channel.manage")
def index() -> str:
    """The order of ways for each purpose, as forms."""
    return _page()


@blueprint.post("/admin/reaching/<audience>/<purpose>")
@viewer.needs("channel.manage")
def save(audience: str, purpose: str) -> Response | tuple[str, int]:
    """Keep the order of one purpose, or go back to the default."""
    if (purpose, audience) not in plans.DEFAULTS:
        abort(404)
    try:
        with unit_of_work():
            ways = plans.DEFAULTS[purpose, audience] if request.form.get("default") else _typed(audience)
            plans.save_plan(viewer.current_actor(), purpose, audience, list(ways))
    except Invalid as problem:
        return _page(wrong=(audience, purpose), why=words_of(problem)), 422
    flash(_("已保存。正在进行的告知从下一步起照新的顺序。"), "good")
    return redirect(f"/admin/reaching#{audience}-{purpose}", 303)


@blueprint.post("/admin/reaching/robots")
@viewer.needs("channel.manage")
def robots() -> Response | tuple[str, int]:
    """Say which robot speaks to a team or a supplier."""
    kind, _sep, number = request.form.get("group", "").partition(":")
    given = request.form.get("account", "")
    if kind not in ("team", "organisation") or not (number.isascii() and number.isdecimal() and len(number) < 10):
        abort(404)
    whose = {f"{kind}_id": int(number)}
    if session().get(Team if kind == "team" else Organisation, int(number)) is None:
        abort(404)
    try:
        with unit_of_work():
            account = int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else None
            plans.set_robot(viewer.current_actor(), account, **whose)
    except Invalid as problem:
        return _page(why=words_of(problem)), 422
    flash(_("已保存。"), "good")
    return redirect("/admin/reaching#robots", 303)


@blueprint.get("/admin/reaching/ladders")
@viewer.needs("channel.manage")
def ladders() -> str:
    """Everybody who is being told of something, and how far that came."""
    state = request.args.get("state", OPEN)
    state = state if state in STATES else OPEN
    before = request.args.get("before", "")
    rows = select(Outreach).where(Outreach.state == state).order_by(Outreach.id.desc()).limit(PAGE + 1)
    if before.isascii() and before.isdecimal() and len(before) < 10:
        rows = rows.where(Outreach.id < int(before))
    found = list(session().scalars(rows))
    onward = "/admin/reaching/ladders?" + urlencode({"state": state, "before": found[PAGE - 1].id}) if len(found) > PAGE else None
    counted: dict[str, int] = dict(session().execute(select(Outreach.state, func.count()).group_by(Outreach.state)).all())
    return render_template(
        "admin/ladders.html",
        here="admin",
        tabs=[
            {"key": key, "label": str(reaching_words.STATES[key][0]), "url": f"/admin/reaching/ladders?state={key}",
             "count": counted.get(key, 0), "here": key == state, "tone": reaching_words.STATES[key][1] if key == EXHAUSTED else ""}
            for key in STATES
        ],
        ladders=[reaching_words.shown(outreach) for outreach in found[:PAGE]],
        page={"next": onward, "first": f"/admin/reaching/ladders?state={state}" if before else None, "shown": len(found[:PAGE])},
    )  # fmt: skip


@blueprint.post("/me/reaching")
@viewer.needs()
def wishes() -> Response:
    """How one wants to be told oneself."""
    user = viewer.current_user()
    wanted = set(request.form.getlist("ways"))
    try:
        with unit_of_work():
            plans.set_wish(
                viewer.current_actor(), user, prefer=request.form.get("prefer", ""), mobile=request.form.get("mobile", "")[:40],
                off=[way for way in _own_ways() if way not in wanted],
            )  # fmt: skip
    except Invalid as problem:
        flash("".join(_(text) for texts in problem.errors.values() for text in texts) or words_of(problem), "bad")
        return redirect("/me#reaching", 303)
    flash(_("已保存。"), "good")
    return redirect("/me#reaching", 303)


def own_wish() -> dict[str, Any]:
    """One's own wishes, for the page about oneself."""
    wish = plans.wish_of(user_id=viewer.current_actor().id)
    off = wish.off if wish else []
    return {
        "mobile": wish.mobile if wish else "",
        "prefer": {
            "name": "prefer", "label": _("先用哪种方式"), "kind": "select", "required": False, "value": wish.prefer if wish else "",
            "options": [{"value": "", "label": _("照公司的顺序")}, *({"value": w, "label": _(plans.WAYS[w])} for w in _own_ways())],
        },
        "ways": [{"name": way, "label": _(plans.WAYS[way]), "on": way not in off} for way in _own_ways()],
    }  # fmt: skip


def _own_ways() -> list[str]:
    return [way for way in plans.OFFERED["staff"] if way != "robot"]


def _typed(audience: str) -> list[tuple[str, int]]:
    """The ways of the form, by the place that was typed beside each."""
    found = []
    for order, way in enumerate(plans.OFFERED[audience]):
        place, minutes = request.form.get(f"place-{way}", "").strip(), request.form.get(f"minutes-{way}", "").strip()
        if not place:
            continue
        if not (place.isascii() and place.isdecimal() and len(place) < 4):
            raise Invalid.of("ways", plans.BAD_PLACE)
        if not (minutes.isascii() and minutes.isdecimal() and len(minutes) < 7):
            raise Invalid.of("ways", plans.BAD_MINUTES)
        found.append((int(place), order, way, int(minutes)))
    return [(way, minutes) for _place, _order, way, minutes in sorted(found)]


def _page(*, wrong: tuple[str, str] | None = None, why: str = "") -> str:
    quiet = plans.QUIET
    return render_template(
        "admin/reaching.html",
        here="admin",
        why=why,
        wrong=wrong,
        quiet=f"{quiet.begins:%H:%M}–{quiet.ends:%H:%M}" if quiet.begins != quiet.ends else "",
        settle=int(quiet.settle.total_seconds() // 60),
        groups=[
            {
                "key": audience,
                "label": _(plans.AUDIENCES[audience]),
                "plans": [_plan(purpose, audience, wrong) for purpose in plans.PURPOSES if (purpose, audience) in plans.DEFAULTS],
            }
            for audience in plans.AUDIENCES
        ],
        robots=_robots(),
    )


def _plan(purpose: str, audience: str, wrong: tuple[str, str] | None) -> dict[str, Any]:
    typed = wrong == (audience, purpose)
    now_, default = dict(plans.plan_of(purpose, audience)), dict(plans.DEFAULTS[purpose, audience])
    places = {way: place for place, way in enumerate(now_, 1)}
    rows = [
        {
            "way": way,
            "label": _(plans.WAYS[way]),
            "icon": reaching_words.ICONS[way],
            "place": request.form.get(f"place-{way}", "") if typed else places.get(way, ""),
            "minutes": request.form.get(f"minutes-{way}", "") if typed else now_.get(way, default.get(way, 15)),
        }
        for way in plans.OFFERED[audience]
    ]
    return {
        "purpose": purpose,
        "label": _(plans.PURPOSES[purpose]),
        "url": f"/admin/reaching/{audience}/{purpose}",
        "rows": sorted(rows, key=lambda row: places.get(str(row["way"]), 99)) if not typed else rows,
        "own": list(now_.items()) != list(plans.DEFAULTS[purpose, audience]),
        "default": " → ".join(_(plans.WAYS[way]) for way in default),
        "wrong": typed,
    }


def _robots() -> dict[str, Any]:
    known = {("team" if row.team_id else "organisation", row.team_id or row.organisation_id): row.account_id for row in session().scalars(select(GroupRobot))}
    accounts = list(session().scalars(select(Account).where(Account.kind == "robot").order_by(Account.slug)))
    groups = [("team", team.id, team.name) for team in session().scalars(select(Team).order_by(Team.name))]
    groups += [
        ("organisation", one.id, one.label)
        for one in session().scalars(select(Organisation).where(Organisation.kind == "supplier").order_by(Organisation.name))
    ]
    return {
        "accounts": [{"value": str(one.id), "label": one.slug} for one in accounts],
        "groups": [{"key": f"{kind}:{number}", "label": label, "value": str(known.get((kind, number), ""))} for kind, number, label in groups],
    }
