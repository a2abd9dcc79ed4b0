"""One article as customers read it, and what they say of it."""

import hashlib
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, make_response, redirect, render_template, request
from flask import session as cookie
from flask_babel import get_locale
from limits import parse
from markupsafe import Markup
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from app import viewer
from app.assets import asset_url
from app.core.clock import now
from app.core.db import session
from app.core.errors import NotFound
from app.core.permissions import Actor
from app.core.text import clean
from app.core.turns import in_turn
from app.core.uow import unit_of_work
from app.kb.index import current_index
from app.queries import portal as queries
from app.web import article_links, reads, structured, visit
from app.web.portal import KEPT, address, asked, meta, products_of, root
from app.web.security import limiter
from app.web.sheets import sheet_of
from knowledge import files, searching
from knowledge.access import readable_articles, reader_for
from knowledge.care import may_read_script
from knowledge.index import INSIDE_LEVELS, IndexUnavailable
from knowledge.models import Article, ArticleFeedback
from knowledge.suggest import suggest

blueprint = Blueprint("articles", __name__)
Similar = list[dict[str, str]]
SIMILAR, WEAKEST = 4, 12
SAID_AT_MOST, MISSED = 60, 300
ONCE = parse("1 per minute")
"""Verdicts of one browser on one article that are counted: of two at the same moment both come with the cookie of before."""
LONG, MINUTE = 500, 400
"""From how many characters on a text has a table of contents; how many are read in a minute."""


def init_app(flask: Flask) -> None:
    reads.init_app(flask)
    flask.register_blueprint(blueprint)


@blueprint.get("/articles/<slug>")
@viewer.public
def article_page(slug: str) -> Response:
    """One article. What was retired, or is not for this reader, is not there."""
    actor = viewer.current_actor()
    article = queries.find_readable(actor, slug)
    if article is None and (moved := article_links.present_url(actor, slug, request.query_string.decode("ascii", "replace"))):
        return make_response(redirect(moved, 301))
    if article is None or article.current is None:
        raise NotFound()
    said, q = said_about(actor, article), asked(request.args)
    reads.note_read(article, request.args.get("s", "")[:24])
    visit.note_read(article.id)
    similar = _similar(actor, article)
    tag = _etag(actor, article, said, q, similar)
    fresh = request.if_none_match.contains_weak(tag)
    response = make_response("", 304) if fresh else make_response(_page(actor, article, said, q, similar))
    response.set_etag(tag, weak=True)
    response.headers["Cache-Control"] = KEPT
    return response


def _page(actor: Actor, article: Article, said: str, q: str, similar: Similar) -> str:
    body = article.current.body if article.current else ""
    sheet = article_links.with_live_links(sheet_of(body), article_links.dead_targets(actor, body))
    minutes = round(sheet.characters / MINUTE)
    return render_template(
        "portal/article.html",
        article={
            "title": article.title,
            "url": address(article),
            "product": products_of(article),
            "releases": article.valid_for,
            "reviewed_at": article.reviewed_at,
            "reviewer": article.reviewed_by or None,
            "updated_at": article.updated_at,
            "read_minutes": minutes if minutes > 2 else None,
            "safety": Markup(sheet.safety) if article.safety and sheet.safety else None,
            "careful": article.safety and not sheet.safety,
            "html": Markup(sheet.rest if article.safety else sheet.whole),
            "internal": article.level in INSIDE_LEVELS,
            "phone_script": article.phone_script if may_read_script(actor, article) else "",
            "edit_url": f"/knowledge/{article.id}" if actor.can("article.write") else None,
        },
        contents=[{"anchor": anchor, "title": title} for anchor, title in sheet.contents] if sheet.characters > LONG else [],
        similar=similar,
        verdict=said,
        reach=queries.reach() if said == "no" else None,
        ask_url=f"/ask?{urlencode({'q': q, 'article': article.slug})}" if said == "no" else None,
        q=q,
        crumbs=crumbs(article),
        files=attached(article),
        community_url=f"/community/ask?{urlencode({'product': article.products[0].code, 'title': q})}" if article.products else None,
        meta={**meta(address(article), sheet.lead, article.level == "public"), "language": article.language},
        data=structured.article(article, sheet, root()) if article.level == "public" else None,
    )


