"""The queue: which tickets stand in which view, how many, and a page of them. A fixed number of statements for any length."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select, true, tuple_
from sqlalchemy.orm import joinedload, selectinload

from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import UTCDateTime, session
from app.core.directory.access import readable_contacts
from app.core.installed_base import Device
from app.core.people import Contact, Identity, Organisation
from app.core.permissions import Actor
from channels.models import WITHDRAWN, Message
from workflows.access import readable
from workflows.models import FIRST_NUMBER, Ticket, TicketConversation
from workflows.service import OPEN

WORKED_ON = ("created", "dispatched", "executing")
STOPS_CLOCK = ("customer", "date")
RECENT = timedelta(days=7)
PAGE = 30
SORTS = ("due", "new", "touched")
_NUMBER = re.compile(r"\s*(?:工单号?|单号|[Nn][Oo]\.?)?\s*[#＃]?\s*(\d{1,10})\s*")


@dataclass(frozen=True)
class View:
    """One way to look at the queue. `where` gives its rows for an actor; `personal`: only for those who work on tickets."""

    key: str
    where: Callable[[Actor, datetime], ColumnElement[bool]]
    personal: bool = False
    counted: bool = True


def _open() -> ColumnElement[bool]:
    return Ticket.state.in_(OPEN)


def _overdue(moment: datetime) -> ColumnElement[bool]:
    runs = or_(Ticket.held_at.is_(None), Ticket.hold_party.not_in(STOPS_CLOCK))
    return and_(Ticket.state.in_(WORKED_ON), Ticket.due_at < moment, runs)


VIEWS: dict[str, View] = {
    view.key: view
    for view in (
        View("mine", lambda actor, moment: and_(Ticket.assignee_id == actor.id, _open()), personal=True),
        View("team", lambda actor, moment: and_(Ticket.team_id.in_(actor.team_ids or {-1}), _open()), personal=True),
        View(
            "free",
            lambda actor, moment: or_(
                Ticket.state == "created", and_(Ticket.state == "dispatched", Ticket.assignee_id.is_(None))
            ),
        ),
        View("overdue", lambda actor, moment: _overdue(moment)),
        View("raised", lambda actor, moment: and_(Ticket.level != "", _open())),
        View("executing", lambda actor, moment: and_(Ticket.state == "executing", Ticket.held_at.is_(None))),
        View("held", lambda actor, moment: and_(Ticket.held_at.is_not(None), _open())),
        View("following", lambda actor, moment: Ticket.state == "following_up"),
        View("open", lambda actor, moment: _open()),
        View(
            "ended",
            lambda actor, moment: and_(
                Ticket.state.in_(("closed", "cancelled")), Ticket.closed_at >= moment - RECENT
            ),
            counted=False,
        ),
    )
}


@dataclass(frozen=True)
class LastWord:
    """The newest message of a ticket: who spoke, when, and the first words."""

    direction: str
    is_auto: bool
    author: str
    text: str
    at: datetime

    @property
    def awaits_us(self) -> bool:
        return self.direction == "in" and not self.is_auto


@dataclass(frozen=True)
class Row:
    """A ticket of the list with its newest message."""

    ticket: Ticket
    last: LastWord | None


@dataclass(frozen=True)
class Page:
    """Some rows, and the cursor with which the list goes on."""

    rows: list[Row]
    next: str | None


@dataclass(frozen=True)
class Wanted:
    """What a list is narrowed to. `sort`: due (the most urgent first), new (the newest number first) or touched (what
    changed last first)."""

    view: str = "open"
    q: str = ""
    kind: str = ""
    product: int | None = None
    channel: str = ""
    team: int | None = None
    sort: str = "due"
    cursor: str = ""


def views_for(actor: Actor) -> list[View]:
    """The views that mean something to this actor, in their order."""
    works = actor.can("ticket.work")
    return [v for v in VIEWS.values() if not v.personal or (works and (v.key != "team" or actor.team_ids))]


def counts(actor: Actor) -> dict[str, int]:
    """How many open tickets each view holds, in one statement."""
    moment, counted = now(), [view for view in views_for(actor) if view.counted]
    columns = [func.count().filter(view.where(actor, moment)).label(view.key) for view in counted]
    row = session().execute(select(*columns).select_from(Ticket).where(readable(actor), _open())).one()
    return {view.key: row[place] for place, view in enumerate(counted)}


def queue(actor: Actor, wanted: Wanted, limit: int = PAGE) -> Page:
    """A page of a view. Three statements: rows with people and company, names of nameless contacts, newest messages."""
    view = VIEWS[wanted.view]
    rows = _listed(actor).where(view.where(actor, now()))
    if wanted.q:
        rows = rows.where(matches(wanted.q))
    if wanted.kind:
        rows = rows.where(Ticket.kind == wanted.kind)
    if wanted.product is not None:
        rows = rows.where(Ticket.product_id == wanted.product)
    if wanted.channel:
        rows = rows.where(Ticket.channel == wanted.channel)
    if wanted.team is not None:
        rows = rows.where(Ticket.team_id == wanted.team)
    sort = "new" if wanted.sort == "due" and view.key == "ended" else wanted.sort
    after = _read_cursor(wanted.cursor, sort)
    if sort == "due":
        if after is not None:
            rows = rows.where(tuple_(_WAITS, Ticket.due_at, Ticket.id) > tuple_(*after))
        rows = rows.order_by(_WAITS, Ticket.due_at, Ticket.id)
    elif sort == "touched":
        if after is not None:
            rows = rows.where(tuple_(Ticket.touched_at, Ticket.id) < tuple_(*after[1:]))
        rows = rows.order_by(Ticket.touched_at.desc(), Ticket.id.desc())
    else:
        if after is not None:
            rows = rows.where(Ticket.id < after[2])
        rows = rows.order_by(Ticket.id.desc())
    found = list(session().scalars(rows.limit(limit + 1)))
    cursor = _write_cursor(found[limit - 1], sort) if len(found) > limit else None
    return Page(with_last_words(found[:limit]), cursor)


def _listed(actor: Actor) -> Select[Any]:
    return (
        select(Ticket)
        .where(readable(actor))
        .options(
            joinedload(Ticket.contact).selectinload(Contact.identities),
            joinedload(Ticket.organisation),
            joinedload(Ticket.product),
            joinedload(Ticket.assignee),
            joinedload(Ticket.team),
        )
    )


def waits(ticket: Ticket) -> bool:
    """Whether the customer's clock stands still, or the work is done and an answer is waited for."""
    return ticket.state == "following_up" or (ticket.held and ticket.hold_party in STOPS_CLOCK)


