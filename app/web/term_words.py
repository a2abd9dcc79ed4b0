"""Names of what happens to the words of the search, in words for people."""

from typing import Any

from flask_babel import lazy_gettext as _l

ACTIONS: dict[str, Any] = {
    "term.add": _l("加入整词"),
    "term.remove": _l("移除整词"),
    "synonym.add": _l("加入同义词"),
    "synonym.remove": _l("移除同义词"),
}
EVENTS: dict[str, Any] = {"TermChanged": _l("词表变了")}
REACTIONS: dict[str, Any] = {"cut_again": _l("重新切分含有它的知识"), "cut_name_again": _l("重新切分含有产品名的知识")}
SUBJECTS: dict[str, Any] = {"knowledge_term": _l("整词"), "knowledge_synonym": _l("同义词")}
