"""What can be set on a WeCom customer-service account."""

import re

from channels.answer_settings import ANSWER_SETTINGS
from channels.setting import Setting
from channels.window_settings import WINDOW_SETTINGS

API = "https://qyapi.weixin.qq.com"
POLL_MINUTES = 5


def _corpid(value: str) -> str:
    return "" if re.fullmatch(r"[0-9A-Za-z_-]{4,64}", value) else "企业 ID 由字母和数字组成，例如 ww0123456789abcdef。"


def _key(value: str) -> str:
    return "" if re.fullmatch(r"[0-9A-Za-z+/]{43}", value) else "EncodingAESKey 是 43 个字母或数字。"


def _kfids(value: str) -> str:
    well = all(re.fullmatch(r"[0-9A-Za-z_-]{4,64}", one) for one in value.split())
    return "" if well else "客服账号 ID 形如 wk…，多个之间用空格分开。"


def _minutes(value: str) -> str:
    return "" if re.fullmatch(r"[0-9]{1,2}", value) and 1 <= int(value) <= 60 else "写 1 到 60 之间的分钟数。"


def _base(value: str) -> str:
    return "" if re.fullmatch(r"https?://[^\s?#]+|/[^\s?#]*", value) else "写成 https://qyapi.weixin.qq.com 这样。"


def _words(value: str) -> str:
    return "" if len(value.encode()) <= 2048 else "最多 2048 字节，约 680 个汉字。"


WECOM = (
    Setting("corpid", "企业 ID", "企业微信管理后台「我的企业」最下方的企业 ID，回调的密文是发给它的。", required=True, check=_corpid),
    Setting("secret", "Secret", "可调用微信客服接口的自建应用的 Secret。", secret=True, required=True),
    Setting("token", "回调 Token", "在「微信客服 → API → 接收事件服务器」里填的同一个值。", secret=True, required=True),
    Setting("aes_key", "EncodingAESKey", "同一页上的 43 位密钥。", secret=True, required=True, check=_key),
    Setting("previous_aes_key", "上一个 EncodingAESKey", "换密钥期间填旧的，新旧都认；换完后清空。", secret=True, check=_key),
    Setting("open_kfids", "客服账号 ID", "形如 wk…，多个之间用空格分开。不填则从第一次回调中得知。", check=_kfids),
    Setting("poll_minutes", "定时取信（分钟）", "没有回调时也按这个间隔取一次，回调丢了也不丢消息。", default=str(POLL_MINUTES), check=_minutes),
    Setting("keep_session", "会话由 API 接待", "由本系统接待时，新会话一到就转过来。", default="yes", choices=("yes", "no")),
    Setting("welcome", "欢迎语", "客户进入会话时发送，20 秒内有效，不占条数。不填则不发。", long=True, check=_words),
    Setting("goodbye", "结束语", "会话被结束时发送，20 秒内有效，不占条数。不填则不发。", long=True, check=_words),
    Setting("rate_at_end", "结束语附带评价菜单", "", default="no", choices=("yes", "no")),
    *ANSWER_SETTINGS,
    *WINDOW_SETTINGS,
    Setting("api_base", "接口地址", "一般不用改；经代理访问或连接模拟器时填写。", default=API, check=_base),
)
