"""What can be set on a web chat account, checked when it is written so that reading it needs no care."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from app.core.text import pack
from channels.answer_settings import ANSWER_SETTINGS
from channels.setting import Setting
from channels.webchat_fields import read_fields
from channels.webchat_hours import ZONE, hours

ASKS = ("no", "offer", "require")
YES_NO = ("yes", "no")
SECRET_FROM = 32
"""Characters of a site's secret, at least: HS256 is as strong as its key."""
_SITE = re.compile(r"https?://(\*\.)?[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")


def _title(value: str) -> str:
    return "标题最多 40 个字。" if len(value) > 40 else ""


def _welcome(value: str) -> str:
    return "欢迎语最多 500 个字。" if len(value) > 500 else ""


def _between(least: int, most: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        right = re.fullmatch("[0-9]{1,6}", value) and least <= int(value) <= most
        return "" if right else pack("写 %(least)s 到 %(most)s 之间的整数。", least=least, most=most)

    return check


def _colour(value: str) -> str:
    return "" if re.fullmatch(r"#[0-9a-fA-F]{6}", value) else "颜色写成 #0b6480 这样。"


def _sites(value: str) -> str:
    well = all(_SITE.fullmatch(site) for site in value.lower().split())
    return "" if well else "每个网站写成 https://www.example.com，多个之间用空格分开。"


def _hours(value: str) -> str:
    return "" if hours(value) else "营业时间写成 1-5 09:00-18:00，多段之间用分号分开；1 是周一。"


def _fields(value: str) -> str:
    try:
        read_fields(value)
    except ValueError as problem:
        return str(problem)
    return ""


def _secret(value: str) -> str:
    return "" if len(value) >= SECRET_FROM else pack("密钥至少 %(n)s 个字符。", n=SECRET_FROM)


WEBCHAT_SETTINGS = (
    Setting("title", "标题", "会话窗口顶上的名字，最多 40 个字。", check=_title),
    Setting("title_en", "英文标题", "访客用英文时显示；不写就用上面的标题。", check=_title),
    Setting("welcome", "欢迎语", "访客打开会话时先看到的话，最多 500 个字。", check=_welcome, long=True),
    Setting("welcome_en", "英文欢迎语", "访客用英文时显示；不写就用上面的欢迎语。", check=_welcome, long=True),
    Setting("colour", "颜色", "例如 #0b6480；上面的字用深用浅会自己选。", check=_colour),
    Setting("allowed_sites", "允许的网站", "只有这些网站的页面能嵌入会话，例如 https://www.example.com，多个之间用空格分开；不写则都可以。", check=_sites),
    Setting("hours", "服务时间", "例如 1-5 09:00-18:00; 6 10:00-16:00，1 是周一；不写则一直开放。时间以外会告诉访客下次开放的时间。", check=_hours),
    Setting("time_zone", "时区", "服务时间按这个时区算。", default=ZONE),
    Setting("ask", "请访客留联系方式", "写了会话前的问题时，以那些问题为准。", default="no", choices=ASKS),
    Setting("fields", "会话前的问题", "每行一项：字段名; 类型; 标签; required。类型是 text、long、email、phone、number 或 choice: 选项, 选项；标签可写成 中文 / English。例如 order_no; text; 订单号 / Order number; required", check=_fields, long=True),
    Setting("queue", "显示排队位置", "有人排在前面时告诉访客还有几位。", default="yes", choices=YES_NO),
    Setting("site_secret", "网站密钥", "网站的服务器用它签名 JWT（HS256），说明登录的人是谁；只放在服务器上，不要写进页面。至少 32 个字符。", check=_secret, secret=True),
    Setting("verified_only", "只接待网站已登录的人", "选「是」时，没有有效签名的访客连不上，也传不了文件。", default="no", choices=YES_NO),
    Setting("remember_days", "记住浏览器的天数", "访客隔这么久回来，还能接着原来的会话。", default="180", check=_between(1, 400)),
    Setting("proof_hours", "签名换来的凭证有效几小时", "过期后页面会自己用新的签名再换。", default="24", check=_between(1, 720)),
    Setting("offline_minutes", "未读多少分钟后改发邮件", "访客没看到的答复合成一封邮件发去，直接回信就回到同一个工单；0 表示不发。", default="10", check=_between(0, 1440)),
    Setting("offline_gap_minutes", "两封这样的邮件至少隔几分钟", "期间的答复攒到下一封。", default="30", check=_between(1, 1440)),
    Setting("files", "可以发文件", "图片、PDF、Office 文档和文本，按内容辨认。", default="yes", choices=YES_NO),
    Setting("file_mb", "一个文件最大多少 MB", default="10", check=_between(1, 25)),
    Setting("pages", "显示访客正在看的页面", "把嵌入页的地址和标题给坐席看，最近 20 页，保留 24 小时。", default="yes", choices=YES_NO),
    Setting("messages_per_minute", "每位访客每分钟的消息数", "连发 20 条以后按这个速度放行。", default="60", check=_between(1, 600)),
    Setting("rating", "会话结束后请访客评价", default="yes", choices=YES_NO),
    Setting("transcript", "会话记录", "自动发时，只发给留了邮箱的人。", default="ask", choices=("ask", "end", "no")),
    *ANSWER_SETTINGS,
)  # fmt: skip
_DEFAULTS = {one.name: one.default for one in WEBCHAT_SETTINGS}


def said(settings: Mapping[str, Any], name: str) -> str:
    """A setting, or its default."""
    return str(settings.get(name) or _DEFAULTS[name])


def number(settings: Mapping[str, Any], name: str) -> int:
    """A setting that is a number."""
    text = said(settings, name)
    return int(text) if text.isascii() and text.isdecimal() else int(_DEFAULTS[name])


def yes(settings: Mapping[str, Any], name: str) -> bool:
    """Whether a switch is on."""
    return said(settings, name) == "yes"


def spoken(settings: Mapping[str, Any], name: str, language: str) -> str:
    """A text in the visitor's language, else in the first."""
    other = str(settings.get(f"{name}_{language}") or "") if language != "zh" else ""
    return other or str(settings.get(name) or "")


def remembered(settings: Mapping[str, Any]) -> timedelta:
    """How long a browser that does not come back is remembered."""
    return timedelta(days=number(settings, "remember_days"))


def allowed_sites(settings: Mapping[str, Any]) -> list[str]:
    """Origins whose pages may show the chat; empty means every page."""
    return str(settings.get("allowed_sites", "")).lower().split()
