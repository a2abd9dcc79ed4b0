"""Links from one article to another, as a reader gets them: those that lead nowhere for this reader are plain words."""

import re
from dataclasses import replace
from functools import lru_cache
from urllib.parse import unquote

from app.core.permissions import Actor
from app.web.hits import article_url
from app.web.sheets import Sheet
from knowledge.access import readable_articles
from knowledge.linking import present_slug, readable_targets, targets_in
from knowledge.markdown import PORTAL

_LINK = re.compile(r'<a href="' + re.escape(PORTAL) + r'([^"/?#]+)[^"]*"[^>]*>(.*?)</a>', re.DOTALL)


def present_url(actor: Actor, slug: str, query: str) -> str | None:
    """Where the article stands now that had this address, for whoever may read it; the words of the address go along."""
    present = present_slug(slug)
    if present is None or not readable_targets([present], readable_articles(actor)):
        return None
    return article_url(present) + (f"?{query}" if query else "")


def dead_targets(actor: Actor, body: str) -> tuple[str, ...]:
    """The addresses of other articles in a text that this reader cannot open."""
    targets = _targets(body)
    if not targets:
        return ()
    known = readable_targets(targets, readable_articles(actor))
    return tuple(sorted(target for target in targets if target not in known))


def with_live_links(sheet: Sheet, dead: tuple[str, ...]) -> Sheet:
    """The rendered text with dead links as plain words."""
    if not dead:
        return sheet
    gone = frozenset(dead)

    def keep(found: re.Match[str]) -> str:
        return found[2] if unquote(found[1]) in gone else found[0]

    return replace(sheet, whole=_LINK.sub(keep, sheet.whole), rest=_LINK.sub(keep, sheet.rest), safety=_LINK.sub(keep, sheet.safety))


@lru_cache(maxsize=512)
def _targets(body: str) -> tuple[str, ...]:
    return targets_in(body)
