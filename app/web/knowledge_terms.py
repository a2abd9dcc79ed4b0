"""/knowledge/terms: the words that editors teach the search, and what a change would do before it is made."""

from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import viewer
from app.core.db import session
from app.core.errors import DeskError, NotFound
from app.core.uow import unit_of_work
from app.kb.index import current_index
from app.web.errors import field_errors, status_of, words_of
from app.web.written import name_of
from knowledge import terms
from knowledge.access import reader_for
from knowledge.index import IndexUnavailable
from knowledge.term_models import SynonymGroup, Term
from knowledge.word_preview import DAYS, preview_group, preview_word, questions_with

blueprint = Blueprint("knowledge_terms", __name__, url_prefix="/knowledge/terms")
LONGEST = 600


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.needs("article.publish")
def show() -> str:
    """Both lists and their forms."""
    return _page()


def _preview(given: str) -> str | tuple[str, int]:
    """What the group in the form would change. Nothing is kept."""
    try:
        words = terms.synonym_words(given)
        found = preview_group(current_index(), reader_for(viewer.current_actor()), words)
    except IndexUnavailable:
        return _page(words=given, errors={"words": [_("知识索引正在重建，稍后再看。")]}), 503
    except DeskError as problem:
        return _page(words=given, errors=field_errors(problem)), status_of(problem)
    return _page(words=given, preview=found)


@blueprint.post("/synonyms")
@viewer.needs("article.publish")
def add_synonyms() -> Response | str | tuple[str, int]:
    """Keep a group; with the second button only look at what it would change."""
    given = request.form.get("words", "")[:LONGEST]
    if request.form.get("act") == "preview":
        return _preview(given)
    try:
        with unit_of_work():
            group = terms.add_synonyms(viewer.current_actor(), terms.synonym_words(given), request.form.get("note", ""))
            said = _("「%(words)s」从下一次搜索起互相能找到。", words=group.label)
    except DeskError as problem:
        session().rollback()
        return _page(words=given, errors=field_errors(problem) or {"words": [words_of(problem)]}), status_of(problem)
    flash(said, "good")
    return redirect("/knowledge/terms", 303)


@blueprint.post("/synonyms/<int(max=2147483647):group_id>/remove")
@viewer.needs("article.publish")
def remove_synonyms(group_id: int) -> Response:
    """Take a group away."""
    with unit_of_work():
        terms.remove_synonyms(viewer.current_actor(), group_id)
    flash(_("已移除，从下一次搜索起生效。"), "good")
    return redirect("/knowledge/terms", 303)


@blueprint.get("/synonyms/<int(max=2147483647):group_id>")
@viewer.needs("article.publish")
def one_group(group_id: int) -> str:
    """What the questions of the last days would lose without this group."""
    group = session().get(SynonymGroup, group_id)
    if group is None:
        raise NotFound()
    try:
        found = preview_group(current_index(), reader_for(viewer.current_actor()), group.words, without=group.id)
    except IndexUnavailable:
        return _page(errors={"words": [_("知识索引正在重建，稍后再看。")]})
    return _page(preview=found, without=group)


@blueprint.post("")
@viewer.needs("article.publish")
def add() -> Response | str | tuple[str, int]:
    """Teach a word; with the second button only look at what it would touch."""
    given = request.form.get("text", "")[:LONGEST]
    if request.form.get("act") == "preview":
        try:
            return _page(text=given, touched=preview_word(terms.whole_word(given)))
        except DeskError as problem:
            return _page(text=given, errors=field_errors(problem) or {"text": [words_of(problem)]}), status_of(problem)
    try:
        with unit_of_work():
            term = terms.add_term(viewer.current_actor(), given, request.form.get("note", ""))
            touched, asked = len(terms.holding(term.text)), len(questions_with([term.text]))
            said = _("「%(word)s」已加入。%(n)s 篇知识含有它，几秒内重新切分；近 %(days)s 天有 %(asked)s 个问题用到它。", word=term.text, n=touched, days=DAYS, asked=asked)
    except DeskError as problem:
        session().rollback()
        return _page(text=given, errors=field_errors(problem) or {"text": [words_of(problem)]}), status_of(problem)
    flash(said, "good")
    return redirect("/knowledge/terms", 303)


@blueprint.post("/<int(max=2147483647):term_id>/remove")
@viewer.needs("article.publish")
def remove(term_id: int) -> Response:
    """Take a word back."""
    with unit_of_work():
        terms.remove_term(viewer.current_actor(), term_id)
    flash(_("已移除，含有它的知识几秒内重新切分。"), "good")
    return redirect("/knowledge/terms", 303)


def _page(**given: Any) -> str:
    groups = session().scalars(select(SynonymGroup).order_by(SynonymGroup.id.desc()))
    known = session().scalars(select(Term).order_by(Term.text))
    errors = given.get("errors", {})
    shown = {name: given.get(name) for name in ("preview", "without", "touched")}
    return render_template(
        "knowledge/terms.html",
        here="knowledge",
        days=DAYS,
        words_fields=[
            {
                "name": "words",
                "label": _("意思相同的词"),
                "value": given.get("words", ""),
                "errors": errors.get("words", []),
                "maxlength": LONGEST,
                "placeholder": _("烫手 = 过热 = 温度过高"),
                "hint": _("用等号或逗号隔开。搜其中一个也会找另外几个，分量轻一些；客户原话仍排在前面。"),
                "full": True,
            }
        ],
        term_fields=[
            {
                "name": "text",
                "label": _("不要拆开的词"),
                "value": given.get("text", ""),
                "errors": errors.get("text", []),
                "maxlength": terms.LONGEST,
                "placeholder": _("断点续传"),
                "hint": _("行业里的专名。加入后，含有它的知识会自动重新切分。"),
                "full": True,
            }
        ],
        groups=[
            {"words": g.words, "note": g.note, "by": name_of(g.created_by), "at": g.created_at, "url": f"/knowledge/terms/synonyms/{g.id}"}
            for g in groups
        ],
        terms=[
            {"text": t.text, "note": t.note, "by": name_of(t.created_by), "at": t.created_at, "url": f"/knowledge/terms/{t.id}"}
            for t in known
        ],
        **shown,
    )