_WAITS = case(
    (or_(Ticket.state == "following_up", and_(Ticket.held_at.is_not(None), Ticket.hold_party.in_(STOPS_CLOCK))), 1), else_=0
)
"""What waits stands below what runs, however old its date is."""


def _write_cursor(ticket: Ticket, sort: str) -> str:
    if sort == "new":
        return str(ticket.id)
    moment = ticket.due_at if sort == "due" else ticket.touched_at
    return f"{int(waits(ticket)) if sort == 'due' else 2}~{moment.isoformat()}~{ticket.id}"


def _read_cursor(text: str, sort: str) -> tuple[Any, Any, Any] | None:
    """A cursor of ours, or None for anything else: a damaged address shows the first page."""
    head, _, number = text.rpartition("~")
    mark, _, at = head.partition("~")
    if not number.isascii() or not number.isdecimal() or len(number) > 9 or bool(head) == (sort == "new"):
        return None
    if sort == "new":
        return 0, None, int(number)
    try:
        moment = datetime.fromisoformat(at)
        utc = moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the first and the last day of all time have no UTC everywhere
        return None
    if mark not in (("0", "1") if sort == "due" else ("2",)) or moment.tzinfo is None:
        return None
    return literal(int(mark)), literal(utc, UTCDateTime), literal(int(number))


