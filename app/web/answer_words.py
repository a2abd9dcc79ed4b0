"""Words of the answer service, of used articles and of similar tickets, for the audit trail, the outbox and the log of events."""

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l

ACTIONS: Mapping[str, Any] = {}
EVENTS: Mapping[str, Any] = {
    "AnswerWanted": _l("机器人去查答案"),
    "AnswerSilent": _l("机器人答后等回音到期"),
    "AnswerEnded": _l("机器人的一次应答结束"),
    "ArticleUsed": _l("工单里用了知识"),
}
REACTIONS: Mapping[str, Any] = {
    "answer_question": _l("机器人答复，或交给坐席"),
    "raise_silent": _l("没有回音的立成工单"),
    "index_ticket": _l("把解决了的工单放进相似工单的索引"),
}
SUBJECTS: Mapping[str, Any] = {"answer_talk": _l("机器人应答")}
