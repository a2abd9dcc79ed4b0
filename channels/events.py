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
class AutoAnswersStopped(Event):
    """Too many automatic mails went to one address within an hour: no more for a day."""

    subject: ClassVar[str] = "account"
    account_id: int
    address: str


@dataclass(frozen=True)
class MailboxChanged(Event):
    """A mailbox can no longer be fetched, or can again."""

    subject: ClassVar[str] = "account"
    account_id: int
    well: bool


@dataclass(frozen=True)
class AccountTroubled(Event):
    """A platform refuses an account for a reason that an administrator must mend, or its quota is used up."""

    subject: ClassVar[str] = "account"
    account_id: int
    reason: str


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


@dataclass(frozen=True)
class ChatEnded(Event):
    """A web chat was ended by the visitor or the desk (`by`), before its silence did."""

    subject: ClassVar[str] = "conversation"
    conversation_id: int
    version: int
    session_id: int
    by: str


@dataclass(frozen=True)
class ChatRated(Event):
    """The visitor rated a chat, 1 to 5."""

    subject: ClassVar[str] = "conversation"
    conversation_id: int
    version: int
    score: int


@dataclass(frozen=True)
class AnswerWaits(Event):
    """An answer stands in a web chat; recorded so that it comes due when it was not seen in time and mail must carry it."""

    conversation_id: int
    message_id: int


@dataclass(frozen=True)
class TranscriptAsked(Event):
    """What was said in a web chat is to be mailed to `to`, in the language `language`. `key` names the request."""

    conversation_id: int
    to: str
    language: str
    key: str


@dataclass(frozen=True)
class MediaWanted(Event):
    """A message came with files that still lie on the platform; they are fetched at once, for the platform keeps them
    for a few days only."""

    conversation_id: int
    message_id: int


@dataclass(frozen=True)
class PersonMet(Event):
    """Somebody wrote or followed whom the platform can tell us more about: who else they are on its other accounts."""

    account_id: int
    identity_id: int


@dataclass(frozen=True)
class CounterCodeWanted(Event):
    """A counter needs the code of its official account."""

    counter_id: int


@dataclass(frozen=True)
class DeskWrites(Event):
    """Somebody of the desk began to write in a conversation whose platform shows it. For the customer's phone only."""

    conversation_id: int
