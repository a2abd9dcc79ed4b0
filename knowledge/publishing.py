"""Publishing at a moment that was agreed: planned by a reviewer, carried out once by the worker, cancelled by anybody
who may publish."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm.attributes import flag_modified

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, NotFound, Refused, Stale
from app.core.events import record
from app.core.permissions import SYSTEM, Actor, require
from knowledge import lifecycle
from knowledge.access import may_edit
from knowledge.editing_events import PublishDue, WriterTold
from knowledge.editing_models import PUBLISHED, WAITING, PublishPlan
from knowledge.models import Article
from knowledge.plans import BY_HAND, MOVED_ON, drop_plan

FURTHEST = timedelta(days=730)


def plan_publishing(actor: Actor, article: Article, moment: datetime, version: int | None = None) -> PublishPlan:
    """Let the newest draft, as it is now, be published at a moment (aware). A new plan takes the place of the old one.
    Raises Invalid on field `publish_at`, Refused, Stale, Forbidden, NotFound."""
    if not may_edit(actor, article):
        raise NotFound()
    require(actor, "article.publish")
    if version is not None and version != article.version:
        raise Stale()
    if article.draft_revision_id is None:
        raise Refused("没有待发布的修订。")
    if reason := lifecycle.obstacle(actor, article, "publish"):
        raise Refused(reason)
    if not now() < moment <= now() + FURTHEST:
        raise Invalid.of("publish_at", "写一个以后的时间，两年之内。")
    drop_plan(article, BY_HAND, tell=False)
    plan = PublishPlan(
        article_id=article.id, revision_id=article.draft_revision_id, publish_at=moment,
        planned_by_id=actor.id if actor.kind == "user" else None, planned_by=actor.name[:80],
    )  # fmt: skip
    session().add(plan)
    flag_modified(article, "updated_at")  # a new version: who comes second must see it
    session().flush()
    note(actor, "article.plan", article, after=moment.isoformat(timespec="minutes"))
    record(PublishDue(plan_id=plan.id), due_at=moment)
    return plan


def cancel_plan(actor: Actor, article: Article) -> PublishPlan:
    """It is not published at that moment after all. Raises Refused where nothing waits."""
    if not may_edit(actor, article):
        raise NotFound()
    require(actor, "article.publish")
    plan = drop_plan(article, BY_HAND, tell=False)
    if plan is None:
        raise Refused("没有排定的发布。")
    flag_modified(article, "updated_at")  # a new version: who comes second must see it
    session().flush()
    note(actor, "article.unplan", article, before=plan.publish_at.isoformat(timespec="minutes"))
    return plan


def carry_out(plan_id: int) -> Article | None:
    """The moment has come: publish what was planned, once. A plan that fell away is left alone; a text that is not the
    reviewed one any more is never published. In a unit of work."""
    plan = session().scalar(
        select(PublishPlan).where(PublishPlan.id == plan_id).with_for_update().execution_options(populate_existing=True)
    )
    if plan is None or plan.state != WAITING:
        return None
    if plan.publish_at > now():  # a clock that runs ahead
        record(PublishDue(plan_id=plan.id), due_at=plan.publish_at)
        return None
    article = plan.article
    if article.draft_revision_id != plan.revision_id:
        drop_plan(article, MOVED_ON)
        return None
    plan.state, plan.ended_at = PUBLISHED, now()
    session().flush()
    lifecycle.publish_planned(SYSTEM, article, plan.planned_by)
    if plan.planned_by_id is not None:
        record(WriterTold(article_id=article.id, user_id=plan.planned_by_id, what="planned_out", plan_id=plan.id))
    return article
