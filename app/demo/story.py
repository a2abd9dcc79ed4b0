"""The forms of the demo's stories: what was asked, who said what and when, which steps were taken, how it ended.

Times are minutes: `age` back from the moment of loading, everything named `after` forward from the ticket's creation.
People are logins of `people.STAFF` or codes of `people.CONTACTS`; articles are slugs of `app/demo/articles`.
"""

from dataclasses import dataclass, field
from typing import Any

KINDS = {
    "consult": "使用咨询", "fault": "故障", "provision": "开通", "change": "变更", "complaint": "投诉",
    "suggestion": "建议",
}  # fmt: skip
IMPACTS = {"line_down": "停线", "machine_down": "单机停", "degraded": "降级", "none": "不影响"}
CHANNELS = ("email", "webchat", "calls", "walk_in")
HOUR, DAY = 60, 1440


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the thread after the first words; `role` is customer, agent or note (internal)."""

    role: str
    by: str
    after: int
    text: str
    articles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """Why the ticket waits: `party` is customer, date, supplier, part or colleague; `until` counts from loading."""

    party: str
    reason: str
    after: int
    until: int


@dataclass(frozen=True, slots=True)
class WrapUp:
    """What closes the record; category and cause are keys of `world.TICKET_CATEGORIES` and `world.TICKET_CAUSES`."""

    category: str
    cause: str
    product: str
    articles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """The customer's answer to the follow-up: 1 (worst) to 5."""

    rating: int
    comment: str
    after: int


@dataclass(frozen=True, slots=True)
class Act:
    """One more step of the ticket's law by `by`, or `attempt` (nobody answered), or `again` (resolved once more).

    In `given`, `team` and `assignee` are codes and logins, `into` is another story's number, `until_in` minutes from
    the loading.
    """

    after: int
    step: str
    by: str
    given: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Order:
    """A service order of the ticket: asked for by `by`, then its acts, whose times also count from the ticket's creation.

    Beside the steps of the order's law there are photo, signature, reading and note (evidence), quote (the customer's
    answer), judge, propose (to cancel) and hand_over. A `window` is (minutes after the creation, hours).
    """

    after: int
    by: str
    reason: str
    work: str
    state: str
    acts: tuple[Act, ...] = ()
    product: str | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket and the way it went; an `…_after` that is None never happened. `device` is a serial or None.

    `at_once`: solved in one form by `assignee`, without dispatch and start. Without `satisfaction` a closed one was
    closed by silence, unless one of the acts closed it.
    """

    number: int
    subject: str
    text: str
    contact: str
    kind: str
    impact: str
    product: str
    device: str | None
    age: int
    state: str
    team: str | None = None
    assignee: str | None = None
    thread: tuple[Message, ...] = ()
    dispatched_after: int | None = None
    started_after: int | None = None
    restored_after: int | None = None
    resolved_after: int | None = None
    resolution: str = ""
    wrap_up: WrapUp | None = None
    satisfaction: Satisfaction | None = None
    closed_after: int | None = None
    cancelled_after: int | None = None
    cancel_reason: str = ""
    hold: Hold | None = None
    channel: str = "email"
    at_once: bool = False
    acts: tuple[Act, ...] = ()
    orders: tuple[Order, ...] = ()


def said(who: str, after: int, text: str) -> Message:
    """Words of the customer."""
    return Message("customer", who, after, text)


def told(who: str, after: int, text: str, *articles: str) -> Message:
    """An answer of the desk."""
    return Message("agent", who, after, text, articles)


def noted(who: str, after: int, text: str) -> Message:
    """Words among colleagues."""
    return Message("note", who, after, text)


def act(after: int, step: str, by: str, **given: Any) -> Act:
    """A step with what it needs."""
    return Act(after, step, by, given)


@dataclass(frozen=True, slots=True)
class Pattern:
    """One issue that people come with again and again.

    `asks` are ways to say it, each as (subject, words): every one is used once before the first is used again.
    `answer` begins after the address; `more` is what the customer asks back and what they then hear. `ways` says how
    its cases went, in turn: `first` (solved at first contact), `clarify` (one question back, then solved), `second`
    (it took another round), `tier` (it went to `tier`, a team), `again` (it came back after it was solved). `words` are
    comments with scores that fit. `only` names who asks (else anybody whose company has such a machine).
    `{device}`, `{serial}` and `{site}` are filled in.
    """

    code: str
    product: str
    kind: str
    impact: str
    wrap_up: tuple[str, str]
    asks: tuple[tuple[str, str], ...]
    answer: str
    more: tuple[str, str]
    resolution: str
    articles: tuple[str, ...] = ()
    channels: tuple[str, ...] = ("email", "webchat", "calls")
    ways: tuple[str, ...] = ("first", "first", "second")
    words: tuple[tuple[int, str], ...] = ((5, ""), (4, ""))
    tier: str = "second"
    device: bool = True
    only: tuple[str, ...] = ()
