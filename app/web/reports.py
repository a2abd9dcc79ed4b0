"""/reports: first-contact resolution with its companions, and the rows behind every mark. Who may only read some
companies' tickets sees figures of those."""

from typing import Any

from flask import Blueprint, Flask, abort, redirect, render_template, request
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import viewer
from app.core.clock import now
from app.core.db import session
from app.core.errors import NotFound
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.queries import answer_reports, knowledge_reports, report_rows, ticket_page
from app.queries.reports import FEW
from app.queries.tickets import product_choices
from app.web import desk_words, report_files, report_show, report_verdict
from app.web import report_words as words
from app.web.i18n import local, show_datetime
from app.web.report_asked import SPANS, Asked, asked
from channels.counters import list_counters
from channels.models import Account
from workflows.access import access_ticket
from workflows.fcr import EXCLUSIONS, REASONS
from workflows.fcr_verdicts import decide_repeat
from workflows.kinds import KINDS

blueprint = Blueprint("reports", __name__)
MOST_EXPORTED = 10_000
BY_HAND = ("calls", "walk_in", "portal")


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)
    flask.jinja_env.globals["fcr_panel"] = report_verdict.panel


@blueprint.get("/reports")
@viewer.needs("report.read")
def index() -> str:
    """Cards, charts and companions of a period."""
    actor, wanted = viewer.current_actor(), asked()
    found = report_show.figures(actor, wanted)
    by = request.args.get("by", "")
    return render_template(
        "reports/index.html",
        here="reports",
        asked=wanted,
        span=report_show.span_words(wanted),
        cards=report_show.cards(found, wanted),
        charts=report_show.charts(found, wanted, by),
        pareto=report_show.pareto(found, wanted),
        not_solved=sum(count for _code, count in found.reasons),
        companions=report_show.companions(found, wanted),
        excluded=report_show.excluded(found, wanted),
        heat=report_show.heat(found, wanted),
        nothing=not found.fcr.matured.n and not found.fcr.pending and not sum(found.series.created),
        window=report_show.window_words(),
        robot=answer_reports.answered(actor, wanted.wanted),
        helped=_helped(actor, wanted),
        limited=not actor.can("ticket.read_all"),
        filters=_filters(wanted),
        spans=[{"value": n, "label": _("近 %(n)s 天", n=n), "here": n == wanted.days} for n in SPANS],
        csv_url=wanted.url("/reports/figures.csv"),
        xlsx_url=wanted.url("/reports/figures.xlsx"),
    )


def _helped(actor: Actor, wanted: Asked) -> list[str]:
    """What knowledge did, in sentences; a share from five on, like every other."""
    said = []
    if share := knowledge_reports.deflection(actor, wanted.wanted):
        rate = words.share(share) if share.n >= FEW else "—"
        said.append(_("自助：客户从搜索打开知识 %(n)s 次，其中 %(hits)s 次之后 24 小时没有在任何渠道提工单（%(rate)s）。不算进首解率。", n=share.n, hits=share.hits, rate=rate))
    took = knowledge_reports.look_up(actor, wanted.wanted)
    if took.n:
        said.append(_("坐席查知识：从接单到第一篇知识随答复发出，中位 %(median)s，九成不超过 %(p90)s（n = %(n)s）。", median=words.length(took.median), p90=words.length(took.p90), n=took.n))
    return said


