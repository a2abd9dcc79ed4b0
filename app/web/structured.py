"""What search engines read of a page beside its words: schema.org as JSON-LD. Templates write it as a data block, which
the CSP lets stand, because nothing in it runs."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flask_babel import gettext as _

from app.web.sheets import Sheet
from knowledge.community_models import Answer, Question
from knowledge.models import Article

_ITEM = re.compile(r"<li>(.*?)</li>", re.DOTALL)
_STEPS = re.compile(r"<ol[^>]*>(.*?)</ol>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
LONGEST, STEPS = 1500, 20


def site(root: str) -> dict[str, Any]:
    """The house and its search."""
    action = {"@type": "SearchAction", "target": f"{root}/search?q={{q}}", "query-input": "required name=q"}
    return {"@context": "https://schema.org", "@type": "WebSite", "url": f"{root}/", "name": _("回音"), "potentialAction": action}


def crumbs(root: str, way: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """(name, path) from the first page to this one."""
    items = [
        {"@type": "ListItem", "position": place, "name": name, "item": root + path} for place, (name, path) in enumerate(way, 1)
    ]
    return {"@type": "BreadcrumbList", "itemListElement": items}


def article(row: Article, sheet: Sheet, root: str) -> dict[str, Any]:
    """A guide with steps as HowTo, an article with questions as FAQPage, any other as TechArticle; and the way to it."""
    path = f"/articles/{row.slug}"
    way = [(_("首页"), "/"), *((p.name, f"/products/{p.code}") for p in row.products[:1]), (row.title, path)]
    shown = {"url": root + path, "inLanguage": "en" if row.language == "en" else "zh-CN", "dateModified": _moment(row.updated_at)}
    steps = _steps(sheet.whole) if row.kind in ("howto", "fault") else []
    questions = row.current.questions if row.current else []
    main: dict[str, Any]
    if len(steps) > 1:
        main = {"@type": "HowTo", "name": row.title, "description": sheet.lead,
                "step": [{"@type": "HowToStep", "position": n, "text": text} for n, text in enumerate(steps, 1)]}  # fmt: skip
    elif questions:
        answer = {"@type": "Answer", "text": _words(sheet.whole)[:LONGEST]}
        main = {"@type": "FAQPage", "mainEntity": [{"@type": "Question", "name": q, "acceptedAnswer": answer} for q in questions[:5]]}
    else:
        main = {"@type": "TechArticle", "headline": row.title[:110], "description": sheet.lead}
    return {"@context": "https://schema.org", "@graph": [{**main, **shown}, crumbs(root, way)]}


def question(row: Question, answers: Sequence[Answer], root: str) -> dict[str, Any]:
    """A public question with what was answered."""
    url = f"{root}/community/{row.id}"
    said = [
        (a.id == row.accepted_answer_id, {"@type": "Answer", "text": a.body[:LONGEST], "upvoteCount": a.vote_count, "dateCreated": _moment(a.created_at),
         "url": f"{url}#a{a.id}", "author": {"@type": "Person", "name": a.author_name}})
        for a in answers
    ]  # fmt: skip
    main = {
        "@type": "Question", "name": row.title, "text": row.body or row.title, "answerCount": len(said), "upvoteCount": row.vote_count,
        "dateCreated": _moment(row.created_at), "author": {"@type": "Person", "name": row.author_name},
        **({"acceptedAnswer": found} if (found := next((a for best, a in said if best), None)) else {}),
        "suggestedAnswer": [a for best, a in said if not best],
    }  # fmt: skip
    way = [(_("首页"), "/"), (row.product.name, f"/products/{row.product.code}"), (row.title, f"/community/{row.id}")]
    return {"@context": "https://schema.org", "@graph": [{"@type": "QAPage", "mainEntity": main}, crumbs(root, way)]}


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _steps(html: str) -> list[str]:
    found = _STEPS.search(html)
    return [words for item in _ITEM.findall(found[1]) if (words := _words(item))][:STEPS] if found else []


def _words(html: str) -> str:
    text = _TAG.sub(" ", html).replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
    return " ".join(text.split())
