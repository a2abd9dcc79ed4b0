"""The portal: one field, answers as paragraphs, articles. Public, and complete without JavaScript."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from flask import Blueprint, Flask, Response, make_response, render_template, request
from flask_babel import gettext as _
from sqlalchemy.exc import OperationalError

from app import viewer
from app.core.catalogue import Product
from app.core.db import session
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.queries import portal as queries
from app.search_index import current_index
from app.web.security import limiter
from app.web.sheets import lead
from knowledge import searching
from knowledge.access import reader_for
from knowledge.analysis import fold, query_tokens
from knowledge.codes import CHUNK, is_code
from knowledge.index import INSIDE_LEVELS, Hits, IndexUnavailable
from knowledge.models import Article
from knowledge.searching import LONGEST_QUERY

blueprint = Blueprint("portal", __name__)
PAGE, TRIES, DEEPEST, LONGEST_CODE = 10, 3, 200, 12
KEPT = "private, no-cache"
"""The browser may keep the page but asks about it: going back to the answers needs no second search."""
CLOSED = "/search /r/ /ask /requests /desk /orders /knowledge /reports /admin /me /login /api/ /hooks/".split()


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/")
@viewer.public
def home() -> Response:
    """The search field, and products with their most used answers."""
    actor = viewer.current_actor()
    tries = [
        article.current.questions[0]
        for article in queries.most_used(actor, TRIES)
        if article.current and article.current.questions
    ]
    page = render_template(
        "portal/home.html",
        products=[
            {
                "name": tile.product.name,
                "text": tile.product.category,
                "url": f"/search?{urlencode({'product': tile.product.code})}",
                "articles": [{"title": a.title, "url": address(a)} for a in tile.articles],
            }
            for tile in queries.tiles(actor)
        ],
        tries=[{"text": text, "url": f"/search?{urlencode({'q': text})}"} for text in tries],
        notices=[],
        meta=meta("/", _("用自己的话问，查设备和平台的故障代码、操作步骤与接口说明。")),
    )
    return kept(page)


@blueprint.get("/search")
@viewer.public
@limiter.limit("240 per minute")
def search() -> tuple[Response, int]:
    """Answers as paragraphs. With `HX-Request` only the answers, for the field that answers while one types."""
    actor, q, given = viewer.current_actor(), asked(request.args), request.args.get("product", "")
    product = queries.find_product(given) if given else None
    fragment = request.headers.get("HX-Request") == "true"
    shown: dict[str, Any] = {
        "q": q,
        "product": product.name if product else None,
        "clear_product": f"/search?{urlencode({'q': q})}" if q else "/",
        "meta": {"robots": "noindex"},
        "reach": None if fragment else queries.reach(),
        "ask_url": f"/ask?{urlencode({'q': q, **({'product': product.code} if product else {})})}" if q else "/ask",
    }
    status = 200
    if q:
        try:
            # What editors search is a test of their own work, not a question that was asked.
            shown |= _answers(actor, q, product, log=not fragment and not actor.can("article.write"))
        except IndexUnavailable:
            shown["unavailable"], status = True, 503
    elif product:
        shown |= _all_of(actor, product)
    return kept(render_template("portal/_hits.html" if fragment else "portal/search.html", **shown)), status


def _answers(actor: Actor, q: str, product: Product | None, *, log: bool) -> dict[str, Any]:
    limit = min(max(number_of(request.args.get("limit"), PAGE), 1), PAGE)
    offset = min(number_of(request.args.get("from")), DEEPEST)
    product_id = product.id if product else None
    hits = searching.search(current_index(), actor, q, product_id, limit, offset)
    found = searching.with_articles(hits, reader_for(actor))
    number = _remember(actor, q, hits, product_id) if log and not offset else None
    query = {"q": q, **({"product": product.code} if product else {})}
    onward = f"/search?{urlencode({**query, 'from': offset + limit})}" if offset + limit < min(hits.total, DEEPEST) else None
    back = f"/search?{urlencode(query)}" if offset else None
    return {
        "hits": found_hits(found, {"q": q, "s": number}),
        "total": hits.total,
        "did_you_mean": _meant(hits, query),
        "ask_product": [] if product else _ask_product(actor, q),
        "page": {"next": onward, "first": back, "shown": len(found), "total": hits.total} if onward or back else None,
    }


def _all_of(actor: Actor, product: Product) -> dict[str, Any]:
    """Everything about a product, without words to look for: the most used first."""
    hits = [
        {
            "title": article.title,
            "url": address(article),
            "product": None,
            "passage": [[lead(article), False]],
            "warning": article.safety,
            "internal": article.level in INSIDE_LEVELS,
        }
        for article in queries.of_product(actor, product.id)
    ]
    return {"hits": hits, "total": len(hits), "browsing": True}


def found_hits(found: Sequence[searching.Found], carried: dict[str, Any]) -> list[dict[str, Any]]:
    """Hits as templates show them; `carried` goes along to the article."""
    return [_hit(item, carried) for item in found]


def _hit(item: searching.Found, carried: dict[str, Any]) -> dict[str, Any]:
    article, hit = item.article, item.hit
    # Whoever is about to open a machine reads the warning first, so such an article opens at its top.
    anchor = f"#{hit.anchor}" if hit.anchor and not article.safety else ""
    return {
        "title": article.title,
        "url": address(article, **carried) + anchor,
        "product": products_of(article),
        "passage": [[piece.text.replace(" | ", " · "), piece.hit] for piece in hit.passage],  # cells of a table
        "warning": article.safety,
        "internal": article.level in INSIDE_LEVELS,
    }


def _remember(actor: Actor, q: str, hits: Hits, product_id: int | None) -> int | None:
    """The log of searches is worth a write, but not a refusal when the database is busy."""
    try:
        with unit_of_work():
            return searching.log_search(actor, q, hits, "portal", product_id).id
    except OperationalError:
        session().rollback()
        return None


def _meant(hits: Hits, query: Mapping[str, str]) -> dict[str, str] | None:
    if not hits.did_you_mean or fold(hits.did_you_mean) == fold(query["q"]):
        return None
    return {"text": hits.did_you_mean, "url": f"/search?{urlencode({**query, 'q': hits.did_you_mean})}"}


def _ask_product(actor: Actor, q: str) -> list[dict[str, str]]:
    """The products to choose from when nothing but a code was said, and several products have that code."""
    codes = [chunk for chunk in CHUNK.findall(fold(q)) if is_code(chunk)]
    said_more = any(not word.isascii() for word in query_tokens(q).words)
    if len(codes) != 1 or said_more or len(codes[0]) > LONGEST_CODE:
        return []
    products = queries.naming(codes[0], actor)
    if len(products) < 2:
        return []
    return [{"label": p.name, "url": f"/search?{urlencode({'q': q, 'product': p.code})}"} for p in products]


@blueprint.get("/robots.txt")
@viewer.public
def robots() -> Response:
    """Articles may be found from outside; searches, requests and the house itself not."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in CLOSED), f"Sitemap: {_root()}/sitemap.xml", ""]
    return _file("\n".join(lines), "text/plain")