def _filters(wanted: Asked) -> list[dict[str, Any]]:
    given = wanted.given
    channels = sorted({*session().scalars(select(Account.kind).distinct()), *BY_HAND})
    places = [{"value": c.id, "label": c.name} for c in list_counters()]
    people = [{"value": u.id, "label": u.label} for u in ticket_page.workers()]
    return [
        {"name": "solvable", "label": _("首解率：全部类别"), "value": given.get("solvable", ""), "options": [{"value": "1", "label": _("首解率：可首解类别")}]},
        {"name": "cohort", "label": _("按解决日分组"), "value": given.get("cohort", ""), "options": [{"value": "created", "label": _("按登记日分组")}]},
        {"name": "channel", "label": _("所有渠道"), "value": given.get("channel", ""), "options": [{"value": c, "label": desk_words.channel_word(c)} for c in channels]},
        {"name": "kind", "label": _("所有类别"), "value": given.get("kind", ""), "options": [{"value": k.code, "label": _(k.label)} for k in KINDS.values()]},
        {"name": "product", "label": _("所有产品"), "value": given.get("product", ""), "options": [{"value": n, "label": label} for n, label in product_choices()]},
        {"name": "team", "label": _("所有团队"), "value": given.get("team", ""), "options": [{"value": t.id, "label": t.name} for t in ticket_page.teams()]},
        {"name": "agent", "label": _("所有坐席"), "value": given.get("agent", ""), "options": people},
        *([{"name": "counter", "label": _("所有服务台"), "value": given.get("counter", ""), "options": places}] if places else []),
    ]  # fmt: skip


@blueprint.get("/reports/about")
@viewer.needs("report.read")
def about() -> str:
    """What each figure means, in words."""
    return render_template(
        "reports/about.html", here="reports", window=report_show.window_words(),
        reasons=[_(text) for text in REASONS.values()], exclusions=[_(text) for text in EXCLUSIONS.values()],
        solvable=_("、").join(_(k.label) for k in KINDS.values() if k.solvable), back=asked().url(),
    )  # fmt: skip


@blueprint.get("/reports/figures.csv", defaults={"kind": "csv"})
@blueprint.get("/reports/figures.xlsx", defaults={"kind": "xlsx"})
@viewer.needs("report.read")
def figures_file(kind: str) -> Response:
    """The figures of the page as a file."""
    wanted = asked()
    tables = report_show.tables(report_show.figures(viewer.current_actor(), wanted), wanted)
    name = f"reports-{wanted.first:%Y%m%d}-{wanted.last:%Y%m%d}"
    return report_files.as_csv(tables, name) if kind == "csv" else report_files.as_xlsx(tables, name)


def _what() -> tuple[str, str]:
    what = request.args.get("what", "matured")
    if what not in report_rows.MARKS:
        abort(404)
    return what, clean(request.args.get("of", ""))[:40]


@blueprint.get("/reports/rows")
@viewer.needs("report.read", "ticket.read")
def rows() -> str:
    """The tickets behind a mark, the newest first."""
    actor, wanted = viewer.current_actor(), asked()
    what, of = _what()
    cursor = request.args.get("cursor", "")[:80]
    page = report_rows.rows(actor, wanted.wanted, what, of, cursor)
    here = wanted.url("/reports/rows", what=what, of=of)
    return render_template(
        "reports/rows.html",
        here="reports",
        title=_title(what, of),
        span=report_show.span_words(wanted),
        narrowed=_narrowed(wanted),
        rows=[_row(row) for row in page.rows],
        page={
            "shown": len(page.rows),
            "total": None,
            "next": wanted.url("/reports/rows", what=what, of=of, cursor=page.next) if page.next else None,
            "first": here if cursor else None,
        },
        back=wanted.url(),
        csv_url=wanted.url("/reports/rows.csv", what=what, of=of),
        xlsx_url=wanted.url("/reports/rows.xlsx", what=what, of=of),
    )


def _title(what: str, of: str) -> str:
    title = str(words.MARKS[what])
    detail = words.reason(of) if what == "reason" else words.exclusion(of) if what == "excluded" else ""
    if what == "heat" and "-" in of:
        day, _sign, hour = of.partition("-")
        if day.isdecimal() and int(day) < 7 and hour.isdecimal() and int(hour) < 24:
            detail = f"{words.WEEKDAYS[int(day)]} {int(hour):02d}:00"
    return _("%(title)s：%(detail)s", title=title, detail=detail) if detail else title


