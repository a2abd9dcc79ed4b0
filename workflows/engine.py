"""A law is a table: one row a step. This small engine runs it, draws it, and offers what it allows.

Tables are data, so the buttons, the API's `actions`, the documentation and the property tests all read the same rows.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy.orm.attributes import flag_modified

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Forbidden, Invalid, Refused, Stale
from app.core.events import Event, record
from app.core.permissions import PERMISSIONS, Actor

STAY = "="

Given = Mapping[str, Any]


class Item(Protocol):
    """What a law governs: a row with a state, a version, an optional hold, and the moment it was last touched."""

    id: Any
    state: Any
    version: Any
    touched_at: Any

    @property
    def held(self) -> bool: ...


Guard = Callable[[Any, Actor, Given], str | Refused | None]
"""Says why not: a sentence, or a Refused where the sentence has places to fill."""
Effect = Callable[[Any, Actor, Given], str | None]


@dataclass(frozen=True)
class Need:
    """A field that the step cannot do without: any one of `names` fills it. `reason` is said when all are missing."""

    names: tuple[str, ...]
    reason: str

    def missing(self, given: Given) -> bool:
        return all(given.get(name) in (None, "", [], {}) for name in self.names)


@dataclass(frozen=True)
class Step:
    """One row of a law.

    `targets` holds the one state that follows, or STAY, or the closed set of results of which `effect` returns one.
    `effect` changes the item's other fields; it never touches `state`. `while_held`: also possible on a held item.
    """

    name: str
    label: str
    sources: frozenset[str]
    targets: tuple[str, ...]
    permission: str
    needs: tuple[Need, ...] = ()
    guards: tuple[Guard, ...] = ()
    effect: Effect | None = None
    while_held: bool = False

    def missing(self, given: Given) -> dict[str, list[str]]:
        return {need.names[0]: [need.reason] for need in self.needs if need.missing(given)}


@dataclass(frozen=True)
class Workflow:
    """A whole law: where an item starts, where it may end, and every step between."""

    name: str
    start: str
    ends: frozenset[str]
    labels: Mapping[str, str]
    steps: tuple[Step, ...]
    event: Callable[[Any, str, str, str], Event]
    by_name: Mapping[str, Step] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {step.name: step for step in self.steps})

    @property
    def states(self) -> tuple[str, ...]:
        return tuple(self.labels)

    @property
    def open_states(self) -> frozenset[str]:
        return frozenset(self.states) - self.ends

    def find(self, item: Item, name: str, actor: Actor, given: Given) -> Step:
        """The row that allows the step here and now. Raises Refused, Forbidden or Invalid with the reason in words."""
        step = self.by_name.get(name)
        if step is None:
            raise Refused("没有叫「%(step)s」的步骤。", step=name)
        if not actor.can(step.permission):
            raise Forbidden(permission=PERMISSIONS[step.permission])
        if item.state not in step.sources:
            raise Refused(
                "「%(step)s」不适用于状态「%(state)s」。", step=step.label, state=self.labels.get(item.state, item.state)
            )
        if item.held and not step.while_held:
            raise Refused("已挂起，请先恢复再「%(step)s」。", step=step.label)
        _ask(guards(step, True), item, actor, given)
        if missing := step.missing(given):
            raise Invalid(errors=missing)
        _ask(guards(step, False), item, actor, given)
        return step

    def offers(self, item: Item, actor: Actor) -> list[Step]:
        """The steps that the actor could take now, in the order of the table; what they need may still be asked for."""
        return [
            step
            for step in self.steps
            if item.state in step.sources
            and actor.can(step.permission)
            and (step.while_held or not item.held)
            and (step.name != "resume" or item.held)
            and not any(guard(item, actor, {}) for guard in guards(step, True))
        ]

    def mermaid(self) -> str:
        """The law as a Mermaid state diagram; steps that stay are listed as notes of their state."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.start}"]
        arrows: dict[tuple[str, str], list[str]] = {}
        stays: dict[str, list[str]] = {}
        for step in self.steps:
            for source in self.states:
                if source not in step.sources:
                    continue
                for target in step.targets:
                    if target == STAY or target == source:
                        stays.setdefault(source, []).append(step.name)
                    else:
                        arrows.setdefault((source, target), []).append(step.name)
        lines += [f"    {source} --> {target}: {', '.join(names)}" for (source, target), names in arrows.items()]
        lines += [f"    {end} --> [*]" for end in self.states if end in self.ends]
        for state, names in stays.items():
            lines.append(f"    note right of {state}: {', '.join(dict.fromkeys(names))}")
        return "\n".join(lines)


