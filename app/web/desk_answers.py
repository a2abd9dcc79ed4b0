"""Answers beside a ticket: what the knowledge base says to the customer's words, ready to be inserted."""

import re
from typing import Any

from flask_babel import force_locale
from flask_babel import gettext as _

from app import viewer
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.queries import timeline
from app.search_index import current_index
from app.web import desk_words as words
from knowledge import searching
from knowledge.access import reader_for
from knowledge.index import INSIDE_LEVELS, Hits, IndexUnavailable
from knowledge.markdown import passages, plain
from knowledge.models import Article
from knowledge.suggest import suggest
from workflows.models import Ticket

_CODE = re.compile(r"\b[A-Za-z]{1,4}-?\d{2,5}\b|\b\d{4,6}\b")
_SAFETY = re.compile(r"^:::\s*(?:warning|danger)[^\n]*\n(.*?)^:::\s*$", re.DOTALL | re.MULTILINE)


def answers_for(actor: Actor, ticket: Ticket, asked: str) -> dict[str, Any]:
    """Three articles for the words of the ticket, or for `asked`. A search that the agent typed is remembered."""
    text = asked or timeline.customer_words(ticket)
    index, reader = current_index(), reader_for(actor)
    answer: dict[str, Any] = {"query": asked, "items": [], "ask_product": False, "unavailable": ""}
    try:
        hits = suggest(index, text, reader, ticket.product_id)
    except IndexUnavailable:
        return answer | {"unavailable": _("知识索引正在重建，稍后再看。")}
    found = searching.with_articles(Hits(len(hits), tuple(hits)), reader)
    used = timeline.used_articles(ticket)
    theirs = ticket.contact.language if ticket.contact else None
    answer["items"] = [_item(f, f.article.id in used, theirs) for f in found]
    answer["ask_product"] = ticket.product_id is None and _names_shared_code(text, [f.article for f in found])
    if asked:
        with unit_of_work():
            searching.log_search(actor, asked, Hits(len(hits), tuple(hits)), "console", ticket.product_id, reader)
    return answer


def found_articles(actor: Actor, q: str, limit: int = 8, *, typing: bool = False) -> list[dict[str, Any]]:
    """Articles for words; none while the index cannot be used. Words that are still being typed are not remembered."""
    try:
        hits = searching.search(current_index(), actor, q, limit=limit)
    except IndexUnavailable:
        return []
    found = [_item(f, False, None) for f in searching.with_articles(hits, reader_for(actor))]
    if not typing:
        with unit_of_work():
            searching.log_search(actor, q, hits, "console")
    return found


def _item(found: searching.Found, used: bool, language: str | None) -> dict[str, Any]:
    article, hit = found.article, found.hit
    inside = article.level in INSIDE_LEVELS
    return {
        "id": article.id,
        "title": article.title,
        "url": f"/articles/{article.slug}",
        "product": _("、").join(p.code for p in article.products) or None,
        "heading": hit.heading,
        "passage": [[piece.text, piece.hit] for piece in hit.passage],
        "text": "" if inside else sendable_text(article, hit.passage_text, language),
        "warning": article.safety,
        "audience": str(words.AUDIENCES[article.level]) if inside else "",
        "used": used,
    }


def sendable_text(article: Article, passage: str, language: str | None = None) -> str:
    """What is inserted: the passage, before it the safety warning of the article, and where the whole can be read.

    Our own words are in the customer's language, not in that of the one who inserts them.
    """
    with force_locale(language or "zh"):
        return _sendable(article, passage)


def _sendable(article: Article, passage: str) -> str:
    parts = []
    body = article.current.body if article.current else ""
    passage = _whole_lines(body, passage)
    for warning in _SAFETY.findall(body) if article.safety else []:
        said = plain(warning).strip()
        if said and said not in passage:
            parts.append(_("安全警示：%(text)s", text=said))
    parts.append("\n".join(_as_sentence(line) for line in passage.strip().splitlines()))
    if article.level == "public":
        parts.append(_("全文：%(title)s %(url)s", title=article.title, url=f"{viewer.settings().site_url}/articles/{article.slug}"))
    return "\n\n".join(part for part in parts if part) + "\n"


def _whole_lines(body: str, passage: str) -> str:
    """The paragraphs and steps of the article that the passage shows a part of: half a sentence is no instruction."""
    shown = passage.strip().strip("…").strip()
    for stretch in passages(body):
        begin = stretch.text.find(shown) if shown else -1
        if begin >= 0:
            end = stretch.text.find("\n", begin + len(shown))
            return stretch.text[stretch.text.rfind("\n", 0, begin) + 1 : end if end >= 0 else None]
    return passage


def _as_sentence(line: str) -> str:
    """A row of a table, whose cells the passage joins with bars, as a customer can read it in a message."""
    head, bar, rest = line.partition(" | ")
    return f"{head}：{rest.replace(' | ', '；')}" if bar else line  # data


def _names_shared_code(text: str, articles: list[Article]) -> bool:
    """Whether a code in the customer's words stands in articles of different products: the product must be asked for."""
    for code in {found.group().upper().replace("-", "") for found in _CODE.finditer(text)}:
        products = [{p.id for p in a.products} for a in articles if code in a.title.upper().replace("-", "") and a.products]
        if len(products) > 1 and not set.intersection(*products):
            return True
    return False
