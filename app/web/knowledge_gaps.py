"""/knowledge/gaps: what was asked without an answer, gathered by meaning; taken, answered, and seen found."""

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import viewer
from app.core.db import session
from app.core.errors import DeskError, NotFound
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.kb.asked import retest
from app.kb.index import current_index
from app.queries import gaps as queries
from app.web.desk_words import channel_word
from app.web.errors import words_of
from app.web.portal import number_of
from app.web.written import name_of
from knowledge.access import editable_articles, reader_for
from knowledge.index import IndexUnavailable, Query
from knowledge.loop import closing
from knowledge.loop.misses import KINDS, TICKET, UNHELPFUL, UNOPENED, ZERO
from knowledge.loop_models import DONE, GAP_STATES, IGNORED, OPEN, TAKEN, KnowledgeGap
from knowledge.models import Article

blueprint = Blueprint("knowledge_gaps", __name__, url_prefix="/knowledge/gaps")
ONE = "/<int(max=2147483647):gap_id>"
CANDIDATES = 5
STATE_WORDS = {OPEN: _l("没人认领"), TAKEN: _l("有人在写"), DONE: _l("已搜得到"), IGNORED: _l("不处理")}
KIND_WORDS = {ZERO: _l("搜不到"), UNHELPFUL: _l("看了没解决"), TICKET: _l("工单没用上知识"), UNOPENED: _l("搜到没打开")}
OUTCOMES = {
    "published": _l("已链接，问法加进去并发布了。几秒后重新搜一遍。"),
    "review": _l("已链接，问法加进草稿并提交审核。发布后会重新搜一遍。"),
    "draft": _l("已链接，问法加进了草稿。发布后会重新搜一遍。"),
    "same": _l("已链接，它本来就有这些问法。"),
}


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.needs("gap.work")
def gaps() -> str:
    """The queue: what weighs most comes first."""
    actor, args = viewer.current_actor(), request.args
    state = args.get("state", "") if args.get("state") in GAP_STATES else ""
    kind = args.get("kind", "") if args.get("kind") in KINDS else ""
    q, cursor, mine = clean(args.get("q", "")).strip()[:100], args.get("cursor", "")[:30], args.get("mine") == "1"
    product, channel = number_of(args.get("product")), clean(args.get("channel", ""))[:20]
    found = queries.gap_page(
        actor, state=state, q=q, product_id=product or None, channel=channel, kind=kind, mine=mine, cursor=cursor
    )
    given = {"state": state, "kind": kind, "q": q, "product": product, "channel": channel, "mine": "1" if mine else ""}
    given = {name: value for name, value in given.items() if value}
    return render_template(
        "knowledge/gaps.html",
        here="knowledge",
        q=q,
        state=state,
        tabs=_tabs(found.counts, state, given),
        selects=[
            {"name": "kind", "label": _("怎么落空的"), "value": kind, "options": [{"value": k, "label": str(w)} for k, w in KIND_WORDS.items()]},
            {"name": "product", "label": _("全部产品"), "value": product or "", "options": [{"value": p.id, "label": p.label} for p in queries.products()]},
            {"name": "channel", "label": _("所有渠道"), "value": channel, "options": [{"value": c, "label": _channel(c)} for c in queries.channels()]},
            {"name": "mine", "label": _("谁的都看"), "value": "1" if mine else "", "options": [{"value": "1", "label": _("我认领的")}]},
        ],
        filtered=bool(set(given) - {"state"}),
        gaps=[_row(gap) for gap in found.gaps],
        page={
            "next": "/knowledge/gaps?" + urlencode({**given, "cursor": found.next}) if found.next else None,
            "first": "/knowledge/gaps?" + urlencode(given) if cursor else None,
            "shown": len(found.gaps),
        },
    )  # fmt: skip


