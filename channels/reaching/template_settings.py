"""The templates of a WeChat official account, one for each purpose: settings that its kind of account joins."""

import re

from channels.setting import Setting


def _template(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]{20,64}(?:[ ,]+[A-Za-z0-9_.]{1,40}(?:=[a-z]{2,12})?)*", value.strip()):
        return ""
    return "先写模板 ID，再写每个字段和它的内容，用空格隔开，例如 模板ID thing1=subject time2=when。"


_HELP = "模板 ID，后面写字段=内容，内容可以是 number subject link when place text。留空则不用模板消息。"

TEMPLATE_SETTINGS = (
    Setting("template_answer", "模板消息：答复", _HELP, check=_template),
    Setting("template_progress", "模板消息：进度", _HELP, check=_template),
    Setting("template_appointment", "模板消息：预约", _HELP, check=_template),
    Setting("template_rating", "模板消息：回访", _HELP, check=_template),
    Setting("template_alarm", "模板消息：告警", _HELP, check=_template),
    Setting("template_news", "模板消息：关注", _HELP, check=_template),
)
