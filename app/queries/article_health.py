"""Articles by what is wrong with their health."""

from sqlalchemy import ColumnElement, Select, tuple_

from app.core.db import session
from knowledge.loop.figures import HEALTHY
from knowledge.loop_models import ArticleFigures
from knowledge.models import Article


def has_mark(name: str) -> ColumnElement[bool]:
    """The condition on ArticleFigures that the article has this mark, or any (`sick`)."""
    return ArticleFigures.worst < HEALTHY if name == "sick" else ArticleFigures.marks_text.contains(f" {name} ")


def worst_first(rows: Select[Article], cursor: str, page: int) -> tuple[list[Article], str | None]:
    """A page of articles, those with the worst mark first, and the cursor to go on from."""
    rows = rows.join(ArticleFigures, ArticleFigures.article_id == Article.id)
    worst, _sign, number = cursor.partition("_")
    if worst.isascii() and worst.isdecimal() and number.isascii() and number.isdecimal() and len(worst) < 3 and len(number) < 10:
        rows = rows.where(tuple_(ArticleFigures.worst, Article.id) > (int(worst), int(number)))
    found = list(session().scalars(rows.order_by(ArticleFigures.worst, Article.id).limit(page + 1)))
    if len(found) <= page:
        return found, None
    last = session().get_one(ArticleFigures, found[page - 1].id)
    return found[:page], f"{last.worst}_{last.article_id}"
