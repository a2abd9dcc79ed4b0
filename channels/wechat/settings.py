"""What can be set on a WeChat official account."""

import re

from channels.answer_settings import ANSWER_SETTINGS
from channels.reaching.template_settings import TEMPLATE_SETTINGS
from channels.setting import Setting
from channels.window_settings import WINDOW_SETTINGS

API = "https://api.weixin.qq.com"
MODES = ("plain", "compatible", "safe")


def _token(value: str) -> str:
    return "" if re.fullmatch(r"[A-Za-z0-9]{3,32}", value) else "3 到 32 个字母或数字。"


def _appid(value: str) -> str:
    return "" if re.fullmatch(r"[A-Za-z0-9_-]{4,40}", value) else "AppID 形如 wx0123456789abcdef。"


def _key(value: str) -> str:
    return "" if re.fullmatch(r"[A-Za-z0-9+/]{43}", value) else "EncodingAESKey 是 43 个字母或数字。"


def _base(value: str) -> str:
    return "" if re.fullmatch(r"https?://[^\s?#]+|/[^\s?#]*", value) else "写成 https://api.weixin.qq.com 这样。"


def _seconds(value: str) -> str:
    return "" if re.fullmatch(r"[0-9]{1,5}", value) else "写 0 到 99999 之间的秒数。"


def _bytes(value: str) -> str:
    return "" if re.fullmatch(r"[0-9]{2,5}", value) and int(value) >= 60 else "写 60 到 99999 之间的字节数。"


def _words(value: str) -> str:
    return "" if len(value) <= 600 else "最多 600 个字。"


WECHAT = (
    Setting("name", "名称", "公众号的名称，给坐席看的。"),
    Setting("appid", "AppID", "公众平台「设置与开发 → 基本配置」里的开发者 ID。", required=True, check=_appid),
    Setting("secret", "AppSecret", "同一页上的开发者密码。没有它只能收，不能发。", secret=True),
    Setting("token", "令牌（Token）", "「服务器配置」里填的同一个值。", secret=True, required=True, check=_token),
    Setting("mode", "消息加解密方式", "与「服务器配置」里选的一致。选「安全」后不再接受明文。", default="plain", choices=MODES),
    Setting("aes_key", "EncodingAESKey", "兼容和安全模式需要，43 位。", secret=True, check=_key),
    Setting("previous_aes_key", "上一个 EncodingAESKey", "换密钥期间填旧的，新旧都认；换完后清空。", secret=True, check=_key),
    Setting("welcome", "关注后的欢迎语", "有人关注时发送，占一条关注额度。不填则不发。", long=True, check=_words),
    *ANSWER_SETTINGS,
    *WINDOW_SETTINGS,
    *TEMPLATE_SETTINGS,
    Setting("text_bytes", "一条文字最多几字节", "更长的在句末拆成几条，每条都占额度。", default="2048", check=_bytes),
    Setting("stale_seconds", "回调最多旧几秒", "时间戳更旧的回调拒收，防止重放；0 表示不查。", default="600", check=_seconds),
    Setting("api_base", "接口地址", "一般不用改；经代理访问或连接模拟器时填写。", default=API, check=_base),
)


def whole(settings: dict[str, object], name: str) -> int:
    """A setting that is a number, or its default."""
    default = next(one.default for one in WECHAT if one.name == name)
    given = str(settings.get(name) or default)
    return int(given) if given.isascii() and given.isdecimal() else int(default)