def _tabs(counts: dict[str, int], state: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    labels = {"": _("要处理的"), **{s: str(STATE_WORDS[s]) for s in GAP_STATES}}
    numbers = {"": counts[OPEN] + counts[TAKEN], **counts}
    return [
        {"key": key, "label": label, "url": "/knowledge/gaps?" + urlencode({**given, "state": key}), "count": numbers[key], "here": key == state}
        for key, label in labels.items()
    ]


def _channel(name: str) -> str:
    own = {"portal": _("门户"), "console": _("坐席台"), "api": _("接口")}
    return own.get(name) or channel_word(name)


def _row(gap: KnowledgeGap) -> dict[str, Any]:
    others = [e for e in gap.examples if e.text != gap.query]
    return {
        "id": gap.id,
        "url": f"/knowledge/gaps/{gap.id}",
        "query": gap.query,
        "state": gap.state,
        "state_label": str(STATE_WORDS[gap.state]),
        "count": gap.count,
        "kinds": [
            {"label": str(KIND_WORDS[kind]), "n": n, "tone": "bad" if kind in (ZERO, UNHELPFUL) else "warn"}
            for kind, n in ((ZERO, gap.zero), (UNHELPFUL, gap.unhelpful), (TICKET, gap.tickets), (UNOPENED, gap.unopened))
            if n
        ],
        "product": gap.product.label if gap.product else None,
        "channels": sorted({_channel(e.channel) for e in gap.examples}),
        "examples": [e.text for e in others[:3]],
        "more": max(0, len(others) - 3),
        "last_at": gap.last_at,
        "first_at": gap.first_at,
        "owner": gap.owner.label if gap.owner else None,
        "article": {"title": gap.article.title, "url": f"/knowledge/{gap.article.id}"} if gap.article else None,
        "reopened": gap.reopened,
        "reason": gap.reason,
    }


@blueprint.get(ONE)
@viewer.needs("gap.work")
def gap(gap_id: int) -> str:
    """One question: its words, what is found now, and what can be done."""
    actor = viewer.current_actor()
    found = closing.access_gap(actor, gap_id)
    q = clean(request.args.get("q", "")).strip()[:200] or found.query.replace("＊", " ")
    unfinished = found.state in (OPEN, TAKEN)
    return render_template(
        "knowledge/gap.html",
        here="knowledge",
        gap=_row(found) | {"version": found.version, "closed_at": found.closed_at, "closed_by": name_of(found.closed_by), "level": found.level},
        mine=found.owner_id == actor.id,
        unfinished=unfinished,
        examples=[
            {
                "text": e.text, "count": e.count, "channel": _channel(e.channel), "kind": str(KIND_WORDS[e.kind]), "last_at": e.last_at,
                "search_url": f"/search?{urlencode({'q': e.text.replace('＊', ' ')})}",
            }
            for e in found.examples
        ],
        trials=[t | {"found": t["rank"] is not None and t["rank"] <= closing.FOUND_AT} for t in found.result],
        tested_at=found.tested_at,
        found_at=closing.FOUND_AT,
        q=q,
        candidates=_candidates(actor, q) if unfinished else [],
        top={"title": found.top_article.title, "url": f"/knowledge/{found.top_article.id}"} if found.top_article else None,
        hidden=_hidden(found),
    )  # fmt: skip


def _candidates(actor: Actor, q: str) -> list[dict[str, Any]]:
    """Articles that may be the answer already: the best for the words, that this editor may change."""
    try:
        hits = current_index().search(Query(q[:300], reader_for(actor), limit=CANDIDATES, passages=False))
    except IndexUnavailable:
        return []
    ids = [int(hit.id) for hit in hits]
    rows = {a.id: a for a in session().scalars(editable_articles(actor).where(Article.id.in_(ids)))}
    return [
        {"id": i, "title": rows[i].title, "url": f"/knowledge/{i}", "products": [p.label for p in rows[i].products]} for i in ids if i in rows
    ]


def _hidden(gap: KnowledgeGap) -> bool:
    """Whether those who asked may not read the article that is to answer them."""
    return gap.article is not None and gap.article.level not in closing.reader_of(gap).levels


@blueprint.post(f"{ONE}/steps/<name>")
@viewer.needs("gap.work")
def step(gap_id: int, name: str) -> Response:
    """take, release, write, link, test, close, ignore, reopen: on the version that the person looked at."""
    actor, here = viewer.current_actor(), f"/knowledge/gaps/{gap_id}"
    if name not in STEPS:
        raise NotFound()
    closing.access_gap(actor, gap_id)
    try:
        if name == "test":
            return _test(gap_id, here)
        with unit_of_work():
            onward = STEPS[name](actor, closing.access_gap(actor, gap_id), number_of(request.form.get("version")) or None)
    except NotFound:
        raise
    except DeskError as problem:
        session().rollback()
        flash(words_of(problem), "bad")
        return redirect(here, 303)
    return redirect(onward or here, 303)


def _test(gap_id: int, here: str) -> Response:
    closing.check_linked(session().get_one(KnowledgeGap, gap_id))
    found = retest([gap_id], unit_of_work)
    flash(_("搜得到了。") if found else _("还搜不到，结果在下面。"), "good" if found else "warn")
    return redirect(here, 303)


def _take(actor: Actor, gap: KnowledgeGap, version: int | None) -> None:
    closing.take(actor, gap, version)
    flash(_("已认领，同事看得到是你在写。"), "good")


def _release(actor: Actor, gap: KnowledgeGap, version: int | None) -> None:
    closing.release(actor, gap, version)
    flash(_("已放回，谁都可以认领。"), "good")


def _write(actor: Actor, gap: KnowledgeGap, version: int | None) -> str:
    article = closing.write_article(actor, gap, version)
    flash(_("草稿已备好：标题、问法和产品都填上了。发布后会自动重新搜一遍。"), "good")
    return f"/knowledge/{article.id}/edit"


def _link(actor: Actor, gap: KnowledgeGap, version: int | None) -> None:
    outcome = closing.link_article(actor, gap, number_of(request.form.get("article")), version)
    flash(str(OUTCOMES.get(outcome, OUTCOMES["draft"])), "good")


def _close(actor: Actor, gap: KnowledgeGap, version: int | None) -> None:
    closing.close(actor, gap, request.form.get("reason", ""), version)
    flash(_("已关闭。再有人这样问又落空，它会回来。"), "good")


def _ignore(actor: Actor, gap: KnowledgeGap, version: int | None) -> None:
    closing.ignore(actor, gap, request.form.get("reason", ""), version)
    flash(_("不再提示这个问题，原因已记下。"), "good")


def _reopen(actor: Actor, gap: KnowledgeGap, version: int | None) -> None:
    closing.reopen(actor, gap, request.form.get("reason", ""), version)
    flash(_("已重新打开。"), "good")


STEPS: dict[str, Any] = {
    "take": _take, "release": _release, "write": _write, "link": _link, "close": _close, "ignore": _ignore, "reopen": _reopen, "test": None,
}  # fmt: skip
