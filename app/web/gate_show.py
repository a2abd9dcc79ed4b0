"""What the page of a release says of each document and test question: app/web/knowledge_releases.py shows it."""

from typing import Any
from urllib.parse import urlencode

from flask_babel import get_locale
from flask_babel import gettext as _

from app.core.permissions import Actor
from app.core.text import unpack
from app.kb import told
from app.web.knowledge import KIND_WORDS, STATE_WORDS
from knowledge import gate
from knowledge.from_template import find_template
from knowledge.gate_check import NOT_REVIEWED, Document, Tested
from knowledge.gate_models import ReleaseGate
from knowledge.models import Article


def _named(article: Article, known: set[int] | None) -> dict[str, str]:
    """The title and where it leads; of what the platform has not shown to this supplier, only that it is there."""
    if known is not None and article.id not in known:
        return {"title": _("平台在写的一篇"), "url": ""}
    return {"title": article.title, "url": f"/knowledge/{article.id}"}


def document_row(
    actor: Actor, document: Document, url: str, known: set[int] | None, product_id: int, gate_row: ReleaseGate | None
) -> dict[str, Any]:
    """One required document: what stands for it, what is missing, and what this reader can do about it."""
    article, requirement = document.article, document.requirement
    lacks = article is not None and article.state == "published" and not document.ok
    reviews = lacks and gate.may_override(actor)
    # Who writes for a supplier cannot review: they ask for it.
    asks = not reviews and document.missing == (NOT_REVIEWED,) and article is not None and known is not None and article.id in known
    return {
        "code": requirement.code,
        "name": _(requirement.name),
        "kinds": [str(KIND_WORDS[kind]) for kind in requirement.kinds if kind in KIND_WORDS],
        "article": {"id": article.id, **_named(article, known), "state": article.state, "state_label": str(STATE_WORDS[article.state])}
        if article
        else None,
        "chosen": document.chosen,
        "ok": document.ok,
        "missing": [unpack(words, _) for words in document.missing],
        "choose_url": f"{url}/documents/{requirement.code}",
        "review_url": f"{url}/documents/{requirement.code}/review" if reviews else None,
        "words": _("、").join(f"「{word}」" for word in requirement.words),
        "write_url": _write_url(document, product_id) if article is None else None,
        "ask_url": f"{url}/documents/{requirement.code}/ask" if asks else None,
        "asked": asks and article is not None and gate_row is not None and told.review_asked(gate_row, article),
    }


def _write_url(document: Document, product_id: int) -> str:
    """The form with what this document must be: its product, its kind, and how that kind begins."""
    kind = document.requirement.kinds[0]
    template = None if document.requirement.words else find_template(kind, str(get_locale() or "zh")[:2])
    begins = {"template": kind} if template is not None else {"kind": kind}
    return "/knowledge/new?" + urlencode({"product": product_id, **begins})


def query_row(tested: Tested, url: str, known: set[int] | None) -> dict[str, Any]:
    """One test question with the place where its article stands."""
    query = tested.query
    return {
        "id": query.id,
        "text": query.text,
        "client": query.client,
        "article": _named(query.article, known) if query.article else None,
        "rank": tested.rank,
        "ok": tested.ok,
        "missing": [unpack(words, _) for words in tested.missing],
        "search_url": f"/search?{urlencode({'q': query.text})}",
        "remove_url": f"{url}/queries/{query.id}/remove",
    }
