"""Hits of the index as pages of customers show them."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus

from flask_babel import gettext as _
from markupsafe import Markup

from app.answering.passages import chosen
from app.queries import portal_search as queries
from app.queries.portal_search import Listed
from app.web.sheets import sheet_of
from knowledge.analysis import fold, query_tokens, strip_question_words
from knowledge.confidence import confidence
from knowledge.highlight import pieces
from knowledge.index import INSIDE_LEVELS, Hit, Hits, Reader
from knowledge.sections import Section, sections

NAMED = 3
_HEADING = re.compile("【(.*)】")
SURE = 0.5
"""From which confidence on the best passage stands alone on top. A page that is wrong here still shows the others; the
answer service, which has one answer only, asks for more (knowledge.confidence.THRESHOLD)."""


@lru_cache(maxsize=1024)
def _quoted(value: str) -> str:
    return quote_plus(value)


def query_of(given: Mapping[str, Any]) -> str:
    """`given` as the query of an address. The links of a page carry the same words, which are quoted once."""
    return "&".join([f"{name}={_quoted(str(value))}" for name, value in given.items()])


def article_url(slug: str, **carried: Any) -> str:
    """Where an article is read; `carried` are the words and the search that led to it."""
    query = query_of({name: value for name, value in carried.items() if value})
    return f"/articles/{slug}" + (f"?{query}" if query else "")


def _products(names: list[str]) -> str | None:
    """The products by name; of many the first ones and how many there are."""
    if len(names) > NAMED:
        return _("%(products)s等 %(n)s 种产品", products=_("、").join(names[:NAMED]), n=len(names))
    return _("、").join(names) if len(names) > 1 else next(iter(names), None)


@lru_cache(maxsize=256)
def _sections(body: str) -> list[Section]:
    return sections(body)


def _lines(body: str, q: str) -> list[dict[str, Any]]:
    """The sections of an article that answer, chosen like the answer service's: what was found best need not be what is to
    be done. Empty for an article without words."""
    terms = {word: 1.0 for word in query_tokens(q).words if len(word) > 1}
    told = [(_HEADING.fullmatch(line), line) for line in chosen(_sections(body), q).splitlines()]
    return [
        {"heading": heading is not None, "words": [[piece.text, piece.hit] for piece in pieces(heading[1] if heading else line, terms)]}
        for heading, line in told
        if line.strip()
    ]


def _said_too_little(q: str) -> bool:
    """Whether one sign is all that was said beside question words: 网, a and 怎么办 find much and ask nothing."""
    return sum(map(str.isalnum, strip_question_words(fold(q)))) < 2


class Shown:
    """The hits of one answer with everything that a page needs of them, read in two statements."""

    def __init__(self, hits: Iterable[Hit], reader: Reader, more_products: Iterable[int] = ()) -> None:
        found = list(hits)
        self._rows = queries.listed([int(hit.id) for hit in found], reader)
        self.hits = [hit for hit in found if int(hit.id) in self._rows]
        self.products = queries.products({n for hit in self.hits for n in hit.product_ids} | set(more_products))

    def row(self, hit: Hit) -> Listed:
        return self._rows[int(hit.id)]

    def as_dicts(self, carried: Mapping[str, Any]) -> list[dict[str, Any]]:
        """For portal/_hits.html; `carried` goes along to the article."""
        return [self._dict(hit, carried) for hit in self.hits]

    def _dict(self, hit: Hit, carried: Mapping[str, Any]) -> dict[str, Any]:
        row = self.row(hit)
        # Whoever is about to open a machine reads the warning first, so such an article opens at its top.
        anchor = f"#{hit.anchor}" if hit.anchor and not row.safety else ""
        names = [self.products[number][1] for number in hit.product_ids if number in self.products]
        return {
            "title": row.title,
            "url": article_url(row.slug, **carried) + anchor,
            "product": _products(names),
            "passage": [[piece.text.replace(" | ", " · "), piece.hit] for piece in hit.passage],  # cells of a table
            "heading": hit.heading,
            "warning": row.safety,
            "internal": row.level in INSIDE_LEVELS,
        }

    def answer(self, hits: Hits, q: str, carried: Mapping[str, Any]) -> dict[str, Any] | None:
        """The first hit as an answer of its own, with its warning; None where it is not sure enough."""
        if not self.hits or self.hits[0] is not hits.items[0] or not self.hits[0].passage:
            return None
        if _said_too_little(q) or confidence(hits, q) < SURE:
            return None
        row = self.row(self.hits[0])
        shown = queries.shown_of(row.id)
        return {
            **self._dict(self.hits[0], carried),
            "url": article_url(row.slug, **carried),  # it says more than one place of the article
            "lines": _lines(shown.body, q),
            "slug": row.slug,
            "safety": Markup(sheet_of(shown.body).safety) if row.safety else None,
            "releases": shown.valid_for,
            "reviewed_at": shown.reviewed_at,
        }
