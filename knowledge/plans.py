"""The one waiting plan of an article to be published later, and how it falls away when the article moves on."""

from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from app.core.events import record
from knowledge.editing_events import WriterTold
from knowledge.editing_models import CANCELLED, WAITING, PublishPlan
from knowledge.models import Article

DRAFT_CHANGED = "草稿又改过，原来排定的发布已取消。"
MOVED_ON = "状态变了，原来排定的发布已取消。"
BY_HAND = "取消了排定的发布。"


def waiting_plan(article: Article) -> PublishPlan | None:
    """The plan that waits for its moment, if there is one."""
    rows = select(PublishPlan).where(PublishPlan.article_id == article.id, PublishPlan.state == WAITING)
    return session().scalar(rows.order_by(PublishPlan.id.desc()).limit(1))


def last_dropped(article: Article) -> PublishPlan | None:
    """The last plan, where it fell away and nothing was planned or published since."""
    rows = select(PublishPlan).where(PublishPlan.article_id == article.id).order_by(PublishPlan.id.desc())
    plan = session().scalar(rows.limit(1))
    dropped = plan is not None and plan.state == CANCELLED and plan.reason in (DRAFT_CHANGED, MOVED_ON)
    since = plan.ended_at if plan else None
    if plan is None or not dropped or (since and article.published_at and article.published_at > since):
        return None
    return plan


def drop_plan(article: Article, reason: str, tell: bool = True) -> PublishPlan | None:
    """The waiting plan falls away, for this reason; whoever made it is told. In a unit of work."""
    plan = waiting_plan(article)
    if plan is None:
        return None
    plan.state, plan.reason, plan.ended_at = CANCELLED, reason, now()
    session().flush()
    if tell and plan.planned_by_id is not None:
        record(WriterTold(article_id=article.id, user_id=plan.planned_by_id, what="plan_dropped", plan_id=plan.id))
    return plan
