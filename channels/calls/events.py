"""What happens to calls, in the past tense."""

from dataclasses import dataclass
from typing import ClassVar

from app.core.events import Event


@dataclass(frozen=True)
class CallRang(Event):
    """A call rings. `user_id` is whose telephone rings; None while nobody's does, or the extension is nobody's. Recorded
    again when the call rings at another one's."""

    subject: ClassVar[str] = "call"
    call_id: int
    version: int
    user_id: int | None


@dataclass(frozen=True)
class CallAnswered(Event):
    """Somebody took a call that lives."""

    subject: ClassVar[str] = "call"
    call_id: int
    version: int
    user_id: int | None


@dataclass(frozen=True)
class CallEnded(Event):
    """A call has ended with the outcome that its row has now. Recorded again when a late record shows another outcome:
    look at the call, not at the number of events. Not recorded for history, calls that ended more than a day before
    they were read."""

    subject: ClassVar[str] = "call"
    call_id: int
    version: int


@dataclass(frozen=True)
class RecordingWanted(Event):
    """A recording is to be fetched into our files."""

    call_id: int
