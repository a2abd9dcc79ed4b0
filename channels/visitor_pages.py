"""The pages that a visitor looks at around the chat, so that the agent sees what they see. Kept for a day, twenty at most."""

import re
from collections.abc import Collection
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sqlalchemy import delete, select

from app.core.clock import now
from app.core.db import session
from app.core.text import clean
from channels.visitor_models import VisitorPage

KEPT = timedelta(hours=24)
MOST = 20
_PRIVATE = re.compile(r"pass|pwd|secret|token|session|api_?key|(^|[_-])(code|key|sid|sig|sign|signature|auth|jwt|otp)$", re.IGNORECASE)


def tidy_url(url: str) -> str:
    """The address as an agent may see it: without login, fragment, and values that open something. Empty for anything
    but a web page."""
    try:
        parts = urlsplit(clean(url).strip()[:4000])
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        return ""
    asked = [(k, "***" if _PRIVATE.search(k) else v) for k, v in parse_qsl(parts.query, keep_blank_values=True)][:50]
    place = f"[{host}]" if ":" in host else host
    query = urlencode(asked, safe="*/:,")
    return urlunsplit((parts.scheme, f"{place}:{port}" if port else place, parts.path, query, ""))[:1000]


def note_page(visitor_id: int, url: str, title: str) -> bool:
    """Remember the page. The same one again only moves to now. Returns whether it is another than before."""
    tidy, title = tidy_url(url), " ".join(clean(title).split())[:200]
    if not tidy:
        return False
    newest = session().scalar(
        select(VisitorPage).where(VisitorPage.visitor_id == visitor_id).order_by(VisitorPage.id.desc()).limit(1)
    )
    if newest is not None and (newest.url, newest.title) == (tidy, title):
        newest.at = now()
        session().flush()
        return False
    session().add(VisitorPage(visitor_id=visitor_id, url=tidy, title=title))
    session().flush()
    kept = select(VisitorPage.id).where(VisitorPage.visitor_id == visitor_id).order_by(VisitorPage.id.desc()).limit(MOST)
    ids = list(session().scalars(kept))
    session().execute(delete(VisitorPage).where(VisitorPage.visitor_id == visitor_id, VisitorPage.id.not_in(ids)))
    return True


def pages_of(visitor_ids: Collection[int]) -> list[VisitorPage]:
    """What these visitors looked at within a day, newest first."""
    rows = select(VisitorPage).where(VisitorPage.visitor_id.in_(visitor_ids), VisitorPage.at > now() - KEPT)
    return list(session().scalars(rows.order_by(VisitorPage.id.desc()).limit(MOST)))


def forget_pages() -> None:
    """Delete what is older than a day; for housekeeping."""
    session().execute(delete(VisitorPage).where(VisitorPage.at < now() - KEPT))
