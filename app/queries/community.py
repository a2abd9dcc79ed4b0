"""What pages show of public questions: lists for everybody, each in a fixed number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import joinedload

from app.core.catalogue import Product
from app.core.db import session
from app.core.permissions import NOBODY, Actor
from knowledge.community.access import person, readable_answers, readable_questions
from knowledge.community_models import SHOWN, Answer, Question
from knowledge.mark_models import FOLLOW, QUESTION, PersonMark

PAGE = 20
SHOWS = ("all", "open", "mine", "followed")


@dataclass(frozen=True)
class QuestionPage:
    """One page of a list, and the number of the row to go on before."""

    rows: Sequence[Question]
    next: int | None


def page(actor: Actor, show: str, product_id: int | None, before: int) -> QuestionPage:
    """Questions, the newest first: all, those without an accepted answer, one's own, or those one follows."""
    rows = readable_questions(actor if show == "mine" else NOBODY).options(joinedload(Question.product))
    if product_id is not None:
        rows = rows.where(Question.product_id == product_id)
    if show == "open":
        rows = rows.where(Question.accepted_answer_id.is_(None))
    elif show == "mine":
        kind, number = person(actor)
        answered = select(Answer.question_id).where(Answer.author_kind == kind, Answer.author_id == number)
        rows = rows.where(or_((Question.author_kind == kind) & (Question.author_id == number), Question.id.in_(answered)))
    elif show == "followed":
        kind, number = person(actor)
        marks = select(PersonMark.about_id).where(
            PersonMark.mark == FOLLOW, PersonMark.about == QUESTION,
            PersonMark.person_kind == kind, PersonMark.person_id == number,
        )  # fmt: skip
        rows = rows.where(Question.id.in_(marks))
    if before:
        rows = rows.where(Question.id < before)
    found = list(session().scalars(rows.order_by(Question.id.desc()).limit(PAGE + 1)))
    return QuestionPage(found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)


def answers(actor: Actor, question: Question) -> list[Answer]:
    """The answers that the actor may read: the accepted one first, then those with most votes, then as they came."""
    rows = readable_answers(actor).where(Answer.question_id == question.id).order_by(Answer.vote_count.desc(), Answer.id)
    return sorted(session().scalars(rows), key=lambda row: row.id != question.accepted_answer_id)


def newest(limit: int, product_id: int | None = None) -> list[dict[str, Any]]:
    """The latest shown questions as lists of other pages show them."""
    rows = select(Question.id, Question.title, Question.answer_count, Question.accepted_answer_id, Question.created_at)
    rows = rows.where(Question.state == SHOWN)
    if product_id is not None:
        rows = rows.where(Question.product_id == product_id)
    return [
        {"title": title, "url": f"/community/{number}", "answers": answers, "solved": accepted is not None, "at": at}
        for number, title, answers, accepted, at in session().execute(rows.order_by(Question.id.desc()).limit(limit))
    ]


def products() -> list[Product]:
    """Products that can be asked about."""
    return list(session().scalars(select(Product).where(Product.active.is_(True)).order_by(Product.code)))


def addresses(offset: int, limit: int) -> list[tuple[int, datetime]]:
    """Number and last change of shown questions, for robots."""
    rows = select(Question.id, Question.active_at).where(Question.state == SHOWN).order_by(Question.id)
    return [(number, at) for number, at in session().execute(rows.offset(offset).limit(limit))]


def count_shown() -> int:
    return session().scalar(select(func.count()).where(Question.state == SHOWN)) or 0
