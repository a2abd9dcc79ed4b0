"""The outer world in neutral words: what comes in, what goes out, and what a channel must be able to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from app.core.text import pack, unpack
from channels.models import Account, RawPayload


@dataclass(frozen=True)
class InboundFile:
    """A file that came with a message; `content_id` names it where the text shows it inline."""

    name: str
    mime: str
    content: bytes
    content_id: str | None = None


@dataclass(frozen=True)
class RemoteMedia:
    """A file that the platform keeps for a while; it is fetched by this id right after its message was stored."""

    media_id: str
    kind: str
    name: str = ""
    mime: str = ""


@dataclass(frozen=True)
class Sender:
    """How the sender is known on this channel. `suspect`: guessed from a broken header, to be confirmed by a person.
    `language` (zh, en, or empty) is the one of the page that they wrote on."""

    kind: str
    value: str
    name: str = ""
    verified: bool = False
    suspect: bool = False
    language: str = ""


@dataclass(frozen=True)
class Inbound:
    """One message as an adapter understood it. `external_id` is the channel's own name for it; moments are UTC.

    `answers` lists the external ids that it answers: first the one it says it answers ("" where it says none), then
    the ones it refers to, latest first. `token` is the short mark that we put into what it answers; `mark` the same from
    an address that we signed. `returned` is the external id of our message that could not be delivered (a bounce).
    `continues`: the channel knows one conversation with each sender, and this goes on with it.
    `kind`: text, image, voice, video, file, location, link, call, menu (an item of a menu of ours was chosen) or merged;
    what such a message has beside its text stands in `meta`, whose keys are listed in docs/channels.md.
    """

    external_id: str
    sender: Sender | None
    text: str
    visible_text: str
    subject: str = ""
    html: str | None = None
    sent_at: datetime | None = None
    answers: tuple[str, ...] = ()
    token: str | None = None
    mark: str | None = None
    files: tuple[InboundFile, ...] = ()
    is_auto: bool = False
    is_bounce: bool = False
    returned: str | None = None
    bounce_reason: str = ""
    reply_to: str | None = None
    continues: bool = False
    kind: str = "text"
    media: tuple[RemoteMedia, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Signal:
    """Something that the platform tells and nobody said: it changes what we know, and is no message.

    `kind`: delivered, refused (our message `about` did not arrive, with the `reason`), recalled (the sender took back
    the message `about`), followed, unfollowed, scanned (a code of ours), entered (the chat was opened), clicked (a menu of
    the account), session (its state changed) or other. `about` is the platform's id of a message, or ours. Moments are UTC.
    """

    external_id: str
    kind: str
    sender: Sender | None = None
    about: str | None = None
    reason: str = ""
    at: datetime | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Deed:
    """Reports that are neither words nor a signal (calls): `store` keeps them itself, within the unit of work that marks
    their payload as read, and returns whether they told anything new. It sets the payload's state."""

    store: Callable[[Account, RawPayload], bool]


@dataclass(frozen=True)
class Outbound:
    """One message to be sent. `external_id` was stored before; `key` is the same at each attempt.

    `kind`: text, menu (`meta`: {"head", "items": [{"id", "text"}], "tail"}), card (`meta`: {"title", "text", "url"}) or
    template (`meta`: what the template needs). A channel that knows no menus or cards sends `text`, which says the same.
    `is_auto`: it answers a message by itself; `generated`: the desk wrote it, no person did. `meta["signature"]`: what
    stands below it instead of the account's signature.
    """

    external_id: str
    key: str
    to: str
    to_name: str
    subject: str
    text: str
    answers: tuple[str, ...] = ()
    quoted: str = ""
    quoted_by: str = ""
    quoted_at: datetime | None = None
    files: tuple[InboundFile, ...] = ()
    is_auto: bool = False
    generated: bool = False
    token: str | None = None
    language: str = "zh"
    kind: str = "text"
    meta: Mapping[str, Any] = field(default_factory=dict)


class Unparseable(Exception):
    """The payload cannot be understood; the reason is one sentence for the administrator (packed, see app.core.text)."""


class SendFailed(Exception):
    """It was certainly not delivered. `final`: trying again is pointless. `alarm`: an administrator must mend something
    (`mended_by_us()` says so)."""

    alarm = False

    def __init__(self, message: str, *, final: bool, **data: object) -> None:
        self.final = final
        self.reason = pack(message, **data)
        super().__init__(unpack(self.reason))


def mended_by_us(problem: SendFailed) -> SendFailed:
    """The same refusal, which an administrator is to hear of."""
    problem.alarm = True
    return problem


class SendPostponed(SendFailed):
    """The platform takes nothing from this account before `until` (UTC): its quota is used up. The message waits here."""

    alarm = True

    def __init__(self, message: str, *, until: datetime, **data: object) -> None:
        self.until = until
        super().__init__(message, final=False, **data)


class WindowShut(SendFailed):
    """The platform says that nothing may be sent to this person now. `spent`: the number it grants is used up, so the
    message waits here for their next words; else the time is over, and it failed. A `refused` signal says the same by
    its meta: {"window": "spent"} or {"window": "closed"}."""

    def __init__(self, message: str, *, spent: bool, **data: object) -> None:
        self.spent = spent
        super().__init__(message, final=True, **data)


class Unreachable(SendFailed):
    """The platform says that this person cannot be reached here any more: unfollowed, blocked, or gone."""

    def __init__(self, message: str, **data: object) -> None:
        super().__init__(message, final=True, **data)


class SendUndecided(Exception):
    """The line broke at a moment after which nobody knows whether the message was taken."""

    def __init__(self, message: str, **data: object) -> None:
        self.reason = pack(message, **data)
        super().__init__(unpack(self.reason))


class Channel(Protocol):
    """What every adapter can do. It opens connections to the outside but never a unit of work."""

    kind: str
    idempotent: bool
    """Whether sending twice under one key delivers once: then an interrupted send is simply repeated."""

    def parse(self, account: Account, raw: bytes) -> Inbound | Signal | Deed:
        """Understand a stored payload, without network. Raises Unparseable."""
        ...

    def send(self, account: Account, message: Outbound) -> str | None:
        """Hand a message to the outside; returns the outside's own id for it, if any.

        Raises SendFailed or SendUndecided.
        """
        ...
