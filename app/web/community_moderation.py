"""/knowledge/community: what waits for a decision, what was reported, what nobody answers, and the sensitive words."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import community as house
from app import viewer
from app.core.db import session
from app.core.errors import DeskError, Invalid, NotFound
from app.core.permissions import Actor
from app.core.text import unpack
from app.core.uow import unit_of_work
from app.web.acting import act_and_show
from app.web.community_show import SIDES
from app.web.errors import field_errors, words_of
from knowledge.community import finding, moderation, words
from knowledge.community.access import access_answer, access_question
from knowledge.community.moderation import Waiting
from knowledge.community.rules import rules
from knowledge.community_models import HIDDEN, PENDING, Answer, Question

blueprint = Blueprint("community_moderation", __name__, url_prefix="/knowledge/community")
TABS = {"pending": _l("待审"), "reported": _l("被举报"), "unanswered": _l("没人回答"), "hidden": _l("已隐藏"), "words": _l("敏感词")}
OPEN_TO_ANSWERERS = ("unanswered",)


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.needs("community.answer")
def index() -> str:
    """The queue; those who answer but do not moderate see the questions that wait for an answer."""
    actor = viewer.current_actor()
    moderates = actor.can("community.moderate")
    tabs = list(TABS) if moderates else list(OPEN_TO_ANSWERERS)
    tab = request.args.get("tab", "") if request.args.get("tab") in tabs else tabs[0]
    counts = moderation.counts(actor)
    posts: list[Waiting] = []
    if tab in ("pending", "hidden"):
        posts = moderation.queue(actor, PENDING if tab == "pending" else HIDDEN)
    elif tab == "reported":
        posts = moderation.reported(actor)
    return render_template(
        "knowledge/community.html",
        here="knowledge",
        tab=tab,
        tabs=[{"label": str(TABS[t]), "url": f"/knowledge/community?tab={t}", "count": counts.get(t), "here": t == tab} for t in tabs],
        posts=[_post(one) for one in posts],
        unanswered=[_question(actor, q) for q in moderation.unanswered(actor)] if tab == "unanswered" else [],
        waiting_days=rules().waiting_days,
        words=sorted(words.in_force()) if tab == "words" else [],
    )


def _post(one: Waiting) -> dict[str, Any]:
    post, question = one.post, one.question
    return {
        "kind": one.kind,
        "url": f"/knowledge/community/{one.kind}/{post.id}",
        "title": question.title,
        "question_url": f"/community/{question.id}",
        "body": post.body,
        "product": question.product.name,
        "author": post.author_name,
        "side_label": str(SIDES[post.side]),
        "at": post.created_at,
        "why": unpack(post.held_for, _),
        "reason": post.hidden_reason,
        "reports": list(one.reports),
        "state": post.state,
    }


def _question(actor: Actor, question: Question) -> dict[str, Any]:
    return {
        "title": question.title,
        "url": f"/community/{question.id}",
        "product": question.product.name,
        "at": question.created_at,
        "author": question.author_name,
        "ticket_url": f"/knowledge/community/question/{question.id}/ticket" if actor.can("ticket.create") else None,
    }


@blueprint.post("/<kind>/<int(max=2147483647):number>")
@viewer.needs("community.moderate")
def decide(kind: str, number: int) -> Response:
    """Show, hide with a reason, or keep what was reported."""
    actor, choice = viewer.current_actor(), request.form.get("choice", "")
    post = moderation.find_post(actor, kind, number)
    terms = finding.terms_of(post.title, post.body) if isinstance(post, Question) else None

    def do() -> str:
        found = moderation.find_post(actor, kind, number)
        if choice == "hide":
            moderation.hide(actor, found, request.form.get("reason", ""))
            return _("已隐藏，作者能看到原因。")
        if choice == "keep":
            moderation.keep(actor, found)
            return _("已保留。")
        if choice != "show":
            raise NotFound()
        moderation.show(actor, found, terms)
        return _("已公开。")

    return _written(do)


@blueprint.post("/words")
@viewer.needs("community.moderate")
def change_words() -> Response:
    """Add a word to the filter, or let one pass."""
    actor, word = viewer.current_actor(), request.form.get("word", "")

    def do() -> str:
        if request.form.get("choice") == "remove":
            words.remove_word(actor, word)
            return _("「%(word)s」不再拦下。", word=word)
        words.add_word(actor, word)
        return _("「%(word)s」会拦下待审。", word=word)

    return _written(do, "words")


@blueprint.post("/drafts/<int(max=2147483647):answer_id>")
@viewer.needs("article.write")
def draft(answer_id: int) -> Response:
    """Make a draft of a good answer, and open it for editing."""
    actor, made = viewer.current_actor(), 0
    question_id = access_answer(actor, answer_id).question_id
    try:
        with unit_of_work():
            row: Answer = access_answer(actor, answer_id)
            made = moderation.draft_from(actor, row).id
    except DeskError as problem:
        session().rollback()
        flash(_said(problem), "bad")
        return redirect(f"/community/{question_id}", 303)
    return redirect(f"/knowledge/{made}/edit", 303)


@blueprint.post("/question/<int(max=2147483647):number>/ticket")
@viewer.needs("community.answer", "ticket.create")
def ticket(number: int) -> Response:
    """Take a question that nobody answers as a ticket."""
    actor, found = viewer.current_actor(), 0
    try:
        with unit_of_work():
            found = house.hand_over(actor, access_question(actor, number)).number
    except NotFound:
        raise
    except DeskError as problem:
        session().rollback()
        flash(_said(problem), "bad")
        return redirect("/knowledge/community?tab=unanswered", 303)
    return redirect(f"/desk/tickets/{found}", 303)


def _written(do: Callable[[], str], tab: str = "") -> Response:
    tab = tab or request.form.get("tab", "")
    return act_and_show(f"/knowledge/community?tab={tab if tab in TABS else 'pending'}", do, _said)


def _said(problem: DeskError) -> str:
    errors = field_errors(problem) if isinstance(problem, Invalid) else {}
    return next((said for rows in errors.values() for said in rows), words_of(problem))
