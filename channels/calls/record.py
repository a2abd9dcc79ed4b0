"""What a source of calls says, in neutral words: rows as they came, and the call that they make together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

LIVE, SINGLE, ASTERISK, QUEUE, FREESWITCH = "live", "single", "asterisk", "queue", "freeswitch"
FAMILIES = (ASTERISK, FREESWITCH, SINGLE, QUEUE, LIVE)


@dataclass(frozen=True)
class Row:
    """One row or event. `call_id` is the exchange's name for the call, `key` recognises this row when it comes again,
    `family` names the rules that join. `data` holds what JSON can hold; moments are epoch seconds."""

    call_id: str
    key: str
    family: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """What one piece of input held. `incomplete_bytes`: length of a last line without line end, left for the next read.
    `problems` names the lines that could not be understood."""

    rows: tuple[Row, ...]
    incomplete_bytes: int = 0
    problems: tuple[str, ...] = ()


@dataclass
class CallRecord:
    """One call as it is known from its rows. `outcome` is None while it lives; `rings` is the extension that rings, and
    `party` an outside number that the source names by itself (else it follows from caller, callee and direction)."""

    external_id: str
    caller: str | None = None
    callee: str | None = None
    direction: str | None = None
    queue: str | None = None
    agent: str | None = None
    started: float | None = None
    answered: float | None = None
    ended: float | None = None
    duration: int | None = None
    billsec: int = 0
    outcome: str | None = None
    wait: int | None = None
    legs: int = 0
    hold: int | None = None
    wrap_up: int | None = None
    rings: str | None = None
    recording: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The call in the words of `channel parse`."""
        return {
            "external_id": self.external_id,
            "caller": self.caller,
            "callee": self.callee,
            "direction": self.direction,
            "queue": self.queue,
            "agent": self.agent,
            "started_at": stamp(self.started),
            "answered_at": stamp(self.answered),
            "ended_at": stamp(self.ended),
            "duration": self.duration,
            "billsec": self.billsec,
            "outcome": self.outcome,
            "wait": self.wait,
            "legs": self.legs,
            "recording": self.recording,
        }


def moment(epoch: float | None) -> datetime | None:
    """An aware UTC moment of epoch seconds; None where there is none, or it lies beyond what a calendar holds."""
    if epoch is None:
        return None
    try:
        return datetime.fromtimestamp(epoch, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def stamp(epoch: float | None) -> str | None:
    found = moment(epoch)
    return found.isoformat() if found else None
