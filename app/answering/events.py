"""What the answer service promises itself."""

from dataclasses import dataclass
from typing import ClassVar

from app.core.events import Event


@dataclass(frozen=True)
class AnswerWanted(Event):
    """A question waits for its answer to be looked up, or for the finding that there is none (`search` counts)."""

    subject: ClassVar[str] = "conversation"
    conversation_id: int
    talk_id: int
    search: int


@dataclass(frozen=True)
class AnswerSilent(Event):
    """From this moment on a question that nobody called solved stands before the agents as a ticket."""

    subject: ClassVar[str] = "conversation"
    conversation_id: int
    talk_id: int


@dataclass(frozen=True)
class AnswerEnded(Event):
    """The answer service is done with a question: solved, thanked, handed, silent, passed or left (`state`)."""

    subject: ClassVar[str] = "conversation"
    conversation_id: int
    talk_id: int
    state: str
