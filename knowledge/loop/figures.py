"""How articles do, and what is wrong with their health: computed by the worker, read by pages.

stale         its review is due
contradicted  a colleague flagged it, its product has a newer release than its review, or another article of the product
              has the same code in its title and another text
low_help      at least five readers said, and less than half that it helped
never_found   published for a month, and no search showed it, though there were searches
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from app.core.catalogue import Release
from app.core.clock import now
from app.core.db import session
from knowledge.analysis import fold
from knowledge.care import is_due
from knowledge.loop_models import MARKS, OPEN, ArticleDay, ArticleFigures, ArticleFlag
from knowledge.models import Article, ArticleFeedback, article_product
from knowledge.release_news import behind_gate

FEWEST_SAID, LOW = 5, 0.5
YOUNG = timedelta(days=30)
HEALTHY = 9
STRETCH = 300
_CODE = re.compile(r"(?<![a-z0-9])[a-z]{1,4}-?\d{2,5}(?![a-z0-9])")
Why = list[list[Any]]


def stretches() -> Iterator[list[int]]:
    """Ids of all published articles, some at a time."""
    ids = list(session().scalars(select(Article.id).where(Article.state == "published").order_by(Article.id)))
    session().rollback()
    for start in range(0, len(ids), STRETCH):
        yield ids[start : start + STRETCH]


def compute(article_ids: Sequence[int], since: datetime, used: Mapping[int, int]) -> None:
    """Write the figures of these articles, in a unit of work. `used` are numbers of tickets, by article."""
    rows = select(Article).where(Article.id.in_(article_ids)).options(selectinload(Article.products), selectinload(Article.current))
    articles = list(session().scalars(rows))
    days, said = _days(article_ids, since), _said(articles, since)
    newest, codes, flagged = _releases(articles), _codes(articles), _flagged(article_ids)
    due = set(session().scalars(select(Article.id).where(Article.id.in_(article_ids), is_due())))
    searched = session().scalar(select(ArticleDay.id).where(ArticleDay.day >= since.date()).limit(1)) is not None
    for article in articles:
        row = session().get(ArticleFigures, article.id)
        if row is None:
            row = ArticleFigures(article_id=article.id)
            session().add(row)
        row.shown, row.opened, row.followed, row.deflected = days.get(article.id, (0, 0, 0, 0))
        row.used = used.get(article.id, 0)
        row.helpful, row.rated = said.get(article.id, (0, 0))
        row.share = row.helpful / row.rated if row.rated else None
        row.why = _why(article, row, newest, codes, flagged, due, searched)
        set_marks(row)
        row.computed_at = now()
    session().flush()


def set_marks(row: ArticleFigures) -> None:
    """The marks, from their reasons."""
    row.marks = [mark for mark in MARKS if any(why[0] == mark for why in row.why)]
    row.marks_text = f" {' '.join(row.marks)} " if row.marks else ""
    row.worst = MARKS.index(row.marks[0]) if row.marks else HEALTHY


def _days(ids: Sequence[int], since: datetime) -> dict[int, tuple[int, int, int, int]]:
    sums = (func.sum(column) for column in (ArticleDay.shown, ArticleDay.opened, ArticleDay.followed, ArticleDay.deflected))
    rows = select(ArticleDay.article_id, *sums).where(ArticleDay.article_id.in_(ids), ArticleDay.day >= since.date())
    return {row[0]: (int(row[1]), int(row[2]), int(row[3]), int(row[4])) for row in session().execute(rows.group_by(ArticleDay.article_id))}


def _said(articles: Sequence[Article], since: datetime) -> dict[int, tuple[int, int]]:
    """What readers said of the text that they read now: what was said before it was published was of another."""
    begun = {a.id: max(since, a.published_at or since) for a in articles}
    rows = select(ArticleFeedback.article_id, ArticleFeedback.helpful, ArticleFeedback.at)
    found: defaultdict[int, list[bool]] = defaultdict(list)
    for article_id, helpful, at in session().execute(rows.where(ArticleFeedback.article_id.in_(begun), ArticleFeedback.at >= since)):
        if at >= begun[article_id]:
            found[article_id].append(helpful)
    return {article_id: (sum(said), len(said)) for article_id, said in found.items()}


def _releases(articles: Sequence[Article]) -> dict[int, list[Release]]:
    """Releases by product."""
    products = {product.id for article in articles for product in article.products}
    found: defaultdict[int, list[Release]] = defaultdict(list)
    rows = select(Release).where(Release.product_id.in_(products), Release.released_on.is_not(None), Release.id.not_in(behind_gate()))
    for release in session().scalars(rows.order_by(Release.released_on)):
        found[release.product_id].append(release)
    return found


def codes_of(title: str) -> set[str]:
    """Fault codes and the like in a title: E07, ORA-600."""
    return {code.replace("-", "") for code in _CODE.findall(fold(title))}


def _codes(articles: Sequence[Article]) -> dict[tuple[int, str], list[tuple[int, str]]]:
    """All published articles by product and code in their title, as (id, title)."""
    products = {product.id for article in articles for product in article.products}
    rows = select(article_product.c.product_id, Article.id, Article.title).join(Article, Article.id == article_product.c.article_id)
    rows = rows.where(article_product.c.product_id.in_(products), Article.state == "published", Article.kind == "fault")
    found: defaultdict[tuple[int, str], list[tuple[int, str]]] = defaultdict(list)
    for product_id, article_id, title in session().execute(rows.order_by(Article.id)):
        for code in codes_of(title):
            found[product_id, code].append((article_id, title))
    return found


def _flagged(ids: Sequence[int]) -> dict[int, int]:
    rows = select(ArticleFlag.article_id, func.count()).where(ArticleFlag.article_id.in_(ids), ArticleFlag.state == OPEN)
    return dict(session().execute(rows.group_by(ArticleFlag.article_id)).all())


def _why(
    article: Article, row: ArticleFigures, releases: Mapping[int, list[Release]],
    codes: Mapping[tuple[int, str], list[tuple[int, str]]], flagged: Mapping[int, int], due: set[int], searched: bool,
) -> Why:  # fmt: skip
    """Each reason as [mark, message id, data]."""
    found: Why = []
    if number := flagged.get(article.id):
        found.append(["contradicted", "%(n)s 条「这条有误」还没处理", {"n": number}])
    looked_at = article.reviewed_at or article.published_at
    for product in article.products:
        newer = [r for r in releases.get(product.id, ()) if looked_at and r.released_on and r.released_on > looked_at.date()]
        if newer and newer[-1].released_on and newer[-1].released_on <= now().date() and newer[-1].name not in article.valid_for:
            found.append(["contradicted", "%(product)s 有了新版本 %(release)s，复核之后才发布", {"product": product.code, "release": newer[-1].name}])
        if article.kind != "fault":
            continue
        for code in sorted(codes_of(article.title) - codes_of(product.code)):  # the name of the product is no code of a fault
            others = [title for other, title in codes.get((product.id, code), ()) if other != article.id]
            if others:
                found.append(["contradicted", "另一篇也讲 %(code)s：%(title)s", {"code": code.upper(), "title": others[0][:80]}])
    if row.rated >= FEWEST_SAID and row.share is not None and row.share < LOW:
        found.append(["low_help", "%(n)s 人评价，%(yes)s 人说解决了", {"n": row.rated, "yes": row.helpful}])
    if article.id in due:
        found.append(["stale", "上次复核已经太久，或者到了约好的日子", {}])
    if searched and not row.shown and article.published_at and now() - article.published_at > YOUNG:
        found.append(["never_found", "发布一个月以上，没有一次搜索显示过它", {}])
    return found
