"""「这条有误」: a colleague says what is wrong in an article, its owner puts it right by a date, and the colleague hears it."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select, true
from sqlalchemy.orm import selectinload

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, NotFound, Refused, Stale
from app.core.events import record
from app.core.people import User
from app.core.permissions import ROLES, Actor, require
from app.core.text import clean
from app.core.turns import in_turn
from knowledge.access import access_article, editable_articles, may_edit
from knowledge.care import care_of
from knowledge.loop.events import FlagClosed, FlagRaised
from knowledge.loop.figures import set_marks
from knowledge.loop_models import OPEN, REJECTED, RESOLVED, ArticleFigures, ArticleFlag
from knowledge.models import Article

LONGEST = 1000


def raise_flag(
    actor: Actor, article_id: int, words: str, quote: str = "", *, days: int, ticket_id: int | None = None
) -> ArticleFlag:
    """Say what is wrong. It goes to who looks after the article, or to all editors, and is due in `days`. The article's
    health says so at once. Raises Invalid, NotFound, Forbidden."""
    require(actor, "article.read")
    article = access_article(actor, article_id)
    words, quote = clean(words).strip(), clean(quote).strip()
    if not words:
        raise Invalid.of("words", "写明哪里不对。")
    if len(words) > LONGEST:
        raise Invalid.of("words", "太长了。")
    in_turn(actor)
    if twin := _twin(actor, article, words, quote[:LONGEST]):
        return twin
    owner = session().get(User, care_of(article).owner_id or 0)
    minds = owner is not None and owner.active and may_edit(owner.actor("check"), article)  # a product may have changed hands
    flag = ArticleFlag(
        article_id=article.id, revision_number=article.current.number if article.current else 0, quote=quote[:LONGEST], words=words,
        ticket_id=ticket_id, reporter_id=actor.id if actor.kind == "user" else None,
        owner_id=owner.id if owner is not None and minds else None, due_at=now() + timedelta(days=days), state=OPEN, answer="",
    )  # fmt: skip
    session().add(flag)
    session().flush()
    _tell_health(article)
    note(actor, "flag.raised", flag, article=article.id)
    record(FlagRaised(flag_id=flag.id, version=flag.version, article_id=article.id))
    return flag


def _twin(actor: Actor, article: Article, words: str, quote: str) -> ArticleFlag | None:
    """The very same words of the same person, still without an answer: a double click, or an impatient second time."""
    same = (ArticleFlag.words == words, ArticleFlag.quote == quote, ArticleFlag.reporter_id == actor.id, ArticleFlag.state == OPEN)
    return session().scalar(select(ArticleFlag).where(ArticleFlag.article_id == article.id, *same).limit(1)) if actor.kind == "user" else None


def _mine_or_all(actor: Actor) -> ColumnElement[bool]:
    """Editors see the flags of what they may edit, everybody else their own."""
    own: ColumnElement[bool] = ArticleFlag.reporter_id == (actor.id or -1)
    if not actor.can("article.write"):
        return own
    return own | ArticleFlag.article_id.in_(editable_articles(actor).with_only_columns(Article.id))


def readable(actor: Actor) -> ColumnElement[bool]:
    """The condition on ArticleFlag that the actor may read it."""
    require(actor, "article.read")
    return true() if actor.can("article.publish") else _mine_or_all(actor)


def access_flag(actor: Actor, flag_id: int) -> ArticleFlag:
    """The flag, when it is the actor's to read; raises NotFound."""
    if not 0 < flag_id < 2**31:
        raise NotFound()
    found = session().scalar(select(ArticleFlag).where(ArticleFlag.id == flag_id, readable(actor)))
    if found is None:
        raise NotFound()
    return found


def may_close(actor: Actor, flag: ArticleFlag) -> bool:
    """Whether the actor may answer it: whoever may change the article."""
    return flag.state == OPEN and actor.can("article.write") and may_edit(actor, flag.article)


