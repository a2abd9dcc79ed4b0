"""Writing down what a call or a chat was about, in fifteen seconds, or why there is nothing to write down."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.core.audit import note as write_note
from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, Stale
from app.core.events import record
from app.core.permissions import Actor, require
from workflows.call_events import WrapUpWritten
from workflows.engine import touch
from workflows.kinds import CATEGORIES, KINDS
from workflows.models import Ticket
from workflows.ticket_effects import remember_article
from workflows.wrap_models import CALL, NONE_REASONS, SESSION, WrapUp

AT_ONCE = timedelta(minutes=10)
"""A wrap-up that is written later than this after the talk says nothing about how long wrapping up takes."""
MOST_ARTICLES = 10


def wrap_up_of(kind: str, subject_id: int) -> WrapUp | None:
    """What is written down of this talk, finished or not."""
    return session().scalar(select(WrapUp).where(WrapUp.kind == kind, WrapUp.subject_id == subject_id))


def keep_note(actor: Actor, kind: str, subject_id: int, text: str) -> WrapUp:
    """Keep what somebody typed during the talk; it stands in the form of the wrap-up afterwards."""
    require(actor, "ticket.work")
    row = _row(actor, kind, subject_id)
    row.note = text.strip()[:2000]
    _tell(row)
    return row


def attach_ticket(actor: Actor, kind: str, subject_id: int, ticket: Ticket) -> WrapUp:
    """Say that the talk is about this ticket. The wrap-up itself may still be owed."""
    require(actor, "ticket.work")
    row = _row(actor, kind, subject_id)
    row.ticket_id = ticket.id
    row.issue = row.issue or ticket.kind
    row.product_id = row.product_id or ticket.product_id
    _tell(row)
    return row


def wrap_up(
    actor: Actor,
    kind: str,
    subject_id: int,
    *,
    category: str = "",
    issue: str = "",
    cause: str = "",
    note: str | None = None,
    product_id: int | None = None,
    articles: Sequence[int] = (),
    ticket: Ticket | None = None,
    none_reason: str = "",
    talk_ended_at: datetime | None = None,
    version: int | None = None,
) -> WrapUp:
    """Finish the wrap-up of a talk, or write it anew. Either a category, or a reason why there is nothing to wrap up.

    `articles` the actor may use (the caller asks knowledge). `note` None keeps what was noted during the talk. Raises
    Invalid with the field that is missing, Stale when somebody else wrote it since `version`.
    """
    require(actor, "ticket.work")
    errors: dict[str, list[str]] = {}
    if none_reason and none_reason not in NONE_REASONS:
        errors["none_reason"] = ["选择原因。"]
    if not none_reason and category not in CATEGORIES:
        errors["category"] = ["选择分类，或选择不用小结的原因。"]
    if issue and issue not in KINDS:
        errors["issue"] = ["没有这个类别。"]
    if product_id is not None and session().get(Product, product_id) is None:
        errors["product"] = ["没有这个产品。"]
    if errors:
        raise Invalid(errors=errors)
    row = _row(actor, kind, subject_id)
    if version is not None and row.version != version:
        raise Stale()
    first = row.done_at is None
    before = row.category or row.none_reason
    row.none_reason = none_reason or None
    row.category = None if none_reason else category
    row.issue = None if none_reason else issue or (ticket.kind if ticket else None) or row.issue or "consult"
    row.cause = "" if none_reason else cause.strip()[:300]
    row.product_id = None if none_reason else product_id
    row.articles = [] if none_reason else list(dict.fromkeys(articles))[:MOST_ARTICLES]
    row.ticket_id = ticket.id if ticket else None
    if note is not None:
        row.note = note.strip()[:2000]
    if first:
        row.done_at, row.user_id = now(), actor.id if actor.kind == "user" else row.user_id
        after = now() - talk_ended_at if talk_ended_at else None
        row.took_s = int(after.total_seconds()) if after is not None and timedelta(0) <= after <= AT_ONCE else None
    if ticket is not None:
        for article_id in row.articles:
            remember_article(ticket, actor, article_id, "solved")
    _tell(row)
    write_note(actor, "wrap_up.written", row, before=before, after=row.category or row.none_reason, of=kind, ticket=row.ticket_id)
    return row


def _row(actor: Actor, kind: str, subject_id: int) -> WrapUp:
    if kind not in (CALL, SESSION):
        raise ValueError(kind)
    known = wrap_up_of(kind, subject_id)
    if known is not None:
        return known
    row = WrapUp(
        kind=kind, subject_id=subject_id, user_id=actor.id if actor.kind == "user" else None, cause="", note="", articles=[]
    )
    try:
        with session().begin_nested():
            session().add(row)
            session().flush()
    except IntegrityError:
        known = wrap_up_of(kind, subject_id)
        if known is None:
            raise
        return known
    return row


def _tell(row: WrapUp) -> None:
    touch(row)  # type: ignore[arg-type]  # it has no law: only its moment and version are counted
    record(WrapUpWritten(wrapup_id=row.id, version=row.version, kind=row.kind, subject_row=row.subject_id))
