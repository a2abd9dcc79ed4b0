"""Names of what happens to imports and releases, in words for people."""

from typing import Any

from flask_babel import lazy_gettext as _l

ACTIONS: dict[str, Any] = {
    "import.begun": _l("上传要导入的文件"),
    "import.started": _l("开始导入"),
    "import.done": _l("导入完成"),
    "import.undone": _l("撤销一次导入"),
    "article.removed": _l("去掉导入的草稿"),
    "gate.requirements": _l("改发布要哪些资料"),
    "gate.opened": _l("开始准备版本的资料"),
    "gate.document": _l("选版本的资料"),
    "gate.query_added": _l("加测试问题"),
    "gate.query_removed": _l("去掉测试问题"),
    "gate.ready": _l("版本的资料齐了"),
    "gate.back": _l("版本退回准备"),
    "gate.publish": _l("发布版本"),
    "gate.override": _l("缺项发布版本"),
    "gate.reopen": _l("重新准备版本"),
}
EVENTS: dict[str, Any] = {
    "ReleasePublished": _l("版本已发布"),
    "ReleaseFollowersDue": _l("该告诉关注产品的人了"),
    "ReleaseFollowerDue": _l("该告诉一个关注产品的人了"),
}
REACTIONS: dict[str, Any] = {
    "tell_release": _l("告诉关注产品的人"),
    "call_followers": _l("逐批叫到关注产品的人"),
    "tell_release_follower": _l("告诉一个关注产品的人"),
}
SUBJECTS: dict[str, Any] = {
    "import_job": _l("导入"),
    "release_gate": _l("版本的资料"),
    "gate_query": _l("测试问题"),
}
