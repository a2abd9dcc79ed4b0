"""Reads the log of searches a stretch at a time, in the worker: what was missed goes to its gap, what was shown and opened
to the figures of its article and day. Each row counts once, whoever is killed when."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import select, update

from app.core.clock import now
from app.core.db import session
from knowledge.loop.misses import UNHELPFUL, UNOPENED, ZERO, Miss, gather, prepared
from knowledge.loop_models import ArticleDay, LoopCursor
from knowledge.models import Article, ArticleFeedback, SearchLog

CHUNK = 1000
SETTLED = timedelta(seconds=2)
"""A search without hits is a gap at once; this long another process may still be writing an earlier one."""
FOLLOWS_OPENING = ("portal",)
"""Where it is known whether a hit was opened; elsewhere an unopened search says nothing."""
Days = Counter[tuple[int, date]]


@dataclass(frozen=True)
class Stretch:
    """What a stretch of a log says. `after` is the place up to which it was read."""

    cursor: str
    after: int
    read: int
    misses: list[tuple[int, Miss]] = field(default_factory=list)
    shown: Days = field(default_factory=Counter)
    opened: Days = field(default_factory=Counter)


def place(name: str) -> int:
    row = session().get(LoopCursor, name)
    return row.last_id if row else 0


def is_due(name: str, every: timedelta) -> bool:
    """Whether what is done at this pace was not done for so long."""
    row = session().get(LoopCursor, name)
    return row is None or now() - row.at >= every


def move(name: str, last_id: int) -> None:
    """Remember how far a log was read, in a unit of work."""
    row = session().get(LoopCursor, name)
    if row is None:
        row = LoopCursor(name=name)
        session().add(row)
    row.last_id, row.at = last_id, now()
    session().flush()


def _rows(cursor: str, wait: timedelta) -> list[SearchLog]:
    rows = session().scalars(select(SearchLog).where(SearchLog.id > place(cursor)).order_by(SearchLog.id).limit(CHUNK))
    found, until = [], now() - wait
    for row in rows:
        if row.at > until:
            break
        found.append(row)
    return found


def read_zero(wait: timedelta = SETTLED) -> Stretch:
    """Searches that found nothing. Cuts words: outside a unit of work."""
    rows = _rows("zero", wait)
    return Stretch("zero", rows[-1].id if rows else 0, len(rows), _misses([row for row in rows if row.zero and row.gap_id is None]))


def read_settled(wait: timedelta) -> Stretch:
    """Searches old enough that a hit would have been opened by now."""
    rows = _rows("settled", wait)
    unserved = [
        row
        for row in rows
        if row.gap_id is None and (row.zero or (row.opened_article_id is None and row.where in FOLLOWS_OPENING))
    ]
    shown: Days = Counter()
    opened: Days = Counter()
    for row in rows:
        for article_id in set(row.shown):
            shown[article_id, row.at.date()] += 1
        if row.opened_article_id is not None:
            opened[row.opened_article_id, row.at.date()] += 1
    return Stretch("settled", rows[-1].id if rows else 0, len(rows), _misses(unserved), shown, opened)


def _misses(rows: Sequence[SearchLog]) -> list[tuple[int, Miss]]:
    found = []
    for row in rows:
        kind = ZERO if row.zero else UNOPENED
        miss = Miss(kind, row.query, row.where or "portal", row.at, row.level, row.product_id, tuple(row.shown))
        if ready := prepared([miss]):
            found.append((row.id, ready[0]))
    return found


def read_feedback() -> Stretch:
    """What readers said did not help: their words of the search, else what they missed."""
    rows = session().scalars(
        select(ArticleFeedback).where(ArticleFeedback.id > place("feedback")).order_by(ArticleFeedback.id).limit(CHUNK)
    ).all()
    found = []
    for row in rows:
        text = row.query or row.words
        article = session().get(Article, row.article_id)
        if row.helpful or not text or article is None:
            continue
        product = article.products[0].id if len(article.products) == 1 else None
        level = article.level if article.level in ("public", "client") else "agent"
        miss = Miss(UNHELPFUL, text, "portal", row.at, level, product, (row.article_id,))
        found += [(0, ready) for ready in prepared([miss])]
    return Stretch("feedback", rows[-1].id if rows else 0, len(rows), found)


def keep(stretch: Stretch) -> None:
    """Count a stretch, in a unit of work. One that was counted meanwhile by somebody else is left alone."""
    if not stretch.read or place(stretch.cursor) >= stretch.after:
        return
    for log_id, miss in stretch.misses:
        if log_id and not _still_unserved(log_id):
            continue
        gap_id = gather([miss])[0]
        if log_id:
            session().execute(update(SearchLog).where(SearchLog.id == log_id).values(gap_id=gap_id))
    add_days({"shown": stretch.shown, "opened": stretch.opened})
    move(stretch.cursor, stretch.after)


def _still_unserved(log_id: int) -> bool:
    row = session().execute(select(SearchLog.gap_id, SearchLog.opened_article_id).where(SearchLog.id == log_id)).one_or_none()
    return row is not None and row.gap_id is None and row.opened_article_id is None


def add_days(counts: dict[str, Days]) -> None:
    """Add to the figures of articles and days, in a unit of work; articles that are gone are left out."""
    keys = {key for days in counts.values() for key in days}
    if not keys:
        return
    ids, days = {article_id for article_id, _day in keys}, {day for _id, day in keys}
    known = set(session().scalars(select(Article.id).where(Article.id.in_(ids))))
    rows = session().scalars(select(ArticleDay).where(ArticleDay.article_id.in_(ids), ArticleDay.day.in_(days)))
    found = {(row.article_id, row.day): row for row in rows}
    for article_id, day in sorted(keys):
        if article_id not in known:
            continue
        row = found.get((article_id, day))
        if row is None:
            row = ArticleDay(article_id=article_id, day=day, shown=0, opened=0, followed=0, deflected=0)
            session().add(row)
        for column, amounts in counts.items():
            setattr(row, column, getattr(row, column) + amounts[article_id, day])
    session().flush()


@dataclass(frozen=True)
class Opening:
    """A search by somebody who is known, or by an anonymous browser, that opened an article."""

    log_id: int
    article_id: int
    at: datetime
    contact_id: int | None


def read_openings(wait: timedelta) -> tuple[list[Opening], int]:
    """Openings of customers that are old enough to say whether a ticket came after, and how far was read."""
    rows = _rows("followed", wait)
    found = [
        Opening(row.id, row.opened_article_id, row.at, row.contact_id)
        for row in rows
        if row.opened_article_id is not None and row.level in ("public", "client") and row.where == "portal"
    ]
    return found, rows[-1].id if rows else 0


def keep_openings(openings: Sequence[Opening], asked_after: set[int], after: int) -> None:
    """Count them, in a unit of work: `asked_after` are those whose person came with a ticket within the time."""
    if not after or place("followed") >= after:
        return
    followed: Days = Counter((o.article_id, o.at.date()) for o in openings)
    deflected: Days = Counter((o.article_id, o.at.date()) for o in openings if o.log_id not in asked_after)
    add_days({"followed": followed, "deflected": deflected})
    move("followed", after)
