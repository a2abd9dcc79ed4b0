"""What an article's page shows of the editors' work around it: plan, comments, care, address, links."""

from typing import Any

from flask_babel import gettext as _

from app.core.clock import now
from app.core.permissions import Actor
from app.web.i18n import local, time_zone
from app.web.written import name_of
from knowledge import care, lifecycle, linking, plans, reviewing
from knowledge.access import may_edit
from knowledge.editing_models import ASKED, RETURNED, ReviewComment
from knowledge.models import Article


def editing_facts(actor: Actor, article: Article) -> dict[str, Any]:
    """What the article's page shows of all this; less for those who may not change the article."""
    row = care.care_of(article)
    edits = may_edit(actor, article)
    note = row.internal_note if care.may_read_note(actor, article) else ""
    if not edits:
        return {"edits": False, "note": note}
    url = f"/knowledge/{article.id}"
    publishes = actor.can("article.publish")
    may_plan = publishes and article.draft_revision_id is not None and lifecycle.obstacle(actor, article, "publish") is None
    waiting, dropped = plans.waiting_plan(article), plans.last_dropped(article)
    due = row.review_by is not None and row.review_by <= now()
    return {
        "edits": True,
        "note": note,
        "url": url,
        "slug": article.slug,
        "may_rename": publishes or article.state != "published",
        "owner": row.owner.label if row.owner else "",
        "review_by": row.review_by,
        "review_due": due,
        "may_confirm": publishes and article.state == "published",
        "may_plan": may_plan,
        "earliest": local(now()).strftime("%Y-%m-%dT%H:%M"),
        "zone": str(time_zone()),
        "plan": {"at": waiting.publish_at, "by": name_of(waiting.planned_by)} if waiting else None,
        "may_cancel": publishes,
        "dropped": {"at": dropped.publish_at, "reason": _(dropped.reason)} if dropped else None,
        "own_work": publishes and reviewing.is_own_work(actor, article),
        "threads": [_thread(thread) for thread in reviewing.threads(article)],
        "open": reviewing.open_count(article),
        "linked_from": [{"title": a.title, "url": f"/knowledge/{a.id}"} for a in linking.linking_here(article, actor)],
    }


def _thread(thread: reviewing.Thread) -> dict[str, Any]:
    first = thread.first
    return {
        **_said(first),
        "quote": first.quote,
        "quoted": thread.quoted,
        "number": first.revision.number if first.revision else None,
        "kind": {ASKED: _("提交审核"), RETURNED: _("退回")}.get(first.kind, ""),
        "settled": first.resolved_at is not None,
        "settled_by": name_of(first.resolved_by),
        "answers": [_said(answer) for answer in thread.answers],
    }


def _said(row: ReviewComment) -> dict[str, Any]:
    return {"id": row.id, "author": name_of(row.author), "at": row.created_at, "text": row.text}
