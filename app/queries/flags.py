"""Lists of what colleagues found wrong in articles."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.orm import selectinload

from app.core.clock import now
from app.core.db import session
from app.core.permissions import Actor
from app.queries.cursors import read_cursor, write_cursor
from knowledge.loop.flags import readable
from knowledge.loop_models import OPEN, ArticleFlag

PAGE = 30


@dataclass(frozen=True)
class FlagPage:
    """Some flags; open ones with the nearest due date first, others the newest first."""

    flags: list[ArticleFlag]
    next: str | None
    counts: dict[str, int]


def flag_page(actor: Actor, view: str, cursor: str = "") -> FlagPage:
    """`view`: "" (open), overdue, mine, closed; keyset paging."""
    views: dict[str, list[ColumnElement[bool]]] = {
        "": [ArticleFlag.state == OPEN],
        "overdue": [ArticleFlag.state == OPEN, ArticleFlag.due_at < now()],
        "mine": [ArticleFlag.reporter_id == (actor.id or -1)],
        "closed": [ArticleFlag.state != OPEN],
    }
    may = readable(actor)
    counts = {
        name: session().scalar(select(func.count()).select_from(ArticleFlag).where(may, *conditions)) or 0
        for name, conditions in views.items()
    }
    rows = select(ArticleFlag).where(may, *views[view]).options(
        selectinload(ArticleFlag.article), selectinload(ArticleFlag.reporter), selectinload(ArticleFlag.owner)
    )  # fmt: skip
    place = read_cursor(cursor)
    if view in ("", "overdue"):
        rows = rows.order_by(ArticleFlag.due_at, ArticleFlag.id)
        if place is not None:
            rows = rows.where(tuple_(ArticleFlag.due_at, ArticleFlag.id) > place)
    else:
        rows = rows.order_by(ArticleFlag.id.desc())
        if place is not None:
            rows = rows.where(ArticleFlag.id < place[1])
    found = list(session().scalars(rows.limit(PAGE + 1)))
    last = found[PAGE - 1] if len(found) > PAGE else None
    onward = write_cursor(last.due_at, last.id) if last else None
    return FlagPage(found[:PAGE], onward, counts)
