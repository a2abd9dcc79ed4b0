"""What happens to messages, in the past tense."""

from dataclasses import dataclass
from typing import Any, ClassVar

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
class MessageWithdrawn(Event):
    """A message of ours was taken back before it left."""

    subject: ClassVar[str] = "conversation"
    conversation_id: int
    version: int
    message_id: int


@dataclass(frozen=True)
class SignalHeard(Event):
    """A platform told something that is no message (channels.base.Signal): `kind` and `meta` as it said."""

    subject: ClassVar[str] = "account"
    account_id: int
    kind: str
    identity_id: int | None
    conversation_id: int | None
    message_id: int | None
    meta: dict[str, Any]


@dataclass(frozen=True)
class MailboxChanged(Event):
    """A mailbox can no longer be fetched, or can again."""

    subject: ClassVar[str] = "account"
    account_id: int
    well: bool


@dataclass(frozen=True)
class ReplayAsked(Event):
    """Somebody wants all failed payloads tried again: those after the id `after`, up to `up_to`."""

    subject: ClassVar[str] = "raw"
    after: int
    up_to: int


@dataclass(frozen=True)
class PayloadFailed(Event):
    """A raw payload could not be understood; it waits in the raw inbox with its reason."""

    subject: ClassVar[str] = "raw"
    raw_id: int


@dataclass(frozen=True)
class VisitorSaw(Event):
    """The customer looked at our messages up to `last_id`, on a channel that tells."""

    subject: ClassVar[str] = "conversation"
    conversation_id: int
    version: int
    last_id: int


@dataclass(frozen=True)
class DeskSaw(Event):
    """Somebody of the desk looked at the customer's messages up to `last_id`. For the customer's page only: no page of
    ours needs a fresh look because of it."""

    conversation_id: int
    last_id: int
