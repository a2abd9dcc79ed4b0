"""What can be set on the account of a mobile app."""

import re

from channels.setting import Setting

SECRET_FROM = 32
"""Characters of the shortest secret that tokens may be signed with."""


def _secret(value: str) -> str:
    return "" if len(value) >= SECRET_FROM else "至少 32 个字符，例如 `openssl rand -hex 32` 的结果。"


def _url(value: str) -> str:
    return "" if re.fullmatch(r"https?://[^\s#]+", value) else "写成 https://push.company.example/huiyin 这样。"


APP_SETTINGS = (
    Setting("jwt_secret", "用户令牌密钥", "贵方服务器用它给 App 用户签发令牌（JWT，HS256）。至少 32 个字符，不要放进 App 里。", secret=True, required=True, check=_secret),
    Setting("previous_jwt_secret", "上一个用户令牌密钥", "换密钥期间填旧的，新旧都认；换完后清空。", secret=True, check=_secret),
    Setting("issuer", "签发者", "填写后，令牌的 iss 必须与它相同。"),
    Setting("push_url", "推送通知地址", "有新回复时通知贵方的推送服务器，由它推到手机上。不填则不通知。", check=_url),
    Setting("push_secret", "推送签名密钥", "通知用它签名（HMAC-SHA256），贵方据此核对来源。", secret=True),
    Setting("push_preview", "通知带正文", "", default="yes", choices=("yes", "no")),
)
