"""「这条有误」: one key on an article or an answer, and the list in which every one of them gets its answer."""

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import viewer
from app.core.clock import now
from app.core.db import session
from app.core.errors import DeskError, Invalid, NotFound
from app.core.text import clean
from app.core.uow import unit_of_work
from app.kb.loop_told import tell_assigned
from app.queries import flags as queries
from app.web import desk_answer as answer
from app.web.acting import act_and_show
from app.web.errors import field_errors, status_of, words_of
from app.web.knowledge import ONE
from app.web.portal import number_of
from app.web.written import name_of
from knowledge import care
from knowledge.access import access_article, may_edit
from knowledge.loop import asked, flags
from knowledge.loop_models import OPEN, REJECTED, RESOLVED, ArticleFlag
from knowledge.models import Article
from workflows.access import readable_tickets
from workflows.models import Ticket

blueprint = Blueprint("knowledge_flags", __name__, url_prefix="/knowledge")
FLAG = "/flags/<int(max=2147483647):flag_id>"
STATE_WORDS = {OPEN: _l("待处理"), RESOLVED: _l("已改正"), REJECTED: _l("没有错")}
VIEWS = {"": _l("待处理"), "overdue": _l("过期了"), "mine": _l("我提的"), "closed": _l("有结果的")}


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/flags")
@viewer.needs("article.read")
def listed() -> str:
    """Editors see what they can put right, everybody what they reported, with its outcome."""
    actor = viewer.current_actor()
    writes = actor.can("article.write")
    views = list(VIEWS) if writes else ["mine"]
    view = request.args.get("view", "") if request.args.get("view", "") in views else views[0]
    cursor = request.args.get("cursor", "")[:60]
    page = queries.flag_page(actor, view, cursor)
    rows = [_row(flag, flags.may_close(actor, flag), actor.id) for flag in page.flags]
    if view == "mine":
        with unit_of_work():
            flags.see(actor)
    return render_template(
        "knowledge/flags.html",
        here="knowledge",
        view=view,
        tabs=[
            {"key": v, "label": str(VIEWS[v]), "url": "/knowledge/flags?" + urlencode({"view": v}), "count": page.counts[v], "here": v == view,
             "tone": "bad" if v == "overdue" else ""}
            for v in views
        ],
        flags=rows,
        owners=[{"value": u.id, "label": u.label} for u in care.possible_owners(actor)] if writes else [],
        page={
            "next": "/knowledge/flags?" + urlencode({"view": view, "cursor": page.next}) if page.next else None,
            "first": "/knowledge/flags?" + urlencode({"view": view}) if cursor else None,
            "shown": len(page.flags),
        },
    )  # fmt: skip


def _row(flag: ArticleFlag, may_close: bool, reader_id: int | None) -> dict[str, Any]:
    return {
        "id": flag.id,
        "version": flag.version,
        "article": {"title": flag.article.title, "url": f"/knowledge/{flag.article_id}"},
        "edit_url": f"/knowledge/{flag.article_id}/edit" if may_close else None,
        "quote": flag.quote,
        "words": flag.words,
        "reporter": flag.reporter.label if flag.reporter else "—",
        "mine": flag.reporter_id == reader_id,
        "owner": flag.owner.label if flag.owner else None,
        "owner_id": flag.owner_id,
        "at": flag.at,
        "due_at": flag.due_at,
        "overdue": flag.state == OPEN and flag.due_at < now(),
        "state": flag.state,
        "state_label": str(STATE_WORDS[flag.state]),
        "answer": flag.answer,
        "closed_at": flag.closed_at,
        "closed_by": name_of(flag.closed_by),
        "may_close": may_close,
        "unseen": flag.state != OPEN and flag.seen_at is None and flag.reporter_id == reader_id,
    }


@blueprint.get(f"{ONE}/flag")
@viewer.needs("article.read")
def form(article_id: int) -> str:
    """Where the key leads without JavaScript; with it, the dialog beside a ticket's answers. `quote` comes along."""
    article = access_article(viewer.current_actor(), article_id)
    return _form(article, {"quote": clean(request.args.get("quote", ""))[:500], "ticket": request.args.get("ticket", "")})


def _form(article: Article, given: dict[str, str], errors: dict[str, list[str]] | None = None) -> str:
    if given["ticket"] and answer.is_piece():
        return render_template("desk/_step_form.html", form=_dialog(article, given, errors or {}))
    return render_template(
        "knowledge/flag.html", here="knowledge", article={"id": article.id, "title": article.title, "url": f"/knowledge/{article.id}"},
        given=given, errors=errors or {}, days=viewer.settings().flag_days, owner=_owner(article),
    )  # fmt: skip