def assign(actor: Actor, flag: ArticleFlag, owner_id: int | None = None) -> None:
    """Give it to a colleague who writes knowledge, or take it oneself."""
    if not may_close(actor, flag):
        raise NotFound()
    owner = session().get(User, owner_id or actor.id or 0)
    if owner is None or not owner.active or "article.write" not in ROLES[owner.role][1]:
        raise Invalid.of("owner", "没有这个人，或不写知识。")
    if not may_edit(owner.actor("check"), flag.article):
        raise Invalid.of("owner", "这个人不能改这篇知识。")
    before, flag.owner_id = flag.owner.label if flag.owner else None, owner.id
    session().flush()
    session().expire(flag, ["owner"])
    note(actor, "flag.assigned", flag, before=before, after=owner.label)


def settle(actor: Actor, flag: ArticleFlag, state: str, answer: str, version: int | None = None) -> None:
    """Say that it is put right, or why it is not wrong; whoever reported it reads the answer."""
    if state not in (RESOLVED, REJECTED):
        raise NotFound()
    if version is not None and version != flag.version:
        raise Stale()
    if flag.state != OPEN:
        raise Refused("这一条已经有结果了。")
    if not may_close(actor, flag):
        raise NotFound()
    answer = clean(answer).strip()
    if not answer:
        raise Invalid.of("answer", "写明改了什么，或者为什么没有错。")
    flag.state, flag.answer, flag.closed_at, flag.closed_by = state, answer[:LONGEST], now(), actor.name[:80]
    if flag.reporter_id == actor.id:
        flag.seen_at = now()
    session().flush()
    _tell_health(flag.article)
    note(actor, "flag.resolved" if state == RESOLVED else "flag.rejected", flag, reason=flag.answer)
    record(FlagClosed(flag_id=flag.id, version=flag.version, article_id=flag.article_id))


def fell_due(since: datetime, most: int = 200) -> list[ArticleFlag]:
    """What should have had its answer since then, and has none."""
    rows = select(ArticleFlag).where(ArticleFlag.state == OPEN, ArticleFlag.due_at <= now(), ArticleFlag.due_at > since)
    rows = rows.options(selectinload(ArticleFlag.owner)).order_by(ArticleFlag.due_at, ArticleFlag.id).limit(most)
    return list(session().scalars(rows))


def waiting(actor: Actor) -> tuple[int, int]:
    """How many findings wait for an answer that this editor may read, and how many of these are overdue."""
    late = func.coalesce(func.sum(case((ArticleFlag.due_at < now(), 1), else_=0)), 0)
    found = session().execute(select(func.count(), late).select_from(ArticleFlag).where(ArticleFlag.state == OPEN, readable(actor))).one()
    return int(found[0]), int(found[1])


def see(actor: Actor) -> None:
    """Whoever looks at their flags has seen the answers."""
    rows = select(ArticleFlag).where(ArticleFlag.reporter_id == (actor.id or -1), ArticleFlag.state != OPEN)
    for flag in session().scalars(rows.where(ArticleFlag.seen_at.is_(None))):
        flag.seen_at = now()
    session().flush()


def unseen_by(actor: Actor) -> tuple[ColumnElement[bool], ...]:
    """The actor's flags that have an answer which they have not seen."""
    return ArticleFlag.reporter_id == (actor.id or -1), ArticleFlag.state != OPEN, ArticleFlag.seen_at.is_(None)


def open_of(article: Article) -> list[ArticleFlag]:
    """What is said to be wrong in an article now."""
    rows = select(ArticleFlag).where(ArticleFlag.article_id == article.id, ArticleFlag.state == OPEN)
    return list(session().scalars(rows.order_by(ArticleFlag.id)))


def _tell_health(article: Article) -> None:
    """The health of an article says at once that a flag is open, or that none is."""
    row = session().get(ArticleFigures, article.id)
    if row is None:
        row = ArticleFigures(article_id=article.id, why=[], marks=[])
        session().add(row)
    count = len(open_of(article))
    rest = [why for why in row.why if not (why[0] == "contradicted" and "n" in why[2])]
    row.why = [*([["contradicted", "%(n)s 条「这条有误」还没处理", {"n": count}]] if count else []), *rest]
    set_marks(row)
    session().flush()
