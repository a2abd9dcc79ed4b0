"""/api/v1/knowledge: searching the articles, and the best ones for somebody's words."""

from typing import Any

from flask import jsonify
from marshmallow import fields

from app.api.base import Resource, may_be_unavailable
from app.api.fields import Answer, ApiSchema, Choice, QueryWhole, QueryYes, Text
from app.api.paging import MAX_LIMIT
from app.kb.completions import complete
from app.kb.index import current_index
from app.kb.search_log import note_search
from app.queries import portal_search
from app.viewer import current_actor, needs
from knowledge import searching
from knowledge.access import reader_for
from knowledge.from_template import LANGUAGES
from knowledge.index import LEVELS, Hits, Query, Reader
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


class FacetAnswer(Answer):
    """What choosing this value would find: `product` by id, category or level by name. `name` is for people."""

    value = fields.String(required=True)
    name = fields.String(required=True)
    count = fields.Integer(required=True)


class FacetsAnswer(Answer):
    """Counts by product, category and level, each without its own filter, the most first."""

    product = fields.List(fields.Nested(FacetAnswer), required=True)
    category = fields.List(fields.Nested(FacetAnswer), required=True)
    level = fields.List(fields.Nested(FacetAnswer), required=True)


class SearchAnswer(Answer):
    """What was found. `total` counts all that you may read, beyond the limit too. `facets` is there where it was asked for."""

    total = fields.Integer(required=True)
    did_you_mean = fields.String(required=True, allow_none=True)
    facets = fields.Nested(FacetsAnswer)
    hits = fields.List(fields.Nested(HitAnswer), required=True)


class SuggestAnswer(Answer):
    """The best articles for the words, the best first."""

    hits = fields.List(fields.Nested(HitAnswer), required=True)


class CompletionAnswer(Answer):
    """Words that somebody may mean: `kind` is title, question, term or product; `article` is the id where they are an
    article's, `product` the code where they name one."""

    text = fields.String(required=True)
    kind = fields.String(required=True)
    article = fields.Integer(required=True, allow_none=True)
    product = fields.String(required=True, allow_none=True)


class CompletionsAnswer(Answer):
    """Suggestions, the likeliest first."""

    items = fields.List(fields.Nested(CompletionAnswer), required=True)


class CompleteArgs(ApiSchema):
    q = Text(searching.LONGEST_QUERY, shortest=1, required=True, metadata={"description": "what was typed so far; pinyin counts"})
    limit = QueryWhole(1, 20, load_default=8)


class SearchArgs(ApiSchema):
    q = Text(searching.LONGEST_QUERY, shortest=1, required=True)
    product = QueryWhole(1, metadata={"description": "id: only articles of this product"})
    category = Text(60, load_default="", metadata={"description": "only articles of this category"})
    language = Choice(LANGUAGES, metadata={"description": "only articles in this language"})
    level = Choice(LEVELS, metadata={"description": "only articles for this audience; one that you may not read finds nothing"})
    facets = QueryYes(load_default=False, metadata={"description": "counts by product, category and level"})
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
    reader, level = reader_for(actor), args.get("level")
    if level is not None and level not in reader.levels:
        return {"total": 0, "did_you_mean": None, "hits": []} | _facets(Hits(0), args)
    query = Query(
        args["q"],
        reader,
        args.get("product"),
        args["limit"],
        category=args["category"],
        language=args.get("language") or "",
        levels=(level,) if level else (),
        facets=args["facets"],
        marked_titles=False,
    )
    hits = searching.answer(current_index(), query)
    found = _found(hits, reader)
    note_search(actor, args["q"], hits, WHERE, args.get("product"), reader)
    # Plain values already: a schema would only look at each of them once more.
    return jsonify({"total": hits.total, "did_you_mean": hits.did_you_mean, "hits": found} | _facets(hits, args))


def _facets(hits: Hits, args: dict[str, Any]) -> dict[str, Any]:
    if not args["facets"]:
        return {}
    counts = {kind: sorted(hits.facets.get(kind, {}).items(), key=lambda one: (-one[1], one[0])) for kind in ("product", "category", "level")}
    named = portal_search.products(int(value) for value, _ in counts["product"])
    codes = {str(number): code for number, (code, _) in named.items()}
    found = {
        kind: [{"value": value, "name": codes.get(value, value) if kind == "product" else value, "count": n} for value, n in rows if value and n]
        for kind, rows in counts.items()
    }
    return {"facets": found}


@api.route("/suggest")
@needs()
@may_be_unavailable
@api.arguments(SuggestArgs, location="query")
@api.response(200, SuggestAnswer)
def suggestions(args: dict[str, Any]) -> Any:
    """The best articles for what somebody says, before they have asked."""
    reader = reader_for(current_actor())
    hits = suggest(current_index(), args["q"], reader, args.get("product"), args["limit"])
    return {"hits": _found(Hits(len(hits), tuple(hits)), reader)}


@api.route("/complete")
@needs()
@api.arguments(CompleteArgs, location="query")
@api.response(200, CompletionsAnswer)
def completions(args: dict[str, Any]) -> Any:
    """Suggestions for what is being typed, out of what you may read; none while there is no index."""
    found = complete(current_actor(), args["q"], args["limit"])
    return {"items": [{"text": one.text, "kind": one.kind, "article": one.article_id, "product": one.product or None} for one in found]}


def _found(hits: Hits, reader: Reader) -> list[dict[str, Any]]:
    """The hits that the database, which has the last word, lets this reader read."""
    articles = portal_search.listed([int(hit.id) for hit in hits], reader)
    products = portal_search.products({number for hit in hits for number in hit.product_ids})
    return [
        {
            "id": article.id,
            "title": article.title,
            "product": "、".join(products[number][0] for number in sorted(hit.product_ids) if number in products) or None,  # data
            "score": round(hit.score, 4),
            "passage": " ".join(hit.passage_text.split()),
            "anchor": hit.anchor,
        }
        for hit in hits
        if (article := articles.get(int(hit.id))) is not None
    ]
