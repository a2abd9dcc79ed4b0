"""Writes verdicts down, and what agents decide about possible repeats."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sqlalchemy import delete, select

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, Refused
from app.core.events import Event, record
from app.core.permissions import Actor, require
from workflows.fcr import PENDING, IssueFacts, Verdict
from workflows.fcr_models import FcrVerdict, RepeatDecision
from workflows.models import Ticket


@dataclass(frozen=True)
class VerdictMatures(Event):
    """The moment at which nobody may come back any more, and the verdict on an issue stands."""

    subject: ClassVar[str] = ""
    ticket_id: int


@dataclass(frozen=True)
class VerdictGiven(Event):
    """The verdict on an issue changed; pages that show its ticket fetch it again."""

    subject: ClassVar[str] = "ticket"
    ticket_id: int
    version: int


@dataclass(frozen=True)
class RepeatDecided(Event):
    """Somebody decided whether a later contact was about the same issue."""

    subject: ClassVar[str] = ""
    ticket_id: int


def keep(ticket: Ticket, facts: IssueFacts, verdict: Verdict | None, *, quiet: bool = False) -> FcrVerdict | None:
    """Store the verdict of an issue, or forget it where there is none. One that is pending comes back when it matures.
    `quiet`: nobody is told of what changed, for when all are judged anew."""
    row = session().get(FcrVerdict, ticket.id)
    if verdict is None:
        if row is not None:
            session().delete(row)
            session().flush()
        return None
    was = (row.verdict, row.reasons, row.possible) if row else None
    due = row.matures_at if row is not None and row.verdict == PENDING else None
    if row is None:
        row = FcrVerdict(ticket_id=ticket.id)
        session().add(row)
    row.verdict, row.excluded_as, row.main_reason = verdict.verdict, verdict.excluded_as, verdict.main_reason
    row.reasons = [
        {"code": r.code, "at": r.at.isoformat(), "ticket": r.ticket_id, "session": r.session_id} for r in verdict.reasons
    ]
    row.counted_at, row.matures_at = verdict.counted_at, verdict.matures_at
    row.broken_after = None if verdict.broken_after is None else int(verdict.broken_after.total_seconds())
    row.solvable, row.possible = verdict.solvable, len(verdict.possible)
    row.created_at, row.seconds = facts.created_at, int((verdict.counted_at - facts.created_at).total_seconds())
    row.kind, row.channel = facts.kind, facts.channel
    row.product_id, row.organisation_id = facts.product_id, facts.organisation_id
    row.user_id = verdict.user_id
    row.team_id = verdict.team_id or ticket.team_id
    row.held, row.reopened, row.kind_changed = ticket.holds > 0, bool(facts.reopened), facts.kind_changed
    row.judged_at = now()
    session().flush()
    if not quiet and was != (row.verdict, row.reasons, row.possible):
        record(VerdictGiven(ticket_id=ticket.id, version=ticket.version))
    if verdict.verdict == PENDING and verdict.matures_at != due and verdict.matures_at is not None:
        record(VerdictMatures(ticket_id=ticket.id), due_at=verdict.matures_at)
    return row


def forget(ticket_ids: Iterable[int]) -> None:
    """Tickets that were merged into another one are no issues of their own any more."""
    session().execute(
        delete(FcrVerdict).where(FcrVerdict.ticket_id.in_(list(ticket_ids))).execution_options(synchronize_session="fetch")
    )


def verdict_of(ticket: Ticket) -> FcrVerdict | None:
    """The stored verdict of a ticket's issue."""
    return session().get(FcrVerdict, ticket.id)


def decide_repeat(
    actor: Actor, ticket: Ticket, *, same: bool, later_ticket: Ticket | None = None, later_session: int | None = None
) -> RepeatDecision:
    """Say whether a possible repeat was about the same issue. May be said again; each time it is noted who said it.

    Raises Invalid where neither a ticket nor a session is named, Refused for the ticket itself.
    """
    require(actor, "ticket.work")
    if (later_ticket is None) == (later_session is None):
        raise Invalid.of("later", "选择是哪一次联系。")
    if later_ticket is not None and later_ticket.id == ticket.id:
        raise Refused("这是同一张工单。")
    number = later_ticket.id if later_ticket else None
    row = session().scalar(
        select(RepeatDecision).where(
            RepeatDecision.ticket_id == ticket.id,
            RepeatDecision.later_ticket_id == number if number else RepeatDecision.later_session_id == later_session,
        )
    )
    before: bool | None = row.same if row else None
    if row is None:
        row = RepeatDecision(ticket_id=ticket.id, later_ticket_id=number, later_session_id=later_session)
        session().add(row)
    moment: datetime = now()
    row.same, row.decided_by, row.decided_at = same, actor.name, moment
    row.decided_by_id = actor.id if actor.kind == "user" else None
    session().flush()
    words = {None: None, True: "same", False: "other"}
    note(
        actor, "ticket.repeat_decided", ticket, before=words[before], after=words[same],
        later=later_ticket.number if later_ticket else later_session,
    )  # fmt: skip
    record(RepeatDecided(ticket_id=ticket.id))
    return row
