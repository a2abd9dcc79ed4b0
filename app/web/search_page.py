"""/search: the best answer first, then the others, with filters as plain links; and suggestions while one types."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, Flask, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from app import viewer
from app.answering.finding import fault_codes, named_product, product_of_kind, products_sharing
from app.answering.rules import codes_of
from app.core.catalogue import Product
from app.core.permissions import Actor
from app.kb import completions
from app.kb.index import current_index
from app.kb.search_log import note_search
from app.queries import portal as queries
from app.queries import portal_search as rows
from app.web import facets, visit
from app.web.hits import Shown, article_url, query_of
from app.web.portal import asked, kept, number_of
from app.web.security import limiter
from knowledge import searching
from knowledge.access import reader_for
from knowledge.analysis import fold
from knowledge.community import finding
from knowledge.index import Hits, IndexUnavailable, Query, Reader

blueprint = Blueprint("search", __name__)
PAGE, DEEPEST, MOST_CODES, PRODUCTS, QUESTIONS, SUGGESTED = 10, 200, 2, 12, 3, 7
HALF = 0.5
"""Where every hit lacks this share of the question and more, the page says so."""
SECONDS = 60
"""How long a browser may keep suggestions."""


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


def _throttle() -> str:
    return f"{viewer.settings().search_per_minute} per minute"


@dataclass(frozen=True)
class Wanted:
    """What is looked for: words, narrowed to a product, a category and, for the house's own people, an audience."""

    q: str
    product: Product | None = None
    category: str = ""
    level: str = ""

    def address(self, **other: str) -> str:
        """The page of this search, with what is `other` on it. An empty product is said, because it is remembered."""
        given = {"q": self.q, "product": self.product.code if self.product else "", "category": self.category, "level": self.level, **other}
        keep = {name: value for name, value in given.items() if value or (name == "product" and name in other)}
        return f"/search?{query_of(keep)}"


@blueprint.get("/search")
@viewer.public
@limiter.limit(_throttle)
def page() -> AnyResponse:
    """Answers as paragraphs. With `HX-Request` only the answers, for the fields that answer while one types."""
    actor, args = viewer.current_actor(), request.args
    product = visit.chosen_product(args)
    wanted = Wanted(asked(args), product, args.get("category", "")[:60], args.get("level", "")[:12])
    if not wanted.q and product is not None and "product" in args:
        return redirect(f"/products/{product.code}")
    fragment = request.headers.get("HX-Request") == "true"
    shown: dict[str, Any] = {
        "q": wanted.q,
        "product": product.name if product else None,
        "product_code": product.code if product else "",
        "clear_product": wanted.address(product=""),
        "meta": {"robots": "noindex"},
        "reach": None if fragment else queries.reach(),
        "ask_url": _ask_url(wanted),
        "asked_first": fragment,
    }
    status = 200
    if wanted.q:
        try:
            # What editors search is a test of their own work, not a question that was asked.
            shown |= _answers(actor, wanted, fragment=fragment, log=not fragment and not actor.can("article.write"))
        except IndexUnavailable:
            shown["unavailable"], status = True, 503
    response = kept(render_template("portal/_hits.html" if fragment else "portal/search.html", **shown))
    response.status_code = status
    if not fragment:
        visit.remember_product(response, args, product)
    return response


def _ask_url(wanted: Wanted) -> str:
    given = {"q": wanted.q, "product": wanted.product.code if wanted.product else ""}
    query = urlencode({name: value for name, value in given.items() if value})
    return "/ask" + (f"?{query}" if query else "")


