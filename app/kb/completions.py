"""Suggestions while somebody types, with the addresses of the articles and products among them. Says nothing where there
is no index: the search itself says that."""

from dataclasses import dataclass

from app.core.permissions import Actor
from app.kb.index import current_index
from app.queries.portal_search import listed, product_codes_of
from knowledge import completing
from knowledge.access import reader_for
from knowledge.index import IndexUnavailable


@dataclass(frozen=True)
class Suggestion:
    """Words that somebody may mean. `kind` is title, question, term or product; `slug` and `article_id` where they are an
    article's, `product` is the code where they name one."""

    text: str
    kind: str
    slug: str = ""
    article_id: int | None = None
    product: str = ""


def complete(actor: Actor, text: str, limit: int) -> list[Suggestion]:
    """Up to `limit` suggestions out of what this reader may read."""
    reader = reader_for(actor)
    try:
        found = completing.complete(current_index(), text, reader, limit)
    except IndexUnavailable:
        return []
    rows = listed([one.article_id for one in found if one.article_id is not None], reader)
    codes = product_codes_of([one.text for one in found if one.kind == "product"])
    return [
        Suggestion(one.text, one.kind, rows[one.article_id].slug if one.article_id else "", one.article_id, codes.get(one.text, ""))
        for one in found
        if one.article_id is None or one.article_id in rows
    ]
