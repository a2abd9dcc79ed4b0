"""Figures as the report pages and files show them: cards, bars, the heat map, and the tables behind them."""

from dataclasses import dataclass, replace
from typing import Any

from flask_babel import gettext as _

from app.core.clock import now
from app.core.permissions import Actor
from app.queries import reports
from app.queries.report_terms import DIMENSIONS
from app.web import desk_words
from app.web import report_words as words
from app.web.i18n import show_date
from app.web.report_asked import Asked
from workflows.fcr import WINDOWS
from workflows.kinds import KINDS

WIDE, HIGH = 120, 28
FEW = 5


@dataclass(frozen=True)
class Figures:
    """Everything that one page of reports needs, for the period and the one before it."""

    fcr: reports.Fcr
    fcr_before: reports.Fcr
    by_creation: reports.Fcr
    response: reports.FirstResponse
    response_before: reports.FirstResponse
    resolution: Any
    resolution_before: Any
    happy: reports.Satisfaction
    happy_before: reports.Satisfaction
    backlog: int
    backlog_before: int
    coverage: reports.Coverage
    reasons: list[tuple[str, int]]
    bars: dict[str, list[reports.Bar]]
    series: reports.Series


def figures(actor: Actor, asked: Asked) -> Figures:
    """All figures, each by one or a few aggregates."""
    wanted, before = asked.wanted, asked.wanted.before()
    return Figures(
        fcr=reports.fcr(actor, wanted),
        fcr_before=reports.fcr(actor, before),
        by_creation=reports.fcr(actor, replace(wanted, cohort="resolved" if wanted.cohort == "created" else "created")),
        response=reports.first_response(actor, wanted),
        response_before=reports.first_response(actor, before),
        resolution=reports.resolution(actor, wanted),
        resolution_before=reports.resolution(actor, before),
        happy=reports.satisfaction(actor, wanted),
        happy_before=reports.satisfaction(actor, before),
        backlog=reports.backlog(actor, wanted, min(wanted.until, now())),
        backlog_before=reports.backlog(actor, wanted, wanted.since),
        coverage=reports.coverage(actor, wanted),
        reasons=reports.reasons(actor, wanted),
        bars={by: reports.fcr_by(actor, wanted, by) for by in DIMENSIONS},
        series=reports.series(actor, wanted),
    )


def cards(found: Figures, asked: Asked) -> list[dict[str, Any]]:
    """The first row of the page."""
    def rows(what: str) -> str:
        return asked.url("/reports/rows", what=what)

    f, early = found.fcr, found.fcr.provisional
    other = _("按登记日分组") if asked.wanted.cohort == "resolved" else _("按解决日分组")
    happy, happy_before = found.happy, found.happy_before
    return [
        _card(
            "fcr", _("首次联系解决率"), words.share(f.solvable), rows("matured"), words.points(f.solvable.rate, found.fcr_before.solvable.rate),
            [
                (_("可首解类别，已到期 n = %(n)s", n=f.solvable.n), None),
                (_("全部类别 %(rate)s（n = %(n)s）", rate=words.share(f.matured), n=f.matured.n), rows("matured")),
                *((_("暂定 %(h)s 小时 %(rate)s（n = %(n)s）", h=h, rate=words.share(s), n=s.n), None) for h, s in early.items()),
                (_("未到期 %(n)s 件，不计", n=f.pending), rows("pending")),
                (_("%(how)s %(rate)s（n = %(n)s）", how=other, rate=words.share(found.by_creation.matured), n=found.by_creation.matured.n), None),
            ],
            _spark(found.series.fcr, 1.0),
        ),
        _card(
            "first-response", _("首次响应（中位）"), words.length(found.response.spread.median), rows("answered"),
            words.slower(found.response.spread.median, found.response_before.spread.median),
            [
                (_("平均 %(mean)s · 九成不超过 %(p90)s", mean=words.length(found.response.spread.mean), p90=words.length(found.response.spread.p90)), None),
                (_("日历时间，n = %(n)s", n=found.response.spread.n), None),
                (_("%(n)s 张还没有响应", n=found.response.waiting), rows("waiting")),
            ],
            _spark(found.series.response),
        ),
        _card(
            "resolution", _("首次解决用时（中位）"), words.length(found.resolution.median), rows("resolved"),
            words.slower(found.resolution.median, found.resolution_before.median),
            [
                (_("平均 %(mean)s · 九成不超过 %(p90)s", mean=words.length(found.resolution.mean), p90=words.length(found.resolution.p90)), None),
                (_("日历时间，n = %(n)s", n=found.resolution.n), None),
            ],
            _spark(found.series.resolution),
        ),
        _card(
            "satisfaction", _("满意度（4、5 分占比）"), words.share(happy.top) if happy.shown else "—", rows("rated"),
            words.points(happy.top.rate, happy_before.top.rate) if happy.shown and happy_before.shown else None,
            [
                (_("平均 %(mean)s 分，n = %(n)s", mean=f"{happy.mean:.2f}", n=happy.top.n), None)
                if happy.shown and happy.mean is not None
                else (_("不足 %(few)s 份评分，不显示（n = %(n)s）", few=reports.FEW, n=happy.top.n), None),
                (_("回收率 %(rate)s（%(hits)s / %(n)s）", rate=words.share(happy.response), hits=happy.response.hits, n=happy.response.n), None),
            ],
            _spark(found.series.satisfaction, 1.0) if happy.shown else None,
        ),
        _card(
            "backlog", _("期末未解决"), str(found.backlog), rows("backlog"), words.more(found.backlog, found.backlog_before),
            [(_("期内登记 %(n)s 张", n=sum(found.series.created)), rows("created"))],
            _spark(found.series.backlog),
        ),
    ]  # fmt: skip