def _narrowed(wanted: Asked) -> list[str]:
    """The filters in force, in words."""
    found = []
    for filter_ in _filters(wanted):
        chosen = next((o["label"] for o in filter_["options"] if str(o["value"]) == str(filter_["value"])), None)
        if filter_["value"] and chosen:
            found.append(str(chosen))
    return found


def _row(row: report_rows.Row) -> dict[str, Any]:
    ticket, verdict = row.ticket, row.verdict
    return {
        "number": ticket.number,
        "url": f"/desk/tickets/{ticket.number}",
        "subject": ticket.subject,
        "state": ticket.state,
        "state_label": desk_words.state_word(ticket.state),
        "channel": ticket.channel,
        "channel_label": desk_words.channel_word(ticket.channel),
        "who": ticket.contact.label if ticket.contact else _("还不知道是谁"),
        "company": ticket.organisation.label if ticket.organisation else "",
        "product": ticket.product.code if ticket.product else "",
        "kind": _(KINDS[verdict.kind if verdict else ticket.kind].label) if (verdict.kind if verdict else ticket.kind) in KINDS else "",
        "credit": " · ".join(filter(None, (row.user.label if row.user else "", row.team.name if row.team else ""))),
        "at": row.moment,
        "verdict": report_verdict.verdict(verdict) if verdict else None,
    }


@blueprint.get("/reports/rows.csv", defaults={"kind": "csv"})
@blueprint.get("/reports/rows.xlsx", defaults={"kind": "xlsx"})
@viewer.needs("report.read", "ticket.read")
def rows_file(kind: str) -> Response:
    """The tickets behind a mark as a file, the newest ten thousand at most."""
    actor, wanted = viewer.current_actor(), asked()
    what, of = _what()
    heads = [_("工单"), _("标题"), _("状态"), _("渠道"), _("客户"), _("企业"), _("产品"), _("类别"), _("归属"), _("时间"), _("结论"), _("原因")]
    lines: list[list[Any]] = []
    for found in report_rows.rows(actor, wanted.wanted, what, of, limit=MOST_EXPORTED).rows:
        r = _row(found)
        v = r["verdict"] or {"label": "", "reasons": []}
        lines.append([
            r["number"], r["subject"], r["state_label"], r["channel_label"], r["who"], r["company"], r["product"], r["kind"],
            r["credit"], show_datetime(r["at"]), v["label"], _("；").join(reason["text"] for reason in v["reasons"]),
        ])  # fmt: skip
    table = {"title": _title(what, of), "heads": heads, "rows": lines}
    name = f"{what}-{local(now()):%Y%m%d-%H%M}"
    return report_files.as_csv([table], name) if kind == "csv" else report_files.as_xlsx([table], name)


@blueprint.post("/desk/tickets/<int:number>/repeats")
@viewer.needs("desk.use", "ticket.work")
def decide(number: int) -> Response | str:
    """Say whether a later contact was about the same issue."""
    actor = viewer.current_actor()
    with unit_of_work():
        ticket = access_ticket(actor, number)
        later, talk = request.form.get("ticket", ""), request.form.get("session", "")
        other = access_ticket(actor, int(later)) if later.isascii() and later.isdecimal() and len(later) < 10 else None
        talked = int(talk) if talk.isascii() and talk.isdecimal() and len(talk) < 10 else None
        if not report_verdict.is_possible(ticket, other, talked):
            raise NotFound()
        decide_repeat(actor, ticket, same=request.form.get("same") == "1", later_ticket=other, later_session=None if other else talked)
        report_verdict.judge_now(ticket)
    if request.headers.get("HX-Request") == "true":
        return render_template("reports/_verdict.html", fcr=report_verdict.panel(ticket.id))
    return redirect(viewer.safe_path(request.form.get("next"), f"/desk/tickets/{number}"), 303)


