"""Making an index anew because an administrator asked, that of knowledge or that of solved tickets: in the worker, each one
at a time, with its progress.

The outbox row is the request: it says that a rebuild waits or runs and how far it is, and a worker that dies leaves it to
the next one.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from app.core import outbox
from app.core.audit import note
from app.core.db import session
from app.core.errors import Refused
from app.core.events import DUE, LEASED, Event, EventRow, OutboxRow, record
from app.core.outbox import Job, outside, slow
from app.core.permissions import SYSTEM, Actor, require
from app.kb import similar
from app.kb.events import TicketIndexRebuildAsked
from knowledge.events import IndexRebuildAsked
from knowledge.index import Index
from knowledge.indexing import rebuild
from knowledge.models import Article
from workflows.models import Ticket

log = logging.getLogger("huiyin.knowledge")
TELL_EVERY = 1.0
HOLD_SECONDS = 60
_house: list[tuple[Callable[[], Index], Callable[[], AbstractContextManager[object]]]] = []


def use_house(open_index: Callable[[], Index], context: Callable[[], AbstractContextManager[object]]) -> None:
    """Say once at start which index is made anew, and in which context its progress is written."""
    _house[:] = [(open_index, context)]


@dataclass(frozen=True)
class Rebuilding:
    """A rebuild that waits or runs: `done` of `total` documents. `problem`: why the last attempt came to nothing."""

    asked_at: datetime
    running: bool
    done: int
    total: int
    problem: str


@dataclass(frozen=True)
class _Kind:
    """What differs between the indexes; `asked` and `made` are the actions of the audit trail."""

    event: type[Event]
    reaction: str
    asked: str
    made: str


ARTICLES, TICKETS = "articles", "tickets"
KINDS: Mapping[str, _Kind] = {
    ARTICLES: _Kind(IndexRebuildAsked, "rebuild_index", "index.rebuild_asked", "index.rebuilt"),
    TICKETS: _Kind(TicketIndexRebuildAsked, "rebuild_ticket_index", "index.tickets_rebuild_asked", "index.tickets_rebuilt"),
}


def now_running(which: str = ARTICLES) -> Rebuilding | None:
    """The rebuild of this index that is waiting or running, if there is one."""
    rows = select(OutboxRow, EventRow.at).join(EventRow, EventRow.id == OutboxRow.event_id)
    rows = rows.where(OutboxRow.state.in_((DUE, LEASED)), OutboxRow.reaction == KINDS[which].reaction)
    found = session().execute(rows.order_by(OutboxRow.id).limit(1)).first()
    if found is None:
        return None
    row, asked_at = found
    done, _slash, total = (row.error or "").partition("/")
    counted = done.isdecimal() and total.isdecimal()
    problem = "" if counted else row.error or ""
    return Rebuilding(asked_at, row.state == LEASED, int(done) if counted else 0, int(total) if counted else 0, problem)


def ask(actor: Actor, which: str = ARTICLES) -> None:
    """Have this index made anew; searches go on with the old one meanwhile. In a unit of work. Raises Refused while one is
    running."""
    require(actor, "index.rebuild")
    if now_running(which) is not None:
        raise Refused("正在重建，做完之前不用再点。")
    note(actor, KINDS[which].asked)
    record(KINDS[which].event())


@slow
@outside
def rebuild_index(event: IndexRebuildAsked, job: Job) -> None:
    """Make the index of knowledge anew, and say every second how far it is."""
    total = session().scalar(select(func.count()).where(Article.state == "published")) or 0
    _make(job, ARTICLES, total, lambda progress: rebuild(_house[0][0](), progress))


@slow
@outside
def rebuild_ticket_index(event: TicketIndexRebuildAsked, job: Job) -> None:
    """Make the index of solved tickets anew, and say every second how far it is."""
    total = session().scalar(select(func.count()).select_from(Ticket).where(similar.is_solved())) or 0
    _make(job, TICKETS, total, lambda progress: similar.rebuild(similar.house_index(), progress))


def _make(job: Job, which: str, total: int, make: Callable[[Callable[[int], None]], int]) -> None:
    session().rollback()
    context = _house[0][1]
    counted, over = [0], threading.Event()

    def tell() -> None:
        while not over.is_set():
            try:
                with context():
                    outbox.go_on(job, HOLD_SECONDS, f"{counted[0]}/{total}")
            except OperationalError as problem:  # the lease lasts sixty times longer than this pause
                log.warning("progress not written", extra={"problem": type(problem).__name__})
            over.wait(TELL_EVERY)

    teller = threading.Thread(target=tell, name="rebuild-progress", daemon=True)
    teller.start()
    try:
        made = make(lambda done: counted.__setitem__(0, done))
    finally:
        over.set()
        teller.join()
    outbox.go_on(job, HOLD_SECONDS, "")
    with job.done():
        note(SYSTEM, KINDS[which].made, after=str(made))
