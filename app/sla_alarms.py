"""Alarms about the clocks of tickets: when four fifths of the time are gone, and when all of it is. Looked at by the
worker's clock; each is raised once for each due date, whoever looks how often."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app import letters
from app.core.clock import now
from app.core.db import session
from app.core.people import Team, User
from app.reach import reaching
from app.reach import words as reach_words
from workflows.kinds import time_to_solve
from workflows.models import Ticket
from workflows.tickets import TICKET

WARN_AT = 0.8
STALE = timedelta(hours=12)
"""A moment that passed longer ago than this is not told any more: the house was down, or is new to this."""
MOST = 500
PAUSING = ("customer", "date")
"""Whose waiting stops the customer's clock."""


def raise_alarms() -> int:
    """Raise what is to be raised now, to who has the ticket and to the leader of the team. Returns how many people are
    told. In a unit of work."""
    moment, longest = now(), max(time_to_solve(priority) for priority in ("P1", "P2", "P3", "P4"))
    rows = select(Ticket).where(
        Ticket.state.in_(("created", "dispatched", "executing")), Ticket.due_at <= moment + 2 * longest, Ticket.due_at > moment - STALE
    )
    told = 0
    for ticket in session().scalars(rows.order_by(Ticket.due_at).limit(MOST)):
        what = lateness(ticket, moment)
        if what and not (ticket.held and ticket.hold_party in PAUSING):
            told += _tell(ticket, what)
    return told


def lateness(ticket: Ticket, moment: datetime) -> str:
    """breach, warn or nothing; the warning is owed only while it is fresh."""
    if ticket.state in TICKET.ends:
        return ""
    if moment >= ticket.due_at:
        return "breach" if moment - ticket.due_at < STALE else ""
    warned = ticket.created_at + WARN_AT * (ticket.due_at - ticket.created_at)
    return "warn" if moment >= warned and moment - warned < STALE else ""


def _tell(ticket: Ticket, what: str) -> int:
    about = f"sla-{what}-{ticket.id}-{ticket.due_at:%Y%m%d%H%M}"
    people = _people(ticket)
    for user in people:
        zone = ZoneInfo(user.time_zone or letters.signing().get("time_zone") or "UTC")
        due = f"{ticket.due_at.astimezone(zone):%m-%d %H:%M}"
        reaching.tell_colleague(
            user, "alarm", f"{about}-{user.id}", reach_words.late(ticket, what, due), subject=("ticket", ticket.number), about=about,
            params={"subject": ticket.subject[:40], "when": due},
        )  # fmt: skip
    return len(people)


def _people(ticket: Ticket) -> list[User]:
    """Who has it, then who leads the team; a leader who has it hears it once."""
    team = session().get(Team, ticket.team_id) if ticket.team_id else None
    if team is None and ticket.assignee is not None and ticket.assignee.teams:
        team = ticket.assignee.teams[0]
    leader = session().get(User, team.leader_id) if team and team.leader_id else None
    found = [user for user in (ticket.assignee, leader) if user is not None and user.active]
    return list(dict.fromkeys(found))
