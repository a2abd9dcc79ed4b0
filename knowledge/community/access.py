"""Gatekeepers: who reads which public question, who answers it, who moderates.

everybody     shown questions with their shown answers
author        also the own ones, pending or hidden
moderators    all
"""

from sqlalchemy import ColumnElement, Select, and_, or_, select, true

from app.core.catalogue import Product
from app.core.db import session
from app.core.directory.access import circle
from app.core.errors import Forbidden, NotFound
from app.core.permissions import Actor
from knowledge.community_models import SHOWN, Answer, Question


def may_write(actor: Actor) -> bool:
    """Somebody we know: a login, or a visitor who came by the link to their mailbox."""
    return actor.kind in ("user", "visitor") and actor.id is not None


def person(actor: Actor) -> tuple[str, int]:
    """The author as rows keep it. Raises Forbidden for strangers."""
    if not may_write(actor) or actor.id is None:
        raise Forbidden()
    return actor.kind, actor.id


def _visible(actor: Actor, row: type[Question] | type[Answer]) -> ColumnElement[bool]:
    if actor.kind == "system" or (actor.kind == "user" and actor.can("community.moderate")):
        return true()
    if not may_write(actor):
        return row.state == SHOWN
    return or_(row.state == SHOWN, and_(row.author_kind == actor.kind, row.author_id == actor.id))


def readable_questions(actor: Actor) -> Select[Question]:
    """Questions that the actor may read."""
    return select(Question).where(_visible(actor, Question))


def readable_answers(actor: Actor) -> Select[Answer]:
    """Answers that the actor may read; the question's own door stands before them."""
    return select(Answer).where(_visible(actor, Answer))


def access_question(actor: Actor, question_id: int) -> Question:
    """The question, when it is the actor's to read; raises NotFound."""
    found = None
    if 0 < question_id < 2**31:
        found = session().scalar(readable_questions(actor).where(Question.id == question_id))
    if found is None:
        raise NotFound()
    return found


def access_answer(actor: Actor, answer_id: int) -> Answer:
    """The answer of a question that the actor may read; raises NotFound."""
    found = session().scalar(readable_answers(actor).where(Answer.id == answer_id)) if 0 < answer_id < 2**31 else None
    if found is None:
        raise NotFound()
    access_question(actor, found.question_id)
    return found


def side_of(actor: Actor, product: Product) -> str:
    """For whom somebody speaks under this product: desk, supplier (its own people alone) or customer."""
    if actor.kind != "user" or not actor.can("community.answer"):
        return "customer"
    where = circle(actor)
    if where in ("staff", "manager"):
        return "desk"
    return "supplier" if where == "supplier" and product.supplier_id == actor.organisation_id else "customer"


def is_author(actor: Actor, post: Question | Answer) -> bool:
    return may_write(actor) and (post.author_kind, post.author_id) == (actor.kind, actor.id)


def may_answer(actor: Actor, question: Question) -> bool:
    """The desk, the product's supplier, and the author, who adds what was forgotten."""
    return question.state == SHOWN and (is_author(actor, question) or side_of(actor, question.product) != "customer")


def may_accept(actor: Actor, question: Question) -> bool:
    """Who asked, and the desk."""
    return question.state == SHOWN and (is_author(actor, question) or side_of(actor, question.product) == "desk")
