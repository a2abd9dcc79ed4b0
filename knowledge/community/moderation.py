"""What moderators look at and decide: posts that wait, posts that were reported, questions that nobody answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import joinedload

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Forbidden, Invalid, NotFound, Refused
from app.core.events import record
from app.core.permissions import Actor, require
from app.core.text import clean
from knowledge.access import may_edit
from knowledge.community import finding
from knowledge.community.access import side_of
from knowledge.community.events import PostHidden
from knowledge.community.rules import rules
from knowledge.community.service import answered, post_kind
from knowledge.community_models import HIDDEN, PENDING, SHOWN, Answer, Post, Question
from knowledge.mark_models import PersonMark
from knowledge.models import Article
from knowledge.service import Content, Properties, draft_article

PAGE = 50


@dataclass(frozen=True)
class Waiting:
    """A post that wants a decision, and what was reported about it."""

    post: Post
    reports: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return post_kind(self.post)

    @property
    def question(self) -> Question:
        return self.post if isinstance(self.post, Question) else self.post.question


def queue(actor: Actor, state: str = PENDING) -> list[Waiting]:
    """Posts in this state, the oldest first; of hidden ones the latest first."""
    require(actor, "community.moderate")
    late = state == HIDDEN
    questions = select(Question).where(Question.state == state).options(joinedload(Question.product))
    answers = select(Answer).where(Answer.state == state).options(joinedload(Answer.question).joinedload(Question.product))
    posts: list[Post] = [
        *session().scalars(questions.order_by(Question.id.desc() if late else Question.id).limit(PAGE)),
        *session().scalars(answers.order_by(Answer.id.desc() if late else Answer.id).limit(PAGE)),
    ]
    found = [Waiting(post) for post in posts]
    return sorted(found, key=lambda one: one.post.created_at, reverse=late)


def reported(actor: Actor) -> list[Waiting]:
    """Shown posts that readers reported and nobody judged yet."""
    require(actor, "community.moderate")
    rows = session().scalars(
        select(PersonMark).where(PersonMark.mark == "report", PersonMark.settled.is_(False)).order_by(PersonMark.id).limit(200)
    )
    told: dict[tuple[str, int], list[str]] = {}
    for row in rows:
        told.setdefault((row.about, row.about_id), []).append(row.words)
    posts = [(_get(kind, number), said) for (kind, number), said in told.items()]
    return [Waiting(post, tuple(said)) for post, said in posts if post is not None]


def _get(kind: str, number: int) -> Post | None:
    if not 0 < number < 2**31:
        return None
    return session().get(Question, number) if kind == "question" else session().get(Answer, number) if kind == "answer" else None


def counts(actor: Actor) -> dict[str, int]:
    """How many wait, were reported, and have no answer after the days that the rules give."""
    found = {"unanswered": len(unanswered(actor))}
    if actor.can("community.moderate"):
        found["pending"] = sum(session().scalar(select(func.count()).where(row.state == PENDING)) or 0 for row in (Question, Answer))
        found["reported"] = len(reported(actor))
    return found


def unanswered(actor: Actor, limit: int = PAGE) -> list[Question]:
    """Shown questions without an answer for longer than the rules give and not handed over yet, the oldest first; for a
    supplier's people those under their own products."""
    require(actor, "community.answer")
    before = now() - timedelta(days=rules().waiting_days)
    rows = session().scalars(
        select(Question)
        .where(Question.state == SHOWN, Question.answer_count == 0, Question.ticket_number.is_(None), Question.created_at < before)
        .order_by(Question.id)
        .limit(limit * 4)
        .options(joinedload(Question.product))
    )
    return [question for question in rows if side_of(actor, question.product) != "customer"][:limit]


def find_post(actor: Actor, kind: str, number: int) -> Post:
    """A post by kind and number, for a moderator; raises NotFound."""
    require(actor, "community.moderate")
    found = _get(kind, number)
    if found is None:
        raise NotFound()
    return found


def show(actor: Actor, post: Post, terms: Sequence[tuple[str, int]] | None = None) -> None:
    """Let everybody read it from now on, or again. `terms` are a question's words, cut before the unit of work."""
    _decide(actor, post, SHOWN, "", terms)


def hide(actor: Actor, post: Post, reason: str) -> None:
    """Take it away from readers; its author sees it with the reason. Raises Invalid without one."""
    reason = clean(reason).strip()[:300]
    if not reason:
        raise Invalid.of("reason", "写明原因，作者会看到。")
    _decide(actor, post, HIDDEN, reason)


def keep(actor: Actor, post: Post) -> None:
    """What was reported is in order: the reports are settled, the post stays."""
    require(actor, "community.moderate")
    _settle(post)
    note(actor, "community.kept", post)


def _decide(actor: Actor, post: Post, state: str, reason: str, terms: Sequence[tuple[str, int]] | None = None) -> None:
    require(actor, "community.moderate")
    before, post.state, post.hidden_reason = post.state, state, reason
    if state == SHOWN:
        post.held_for = ""
    session().flush()
    _settle(post)
    note(actor, "community.shown" if state == SHOWN else "community.hidden", post, before=before, after=state, reason=reason)
    if isinstance(post, Answer):
        answered(post)
    else:
        finding.put(post, terms)
        if state != SHOWN:
            record(PostHidden(question_id=post.id))


def _settle(post: Post) -> None:
    of_post = (PersonMark.mark == "report", PersonMark.about == post_kind(post), PersonMark.about_id == post.id)
    session().execute(update(PersonMark).where(*of_post).values(settled=True))


def draft_from(actor: Actor, row: Answer) -> Article:
    """A draft of an article from a good answer: the question becomes the title and the question it answers, and its
    address the source. Raises Refused when there is one already."""
    question = row.question
    if row.state != SHOWN or question.state != SHOWN:
        raise Forbidden()
    if question.article_id is not None and session().get(Article, question.article_id) is not None:
        raise Refused("这个问题已经写成知识了。")
    content = Content(question.title, row.body, (question.title,))
    properties = Properties(kind="faq", source=f"/community/{question.id}", product_ids=(question.product_id,))
    article = draft_article(actor, content, properties)
    question.article_id = article.id
    session().flush()
    note(actor, "community.drafted", question, after=article.id)
    return article


def may_open_draft(actor: Actor, article: Article) -> bool:
    """Whether a link to the draft leads this person anywhere."""
    return actor.kind == "user" and actor.can("article.write") and may_edit(actor, article)


def handed_over(actor: Actor, question: Question, number: int) -> None:
    """The desk took the question as the ticket of this number; it no longer waits here."""
    require(actor, "community.answer")
    if side_of(actor, question.product) == "customer":  # under another supplier's product
        raise NotFound()
    if question.ticket_number is not None:
        raise Refused("这个问题已经登记成工单了。")
    question.ticket_number = number
    session().flush()
    note(actor, "community.handed_over", question, after=number)
