"""What `flask desk doctor` says, for the page of administrators: the command speaks English, the page its reader's language."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.web.i18n import show_datetime

PLAIN: Mapping[str, Any] = {
    "up to date": _l("与程序一致"),
    "the database is older than this release": _l("数据库比程序旧"),
    "not looked at: the database comes first": _l("没有检查，先修好数据库"),
    "ok": _l("可以用"),
    "ready": _l("可以用"),
    "away": _l("没有应答"),
    "missing": _l("还没有建立"),
    "outdated": _l("旧了，照样能用"),
    "damaged": _l("坏了"),
    "no mailbox is fetched": _l("没有要收信的邮箱"),
    "no file of calls and no WeCom account is read": _l("没有要读的话单文件，也没有微信客服账号"),
    "nothing read yet": _l("还没有读过"),
    "never read": _l("还没有收过"),
    "all accounts are well": _l("所有账号都正常"),
    "can be opened": _l("都能解开"),
    "answers": _l("有应答"),
}
COUNTED: Mapping[str, Any] = {
    "due": _l("等着做 %(n)s"), "leased": _l("正在做 %(n)s"), "done": _l("已做完 %(n)s"), "dead": _l("已放弃 %(n)s"),
    "undecided": _l("不确定 %(n)s"), "withdrawn": _l("已撤回 %(n)s"),
}  # fmt: skip
ADVICE: Mapping[str, Any] = {
    "check HUIYIN_DATABASE_URL and that the server runs": _l("检查 HUIYIN_DATABASE_URL，以及数据库是否在运行"),
    "run: flask desk init": _l("运行 flask desk init"),
    "remove HUIYIN_SECRET_KEY or give it at least 32 characters": _l("去掉 HUIYIN_SECRET_KEY，或给它至少 32 个字符"),
    "run: make setup": _l("运行 make setup"),
    "run: flask knowledge reindex": _l("运行 flask knowledge reindex"),
    "look at: flask desk outbox --state dead": _l("看待办队列里「已放弃」和「不确定」的"),
    "see /admin/channels, or: flask channel account set SLUG imap_…": _l("看渠道账号里这个邮箱的设置"),
    "see /admin/channels; the worker must be able to read the files": _l("看渠道账号；后台进程要能读到话单文件"),
    "see /admin/channels and: flask channel raw --state failed": _l("看渠道账号和原始来件"),
    "flask channel account reseal --old-key-file FILE, or set the passwords anew": _l("用旧密钥运行 flask channel account reseal，或重新填写密码"),
    "free some space on the disk of the data folder": _l("给数据目录所在的磁盘腾出空间"),
    "check HUIYIN_REDIS_URL and that the server runs": _l("检查 HUIYIN_REDIS_URL，以及 Redis 是否在运行"),
}
_SHAPES: tuple[tuple[str, Callable[..., str]], ...] = (
    (r"(\d+) characters", lambda n: _("%(n)s 个字符", n=n)),
    (r"(\d+) files", lambda n: _("%(n)s 个文件", n=n)),
    (r"([\d.]+) GB free", lambda n: _("还剩 %(n)s GB", n=n)),
    (r"oldest waits (\d+) s", lambda n: _("最早的等了 %(n)s 秒", n=n)),
    (r"cannot be opened: (.+)", lambda names: _("解不开：%(names)s", names=names)),
    (r"(\d+) not understood", lambda n: _("%(n)s 件读不懂", n=n)),
    (r"(\d+) not sent", lambda n: _("%(n)s 条没有发出", n=n)),
    (r"(\d+) undecided", lambda n: _("%(n)s 条不知是否送到", n=n)),
    (r"last read (\d{4}-\d\d-\d\d \d\d:\d\d) UTC", lambda at: _("%(at)s 收过", at=_when(at))),
    (r"(\d+) articles", lambda n: _("%(n)s 篇知识", n=n)),
    (r"([a-z]+) \(embedded\)", lambda state: _("%(state)s（内置引擎）", state=_part(state))),
    (r"([a-z]+) \(OpenSearch at (.+)\)", lambda state, at: _("%(state)s（OpenSearch，%(at)s）", state=_part(state), at=at)),
    (r"([a-z]+) (\d+)", lambda name, n: str(COUNTED[name]) % {"n": n} if name in COUNTED else f"{name} {n}"),
)


def detail(text: str) -> str:
    """What a check found, part by part; a part that has no words here (a folder, a fault of a library) stays as it is."""
    return _("；").join(_("，").join(_part(one) for one in group.split(", ")) for group in text.split("; "))


def advice(text: str) -> str:
    """What to do about it."""
    folder = re.fullmatch(r"make (.+) writable for this user", text)
    return _("让运行程序的用户能写 %(folder)s", folder=folder[1]) if folder else str(ADVICE.get(text, text))


def _part(text: str) -> str:
    if text in PLAIN:
        return str(PLAIN[text])
    for shape, words in _SHAPES:
        if found := re.fullmatch(shape, text):
            return words(*found.groups())
    # "support: last read …" and "support: a reason (last read …)"
    if found := re.fullmatch(r"([a-z0-9-]+(?: [^:]+)?): (.+) \((.+)\)", text):
        return f"{found[1]}{_('：')}{_(found[2])}{_('（')}{_part(found[3])}{_('）')}"
    if found := re.fullmatch(r"([a-z0-9-]+(?: [^:]+)?): (.+)", text):
        return f"{found[1]}{_('：')}{_part(found[2])}"
    return _(text) if text else ""


def _when(text: str) -> str:
    return show_datetime(datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC))
