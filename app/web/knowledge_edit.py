"""Writing an article: one form for a new one and for a new revision, with a preview and nothing typed ever lost."""

from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Flask, flash, make_response, redirect, render_template, request
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response

from app import viewer
from app.core.db import session
from app.core.errors import DeskError, NotFound, Stale
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.queries import knowledge as queries
from app.web.errors import field_errors, status_of, words_of
from app.web.knowledge import KIND_WORDS, LEVEL_WORDS, ONE
from app.web.portal import asked, number_of
from app.web.sheets import sheet_of
from knowledge.access import access_editable, reader_for
from knowledge.models import Article
from knowledge.service import (
    Content,
    Properties,
    change_properties,
    content_of,
    draft_article,
    properties_of,
    revise,
)

blueprint = Blueprint("knowledge_edit", __name__, url_prefix="/knowledge")
LONGEST_BODY = 200_000
LANGUAGES = {"zh": "中文", "en": "English"}  # data: a language is named in itself


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@dataclass(frozen=True)
class Typed:
    """What stands in the form: as stored at first, then as typed."""

    content: Content
    properties: Properties
    comment: str = ""


@blueprint.get("/new")
@viewer.needs("article.write")
def new() -> Response:
    """An empty form; a question without an answer comes along as `q`."""
    q = asked(request.args)
    own = queries.product_choices(viewer.current_actor())
    chosen = (own[0].id,) if len(own) == 1 else ()
    return _form(None, Typed(Content("", "", (q,) if q else ()), Properties(product_ids=chosen)))


@blueprint.get(f"{ONE}/edit")
@viewer.needs("article.write")
def edit(article_id: int) -> Response:
    """The newest text, published or not."""
    article = access_editable(viewer.current_actor(), article_id)
    return _form(article, _stored(article))


@blueprint.post("/new")
@viewer.needs("article.write")
def create() -> Response:
    """Keep it as a draft."""
    typed = _typed(Properties())
    if "preview" in request.form:
        return _form(None, typed, preview=True)
    try:
        with unit_of_work():
            article_id = draft_article(viewer.current_actor(), typed.content, typed.properties).id
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
    typed = _typed(properties_of(article))
    if "preview" in request.form:
        return _form(article, typed, preview=True)
    version = number_of(request.form.get("version"))
    try:
        with unit_of_work():
            article = access_editable(actor, article_id)
            revision = revise(actor, article, typed.content, typed.comment, version)
            changed = typed.properties != properties_of(article) and change_properties(actor, article, typed.properties)
    except NotFound:
        raise
    except DeskError as problem:
        session().rollback()
        return _refused(access_editable(actor, article_id), typed, problem)
    if revision:
        flash(_("已保存为第 %(n)s 版，发布后读者才会看到。", n=revision.number), "good")
    else:
        flash(_("资料已保存。") if changed else _("没有改动。"), "good")
    return redirect(f"/knowledge/{article_id}" + (f"?revision={revision.number}" if revision else ""), 303)


@blueprint.post("/preview")
@viewer.needs("article.write")
def preview() -> Response:
    """The text as readers will see it, for the pane beside the form."""
    return _fresh(render_template("knowledge/_preview.html", html=_html(_body())))


def _stored(article: Article) -> Typed:
    return Typed(content_of(article.draft or article.current), properties_of(article))


def _body() -> str:
    return request.form.get("body", "").replace("\r\n", "\n")[:LONGEST_BODY]


def _typed(before: Properties) -> Typed:
    """The form as it came. What a form of this person does not show stays as it was."""
    form = request.form

    def line(name: str, otherwise: str) -> str:
        return clean(form.get(name, otherwise)).strip()

    def ids(name: str) -> tuple[int, ...]:
        return tuple(sorted({number_of(value) for value in form.getlist(name)} - {0}))

    content = Content(line("title", ""), _body(), tuple(form.get("questions", "").splitlines()))
    properties = before
    if "audience" in form:
        properties = replace(
            before,
            kind=line("kind", before.kind),
            category=line("category", before.category),
            level=line("audience", before.level),
            language=line("language", before.language),
            safety=form.get("safety") == "1",
            phone_script=line("phone_script", before.phone_script),
            valid_for=line("valid_for", before.valid_for),
            product_ids=ids("products"),
            organisation_ids=ids("organisations"),
        )
    return Typed(content, properties, line("comment", "")[:300])


def _refused(article: Article | None, typed: Typed, problem: DeskError) -> Response:
    """The form again, with everything that was typed and what is wrong."""
    stale = isinstance(problem, Stale)
    said = _("你打开之后，别人改过这篇知识。你写的都还在，先对照最新的一版，再保存。") if stale else words_of(problem)
    return _form(article, typed, errors=field_errors(problem), error=said, status=status_of(problem), stale=stale)


