"""What an SMS account needs: where its gateway is, how requests are signed, and the approved name and templates."""

import re
from urllib.parse import urlsplit

from channels.setting import Setting

STYLES = ("plain", "aliyun", "tencent")
PURPOSES = ("answer", "progress", "appointment", "rating", "alarm", "news")
"""The purposes of channels.reaching.plans: each has a template of its own."""


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    return "" if parts.scheme in ("http", "https") and parts.hostname else "写一个以 http:// 或 https:// 开头的地址。"


def _name(value: str) -> str:
    return "" if re.fullmatch(r"[^\s【】\[\]]{2,24}", value) else "签名是 2 到 24 个字，不带【】和空格。"


def _count(value: str) -> str:
    return "" if re.fullmatch("[0-9]{1,3}", value) and int(value) > 0 else "写 1 到 999 之间的数。"


def _template(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]{1,40}(?:[ ,]+[A-Za-z0-9_]{1,30})*", value.strip()):
        return ""
    return "先写模板编号，再写它用到的变量，用空格隔开，例如 SMS_12345 number link。"


_TEMPLATE_HELP = "模板编号，后面按顺序写它用到的变量：number subject link when place text。留空则不按模板发。"

SMS_SETTINGS: tuple[Setting, ...] = (
    Setting("style", "签名方式", "", "plain", STYLES),
    Setting("endpoint", "网关地址", "阿里云是 https://dysmsapi.aliyuncs.com/，腾讯云是 https://sms.tencentcloudapi.com/。", check=_web_address, required=True),
    Setting("sign_name", "短信签名", "运营商审核通过的签名，不带【】。", check=_name, required=True),
    Setting("access_key", "访问密钥编号", "AccessKeyId 或 SecretId。", secret=True),
    Setting("access_secret", "访问密钥", "AccessKeySecret 或 SecretKey，加密保存。", secret=True),
    Setting("sdk_app_id", "短信应用编号", "只有腾讯云需要：SdkAppId。"),
    Setting("region", "地域", "留空时阿里云用 cn-hangzhou，腾讯云用 ap-guangzhou。"),
    Setting("template_answer", "模板：答复", _TEMPLATE_HELP, check=_template),
    Setting("template_progress", "模板：进度", _TEMPLATE_HELP, check=_template),
    Setting("template_appointment", "模板：预约", _TEMPLATE_HELP, check=_template),
    Setting("template_rating", "模板：回访", _TEMPLATE_HELP, check=_template),
    Setting("template_alarm", "模板：告警", _TEMPLATE_HELP, check=_template),
    Setting("template_news", "模板：关注", _TEMPLATE_HELP, check=_template),
    Setting("most_parts", "一条最多拆几条", "每条 70 个字，拆开后每条 67 个字，按条计费。更长的不发，写明原因。", "8", check=_count),
    Setting("hook_secret", "回调口令", "状态报告和上行短信推送到 /hooks/sms/账号名?secret=口令，不对的一律拒绝。", secret=True, required=True),
)


def template_of(settings: dict[str, object], purpose: str) -> tuple[str, tuple[str, ...]]:
    """The approved template for a purpose, and the names of its variables in order; empty where none is set."""
    words = re.split(r"[ ,]+", str(settings.get(f"template_{purpose}") or "").strip())
    return words[0], tuple(words[1:])
