"""Filters of a page of answers: what is found under each product, category and audience, as plain links."""

from collections.abc import Mapping
from typing import Any, Protocol

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.core.catalogue import Product
from knowledge.index import LEVELS, Hits

MOST = 6
AUDIENCES = {"public": _l("所有人"), "client": _l("客户"), "agent": _l("坐席"), "supplier": _l("供应商")}


class Search(Protocol):
    """What the filters need of a search."""

    @property
    def product(self) -> Product | None: ...
    @property
    def category(self) -> str: ...
    @property
    def level(self) -> str: ...
    def address(self, **other: str) -> str: ...


def products_in(hits: Hits) -> list[int]:
    """Numbers of the products that the filters name."""
    counts = hits.facets.get("product", {})
    return [int(key) for key in sorted(counts, key=lambda k: -counts[k])[:MOST] if key.isdecimal()]


def rows(hits: Hits, wanted: Search, products: Mapping[int, tuple[str, str]], *, inside: bool) -> list[dict[str, Any]]:
    """[{label, all: {url, here}, options: [{label, count, url, here}]}]; a row of one choice is no choice and left out."""
    chosen = wanted.product
    by_product = [
        (products[number][1], hits.facets["product"][str(number)], wanted.address(product=products[number][0]),
         chosen is not None and chosen.id == number)
        for number in products_in(hits) if number in products
    ]  # fmt: skip
    by_category = [(name, n, wanted.address(category=name), name == wanted.category) for name, n in _most(hits, "category")]
    levels = hits.facets.get("level", {}) if inside else {}
    by_level = [(str(AUDIENCES[k]), levels[k], wanted.address(level=k), k == wanted.level) for k in LEVELS if levels.get(k)]
    found = [
        _row(_("产品"), by_product, wanted.address(product="")),
        _row(_("分类"), by_category, wanted.address(category="")),
        _row(_("给谁看"), by_level, wanted.address(level="")),
    ]
    return [row for row in found if len(row["options"]) > 1 or any(o["here"] for o in row["options"])]


def _most(hits: Hits, name: str) -> list[tuple[str, int]]:
    counts = hits.facets.get(name, {})
    return sorted(((key, n) for key, n in counts.items() if key and n), key=lambda pair: (-pair[1], pair[0]))[:MOST]


def _row(label: str, options: list[tuple[str, int, str, bool]], everything: str) -> dict[str, Any]:
    return {
        "label": label,
        "all": {"url": everything, "here": not any(here for *_rest, here in options)},
        "options": [{"label": text, "count": count, "url": url, "here": here} for text, count, url, here in options],
    }
