"""/products/<code>: everything about one product: a search of its own, what is used and what is new, and questions."""

from collections import defaultdict
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, redirect, render_template
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core.errors import NotFound
from app.queries import community
from app.queries import portal_products as queries
from app.web import release_notes, structured
from app.web.community import writer
from app.web.hits import article_url
from app.web.portal import kept, meta, root
from knowledge.index import INSIDE_LEVELS

blueprint = Blueprint("products", __name__)
HOT, RECENT, ASKED, MANY = 5, 5, 5, 8


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/products/<code>")
@viewer.public
def page(code: str) -> Response:
    """One product. Its address is its code as it is written in the catalogue."""
    product = queries.find(code[:80])
    if product is None:
        raise NotFound()
    path = f"/products/{product.code}"
    if code != product.code:
        return redirect(path, 301)
    found = queries.lines(viewer.current_actor(), product)
    by_category: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in found:
        by_category[line.category].append(_line(line))
    recent = sorted(found, key=lambda line: line.updated_at, reverse=True)[:RECENT]
    indexed = any(line.level == "public" for line in found)
    data = {"@context": "https://schema.org", **structured.crumbs(root(), [(_("首页"), "/"), (product.name, path)])}
    return kept(
        render_template(
            "portal/product.html",
            product={"code": product.code, "name": product.name, "label": product.label, "category": product.category,
                     "supplier": product.supplier.label if product.supplier else None},
            hot=[_line(line) for line in found[:HOT]] if len(found) > MANY else [],
            recent=[_line(line) for line in recent] if len(found) > MANY else [],
            groups=[{"name": name, "articles": rows} for name, rows in sorted(by_category.items(), key=lambda pair: (not pair[0], pair[0]))],
            total=len(found),
            releases=release_notes.of_product(writer(), product),
            questions=community.newest(ASKED, product.id),
            questions_url=f"/community?{urlencode({'product': product.code})}",
            ask_community_url=f"/community/ask?{urlencode({'product': product.code})}",
            ask_url=f"/ask?{urlencode({'product': product.code})}",
            meta=meta(path, _("%(product)s 的故障代码、操作步骤、接口说明与大家问过的问题。", product=product.label), indexed),
            data=data,
        )
    )  # fmt: skip


def _line(line: queries.Line) -> dict[str, Any]:
    return {"title": line.title, "url": article_url(line.slug), "at": line.updated_at, "warning": line.safety,
            "internal": line.level in INSIDE_LEVELS}  # fmt: skip
