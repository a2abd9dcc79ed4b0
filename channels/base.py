"""The outer world in neutral words: what comes in, what goes out, and what a channel must be able to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from app.core.text import pack, unpack
from channels.models import Account


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
    """How the sender is known on this channel. `suspect`: guessed from a broken header, to be confirmed by a person."""

    kind: str
    value: str
    name: str = ""
    verified: bool = False
    suspect: bool = False


@dataclass(frozen=True)
class Inbound:
    """One message as an adapter understood it. `external_id` is the channel's own name for it; moments are UTC.

    `answers` lists the external ids that it answers: first the one it says it answers ("" where it says none), then
    the ones it refers to, latest first. `token` is the short mark that we put into what it answers. `returned` is the external id of our message that could not be delivered (a bounce).
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
    the message `about`), followed, unfollowed, entered (the chat was opened), clicked (a menu of the account), session
    (its state changed) or other. `about` is the platform's id of a message, or ours. Moments are UTC.
    """

    external_id: str
    kind: str
    sender: Sender | None = None
    about: str | None = None
    reason: str = ""
    at: datetime | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outbound:
    """One message to be sent. `external_id` was stored before; `key` is the same at each attempt.

    `kind`: text, menu (`meta`: {"head", "items": [{"id", "text"}], "tail"}), card (`meta`: {"title", "text", "url"}) or
    template (`meta`: what the template needs). A channel that knows no menus or cards sends `text`, which says the same.
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
    token: str | None = None
    language: str = "zh"
    kind: str = "text"
    meta: Mapping[str, Any] = field(default_factory=dict)


class Unparseable(Exception):
    """The payload cannot be understood; the reason is one sentence for the administrator (packed, see app.core.text)."""


class SendFailed(Exception):
    """It was certainly not delivered. `final`: trying again is pointless."""

    def __init__(self, message: str, *, final: bool, **data: object) -> None:
        self.final = final
        self.reason = pack(message, **data)
        super().__init__(unpack(self.reason))


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

    def parse(self, account: Account, raw: bytes) -> Inbound | Signal:
        """Understand a stored payload, without network. Raises Unparseable."""
        ...

    def send(self, account: Account, message: Outbound) -> str | None:
        """Hand a message to the outside; returns the outside's own id for it, if any.

        Raises SendFailed or SendUndecided.
        """
        ...
