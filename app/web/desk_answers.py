"""Answers beside a ticket: what the knowledge base says to the customer's words, ready to be inserted."""

import re
from typing import Any

from flask_babel import force_locale
from flask_babel import gettext as _

from app import viewer
from app.core.permissions import Actor
from app.kb.article_words import as_message, body_of, passage_of, readable, warnings_of, whole_lines
from app.kb.index import current_index
from app.kb.search_log import note_search
from app.queries import timeline
from app.web import desk_words as words
from knowledge import searching
from knowledge.access import reader_for
from knowledge.index import INSIDE_LEVELS, Hits, IndexUnavailable
from knowledge.models import Article
from knowledge.suggest import suggest
from workflows.models import Ticket

_CODE = re.compile(r"\b[A-Za-z]{1,4}-?\d{2,5}\b|\b\d{4,6}\b")


def answers_for(actor: Actor, ticket: Ticket, asked: str, typed: str = "") -> dict[str, Any]:
    """Three articles for the words of the ticket, or for `asked`. A search that the agent typed is remembered. `typed` is
    what stands in the composer so far: it comes first, for the agent knows more than the customer said."""
    text = asked or "\n".join(filter(None, (typed, timeline.customer_words(ticket))))
    index, reader = current_index(), reader_for(actor)
    answer: dict[str, Any] = {"query": asked, "items": [], "ask_product": False, "unavailable": "", "spoken": False}
    try:
        hits = suggest(index, text, reader, ticket.product_id)
    except IndexUnavailable:
        return answer | {"unavailable": _("知识索引正在重建，稍后再看。")}
    found = searching.with_articles(Hits(len(hits), tuple(hits)), reader)
    used, robot = timeline.used_articles(ticket), timeline.shown_by_robot(ticket)
    theirs = ticket.contact.language if ticket.contact else None
    answer["items"] = [_item(f, f.article.id in used, theirs) | {"robot": f.article.id in robot} for f in found]
    answer["spoken"] = ticket.channel == "calls"
    answer["ask_product"] = ticket.product_id is None and _names_shared_code(text, [f.article for f in found])
    if asked:
        note_search(actor, asked, Hits(len(hits), tuple(hits)), "console", ticket.product_id, reader)
    return answer


def found_for(actor: Actor, ticket: Ticket, q: str, limit: int = 6) -> list[dict[str, Any]]:
    """Articles for words that are being typed behind a slash, the ticket's product first; none while there is no index."""
    try:
        hits = suggest(current_index(), q, reader_for(actor), ticket.product_id, limit)
    except IndexUnavailable:
        return []
    used = timeline.used_articles(ticket)
    theirs = ticket.contact.language if ticket.contact else None
    found = searching.with_articles(Hits(len(hits), tuple(hits)), reader_for(actor))
    return [_item(f, f.article.id in used, theirs) for f in found]


def found_articles(actor: Actor, q: str, limit: int = 8, *, typing: bool = False) -> list[dict[str, Any]]:
    """Articles for words; none while the index cannot be used. Words that are still being typed are not remembered."""
    try:
        hits = searching.search(current_index(), actor, q, limit=limit)
    except IndexUnavailable:
        return []
    found = [_item(f, False, None) for f in searching.with_articles(hits, reader_for(actor))]
    if not typing:
        note_search(actor, q, hits, "console")
    return found


def _item(found: searching.Found, used: bool, language: str | None) -> dict[str, Any]:
    article, hit = found.article, found.hit
    inside = article.level in INSIDE_LEVELS
    passage = passage_of(article, hit)
    return {
        "id": article.id,
        "title": article.title,
        "url": f"/articles/{article.slug}",
        "product": _("、").join(p.code for p in article.products) or None,
        "heading": hit.heading if passage == hit.passage_text else "",
        "passage": [[piece.text, piece.hit] for piece in hit.passage] if passage == hit.passage_text else [[passage, False]],
        "text": "" if inside else sendable_text(article, passage, language),
        "link": "" if inside else link_text(article, language),
        "card": article.level == "public",
        "script": article.phone_script,
        "warning": article.safety,
        "audience": str(words.AUDIENCES[article.level]) if inside else "",
        "used": used,
    }


def address(article: Article) -> str:
    """Where a reader finds it."""
    return f"{viewer.settings().site_url}/articles/{article.slug}"


def link_text(article: Article, language: str | None = None) -> str:
    """The link alone with its title; what the article warns of comes along whatever is left out."""
    with force_locale(language or "zh"):
        return "\n\n".join([*_warnings(article, ""), f"{article.title}\n{address(article)}"]) + "\n"


def _warnings(article: Article, words_: str) -> list[str]:
    body = body_of(article)
    return [_("安全警示：%(text)s", text=as_message(body, said)) for said in warnings_of(article) if said not in words_]


def sendable_text(article: Article, passage: str, language: str | None = None) -> str:
    """What is inserted: the passage, before it the safety warning of the article, and where the whole can be read.

    Our own words are in the customer's language, not in that of the one who inserts them.
    """
    with force_locale(language or "zh"):
        return _sendable(article, passage)


def _sendable(article: Article, passage: str) -> str:
    parts = [*_warnings(article, whole_lines(body_of(article), passage)), readable(article, passage)]
    if article.level == "public":
        parts.append(_("全文：%(title)s %(url)s", title=article.title, url=address(article)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _names_shared_code(text: str, articles: list[Article]) -> bool:
    """Whether a code in the customer's words stands in articles of different products: the product must be asked for."""
    for code in {found.group().upper().replace("-", "") for found in _CODE.finditer(text)}:
        products = [{p.id for p in a.products} for a in articles if code in a.title.upper().replace("-", "") and a.products]
        if len(products) > 1 and not set.intersection(*products):
            return True
    return False