def _answers(actor: Actor, wanted: Wanted, *, fragment: bool, log: bool) -> dict[str, Any]:
    limit = min(max(number_of(request.args.get("limit"), PAGE), 1), PAGE)
    offset = min(number_of(request.args.get("from")), DEEPEST)
    reader = reader_for(actor)
    hits = _search(reader, wanted, limit, offset, counted=not fragment)
    widened = False
    if not hits.total and wanted.product is not None:  # no dead end: what other products say, and that it is theirs
        wide = _search(reader, replace(wanted, product=None, category=""), limit, 0, counted=False)
        if wide.total:
            hits, widened = wide, True
    found = Shown(hits, reader, facets.products_in(hits))
    number = _remember(actor, wanted, hits, reader) if log and not offset else None
    carried = {"q": wanted.q, "s": number}
    unclear = [] if wanted.product else _ask_product(reader, wanted)
    first = found.answer(hits, wanted.q, carried) if not (fragment or offset or widened or unclear) else None
    listed = found.as_dicts(carried)
    more = offset + limit < min(hits.total, DEEPEST) and not widened
    return {
        "answer": first,
        "hits": listed[1:] if first else listed,
        "total": hits.total,
        "widened": widened,
        "did_you_mean": _meant(hits, wanted),
        "partly": bool(hits.items) and all(hit.missing >= HALF for hit in hits),
        "ask_product": unclear,
        "filters": [] if fragment or widened else facets.rows(hits, wanted, found.products, inside=len(reader.levels) > 2),
        "offered": [] if fragment or hits.total else rows.product_codes(PRODUCTS),
        # A form for a public question names those that were asked already, while its words are written.
        "questions": _questions(wanted) if not offset and (not fragment or request.args.get("asked") == "1") else [],
        "page": {
            "next": wanted.address(**{"from": str(offset + limit)}) if more else None,
            "first": wanted.address() if offset else None,
            "shown": len(found.hits),
            "total": hits.total,
        }
        if more or offset
        else None,
    }


def _search(reader: Reader, wanted: Wanted, limit: int, offset: int, *, counted: bool) -> Hits:
    return searching.answer(
        current_index(),
        Query(
            wanted.q,
            reader,
            wanted.product.id if wanted.product else None,
            limit,
            offset,
            category=wanted.category,
            levels=(wanted.level,) if wanted.level in reader.levels else (),
            facets=counted,
            marked_titles=False,
        ),
    )


def _questions(wanted: Wanted) -> list[dict[str, Any]]:
    found = finding.similar(wanted.q, wanted.product.id if wanted.product else None, QUESTIONS)
    return [{"title": q.title, "url": f"/community/{q.id}", "answers": q.answer_count, "solved": q.solved} for q in found]


def _remember(actor: Actor, wanted: Wanted, hits: Hits, reader: Reader) -> str:
    """The key of this search in the log; it is written later, and a busy database is not waited for."""
    return note_search(actor, wanted.q, hits, "portal", wanted.product.id if wanted.product else None, reader)


def _meant(hits: Hits, wanted: Wanted) -> dict[str, Any] | None:
    if not hits.did_you_mean or fold(hits.did_you_mean) == fold(wanted.q):
        return None
    return {"text": hits.did_you_mean, "url": wanted.address(q=hits.did_you_mean), "read": hits.read_as_meant}


def _ask_product(reader: Reader, wanted: Wanted) -> list[dict[str, str]]:
    """The products to choose from where a code that several of them share was said, and not of which: by the rules of the
    answer service, in every spelling and whatever else was said."""
    if not codes_of(wanted.q):
        return []
    products = {p.id: p for p in queries.active_products()}
    named = named_product(wanted.q, products.values())
    for code in fault_codes(wanted.q, products.values())[:MOST_CODES]:
        sharing = products_sharing(current_index(), code, reader)
        if len(sharing) > 1 and not {named, product_of_kind(wanted.q, products.values())} & sharing:
            chosen = [products[number] for number in sorted(sharing & products.keys())]
            return [{"label": p.name, "url": wanted.address(product=p.code)} for p in chosen]
    return []


@blueprint.get("/search/complete")
@viewer.public
@limiter.limit(_throttle)
def complete() -> AnyResponse:
    """Suggestions for what is being typed: {"items": [{"text", "kind", "url"}]}. Articles lead to themselves, words to
    their answers."""
    q, actor = asked(request.args), viewer.current_actor()
    items = [_suggestion(one, q) for one in completions.complete(actor, q, SUGGESTED)]
    response: Response = jsonify({"items": items})
    response.headers["Cache-Control"] = f"private, max-age={SECONDS}"
    response.vary.update(["Cookie", "Accept-Language"])
    response.add_etag()
    return response.make_conditional(request)


def _suggestion(one: completions.Suggestion, q: str) -> Mapping[str, str]:
    url = article_url(one.slug, q=q) if one.slug else f"/search?{urlencode({'q': one.text})}"
    if one.product:
        url = f"/products/{quote(one.product)}"
    return {"text": one.text, "kind": one.kind, "url": url}