def with_last_words(tickets: Sequence[Ticket]) -> list[Row]:
    """The tickets with their newest messages, in one statement for all."""
    ids = [ticket.id for ticket in tickets]
    if not ids:
        return []
    newest = (
        select(TicketConversation.ticket_id, func.max(Message.id).label("message_id"))
        .join(Message, Message.conversation_id == TicketConversation.conversation_id)
        .where(
            TicketConversation.ticket_id.in_(ids), Message.is_bounce.is_(False), Message.state != WITHDRAWN,
            or_(Message.direction == "in", Message.is_auto.is_(False)),  # what a machine of ours said is no answer
        )
        .group_by(TicketConversation.ticket_id)
        .subquery()
    )
    found = session().execute(
        select(
            newest.c.ticket_id,
            Message.direction,
            Message.is_auto,
            Message.author_name,
            func.substr(Message.visible_text, 1, 160),
            Message.created_at,
        ).join(Message, Message.id == newest.c.message_id)
    )
    words = {row[0]: LastWord(*row[1:]) for row in found}
    return [Row(ticket, words.get(ticket.id)) for ticket in tickets]


def number_in(text: str) -> int | None:
    """The ticket number that a search consists of: 「#20418」, 「工单 20418」."""
    found = _NUMBER.fullmatch(text)
    return int(found[1]) if found and int(found[1]) > FIRST_NUMBER else None


def like(text: str) -> str:
    """A text as a LIKE pattern that finds it anywhere; used with escape "\\"."""
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def matches(q: str) -> ColumnElement[bool]:
    """Each word stands in the subject, in the name or address of the contact, in the company or in the serial number."""
    return and_(true(), *(_matches_word(word) for word in q.split()[:6]))


def _matches_word(word: str) -> ColumnElement[bool]:
    pattern = like(word)

    def has(*columns: Any) -> ColumnElement[bool]:
        return or_(*(column.ilike(pattern, escape="\\") for column in columns))

    said = has(Ticket.subject)
    if number := number_in(word):
        said = or_(said, Ticket.id == number - FIRST_NUMBER)
    return or_(
        said,
        Ticket.contact.has(or_(has(Contact.name), Contact.identities.any(has(Identity.value, Identity.shown)))),
        Ticket.organisation.has(has(Organisation.name, Organisation.short_name)),
        Ticket.device.has(has(Device.serial, Device.name)),
    )


def search_tickets(actor: Actor, q: str, limit: int = 20) -> list[Row]:
    """Tickets of any state that match, the newest first."""
    rows = _listed(actor).where(matches(q)).order_by(Ticket.id.desc()).limit(limit)
    return with_last_words(list(session().scalars(rows)))


def search_contacts(actor: Actor, q: str, limit: int = 10) -> list[Contact]:
    """People whose name, address or company matches; merged ones are found under the one that is kept."""
    rows = readable_contacts(actor).where(Contact.merged_into_id.is_(None))
    for word in q.split()[:6]:
        pattern = like(word)
        rows = rows.where(
            or_(
                Contact.name.ilike(pattern, escape="\\"),
                Contact.identities.any(
                    or_(Identity.value.ilike(pattern, escape="\\"), Identity.shown.ilike(pattern, escape="\\"))
                ),
                Contact.organisation.has(
                    or_(Organisation.name.ilike(pattern, escape="\\"), Organisation.short_name.ilike(pattern, escape="\\"))
                ),
            )
        )
    rows = rows.options(joinedload(Contact.organisation), selectinload(Contact.identities))
    found: Iterable[Any] = session().scalars(rows.order_by(Contact.id.desc()).limit(limit))
    return list(found)


def product_choices() -> list[tuple[int, str]]:
    """All products that are offered, for a select."""
    rows = select(Product.id, Product.code, Product.name).where(Product.active.is_(True)).order_by(Product.code)
    return [(row[0], row[2] if row[2].startswith(row[1]) else f"{row[1]} {row[2]}") for row in session().execute(rows)]
