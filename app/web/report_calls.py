"""/reports/calls: answer rate, service level, talk and wrap-up time by queue and person, and the calls behind each figure."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Flask, abort, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import viewer
from app.core.clock import now
from app.core.text import clean
from app.queries import call_reports, calls, ticket_page
from app.queries.call_reports import Figures
from app.queries.report_terms import Spread
from app.queries.reports import Share
from app.web import call_show, call_words, report_files, report_show
from app.web import report_words as words
from app.web.i18n import local, show_date, show_datetime
from app.web.report_asked import SPANS, Asked, asked
from workflows.wrap_models import WrapUp

blueprint = Blueprint("report_calls", __name__)
MOST_EXPORTED = 10_000
MARKS: dict[str, Any] = {
    "offered": _l("打进来、要找人的电话"),
    "answered": _l("接起来的来电"),
    "level": _l("在时限内接起来的来电"),
    "late": _l("接起来、但超过时限的来电"),
    "abandoned": _l("等待中挂断的来电"),
    "other": _l("无人接听、占线或没有接通的来电"),
    "talked": _l("说上话的电话，呼入和呼出"),
    "held": _l("通话中保持过的电话"),
    "out": _l("打出去的电话"),
    "menu": _l("只到语音导航的来电"),
    "unwrapped": _l("说上话、却没有小结的电话"),
}
"""The title of the list behind each figure."""


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


def _queue() -> str:
    return clean(request.args.get("queue", "")).strip()[:80]


@blueprint.get("/reports/calls")
@viewer.needs("report.read", "desk.use")
def index() -> str:
    """The figures of the telephone in a period."""
    actor, wanted, queue = viewer.current_actor(), asked(), _queue()
    seconds = viewer.settings().service_seconds
    found = call_reports.report(actor, wanted.wanted, seconds, queue)
    before = call_reports.report(actor, wanted.wanted.before(), seconds, queue)
    names = calls.queues(actor)
    people = [{"value": u.id, "label": u.label} for u in ticket_page.workers()]
    most = max((day[1] for day in found.days), default=0)
    return render_template(
        "reports/calls.html",
        here="reports",
        asked=wanted,
        span=report_show.span_words(wanted),
        queue=queue,
        seconds=seconds,
        cards=_cards(found, before, wanted, seconds, queue),
        beside=_beside(found, wanted, queue),
        queues=[_line(q or _("没有队列"), f, wanted, {"queue": q or queue or call_reports.NO_QUEUE}) for q, f in found.queues],
        people=[
            _line(u.label if u else _("没有人"), f, wanted, {"queue": queue, "agent": u.id if u else 0}) for u, f in found.people
        ],
        days=[
            {"label": show_date(local(begin).date()), "offered": n, "answered": a, "abandoned": x,
             "width": f"{n / most * 100:.1f}%" if most else "0%", "taken": f"{a / most * 100:.1f}%" if most else "0%"}
            for begin, n, a, x in found.days
        ],
        by=_by(found.days),
        nothing=not found.total.offered and not found.total.out.n and not found.in_menu,
        limited=not actor.can("ticket.read_all"),
        filters=[
            {"name": "queue", "label": _("所有队列"), "value": queue, "options": [{"value": q, "label": q} for q in names]},
            {"name": "team", "label": _("所有团队"), "value": wanted.given.get("team", ""), "options": [{"value": t.id, "label": t.name} for t in ticket_page.teams()]},
            {"name": "agent", "label": _("所有坐席"), "value": wanted.given.get("agent", ""), "options": people},
        ],
        spans=[{"value": n, "label": _("近 %(n)s 天", n=n), "here": n == wanted.days, "url": wanted.url("/reports/calls", days=n, queue=queue, **{"from": None, "to": None})} for n in SPANS],
        csv_url=wanted.url("/reports/calls.csv", queue=queue),
        xlsx_url=wanted.url("/reports/calls.xlsx", queue=queue),
        clear_url=f"/reports/calls?days={wanted.days or 30}" if queue or wanted.given else None,
    )  # fmt: skip


def _rows_url(wanted: Asked, what: str, **more: Any) -> str:
    return wanted.url("/reports/calls/rows", what=what, **more)


def _cards(found: call_reports.Report, before: call_reports.Report, wanted: Asked, seconds: int, queue: str) -> list[dict[str, Any]]:
    f, b = found.total, before.total

    def card(key: str, title: str, value: str, what: str, change: Any, means: str, *lines: str) -> dict[str, Any]:
        return {"key": key, "title": title, "value": value, "url": _rows_url(wanted, what, queue=queue), "change": change, "means": means, "lines": lines}

    return [
        card("answered", _("接通率"), words.share(f.answered), "answered", words.points(f.answered.rate, b.answered.rate),
             _("打进来、要找人的电话里，有人接起来的比例。"), _("%(hits)s / %(n)s 通来电", hits=f.answered.hits, n=f.answered.n)),
        card("level", _("%(s)s 秒接通率", s=seconds), words.share(f.level), "level", words.points(f.level.rate, b.level.rate),
             _("来电里 %(s)s 秒之内接起来的比例；分母是全部来电，放弃的也在内。", s=seconds),
             _("等待：中位 %(m)s · 平均 %(a)s · 九成不超过 %(p)s", **_three(f.lengths["wait"]))),
        card("abandoned", _("放弃率"), words.share(f.abandoned), "abandoned", words.points(f.abandoned.rate, b.abandoned.rate),
             _("来电里排队等待中自己挂断的比例。"), _("%(n)s 通；另有 %(other)s 通无人接听、占线或没有接通", n=f.abandoned.hits, other=f.other.hits)),
        card("talk", _("通话时长（中位）"), call_words.seconds(f.lengths["talk"].median), "talked", words.slower(f.lengths["talk"].median, b.lengths["talk"].median),
             _("说上话的电话，呼入和呼出，从接起到挂断，含保持。"), _("平均 %(a)s · 九成不超过 %(p)s · n = %(n)s", **_three(f.lengths["talk"]))),
        card("hold", _("保持时长（中位）"), call_words.seconds(f.lengths["hold"].median), "held", words.slower(f.lengths["hold"].median, b.lengths["hold"].median),
             _("交换机报来的保持时间；没有报的不算。"), _("平均 %(a)s · 九成不超过 %(p)s · n = %(n)s", **_three(f.lengths["hold"]))),
        card("wrap", _("话后处理（中位）"), call_words.seconds(f.lengths["wrap"].median), "talked", words.slower(f.lengths["wrap"].median, b.lengths["wrap"].median),
             _("交换机报来的话后处理；没有报的，取挂断到写好小结，十分钟内写的才算。"), _("平均 %(a)s · 九成不超过 %(p)s · n = %(n)s", **_three(f.lengths["wrap"]))),
    ]  # fmt: skip


def _three(spread: Spread) -> dict[str, Any]:
    length = call_words.seconds
    return {"m": length(spread.median), "a": length(spread.mean), "p": length(spread.p90), "n": spread.n}


def _beside(found: call_reports.Report, wanted: Asked, queue: str) -> list[dict[str, Any]]:
    """What always stands beside the figures."""
    f = found.total
    late = Share(f.answered.hits - f.level.hits, f.answered.n)
    listed = [
        (_("说上话却没有小结"), found.unwrapped, "unwrapped", _("接通的电话，没有小结也没有写不用小结的原因")),
        (_("接起来但超过时限"), late, "late", _("不知道等了多久的也在内")),
        (_("打出去接通"), f.out, "out", _("打出去的电话里对方接起来的比例")),
    ]
    shown = [
        {"label": label, "rate": words.share(share), "hits": share.hits, "n": share.n, "hint": hint, "url": _rows_url(wanted, what, queue=queue)}
        for label, share, what, hint in listed
    ]
    if found.in_menu:
        shown.append({"label": _("只到语音导航，不算来电"), "rate": str(found.in_menu), "hits": None, "n": None, "hint": "", "url": _rows_url(wanted, "menu", queue=queue)})
    return shown


def _by(days: Sequence[tuple[Any, int, int, int]]) -> str:
    """What a line of the course of the calls stands for: a long period is told by weeks or months."""
    step = (days[1][0] - days[0][0]).days if len(days) > 1 else 1
    return _("来电和接通，逐日") if step <= 1 else _("来电和接通，逐周") if step <= 7 else _("来电和接通，逐月")


def _line(label: str, f: Figures, wanted: Asked, more: dict[str, Any]) -> dict[str, Any]:
    def cell(what: str, text: str) -> dict[str, str]:
        return {"text": text, "url": _rows_url(wanted, what, **more)}

    lengths = {k: call_words.seconds(v.median) + (f" / {call_words.seconds(v.p90)}" if v.n else "") for k, v in f.lengths.items()}
    return {
        "label": label,
        "offered": cell("offered", str(f.offered)),
        "answered": cell("answered", words.share(f.answered)),
        "level": cell("level", words.share(f.level)),
        "abandoned": cell("abandoned", words.share(f.abandoned)),
        "out": cell("out", f"{f.out.hits} / {f.out.n}" if f.out.n else "—"),
        "talk": cell("talked", lengths["talk"]),
        "hold": lengths["hold"],
        "wrap": lengths["wrap"],
        "few": 0 < f.offered < 5,
    }


@blueprint.get("/reports/calls.csv", defaults={"kind": "csv"})
@blueprint.get("/reports/calls.xlsx", defaults={"kind": "xlsx"})
@viewer.needs("report.read", "desk.use")
def figures_file(kind: str) -> Response:
    """The figures as a file; rates are numbers from 0 to 1, lengths seconds."""
    actor, wanted, queue = viewer.current_actor(), asked(), _queue()
    found = call_reports.report(actor, wanted.wanted, viewer.settings().service_seconds, queue)
    heads = [
        _("来电"), _("接通率"), _("时限内接通率"), _("放弃率"), _("无人接听等"), _("呼出"), _("呼出接通率"),
        *(_("%(what)s，%(how)s（秒）", what=what, how=how) for what in (_("等待"), _("通话时长"), _("保持"), _("话后处理")) for how in (_("中位"), _("平均"), _("九成"))),
    ]  # fmt: skip

    def line(f: Figures) -> list[Any]:
        lengths = [value for name in call_reports.LENGTHS for value in (f.lengths[name].median, _rounded(f.lengths[name].mean), f.lengths[name].p90)]
        return [f.offered, f.answered.rate, f.level.rate, f.abandoned.rate, f.other.rate, f.out.n, f.out.rate, *lengths]

    tables = [
        {"title": _("总览"), "heads": [_("项目"), *heads], "rows": [[_("合计"), *line(found.total)]]},
        {"title": _("按队列"), "heads": [_("队列"), *heads], "rows": [[q or _("没有队列"), *line(f)] for q, f in found.queues]},
        {"title": _("按%(by)s", by=_("坐席")), "heads": [_("坐席"), *heads], "rows": [[u.label if u else _("没有人"), *line(f)] for u, f in found.people]},
        {"title": _by(found.days), "heads": [_("日期"), _("来电"), _("接通"), _("放弃")], "rows": [[show_date(local(b).date()), n, a, x] for b, n, a, x in found.days]},
    ]
    name = f"calls-{wanted.first:%Y%m%d}-{wanted.last:%Y%m%d}"
    return report_files.as_csv(tables, name) if kind == "csv" else report_files.as_xlsx(tables, name)


def _rounded(value: float | None) -> int | None:
    """A mean in whole seconds: a spreadsheet would show a small one as a percentage."""
    return round(value) if value is not None else None


def _page(cursor: str, limit: int) -> tuple[str, calls.Page, dict[int, WrapUp]]:
    what = request.args.get("what", "offered")
    where = call_reports.mark(viewer.current_actor(), asked().wanted, what, viewer.settings().service_seconds, _queue())
    if where is None:
        abort(404)
    page = calls.page_of(where, cursor, limit)
    return what, page, calls.wrapped_among([c.id for c in page.rows])


@blueprint.get("/reports/calls/rows")
@viewer.needs("report.read", "desk.use")
def rows() -> str:
    """The calls behind a figure, the newest first."""
    wanted, queue = asked(), _queue()
    cursor = request.args.get("cursor", "")[:80]
    what, page, written = _page(cursor, calls.PAGE)
    narrowed = [_("没有队列") if queue == call_reports.NO_QUEUE else queue] if queue else []
    if agent := wanted.given.get("agent"):
        narrowed += [u.label for u in ticket_page.workers() if str(u.id) == agent]
    return render_template(
        "reports/call_rows.html",
        here="reports",
        title=str(MARKS[what]),
        span=report_show.span_words(wanted),
        narrowed=narrowed,
        rows=[call_show.row(c, written.get(c.id)) for c in page.rows],
        page={
            "shown": len(page.rows), "total": None,
            "next": _rows_url(wanted, what, queue=queue, cursor=page.next) if page.next else None,
            "first": _rows_url(wanted, what, queue=queue) if cursor else None,
        },
        back=wanted.url("/reports/calls", queue=queue),
        csv_url=wanted.url("/reports/calls/rows.csv", what=what, queue=queue),
        xlsx_url=wanted.url("/reports/calls/rows.xlsx", what=what, queue=queue),
    )  # fmt: skip


@blueprint.get("/reports/calls/rows.csv", defaults={"kind": "csv"})
@blueprint.get("/reports/calls/rows.xlsx", defaults={"kind": "xlsx"})
@viewer.needs("report.read", "desk.use")
def rows_file(kind: str) -> Response:
    """The calls behind a figure as a file, the newest ten thousand at most."""
    what, page, written = _page("", MOST_EXPORTED)
    heads = [_("开始"), _("方向"), _("谁"), _("企业"), _("号码"), _("队列"), _("坐席"), _("结果"), _("等待（秒）"), _("通话（秒）"), _("保持（秒）"), _("话后处理（秒）"), _("小结")]
    lines: list[list[Any]] = []
    for c in page.rows:
        r, wrap = call_show.row(c, written.get(c.id)), written.get(c.id)
        after = c.wrap_up_s if c.wrap_up_s is not None else wrap.took_s if wrap else None
        lines.append([
            show_datetime(r["at"]), r["direction"]["label"], r["name"], r["company"], r["number"], r["queue"], r["agent"], r["outcome"]["label"],
            c.wait, c.billsec, c.hold_s, after, call_show.wrap_words(wrap) if wrap and wrap.done_at else "",
        ])  # fmt: skip
    table = {"title": str(MARKS[what]), "heads": heads, "rows": lines}
    name = f"calls-{what}-{local(now()):%Y%m%d-%H%M}"
    return report_files.as_csv([table], name) if kind == "csv" else report_files.as_xlsx([table], name)
