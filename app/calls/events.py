"""What people change about calls, in the past tense; what calls do by themselves stands in channels/calls/events.py."""

from dataclasses import dataclass
from typing import ClassVar

from app.core.events import Event


@dataclass(frozen=True)
class CallerNamed(Event):
    """Somebody said who is, or was, on the telephone."""

    subject: ClassVar[str] = "call"
    call_id: int
    version: int
