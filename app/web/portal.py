"""The portal's home: one field, products with their most used answers, what is new. Public, and complete without
JavaScript. Also what the other pages of the portal have in common: addresses, descriptions for robots, caching."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, make_response, render_template, request
from flask_babel import gettext as _

from app import viewer
from app.core.text import clean
from app.queries import community as asked_in_public
from app.queries import portal as queries
from app.queries import portal_search as rows
from app.web import structured, visit
from app.web.hits import article_url
from knowledge.access import reader_for
from knowledge.models import Article
from knowledge.searching import LONGEST_QUERY

blueprint = Blueprint("portal", __name__)
TRIES, NEWEST, ASKED = 3, 6, 4
KEPT = "private, no-cache"
"""The browser may keep the page but asks about it: going back to the answers needs no second search."""


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
                "url": f"/products/{tile.product.code}",
                "articles": [{"title": a.title, "url": address(a)} for a in tile.articles],
            }
            for tile in queries.tiles(actor)
        ],
        tries=[{"text": text, "url": f"/search?{urlencode({'q': text})}"} for text in tries],
        notices=[],
        newest=[{"title": a.title, "url": article_url(a.slug), "at": a.updated_at} for a in rows.newest(reader_for(actor), NEWEST)],
        questions=asked_in_public.newest(ASKED),
        product=product.name if (product := visit.chosen_product({})) else None,
        meta=meta("/", _("用自己的话问，查设备和平台的故障代码、操作步骤与接口说明。")),
        data=structured.site(root()),
    )
    return kept(page)


def address(article: Article, **carried: Any) -> str:
    """Where an article is read; `carried` are the words and the search that led to it."""
    return article_url(article.slug, **carried)


def products_of(article: Article) -> str | None:
    return _("、").join(product.name for product in article.products) or None


def asked(given: Mapping[str, str]) -> str:
    """The words of a search, cleaned, as long as a search may be."""
    return clean(given.get("q", "")).strip()[:LONGEST_QUERY]


def meta(path: str, description: str, indexed: bool = True) -> dict[str, str]:
    """What robots and link previews read."""
    return {"canonical": root() + path, "description": description, "robots": "" if indexed else "noindex"}


def kept(page: str) -> Response:
    response = make_response(page)
    response.headers["Cache-Control"] = KEPT
    return response


def root() -> str:
    """Under which address the outside knows us: as set, else as this request came."""
    return viewer.settings().base_url.rstrip("/") or request.url_root.rstrip("/")


def number_of(text: str | None, otherwise: int = 0) -> int:
    """A number of an address; anything else counts as `otherwise`."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else otherwise
