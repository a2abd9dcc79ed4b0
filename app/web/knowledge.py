"""/knowledge: articles by state, the questions without an answer, and one article with its versions and steps."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from werkzeug.wrappers import Response

from app import viewer
from app.core.clock import now
from app.core.directory.access import circle
from app.core.errors import NotFound, Refused
from app.core.permissions import Actor
from app.kb.index import current_index
from app.queries import knowledge as queries
from app.queries.gaps import gap_page
from app.web import loop_show
from app.web.acting import act_and_show
from app.web.editing_show import editing_facts
from app.web.knowledge_files import attachments
from app.web.portal import number_of
from app.web.sheets import sheet_of
from app.web.written import name_of, note_of
from knowledge import lifecycle, reviewing
from knowledge.access import access_article, access_editable, may_edit, reader_for
from knowledge.care import may_read_script
from knowledge.from_template import left_over
from knowledge.index import LEVELS, IndexUnavailable, Query
from knowledge.loop import flags
from knowledge.loop_models import MARKS, KnowledgeGap
from knowledge.models import STATES, Article, Revision
from knowledge.service import restore_revision

blueprint = Blueprint("knowledge", __name__, url_prefix="/knowledge")
ONE = "/<int(max=2147483647):article_id>"
GAPS, RANKED, MOST_RANKED = 12, 10, 12
SETTLES = timedelta(seconds=20)
"""How long after publishing the index may still be written."""

STATE_WORDS = {"draft": _l("草稿"), "review": _l("待审核"), "published": _l("已发布"), "retired": _l("已下架")}
MARK_WORDS = {"due": _l("待复核"), "planned": _l("已排定")}
LEVEL_WORDS = {"public": _l("所有人"), "client": _l("客户"), "agent": _l("坐席"), "supplier": _l("供应商")}
KIND_WORDS = {
    "howto": _l("操作指南"),
    "fault": _l("故障代码"),
    "faq": _l("问答"),
    "api": _l("接口说明"),
    "release": _l("发布说明"),
    "wizard": _l("诊断向导"),
    "internal": _l("内部资料"),
}
STEP_WORDS = {"submit": _l("送审"), "return": _l("退回作者"), "publish": _l("发布"), "retire": _l("下架")}
DONE_WORDS = {
    "submit": _l("已提交，等知识编辑审核。"),
    "return": _l("已退回，作者会看到原因。"),
    "publish": _l("已发布，几秒后就能搜到。"),
    "retire": _l("已下架，读者看不到了。"),
}


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.needs_one_of("article.read", "article.write")
def articles() -> str:
    """The list, and beside it what was asked without an answer."""
    actor, args = viewer.current_actor(), request.args
    writes = actor.can("article.write")
    state = args.get("state", "") if args.get("state") in (*STATES, *(MARK_WORDS if writes else ())) else ""
    level = args.get("level", "") if args.get("level") in LEVELS else ""
    product, q, cursor = number_of(args.get("product")), args.get("q", "").strip()[:200], args.get("cursor", "")
    health = args.get("health", "") if writes and args.get("health") in (*MARKS, "sick") else ""
    found = queries.article_page(actor, state=state, q=q, product_id=product or None, level=level, health=health, cursor=cursor)
    given = {k: v for k, v in {"state": state, "q": q, "product": product or "", "level": level, "health": health}.items() if v}
    # How another supplier's article fares, and that something new is on its way, is not theirs to know.
    inside = {article.id for article in found.articles} if circle(actor) != "supplier" else found.own
    said = reviewing.standings([a.id for a in found.articles if a.id in found.own]) if writes else {}
    marks = loop_show.marks_of(a for a in found.articles if a.id in found.own) if writes else {}
    levels = [{"value": name, "label": str(LEVEL_WORDS[name])} for name in reader_for(actor).levels]
    products = [{"value": p.id, "label": p.name} for p in queries.product_choices(actor)]
    shows_gaps = actor.can("gap.work") and circle(actor) == "staff"
    open_flags, late_flags = flags.waiting(actor) if writes and actor.can("article.read") else (0, 0)
    return render_template(
        "knowledge/list.html",
        here="knowledge",
        q=q,
        state=state,
        tabs=_tabs(state, found.counts, found.marks, given) if writes else [],
        selects=[
            {"name": "product", "label": _("全部产品"), "value": product or "", "options": products},
            {"name": "level", "label": _("给谁看"), "value": level, "options": levels},
            *([{"name": "health", "label": _("不论好坏"), "value": health, "options": loop_show.choices()}] if writes else []),
        ],
        articles=[
            _row(a, a.id in found.due, *said.get(a.id, (0, False))) | {"marks": marks.get(a.id, [])} | ({} if a.id in inside else {"pending": False}) for a in found.articles
        ],
        page={
            "next": "/knowledge?" + urlencode({**given, "cursor": found.next}) if found.next else None,
            "first": "/knowledge?" + urlencode(given) if cursor else None,
            "shown": len(found.articles),
        },
        gaps=[_gap(gap) for gap in gap_page(actor, limit=GAPS).gaps] if shows_gaps else None,
        can_write=writes,
        import_hint=shows_gaps,
        open_flags=open_flags,
        late_flags=late_flags,
        new_url="/knowledge/new" if writes else None,
    )


def _tabs(state: str, counts: dict[str, int], marks: dict[str, int], given: dict[str, Any]) -> list[dict[str, Any]]:
    """All, then the states in the order in which an editor cares about them, and what waits for its day."""
    labels = {"": _("全部"), **{s: str(STATE_WORDS[s]) for s in ("published", "review", "draft", "retired")}}
    labels |= {mark: str(words) for mark, words in MARK_WORDS.items() if marks[mark] or mark == state}
    numbers = {"": sum(counts.values()), **counts, **marks}
    return [
        {
            "key": key,
            "label": label,
            "url": "/knowledge?" + urlencode({**given, "state": key}),
            "count": numbers[key],
            "here": key == state,
            "tone": "warn" if key in ("review", "due") else "",
        }
        for key, label in labels.items()
    ]


def _row(article: Article, due: bool, said: int = 0, returned: bool = False) -> dict[str, Any]:
    return {
        "id": article.id,
        "url": f"/knowledge/{article.id}",
        "title": article.title,
        "state": article.state,
        "state_label": str(STATE_WORDS[article.state]),
        "said": said,
        "returned": returned and article.state == "draft",
        "pending": article.state == "published" and article.draft_revision_id is not None,
        "products": [product.name for product in article.products],
        "level_label": str(LEVEL_WORDS[article.level]),
        "reviewed_at": article.reviewed_at,
        "updated_at": article.updated_at,
        "views": article.view_count,
        "helpful": article.helpful_count,
        "unhelpful": article.unhelpful_count,
        "stale": due,
        "safety": article.safety,
    }


def _gap(gap: KnowledgeGap) -> dict[str, Any]:
    return {
        "query": gap.query,
        "count": gap.count,
        "zero": gap.zero,
        "last_at": gap.last_at,
        "owner": gap.owner.label if gap.owner else None,
        "url": f"/knowledge/gaps/{gap.id}",
    }


@blueprint.get(ONE)
@viewer.needs_one_of("article.read", "article.write")
def article(article_id: int) -> str:
    """One article as its readers see it, or one of its other versions."""
    actor = viewer.current_actor()
    found = access_article(actor, article_id)
    edits = may_edit(actor, found)
    revisions = queries.revisions_of(found) if edits else [r for r in (found.current,) if r]
    shown = _shown(found, revisions)
    url = f"/knowledge/{found.id}"
    both = edits and found.current_revision_id is not None and found.draft_revision_id is not None
    published = found.state == "published"
    old = edits and shown.id not in (found.current_revision_id, found.draft_revision_id)
    return render_template(
        "knowledge/article.html",
        here="knowledge",
        article=_facts(actor, found, shown),
        html=Markup(sheet_of(shown.body).whole),
        files=attachments(shown),
        work=editing_facts(actor, found) | ({"may_plan": False} if old else {}),
        shown="current" if shown.id == found.current_revision_id else "draft" if shown.id == found.draft_revision_id else "",
        draft_url=f"{url}?revision={found.draft.number}" if both and found.draft else None,
        current_url=f"{url}?revision={found.current.number}" if both and found.current else None,
        steps=[] if old else _steps(actor, found),  # on an old version they would be about another text
        samples=left_over(shown.body) if edits and shown.id == found.draft_revision_id else 0,
        edit_url=f"{url}/edit" if edits else None,
        changes_url=_changes_url(found, revisions, shown) if edits else None,
        restore={"url": f"{url}/restore", "number": shown.number} if old else None,
        revisions=[
            {
                "number": r.number,
                "author": name_of(r.author),
                "at": r.created_at,
                "comment": note_of(r.comment),
                "here": r.id == shown.id,
                "published": published and r.id == found.current_revision_id,
                "url": f"{url}?revision={r.number}",
            }
            for r in revisions
        ],
        ranks=_ranks(actor, found) if published else [],
        loop_=loop_show.article_facts(actor, found),
        feedback=[{"words": f.words, "at": f.at} for f in queries.missed(found)] if edits else [],
    )


def _shown(article: Article, revisions: list[Revision]) -> Revision:
    """The revision that was asked for; else what readers see; else the newest."""
    wanted = number_of(request.args.get("revision"))
    found = next((r for r in revisions if r.number == wanted), None)
    chosen = found or article.current or (revisions[0] if revisions else None)
    if chosen is None or (wanted and found is None):
        raise NotFound()
    return chosen


def _changes_url(article: Article, revisions: list[Revision], shown: Revision) -> str | None:
    """Where the shown version can be compared: with what readers see, else with the one before it."""
    other = article.current if article.current is not None and article.current.id != shown.id else None
    if other is None:
        other = next((r for r in revisions if r.number < shown.number), None)
    if other is None:
        return None
    first, second = sorted((other.number, shown.number))
    return f"/knowledge/{article.id}/changes?" + urlencode({"from": first, "to": second})


def _facts(actor: Actor, article: Article, shown: Revision) -> dict[str, Any]:
    return {
        **_row(article, queries.is_stale(article)),
        "title": shown.title,
        "version": article.version,
        "public_url": f"/articles/{article.slug}" if article.state == "published" else None,
        "kind_label": str(KIND_WORDS[article.kind]),
        "category": article.category,
        "organisations": [organisation.name for organisation in article.organisations],
        "valid_for": article.valid_for,
        "phone_script": article.phone_script if may_read_script(actor, article) else "",
        "source": article.source,
        "author": name_of(shown.author),
        "reviewed_by": name_of(article.reviewed_by or ""),
        "published_at": article.published_at,
        "questions": shown.questions,
    }


def _steps(actor: Actor, article: Article) -> list[dict[str, Any]]:
    names = lifecycle.steps_for(actor, article)
    labels = {name: str(STEP_WORDS[name]) for name in names}
    if article.state == "retired":
        labels["publish"] = _("重新发布")
    elif article.state == "published":
        labels["publish"] = _("发布修订")
    return [
        {
            "name": name,
            "label": labels[name],
            "url": f"/knowledge/{article.id}/steps/{name}",
            "primary": name == "publish" or (name == "submit" and "publish" not in names),
            "danger": name == "retire",
            "reason": lifecycle.STEPS[name].reason,
            "asks": name == "submit",
            "samples": left_over(article.draft.body) if name == "publish" and article.draft else 0,
        }
        for name in names
    ]


def _ranks(actor: Actor, article: Article) -> list[dict[str, Any]]:
    """Where this article stands now when somebody asks each of its questions: an editor sees that it is found."""
    revision = article.current
    # Whoever has just published sees the page before the worker has written the index: not found yet is not "not found".
    fresh = article.published_at is not None and now() - article.published_at < SETTLES
    try:
        return [
            {
                "question": question,
                "rank": next((place for place, hit in enumerate(_search(actor, question), 1) if int(hit.id) == article.id), None),
                "fresh": fresh,
                "url": f"/search?{urlencode({'q': question})}",
            }
            for question in (revision.questions if revision else [])[:MOST_RANKED]  # an import may bring hundreds
        ]
    except IndexUnavailable:
        return []


def _search(actor: Actor, question: str) -> Any:
    return current_index().search(Query(question, reader_for(actor), limit=RANKED, passages=False))


@blueprint.post(f"{ONE}/steps/<name>")
@viewer.needs("article.write")
def step(article_id: int, name: str) -> Response:
    """Submit, return, publish or retire, on the version that the person looked at."""
    return _write(article_id, lambda actor, found, version: _take(actor, found, name, version))


def _take(actor: Actor, found: Article, name: str, version: int | None) -> str:
    samples = left_over(found.draft.body) if name == "publish" and found.draft else 0
    if samples and request.form.get("sure") != "1":
        raise Refused("还有 %(n)s 行是模板里的示例文字。", n=samples)  # data: editor6.po has it
    lifecycle.take_step(actor, found, name, request.form.get("reason", "")[:500], version)
    return str(DONE_WORDS[name])


@blueprint.post(f"{ONE}/restore")
@viewer.needs("article.write")
def restore(article_id: int) -> Response:
    """Make an old version the newest draft."""
    return _write(article_id, _restore)


def _restore(actor: Actor, found: Article, version: int | None) -> str:
    number = number_of(request.form.get("number"))
    made = restore_revision(actor, found, number, version, request.form.get("comment", "")[:250])
    return _("第 %(n)s 版已成为新的草稿，发布后读者才会看到。", n=number) if made else _("和现在的内容一样，没有改动。")


def _write(article_id: int, act: Any) -> Response:
    actor = viewer.current_actor()
    version = number_of(request.form.get("version")) or None
    return act_and_show(f"/knowledge/{article_id}", lambda: act(actor, access_editable(actor, article_id), version))


