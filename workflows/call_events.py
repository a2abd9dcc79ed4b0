"""What happens to calls to make and to wrap-ups, in the past tense."""

from dataclasses import dataclass
from typing import ClassVar

from app.core.events import Event


@dataclass(frozen=True)
class CallTaskOpened(Event):
    """Somebody is to be called."""

    subject: ClassVar[str] = "calltask"
    calltask_id: int
    version: int


@dataclass(frozen=True)
class CallTaskStepTaken(Event):
    """A step of the law of calls to make was taken; `before` and `after` are states."""

    subject: ClassVar[str] = "calltask"
    calltask_id: int
    version: int
    step: str
    before: str
    after: str


@dataclass(frozen=True)
class WrapUpWritten(Event):
    """A call or a chat has its wrap-up, or the reason why it has none. `kind` is call or session."""

    subject: ClassVar[str] = "wrapup"
    wrapup_id: int
    version: int
    kind: str
    subject_row: int
