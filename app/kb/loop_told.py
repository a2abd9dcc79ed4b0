"""What colleagues hear of the loop: an article of theirs was found wrong, their finding has an answer, something is to be
read."""

from datetime import date

from app import letters
from app.core.db import session
from app.core.people import User
from channels.reaching import ladder
from knowledge.loop.events import FlagClosed, FlagRaised
from knowledge.loop_models import RESOLVED, ArticleFlag

Said = tuple[str, str]


def tell_owner(event: FlagRaised) -> None:
    """Whoever looks after the article hears what is said to be wrong; without one it stands in the editors' list."""
    flag = session().get(ArticleFlag, event.flag_id)
    if flag is None or flag.owner is None or not flag.owner.active or flag.owner_id == flag.reporter_id:
        return
    title, due = flag.article.title, f"{flag.due_at:%Y-%m-%d}"
    zh = (f"有人说这条有误：{title}", f"{flag.words}\n请在 {due} 之前改正，或者说明为什么没有错。")
    en = (f"Reported as wrong: {title}", f"{flag.words}\nPlease put it right, or say why it is not wrong, by {due}.")
    _tell(flag.owner, f"flag-raised-{flag.id}", zh, en, "/knowledge/flags")  # data


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
