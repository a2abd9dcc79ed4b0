"""First-contact resolution, defined once: from the facts of an issue to its verdict. No database, no clock of its own.

Every card, table and export of the house counts the verdicts that this module gives; docs/fcr.md says the same in words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from workflows.kinds import KINDS

PENDING, SOLVED, NOT_SOLVED, EXCLUDED = "pending", "solved", "not_solved", "excluded"
PROVISIONAL = (timedelta(hours=24), timedelta(hours=72))
WRITTEN = frozenset({"email", "portal", "api"})
"""Channels where an answer may take a day: turns are counted. On all others sessions are."""

REASONS = {
    "second_contact": "客户第二次才问到解决",
    "more_turns": "邮件来回超出一问一答",
    "later": "首次联系结束以后才解决",
    "transferred": "转到别的层级或供应商",
    "escalated": "转了服务订单",
    "raised": "升级给二线或主管",
    "reopened": "解决后重开",
    "repeat": "客户为同一件事又来",
    "unanswered": "到期仍没有答复客户",
}
"""Why an issue was not solved at first contact, in the order in which the main reason is chosen."""

EXCLUSIONS = {
    "cancelled": "撤单（误报、垃圾、重复登记）",
    "complaint": "投诉",
    "suggestion": "建议",
    "notice": "公告事件",
    "test": "平台自己人的工单",
    "outbound": "我们主动联系",
    "self_service": "机器人或自助，没有人参与",
}
"""What is no issue of a customer's that somebody could solve at first contact."""


@dataclass(frozen=True)
class Windows:
    """W, how long no repeat may come: `days` and, for single kinds, `by_kind`. `session`: the silence that ends a contact."""

    days: timedelta = timedelta(days=7)
    by_kind: Mapping[str, timedelta] = field(default_factory=dict)
    session: timedelta = timedelta(hours=2)

    def of(self, kind: str) -> timedelta:
        return self.by_kind.get(kind, self.days)

    @property
    def longest(self) -> timedelta:
        return max([self.days, *self.by_kind.values()])


@dataclass(frozen=True)
class Stretch:
    """One session of the issue, up to its first resolution. `turns`: runs of messages by people of the desk; `spoke`:
    the customer said something besides thanks. `by_hand`: written down by somebody who heard it (telephone, at the desk)."""

    channel: str
    started_at: datetime
    last_at: datetime
    turns: int = 0
    spoke: bool = True
    by_hand: bool = False


@dataclass(frozen=True)
class Letters:
    """The written part of an issue over all its sessions, up to its first resolution: runs of letters by people of the
    desk, and whether the first of them asks something. The question whether it is solved is no such letter."""

    turns: int = 0
    first_asks: bool = False


@dataclass(frozen=True)
class Hand:
    """Who held the issue from a moment on: the tier (line) and, for a supplier's team, its company."""

    at: datetime
    line: int
    organisation_id: int | None = None


@dataclass(frozen=True)
class Human:
    """Somebody of the desk who spoke to the customer or wrote the request down."""

    at: datetime
    user_id: int
    team_id: int | None = None


@dataclass(frozen=True)
class Later:
    """A contact that came after: another ticket, or (with `session_id`) talk that belongs to no ticket. `folded`: it was
    merged into this issue. `same`: what an agent decided about it, None while nobody has."""

    at: datetime
    ticket_id: int | None = None
    session_id: int | None = None
    person: int | None = None
    organisation_id: int | None = None
    device_id: int | None = None
    product_id: int | None = None
    category: str | None = None
    folded: bool = False
    cancelled: bool = False
    same: bool | None = None


