"""What customers look at: products with their most used answers, articles next to others, and the way of one request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from app.core.audit import AuditRow
from app.core.catalogue import Product
from app.core.db import session
from app.core.directory.merging import family_ids
from app.core.errors import NotFound
from app.core.files import StoredFile
from app.core.permissions import Actor
from app.core.text import clean
from app.queries.briefly import briefly
from channels.models import Account, Conversation, Message
from knowledge.access import readable_articles, reader_for, within
from knowledge.models import Article, article_product
from workflows.models import Ticket, TicketConversation
from workflows.orders_models import ServiceOrder

TILES, ANSWERS = 12, 5
LAST_MESSAGES = 30


@dataclass(frozen=True)
class Tile:
    """A product and its most used articles that this reader may read."""

    product: Product
    articles: list[Article]


@dataclass(frozen=True)
class WayMark:
    """One moment of a request's way: a step of the ticket law by its name."""

    step: str
    state: str
    at: datetime


def _links() -> Any:
    """The links of articles and products under another name: the conditions of `within` use the table's own."""
    return article_product.alias()


def tiles(actor: Actor) -> list[Tile]:
    """Products that have something to read, the most used first, each with its most used articles."""
    links = _links()
    rank = func.row_number().over(
        partition_by=links.c.product_id, order_by=(Article.view_count.desc(), Article.helpful_count.desc(), Article.id)
    )
    ranked = (
        select(links.c.product_id, Article.id.label("article_id"), Article.view_count, rank.label("place"))
        .join(links, links.c.article_id == Article.id)
        .join(Product, Product.id == links.c.product_id)
        .where(Article.state == "published", within(reader_for(actor)), Product.active.is_(True))
        .subquery()
    )
    most = (
        select(ranked.c.product_id)
        .group_by(ranked.c.product_id)
        .order_by(func.sum(ranked.c.view_count).desc(), ranked.c.product_id)
        .limit(TILES)
    )
    ids = list(session().scalars(most))
    shown: dict[int, list[Article]] = {number: [] for number in ids}
    rows = session().execute(
        select(ranked.c.product_id, Article)
        .join(Article, Article.id == ranked.c.article_id)
        .where(ranked.c.place <= ANSWERS, ranked.c.product_id.in_(ids))
        .order_by(ranked.c.place)
    )
    for product_id, article in rows:
        shown[product_id].append(article)
    products = {p.id: p for p in session().scalars(select(Product).where(Product.id.in_(ids)))}
    return [Tile(products[number], shown[number]) for number in ids]


def most_used(actor: Actor, limit: int) -> list[Article]:
    """The most read articles of this reader, with their present text."""
    rows = readable_articles(actor).options(joinedload(Article.current))
    return list(session().scalars(rows.order_by(Article.view_count.desc(), Article.id).limit(limit)))


def find_readable(actor: Actor, slug: str) -> Article | None:
    """The published article of this address, when it is the actor's to read."""
    rows = readable_articles(actor).where(Article.slug == slug)
    return session().scalars(rows.options(joinedload(Article.current), selectinload(Article.products))).one_or_none()



def find_product(text: str) -> Product | None:
    """A product by its code in any spelling of case, or by its number."""
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return session().get(Product, int(text))
    return session().scalars(select(Product).where(func.lower(Product.code) == clean(text).strip().lower())).one_or_none()


def active_products() -> list[Product]:
    return list(session().scalars(select(Product).where(Product.active.is_(True)).order_by(Product.id)))


def sitemap() -> list[tuple[str, datetime]]:
    """Addresses and last changes of everything that anybody may read; at most what one sitemap may hold."""
    anybody = Actor(kind="nobody", id=None, name="")
    rows = readable_articles(anybody).order_by(Article.id).limit(50_000)
    found = session().execute(rows.with_only_columns(Article.slug, Article.updated_at))
    return [(slug, at) for slug, at in found]


def way_of(ticket: Ticket) -> list[WayMark]:
    """The steps that were taken, oldest first. A cancelling that still waits for a supplier is none yet."""
    rows = session().execute(
        select(AuditRow.action, AuditRow.after, AuditRow.at)
        .where(AuditRow.subject == "ticket", AuditRow.subject_id == ticket.id, AuditRow.action.startswith("ticket."))
        .order_by(AuditRow.id)
    )
    return [WayMark(action.removeprefix("ticket."), after or "", at) for action, after, at in rows if action != "ticket.cancel" or after == "cancelled"]


