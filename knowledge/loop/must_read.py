"""Articles that people of some roles or teams must have read by a day, who confirmed it, and who has not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import exists, func, select
from sqlalchemy.orm import selectinload

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, NotFound, Refused
from app.core.events import record
from app.core.people import Team, User
from app.core.permissions import ROLES, Actor, require
from app.core.text import clean
from app.core.turns import in_turn
from knowledge import release_news
from knowledge.access import access_article, access_editable, readable_articles, readers_among
from knowledge.loop.events import MustReadAsked
from knowledge.loop.flags import unseen_by
from knowledge.loop_models import ArticleFlag, MustRead, MustReadDone
from knowledge.models import Article

READERS = tuple(name for name, (_label, permissions) in ROLES.items() if "article.read" in permissions)
"""Roles that can be asked to read something."""


def ask(
    actor: Actor, article_id: int, *, roles: Sequence[str], team_ids: Sequence[int], due_on: date, note_text: str = "", each_revision: bool = True
) -> MustRead:
    """Ask for a published article to be read. Raises Invalid, Refused, NotFound, Forbidden."""
    require(actor, "article.publish")
    article = access_editable(actor, article_id)
    if article.state != "published":
        raise Refused("发布之后才能设为必读。")
    errors: dict[str, list[str]] = {}
    teams = set(session().scalars(select(Team.id).where(Team.id.in_(team_ids)))) if team_ids else set()
    if (not roles and not team_ids) or not set(roles) <= set(READERS) or teams != set(team_ids):
        errors["roles"] = ["至少选一个角色或一个团队。"]
    if due_on < now().date():
        errors["due_on"] = ["日期已经过了。"]
    if errors:
        raise Invalid(errors=errors)
    in_turn(actor)
    asked = (sorted(set(roles)), sorted(teams), clean(note_text).strip()[:300], due_on, each_revision)
    for twin in asked_for(article.id):  # a double click: nobody confirms the same thing twice
        if (twin.roles, twin.team_ids, twin.note, twin.due_on, twin.each_revision) == asked:
            return twin
    row = MustRead(
        article_id=article.id, roles=asked[0], team_ids=asked[1], note=asked[2], due_on=due_on, each_revision=each_revision,
        asked_by=actor.name[:80],
    )  # fmt: skip
    session().add(row)
    session().flush()
    note(actor, "mustread.asked", article, after=f"{due_on:%Y-%m-%d}", must_read=row.id)
    record(MustReadAsked(mustread_id=row.id, article_id=article.id))
    return row


def access_must_read(actor: Actor, must_read_id: int) -> MustRead:
    """The request, when its article is the actor's to read; raises NotFound."""
    row = session().get(MustRead, must_read_id) if 0 < must_read_id < 2**31 else None
    if row is None or row.ended_at is not None:
        raise NotFound()
    access_article(actor, row.article_id)
    return row


def end(actor: Actor, row: MustRead) -> None:
    """Nobody has to read it any more; who did stays known."""
    require(actor, "article.publish")
    row.ended_at = now()
    session().flush()
    note(actor, "mustread.ended", row.article, must_read=row.id)


def remind(actor: Actor, row: MustRead) -> list[User]:
    """Say when they were reminded; gives those who have not read it, for the caller to tell."""
    require(actor, "article.publish")
    people = missing(row)
    row.reminded_at = now()
    session().flush()
    note(actor, "mustread.reminded", row.article, after=len(people), must_read=row.id)
    return people


def missing(row: MustRead) -> list[User]:
    """Those who have not confirmed it."""
    return [state.user for state in standing(row) if state.at is None]


def fell_due(since: date) -> list[MustRead]:
    """What is to be read by today, or was since that day, and of which nobody was reminded on its day or after."""
    rows = select(MustRead).where(MustRead.ended_at.is_(None), MustRead.due_on <= now().date(), MustRead.due_on >= since)
    found = session().scalars(rows.options(selectinload(MustRead.article)).order_by(MustRead.id))
    return [row for row in found if row.reminded_at is None or row.reminded_at.date() < row.due_on]