def _dialog(article: Article, given: dict[str, str], errors: dict[str, list[str]]) -> dict[str, Any]:
    """The same form as a step of the ticket, so that what the agent is writing stays where it is."""
    return {
        "title": _("这条有误"), "intro": article.title, "submit": _("交给编辑"), "version": None, "error": None, "missing": [],
        "danger": False, "columns": False, "url": f"/knowledge/{article.id}/flags?{urlencode({'ticket': given['ticket']})}",
        "fields": [
            {"name": "words", "label": _("哪里不对"), "kind": "textarea", "required": True, "rows": 3, "maxlength": 1000,
             "value": given.get("words", ""), "errors": errors.get("words"), "hint": _("写下应该是什么，或者客户说了什么。")},
            {"name": "quote", "label": _("原文里的那一句"), "kind": "textarea", "required": False, "rows": 2, "maxlength": 1000, "value": given["quote"]},
        ],
    }  # fmt: skip


def _owner(article: Article) -> str:
    owner = care.care_of(article).owner
    return owner.label if owner is not None else ""


@blueprint.post(f"{ONE}/flags")
@viewer.needs("article.read")
def raise_flag(article_id: int) -> tuple[str, int] | Response:
    """Take it; htmx gets a line of thanks in place of the form, and beside a ticket the dialog closes."""
    actor, given = viewer.current_actor(), {n: clean(request.values.get(n, ""))[:1100] for n in ("words", "quote", "ticket")}
    article = access_article(actor, article_id)
    try:
        with unit_of_work():
            ticket = _ticket(number_of(given["ticket"]))
            ticket_id = ticket.id if ticket is not None else None
            flags.raise_flag(actor, article_id, given["words"], given["quote"], days=viewer.settings().flag_days, ticket_id=ticket_id)
    except NotFound:
        raise
    except DeskError as problem:
        session().rollback()
        return _form(access_article(actor, article_id), given, field_errors(problem) if isinstance(problem, Invalid) else {"words": [words_of(problem)]}), status_of(problem)
    said = _("已记下，%(n)s 天内会有答复，在「我提的」里看得到。", n=viewer.settings().flag_days)
    if ticket is not None and answer.is_piece():
        return answer.done(ticket, said)
    if answer.is_piece():
        return render_template("knowledge/_flagged.html", said=said), 200
    flash(said, "good")
    back = f"/knowledge/{article.id}" if not given["ticket"] else f"/desk/tickets/{number_of(given['ticket'])}"
    return redirect(back if ticket_id or not given["ticket"] else f"/knowledge/{article.id}", 303)


def _ticket(number: int) -> Ticket | None:
    """The ticket at which it was noticed, if the person may read it."""
    return session().scalar(readable_tickets(viewer.current_actor()).where(Ticket.number == number)) if number else None


@blueprint.post(f"{FLAG}/<what>")
@viewer.needs("article.write")
def settle(flag_id: int, what: str) -> Response:
    """Put right, not wrong after all, or somebody else's to do."""
    actor = viewer.current_actor()
    if what not in ("assign", RESOLVED, REJECTED):
        raise NotFound()

    def close() -> str:
        flag = flags.access_flag(actor, flag_id)
        if what == "assign":
            flags.assign(actor, flag, number_of(request.form.get("owner")) or None)
            tell_assigned(flag, actor.id)
            return _("已交给 %(name)s。", name=flag.owner.label if flag.owner else "")
        flags.settle(actor, flag, what, request.form.get("answer", ""), number_of(request.form.get("version")) or None)
        return _("已答复，提的人看得到。")

    return act_and_show("/knowledge/flags", close)


@blueprint.post(f"{ONE}/asked/<int(max=2147483647):words_id>/remove")
@viewer.needs("gap.work")
def remove_asked(article_id: int, words_id: int) -> Response:
    """Customers' words that lead astray: taken away for good."""
    actor = viewer.current_actor()
    with unit_of_work():
        article = access_article(actor, article_id)
        if not may_edit(actor, article):
            raise NotFound()
        asked.remove(actor, article, words_id)
    flash(_("已去掉，以后也不会再学到它。"), "good")
    return redirect(f"/knowledge/{article_id}#asked", 303)