def conversations_of(ticket: Ticket, holder: Ticket) -> list[Conversation]:
    """The conversations of this request, also where it was merged into another (`holder`): then only its own. What
    came to it from another request is shown only when the same person wrote it."""
    links = session().scalars(select(TicketConversation).where(TicketConversation.ticket_id.in_({ticket.id, holder.id})))
    ids: dict[bool, set[int]] = {True: set(), False: set()}
    for link in links:
        if link.ticket_id == ticket.id or (holder is not ticket and ticket.id in link.came_from):
            ids[not link.came_from or ticket.id in link.came_from].add(link.conversation_id)
    person = family_ids(ticket.contact) if ticket.contact else []
    wanted = or_(
        Conversation.id.in_(ids[True]), and_(Conversation.id.in_(ids[False]), Conversation.contact_id.in_(person))
    )
    rows = select(Conversation).where(wanted).order_by(Conversation.last_message_at.desc())
    return list(session().scalars(rows.options(joinedload(Conversation.account))))


def public_messages(conversations: Sequence[Conversation]) -> list[Message]:
    """What was said between the customer and people of the desk, newest first. No notes, bounces or automatic letters;
    nothing that did not leave the house, but for what the page itself carries."""
    rows = select(Message).where(_said_in(conversations)).order_by(Message.id.desc()).limit(LAST_MESSAGES)
    return list(session().scalars(rows))


def _said_in(conversations: Sequence[Conversation]) -> ColumnElement[bool]:
    # An answer to the portal's form stands on the page even where the mail with it came back.
    here = [c.id for c in conversations if c.account.kind == "portal"]
    left = Message.state.in_(("sending", "sent"))  # what is queued may still be taken back
    return and_(
        Message.conversation_id.in_([c.id for c in conversations]),
        Message.is_bounce.is_(False),
        Message.is_auto.is_(False),
        Message.author_kind != "system",
        or_(Message.direction == "in", left, and_(Message.conversation_id.in_(here), Message.state.in_(("queued", "failed", "undecided")))),
    )


def files_of(message_ids: Sequence[int]) -> dict[int, list[StoredFile]]:
    """What came or went with these messages."""
    rows = select(StoredFile).where(StoredFile.owner == "message", StoredFile.owner_id.in_(message_ids)).order_by(StoredFile.id)
    found: dict[int, list[StoredFile]] = {}
    for row in session().scalars(rows) if message_ids else ():
        found.setdefault(row.owner_id or 0, []).append(row)
    return found


def access_said_file(ticket: Ticket, holder: Ticket, file_id: int) -> StoredFile:
    """A file of a message that the progress of this request shows. Raises NotFound for any other."""
    own = select(Message.id).where(_said_in(conversations_of(ticket, holder)))
    rows = select(StoredFile).where(StoredFile.id == file_id, StoredFile.owner == "message", StoredFile.owner_id.in_(own))
    found = session().scalar(rows)
    if found is None:
        raise NotFound()
    return found


def pulse_of(ticket: Ticket, holder: Ticket) -> str:
    """A word that changes whenever the progress of this request looks different."""
    conversations = conversations_of(ticket, holder)
    said = session().execute(select(func.max(Message.id), func.count()).where(_said_in(conversations))).one()
    orders = session().execute(
        select(func.count(), func.sum(ServiceOrder.version)).where(ServiceOrder.ticket_id == holder.id)
    ).one()
    known = (ticket.version, holder.version, *said, *(int(n or 0) for n in orders))
    return "-".join(str(n or 0) for n in known)


def of_product(actor: Actor, product_id: int) -> list[Article]:
    """All that this reader may read about a product, the most used first."""
    linked = select(article_product.c.article_id).where(article_product.c.product_id == product_id)
    rows = readable_articles(actor).where(Article.id.in_(linked)).options(joinedload(Article.current))
    return list(session().scalars(rows.order_by(Article.view_count.desc(), Article.id).limit(200)))


@briefly
def reach() -> str | None:
    """The mail address by which customers reach the desk, if there is one."""
    accounts = session().scalars(select(Account).where(Account.kind == "email", Account.active.is_(True)).order_by(Account.id))
    return next((str(a.settings["address"]) for a in accounts if a.settings.get("address")), None)
