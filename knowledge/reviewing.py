"""What is said about a draft while it is reviewed: comments at its words, answers, and what was settled."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, case, func, select

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, NotFound
from app.core.events import record
from app.core.permissions import Actor, require
from app.core.text import clean
from app.core.turns import in_turn
from knowledge.access import may_edit
from knowledge.editing_events import ReviewAsked, WriterTold
from knowledge.editing_models import ASKED, RETURNED, SAID, ReviewComment
from knowledge.editing_rules import rules
from knowledge.models import Article, Revision

LONGEST, LONGEST_QUOTE = 2000, 300
DOUBLE_CLICK = timedelta(minutes=2)
_ADDRESS = re.compile(r"\]\([^()\s]*\)")
NOTES = {"submit": ASKED, "return": RETURNED}
"""Steps whose reason is kept among the comments, so that it is read where the work is."""


@dataclass(frozen=True)
class Thread:
    """A comment and its answers. `quoted`: its words still stand in the newest text."""

    first: ReviewComment
    answers: list[ReviewComment]
    quoted: bool


def newest_of(article: Article) -> Revision | None:
    """The text that is being reviewed."""
    return article.draft or article.current


def threads(article: Article) -> list[Thread]:
    """Everything that was said, the open threads first, each in its order."""
    rows = session().scalars(select(ReviewComment).where(ReviewComment.article_id == article.id).order_by(ReviewComment.id))
    answers: dict[int, list[ReviewComment]] = {}
    first = []
    for row in rows:
        if row.parent_id is None:
            first.append(row)
        else:
            answers.setdefault(row.parent_id, []).append(row)
    newest = newest_of(article)
    text = _letters(f"{newest.title}\n{newest.body}") if newest else ""
    found = [Thread(row, answers.get(row.id, []), _letters(row.quote) in text) for row in first]
    return sorted(found, key=lambda thread: thread.first.resolved_at is not None)


def _letters(text: str) -> str:
    """Letters and digits alone: people mark what they read, which has no signs of Markdown and no addresses of links."""
    return "".join(letter for letter in _ADDRESS.sub("]", text) if letter.isalnum())


def open_count(article: Article) -> int:
    """How many comments wait for an answer; the notes of steps do not."""
    rows = select(func.count()).where(
        ReviewComment.article_id == article.id, ReviewComment.parent_id.is_(None), ReviewComment.kind == SAID,
        ReviewComment.resolved_at.is_(None),
    )  # fmt: skip
    return session().scalar(rows) or 0


def standings(article_ids: Collection[int]) -> dict[int, tuple[int, bool]]:
    """Of each article that was spoken of: how many comments wait, and whether it was ever sent back."""
    waits = and_(ReviewComment.kind == SAID, ReviewComment.parent_id.is_(None), ReviewComment.resolved_at.is_(None))
    rows = select(
        ReviewComment.article_id, func.sum(case((waits, 1), else_=0)), func.max(case((ReviewComment.kind == RETURNED, 1), else_=0))
    ).where(ReviewComment.article_id.in_(article_ids))
    found = session().execute(rows.group_by(ReviewComment.article_id)).all() if article_ids else ()
    return {article_id: (int(open_), bool(returned)) for article_id, open_, returned in found}


def comment(actor: Actor, article: Article, text: str, *, quote: str = "", parent_id: int | None = None) -> ReviewComment:
    """Say something about the newest text, at the words `quote`, or answer. The writer of the text, or of the comment
    that is answered, is told. Raises Invalid on field `text`, NotFound for another article's thread."""
    require(actor, "article.write")
    if not may_edit(actor, article):
        raise NotFound()
    text = clean(text).strip()
    if not text or len(text) > LONGEST:
        raise Invalid.of("text", "写一句意见，最多 2000 字。")
    parent = access_comment(article, parent_id) if parent_id is not None else None
    newest = newest_of(article)
    quote = "" if parent else " ".join(clean(quote).split())[:LONGEST_QUOTE]
    in_turn(actor)
    if twin := _twin(actor, article, text, quote, parent.id if parent else None):
        return twin
    row = ReviewComment(
        article_id=article.id, revision_id=newest.id if newest else None, parent_id=parent.id if parent else None, text=text,
        quote=quote, author_id=_who(actor), author=actor.name[:80],
    )  # fmt: skip
    session().add(row)
    if parent is not None and parent.resolved_at is not None:
        parent.resolved_at, parent.resolved_by = None, ""
    session().flush()
    note(actor, "article.comment", article, reason=text[:300])
    listener = parent.author_id if parent else (newest.author_id if newest else None)
    if listener is not None and listener != actor.id:
        record(WriterTold(article_id=article.id, user_id=listener, what="commented", comment_id=row.id))
    return row


def _twin(actor: Actor, article: Article, text: str, quote: str, parent_id: int | None) -> ReviewComment | None:
    """The very same words of the same person, moments ago: a double click, not a second comment."""
    same = (ReviewComment.text == text, ReviewComment.quote == quote, ReviewComment.parent_id == parent_id, ReviewComment.kind == SAID)
    own = (ReviewComment.article_id == article.id, ReviewComment.author_id == _who(actor), ReviewComment.created_at > now() - DOUBLE_CLICK)
    return session().scalar(select(ReviewComment).where(*own, *same).limit(1))


def access_comment(article: Article, number: int) -> ReviewComment:
    """The first comment of a thread of this article; raises NotFound."""
    row = session().get(ReviewComment, number) if 0 < number < 2**31 else None
    if row is None or row.article_id != article.id or row.parent_id is not None:
        raise NotFound()
    return row


def settle(actor: Actor, article: Article, number: int, settled: bool = True) -> ReviewComment:
    """Mark a thread as dealt with, or as open again."""
    require(actor, "article.write")
    if not may_edit(actor, article):
        raise NotFound()
    row = access_comment(article, number)
    row.resolved_at, row.resolved_by = (now(), actor.name[:80]) if settled else (None, "")
    session().flush()
    return row


def note_step(actor: Actor, article: Article, step: str, reason: str) -> None:
    """Keep what was said with a submit or a return among the comments; the writer hears of a return, whoever reviews
    of a submit."""
    newest = newest_of(article)
    if step not in NOTES:
        return
    if step == "submit" and not reason:
        record(ReviewAsked(article_id=article.id, user_id=_who(actor), comment_id=None))
        return
    row = ReviewComment(
        article_id=article.id, revision_id=newest.id if newest else None, kind=NOTES[step], text=reason[:LONGEST],
        author_id=_who(actor), author=actor.name[:80],
    )  # fmt: skip
    session().add(row)
    session().flush()
    if step == "submit":
        record(ReviewAsked(article_id=article.id, user_id=_who(actor), comment_id=row.id))
    if step == "return" and newest is not None and newest.author_id not in (None, actor.id):
        record(WriterTold(article_id=article.id, user_id=newest.author_id or 0, what="returned", comment_id=row.id))


def is_own_work(actor: Actor, article: Article) -> bool:
    """Whether four eyes are asked for and these two would be the same: who wrote the newest revision may not publish it."""
    draft = article.draft
    return rules().four_eyes and actor.kind == "user" and draft is not None and draft.author_id == actor.id


def _who(actor: Actor) -> int | None:
    return actor.id if actor.kind == "user" else None
