"""Names of what happens in the community, in words for people."""

from typing import Any

from flask_babel import lazy_gettext as _l

ACTIONS: dict[str, Any] = {
    "community.asked": _l("公开提问"),
    "community.answered": _l("公开回答"),
    "community.accepted": _l("采纳回答"),
    "community.reported": _l("举报社区内容"),
    "community.shown": _l("公开社区内容"),
    "community.hidden": _l("隐藏社区内容"),
    "community.kept": _l("被举报的内容没有问题"),
    "community.drafted": _l("社区回答写成知识"),
    "community.handed_over": _l("社区问题登记成工单"),
    "community.word_added": _l("新增敏感词"),
    "community.word_removed": _l("去掉敏感词"),
}
EVENTS: dict[str, Any] = {
    "QuestionMoved": _l("公开提问有新回答"),
    "PostHidden": _l("社区内容已隐藏"),
    "FollowerDue": _l("该告诉关注的人了"),
}
REACTIONS: dict[str, Any] = {
    "gather_news": _l("记下要告诉关注的人的事"),
    "tell_follower": _l("告诉关注的人"),
    "take_back": _l("收回还没发出的消息"),
}
SUBJECTS: dict[str, Any] = {
    "community_question": _l("社区提问"),
    "community_answer": _l("社区回答"),
}
