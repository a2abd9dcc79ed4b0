"""What colleagues hear of the loop: an article of theirs was found wrong, that is overdue or given to them, their finding
has an answer, something is to be read."""

from collections.abc import Collection
from datetime import date, timedelta

from sqlalchemy import select

from app import letters
from app.core.clock import now
from app.core.db import session
from app.core.people import User
from channels.reaching import ladder
from channels.reaching.models import Outreach
from knowledge import care
from knowledge.loop import flags, must_read
from knowledge.loop.events import FlagClosed, FlagRaised
from knowledge.loop_models import RESOLVED, ArticleFlag, MustRead

Said = tuple[str, str]
LATE_DAYS = 3
"""What fell due longer ago is not told any more: it stands in the lists, and the house may have stood still."""
AT_ONCE, ASKED_AT_ONCE = 20, 500
"""So many people are reminded in one unit of work, for it holds SQLite's only write lock: the next minute goes on. And so
many keys stand in one statement."""


def tell_owner(event: FlagRaised) -> None:
    """Whoever looks after the article hears what is said to be wrong; without one it stands in the editors' list."""
    flag = session().get(ArticleFlag, event.flag_id)
    if flag is None or flag.owner is None or not flag.owner.active or flag.owner_id == flag.reporter_id:
        return
    title, due = flag.article.title, f"{flag.due_at:%Y-%m-%d}"
    zh = (f"有人说这条有误：{title}", f"{flag.words}\n请在 {due} 之前改正，或者说明为什么没有错。")
    en = (f"Reported as wrong: {title}", f"{flag.words}\nPlease put it right, or say why it is not wrong, by {due}.")
    _tell(flag.owner, f"flag-raised-{flag.id}", zh, en, "/knowledge/flags")  # data


def tell_assigned(flag: ArticleFlag, by: int | None) -> None:
    """Whoever is given a finding hears of it, unless they took it themselves. In a unit of work."""
    if flag.owner is None or not flag.owner.active or flag.owner_id == by:
        return
    title, due = flag.article.title, f"{flag.due_at:%Y-%m-%d}"
    zh = (f"交给你了：{title}", f"有人说这条有误：{flag.words}\n请在 {due} 之前改正，或者说明为什么没有错。")
    en = (f"Given to you: {title}", f"Reported as wrong: {flag.words}\nPlease put it right, or say why it is not wrong, by {due}.")
    _tell(flag.owner, f"flag-assigned-{flag.id}-{flag.owner_id}", zh, en, "/knowledge/flags")  # data


def remind_overdue() -> int:
    """Remind of what fell due: a finding without an answer, whoever has it, else all editors; an article that must be read
    by today, each who has not confirmed it. Each once, a few at a time. In a unit of work. Returns how many are told."""
    since = now() - timedelta(days=LATE_DAYS)
    late, unread = flags.fell_due(since), must_read.fell_due(since.date())
    editors = care.editors() if late else []
    owed: dict[str, tuple[User, ArticleFlag | MustRead]] = {}
    for flag in late:
        people = [flag.owner] if flag.owner is not None and flag.owner.active else editors
        owed |= {f"flag-overdue-{flag.id}-{user.id}": (user, flag) for user in people}
    for row in unread:
        owed |= {f"must-read-{row.id}-{user.id}-{row.due_on:%Y%m%d}": (user, row) for user in must_read.missing(row)}
    told = _told(owed)
    waiting = [key for key in owed if key not in told]
    for key in waiting[:AT_ONCE]:
        user, what = owed[key]
        if isinstance(what, ArticleFlag):
            _remind_to_answer(user, key, what)
        else:
            remind_to_read(user, key, what.article.title, what.due_on, what.article_id)
    left = {owed[key][1] for key in waiting[AT_ONCE:]}
    for row in unread:
        if row not in left:
            row.reminded_at = now()
    session().flush()
    return len(waiting[:AT_ONCE])


def _told(keys: Collection[str]) -> set[str]:
    """Those that were told already: asked together, for a clock asks every minute."""
    asked = list(keys)
    pieces = [asked[start : start + ASKED_AT_ONCE] for start in range(0, len(asked), ASKED_AT_ONCE)]
    return {key for piece in pieces for key in session().scalars(select(Outreach.key).where(Outreach.key.in_(piece)))}


def _remind_to_answer(user: User, key: str, flag: ArticleFlag) -> None:
    title, due = flag.article.title, f"{flag.due_at:%Y-%m-%d}"
    zh = (f"过期了，还没答复：{title}", f"有人说这条有误：{flag.words}\n应在 {due} 之前改正，或者说明为什么没有错。")
    en = (f"Overdue: {title}", f"Reported as wrong: {flag.words}\nIt should have been put right, or answered, by {due}.")
    _tell(user, key, zh, en, "/knowledge/flags?view=overdue")  # data


def tell_reporter(event: FlagClosed) -> None:
    """Whoever found it hears what became of it."""
    flag = session().get(ArticleFlag, event.flag_id)
    if flag is None or flag.reporter is None or not flag.reporter.active or flag.seen_at is not None:
        return
    title, right = flag.article.title, flag.state == RESOLVED
    zh = (f"{'已改正' if right else '没有错'}：{title}", f"你指出：{flag.words}\n{flag.closed_by}：{flag.answer}")
    en = (f"{'Put right' if right else 'Not wrong'}: {title}", f"You reported: {flag.words}\n{flag.closed_by}: {flag.answer}")
    _tell(flag.reporter, f"flag-closed-{flag.id}", zh, en, "/knowledge/flags?view=mine")  # data


def remind_to_read(user: User, key: str, title: str, due_on: date, article_id: int) -> None:
    """Remind somebody of an article that they must read."""
    zh = (f"还没读：{title}", f"这篇要在 {due_on:%Y-%m-%d} 之前读完，读完点「我读过了」。")
    en = (f"Still to be read: {title}", f"Please read this article by {due_on:%Y-%m-%d} and confirm it.")
    _tell(user, key, zh, en, f"/knowledge/{article_id}")  # data


def _tell(user: User, key: str, zh: Said, en: Said, path: str) -> None:
    link = f"{letters.signing()['site_url']}{path}"
    words = {
        language: {"subject": subject[:120], "text": f"{text}\n\n{link}", "short": f"{subject[:60]} {link}"}
        for language, (subject, text) in (("zh", zh), ("en", en))
    }
    ladder.reach("progress", key, words, user=user, about=key, params={"subject": zh[0][:40]}, is_auto=True)
