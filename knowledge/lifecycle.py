"""The states of an article and the steps between them, as one table that also offers the buttons.

draft → review → published → retired; review → draft with a reason; retired → published again
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, NotFound, Refused, Stale
from app.core.events import record
from app.core.permissions import Actor, require
from app.core.text import pack
from knowledge.access import may_edit
from knowledge.events import ArticleChanged, ArticlePublished, ArticleRetired
from knowledge.models import Article
from knowledge.plans import MOVED_ON, drop_plan
from knowledge.reviewing import is_own_work, note_step

OWN_WORK = "自己写的修订要由别人审核发布（四眼原则）。"


@dataclass(frozen=True)
class Step:
    """One row: from which states, to which, with which permission, and whether a reason is asked for."""

    sources: tuple[str, ...]
    target: str
    permission: str
    reason: bool = False


STEPS: Mapping[str, Step] = {
    "submit": Step(("draft",), "review", "article.write"),
    "return": Step(("review",), "draft", "article.publish", reason=True),
    "publish": Step(("draft", "review", "published", "retired"), "published", "article.publish"),
    "retire": Step(("published",), "retired", "article.publish", reason=True),
}


def steps_for(actor: Actor, article: Article) -> list[str]:
    """The steps that the actor can take now, in the order of the table."""
    if not may_edit(actor, article):
        return []
    return [name for name, step in STEPS.items() if actor.can(step.permission) and obstacle(actor, article, name) is None]


def obstacle(actor: Actor, article: Article, name: str) -> str | None:
    """Why the step is not possible now for this actor, rights aside; None if it is."""
    if article.state not in STEPS[name].sources:
        return "这篇知识现在的状态不能这样做。"
    if name in ("submit", "publish") and article.state != "retired" and article.draft_revision_id is None:
        return "没有待发布的修订。"
    if name == "publish" and is_own_work(actor, article):
        return OWN_WORK
    return None


def take_step(actor: Actor, article: Article, name: str, reason: str = "", version: int | None = None) -> Article:
    """Move the article one step: permission, audit, event. `publish` makes the draft revision the one that is read.

    Raises NotFound for an unknown step or another's article, Forbidden, Stale where `version` is not the one stored,
    Invalid without a needed reason, Refused where the state does not allow it.
    """
    if name not in STEPS:
        raise NotFound()
    step = STEPS[name]
    if not may_edit(actor, article):
        raise NotFound()
    require(actor, step.permission)
    if version is not None and version != article.version:
        raise Stale()
    if refusal := obstacle(actor, article, name):
        raise Refused(refusal)
    reason = reason.strip()
    if step.reason and not reason:
        raise Invalid.of("reason", "写明原因。")
    before, article.state = article.state, step.target
    article.updated_at = now()
    note_step(actor, article, name, reason)
    drop_plan(article, MOVED_ON, tell=name != "publish")
    if name == "publish":
        _publish(actor, article)
    elif name == "retire":
        article.retired_at = now()
    session().flush()
    note(actor, f"article.{name}", article, before=before, after=article.state, reason=reason)
    event = {"publish": ArticlePublished, "retire": ArticleRetired}.get(name, ArticleChanged)
    record(event(article_id=article.id, version=article.version))
    return article


def publish_planned(actor: Actor, article: Article, reviewer: str) -> Article:
    """Publish the draft at the moment that a reviewer had agreed; their name stands as the reviewer's."""
    before, article.state = article.state, "published"
    article.updated_at = now()
    _publish(actor, article)
    article.reviewed_by, article.reviewed_at = reviewer, now()
    session().flush()
    note(actor, "article.publish", article, before=before, after=article.state, reason=pack("定时发布，%(name)s 排定", name=reviewer))
    record(ArticlePublished(article_id=article.id, version=article.version))
    return article


def _publish(actor: Actor, article: Article) -> None:
    if actor.kind == "user" and article.current_revision_id is not None and article.draft_revision_id is not None:
        article.reviewed_by, article.reviewed_at = actor.name[:80], now()  # they read the new text
    if article.draft_revision_id is not None:
        article.current_revision_id, article.draft_revision_id = article.draft_revision_id, None
        session().flush()
        session().refresh(article, ["current", "draft"])
    if article.current is not None:
        article.title = article.current.title
    article.published_at = now()
    article.retired_at = None
    article.reviewed_by = article.reviewed_by or actor.name[:80]
    article.reviewed_at = article.reviewed_at or now()


def submit(actor: Actor, article: Article, version: int | None = None) -> Article:
    """Ask the platform to review the draft."""
    return take_step(actor, article, "submit", version=version)


def publish(actor: Actor, article: Article, version: int | None = None) -> Article:
    """Let readers see the newest revision."""
    return take_step(actor, article, "publish", version=version)


def send_back(actor: Actor, article: Article, reason: str, version: int | None = None) -> Article:
    """Give a submitted draft back to its author, with the reason."""
    return take_step(actor, article, "return", reason, version)


def retire(actor: Actor, article: Article, reason: str, version: int | None = None) -> Article:
    """Take the article away from its readers."""
    return take_step(actor, article, "retire", reason, version)
