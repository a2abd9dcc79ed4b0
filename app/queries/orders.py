"""Service orders as lists: which stand in which list, how many, and a page of them. A fixed number of statements for any
length. The lists 未接单 … 待验收 are derived from an order's facts; every open order stands in exactly one of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import joinedload

from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.installed_base import Device
from app.core.people import Contact, Identity, Organisation, User
from app.core.permissions import Actor
from app.queries.tickets import like
from workflows.models import FIRST_NUMBER, Ticket
from workflows.order_access import on_desk, readable_order
from workflows.order_kinds import WORKS
from workflows.orders_models import (
    FIRST_ORDER,
    OPEN_ORDER,
    OrderAppointment,
    OrderMark,
    OrderPlan,
    OrderQuote,
    ServiceOrder,
)

PAGE = 30
RECENT = timedelta(days=14)
ON_SITE = tuple(work.code for work in WORKS.values() if work.on_site)
DERIVED = ("unaccepted", "unassigned", "unappointed", "unvisited", "unfinished", "checking")


@dataclass(frozen=True)
class Day:
    """The viewer's day: its begin, its end, and the end of the seventh day (UTC moments)."""

    begin: datetime
    end: datetime
    week: datetime


@dataclass(frozen=True)
class View:
    """One list. `by`: due or window, what its rows are sorted by; `for_`: everybody, dispatcher, technician or desk."""

    key: str
    where: Callable[[Actor, Day], ColumnElement[bool]]
    by: str = "due"
    for_: str = "everybody"
    counted: bool = True


def _open() -> ColumnElement[bool]:
    return ServiceOrder.state.in_(OPEN_ORDER)


def stage(key: str) -> ColumnElement[bool]:
    """The condition of a derived list: what an order still lacks, in the order in which it gets it."""
    if key == "checking":
        return ServiceOrder.state == "checking"
    lacks: dict[str, ColumnElement[bool]] = {
        "unaccepted": ServiceOrder.accepted_at.is_(None),
        "unassigned": ServiceOrder.technician_id.is_(None),
        "unappointed": ServiceOrder.window_from.is_(None),
        "unvisited": and_(ServiceOrder.work.in_(ON_SITE), ServiceOrder.visited_at.is_(None)),
    }
    earlier = DERIVED[: DERIVED.index(key)]
    has_those = [~lacks[name] for name in earlier]
    lacking = [lacks[key]] if key in lacks else []
    return and_(ServiceOrder.state.in_([s for s in OPEN_ORDER if s != "checking"]), *has_those, *lacking)


def _to_judge() -> ColumnElement[bool]:
    asked = exists().where(
        OrderMark.order_id == ServiceOrder.id, OrderMark.kind.in_(("reject", "extend")), OrderMark.decision == "asked"
    )
    return or_(asked, and_(_open(), ServiceOrder.quote == "asked"))


def _at(until: Callable[[Day], datetime]) -> Callable[[Actor, Day], ColumnElement[bool]]:
    return lambda actor, day: and_(
        ServiceOrder.technician_id == actor.id,
        ServiceOrder.state.in_(("created", "scheduled", "planned", "delivering")),
        ServiceOrder.window_from < until(day),
    )


VIEWS: Mapping[str, View] = {
    view.key: view
    for view in (
        View("today", _at(lambda day: day.end), by="window", for_="technician"),
        View("week", _at(lambda day: day.week), by="window", for_="technician"),
        View("mine", lambda actor, day: and_(ServiceOrder.technician_id == actor.id, _open()), for_="technician"),
        *(View(key, lambda actor, day, key=key: stage(key), for_="dispatcher") for key in DERIVED),  # type: ignore[misc]
        View("judge", lambda actor, day: _to_judge(), for_="desk"),
        View("overdue", lambda actor, day: and_(_open(), ServiceOrder.held_at.is_(None), ServiceOrder.due_at < now()), for_="dispatcher"),
        View("held", lambda actor, day: and_(_open(), ServiceOrder.held_at.is_not(None)), for_="dispatcher"),
        View("open", lambda actor, day: _open(), for_="dispatcher"),
        View(
            "ended",
            lambda actor, day: and_(ServiceOrder.state.not_in(OPEN_ORDER), ServiceOrder.closed_at >= now() - RECENT),
            by="new",
            counted=False,
        ),
    )
}


@dataclass(frozen=True)
class Wanted:
    """What a list is narrowed to."""

    view: str = "open"
    q: str = ""
    cursor: str = ""
    technician: int | None = None
    supplier: int | None = None


@dataclass(frozen=True)
class Page:
    """Some rows, and the cursor with which the list goes on."""

    rows: list[ServiceOrder]
    next: str | None


def views_for(actor: Actor) -> list[View]:
    """The lists that mean something to this actor."""
    side = "technician" if actor.role == "technician" else "dispatcher"
    return [v for v in VIEWS.values() if v.for_ in ("everybody", side) or (v.for_ == "desk" and on_desk(actor))]


def counts(actor: Actor, day: Day) -> dict[str, int]:
    """How many orders each list holds, in one statement."""
    counted = [view for view in views_for(actor) if view.counted]
    columns = [func.count().filter(view.where(actor, day)).label(view.key) for view in counted]
    among = or_(_open(), _to_judge()) if on_desk(actor) else _open()
    row = session().execute(select(*columns).select_from(ServiceOrder).where(readable_order(actor), among)).one()
    return {view.key: row[place] for place, view in enumerate(counted)}