@dataclass(frozen=True)
class IssueFacts:
    """What is known of one issue: a ticket with all that was merged into it. `kind` is the kind that stood when it was
    first resolved, so that changing it afterwards changes no number. Moments are UTC."""

    ticket_id: int
    created_at: datetime
    kind: str
    channel: str
    resolved_at: datetime | None = None
    cancelled_at: datetime | None = None
    person: int | None = None
    organisation_id: int | None = None
    device_id: int | None = None
    product_id: int | None = None
    category: str | None = None
    stretches: tuple[Stretch, ...] = ()
    letters: Letters = Letters()
    hands: tuple[Hand, ...] = ()
    humans: tuple[Human, ...] = ()
    escalated: tuple[datetime, ...] = ()
    raised: tuple[datetime, ...] = ()
    reopened: tuple[datetime, ...] = ()
    later: tuple[Later, ...] = ()
    solver: int | None = None
    answered: bool = True
    internal: bool = False
    outbound: bool = False
    notice: bool = False
    kind_changed: bool = False


@dataclass(frozen=True)
class Reason:
    """One fact that speaks against "solved at first contact", when it happened, and the ticket or session that shows it."""

    code: str
    at: datetime
    ticket_id: int | None = None
    session_id: int | None = None


@dataclass(frozen=True)
class Verdict:
    """`verdict` as the constants above. `counted_at`: the moment by which the issue falls into a period (its first
    resolution, for a cancelled one its end). `broken_after`: how long after it the first reason held (zero: from the
    beginning), None while there is none; from it follow the provisional figures. `possible`: contacts that an agent
    should decide on."""

    verdict: str
    counted_at: datetime
    matures_at: datetime | None
    reasons: tuple[Reason, ...] = ()
    excluded_as: str | None = None
    possible: tuple[Later, ...] = ()
    broken_after: timedelta | None = None
    solvable: bool = True
    user_id: int | None = None
    team_id: int | None = None

    @property
    def main_reason(self) -> str | None:
        """The reason that the Pareto counts: the one that came first, then the order of REASONS."""
        if not self.reasons:
            return None
        order = list(REASONS)
        return min(self.reasons, key=lambda r: (max(r.at, self.counted_at), order.index(r.code))).code

    def held_at(self, horizon: timedelta, moment: datetime) -> bool | None:
        """The provisional answer `horizon` after the resolution; None before that, and for what is excluded."""
        if self.verdict == EXCLUDED or moment < self.counted_at + horizon:
            return None
        return self.broken_after is None or self.broken_after >= horizon


def judge(facts: IssueFacts, moment: datetime, windows: Windows) -> Verdict | None:
    """The verdict as it stands at `moment`; None for an issue that was neither resolved nor cancelled yet.

    The window is half open: what comes exactly W after the resolution no longer counts, and at that moment the verdict is due.
    """
    counted_at = facts.resolved_at or facts.cancelled_at
    if counted_at is None:
        return None
    first = min(facts.humans, key=lambda h: h.at, default=None)
    credit = (first.user_id, first.team_id) if first else (facts.solver, None)
    solvable = KINDS[facts.kind].solvable if facts.kind in KINDS else False
    if (code := exclusion(facts)) is not None:
        return Verdict(EXCLUDED, counted_at, None, excluded_as=code, solvable=solvable, user_id=credit[0], team_id=credit[1])
    due = counted_at + windows.of(facts.kind)
    found = [*_first_contact(facts, counted_at, windows), *_afterwards(facts, counted_at, due)]
    if moment >= due and not facts.answered:
        found.append(Reason("unanswered", due))
    reasons = tuple(r for r in found if r.at <= moment)
    broken = min((max(r.at - counted_at, timedelta(0)) for r in reasons), default=None)
    verdict = PENDING if moment < due else NOT_SOLVED if reasons else SOLVED
    possible = tuple(
        c for c in facts.later if counted_at < c.at < due and c.at <= moment and c.same is None and likeness(facts, c) == "possible"
    )
    return Verdict(verdict, counted_at, due, reasons, None, possible, broken, solvable, credit[0], credit[1])


def exclusion(facts: IssueFacts) -> str | None:
    """Why the issue is not counted at all. A cancelled one only where it was never resolved: a failure cannot be cancelled away."""
    if facts.resolved_at is None:
        return "cancelled"
    if facts.kind in ("complaint", "suggestion"):
        return facts.kind
    for code, holds in (("notice", facts.notice), ("test", facts.internal), ("outbound", facts.outbound)):
        if holds:
            return code
    return "self_service" if not facts.humans and facts.solver is None else None


