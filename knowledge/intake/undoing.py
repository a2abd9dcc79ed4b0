"""Taking a whole import back, as long as nobody has worked on any of its articles since."""

from sqlalchemy import delete, select

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Refused
from app.core.events import record
from app.core.permissions import Actor, require
from app.core.text import pack
from knowledge import lifecycle
from knowledge.access import may_edit
from knowledge.events import ArticleChanged, ArticleRetired
from knowledge.intake.jobs import access_job
from knowledge.intake_models import DONE, UNDONE, ImportItem, ImportJob, ImportSource
from knowledge.models import Article, Revision
from knowledge.service import restore_revision

REASON = "撤销导入 %(id)s"
NAMED = 5


def changed_since(job: ImportJob) -> list[Article]:
    """The articles of the import that somebody has changed since."""
    return [
        item.article
        for item in _written(job)
        if item.article is not None
        and (item.article.version != item.version or (item.article.draft_revision_id or item.article.current_revision_id) != item.after_id)
    ]


def _written(job: ImportJob) -> list[ImportItem]:
    rows = select(ImportItem).where(ImportItem.job_id == job.id, ImportItem.result.in_(("imported", "updated")))
    return list(session().scalars(rows.order_by(ImportItem.number)))


def undo(actor: Actor, job: ImportJob) -> int:
    """All or nothing: new drafts go, new published ones are retired, updated ones get their text back. Returns how many.
    Raises Refused with the titles of what was changed since."""
    require(actor, "article.write")
    access_job(actor, job.id)
    if job.state != DONE:
        raise Refused("这次导入现在的状态不能这样做。")
    if changed := changed_since(job):
        titles = "、".join(f"《{article.title[:40]}》" for article in changed[:NAMED])
        raise Refused("导入之后有 %(n)s 篇改过，不能整批撤销：%(titles)s", n=len(changed), titles=titles)
    items = _written(job)
    for item in items:
        article = item.article
        if article is None:
            continue
        if not may_edit(actor, article):
            raise Refused("其中有不归你改的知识，不能整批撤销。")
        if item.result == "imported":
            _take_away(actor, job, article)
        elif item.before_id and item.before_id != item.after_id:
            _give_back(actor, item, article)
    job.state, job.finished_at = UNDONE, now()
    session().flush()
    note(actor, "import.undone", job, articles=len(items))
    return len(items)


def _take_away(actor: Actor, job: ImportJob, article: Article) -> None:
    session().execute(delete(ImportSource).where(ImportSource.article_id == article.id))
    if article.state == "published":
        require(actor, "article.publish")
        lifecycle.retire(actor, article, pack(REASON, id=job.id))
        return
    number, version = article.id, article.version
    note(actor, "article.removed", article, reason=pack(REASON, id=job.id))
    article.draft_revision_id = article.current_revision_id = None
    article.products, article.organisations = [], []
    session().flush()
    session().expire(article)
    session().execute(delete(Revision).where(Revision.article_id == number))
    session().execute(delete(Article).where(Article.id == number))
    session().expunge(article)
    record(ArticleRetired(article_id=number, version=version))


def _give_back(actor: Actor, item: ImportItem, article: Article) -> None:
    """The text before the import; what had been published at once is published back."""
    session().execute(delete(ImportSource).where(ImportSource.article_id == article.id))
    old = session().get(Revision, item.before_id) if item.before_id else None
    if old is None:
        return
    if article.draft_revision_id == item.after_id and article.current_revision_id == item.before_id:
        article.draft_revision_id = None  # nothing was published: the draft of the import goes
        article.updated_at = now()
        session().flush()
        record(ArticleChanged(article_id=article.id, version=article.version))
        return
    restore_revision(actor, article, old.number)
    if article.state == "published" and item.before_state == "published" and actor.can("article.publish") and article.draft_revision_id:
        lifecycle.publish(actor, article)
