"""What an article's page and the list of articles show of the loop: figures with their words, health, customers' words,
what was flagged, and what must be read."""

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app import viewer
from app.core.clock import now
from app.core.db import session
from app.core.directory.access import circle
from app.core.permissions import Actor
from app.web.i18n import local
from knowledge.access import may_edit
from knowledge.loop import asked, flags, must_read
from knowledge.loop_models import MARKS, ArticleFigures
from knowledge.models import Article

MARK_WORDS = {"contradicted": _l("可能有误"), "low_help": _l("帮助不大"), "stale": _l("该复核了"), "never_found": _l("没被搜到过")}
TONES = {"contradicted": "bad", "low_help": "bad", "stale": "warn", "never_found": "warn"}
ICONS = {"contradicted": "flag", "low_help": "alert-triangle", "stale": "clock", "never_found": "eye-off"}
FEWEST = 5


def choices() -> list[dict[str, str]]:
    """The marks, for a filter."""
    return [{"value": "sick", "label": _("要看一眼的，最急在前")}, *({"value": mark, "label": str(MARK_WORDS[mark])} for mark in MARKS)]


def marks_of(articles: Iterable[Article]) -> dict[int, list[dict[str, str]]]:
    """The marks of these articles beside the review that is due, which the list shows itself."""
    ids = [article.id for article in articles]
    rows = session().execute(select(ArticleFigures.article_id, ArticleFigures.marks).where(ArticleFigures.article_id.in_(ids)))
    return {article_id: [_mark(mark) for mark in marks if mark != "stale"] for article_id, marks in rows}


def _mark(name: str) -> dict[str, str]:
    return {"name": name, "label": str(MARK_WORDS[name]), "tone": TONES[name], "icon": ICONS[name]}


def article_facts(actor: Actor, article: Article) -> dict[str, Any]:
    """Everything of the loop on an article's page; customers' words only for those who edit it."""
    edits = may_edit(actor, article)
    row = session().get(ArticleFigures, article.id)
    platform = edits and circle(actor) == "staff"
    owed = next((r for r in must_read.owed(actor) if r.article_id == article.id), None)
    return {
        "flag_url": f"/knowledge/{article.id}/flag" if actor.can("article.read") and article.state == "published" else None,
        "open_flags": len(flags.open_of(article)) if edits else 0,
        "days": viewer.settings().figures_days,
        "figures": _figures(row) if row is not None and edits and article.state == "published" else [],
        "marks": [_mark(mark) for mark in row.marks] if row is not None and edits and article.state == "published" else [],
        "why": [_(say) % data for _name, say, data in row.why] if row is not None and edits and article.state == "published" else [],
        "asked": [{"id": w.id, "text": w.text, "tickets": w.tickets} for w in asked.listed(actor, article)] if platform else [],
        "must_read_url": f"/knowledge/{article.id}/must-read" if actor.can("article.publish") and edits and article.state == "published" else None,
        "owed": {"id": owed.id, "due_on": owed.due_on, "overdue": owed.due_on < local(now()).date(), "note": owed.note} if owed else None,
    }  # fmt: skip


def _share(part: int, whole: int) -> str:
    """A share, once there is enough to say one."""
    return f"{round(100 * part / whole)}%" if whole >= FEWEST else "—"


def _figures(row: ArticleFigures) -> list[dict[str, str]]:
    """Each number with what it counts, in words."""
    return [
        {"label": _("打开"), "value": _share(row.opened, row.shown), "n": f"{row.opened} / {row.shown}",
         "what": _("搜索里显示过几次，其中打开了几次")},
        {"label": _("用在工单"), "value": str(row.used), "n": "", "what": _("几张工单的回复用了它，或者小结写的是它")},
        {"label": _("自助解决"), "value": _share(row.deflected, row.followed), "n": f"{row.deflected} / {row.followed}",
         "what": _("客户从搜索打开它，之后 24 小时没有在任何渠道提工单；没登录也没留名的，只看得到同一个浏览器有没有来提问")},
        {"label": _("解决了"), "value": _share(row.helpful, row.rated), "n": f"{row.helpful} / {row.rated}",
         "what": _("读者评价里说解决了的；只算现在这一版发布之后的")},
    ]  # fmt: skip
