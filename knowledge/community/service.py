"""Asking and answering in public, and what readers do with it. Nothing is lost: what may not be shown at once waits."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.exc import IntegrityError

from app.core.audit import note
from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.errors import Forbidden, Invalid, Refused
from app.core.events import record
from app.core.permissions import Actor
from app.core.text import clean
from app.core.turns import in_turn
from knowledge.community import finding, following, words
from knowledge.community.access import is_author, may_accept, may_answer, person, side_of
from knowledge.community.contacts import contacts_in
from knowledge.community.events import PostHidden, QuestionMoved
from knowledge.community.rules import held_for, rules
from knowledge.community_models import PENDING, SHOWN, Answer, Post, Question
from knowledge.mark_models import FOLLOW, PersonMark

TITLE, BODY, ANSWER, NAME, REASON = (4, 120), 4000, 8000, 20, 300
P = TypeVar("P", Question, Answer)
DOUBLE_CLICK = timedelta(minutes=2)
MASK_IT = "公开的文字里有联系方式，谁都能看到。我们替你遮住了，看一下再发。"


def ask(
    actor: Actor, product: Product, title: str, body: str, name: str, terms: Sequence[tuple[str, int]] | None = None
) -> Question:
    """Ask under a product. `terms` are the question's words (`finding.terms_of`), cut before the unit of work. Raises
    Invalid with every wrong field, Refused when somebody asks too much."""
    kind, number = person(actor)
    title, body, name = clean(title).strip(), clean(body).strip(), clean(name).strip()
    side = side_of(actor, product)
    errors: dict[str, list[str]] = {}
    if not TITLE[0] <= len(title) <= TITLE[1]:
        errors["title"] = ["用一句话写明问题，4 到 120 个字。"]
    if len(body) > BODY:
        errors["body"] = ["太长了，请留下要点。"]
    if not product.active:
        errors["product"] = ["没有这个产品。"]
    if not 1 <= len(name) <= NAME:
        errors["name"] = ["写一个显示给大家的称呼，最多 20 个字。"]
    if side != "desk":
        errors |= {field: [MASK_IT] for field, text in (("title", title), ("body", body), ("name", name)) if contacts_in(text)}
    if errors:
        raise Invalid(errors=errors)
    in_turn(actor)
    same = (Question.product_id == product.id, Question.title == title, Question.body == body)
    if (twin := session().scalar(_twin(Question, kind, number, *same))) is not None:
        return twin
    _throttle(kind, number)
    held = _held(kind, number, side, f"{title}\n{body}\n{name}")
    question = Question(
        product_id=product.id, title=title, body=body, state=PENDING if held else SHOWN, held_for=held,
        author_kind=kind, author_id=number, author_name=name, side=side, organisation_id=actor.organisation_id,
    )  # fmt: skip
    session().add(question)
    session().flush()
    note(actor, "community.asked", question, after=question.state)
    _mark(actor, FOLLOW, question)
    finding.put(question, terms)
    return question


def answer(actor: Actor, question: Question, body: str, name: str) -> Answer:
    """Answer a shown question, or add to one's own. Raises Forbidden for everybody else."""
    kind, number = person(actor)
    if not may_answer(actor, question):
        raise Forbidden()
    body, name, side = clean(body).strip(), clean(name).strip()[:NAME], side_of(actor, question.product)
    errors: dict[str, list[str]] = {}
    if not body:
        errors["body"] = ["写点内容。"]
    if len(body) > ANSWER:
        errors["body"] = ["太长了，请留下要点。"]
    if side != "desk" and contacts_in(body):
        errors["body"] = [MASK_IT]
    if not name:
        errors["name"] = ["写一个显示给大家的称呼，最多 20 个字。"]
    if errors:
        raise Invalid(errors=errors)
    in_turn(actor)
    if (twin := session().scalar(_twin(Answer, kind, number, Answer.question_id == question.id, Answer.body == body))) is not None:
        return twin
    _throttle(kind, number)
    held = _held(kind, number, side, f"{body}\n{name}")
    row = Answer(
        question_id=question.id, body=body, state=PENDING if held else SHOWN, held_for=held,
        author_kind=kind, author_id=number, author_name=name, side=side, organisation_id=actor.organisation_id,
    )  # fmt: skip
    session().add(row)
    session().flush()
    note(actor, "community.answered", row, after=row.state)
    if row.state == SHOWN:
        answered(row)
        following.saw(actor, question)
    return row


def _twin(row: type[P], kind: str, number: int, *same: ColumnElement[bool]) -> Select[P]:
    """The very same words of the same person, moments ago: a double click, not a second post."""
    own = (row.author_kind == kind, row.author_id == number, row.created_at > now() - DOUBLE_CLICK)
    return select(row).where(*own, *same).order_by(row.id.desc()).limit(1)


