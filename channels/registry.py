"""Every channel that this version speaks."""

from collections.abc import Mapping

from channels.app import AppChannel
from channels.base import Channel
from channels.calls.adapter import CallsChannel
from channels.email import EmailChannel
from channels.portal import PortalChannel
from channels.robot.adapter import RobotChannel
from channels.sms.adapter import SmsChannel
from channels.webchat import WebChatChannel
from channels.wechat.adapter import WeChatChannel
from channels.wecom.adapter import WecomChannel
from channels.weibo import WeiboChannel

CHANNELS: Mapping[str, Channel] = {
    "app": AppChannel(),
    "calls": CallsChannel(),
    "email": EmailChannel(),
    "portal": PortalChannel(),
    "sms": SmsChannel(),
    "webchat": WebChatChannel(),
    "wechat": WeChatChannel(),
    "wecom": WecomChannel(),
    "weibo": WeiboChannel(),
}
AT_HAND = frozenset({"webchat", "app"})
"""Channels whose people read from our own tables: what is stored is sent, and no worker stands in between."""


SEND_ONLY: Mapping[str, Channel] = {"robot": RobotChannel()}
"""They say something to colleagues and hear nothing: no conversation is held on them."""


def channel_for(kind: str) -> Channel:
    """The adapter of a kind of account. Raises KeyError for a kind that this version does not speak."""
    return CHANNELS[kind] if kind in CHANNELS else SEND_ONLY[kind]