@blueprint.get("/sitemap.xml")
@viewer.public
def sitemap() -> Response:
    """Everything that anybody may read."""
    urls = "".join(
        f"<url><loc>{escape(_root() + '/articles/' + slug)}</loc><lastmod>{at.astimezone(UTC):%Y-%m-%d}</lastmod></url>"
        for slug, at in queries.sitemap()
    )
    body = f'<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'
    return _file(body, "application/xml")


def _file(body: str, kind: str) -> Response:
    response = Response(body, content_type=f"{kind}; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


def address(article: Article, **carried: Any) -> str:
    """Where an article is read; `carried` are the words and the search that led to it."""
    query = urlencode({name: value for name, value in carried.items() if value})
    return f"/articles/{article.slug}" + (f"?{query}" if query else "")


def products_of(article: Article) -> str | None:
    return _("、").join(product.name for product in article.products) or None


def asked(given: Mapping[str, str]) -> str:
    """The words of a search, cleaned, as long as a search may be."""
    return clean(given.get("q", "")).strip()[:LONGEST_QUERY]


def meta(path: str, description: str, indexed: bool = True) -> dict[str, str]:
    """What robots and link previews read."""
    return {"canonical": _root() + path, "description": description, "robots": "" if indexed else "noindex"}


def kept(page: str) -> Response:
    response = make_response(page)
    response.headers["Cache-Control"] = KEPT
    return response


def _root() -> str:
    """Under which address the outside knows us: as set, else as this request came."""
    return viewer.settings().base_url.rstrip("/") or request.url_root.rstrip("/")


def number_of(text: str | None, otherwise: int = 0) -> int:
    """A number of an address; anything else counts as `otherwise`."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else otherwise
