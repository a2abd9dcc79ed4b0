"""Names of what happens between questions and articles, in words for people."""

from typing import Any

from flask_babel import lazy_gettext as _l

ACTIONS: dict[str, Any] = {
    "gap.taken": _l("认领没有答案的问题"),
    "gap.released": _l("放回没有答案的问题"),
    "gap.linked": _l("没有答案的问题有了知识"),
    "gap.closed": _l("没有答案的问题已搜得到"),
    "gap.ignored": _l("没有答案的问题不处理"),
    "gap.reopened": _l("问题又没有答案了"),
    "flag.raised": _l("指出知识有误"),
    "flag.resolved": _l("知识有误已改正"),
    "flag.rejected": _l("知识有误不成立"),
    "flag.assigned": _l("知识有误换人处理"),
    "asked.removed": _l("去掉客户原话"),
    "mustread.asked": _l("设为必读"),
    "mustread.ended": _l("取消必读"),
    "mustread.reminded": _l("提醒必读"),
    "mustread.confirmed": _l("确认已读"),
}
EVENTS: dict[str, Any] = {
    "AskedChanged": _l("客户原话变了"),
    "FlagRaised": _l("有人指出知识有误"),
    "FlagClosed": _l("知识有误有了结果"),
    "GapChanged": _l("没有答案的问题变了"),
    "MustReadAsked": _l("知识设为必读"),
}
REACTIONS: dict[str, Any] = {
    "tell_owner": _l("告诉知识负责人哪里有误"),
    "tell_reporter": _l("告诉指出的人结果"),
    "learn_asked": _l("记下客户原话或没有答案的问题"),
    "test_gaps": _l("重新搜一遍没有答案的问题"),
}
SUBJECTS: dict[str, Any] = {
    "knowledge_gap": _l("没有答案的问题"),
    "article_flag": _l("知识有误"),
    "must_read": _l("必读"),
}
