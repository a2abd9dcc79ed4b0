"""Every channel that this version speaks."""

from collections.abc import Mapping

from channels.base import Channel
from channels.email import EmailChannel

CHANNELS: Mapping[str, Channel] = {"email": EmailChannel()}


def channel_for(kind: str) -> Channel:
    """The adapter of a kind of account. Raises KeyError for a kind that this version does not speak."""
    return CHANNELS[kind]
