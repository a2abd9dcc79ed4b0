"""Names of what happens to articles, in words for people."""

from typing import Any

from flask_babel import lazy_gettext as _l

ACTIONS: dict[str, Any] = {
    "article.draft": _l("起草知识"),
    "article.revise": _l("修订知识"),
    "article.change": _l("改知识"),
    "article.submit": _l("提交审核"),
    "article.publish": _l("发布知识"),
    "article.retire": _l("下架知识"),
    "article.reject": _l("退回知识"),
    "index.rebuild_asked": _l("要求重建知识索引"),
    "index.rebuilt": _l("知识索引已重建"),
    "index.tickets_rebuild_asked": _l("要求重建工单索引"),
    "index.tickets_rebuilt": _l("工单索引已重建"),
}
EVENTS: dict[str, Any] = {"IndexRebuildAsked": _l("要重建知识索引"), "TicketIndexRebuildAsked": _l("要重建工单索引")}
REACTIONS: dict[str, Any] = {"rebuild_index": _l("重建知识索引"), "rebuild_ticket_index": _l("重建工单索引")}