def _card(key: str, title: str, value: str, url: str, change: Any, lines: Any, spark: Any) -> dict[str, Any]:
    return {
        "key": key, "title": title, "value": value, "url": url, "change": change, "spark": spark,
        "lines": [{"text": text, "url": to} for text, to in lines],
    }  # fmt: skip


def _spark(values: list[float | None], top: float | None = None) -> dict[str, Any] | None:
    """A line from zero, as SVG points; gaps where there was nothing. None where fewer than two values are known."""
    known = [v for v in values if v is not None]
    if len(known) < 2 or len(values) < 2:
        return None
    most = top or max(known) or 1.0
    step = WIDE / (len(values) - 1)
    runs: list[list[str]] = [[]]
    last = ""
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
            continue
        x, y = place * step, HIGH - 2 - (HIGH - 4) * min(1.0, value / most)
        runs[-1].append(f"{x:.1f},{y:.1f}")
        last = f"{x:.1f} {y:.1f}"
    return {"lines": [" ".join(run) for run in runs if len(run) > 1], "dots": [run[0].split(",") for run in runs if len(run) == 1], "last": last.split()}


def companions(found: Figures, asked: Asked) -> list[dict[str, Any]]:
    """What always stands beside the figures, so that polishing shows."""
    f, c = found.fcr, found.coverage
    listed = [
        (_("谈过但没有小结"), c.unwrapped, "unwrapped", _("接通的电话和有人答复过、已结束的聊天，没有小结，也没有写不用小结的原因")),
        (_("不知道是谁"), c.unidentified, "unidentified", _("登记的工单里没有认出联系人的")),
        (_("静默结单"), c.silent, "silent", _("结单里客户没有答复回访的")),
        (_("挂起过"), f.held, "held", _("计入的请求里挂起过的")),
        (_("重开过"), f.reopened, "reopened", _("计入的请求里重开过的，不限 W")),
        (_("解决后改类别"), f.kind_changed, "kind_changed", _("首次解决以后改过类别的；判断仍用当时的类别")),
        (_("可能的重复来访"), f.possible, "possible", _("还没有人裁定的")),
    ]
    return [
        {"label": label, "rate": words.share(share), "hits": share.hits, "n": share.n, "url": asked.url("/desk/wrap-ups") if what == "unwrapped" else asked.url("/reports/rows", what=what), "hint": hint}
        for label, share, what, hint in listed
    ]


def charts(found: Figures, asked: Asked, here: str) -> list[dict[str, Any]]:
    """FCR by each dimension; bars from zero to a hundred percent, sorted by n. `here`: the one that is shown in full."""
    shown = []
    for by in DIMENSIONS:
        rows = [_bar(by, bar, asked) for bar in found.bars[by]]
        shown.append({
            "by": by, "title": _("首解率，按%(by)s", by=str(words.DIMENSIONS[by])), "rows": rows if here == by else rows[:8],
            "rest": 0 if here == by else max(0, len(rows) - 8), "all_url": asked.url(by=by) + f"#by-{by}",
        })  # fmt: skip
    return shown


def _bar(by: str, bar: reports.Bar, asked: Asked) -> dict[str, Any]:
    return {
        "label": label_of(by, bar),
        "rate": words.share(bar.share),
        "width": f"{(bar.share.rate or 0) * 100:.1f}%",
        "n": bar.share.n,
        "few": bar.share.n < FEW,
        "url": asked.url("/reports/rows", what="matured", **({by: bar.key} if bar.key else {})),
    }


def label_of(by: str, bar: reports.Bar) -> str:
    """The name of a bar in the reader's language."""
    if by == "kind":
        return _(KINDS[bar.key].label) if bar.key in KINDS else bar.key
    if by == "channel":
        return desk_words.channel_word(bar.key)
    return bar.label or {"product": _("没有产品"), "team": _("没有团队"), "agent": _("没有人")}.get(by, "—")


def pareto(found: Figures, asked: Asked) -> list[dict[str, Any]]:
    """The reasons with their counts and the running share of all."""
    total = sum(count for _code, count in found.reasons)
    most = max((count for _code, count in found.reasons), default=1)
    shown, running = [], 0
    for code, count in found.reasons:
        running += count
        shown.append({
            "label": words.reason(code), "count": count, "width": f"{count / most * 100:.1f}%", "share": words.percent(count / total),
            "running": words.percent(running / total), "url": asked.url("/reports/rows", what="reason", of=code),
        })  # fmt: skip
    return shown


