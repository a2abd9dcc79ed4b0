"""Searches on their way into the log: noted in memory within microseconds, written many at a time by somebody else.

Memory is bounded: when nothing can be written for long, the newest searches are kept and the oldest are lost, because a
log is worth less than an answer. What was opened finds its search by key, written or not.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.text import clean
from knowledge.analysis import fold
from knowledge.index import LEVELS, Hits, Reader
from knowledge.loop.misses import UNOPENED, take_back
from knowledge.models import SearchLog

LONGEST_QUERY, MOST_SHOWN = 300, 20
Opened = dict[str, tuple[int, datetime]]
"""Which article was opened of which search, and when."""
WAITS = timedelta(minutes=2)
"""How long an opening waits for its search, which another process may not have written yet."""


def new_key() -> str:
    """A name for a search that nobody guesses, short enough for an address."""
    return secrets.token_urlsafe(12)


@dataclass
class Noted:
    """One search as it will be written."""

    query: str
    folded: str
    level: str
    where: str
    hits: int
    shown: tuple[int, ...]
    at: datetime
    product_id: int | None = None
    contact_id: int | None = None
    browser: str = ""
    key: str = field(default_factory=new_key)
    opened_article_id: int | None = None

    def values(self) -> dict[str, object]:
        opened = self.opened_article_id
        return {
            "query": self.query, "folded": self.folded, "level": self.level, "where": self.where, "product_id": self.product_id,
            "hits": self.hits, "shown": list(self.shown), "opened_article_id": opened,
            "opened_rank": self.shown.index(opened) + 1 if opened is not None else None, "at": self.at, "key": self.key,
            "contact_id": self.contact_id, "browser": self.browser, "gap_id": None,
        }  # fmt: skip


def noted(
    reader: Reader, text: str, hits: Hits, where: str, product_id: int | None = None, contact_id: int | None = None, browser: str = ""
) -> Noted:
    """A search as it was asked and answered."""
    text = clean(text).strip()[:LONGEST_QUERY]
    return Noted(
        query=text,
        folded=" ".join(fold(text).split())[:LONGEST_QUERY],
        level=max(reader.levels, key=LEVELS.index, default="public"),
        where=where[:20],
        product_id=product_id,
        hits=hits.total,
        shown=tuple(int(hit.id) for hit in hits)[:MOST_SHOWN],
        at=now(),
        contact_id=contact_id,
        browser=browser[:24],
    )


class SearchBuffer:
    """Searches and openings of this process that are not written yet; safe between threads, never waits."""

    def __init__(self, most: int = 5000) -> None:
        self.most = most
        self.lost = 0
        self._lock = threading.Lock()
        self._searches: OrderedDict[str, Noted] = OrderedDict()
        self._opened: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    def note(self, search: Noted) -> int:
        """Take one; gives how many wait."""
        with self._lock:
            self._searches[search.key] = search
            while len(self._searches) > self.most:
                self._searches.popitem(last=False)
                self.lost += 1
            return len(self._searches)

    def opened(self, key: str, article_id: int) -> None:
        """A hit of the search was opened; the first one counts."""
        with self._lock:
            search = self._searches.get(key)
            if search is None:
                self._opened.setdefault(key, (article_id, now()))
                while len(self._opened) > self.most:
                    self._opened.popitem(last=False)
            elif search.opened_article_id is None and article_id in search.shown:
                search.opened_article_id = article_id

    def __len__(self) -> int:
        return len(self._searches) + len(self._opened)

    def take(self) -> tuple[list[Noted], Opened]:
        """Everything that waits; whoever takes it writes it, or gives it back."""
        with self._lock:
            searches, self._searches = list(self._searches.values()), OrderedDict()
            opened, self._opened = dict(self._opened), OrderedDict()
        return searches, opened

    def give_back(self, searches: Sequence[Noted], opened: Opened) -> None:
        """It could not be written now: it waits before what came meanwhile."""
        with self._lock:
            merged = OrderedDict((search.key, search) for search in searches)
            merged.update(self._searches)
            self._searches = merged
            while len(self._searches) > self.most:
                self._searches.popitem(last=False)
                self.lost += 1
            self._opened = OrderedDict({**opened, **self._opened})


def write(searches: Sequence[Noted]) -> None:
    """Write them, in a unit of work. A product that is gone meanwhile is left out, so that no batch fails for one row."""
    if not searches:
        return
    named = {search.product_id for search in searches} - {None}
    known = set(session().scalars(select(Product.id).where(Product.id.in_(named)))) if named else set()
    rows = [search.values() | ({} if search.product_id in known else {"product_id": None}) for search in searches]
    try:
        with session().begin_nested():
            session().execute(insert(SearchLog), rows)
    except IntegrityError:  # an article is gone, or a row of this batch is there already: one by one, then
        for row in rows:
            try:
                with session().begin_nested():
                    session().execute(insert(SearchLog), [row])
            except IntegrityError:
                continue


def write_opened(opened: Opened) -> Opened:
    """Mark searches that are in the log, in a unit of work. Gives back those that are not there yet and may come."""
    later: Opened = {}
    for key, (article_id, at) in opened.items():
        if not mark(key, article_id) and now() - at < WAITS:
            later[key] = (article_id, at)
    return later


def mark(key: str, article_id: int) -> bool:
    """A hit of this search was opened; the first one counts, and an article that was not shown does not. False where the
    search is not in the log."""
    rows = select(SearchLog.id, SearchLog.shown, SearchLog.opened_article_id, SearchLog.gap_id, SearchLog.hits)
    row = session().execute(rows.where(SearchLog.key == key)).one_or_none() if 0 < len(key) <= 24 else None
    if row is None:
        return False
    if row.opened_article_id is None and article_id in row.shown:
        values = {"opened_article_id": article_id, "opened_rank": row.shown.index(article_id) + 1, "gap_id": None}
        session().execute(
            update(SearchLog).where(SearchLog.id == row.id, SearchLog.opened_article_id.is_(None)).values(values)
        )
        if row.gap_id is not None and row.hits > 0:
            take_back(row.gap_id, UNOPENED)
    return True


def claim(browser: str, contact_id: int) -> None:
    """Searches of an anonymous browser within the last day were this person's, in a unit of work."""
    recent = (SearchLog.browser == browser, SearchLog.contact_id.is_(None), SearchLog.at >= now() - timedelta(days=1))
    session().execute(update(SearchLog).where(*recent).values(contact_id=contact_id).execution_options(synchronize_session=False))
