"""Wrap-ups (小结): the form, fifteen seconds by keyboard, and the list of what has neither one nor a reason for none."""

import json
from dataclasses import replace
from typing import Any

from flask import Blueprint, Flask, flash, make_response, redirect, render_template, request
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import viewer
from app.calls import reactions as call_reactions
from app.core.db import session
from app.core.errors import DeskError, Invalid, NotFound
from app.core.people import User
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.queries import calls, timeline, wrap_ups
from app.queries.caller import Caller, caller_of
from app.queries.history import tickets_of
from app.queries.tickets import product_choices
from app.web import call_show, desk_answers, report_show
from app.web import desk_answer as answer
from app.web.call_tabs import tabs
from app.web.errors import field_errors, words_of
from app.web.report_asked import asked
from app.web.report_words import percent
from channels.calls.models import Call
from channels.models import Session
from knowledge.access import access_article
from knowledge.models import Article
from workflows import wrap_ups as verbs
from workflows.access import access_ticket
from workflows.kinds import CATEGORIES, KINDS
from workflows.models import Ticket
from workflows.wrap_models import CALL, NONE_REASONS, SESSION, WrapUp

blueprint = Blueprint("desk_wraps", __name__)
PAGE = "/desk/wrap-ups"
SPANS = (7, 30, 90)


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/desk/wrap-ups")
@viewer.needs("desk.use", "ticket.read")
def owed() -> str:
    """Talk that has neither wrap-up nor reason: one's own, for those who lead everybody's, with the rate."""
    actor, wanted = viewer.current_actor(), asked()
    sees_all = actor.can("report.read")
    whose = (wanted.wanted.agent or None) if sees_all else actor.id
    span = wrap_ups.Span(wanted.wanted.since, wanted.wanted.until, whose, wanted.wanted.channel)
    cursor = request.args.get("cursor", "")[:80]
    page = wrap_ups.owed(actor, span, cursor)
    without, total = wrap_ups.rate(actor, span)
    people: list[dict[str, Any]] = []
    if sees_all:
        counted = wrap_ups.by_person(actor, replace(span, user_id=None))
        names = {u.id: u.label for u in session().scalars(select(User).where(User.id.in_([u for u, *_n in counted if u])))}
        people = [
            {"name": names.get(user or 0) or _("没有人"), "url": wanted.url(PAGE, agent=user) if user else None,
             "without": n, "total": of, "rate": percent(n / of if of else None), "here": user == whose and user is not None}
            for user, n, of in counted
        ]  # fmt: skip
    return render_template(
        "desk/wrap_ups.html",
        tabs=tabs(actor, "wrap-ups"),
        spans=[{"value": n, "label": _("近 %(n)s 天", n=n), "url": wanted.url(PAGE, days=n, **{"from": None, "to": None}), "here": n == wanted.days} for n in SPANS],
        span=report_show.span_words(wanted),
        rows=[call_show.owed(o) for o in page.rows],
        without=without, total=total, rate=percent(without / total if total else None),
        people=people, all_url=wanted.url(PAGE, agent=None) if sees_all and whose else None,
        list_url=wanted.url(PAGE, cursor=cursor),
        page={
            "shown": len(page.rows), "total": without if not cursor else None,
            "next": wanted.url(PAGE, cursor=page.next) if page.next else None, "first": wanted.url(PAGE) if cursor else None,
        },
    )  # fmt: skip


def _subject(actor: Actor, kind: str, number: int) -> Call | Session:
    found: Call | Session | None = None
    if kind == CALL:
        found = calls.access_call(actor, number)
        if found.outcome != "answered" and found.answered_at is None:
            raise NotFound()
    elif kind == SESSION:
        found = wrap_ups.access_session(actor, number)
    if found is None:
        raise NotFound()
    return found


@blueprint.get("/desk/wrap-ups/<kind>/<int:number>")
@viewer.needs("desk.use", "ticket.work")
def form(kind: str, number: int) -> str:
    """The form of one wrap-up."""
    actor = viewer.current_actor()
    return _page(_form(actor, _subject(actor, kind, number)))


@blueprint.post("/desk/wrap-ups/<kind>/<int:number>")
@viewer.needs("desk.use", "ticket.work")
def write(kind: str, number: int) -> Response:
    """Write it down."""
    actor = viewer.current_actor()
    subject = _subject(actor, kind, number)
    none_reason = answer.typed("none_reason", 20)
    try:
        with unit_of_work():
            subject = _subject(actor, kind, number)
            ticket = access_ticket(actor, int(answer.typed("ticket", 12)), field="ticket") if answer.typed("ticket", 12).isdecimal() else None
            articles = [_usable(actor, n).id for n in answer.numbers("articles")]
            verbs.wrap_up(
                actor, kind, number, category=answer.typed("category", 20), issue=answer.typed("issue", 20),
                cause=answer.typed("cause", 300)[:300], note=answer.typed("note", 2000)[:2000] if "note" in request.form else None,
                product_id=answer.number("product"), articles=articles, ticket=ticket, none_reason=none_reason,
                talk_ended_at=_end_of(subject), version=answer.version(),
            )  # fmt: skip
            if isinstance(subject, Call):
                call_reactions.hang_on_ticket(subject)
    except DeskError as problem:
        return answer.again(problem, lambda why: _page(_form(actor, _subject(actor, kind, number), why)))
    said = _("已记下不用小结") if none_reason else _("小结已写好")
    if not answer.is_piece():
        flash(said, "good")
        return redirect(viewer.safe_path(request.form.get("next"), "/desk/wrap-ups"), 303)
    response = make_response("", 204)
    told: dict[str, Any] = {"close-dialog": {}, "changed:wrapup": {}, "wrapped": {"kind": kind, "id": number}, "toast": {"text": said}}
    response.headers["HX-Trigger"] = json.dumps(told)
    return response


