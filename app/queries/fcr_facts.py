"""Gathers what workflows.fcr wants to know of a batch of issues, in a fixed number of statements for any length."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Text, and_, cast, exists, false, func, or_, select, true
from sqlalchemy.orm import aliased

from app import letters
from app.core.audit import AuditRow
from app.core.db import session
from app.core.people import Contact, Organisation, Team, team_member
from app.queries import fcr_talk
from channels.models import Account, Conversation, Message, Session
from workflows.fcr import Hand, Human, IssueFacts, Later, windows
from workflows.fcr_models import FcrVerdict, RepeatDecision
from workflows.models import FollowUp, Ticket, TicketConversation

STEPS = (
    "ticket.opened", "ticket.dispatch", "ticket.transfer", "ticket.return", "ticket.solve_now", "ticket.resolve",
    "ticket.escalate", "ticket.raise", "ticket.reopen", "ticket.classified",
)  # fmt: skip
"""What of the audit trail says how an issue went."""


@dataclass
class Gathered:
    """The facts of one issue, with what its row keeps besides (see workflows.fcr_verdicts)."""

    facts: IssueFacts
    root: Ticket
    family: list[Ticket]


@dataclass
class Batch:
    """Everything that was read for the issues, by the key that it is looked up with."""

    families: dict[int, list[Ticket]] = field(default_factory=dict)
    links: dict[int, list[TicketConversation]] = field(default_factory=lambda: defaultdict(list))
    sessions: dict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    steps: dict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    teams: dict[int, Any] = field(default_factory=dict)
    team_names: dict[str, int] = field(default_factory=dict)
    teams_of: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    people: Mapping[int, int] = field(default_factory=dict)
    platforms: set[int] = field(default_factory=set)
    told: dict[int, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    later: list[Later] = field(default_factory=list)
    decided: dict[tuple[int, int | None, int | None], bool] = field(default_factory=dict)


def roots_of(ticket_ids: Iterable[int]) -> list[int]:
    """The issues that these tickets belong to: each at the end of its chain of merges."""
    start = select(Ticket.id, Ticket.merged_into_id).where(Ticket.id.in_(list(ticket_ids))).cte("up", recursive=True)
    chain = start.union(select(Ticket.id, Ticket.merged_into_id).join(start, Ticket.id == start.c.merged_into_id))
    return sorted(session().scalars(select(chain.c.id).where(chain.c.merged_into_id.is_(None)).distinct()))


def gather(root_ids: Sequence[int]) -> list[Gathered]:
    """The facts of these issues (ids of tickets that are merged into no other)."""
    batch = _read(root_ids)
    return [_one(family, batch) for family in batch.families.values()]


def _read(root_ids: Sequence[int]) -> Batch:
    batch = Batch()
    start = select(Ticket.id, Ticket.id.label("root")).where(Ticket.id.in_(root_ids), Ticket.merged_into_id.is_(None))
    up = start.cte("family", recursive=True)
    family = up.union(select(Ticket.id, up.c.root).join(up, Ticket.merged_into_id == up.c.id))
    rows = session().execute(select(Ticket, family.c.root).join(family, family.c.id == Ticket.id).order_by(Ticket.id))
    for ticket, root in rows:
        batch.families.setdefault(root, []).append(ticket)
    ids = [ticket.id for tickets in batch.families.values() for ticket in tickets]
    if not ids:
        return batch
    links = session().scalars(select(TicketConversation).where(TicketConversation.ticket_id.in_(ids)))
    for link in links:
        batch.links[link.ticket_id].append(link)
    _read_talk(batch)
    for step in session().execute(
        select(AuditRow.subject_id, AuditRow.action, AuditRow.at, AuditRow.actor_kind, AuditRow.actor_id,
               AuditRow.before, AuditRow.after, AuditRow.details)
        .where(AuditRow.subject == "ticket", AuditRow.subject_id.in_(ids), AuditRow.action.in_(STEPS))
        .order_by(AuditRow.id)
    ):  # fmt: skip
        batch.steps[step.subject_id or 0].append(step)
    for team in session().execute(select(Team.id, Team.name, Team.line, Team.organisation_id)):
        batch.teams[team.id], batch.team_names[team.name] = team, team.id
    for team_id, user_id in session().execute(select(team_member.c.team_id, team_member.c.user_id).order_by(team_member.c.team_id)):
        batch.teams_of[user_id].append(team_id)
    batch.people = _people()
    batch.platforms = set(session().scalars(select(Organisation.id).where(Organisation.kind == "platform")))
    for row in session().execute(
        select(FollowUp.ticket_id, FollowUp.delivered_at, FollowUp.answered_at).where(FollowUp.ticket_id.in_(ids))
    ):
        batch.told[row.ticket_id] += [at for at in (row.delivered_at, row.answered_at) if at]
    batch.later = _later(batch, ids)
    for d in session().scalars(select(RepeatDecision).where(RepeatDecision.ticket_id.in_(root_ids))):
        batch.decided[d.ticket_id, d.later_ticket_id, d.later_session_id] = d.same
    return batch


def _read_talk(batch: Batch) -> None:
    """Sessions and messages of all conversations that hang on the issues."""
    conversations = {link.conversation_id for links in batch.links.values() for link in links}
    if not conversations:
        return
    rows = session().execute(
        select(Session.id, Session.conversation_id, Session.started_at, Session.last_at, Session.agent_turns,
               Session.inbound, Session.first_user_id, Session.first_user_at, Account.kind.label("channel"))
        .join(Account, Account.id == Session.account_id)
        .where(Session.conversation_id.in_(conversations))
        .order_by(Session.started_at, Session.id)
    )  # fmt: skip
    for row in rows:
        batch.sessions[row.conversation_id].append(row)
    said = session().execute(
        select(Message.id, Message.conversation_id, Message.session_id, Message.direction, Message.author_kind, Message.author_id,
               Message.created_at, Message.state, func.substr(Message.visible_text, 1, 400).label("text"))
        .where(Message.conversation_id.in_(conversations), Message.is_auto.is_(False), Message.is_bounce.is_(False))
        .order_by(Message.id)
    )  # fmt: skip
    for row in said:
        batch.messages[row.conversation_id].append(row)


def _people() -> Mapping[int, int]:
    """Which person a merged contact stands for now; one that is not listed stands for itself."""
    merged = session().execute(select(Contact.id, Contact.merged_into_id).where(Contact.merged_into_id.is_not(None)))
    up = {row[0]: row[1] for row in merged}

    def end(contact_id: int) -> int:
        for _step in range(len(up) + 1):
            following = up.get(contact_id)
            if following is None:
                break
            contact_id = following
        return contact_id

    return {contact_id: end(contact_id) for contact_id in up}


def _later(batch: Batch, ids: Sequence[int]) -> list[Later]:
    """Tickets, and talk without a ticket, of the same people and companies that came within the longest window."""
    resolved = [t.first_resolved_at for tickets in batch.families.values() for t in tickets if t.first_resolved_at]
    if not resolved:
        return []
    since, until = min(resolved), max(resolved) + windows().longest
    known = [t for tickets in batch.families.values() for t in tickets]
    people = {batch.people.get(t.contact_id, t.contact_id) for t in known if t.contact_id}
    people |= {merged for merged, kept in batch.people.items() if kept in people}
    companies = {t.organisation_id for t in known if t.organisation_id}
    rows = session().execute(
        select(Ticket.id, Ticket.created_at, Ticket.contact_id, Ticket.organisation_id, Ticket.device_id, Ticket.product_id,
               Ticket.category, Ticket.state, Ticket.merged_into_id)
        .where(Ticket.created_at > since, Ticket.created_at < until,
               or_(Ticket.contact_id.in_(people), Ticket.organisation_id.in_(companies)))
        .order_by(Ticket.id)
    )  # fmt: skip
    found = [
        Later(
            at=row.created_at, ticket_id=row.id, person=batch.people.get(row.contact_id, row.contact_id),
            organisation_id=row.organisation_id, device_id=row.device_id, product_id=row.product_id,
            category=row.category, cancelled=row.state == "cancelled",
        )
        for row in rows
    ]  # fmt: skip
    if not people:
        return found
    loose = session().execute(
        select(Session.id, Session.started_at, Conversation.contact_id, Conversation.organisation_id)
        .join(Conversation, Conversation.id == Session.conversation_id)
        .where(
            Session.started_at > since, Session.started_at < until, Session.inbound > 0, Conversation.contact_id.in_(people),
            ~exists().where(TicketConversation.conversation_id == Conversation.id),
        )
    )  # fmt: skip
    found += [
        Later(at=s.started_at, session_id=s.id, person=batch.people.get(s.contact_id, s.contact_id), organisation_id=s.organisation_id)
        for s in loose
    ]
    return sorted(found, key=lambda c: c.at)


def _one(family: list[Ticket], batch: Batch) -> Gathered:
    root = next(t for t in family if t.merged_into_id is None)
    own = {t.id for t in family}
    first = min((t for t in family if t.first_resolved_at), key=lambda t: t.first_resolved_at or t.created_at, default=None)
    resolved_at = first.first_resolved_at if first else None
    # What was opened after the issue was first resolved and folded in then is a repeat, not a part of the first contact.
    before = [t for t in family if resolved_at is None or t.created_at <= resolved_at]
    steps = [step for t in family for step in batch.steps[t.id]]
    steps.sort(key=lambda s: s.at)
    talk = fcr_talk.talk_of(before, batch.links, batch.sessions, batch.messages, resolved_at, letters.only_thanks)
    humans = _humans(before, steps, talk, batch)
    kind, changed = _kind_then(first or root, batch.steps[(first or root).id])
    person = next((t.contact_id for t in [root, *family] if t.contact_id), None)
    organisation = next((t.organisation_id for t in [root, *family] if t.organisation_id), None)
    solver = next((s.actor_id for s in steps if s.action in ("ticket.solve_now", "ticket.resolve") and s.actor_kind == "user"), None)
    if solver is None and resolved_at is not None and not any(s.action in ("ticket.solve_now", "ticket.resolve") for s in steps):
        solver = (first or root).resolved_by_id
    facts = IssueFacts(
        ticket_id=root.id,
        created_at=min(t.created_at for t in family),
        kind=kind,
        channel=before[0].channel if before else root.channel,
        resolved_at=resolved_at,
        cancelled_at=root.closed_at if root.state == "cancelled" else None,
        person=batch.people.get(person, person) if person else None,
        organisation_id=organisation,
        device_id=next((t.device_id for t in [root, *family] if t.device_id), None),
        product_id=next((t.product_id for t in [root, *family] if t.product_id), None),
        category=next((t.category for t in [root, *family] if t.category), None),
        stretches=talk.stretches,
        letters=talk.letters,
        hands=_hands(before, steps, humans, solver, resolved_at, batch),
        humans=humans,
        escalated=_moments(steps, "ticket.escalate"),
        raised=_moments(steps, "ticket.raise"),
        reopened=_moments(steps, "ticket.reopen"),
        later=tuple(
            [Later(at=t.created_at, ticket_id=t.id, folded=True) for t in family if t not in before]
            + [_decided(c, root.id, batch) for c in batch.later if _concerns(c, own, batch, person, organisation, resolved_at)]
        ),
        solver=solver,
        answered=talk.answered or any(batch.told[t.id] for t in family),
        internal=organisation in batch.platforms,
        outbound=talk.ours,
        kind_changed=changed,
    )
    return Gathered(facts, root, family)


def _moments(steps: Sequence[Any], action: str) -> tuple[datetime, ...]:
    return tuple(s.at for s in steps if s.action == action)


def _kind_then(ticket: Ticket, steps: Sequence[Any]) -> tuple[str, bool]:
    """The kind that stood when the ticket was first resolved, read back from the trail, and whether it changed since."""
    place = next((n for n, s in enumerate(steps) if s.action in ("ticket.solve_now", "ticket.resolve")), None)
    if place is None:
        return ticket.kind, False
    earlier = [s for s in steps[:place] if s.action == "ticket.classified"]
    after = [s for s in steps[place:] if s.action == "ticket.classified"]
    if isinstance(said := (steps[place].details or {}).get("kind"), str) and said:
        kind = said
    elif earlier:
        kind = _kind_of(earlier[-1].after)
    else:
        kind = _kind_of(after[0].before) if after else ticket.kind
    return kind, ticket.kind != kind or any(_kind_of(s.after) != kind for s in after)


def _kind_of(noted: str | None) -> str:
    """The kind in "kind/impact", as the trail writes it."""
    return (noted or "").split("/")[0]


def _humans(before: Sequence[Ticket], steps: Sequence[Any], talk: fcr_talk.Talk, batch: Batch) -> tuple[Human, ...]:
    """Who of the desk spoke to the customer, and who wrote a request down that has no conversation, with their teams."""
    found = [(at, user) for at, user in talk.spoke]
    spoken = {t.id for t in before if batch.links[t.id]}
    for step in steps:
        by_hand = step.subject_id not in spoken and step.subject_id in {t.id for t in before} and not talk.stretches_of(step.subject_id)
        if step.action == "ticket.opened" and step.actor_kind == "user" and by_hand:
            found.append((step.at, step.actor_id))
    return tuple(Human(at, user, _team_of(user, before[0].team_id if before else None, batch)) for at, user in sorted(found))


def _team_of(user_id: int, holder: int | None, batch: Batch) -> int | None:
    """The team that holds the ticket where the person belongs to it, else their first one."""
    teams = batch.teams_of[user_id]
    return holder if holder in teams else (teams[0] if teams else None)


def _hands(
    before: Sequence[Ticket], steps: Sequence[Any], humans: Sequence[Human], solver: int | None, resolved_at: datetime | None, batch: Batch
) -> tuple[Hand, ...]:
    """The tiers that held the issue: whoever spoke first, each team it was given to, and whoever solved it."""
    found: list[tuple[datetime, int]] = []
    if humans and humans[0].team_id:
        found.append((humans[0].at, humans[0].team_id))
    held: int | None = None
    ids = {t.id for t in before}
    for step in steps:
        if step.subject_id not in ids or step.action not in ("ticket.dispatch", "ticket.transfer"):
            continue
        details = step.details or {}
        team = _team_id(details.get("team"), batch)
        person = details.get("assignee")
        if team is None and isinstance(person, int | str) and str(person).isdecimal():
            team = _team_of(int(person), held, batch)
        if team is not None:
            held = team
            found.append((step.at, team))
    if solver is not None and resolved_at is not None:
        team = held if held in batch.teams_of[solver] else _team_of(solver, held, batch)
        if team is not None:
            found.append((resolved_at, team))
    return tuple(
        Hand(at, batch.teams[team].line, batch.teams[team].organisation_id)
        for at, team in sorted(found, key=lambda f: f[0])
        if team in batch.teams
    )


def _team_id(given: Any, batch: Batch) -> int | None:
    if isinstance(given, int):
        return given
    if isinstance(given, str) and re.fullmatch(r"[0-9]{1,9}", given):
        return int(given)
    return batch.team_names.get(given) if isinstance(given, str) else None


def _concerns(
    later: Later, own: set[int], batch: Batch, person: int | None, organisation: int | None, resolved_at: datetime | None
) -> bool:
    if resolved_at is None or not resolved_at < later.at < resolved_at + windows().longest:
        return False
    if later.ticket_id in own:
        return False  # folded in: said already
    kept = batch.people.get(person, person) if person else None
    return (kept is not None and later.person == kept) or (organisation is not None and later.organisation_id == organisation)


def _decided(later: Later, root_id: int, batch: Batch) -> Later:
    return replace(later, same=batch.decided.get((root_id, later.ticket_id, later.session_id)))


def affected(ticket_id: int) -> list[int]:
    """The issues whose verdict may change because of this ticket: its own, those resolved shortly before it came whose
    person or machine or product it shares, and those that it was a repeat of so far, whatever it shares with them now."""
    ticket = session().get(Ticket, ticket_id)
    if ticket is None:
        return []
    earlier = aliased(Ticket)
    people = _same_person(ticket.contact_id) if ticket.contact_id else []
    likely = or_(
        earlier.device_id == (ticket.device_id or -1),
        earlier.product_id == (ticket.product_id or -1),
        true() if ticket.contact_id is None else false(),
    )
    company = and_(earlier.organisation_id == (ticket.organisation_id or -1), likely)
    rows = select(earlier.id).where(
        earlier.first_resolved_at > ticket.created_at - windows().longest,
        earlier.first_resolved_at < ticket.created_at,
        or_(earlier.contact_id.in_(people), company),
    )
    judged = ticket.first_resolved_at is not None or ticket.state in ("cancelled", "merged")
    own = [ticket_id] if judged or session().get(FcrVerdict, ticket_id) is not None else []
    named = select(FcrVerdict.ticket_id).where(
        FcrVerdict.counted_at > ticket.created_at - windows().longest,
        FcrVerdict.counted_at < ticket.created_at,
        FcrVerdict.main_reason.is_not(None),
        cast(FcrVerdict.reasons, Text).like(f'%"ticket": {ticket_id},%'),
    )
    wanted = [*own, *session().scalars(rows), *session().scalars(named)]
    return roots_of(wanted) if wanted else []


def _same_person(contact_id: int) -> list[int]:
    """The ids of all contacts that are this person."""
    kept = _people()
    end = kept.get(contact_id, contact_id)
    return [end, *(merged for merged, to in kept.items() if to == end)]


def affected_by_person(contact_id: int) -> list[int]:
    """The resolved issues of a person, for when two contacts turn out to be one or two after all."""
    rows = select(Ticket.id).where(Ticket.contact_id.in_(_same_person(contact_id)), Ticket.first_resolved_at.is_not(None))
    return roots_of(session().scalars(rows))
