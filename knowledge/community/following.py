"""Who follows a question, what still has to be told to them, and what they have not looked at yet.

What waits to be told stands in the words of the follow mark: `a12` is the answer 12, `b12` that it solved the question.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import aliased

from app.core.clock import now
from app.core.db import session
from app.core.permissions import Actor
from knowledge.community.access import may_write, person
from knowledge.community_models import SHOWN, Answer, CommunityMark, Question

FOLLOW, SEEN = "follow", "seen"
MOST_WAITING = 30
"""So many items wait for one person at most; of more the oldest are only counted by the page."""


def marks_on(question_id: int, mark: str = FOLLOW, lock: bool = False) -> list[CommunityMark]:
    """The marks of this kind on a question, in the order in which they were made; held until the commit with `lock`."""
    rows = select(CommunityMark).where(*_on(question_id, mark)).order_by(CommunityMark.id)
    if lock:
        rows = rows.with_for_update().execution_options(populate_existing=True)
    return list(session().scalars(rows))


def _on(question_id: int, mark: str) -> tuple[ColumnElement[bool], ...]:
    return CommunityMark.mark == mark, CommunityMark.post == "question", CommunityMark.post_id == question_id


def wait(mark: CommunityMark, items: Iterable[str]) -> bool:
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
    rows = select(CommunityMark).where(*_on(question.id, SEEN), CommunityMark.person_kind == kind, CommunityMark.person_id == number)
    seen = session().scalar(rows)
    if seen is None:
        seen = CommunityMark(mark=SEEN, post="question", post_id=question.id, person_kind=kind, person_id=number)
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


def looked_at(actor: Actor, question: Question) -> CommunityMark | None:
    """When this person last looked at what was new, if they ever did."""
    if not may_write(actor):
        return None
    kind, number = person(actor)
    rows = select(CommunityMark).where(
        CommunityMark.mark.in_((SEEN, FOLLOW)), CommunityMark.post == "question", CommunityMark.post_id == question.id,
        CommunityMark.person_kind == kind, CommunityMark.person_id == number,
    )  # fmt: skip
    return max(session().scalars(rows), key=lambda mark: mark.at, default=None)


def _followed(actor: Actor) -> Select[Question]:
    kind, number = person(actor)
    follow, seen = aliased(CommunityMark), aliased(CommunityMark)
    same = and_(
        seen.mark == SEEN, seen.post == "question", seen.post_id == Question.id,
        seen.person_kind == follow.person_kind, seen.person_id == follow.person_id,
    )  # fmt: skip
    return (
        select(Question)
        .join(follow, and_(follow.mark == FOLLOW, follow.post == "question", follow.post_id == Question.id))
        .outerjoin(seen, same)
        .where(
            follow.person_kind == kind,
            follow.person_id == number,
            Question.state == SHOWN,
            Question.active_at > func.coalesce(seen.at, follow.at),
        )
    )