def answered(row: Answer) -> None:
    """An answer can be read from now on, or no longer: the question counts its answers and comes to the front."""
    question = row.question
    counted = select(func.count()).where(Answer.question_id == question.id, Answer.state == SHOWN, Answer.side != "customer")
    question.answer_count = session().scalar(counted) or 0
    if row.state == SHOWN:
        question.active_at = now()
    elif question.accepted_answer_id == row.id:
        question.accepted_answer_id = None
    session().flush()
    if row.state != SHOWN:
        record(PostHidden(question_id=question.id))
    elif row.side != "customer":  # what the author adds is no answer
        record(QuestionMoved(question_id=question.id, answer_id=row.id, best=False, by_kind=row.author_kind, by_id=row.author_id))


def accept(actor: Actor, question: Question, row: Answer | None) -> None:
    """Say which answer solved it; none takes the word back."""
    if not may_accept(actor, question) or (row is not None and (row.question_id != question.id or row.state != SHOWN)):
        raise Forbidden()
    before, question.accepted_answer_id = question.accepted_answer_id, row.id if row is not None else None
    session().flush()
    note(actor, "community.accepted", question, after=question.accepted_answer_id)
    if row is not None and row.id != before:
        question.active_at = now()
        record(QuestionMoved(question_id=question.id, answer_id=row.id, best=True, by_kind=actor.kind, by_id=actor.id))
        session().flush()
        following.saw(actor, question)


def vote(actor: Actor, post: Post, wanted: bool | None = None) -> bool:
    """One vote of a person for somebody else's post. `wanted`: whether it shall stand, so that saying it twice is the same
    as once; None turns it round. True when it stands."""
    if is_author(actor, post):
        raise Refused("自己的内容不能自己投票。")
    stands, moved = _set(actor, "vote", post, wanted)
    if not moved:
        return stands
    row = type(post)
    # The version stays: a vote changes nothing that is written.
    changed = update(row).where(row.id == post.id).values(vote_count=row.vote_count + (1 if stands else -1))
    session().execute(changed.execution_options(synchronize_session=False))
    session().refresh(post, ["vote_count"])
    return stands


def follow(actor: Actor, question: Question, wanted: bool | None = None) -> bool:
    """Follow a question, or no longer (`wanted` as with a vote). True when it is followed now."""
    return _set(actor, FOLLOW, question, wanted)[0]


def report(actor: Actor, post: Post, reason: str) -> None:
    """Tell the moderators that something is wrong with a post. It stays until one of them decides."""
    reason = clean(reason).strip()
    if not reason or len(reason) > REASON:
        raise Invalid.of("reason", "写一句哪里不合适，最多 300 个字。")
    in_turn(actor)
    if _find(actor, "report", post) is None:
        _mark(actor, "report", post, reason)
        note(actor, "community.reported", post)


def marks_of(actor: Actor, question: Question, answer_ids: list[int]) -> set[tuple[str, str, int]]:
    """(mark, kind of post, id) of what this person did here."""
    kind, number = person(actor)
    rows = session().execute(
        select(PersonMark.mark, PersonMark.about, PersonMark.about_id).where(
            PersonMark.person_kind == kind,
            PersonMark.person_id == number,
            PersonMark.about_id.in_([question.id, *answer_ids]),
        )
    )
    return {(mark, post, post_id) for mark, post, post_id in rows}


def post_kind(post: Post) -> str:
    return "question" if isinstance(post, Question) else "answer"


def _held(kind: str, number: int, side: str, text: str) -> str:
    """Why this text of this author waits for a moderator; empty where it need not."""
    shown = sum(
        session().scalar(
            select(func.count()).where(row.author_kind == kind, row.author_id == number, row.state == SHOWN)
        ) or 0
        for row in (Question, Answer)
    )  # fmt: skip
    found = words.found_in(text, words.in_force())
    return held_for(text, side=side, shown_before=shown, words=found)[:200]


def _throttle(kind: str, number: int) -> None:
    since = now() - timedelta(days=1)
    written = sum(
        session().scalar(
            select(func.count()).where(row.author_kind == kind, row.author_id == number, row.created_at > since)
        ) or 0
        for row in (Question, Answer)
    )  # fmt: skip
    if written >= rules().per_day:
        raise Refused("今天发得太多了，明天再来。急的话，直接提交请求，由人来答。")


def _find(actor: Actor, mark: str, post: Post) -> PersonMark | None:
    kind, number = person(actor)
    return session().scalar(
        select(PersonMark).where(
            PersonMark.mark == mark, PersonMark.about == post_kind(post), PersonMark.about_id == post.id,
            PersonMark.person_kind == kind, PersonMark.person_id == number,
        )
    )  # fmt: skip


def _mark(actor: Actor, mark: str, post: Post, said: str = "") -> None:
    kind, number = person(actor)
    session().add(PersonMark(mark=mark, about=post_kind(post), about_id=post.id, person_kind=kind, person_id=number, words=said))
    try:
        session().flush()
    except IntegrityError:  # a double click: its twin was first
        raise Refused("已经记下了。") from None


def _set(actor: Actor, mark: str, post: Post, wanted: bool | None) -> tuple[bool, bool]:
    """(whether the mark stands now, whether that is new)."""
    in_turn(actor)
    row = _find(actor, mark, post)
    wanted = row is None if wanted is None else wanted
    if wanted is (row is not None):
        return wanted, False
    if row is not None:
        session().delete(row)
        session().flush()
    else:
        _mark(actor, mark, post)
    return wanted, True
