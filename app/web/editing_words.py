"""Names of what editors do with articles, in words for people."""

from typing import Any

from flask_babel import lazy_gettext as _l

ACTIONS: dict[str, Any] = {
    "article.return": _l("退回知识"),
    "article.rename": _l("改知识的地址"),
    "article.care": _l("改知识的负责人、复核日期或内部备注"),
    "article.reviewed": _l("复核知识"),
    "article.comment": _l("对知识提意见"),
    "article.plan": _l("排定知识的发布"),
    "article.unplan": _l("取消排定的发布"),
    "article.file": _l("给知识加文件"),
}
EVENTS: dict[str, Any] = {
    "PublishDue": _l("知识到了发布时间"),
    "WriterTold": _l("要告诉写知识的人"),
    "ReviewAsked": _l("有草稿等审核"),
}
REACTIONS: dict[str, Any] = {
    "publish_planned": _l("按时发布知识"),
    "note_links": _l("记下知识之间的链接"),
    "tell_writer": _l("告诉写知识的人"),
    "tell_reviewers": _l("告诉审核的人"),
}