def _end_of(subject: Call | Session) -> Any:
    return subject.ended_at if isinstance(subject, Call) else subject.last_at


@blueprint.get("/desk/wrap-ups/articles")
@viewer.needs("desk.use", "ticket.work", "article.read")
def articles() -> str:
    """Articles for the words typed so far, to be named as what helped."""
    q = clean(request.args.get("article_q", "")).strip()[:100]
    found = desk_answers.found_articles(viewer.current_actor(), q, 5, typing=True) if len(q) >= 2 else []
    kept = _titles(viewer.current_actor(), answer.numbers("articles"))
    return render_template(
        "desk/_wrap_articles.html", kept=kept, found=[a for a in found if a["id"] not in {k["id"] for k in kept}], q=q
    )


def _titles(actor: Actor, ids: list[int]) -> list[dict[str, Any]]:
    found = []
    for number in ids[: verbs.MOST_ARTICLES]:
        try:
            found.append({"id": number, "title": _usable(actor, number).title})
        except Invalid:
            continue
    return found


def _usable(actor: Actor, number: int) -> Article:
    """A published article that the actor may read, the house's own ones too: it only has to have helped."""
    try:
        found = access_article(actor, number)
    except NotFound:
        found = None
    if found is None or found.state != "published":
        raise Invalid.of("articles", "没有这篇知识，或已下架。")  # data
    return found


def form_of_call(actor: Actor, call: Call, found: Caller | None = None) -> dict[str, Any]:
    """The form as the card shows it at the end of a call."""
    return _form(actor, call, None, found) | {"bare": True}


def _form(actor: Actor, subject: Call | Session, problem: DeskError | None = None, found: Caller | None = None) -> dict[str, Any]:
    kind = CALL if isinstance(subject, Call) else SESSION
    written = verbs.wrap_up_of(kind, subject.id)
    offered = _tickets(actor, subject, found)
    about = written.ticket if written and written.ticket else offered[0] if isinstance(subject, Session) and offered else None
    errors = field_errors(problem) if problem else {}
    typed: Any = request.form if problem else _begun(written, about)

    def field(name: str, label: str, shape: str = "text", **more: Any) -> dict[str, Any]:
        return {"name": name, "label": label, "kind": shape, "value": typed.get(name, ""), "errors": errors.get(name, []), **more}

    tickets = list({t.id: t for t in ([about] if about else []) + offered}.values())
    chosen = answer.numbers("articles") if problem else list(written.articles) if written else []
    if about is not None and not chosen and not problem:
        chosen = list(timeline.used_articles(about))
    return {
        "title": _("小结"),
        "url": f"/desk/wrap-ups/{kind}/{subject.id}",
        "version": written.version if written and written.done_at else None,
        "error": words_of(problem) if problem and not errors else None,
        "category": field("category", _("分类"), "choices", options=[{"value": k, "label": f"{n} {_(v)}"} for n, (k, v) in enumerate(CATEGORIES.items(), 1)]),
        "issue": field("issue", _("类别"), "select", options=[{"value": k.code, "label": _(k.label)} for k in KINDS.values()]),
        "product": field("product", _("产品"), "select", placeholder=_("与产品无关"), options=[{"value": n, "label": label} for n, label in product_choices()]),
        "cause": field("cause", _("原因和结果，一句"), maxlength=300),
        "ticket": field("ticket", _("工单"), "select", placeholder=_("没有工单"), options=[{"value": t.number, "label": f"#{t.number} {t.subject[:40]}"} for t in tickets]),
        "note": field("note", _("通话里记的"), "textarea", rows=2) if written and written.note or kind == CALL else None,
        "none_reason": field("none_reason", _("不用小结，因为"), "select", placeholder=_("要小结"), options=[{"value": k, "label": _(v)} for k, v in NONE_REASONS.items()]),
        "articles": _titles(actor, chosen),
        "may_search": actor.can("article.read"),
    }  # fmt: skip


def _begun(written: WrapUp | None, about: Ticket | None) -> dict[str, Any]:
    """What the form begins with: what was written before, else what the ticket says already."""
    given: dict[str, Any] = {"issue": "consult"}
    if about is not None:
        given |= {"issue": about.kind, "category": about.category or "", "product": about.product_id or "", "ticket": about.number}
    if written is not None:
        given |= {
            name: value
            for name, value in {
                "issue": written.issue, "category": written.category, "cause": written.cause, "product": written.product_id,
                "note": written.note, "none_reason": written.none_reason,
            }.items()
            if value
        }  # fmt: skip
        given.setdefault("cause", written.note.strip().split("\n")[0][:120])
    return given


def _tickets(actor: Actor, subject: Call | Session, found: Caller | None) -> list[Ticket]:
    """Tickets that the talk may have been about."""
    if isinstance(subject, Call):
        return (found or caller_of(actor, subject)).tickets
    return list(tickets_of(actor, {subject.conversation_id}).values())


def _page(form: dict[str, Any]) -> str:
    return render_template("desk/_wrap_form.html" if answer.is_piece() else "desk/wrap_form.html", wrap=form)
