"""What ladders ask of the worker, and what they tell."""

from dataclasses import dataclass

from app.core.events import Event


@dataclass(frozen=True)
class OutreachDue(Event):
    """The time of a ladder's rung is over: go on, unless it moved since. `after` is the id of its last rung then (0: none)."""

    outreach_id: int
    after: int


@dataclass(frozen=True)
class RungDue(Event):
    """A rung that goes to a colleague directly waits to be sent."""

    rung_id: int


@dataclass(frozen=True)
class OutreachMoved(Event):
    """A ladder went on, or ended."""

    outreach_id: int
