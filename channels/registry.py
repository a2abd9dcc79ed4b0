"""Every channel that this version speaks."""

from collections.abc import Mapping

from channels.base import Channel
from channels.email import EmailChannel
from channels.portal import PortalChannel
from channels.webchat import WebChatChannel

CHANNELS: Mapping[str, Channel] = {"email": EmailChannel(), "portal": PortalChannel(), "webchat": WebChatChannel()}
AT_HAND = frozenset({"webchat"})
"""Channels whose people read from our own tables: what is stored is sent, and no worker stands in between."""


def channel_for(kind: str) -> Channel:
    """The adapter of a kind of account. Raises KeyError for a kind that this version does not speak."""
    return CHANNELS[kind]
