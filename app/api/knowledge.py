"""/api/v1/knowledge: searching the articles, and the best ones for somebody's words."""

from typing import Any

from marshmallow import fields
from sqlalchemy import select

from app.api.base import Resource, may_be_unavailable
from app.api.fields import Answer, ApiSchema, QueryWhole, Text
from app.api.paging import MAX_LIMIT
from app.core.catalogue import Product
from app.core.db import session
from app.core.uow import unit_of_work
from app.search_index import current_index
from app.viewer import current_actor, needs
from knowledge import searching
from knowledge.access import reader_for
from knowledge.index import Hits
from knowledge.models import article_product
from knowledge.suggest import LONGEST, suggest

api = Resource("knowledge", "Searching the knowledge base; each reader finds what is for them.")
WHERE = "api"


class HitAnswer(Answer):
    """An article found: `passage` answers, `anchor` is the heading it stands under (or empty)."""

    id = fields.Integer(required=True)
    title = fields.String(required=True)
    product = fields.String(required=True, allow_none=True)
    score = fields.Float(required=True)
    passage = fields.String(required=True)
    anchor = fields.String(required=True)


class SearchAnswer(Answer):
    """What was found. `total` counts all that you may read, beyond the limit too."""

    total = fields.Integer(required=True)
    did_you_mean = fields.String(required=True, allow_none=True)
    hits = fields.List(fields.Nested(HitAnswer), required=True)


class SuggestAnswer(Answer):
    """The best articles for the words, the best first."""

    hits = fields.List(fields.Nested(HitAnswer), required=True)


class SearchArgs(ApiSchema):
    q = Text(searching.LONGEST_QUERY, shortest=1, required=True)
    product = QueryWhole(1, metadata={"description": "id: only articles of this product"})
    limit = QueryWhole(1, MAX_LIMIT, load_default=10)


class SuggestArgs(ApiSchema):
    q = Text(LONGEST, shortest=1, required=True, metadata={"description": "somebody's words, as many as they are"})
    product = QueryWhole(1, metadata={"description": "id: articles about it come first"})
    limit = QueryWhole(1, 20, load_default=3)


@api.route("/search")
@needs()
@may_be_unavailable
@api.arguments(SearchArgs, location="query")
@api.response(200, SearchAnswer)
def search(args: dict[str, Any]) -> Any:
    """Articles for the words. The search is remembered, so that editors see what has no answer."""
    actor = current_actor()
    hits = searching.search(current_index(), actor, args["q"], args.get("product"), args["limit"])
    found = _found(hits)
    with unit_of_work():
        searching.log_search(actor, args["q"], hits, WHERE, _known(args.get("product")))
    return {"total": hits.total, "did_you_mean": hits.did_you_mean, "hits": found}


@api.route("/suggest")
@needs()
@may_be_unavailable
@api.arguments(SuggestArgs, location="query")
@api.response(200, SuggestAnswer)
def suggestions(args: dict[str, Any]) -> Any:
    """The best articles for what somebody says, before they have asked."""
    hits = suggest(current_index(), args["q"], reader_for(current_actor()), args.get("product"), args["limit"])
    return {"hits": _found(Hits(len(hits), tuple(hits)))}


def _found(hits: Hits) -> list[dict[str, Any]]:
    found = searching.with_articles(hits, reader_for(current_actor()))
    codes = _codes([one.article.id for one in found])
    return [
        {
            "id": one.article.id,
            "title": one.article.title,
            "product": "、".join(codes.get(one.article.id, ())) or None,  # data
            "score": round(one.hit.score, 4),
            "passage": " ".join(one.hit.passage_text.split()),
            "anchor": one.hit.anchor,
        }
        for one in found
    ]


def _codes(articles: list[int]) -> dict[int, list[str]]:
    """The codes of the products of these articles, in one statement."""
    rows = select(article_product.c.article_id, Product.code).join(Product, Product.id == article_product.c.product_id)
    found: dict[int, list[str]] = {}
    for article, code in session().execute(rows.where(article_product.c.article_id.in_(articles)).order_by(Product.id)):
        found.setdefault(article, []).append(code)
    return found


def _known(product_id: int | None) -> int | None:
    """The product, if there is one: the log refers to it."""
    return product_id if product_id is not None and session().get(Product, product_id) is not None else None