def excluded(found: Figures, asked: Asked) -> list[dict[str, Any]]:
    return [
        {"label": words.exclusion(code), "count": count, "url": asked.url("/reports/rows", what="excluded", of=code)}
        for code, count in sorted(found.fcr.excluded.items(), key=lambda item: -item[1])
    ]


def heat(found: Figures, asked: Asked) -> list[dict[str, Any]]:
    """Seven rows of twenty-four fields; `level` 0 (nothing) to 5 (the most)."""
    most = max(found.series.heat.values(), default=0)
    rows = []
    for day in range(7):
        fields: list[dict[str, Any]] = []
        for hour in range(24):
            count = found.series.heat.get((day, hour), 0)
            level = 0 if not count else max(1, round(5 * count / most))
            url = asked.url("/reports/rows", what="heat", of=f"{day}-{hour}") if count else None
            fields.append({"count": count, "level": level, "url": url})
        rows.append({"label": str(words.WEEKDAYS[day]), "fields": fields, "sum": sum(f["count"] for f in fields)})
    return rows


def window_words() -> str:
    """W in words, with the kinds that have their own."""
    found = WINDOWS[0]
    own = _("、").join(f"{_(KINDS[k].label) if k in KINDS else k} {d.days}" for k, d in found.by_kind.items())
    base = _("W = %(n)s 天", n=found.days.days)
    return _("%(base)s（%(own)s）", base=base, own=own) if own else base


def tables(found: Figures, asked: Asked) -> list[dict[str, Any]]:
    """What the page shows as plain tables, for files: title, heads, rows. Rates are numbers from 0 to 1."""
    heads = [_("项目"), _("数值"), _("n"), _("上期")]
    f, b, c = found.fcr, found.fcr_before, found.coverage
    top: list[list[Any]] = [
        [_("首解率，可首解类别"), f.solvable.rate, f.solvable.n, b.solvable.rate],
        [_("首解率，全部类别"), f.matured.rate, f.matured.n, b.matured.rate],
        *([_("暂定 %(h)s 小时", h=h), s.rate, s.n, b.provisional[h].rate] for h, s in f.provisional.items()),
        [_("未到期"), f.pending, f.pending, b.pending],
        [_("首次响应，中位（秒）"), found.response.spread.median, found.response.spread.n, found.response_before.spread.median],
        [_("首次响应，九成（秒）"), found.response.spread.p90, found.response.spread.n, found.response_before.spread.p90],
        [_("首次解决用时，中位（秒）"), found.resolution.median, found.resolution.n, found.resolution_before.median],
        [_("首次解决用时，九成（秒）"), found.resolution.p90, found.resolution.n, found.resolution_before.p90],
        [_("满意度，4、5 分占比"), found.happy.top.rate if found.happy.shown else None, found.happy.top.n,
         found.happy_before.top.rate if found.happy_before.shown else None],
        [_("回收率"), found.happy.response.rate, found.happy.response.n, found.happy_before.response.rate],
        [_("期末未解决"), found.backlog, None, found.backlog_before],
        [_("谈过但没有小结"), c.unwrapped.rate, c.unwrapped.n, None],
        [_("不知道是谁"), c.unidentified.rate, c.unidentified.n, None],
        [_("静默结单"), c.silent.rate, c.silent.n, None],
        [_("挂起过"), f.held.rate, f.held.n, b.held.rate],
        [_("重开过"), f.reopened.rate, f.reopened.n, b.reopened.rate],
        [_("解决后改类别"), f.kind_changed.rate, f.kind_changed.n, b.kind_changed.rate],
        [_("可能的重复来访"), f.possible.rate, f.possible.n, b.possible.rate],
    ]  # fmt: skip
    listed: list[dict[str, Any]] = [{"title": _("总览"), "heads": heads, "rows": top}]
    for by in DIMENSIONS:
        name = str(words.DIMENSIONS[by])
        rows: list[list[Any]] = [[label_of(by, bar), bar.share.rate, bar.share.n, bar.share.hits] for bar in found.bars[by]]
        listed.append({"title": _("按%(by)s", by=name), "heads": [name, _("首解率"), _("n"), _("首次解决")], "rows": rows})
    listed.append({"title": _("原因"), "heads": [_("原因"), _("件数")], "rows": [[words.reason(c_), n] for c_, n in found.reasons]})
    listed.append({"title": _("不计入"), "heads": [_("原因"), _("件数")], "rows": [[words.exclusion(c_), n] for c_, n in f.excluded.items()]})
    hours = [[str(words.WEEKDAYS[d]), *(found.series.heat.get((d, h), 0) for h in range(24))] for d in range(7)]
    listed.append({"title": _("时段"), "heads": [_("星期"), *(str(h) for h in range(24))], "rows": hours})
    return listed


def span_words(asked: Asked) -> str:
    return f"{show_date(asked.first)} – {show_date(asked.last)}"