def listed(actor: Actor, wanted: Wanted, day: Day, limit: int = PAGE) -> Page:
    """A page of a list, with device, place, customer and technician of each row."""
    view = VIEWS[wanted.view]
    rows = _with_facts(actor).where(view.where(actor, day))
    if wanted.q:
        rows = rows.where(matches(actor, wanted.q))
    if wanted.technician:
        rows = rows.where(ServiceOrder.technician_id == wanted.technician)
    if wanted.supplier:
        rows = rows.where(ServiceOrder.supplier_id == wanted.supplier)
    column = {"due": ServiceOrder.due_at, "window": ServiceOrder.window_from, "new": ServiceOrder.closed_at}[view.by]
    after = _read_cursor(wanted.cursor)
    if view.by == "new":
        if after is not None:
            rows = rows.where(or_(column < after[0], and_(column == after[0], ServiceOrder.id < after[1])))
        rows = rows.order_by(column.desc(), ServiceOrder.id.desc())
    else:
        if after is not None:
            rows = rows.where(or_(column > after[0], and_(column == after[0], ServiceOrder.id > after[1])))
        rows = rows.order_by(column, ServiceOrder.id)
    found = list(session().scalars(rows.limit(limit + 1)))
    cursor = None
    if len(found) > limit:
        last = found[limit - 1]
        at = {"due": last.due_at, "window": last.window_from, "new": last.closed_at}[view.by]
        cursor = f"{at.isoformat()}~{last.id}" if at else None
    return Page(found[:limit], cursor)


def _with_facts(actor: Actor) -> Select[Any]:
    return (
        select(ServiceOrder)
        .where(readable_order(actor))
        .options(
            joinedload(ServiceOrder.ticket).joinedload(Ticket.contact).selectinload(Contact.identities),
            joinedload(ServiceOrder.ticket).joinedload(Ticket.organisation),
            joinedload(ServiceOrder.device).joinedload(Device.site),
            joinedload(ServiceOrder.device).joinedload(Device.product),
            joinedload(ServiceOrder.product),
            joinedload(ServiceOrder.supplier),
            joinedload(ServiceOrder.technician),
        )
    )


def _read_cursor(text: str) -> tuple[datetime, int] | None:
    """A cursor of ours, or None for anything else: a damaged address shows the first page."""
    at, _sep, number = text.rpartition("~")
    if not number.isascii() or not number.isdecimal() or len(number) > 10:
        return None
    try:
        moment = datetime.fromisoformat(at)
        return (moment.astimezone(UTC), int(number)) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):  # the first and the last day of all time have no UTC everywhere
        return None


def matches(actor: Actor, q: str) -> ColumnElement[bool]:
    """Each word stands in the subject, the place, the serial number or the company; numbers are order or ticket numbers.
    Names of customers find nothing for those from whom they may be covered."""
    return and_(*(_matches_word(actor, word) for word in q.split()[:6]))


def _matches_word(actor: Actor, word: str) -> ColumnElement[bool]:
    pattern = like(word)

    def has(*columns: Any) -> ColumnElement[bool]:
        return or_(*(column.ilike(pattern, escape="\\") for column in columns))

    said = [
        has(ServiceOrder.subject, ServiceOrder.place),
        ServiceOrder.device.has(has(Device.serial, Device.name, Device.model)),
        ServiceOrder.product.has(has(Product.code, Product.name)),
        ServiceOrder.ticket.has(Ticket.organisation.has(has(Organisation.name, Organisation.short_name))),
    ]
    if on_desk(actor):
        said.append(ServiceOrder.supplier.has(has(Organisation.name, Organisation.short_name)))
    digits = word.lstrip("#＃")
    if digits.isascii() and digits.isdecimal() and len(digits) <= 9:
        said.append(ServiceOrder.id == int(digits) - FIRST_ORDER)
        said.append(ServiceOrder.ticket_id == int(digits) - FIRST_NUMBER)
    return or_(*said)


def of_ticket(actor: Actor, ticket: Ticket) -> list[ServiceOrder]:
    """The orders of a ticket that the actor may read, open ones first."""
    rows = _with_facts(actor).where(ServiceOrder.ticket_id == ticket.id)
    return list(session().scalars(rows.order_by(ServiceOrder.state.in_(OPEN_ORDER).desc(), ServiceOrder.id)))


@dataclass(frozen=True)
class Papers:
    """What was written down beside an order: plan, price, appointments, marks (newest first)."""

    plan: OrderPlan | None
    quote: OrderQuote | None
    appointments: list[OrderAppointment]
    marks: list[OrderMark]


def papers_of(order: ServiceOrder) -> Papers:
    def newest(kind: Any, limit: int) -> list[Any]:
        return list(session().scalars(select(kind).where(kind.order_id == order.id).order_by(kind.id.desc()).limit(limit)))

    plans, quotes = newest(OrderPlan, 1), newest(OrderQuote, 1)
    return Papers(
        plans[0] if plans else None, quotes[0] if quotes else None, newest(OrderAppointment, 10), newest(OrderMark, 20)
    )


def identities_of(contact: Contact) -> list[Identity]:
    rows = select(Identity).where(Identity.contact_id == contact.id, Identity.kind.in_(("phone", "email")))
    return list(session().scalars(rows.order_by(Identity.kind.desc(), Identity.id)))


def technician_choices(actor: Actor) -> list[tuple[int, str]]:
    """Who may carry orders of the actor's company out."""
    if actor.organisation_id is None:
        return []
    rows = select(User).where(
        User.active.is_(True), User.organisation_id == actor.organisation_id, User.role.in_(("technician", "dispatcher"))
    )
    return [(user.id, user.label) for user in session().scalars(rows.order_by(User.role.desc(), User.display_name, User.id))]


def supplier_choices() -> list[tuple[int, str]]:
    """Who may be given an order: suppliers and the platform."""
    rows = select(Organisation.id, Organisation.name).where(Organisation.kind.in_(("supplier", "platform")))
    return [(row[0], row[1]) for row in session().execute(rows.order_by(Organisation.kind.desc(), Organisation.name))]