def revision_of(row: MustRead) -> int:
    """The revision that must have been read; any will do where a new one does not ask again."""
    current = row.article.current
    return current.number if row.each_revision and current is not None else 0


def confirm(actor: Actor, row: MustRead) -> None:
    """The person says to have read it. Harmless to repeat."""
    if actor.kind != "user" or actor.id is None or not _addressed(row, actor):
        raise NotFound()
    in_turn(actor)
    if _confirmed(row, actor.id):
        return
    number = row.article.current.number if row.article.current else 0
    session().add(MustReadDone(must_read_id=row.id, user_id=actor.id, revision_number=number))
    session().flush()
    note(actor, "mustread.confirmed", row.article, after=number, must_read=row.id)


def _addressed(row: MustRead, actor: Actor) -> bool:
    return actor.role in row.roles or bool(set(row.team_ids) & set(actor.team_ids))


def _confirmed(row: MustRead, user_id: int) -> bool:
    done = select(func.max(MustReadDone.revision_number)).where(MustReadDone.must_read_id == row.id, MustReadDone.user_id == user_id)
    newest = session().scalar(done)
    return newest is not None and newest >= revision_of(row)


def owed(actor: Actor) -> list[MustRead]:
    """What the person must still read, the most urgent first. An article that is not theirs to read asks nothing."""
    if actor.kind != "user" or actor.id is None or not actor.can("article.read"):
        return []
    rows = select(MustRead).where(MustRead.ended_at.is_(None)).options(selectinload(MustRead.article))
    asked = [r for r in session().scalars(rows.order_by(MustRead.due_on, MustRead.id)) if _addressed(r, actor)]
    if not asked:
        return []
    done = select(MustReadDone.must_read_id, func.max(MustReadDone.revision_number)).where(
        MustReadDone.user_id == actor.id, MustReadDone.must_read_id.in_([row.id for row in asked])
    )
    read: dict[int, int] = dict(session().execute(done.group_by(MustReadDone.must_read_id)).all())
    readable = readable_articles(actor).where(Article.id.in_([row.article_id for row in asked])).with_only_columns(Article.id)
    theirs = set(session().scalars(readable))
    return [row for row in asked if row.article_id in theirs and read.get(row.id, -1) < revision_of(row)]


def waiting(actor: Actor) -> tuple[bool, int, bool]:
    """Whether anybody must read anything, how many of the actor's flags have an answer that they have not seen, and whether
    a release came out that they have not noted. One statement, because every page of the desk asks."""
    unseen = select(func.count()).select_from(ArticleFlag).where(*unseen_by(actor))
    asked = exists().where(MustRead.ended_at.is_(None))
    released = exists().where(*release_news.unseen(actor))
    found = session().execute(select(asked, unseen.scalar_subquery(), released)).one()
    return bool(found[0]), int(found[1]), bool(found[2])


@dataclass(frozen=True)
class Standing:
    """One addressed person: when they confirmed the revision that counts, or not yet."""

    user: User
    at: object | None


def standing(row: MustRead) -> list[Standing]:
    """Everybody who is addressed and may read it, those who have not read it first."""
    users = select(User).where(User.active).options(selectinload(User.teams)).order_by(User.display_name, User.id)
    done = select(MustReadDone.user_id, func.max(MustReadDone.at)).where(
        MustReadDone.must_read_id == row.id, MustReadDone.revision_number >= revision_of(row)
    )
    read = dict(session().execute(done.group_by(MustReadDone.user_id)).all())
    asked = [user for user in session().scalars(users) if _addressed(row, actor := user.actor("check")) and actor.can("article.read")]
    readers = readers_among(row.article, asked)
    found = [Standing(user, read.get(user.id)) for user in asked if user.id in readers]
    return sorted(found, key=lambda s: s.at is not None)


def asked_for(article_id: int) -> list[MustRead]:
    """What is asked for this article now."""
    rows = select(MustRead).where(MustRead.article_id == article_id, MustRead.ended_at.is_(None)).order_by(MustRead.id)
    return list(session().scalars(rows))
