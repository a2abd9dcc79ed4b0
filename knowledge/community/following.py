"""Who follows a question, what still has to be told to them, and what they have not looked at yet.

What waits to be told stands in the words of the follow mark: `a12` is the answer 12, `b12` that it solved the question.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import aliased

from app.core.clock import now
from app.core.db import session
from app.core.permissions import Actor
from app.core.turns import in_turn
from knowledge.community.access import may_write, person
from knowledge.community_models import SHOWN, Answer, Question
from knowledge.mark_models import FOLLOW, QUESTION, SEEN, PersonMark

MOST_WAITING = 30
"""So many items wait for one person at most; of more the oldest are only counted by the page."""


def followers(question_id: int, after: int, limit: int) -> list[PersonMark]:
    """The follow marks on a question from the one after `after` on, in the order in which they were made; held until the
    commit."""
    rows = select(PersonMark).where(*_on(question_id, FOLLOW), PersonMark.id > after).order_by(PersonMark.id).limit(limit)
    return list(session().scalars(rows.with_for_update().execution_options(populate_existing=True)))


def _on(question_id: int, mark: str) -> tuple[ColumnElement[bool], ...]:
    return PersonMark.mark == mark, PersonMark.about == QUESTION, PersonMark.about_id == question_id


def wait(mark: PersonMark, items: Iterable[str]) -> bool:
    """Remember what is to be told. True when nothing was waiting before, so that nobody is on the way with it."""
    before = mark.words.split()
    mark.words = " ".join(dict.fromkeys([*before, *items]))
    mark.words = " ".join(mark.words.split()[-MOST_WAITING:])
    return not before


def still_true(question: Question, items: Iterable[str]) -> list[str]:
    """Those of the items that can be read now."""
    wanted = list(dict.fromkeys(items))
    if question.state != SHOWN:
        return []
    numbers = {int(item[1:]) for item in wanted if item[1:].isdecimal()}
    rows = select(Answer.id).where(Answer.id.in_(numbers), Answer.question_id == question.id, Answer.state == SHOWN)
    shown = {f"a{number}" for number in session().scalars(rows)}
    best = f"b{question.accepted_answer_id}" if f"a{question.accepted_answer_id}" in shown else ""
    return [item for item in wanted if item in shown or item == best]


def saw(actor: Actor, question: Question) -> bool:
    """Remember that somebody who follows a question looked at it now. False where there was nothing new to them, so
    that a page that is only read writes nothing. In a unit of work."""
    if not has_new(actor, question):
        return False
    kind, number = person(actor)
    in_turn(actor)
    rows = select(PersonMark).where(*_on(question.id, SEEN), PersonMark.person_kind == kind, PersonMark.person_id == number)
    seen = session().scalar(rows)
    if seen is None:
        seen = PersonMark(mark=SEEN, about=QUESTION, about_id=question.id, person_kind=kind, person_id=number)
        session().add(seen)
    seen.at = now()
    session().flush()
    return True


def has_new(actor: Actor, question: Question) -> bool:
    """Whether a question that this person follows has something that they have not looked at."""
    return may_write(actor) and question.id in news_among(actor, [question.id])


def news_among(actor: Actor, question_ids: list[int]) -> set[int]:
    """Those of the questions that have something new for this person. One statement."""
    if not may_write(actor) or not question_ids:
        return set()
    rows = _followed(actor).with_only_columns(Question.id).where(Question.id.in_(question_ids))
    return set(session().scalars(rows))


def count_news(actor: Actor) -> int:
    """How many questions have something new for this person. One statement."""
    if not may_write(actor):
        return 0
    return session().scalar(_followed(actor).with_only_columns(func.count(Question.id))) or 0


def looked_at(actor: Actor, question: Question) -> PersonMark | None:
    """When this person last looked at what was new, if they ever did."""
    if not may_write(actor):
        return None
    kind, number = person(actor)
    rows = select(PersonMark).where(
        PersonMark.mark.in_((SEEN, FOLLOW)), PersonMark.about == QUESTION, PersonMark.about_id == question.id,
        PersonMark.person_kind == kind, PersonMark.person_id == number,
    )  # fmt: skip
    return max(session().scalars(rows), key=lambda mark: mark.at, default=None)


def _followed(actor: Actor) -> Select[Question]:
    kind, number = person(actor)
    follow, seen = aliased(PersonMark), aliased(PersonMark)
    same = and_(
        seen.mark == SEEN, seen.about == QUESTION, seen.about_id == Question.id,
        seen.person_kind == follow.person_kind, seen.person_id == follow.person_id,
    )  # fmt: skip
    return (
        select(Question)
        .join(follow, and_(follow.mark == FOLLOW, follow.about == QUESTION, follow.about_id == Question.id))
        .outerjoin(seen, same)
        .where(
            follow.person_kind == kind,
            follow.person_id == number,
            Question.state == SHOWN,
            Question.active_at > func.coalesce(seen.at, follow.at),
        )
    )
