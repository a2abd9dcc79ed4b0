"""What those who write knowledge hear of: a draft that came back, a comment, a planned publishing, a review that is due;
and the jobs that follow an edited article."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app import letters
from app.core.clock import now
from app.core.db import session
from app.core.outbox import Job, outside
from app.core.people import User
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from channels.reaching import ladder
from channels.reaching.models import Outreach
from knowledge import care, linking, publishing
from knowledge.editing_events import PublishDue, ReviewAsked, WriterTold
from knowledge.editing_models import PublishPlan, ReviewComment
from knowledge.gate_models import ReleaseGate
from knowledge.models import Article

Words = dict[str, dict[str, str]]
STALE_AFTER_DAYS = 60
"""A date that passed longer ago is not told any more: it stands in the list, and the house may be new to this."""


def publish_planned(event: PublishDue) -> None:
    """The moment of a planned publishing has come."""
    publishing.carry_out(event.plan_id)


@outside
def note_links(event: object, job: Job) -> None:
    """Look at where the present texts of an article lead to. Reads Markdown, so outside of a unit of work."""
    _look_at_links(getattr(event, "article_id", None), job)


def _look_at_links(article_id: int | None, job: Job) -> None:
    found = [(a, r, linking.targets_in(body)) for a, r, body in linking.unread_revisions(article_id)]
    with job.done():
        for article, revision, targets in found:
            linking.keep_links(article, revision, targets)


def note_all_links(limit: int = 200) -> int:
    """Look at texts that nobody looked at yet, for the worker's clock: articles of an older release. Returns how many."""
    found = [(a, r, linking.targets_in(body)) for a, r, body in linking.unread_revisions(limit=limit)]
    if found:
        with unit_of_work():
            for article, revision, targets in found:
                linking.keep_links(article, revision, targets)
    return len(found)


def tell_writer(event: WriterTold) -> None:
    """Tell somebody what happened to an article of theirs."""
    article, user = session().get(Article, event.article_id), session().get(User, event.user_id)
    if article is None or user is None or not user.active:
        return
    comment = session().get(ReviewComment, event.comment_id) if event.comment_id else None
    plan = session().get(PublishPlan, event.plan_id) if event.plan_id else None
    key = f"article-{event.what}-{article.id}-{event.comment_id or event.plan_id or 0}-{user.id}"
    _tell(user, key, _words(event.what, article, user, comment, plan))


def tell_reviewers(event: ReviewAsked) -> None:
    """A draft waits: whoever looks after the article and may publish it is told, else all editors; never who submitted it.
    Once for each text, however often the same one is submitted."""
    article = session().get(Article, event.article_id)
    if article is None or article.state != "review":
        return
    comment = session().get(ReviewComment, event.comment_id) if event.comment_id else None
    said = f"{comment.author}：{comment.text}" if comment else ""
    words = _both(
        (f"等你审核：{article.title}", said or "有一篇知识提交审核了。"),
        (f"Waiting for your review: {article.title}", said or "A draft was submitted for review."),
        _link(article),
    )  # data
    people, owner = care.editors(), care.care_of(article).owner_id
    for user in [u for u in people if u.id == owner] or people:
        if user.id != event.user_id:
            _tell(user, f"article-submitted-{article.id}-{article.draft_revision_id}-{user.id}", words)


def ask_review(actor: Actor, gate: ReleaseGate, article: Article) -> None:
    """A release waits for a document to be looked at again: whoever looks after it and may publish it is told, else all
    editors; once while it is prepared. In a unit of work."""
    name = gate.label
    words = _both(
        (f"等你复核：{article.title}", f"{actor.name}在准备 {name}，要用这篇。看一遍，还对就确认，不对就改。"),
        (f"Waiting for your review: {article.title}", f"{actor.name} prepares {name} with this article. Read it once; confirm it if it still holds."),
        f"{letters.signing()['site_url']}/knowledge/releases/{gate.release_id}",
    )  # data
    people, owner = care.editors(), care.care_of(article).owner_id
    for user in [u for u in people if u.id == owner] or people:
        _tell(user, f"{_asked_key(gate, article)}-{user.id}", words)


def review_asked(gate: ReleaseGate, article: Article) -> bool:
    """Whether the editors were asked to look at it for this release since it is prepared."""
    return session().scalar(select(Outreach.id).where(Outreach.about == _asked_key(gate, article)).limit(1)) is not None


def _asked_key(gate: ReleaseGate, article: Article) -> str:
    return f"gate-review-{gate.id}-{gate.created_at:%Y%m%d%H%M}-{article.id}"


def remind_reviews() -> int:
    """Remind whoever looks after an article whose date has come, else all editors; once for each date. In a unit of
    work. Returns how many people are told."""
    told = 0
    for row, article in care.reminders_due():
        moment = row.review_by
        row.reminded_for = moment
        if moment is None or (now() - moment).days > STALE_AFTER_DAYS:
            continue
        people = [row.owner] if row.owner is not None and row.owner.active else care.editors()
        for user in people:
            _tell(user, f"article-review-{article.id}-{moment:%Y%m%d%H%M}-{user.id}", _review_words(article, user, moment))
        told += len(people)
    session().flush()
    return told


def _tell(user: User, key: str, words: Words) -> None:
    ladder.reach("progress", key, words, user=user, about=key.rpartition("-")[0], params={"subject": words["zh"]["subject"][:40]}, is_auto=True)


def _at(user: User, moment: datetime) -> str:
    zone = ZoneInfo(user.time_zone or letters.signing().get("time_zone") or "UTC")
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def _link(article: Article) -> str:
    return f"{letters.signing()['site_url']}/knowledge/{article.id}"


def _review_words(article: Article, user: User, moment: datetime) -> Words:
    zh, en = f"该复核了：{article.title}", f"Due for review: {article.title}"
    due = _at(user, moment)[:10]
    return _both(
        (zh, f"这篇知识的复核日期是 {due}。看一遍，还对就确认，不对就改。"),
        (en, f"The review date of this article was {due}. Read it once; confirm it if it still holds, change it if not."),
        _link(article),
    )  # data


def _words(what: str, article: Article, user: User, comment: ReviewComment | None, plan: PublishPlan | None) -> Words:
    who, said = (comment.author, comment.text) if comment else ("", "")
    when = _at(user, plan.publish_at) if plan else ""
    known = {
        "returned": (
            (f"退回修改：{article.title}", f"{who}：{said}"),
            (f"Sent back to you: {article.title}", f"{who}: {said}"),
        ),
        "commented": (
            (f"有新意见：{article.title}", f"{who}：{said}"),
            (f"New comment: {article.title}", f"{who}: {said}"),
        ),
        "plan_dropped": (
            (f"排定的发布已取消：{article.title}", f"原定 {when} 发布。草稿又改过或状态变了，请看过再排定。"),
            (f"Planned publishing dropped: {article.title}", f"It was planned for {when}. The draft or its state changed; please look and plan again."),
        ),
        "planned_out": (
            (f"已按时发布：{article.title}", f"{when} 已发布，读者现在能搜到。"),
            (f"Published as planned: {article.title}", f"Published at {when}; readers find it now."),
        ),
    }  # data
    zh, en = known[what]
    return _both(zh, en, _link(article))


def _both(zh: tuple[str, str], en: tuple[str, str], link: str) -> Words:
    return {
        language: {"subject": subject[:120], "text": f"{text}\n\n{link}", "short": f"{subject[:60]} {link}"}
        for language, (subject, text) in (("zh", zh), ("en", en))
    }
