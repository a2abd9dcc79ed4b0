"""/api/v1/articles: the knowledge base, each reader's part of it, and writing it."""

from dataclasses import replace
from typing import Any

from flask import url_for
from marshmallow import fields
from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload

from app.api.article_files import ArticleFileAnswer, facts_of
from app.api.base import Resource, heed_if_match, step_parameter
from app.api.fields import (
    Answer,
    ApiSchema,
    Choice,
    Moment,
    Named,
    Near,
    ProductRef,
    QueryWhole,
    Rows,
    Text,
    Whole,
    Yes,
)
from app.api.paging import PageArgs, listing, page_of
from app.api.step_bodies import ArticleStepBody
from app.core.db import session
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.viewer import current_actor, needs
from knowledge import lifecycle
from knowledge.access import access_article, access_editable, editable_articles, may_edit, readable_articles
from knowledge.care import may_read_script
from knowledge.files import MOST_FILES, listed, listed_ids
from knowledge.index import LEVELS
from knowledge.models import KINDS, STATES, Article, Revision, article_product
from knowledge.service import (
    LONGEST_BODY,
    Content,
    Properties,
    change_properties,
    content_of,
    draft_article,
    properties_of,
    revise,
)

api = Resource("articles", "Knowledge: what is published for you, and what you may write.")
MOST_QUESTIONS, MOST_ROWS = 100, 200
LANGUAGES = ("zh", "en")


class AudienceAnswer(Answer):
    """For whom: level × companies × products; an empty list does not restrict."""

    level = fields.String(required=True, metadata={"enum": list(LEVELS)})
    products = fields.List(fields.Nested(ProductRef), required=True)
    organisations = fields.List(fields.Nested(Named), required=True)


class ArticleAnswer(Answer):
    """An article without its text. Companies of the audience are named to those who may change the article."""

    id = fields.Integer(required=True)
    slug = fields.String(required=True)
    title = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    category = fields.String(required=True)
    language = fields.String(required=True)
    safety = fields.Boolean(required=True)
    valid_for = fields.String(required=True)
    audience = fields.Nested(AudienceAnswer, required=True)
    reviewed_at = Moment(required=True, allow_none=True)
    published_at = Moment(required=True, allow_none=True)
    updated_at = Moment(required=True)
    version = fields.Integer(required=True)


class RevisionAnswer(Answer):
    """A version of the text: Markdown, and the questions that it answers."""

    number = fields.Integer(required=True)
    title = fields.String(required=True)
    body = fields.String(required=True)
    questions = fields.List(fields.String(), required=True)
    files = fields.List(fields.Integer(), required=True, metadata={"description": "ids of the attachments at its end"})
    author = fields.String(required=True)
    created_at = Moment(required=True)


class ArticleWhole(ArticleAnswer):
    """An article with its text as readers see it. `draft` is what is being worked on, for those who may change it;
    `phone_script` and `source` are for colleagues."""

    body = fields.String(required=True)
    questions = fields.List(fields.String(), required=True)
    files = fields.List(fields.Nested(ArticleFileAnswer), required=True, metadata={"description": "the attachments at its end"})
    phone_script = fields.String(required=True)
    source = fields.String(required=True)
    draft = fields.Nested(RevisionAnswer, required=True, allow_none=True)
    actions = fields.List(fields.String(), required=True)


class ArticleChange(ApiSchema):
    """What may be changed. A changed text becomes the draft; on a published article the rest takes effect at once."""

    title = Text.of(Article.title, shortest=1)
    body = Text(LONGEST_BODY, shortest=1, metadata={"description": "Markdown"})
    questions = Rows(Text(300, shortest=1), MOST_QUESTIONS)
    files = Rows(Whole(1), MOST_FILES, metadata={"description": "ids of the attachments at its end; upload them at articles/{id}/files"})
    comment = Text.of(Revision.comment, metadata={"description": "what was changed, for the history"})
    kind = Choice(KINDS)
    category = Text.of(Article.category)
    level = Choice(LEVELS)
    language = Choice(LANGUAGES)
    safety = Yes()
    phone_script = Text.of(Article.phone_script)
    valid_for = Text.of(Article.valid_for)
    source = Text.of(Article.source)
    products = Rows(Whole(1), MOST_ROWS, metadata={"description": "ids"})
    organisations = Rows(Whole(1), MOST_ROWS, metadata={"description": "ids"})


class ArticleText(ArticleChange):
    """Title and text anew, and of the rest what is given."""

    title = Text.of(Article.title, shortest=1, required=True)
    body = Text(LONGEST_BODY, shortest=1, required=True, metadata={"description": "Markdown"})


class ArticleNew(ArticleText):
    """A new article, as a draft."""

    slug = Text(100, metadata={"description": "word of its address; made of the title when left out"})


class ArticleArgs(PageArgs):
    q = Text(200, metadata={"description": "part of the title or address; for the words of texts see knowledge/search"})
    state = Choice(STATES)
    level = Choice(LEVELS)
    kind = Choice(KINDS)
    product = QueryWhole(1, metadata={"description": "id of the product"})
    updated_since = Near(metadata={"description": "changed at this moment or later; then ordered by the change"})


