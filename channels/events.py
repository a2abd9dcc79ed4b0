"""What happens to messages, in the past tense."""

from dataclasses import dataclass
from typing import ClassVar

from app.core.events import Event


@dataclass(frozen=True)
class MessageReceived(Event):
    """A message of the outside was stored. `threaded`: it joined a conversation that was there before."""

    subject: ClassVar[str] = "conversation"
    conversation_id: int
    version: int
    message_id: int
    threaded: bool


@dataclass(frozen=True)
class MessageQueued(Event):
    """A message of ours waits to be sent."""

    subject: ClassVar[str] = "conversation"
    conversation_id: int
    version: int
    message_id: int


@dataclass(frozen=True)
class MessageSent(Event):
    """The outside took a message of ours."""

    subject: ClassVar[str] = "conversation"
    conversation_id: int
    version: int
    message_id: int


@dataclass(frozen=True)
class MessageNotSent(Event):
    """A message of ours failed for good, came back, or its fate is unknown (`state`)."""

    subject: ClassVar[str] = "conversation"
    conversation_id: int
    version: int
    message_id: int
    state: str


@dataclass(frozen=True)
class PayloadFailed(Event):
    """A raw payload could not be understood; it waits in the raw inbox with its reason."""

    subject: ClassVar[str] = "raw"
    raw_id: int