def _first_contact(facts: IssueFacts, resolved_at: datetime, windows: Windows) -> list[Reason]:
    """What went against it before it was resolved."""
    found = [*_contacts(facts, resolved_at, windows)]
    hands = sorted((h for h in facts.hands if h.at <= resolved_at), key=lambda h: h.at)
    for before, after in zip(hands, hands[1:], strict=False):
        if (before.line, before.organisation_id) != (after.line, after.organisation_id):
            found.append(Reason("transferred", after.at))
            break
    for code, moments in (("escalated", facts.escalated), ("raised", facts.raised)):
        if early := [at for at in moments if at <= resolved_at]:
            found.append(Reason(code, min(early)))
    return found


def _contacts(facts: IssueFacts, resolved_at: datetime, windows: Windows) -> list[Reason]:
    """Whether one contact was enough. Until somebody of the desk has spoken, the customer's sessions are one long wait."""
    stretches = sorted((s for s in facts.stretches if s.started_at <= resolved_at), key=lambda s: s.started_at)
    letters = facts.letters
    contacts: list[Stretch] = []
    written = False
    for stretch in stretches:
        if stretch.channel in WRITTEN:
            if stretch.turns and not written:
                written = True  # letters to and fro are one contact; how many are too many is asked below
                contacts.append(stretch)
        elif stretch.turns or (contacts and stretch.spoke):
            contacts.append(stretch)
    if len(contacts) > 1:
        return [Reason("second_contact", contacts[1].started_at)]
    if contacts and contacts[0].channel not in WRITTEN:
        if resolved_at > contacts[0].last_at + windows.session:
            return [Reason("later", resolved_at)]
        return []
    if letters.turns > 2 or (letters.turns == 2 and not letters.first_asks):
        return [Reason("more_turns", resolved_at)]
    return []


def _afterwards(facts: IssueFacts, resolved_at: datetime, due: datetime) -> list[Reason]:
    """What went against it within W."""
    found = [Reason("reopened", at) for at in sorted(facts.reopened) if resolved_at <= at < due][:1]
    for contact in sorted(facts.later, key=lambda c: c.at):
        if not resolved_at < contact.at < due:
            continue
        like = likeness(facts, contact)
        if like == "repeat" or (like == "possible" and contact.same):
            found.append(Reason("repeat", contact.at, contact.ticket_id, contact.session_id))
    return found


def likeness(facts: IssueFacts, later: Later) -> str | None:
    """Whether a later contact is a `repeat`, a `possible` one that somebody must decide, or about something else.

    Certain: merged into this issue; the same person with the same device or category; the same company with the same
    device. A cancelled ticket is never certain, and never nothing where it would have been certain.
    """
    if later.folded:
        return "repeat"
    person = facts.person is not None and facts.person == later.person
    company = facts.organisation_id is not None and facts.organisation_id == later.organisation_id
    if not person and not company:
        return None
    device = _same(facts.device_id, later.device_id)
    product = _same(facts.product_id, later.product_id)
    category = _same(facts.category, later.category)
    if device or (person and category):
        return "possible" if later.cancelled else "repeat"
    if later.cancelled:
        return None
    if person:
        return None if category is False and product is False else "possible"
    if device is False or category is False:
        return None
    return "possible" if product or (product is None and later.person is None) else None


def _same(one: object, other: object) -> bool | None:
    """None where one of them is not known."""
    return None if one is None or other is None else one == other


# The windows in force, set once at start from the settings.
WINDOWS: list[Windows] = [Windows()]


def use_windows(days: int, by_kind: Mapping[str, int], session_hours: int) -> None:
    """Say once at start how long W is."""
    kinds = {kind: timedelta(days=n) for kind, n in by_kind.items()}
    WINDOWS[:] = [Windows(timedelta(days=days), kinds, timedelta(hours=session_hours))]


def windows() -> Windows:
    return WINDOWS[0]
