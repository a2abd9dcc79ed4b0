"""What a group robot needs: its address, and how much it may say in a minute."""

import re
from urllib.parse import urlsplit

from channels.setting import Setting

PER_MINUTE = 20


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    return "" if parts.scheme in ("http", "https") and parts.hostname else "写一个以 http:// 或 https:// 开头的地址。"


def _count(value: str) -> str:
    return "" if re.fullmatch("[0-9]{1,3}", value) and 1 <= int(value) <= 200 else "写 1 到 200 之间的数。"


ROBOT_SETTINGS: tuple[Setting, ...] = (
    Setting("style", "群机器人", "", "wecom", ("wecom", "dingtalk")),
    Setting("webhook_secret", "Webhook 地址", "在群里添加机器人时得到的完整地址。拿到它的人都能在群里发言，所以加密保存。", check=_web_address, secret=True, required=True),
    Setting("sign_secret", "加签密钥", "钉钉安全设置选「加签」时的 SEC 开头的密钥；企业微信不用填。", secret=True),
    Setting("per_minute", "每分钟最多", "两家都限制每分钟 20 条，超过的排队等下一分钟。", str(PER_MINUTE), check=_count),
)
