"""/api/v1/reports: first-contact resolution and the overview, over the tickets that the caller may see."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from marshmallow import fields

from app.api.base import Resource
from app.api.fields import Answer, ApiSchema, Choice, Day
from app.core.clock import now
from app.core.errors import Invalid
from app.queries import reports
from app.queries.report_terms import DIMENSIONS, Spread, Wanted, period
from app.viewer import current_actor, current_user, needs, settings

api = Resource("reports", "Figures: first-contact resolution with its companions. docs/fcr.md says what each means.")
LONGEST = 1100
DEFAULT = 30


class Period(ApiSchema):
    """Days of the caller's time zone, both included; the last thirty when left out."""

    since = Day(data_key="from", metadata={"description": "first day"})
    until = Day(data_key="to", metadata={"description": "last day"})


class FcrArgs(Period):
    by = Choice(DIMENSIONS, metadata={"description": "what to group by"})


class ShareAnswer(Answer):
    """A part of a whole; `rate` from 0 to 1, null where `n` is 0."""

    rate = fields.Float(required=True, allow_none=True)
    hits = fields.Integer(required=True)
    n = fields.Integer(required=True)


class GroupAnswer(ShareAnswer):
    """Matured issues of one channel, product, kind, team or agent. `key` is its code or id."""

    key = fields.String(required=True)
    label = fields.String(required=True)


class CountAnswer(Answer):
    """How many issues under a code."""

    code = fields.String(required=True)
    count = fields.Integer(required=True)


class ProvisionalAnswer(ShareAnswer):
    """Of the issues resolved at least `hours` ago, those with nothing against them by then."""

    hours = fields.Integer(required=True)


class FcrAnswer(Answer):
    """First-contact resolution of a period. Only matured issues count; `pending` waits for its window to pass."""

    since = fields.Date(required=True, data_key="from")
    until = fields.Date(required=True, data_key="to")
    time_zone = fields.String(required=True)
    matured = fields.Nested(ShareAnswer, required=True)
    solvable = fields.Nested(ShareAnswer, required=True)
    pending = fields.Integer(required=True)
    provisional = fields.List(fields.Nested(ProvisionalAnswer), required=True)
    excluded = fields.List(fields.Nested(CountAnswer), required=True)
    reasons = fields.List(fields.Nested(CountAnswer), required=True)
    groups = fields.List(fields.Nested(GroupAnswer), required=True, metadata={"description": "empty without `by`"})


class SpreadAnswer(Answer):
    """How long something took, in seconds of calendar time."""

    n = fields.Integer(required=True)
    mean = fields.Float(required=True, allow_none=True)
    median = fields.Integer(required=True, allow_none=True)
    p90 = fields.Integer(required=True, allow_none=True)


class SatisfactionAnswer(Answer):
    """Scores of answered follow-ups. Hidden (null) under five."""

    top = fields.Float(required=True, allow_none=True)
    mean = fields.Float(required=True, allow_none=True)
    n = fields.Integer(required=True)
    response = fields.Nested(ShareAnswer, required=True)


class CompanionsAnswer(Answer):
    """What stands beside the figures, so that polishing shows."""

    unwrapped = fields.Nested(ShareAnswer, required=True)
    unidentified = fields.Nested(ShareAnswer, required=True)
    silent = fields.Nested(ShareAnswer, required=True)
    held = fields.Nested(ShareAnswer, required=True)
    reopened = fields.Nested(ShareAnswer, required=True)
    kind_changed = fields.Nested(ShareAnswer, required=True)
    possible_repeats = fields.Nested(ShareAnswer, required=True)


