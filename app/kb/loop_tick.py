"""The clock of the loop: every minute new searches are read, every hour figures and health of articles are computed and
open questions are asked again. Run by the worker, outside a unit of work; a stretch that is lost is read again."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from sqlalchemy import delete, func, select

from app.config import Settings
from app.core.clock import now
from app.core.db import session
from app.core.uow import unit_of_work
from app.kb.asked import retest
from knowledge.loop import closing, digest, figures, misses
from knowledge.models import SearchLog
from workflows.models import Ticket, TicketArticle

FOLLOWED = timedelta(hours=24)
"""How long after reading an article a ticket still says that it did not help (DESIGN: deflection)."""
HOUR = timedelta(hours=1)
MOST = 20
"""Stretches a minute; what is left waits for the next."""


def every_minute(settings: Settings) -> int:
    """Read what the logs say since the last time. Gives how many rows were read."""
    wait, total = timedelta(minutes=settings.gap_wait_minutes), 0
    readers: tuple[Callable[[], digest.Stretch], ...] = (digest.read_zero, partial(digest.read_settled, wait), digest.read_feedback)
    for read in readers:
        for _turn in range(MOST):
            stretch = read()
            session().rollback()
            if not stretch.read:
                break
            with unit_of_work():
                digest.keep(stretch)
            total += stretch.read
    for _turn in range(MOST):
        openings, after = digest.read_openings(FOLLOWED)
        if not after:
            break
        came = _came_after(openings)
        session().rollback()
        with unit_of_work():
            digest.keep_openings(openings, came, after)
    if digest.is_due("figures", HOUR):
        every_hour(settings)
    return total


def _came_after(openings: list[digest.Opening]) -> set[int]:
    """Which of them did not help: their person came with a ticket, on whatever channel, within the time."""
    people = {o.contact_id for o in openings if o.contact_id is not None}
    if not people:
        return set()
    first, last = min(o.at for o in openings), max(o.at for o in openings) + FOLLOWED
    rows = session().execute(
        select(Ticket.contact_id, Ticket.created_at).where(Ticket.contact_id.in_(people), Ticket.created_at.between(first, last))
    ).all()
    return {
        o.log_id
        for o in openings
        if any(contact == o.contact_id and o.at <= created <= o.at + FOLLOWED for contact, created in rows)
    }


def every_hour(settings: Settings) -> None:
    """Figures, health, open questions, and forgetting."""
    since = now() - timedelta(days=settings.figures_days)
    used = dict(
        session()
        .execute(
            select(TicketArticle.article_id, func.count(TicketArticle.ticket_id.distinct()))
            .where(TicketArticle.at >= since, TicketArticle.use != "robot")  # what the machine sent is nobody's choice
            .group_by(TicketArticle.article_id)
        )
        .all()
    )
    session().rollback()
    for ids in figures.stretches():
        with unit_of_work():
            figures.compute(ids, since, used)
    retest([gap.id for gap in closing.waiting()], unit_of_work)
    with unit_of_work() as s:
        digest.move("figures", 0)
        misses.forget_old(now() - timedelta(days=settings.gap_days))
        s.execute(delete(SearchLog).where(SearchLog.at < now() - timedelta(days=settings.search_log_days)))
