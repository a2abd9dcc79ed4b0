"""What knowledge did in a period: help that needed nobody, and how long agents look before they send an article."""

from sqlalchemy import and_, func, select

from app.core.db import session
from app.core.permissions import Actor
from app.queries.report_terms import Spread, Wanted, epoch, spread, tickets
from app.queries.reports import Share
from knowledge.loop_models import ArticleDay
from knowledge.models import article_product
from workflows.models import Ticket, TicketArticle


def deflection(actor: Actor, wanted: Wanted) -> Share | None:
    """Of the articles that customers opened from a portal search those after which no ticket came, on any channel, within
    24 hours; by whole days (UTC). Narrowed to a product at most: a search has no team and no kind. None for somebody who
    reads only some companies, where something else is asked for, and where nothing could be followed."""
    if not actor.can("ticket.read_all") or wanted.team or wanted.agent or wanted.kind or wanted.counter:
        return None
    if wanted.channel not in ("", "portal"):
        return None
    rows = select(func.sum(ArticleDay.deflected), func.sum(ArticleDay.followed)).where(
        ArticleDay.day >= wanted.since.date(), ArticleDay.day <= wanted.until.date()
    )
    if wanted.product:
        of_product = select(article_product.c.article_id).where(article_product.c.product_id == wanted.product)
        rows = rows.where(ArticleDay.article_id.in_(of_product))
    helped, followed = session().execute(rows).one()
    return Share(int(helped or 0), int(followed or 0)) if followed else None


def look_up(actor: Actor, wanted: Wanted) -> Spread:
    """From the moment a person took a ticket of the period up to the first article that went out with an answer."""
    first = (
        select(func.min(TicketArticle.at))
        .where(TicketArticle.ticket_id == Ticket.id, TicketArticle.use == "inserted")
        .correlate(Ticket)
        .scalar_subquery()
    )
    taken = epoch(first) - epoch(Ticket.started_at)
    return spread(taken, and_(tickets(actor, wanted), Ticket.started_at.is_not(None), first >= Ticket.started_at))