def crumbs(article: Article) -> list[dict[str, str]]:
    """The way here from the first page: the product of which it speaks, where it is one."""
    return [{"title": p.name, "url": f"/products/{p.code}"} for p in article.products[:1]] if len(article.products) == 1 else []


def attached(article: Article) -> list[dict[str, Any]]:
    """The files that its text lists: {name, url, size}."""
    rows = files.listed(article.current)
    return [{"name": row.file.name, "url": files.address_of(row), "size": f"{max(1, row.file.size // 1024)} KB"} for row in rows]


def _similar(actor: Actor, article: Article) -> Similar:
    product = article.products[0].id if article.products else None
    try:
        hits = suggest(current_index(), article.title, reader_for(actor), product, SIMILAR + 1)
    except IndexUnavailable:
        return []
    best = max((hit.score for hit in hits), default=0.0)
    ids = [int(hit.id) for hit in hits if int(hit.id) != article.id and hit.score > best / WEAKEST][:SIMILAR]
    rows = {a.id: a for a in session().scalars(readable_articles(actor).where(Article.id.in_(ids)))}
    return [{"title": rows[i].title, "url": address(rows[i])} for i in ids if i in rows]


@blueprint.post("/articles/<slug>/verdict")
@viewer.public
@limiter.limit("30 per minute")
def verdict(slug: str) -> AnyResponse:
    """Did it help. The first word of a visitor counts."""
    actor = viewer.current_actor()
    article = queries.find_readable(actor, slug)
    if article is None:
        raise NotFound()
    solved = request.form.get("solved")
    if solved in ("0", "1") and not said_about(actor, article):
        turn = _turn(article)
        if not turn or limiter.limiter.hit(ONCE, *turn):
            try:
                with unit_of_work():
                    in_turn(actor)
                    if not said_about(actor, article):
                        searching.record_feedback(actor, article, solved == "1", request.form.get("missing", ""), asked(request.form))
            except BaseException:  # nothing was kept: the next attempt is the first
                if turn:
                    limiter.limiter.clear(ONCE, *turn)
                raise
        said: dict[str, Any] = cookie.get("said", {})
        if solved == "0":  # what was missing goes along, should they ask us now
            cookie["missed"] = [article.slug, clean(request.form.get("missing", "")).strip()[:MISSED]]
        cookie["said"] = dict([*said.items(), (str(article.id), int(solved))][-SAID_AT_MOST:])
    return redirect(f"{address(article, q=asked(request.form))}#verdict", 303)


def _turn(article: Article) -> tuple[str, ...]:
    """What a browser's word about the article is counted by: its own secret, by which alone it is known. Empty without one."""
    browser = cookie.get("csrf_token")
    return ("verdict", hashlib.sha256(browser.encode()).hexdigest()[:24], str(article.id)) if isinstance(browser, str) else ()


def said_about(actor: Actor, article: Article) -> str:
    """What this visitor already said of the article: yes, no or nothing."""
    said = cookie.get("said", {}).get(str(article.id))
    if said is None and actor.kind == "user":
        own = (ArticleFeedback.actor_kind == "user", ArticleFeedback.actor_id == actor.id)
        said = session().scalar(
            select(ArticleFeedback.helpful).where(ArticleFeedback.article_id == article.id, *own).limit(1)
        )
    return "" if said is None else ("yes" if said else "no")


def _etag(actor: Actor, article: Article, said: str, q: str, similar: Similar) -> str:
    """Everything that the page is made of; the articles beside it too, for one of them may be gone. The visitor's CSRF secret is part of it: a page kept from an earlier visit
    would carry a form that is refused now."""
    parts = [
        article.id, article.version, article.current_revision_id, str(get_locale()), actor.kind, actor.id, said, q,
        cookie.get("csrf_token"), request.cookies.get("theme"), bool(cookie.get("_flashes")),
        (now() - (article.reviewed_at or article.updated_at)).days, asset_url("own/portal.css"),
        article_links.dead_targets(actor, article.current.body if article.current else ""), similar, products_of(article),
    ]  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
