"""Writing an article: one form for a new one and for a new revision, with a preview and nothing typed ever lost."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, flash, make_response, redirect, render_template, request
from flask_babel import get_locale
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response

from app import viewer
from app.core.db import session
from app.core.errors import DeskError, Invalid, NotFound, Stale
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.queries import knowledge as queries
from app.web import knowledge_form as forms
from app.web.errors import field_errors, status_of, words_of
from app.web.knowledge import ONE
from app.web.knowledge_files import facts_of, limits
from app.web.knowledge_form import Care, Typed
from app.web.portal import asked, number_of
from app.web.sheets import sheet_once
from app.web.written import name_of, note_of
from knowledge import linking
from knowledge.access import access_editable
from knowledge.care import take_care
from knowledge.changes import changes
from knowledge.files import in_hand, listed_ids
from knowledge.from_template import find_template, left_over, templates
from knowledge.index import LEVELS
from knowledge.markdown import warns
from knowledge.models import KINDS, Article
from knowledge.plans import waiting_plan
from knowledge.service import (
    LONGEST_BODY,
    Content,
    Properties,
    begun_twice,
    change_properties,
    draft_article,
    properties_of,
    revise,
)

blueprint = Blueprint("knowledge_edit", __name__, url_prefix="/knowledge")


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/new")
@viewer.needs("article.write")
def new() -> Response:
    """An empty form, or one of the beginnings (`template`); a question without an answer comes along as `q`, and what a
    release still lacks as `product` and `kind`."""
    q = asked(request.args)
    actor = viewer.current_actor()
    own = queries.product_choices(actor)
    wanted, kind = number_of(request.args.get("product")), request.args.get("kind", "")
    chosen = (own[0].id,) if len(own) == 1 else tuple(p.id for p in own if p.id == wanted)
    content, properties = Content("", "", (q,) if q else (), ()), Properties(product_ids=chosen)
    if kind in KINDS:
        properties = replace(properties, kind=kind)
    template = find_template(request.args.get("template", ""), str(get_locale() or "zh")[:2])
    if template is not None:
        content = replace(content, body=template.body)
        properties = replace(properties, kind=template.kind, safety=template.safety, language=template.language)
    owner = actor.id if actor.kind == "user" else None
    given = Typed(content, properties, Care(owner_id=owner), basket=forms.new_basket())
    return _form(None, given, chooses=template is None, pattern=template)


@blueprint.get(f"{ONE}/edit")
@viewer.needs("article.write")
def edit(article_id: int) -> Response:
    """The newest text, published or not."""
    article = access_editable(viewer.current_actor(), article_id)
    return _form(article, forms.stored(article))


@blueprint.post("/new")
@viewer.needs("article.write")
def create() -> Response:
    """Keep it as a draft."""
    actor = viewer.current_actor()
    typed = forms.typed(Properties())
    if "preview" in request.form:
        return _form(None, typed, preview=True)
    try:
        with unit_of_work():
            article = begun_twice(actor, typed.content)
            if article is None:
                article = draft_article(actor, typed.content, typed.properties, basket=typed.basket)
                _take_care(actor, article, typed)
            article_id = article.id
    except DeskError as problem:
        return _refused(None, typed, problem)
    flash(_("草稿已保存，发布后读者才会看到。"), "good")
    return redirect(f"/knowledge/{article_id}", 303)


@blueprint.post(f"{ONE}/edit")
@viewer.needs("article.write")
def save(article_id: int) -> Response:
    """Write a new revision, and the properties where they were changed. Whoever comes second keeps what they typed."""
    actor = viewer.current_actor()
    article = access_editable(actor, article_id)
    typed = forms.typed(properties_of(article))
    if "preview" in request.form:
        return _form(article, typed, preview=True)
    version = number_of(request.form.get("version"))
    try:
        with unit_of_work():
            article = access_editable(actor, article_id)
            planned = waiting_plan(article) is not None
            revision = revise(actor, article, typed.content, typed.comment, version)
            changed = bool(typed.properties != properties_of(article) and change_properties(actor, article, typed.properties))
            changed = _take_care(actor, article, typed) or changed
    except NotFound:
        raise
    except DeskError as problem:
        session().rollback()
        return _refused(access_editable(actor, article_id), typed, problem)
    if revision:
        flash(_("已保存为第 %(n)s 版，发布后读者才会看到。", n=revision.number), "good")
        if planned:
            flash(_("原来排定的发布已取消：审核过的不是这一版。"), "warn")
    else:
        flash(_("资料已保存。") if changed else _("没有改动。"), "good")
    return redirect(f"/knowledge/{article_id}" + (f"?revision={revision.number}" if revision else ""), 303)


def _take_care(actor: Actor, article: Article, typed: Typed) -> bool:
    """Owner, date and note, where the form showed them. Returns whether one changed."""
    if typed.care is None:
        return False
    care = forms.bound_care(typed.care, article) if _bound(actor, article) else typed.care
    try:
        moment = care.moment()
    except ValueError:
        raise Invalid.of("review_by", _("写成日期。")) from None
    return bool(take_care(actor, article, owner_id=care.owner_id, review_by=moment, internal_note=care.internal_note))


@blueprint.post("/preview")
@viewer.needs("article.write")
def preview() -> Response:
    """The text as readers will see it, for the pane beside the form, and what should be looked at in it."""
    body = forms.body_typed()[:LONGEST_BODY]
    level = request.form.get("audience", "")
    safety = request.form.get("safety") == "1" if "audience" in request.form else None
    piece = render_template("knowledge/_preview.html", html=_html(body), hints=_hints(body, level, safety))
    return make_response(piece)


def _hints(body: str, level: str, safety: bool | None) -> list[dict[str, str]]:
    """What readers would stumble over: links that lead nowhere, a warning that is not marked as one."""
    found = linking.troubles(viewer.current_actor(), linking.targets_in(body), level if level in LEVELS else "public")
    hints = [{"text": link_words(trouble), "about": f"article:{trouble.target}"} for trouble in found]
    if lines := left_over(body):
        hints.append({"text": _("还有 %(n)s 行是模板里的示例文字。", n=lines), "about": ""})
    if safety is False and warns(body):
        hints.append({"text": _("正文里有安全警示，请勾上「有安全警示」：自动应答就不会发它。"), "about": "", "check": "a-safety"})
    if safety and body.strip() and not warns(body):
        hints.append({"text": _("勾了「有安全警示」，正文里还没有警示块：读者只会看到一句通用的话。"), "about": ""})
    return hints


def link_words(trouble: linking.Trouble) -> str:
    """What is wrong with a link, in words. The title of an article that the editor may not know stays unsaid."""
    return {
        linking.MISSING: _("没有地址是「%(slug)s」的知识。", slug=trouble.target),
        linking.RETIRED: _("链接到的「%(slug)s」已下架。", slug=trouble.target),
        linking.DRAFT: _("链接到的「%(slug)s」还没有发布。", slug=trouble.target),
        linking.HIDDEN: _("链接到的「%(slug)s」，这篇的读者没有权限打开。", slug=trouble.target),
    }[trouble.why]


def _refused(article: Article | None, typed: Typed, problem: DeskError) -> Response:
    """The form again, with everything that was typed and what is wrong."""
    stale = isinstance(problem, Stale)
    said = _("你打开之后，别人改过这篇知识。你写的都还在，先对照最新的一版，再保存。") if stale else words_of(problem)
    return _form(article, typed, errors=field_errors(problem), error=said, status=status_of(problem), stale=stale)


def _bound(actor: Actor, article: Article | None) -> bool:
    """Properties of what readers see take effect at once, so only those who publish may change them."""
    return article is not None and article.state == "published" and not actor.can("article.publish")


def _beginnings() -> list[dict[str, str]]:
    """The templates to choose from; the question and the product that one came with go along."""
    kept = {"q": asked(request.args), "product": str(number_of(request.args.get("product")) or "")}
    return [
        {"kind": t.kind, "name": t.name, "about": t.about, "query": urlencode({"template": t.kind, **{name: value for name, value in kept.items() if value}})}
        for t in templates(str(get_locale() or "zh")[:2])
    ]


def _form(
    article: Article | None,
    typed: Typed,
    *,
    errors: dict[str, list[str]] | None = None,
    error: str = "",
    status: int = 200,
    preview: bool = False,
    stale: bool = False,
    chooses: bool = False,
    pattern: Any = None,
) -> Response:
    actor, errors = viewer.current_actor(), errors or {}
    bound = _bound(actor, article)
    care = typed.care or Care()
    files = typed.content.files
    if files is None:
        files = listed_ids(article.draft or article.current) if article else ()
    text = forms.text_fields(typed, errors)
    if pattern is not None:
        text["title"]["placeholder"] = pattern.title
        text["questions"]["placeholder"] = "\n".join(pattern.questions)
    page = render_template(
        "knowledge/edit.html",
        here="knowledge",
        article={"id": article.id, "title": article.title, "url": f"/knowledge/{article.id}"} if article else None,
        action=f"/knowledge/{article.id}/edit" if article else "/knowledge/new",
        version=article.version if article else 0,
        basket="" if article else typed.basket or forms.new_basket(),
        kept_key=f"{actor.id}:{article.id if article else 'new'}",
        text=text,
        properties=[] if bound else forms.audience_fields(actor, typed.properties, errors),
        script=None if bound else forms.script_field(typed.properties, errors),
        script_seconds=forms.seconds_of(typed.properties.phone_script),
        care=forms.care_fields(actor, care, errors, bound=bound),
        files=[facts_of(row) for row in in_hand(actor, files, article, typed.basket)],
        file_errors=[*errors.get("files", []), *errors.get("file", [])],
        limits=limits(),
        templates=_beginnings() if chooses else [],
        error=error,
        conflict=_conflict(article, typed) if article and stale else None,
        html=_html(typed.content.body),
        hints=_hints(typed.content.body[:LONGEST_BODY], typed.properties.level, None if bound else typed.properties.safety) if typed.content.body.strip() else [],
        previewed=preview,
    )
    return make_response(page, status)


def _conflict(article: Article, typed: Typed) -> dict[str, Any] | None:
    """What somebody else saved meanwhile beside what was typed; both are complete, so that nobody's words are lost."""
    newest = article.draft or article.current
    if newest is None:
        return None
    theirs, mine = Content(newest.title, newest.body, tuple(newest.questions)).tidy(), typed.content.tidy()
    parts = [
        (_("标题"), theirs.title, mine.title),
        (_("客户会这样问"), "\n".join(theirs.questions), "\n".join(mine.questions)),
        (_("正文"), theirs.body, mine.body),
    ]
    compared = [{"label": label, "lines": changes(before, after)} for label, before, after in parts]
    return {
        "author": name_of(newest.author),
        "at": newest.created_at,
        "number": newest.number,
        "comment": note_of(newest.comment),
        "url": f"/knowledge/{article.id}/changes",
        "parts": [part for part in compared if part["lines"]],
        "theirs": {"title": theirs.title, "body": theirs.body, "questions": "\n".join(theirs.questions)},
    }


def _html(body: str) -> Markup:
    return Markup(sheet_once(body[:LONGEST_BODY]).whole)
