"""Whether the answer service may speak on an account, and how far it goes; an account joins by adding these."""

from collections.abc import Callable, Mapping
from typing import Any

from app.core.text import pack
from channels.setting import Setting

YES_NO = ("yes", "no")


def _between(least: int, most: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        right = value.isascii() and value.isdecimal() and len(value) < 6 and least <= int(value) <= most
        return "" if right else pack("写 %(least)s 到 %(most)s 之间的整数。", least=least, most=most)

    return check


ANSWER_SETTINGS = (
    Setting("answer", "机器人先答", "公开知识里有把握的问题先由机器人答，附「解决了」和「转人工」；要人工、没把握、带安全警示的都直接给坐席。", default="no", choices=YES_NO),
    Setting("answer_sure", "有多少把握才答（%）", "不写就用按评测集校准的值；调高答得少而准。", check=_between(1, 100)),
    Setting("answer_most", "一次会话最多答几次", "超过以后都给坐席。", default="3", check=_between(1, 20)),
    Setting("answer_wait_minutes", "答后多少分钟没有回音就立工单", "客户没点「解决了」也没再说话，请求照样到坐席面前。", default="30", check=_between(1, 1440)),
)  # fmt: skip
_DEFAULTS = {one.name: one.default for one in ANSWER_SETTINGS}


def answers(settings: Mapping[str, Any]) -> bool:
    """Whether the answer service is switched on."""
    return str(settings.get("answer") or _DEFAULTS["answer"]) == "yes"


def answer_number(settings: Mapping[str, Any], name: str) -> int | None:
    """A setting that is a number, or its default; None where neither is."""
    text = str(settings.get(name) or _DEFAULTS[name])
    return int(text) if text.isascii() and text.isdecimal() else None