@api.route("")
@needs()
@api.arguments(ArticleArgs, location="query")
@api.response(200, listing(ArticleAnswer))
def list_articles(args: dict[str, Any]) -> Any:
    """What is published for you and what you may change, the newest first."""
    actor = current_actor()
    readable = readable_articles(actor).with_only_columns(Article.id)
    own = editable_articles(actor).with_only_columns(Article.id)
    rows = select(Article).where(or_(Article.id.in_(readable), Article.id.in_(own)))
    rows = rows.options(selectinload(Article.products), selectinload(Article.organisations))
    for name in ("state", "level", "kind"):
        if name in args:
            rows = rows.where(getattr(Article, name) == args[name])
    if "product" in args:
        links = select(article_product.c.article_id).where(article_product.c.product_id == args["product"])
        rows = rows.where(Article.id.in_(links))
    if args.get("q"):
        rows = rows.where(or_(*(c.icontains(args["q"], autoescape=True) for c in (Article.title, Article.slug))))
    if "updated_since" in args:
        page = page_of(rows.where(Article.updated_at >= args["updated_since"]), args, [Article.updated_at, Article.id])
    else:
        page = page_of(rows, args, [Article.id], descending=True)
    found = [article.id for article in page["items"]]
    changeable = set(session().scalars(own.where(Article.id.in_(found)))) if found else set()
    return {**page, "items": [_card(actor, article, article.id in changeable) for article in page["items"]]}


def _card(actor: Actor, article: Article, changeable: bool) -> dict[str, Any]:
    plain = ("id", "slug", "title", "kind", "state", "category", "language", "safety", "valid_for", "reviewed_at",
             "published_at", "updated_at", "version")  # fmt: skip
    companies = [o for o in article.organisations if changeable or o.id == actor.organisation_id]
    audience = {"level": article.level, "products": article.products, "organisations": companies}
    return {**{name: getattr(article, name) for name in plain}, "audience": audience}


def _whole(actor: Actor, article: Article) -> dict[str, Any]:
    changeable = may_edit(actor, article)
    revision = article.current or (article.draft if changeable else None)
    shown, draft = content_of(revision), article.draft if changeable else None
    inside = actor.can("article.read")
    return {
        **_card(actor, article, changeable),
        "title": shown.title or article.title,
        "body": shown.body,
        "questions": list(shown.questions),
        "files": [facts_of(row, True) for row in listed(revision)],
        "phone_script": article.phone_script if may_read_script(actor, article) else "",
        "source": article.source if inside else "",
        "draft": _revision(draft) if draft is not None else None,
        "actions": lifecycle.steps_for(actor, article),
    }


def _revision(row: Revision) -> dict[str, Any]:
    names = ("number", "title", "body", "questions", "author", "created_at")
    return {**{name: getattr(row, name) for name in names}, "files": list(listed_ids(row))}


@api.route("", methods=["POST"])
@needs("article.write")
@api.idempotent
@api.arguments(ArticleNew)
@api.response(201, ArticleWhole)
def draft(fields: dict[str, Any]) -> Any:
    """Begin an article as a draft."""
    actor = current_actor()
    content = Content(fields["title"], fields["body"], tuple(fields.get("questions", ())), _listed(fields))
    properties = _properties(Properties(), fields)
    with unit_of_work():
        made = draft_article(actor, content, properties, fields.get("slug", ""))
    return _whole(actor, made), {"Location": url_for("api_articles.read_article", article_id=made.id)}


def _listed(fields: dict[str, Any]) -> tuple[int, ...] | None:
    return tuple(fields["files"]) if "files" in fields else None


def _properties(before: Properties, fields: dict[str, Any]) -> Properties:
    """The properties with what is given."""
    names = ("kind", "category", "level", "language", "safety", "phone_script", "valid_for", "source")
    given = {name: fields[name] for name in names if name in fields}
    if "products" in fields:
        given["product_ids"] = tuple(fields["products"])
    if "organisations" in fields:
        given["organisation_ids"] = tuple(fields["organisations"])
    return replace(before, **given)


@api.route("/<int:article_id>")
@needs()
@api.response(200, ArticleWhole)
def read_article(article_id: int) -> Any:
    """One article with its text."""
    actor = current_actor()
    return _whole(actor, access_article(actor, article_id))


@api.route("/<int:article_id>", methods=["PATCH"])
@needs("article.write")
@api.arguments(ArticleChange)
@api.response(200, ArticleWhole)
def change_article(fields: dict[str, Any], article_id: int) -> Any:
    """Change what is given."""
    return _change(fields, article_id)


@api.route("/<int:article_id>", methods=["PUT"])
@needs("article.write")
@api.arguments(ArticleText)
@api.response(200, ArticleWhole)
def replace_article(fields: dict[str, Any], article_id: int) -> Any:
    """Write title, text and questions anew; other properties change where they are given."""
    return _change({"questions": [], **fields}, article_id)


def _change(fields: dict[str, Any], article_id: int) -> Any:
    actor = current_actor()
    with unit_of_work():
        article = access_editable(actor, article_id)
        heed_if_match(article)
        before = properties_of(article)
        after = _properties(before, fields)
        if after != before:
            change_properties(actor, article, after)
        if {"title", "body", "questions", "files"} & set(fields):
            newest = content_of(article.draft or article.current)
            content = Content(
                fields.get("title", newest.title), fields.get("body", newest.body),
                tuple(fields.get("questions", newest.questions)), _listed(fields),
            )  # fmt: skip
            revise(actor, article, content, fields.get("comment", ""))
    return _whole(actor, article)


@api.route("/<int:article_id>/steps/<step>", methods=["POST"], parameters=step_parameter(lifecycle.STEPS))
@needs("article.write")
@api.idempotent
@api.arguments(ArticleStepBody, required=False)
@api.response(200, ArticleWhole)
def take_step(body: dict[str, Any], article_id: int, step: str) -> Any:
    """Submit, return, publish or retire it."""
    actor = current_actor()
    with unit_of_work():
        article = access_editable(actor, article_id)
        heed_if_match(article)
        lifecycle.take_step(actor, article, step, body.get("reason", ""))
    return _whole(actor, article)
