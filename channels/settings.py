"""How a kind of account is set up: each setting with its name, words and check, so that form, command and docs agree."""

from collections.abc import Mapping, Sequence

from channels.app_settings import APP_SETTINGS
from channels.calls.settings import CALLS_SETTINGS
from channels.email_settings import EMAIL_SETTINGS
from channels.robot.settings import ROBOT_SETTINGS
from channels.setting import Setting as Setting
from channels.sms.settings import SMS_SETTINGS
from channels.webchat_settings import WEBCHAT_SETTINGS
from channels.wechat.settings import WECHAT
from channels.wecom.settings import WECOM
from channels.weibo_settings import WEIBO_SETTINGS

SPECS: Mapping[str, Sequence[Setting]] = {
    "calls": CALLS_SETTINGS,
    "wechat": WECHAT,
    "app": APP_SETTINGS,
    "wecom": WECOM,
    "weibo": WEIBO_SETTINGS,
    "email": EMAIL_SETTINGS,
    "webchat": WEBCHAT_SETTINGS,
    "sms": SMS_SETTINGS,
    "robot": ROBOT_SETTINGS,
}
"""The kinds whose settings are described this way; a channel joins by its line here."""


def problem_of(kind: str, name: str, value: str) -> str:
    """What is wrong with a value, as one sentence; empty when nothing is, or the kind is not described here."""
    spec = next((one for one in SPECS.get(kind, ()) if one.name == name), None)
    if spec is None or value == "":
        return ""
    if spec.choices and value not in spec.choices:
        return "这里只能选列出的值。"
    if "\n" in value and not spec.long:
        return "不能换行。"
    return spec.check(value) if spec.check else ""