def _form(
    article: Article | None,
    typed: Typed,
    *,
    errors: dict[str, list[str]] | None = None,
    error: str = "",
    status: int = 200,
    preview: bool = False,
    stale: bool = False,
) -> Response:
    actor = viewer.current_actor()
    # Properties of what readers see take effect at once, so only those who publish may change them.
    bound = article is not None and article.state == "published" and not actor.can("article.publish")
    newest = (article.draft or article.current) if article else None
    page = render_template(
        "knowledge/edit.html",
        here="knowledge",
        article={"id": article.id, "title": article.title, "url": f"/knowledge/{article.id}"} if article else None,
        action=f"/knowledge/{article.id}/edit" if article else "/knowledge/new",
        version=article.version if article else 0,
        text=_text_fields(typed, errors or {}),
        properties=[] if bound else _property_fields(actor, typed.properties, errors or {}),
        comment={"name": "comment", "label": _("这次改了什么"), "required": False, "maxlength": 300, "value": typed.comment}
        if article
        else None,
        error=error,
        latest_url=f"/knowledge/{article.id}/changes" if article and newest and stale else None,
        html=_html(typed.content.body),
        previewed=preview,
    )
    return _fresh(page, status)


def _fresh(page: str, status: int = 200) -> Response:
    return make_response(page, status)


def _html(body: str) -> Markup:
    return Markup(sheet_of(body).whole)


def _text_fields(typed: Typed, errors: dict[str, list[str]]) -> list[dict[str, Any]]:
    content = typed.content
    return [
        {"name": "title", "label": _("标题"), "value": content.title, "required": True, "maxlength": 200, "full": True,
         "hint": _("先写产品和现象，再写做法，例如：HK-V20 报 E07：查风扇与风道"), "errors": errors.get("title")},
        {"name": "questions", "label": _("客户会这样问"), "kind": "textarea", "rows": 4, "value": "\n".join(content.questions),
         "required": False, "hint": _("一行一个，用客户自己的话。搜索靠它认路，读者看不到。"), "errors": errors.get("questions")},
        {"name": "body", "label": _("正文（Markdown）"), "kind": "textarea", "rows": 22, "value": content.body, "required": True,
         "errors": errors.get("body"),
         "hint": _("「## 」开头是小标题，「1. 」开头是步骤，「::: warning」到「:::」是安全警示。")},
    ]  # fmt: skip


def _property_fields(actor: Actor, given: Properties, errors: dict[str, list[str]]) -> list[dict[str, Any]]:
    levels = reader_for(actor).levels
    products = [{"value": p.id, "label": p.name} for p in queries.product_choices(actor)]
    companies = [{"value": o.id, "label": o.name} for o in queries.organisation_choices(actor)]
    return [
        {"name": "products", "label": _("产品"), "kind": "checkboxes", "value": given.product_ids, "options": products,
         "required": False, "errors": errors.get("products")},
        {"name": "audience", "label": _("给谁看"), "kind": "select", "value": given.level, "required": True,
         "options": [{"value": name, "label": str(LEVEL_WORDS[name])} for name in levels], "errors": errors.get("audience")},
        {"name": "organisations", "label": _("只给这些企业"), "kind": "checkboxes", "value": given.organisation_ids,
         "options": companies, "required": False, "errors": errors.get("organisations")},
        {"name": "kind", "label": _("类型"), "kind": "select", "value": given.kind, "required": True,
         "options": [{"value": name, "label": str(words)} for name, words in KIND_WORDS.items()], "errors": errors.get("kind")},
        {"name": "category", "label": _("分类"), "value": given.category, "required": False, "maxlength": 60,
         "errors": errors.get("category")},
        {"name": "valid_for", "label": _("适用版本"), "value": given.valid_for, "required": False, "maxlength": 200,
         "errors": errors.get("valid_for")},
        {"name": "language", "label": _("语言"), "kind": "select", "value": given.language, "required": True,
         "options": [{"value": code, "label": name} for code, name in LANGUAGES.items()]},
        {"name": "safety", "label": _("有安全警示"), "kind": "checkbox", "value": given.safety,
         "hint": _("读者先看到警示；自动应答不会发它。")},
        {"name": "phone_script", "label": _("电话里这样说"), "kind": "textarea", "rows": 5, "value": given.phone_script,
         "required": False, "maxlength": 1000, "hint": _("四十秒说得完，只给坐席看。"), "errors": errors.get("phone_script")},
    ]  # fmt: skip
