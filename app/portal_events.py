"""What happens on the portal, in the past tense."""

from dataclasses import dataclass
from typing import ClassVar

from app.core.events import Event


@dataclass(frozen=True)
class RequestsLinkAsked(Event):
    """Somebody wants to see the requests of this identity; the link goes to its owner's mailbox, whoever asked. `onward`:
    the page of ours that they came from and want to go back to, or empty."""

    subject: ClassVar[str] = ""
    identity_id: int
    language: str
    key: str
    onward: str = ""