def guards(step: Step, early: bool) -> list[Guard]:
    """The early guards of a row, or those that can only be asked when its needs are filled."""
    return [guard for guard in step.guards if getattr(guard, "early", False) == early]


def _ask(guards: Iterable[Guard], item: Item, actor: Actor, given: Given) -> None:
    for guard in guards:
        if reason := guard(item, actor, given):
            raise reason if isinstance(reason, Refused) else Refused(reason)


def early(guard: Guard) -> Guard:
    """Mark a guard that looks at the item and the actor only: its step is not even offered when it says no."""
    guard.early = True  # type: ignore[attr-defined]
    return guard


def step(
    name: str,
    label: str,
    sources: str | Iterable[str],
    target: str,
    permission: str,
    *rules: Need | Guard,
    effect: Effect | None = None,
    while_held: bool = False,
) -> Step:
    """A row in short: states as words separated by blanks, needs and guards mixed in reading order."""
    return Step(
        name=name,
        label=label,
        sources=frozenset(sources.split() if isinstance(sources, str) else sources),
        targets=tuple(target.split()),
        permission=permission,
        needs=tuple(rule for rule in rules if isinstance(rule, Need)),
        guards=tuple(rule for rule in rules if not isinstance(rule, Need)),
        effect=effect,
        while_held=while_held,
    )


def need(names: str, reason: str) -> Need:
    """A field (or one of several, separated by blanks) that must be given."""
    return Need(tuple(names.split()), reason)


def take(flow: Workflow, item: Any, name: str, actor: Actor, *, version: int | None = None, **given: Any) -> Step:
    """Take a step: the one door for every change of state.

    `version` is the one that the actor saw. Raises Stale, Forbidden, Refused, or Invalid (with the missing fields);
    then nothing was changed. Writes state, audit entry and event in the open unit of work.
    """
    if version is not None and version != item.version:
        raise Stale()
    found = flow.find(item, name, actor, given)
    before: str = item.state
    result = found.effect(item, actor, given) if found.effect else None
    after = result or found.targets[0]
    if after not in found.targets:
        raise RuntimeError(f"{flow.name}.{name} led to {after}, which its row does not name")
    item.state = before if after == STAY else after
    touch(item)
    note(
        actor,
        f"{flow.name}.{name}",
        item,
        before=before,
        after=item.state,
        reason=given.get("reason"),
        **{k: plain for k, v in given.items() if k != "reason" and k not in PRIVATE and (plain := _plain(v)) is not None},
    )
    record(flow.event(item, name, before, item.state))
    return found


def _plain(value: Any) -> str | int | None:
    """A given value as the audit trail keeps it: words and numbers as they are, a moment as text, a row by its id."""
    if isinstance(value, str | int):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    found = getattr(value, "id", None)
    return found if isinstance(found, int) else None


def touch(item: Item) -> None:
    """Count up the version, even where nothing else of the row changed within the same moment."""
    item.touched_at = now()
    flag_modified(item, "touched_at")
    session().flush()


# Texts of people stand in their own rows; the audit trail says that they were given, not what they said.
PRIVATE = frozenset({"resolution", "comment", "text", "subject", "message", "solution", "steps", "parts", "code"})


def moment(value: Any, field_name: str) -> datetime:
    """A moment given as aware datetime or ISO 8601 text; raises Invalid for anything else."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise Invalid.of(field_name, "写成日期和时间。") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise Invalid.of(field_name, "写成带时区的日期和时间。")
    try:
        return value.astimezone(UTC)
    except OverflowError:  # the first and the last day of all time have no UTC everywhere
        raise Invalid.of(field_name, "写成日期和时间。") from None