class OverviewAnswer(Answer):
    """The first row of the reports page."""

    since = fields.Date(required=True, data_key="from")
    until = fields.Date(required=True, data_key="to")
    time_zone = fields.String(required=True)
    fcr = fields.Nested(ShareAnswer, required=True)
    fcr_solvable = fields.Nested(ShareAnswer, required=True)
    pending = fields.Integer(required=True)
    first_response = fields.Nested(SpreadAnswer, required=True)
    waiting = fields.Integer(required=True, metadata={"description": "created in the period and without a first response"})
    resolution = fields.Nested(SpreadAnswer, required=True)
    satisfaction = fields.Nested(SatisfactionAnswer, required=True)
    backlog = fields.Integer(required=True)
    companions = fields.Nested(CompanionsAnswer, required=True)


def _period(args: dict[str, Any]) -> tuple[date, date, ZoneInfo, Wanted]:
    """The days that are asked for. Raises Invalid where they are no period."""
    zone = ZoneInfo(current_user().time_zone or settings().time_zone)
    today = now().astimezone(zone).date()
    until = args.get("until") or max(today, args.get("since") or today)
    for name, day in (("from", args.get("since")), ("to", until)):
        if day is not None and not 1990 < day.year < 2200:
            raise Invalid.of(name, _("日期太远。"))
    since = args.get("since") or until - timedelta(days=DEFAULT - 1)
    if since > until:
        raise Invalid.of("from", _("开始日期要不晚于结束日期。"))
    if (until - since).days > LONGEST:
        raise Invalid.of("from", _("一次最多查 %(n)s 天。", n=LONGEST))
    return since, until, zone, period(since, until, zone)


def _head(since: date, until: date, zone: ZoneInfo) -> dict[str, Any]:
    return {"since": since, "until": until, "time_zone": zone.key}


@api.route("/fcr")
@needs("report.read")
@api.arguments(FcrArgs, location="query")
@api.response(200, FcrAnswer)
def read_fcr(args: dict[str, Any]) -> Any:
    """First-contact resolution of a period, with its reasons, and by one dimension if you like."""
    actor = current_actor()
    since, until, zone, wanted = _period(args)
    found = reports.fcr(actor, wanted)
    bars = reports.fcr_by(actor, wanted, args["by"]) if args.get("by") else []
    return {
        **_head(since, until, zone),
        "matured": found.matured,
        "solvable": found.solvable,
        "pending": found.pending,
        "provisional": [{"hours": h, "rate": s.rate, "hits": s.hits, "n": s.n} for h, s in found.provisional.items()],
        "excluded": [{"code": code, "count": count} for code, count in sorted(found.excluded.items())],
        "reasons": [{"code": code, "count": count} for code, count in reports.reasons(actor, wanted)],
        "groups": [{"key": b.key, "label": b.label or b.key, "rate": b.share.rate, "hits": b.share.hits, "n": b.share.n} for b in bars],
    }


@api.route("/overview")
@needs("report.read")
@api.arguments(Period, location="query")
@api.response(200, OverviewAnswer)
def read_overview(args: dict[str, Any]) -> Any:
    """The figures of the first row of the reports page, and what always stands beside them."""
    actor = current_actor()
    since, until, zone, wanted = _period(args)
    found, beside = reports.fcr(actor, wanted), reports.coverage(actor, wanted)
    response, happy = reports.first_response(actor, wanted), reports.satisfaction(actor, wanted)
    length: Spread = reports.resolution(actor, wanted)
    return {
        **_head(since, until, zone),
        "fcr": found.matured,
        "fcr_solvable": found.solvable,
        "pending": found.pending,
        "first_response": response.spread,
        "waiting": response.waiting,
        "resolution": length,
        "satisfaction": {
            "top": happy.top.rate if happy.shown else None,
            "mean": happy.mean if happy.shown else None,
            "n": happy.top.n,
            "response": happy.response,
        },
        "backlog": reports.backlog(actor, wanted, min(wanted.until, now())),
        "companions": {
            "unwrapped": beside.unwrapped, "unidentified": beside.unidentified, "silent": beside.silent, "held": found.held,
            "reopened": found.reopened, "kind_changed": found.kind_changed, "possible_repeats": found.possible,
        },
    }  # fmt: skip
