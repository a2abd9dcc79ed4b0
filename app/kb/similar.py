"""Solved tickets as something to look up: an index of the same engine beside the articles', whose rows the gatekeeper of
tickets has the last word on. Called outside a unit of work, by the worker and by commands."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from sqlalchemy import ColumnElement, and_, select

from app.config import Settings
from app.core.db import session
from app.core.outbox import Job, outside
from app.core.permissions import Actor
from app.kb.asked import customers_words
from knowledge.access import own_products
from knowledge.index import Index, IndexDocument, IndexUnavailable, Passage, Query, Reader
from knowledge.whoosh_index import WhooshIndex
from workflows.access import readable
from workflows.events import TicketStepTaken
from workflows.models import Ticket

log = logging.getLogger("huiyin.knowledge")
FOLDER = "index-tickets"
SOLVED = ("following_up", "closed")
LOOKED_AT = 4
"""So many times more hits than wanted are read, because the gatekeeper may take some away."""
LONGEST = 2000
_WITH_PRODUCT, _WITHOUT = "agent", "client"
"""Levels of the index: a ticket of no product is for those alone who read all products."""
_open_index: list[Callable[[], Index]] = []


@dataclass(frozen=True)
class Similar:
    """A solved ticket like the one at hand, the actor's to read; `score` compares within one answer."""

    ticket: Ticket
    score: float


def use_index(open_index: Callable[[], Index]) -> None:
    """Say once at start which index the reaction writes."""
    _open_index[:] = [open_index]


def house_index() -> Index:
    """The index that the reaction writes."""
    return _open_index[0]()


def open_ticket_index(settings: Settings) -> Index:
    """The index of solved tickets; one per process."""
    return _open(settings.data_dir.resolve(), settings.search_url)


@cache
def _open(data_dir: Path, search_url: str) -> Index:
    if search_url:
        from knowledge.opensearch.address import Address
        from knowledge.opensearch.engine import OpenSearchIndex

        address = Address.parse(search_url)
        return OpenSearchIndex(search_url, replace(address, name=f"{address.name}-tickets"))
    return WhooshIndex(data_dir / FOLDER)


def is_solved() -> ColumnElement[bool]:
    """Tickets that ended with words that say how."""
    return and_(Ticket.state.in_(SOLVED), Ticket.resolution.is_not(None), Ticket.resolution != "")


def document_for(ticket: Ticket) -> IndexDocument:
    """Subject, the customer's first words and the resolution."""
    said = "\n".join(customers_words(ticket)[1:] or customers_words(ticket))[:LONGEST]
    parts = [Passage(text) for text in (said, (ticket.resolution or "")[:LONGEST]) if text.strip()]
    return IndexDocument(
        id=str(ticket.id),
        title=ticket.subject,
        passages=tuple(parts),
        product_ids=(ticket.product_id,) if ticket.product_id else (),
        level=_WITH_PRODUCT if ticket.product_id else _WITHOUT,
        category=ticket.category or "",
        updated_at=ticket.resolved_at,
    )


def _documents(ids: list[int]) -> Iterator[IndexDocument]:
    for start in range(0, len(ids), 200):
        rows = select(Ticket).where(Ticket.id.in_(ids[start : start + 200]), is_solved()).order_by(Ticket.id)
        for ticket in session().scalars(rows):
            yield document_for(ticket)


def refresh(index: Index, ids: Iterable[int]) -> None:
    """Bring these tickets in the index to what the database says: solved ones in, all others out."""
    wanted = sorted(set(ids))
    session().rollback()
    documents = list(_documents(wanted))
    session().rollback()
    try:
        index.put(documents)
        index.drop({str(number) for number in wanted} - {document.id for document in documents})
    except IndexUnavailable:
        rebuild(index)


def rebuild(index: Index, progress: Callable[[int], None] | None = None) -> int:
    """Make the index anew from all solved tickets; searches go on meanwhile. Gives their number."""
    return index.rebuild(_everything(), progress)


def _everything() -> Iterator[IndexDocument]:
    # Asked for only once the engine has begun: what is solved from then on, the engine brings over by itself.
    session().rollback()
    ids = list(session().scalars(select(Ticket.id).where(is_solved()).order_by(Ticket.id)))
    yield from _documents(ids)


def ensure(index: Index) -> bool:
    """Rebuild an index that is missing, damaged or outdated. True if it was needed."""
    health = index.health(deep=True)
    if health.ok:
        return False
    log.info("index of solved tickets is made anew", extra={"problem": health.state})
    rebuild(index)
    return True


@outside
def index_ticket(event: TicketStepTaken, job: Job) -> None:
    """A ticket that was solved is found, one that was reopened or merged no longer."""
    if (event.before in SOLVED) == (event.after in SOLVED) and event.step not in ("merge", "unmerge", "resolve", "solve_now"):
        return
    refresh(_open_index[0](), [event.ticket_id])


def similar(index: Index, actor: Actor, text: str, product_id: int | None = None, *, besides: int = 0, limit: int = 3) -> list[Similar]:
    """Solved tickets about the same, those of the same product first. Raises IndexUnavailable."""
    query = Query(text[:LONGEST], _reader(actor), product_id, limit=limit * LOOKED_AT, passages=False)
    hits = list(index.search(query)) if product_id else []
    if len(hits) <= limit:
        known = {hit.id for hit in hits}
        hits += [hit for hit in index.search(replace(query, product_id=None)) if hit.id not in known]
    ids = [int(hit.id) for hit in hits if int(hit.id) != besides]
    rows = select(Ticket).where(Ticket.id.in_(ids), is_solved(), readable(actor))
    found = {ticket.id: ticket for ticket in session().scalars(rows)}
    return [Similar(found[int(hit.id)], hit.score) for hit in hits if int(hit.id) in found][:limit]


def _reader(actor: Actor) -> Reader:
    """What is asked for at all; the database has the last word on each row."""
    if actor.role == "resident":
        return Reader((_WITH_PRODUCT,), all_organisations=True, product_ids=own_products(actor))
    return Reader((_WITH_PRODUCT, _WITHOUT), all_organisations=True)
