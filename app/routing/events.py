"""What the desk promises itself while it finds out where a message belongs."""

from dataclasses import dataclass
from typing import ClassVar

from app.core.events import Event


@dataclass(frozen=True)
class ChoiceDue(Event):
    """A person was asked which ticket a message is about: from this moment on the desk decides (message of the question)."""

    subject: ClassVar[str] = "conversation"
    conversation_id: int
    message_id: int
