"""What robots may find: robots.txt and the sitemap, in parts of 5,000 addresses when there are more."""

from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import quote
from xml.sax.saxutils import escape

from flask import Blueprint, Flask, Response

from app import viewer
from app.core.errors import NotFound
from app.queries import community
from app.queries import portal_products as queries
from app.web.portal import root

blueprint = Blueprint("robots", __name__)
CLOSED = "/search /r/ /ask /community/ask /requests /desk /orders /knowledge /reports /admin /me /login /api/ /hooks/".split()
PART = 5000
_SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
Entry = tuple[str, datetime | None]


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/robots.txt")
@viewer.public
def robots() -> Response:
    """Articles, products and public questions may be found from outside; searches, requests and the house itself not."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in CLOSED), f"Sitemap: {root()}/sitemap.xml", ""]
    return _file("\n".join(lines), "text/plain")


@blueprint.get("/sitemap.xml")
@viewer.public
def sitemap() -> Response:
    """Everything that anybody may read; where that is much, where its parts are."""
    articles, questions = queries.sitemap_size(), community.count_shown()
    if articles + questions <= PART:
        return _urls([*_pages(), *_articles(0), *_questions(0)])
    names = [f"articles-{n}" for n in range(-(-articles // PART))] + ["products"]
    names += [f"questions-{n}" for n in range(-(-questions // PART))]
    parts = "".join(f"<sitemap><loc>{escape(root())}/sitemap-{name}.xml</loc></sitemap>" for name in names)
    return _file(f'<?xml version="1.0" encoding="UTF-8"?><sitemapindex {_SPACE}>{parts}</sitemapindex>', "application/xml")


@blueprint.get("/sitemap-<any(articles,questions):what>-<int(max=100000):number>.xml")
@viewer.public
def part(what: str, number: int) -> Response:
    """One part of many addresses."""
    found = _articles(number) if what == "articles" else _questions(number)
    if not found:
        raise NotFound()
    return _urls(found)


@blueprint.get("/sitemap-products.xml")
@viewer.public
def products() -> Response:
    """The home, the list of public questions, and the pages of products: always few."""
    return _urls(_pages())


def _articles(number: int) -> list[Entry]:
    return [("/articles/" + quote(slug), at) for slug, at in queries.sitemap_articles(number, PART)]


def _pages() -> list[Entry]:
    # No day of a change with the first two: they change with whatever they show.
    return [("/", None), ("/community", None), *_products()]


def _products() -> list[Entry]:
    return [("/products/" + quote(code), at) for code, at in queries.sitemap_products()]


def _questions(number: int) -> list[Entry]:
    return [(f"/community/{n}", at) for n, at in community.addresses(number * PART, PART)]


def _urls(entries: Iterable[Entry]) -> Response:
    urls = "".join(f"<url><loc>{escape(root() + path)}</loc>{_changed(at)}</url>" for path, at in entries)
    return _file(f'<?xml version="1.0" encoding="UTF-8"?><urlset {_SPACE}>{urls}</urlset>', "application/xml")


def _changed(at: datetime | None) -> str:
    return f"<lastmod>{at.astimezone(UTC):%Y-%m-%d}</lastmod>" if at is not None else ""


def _file(body: str, kind: str) -> Response:
    response = Response(body, content_type=f"{kind}; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response
