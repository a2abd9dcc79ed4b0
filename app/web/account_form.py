"""The form of an account as a person reads it: which settings stand together, which are folded, what a choice is called.

What can be set at all is said in channels/settings.py; this is only its order and words on the page."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from flask import request
from flask_babel import lazy_gettext as _l

from app import viewer
from app.core.uow import unit_of_work
from channels import accounts
from channels.models import Account
from channels.settings import SPECS

Groups = Sequence[tuple[Any, tuple[str, ...], bool]]
"""Title, names of settings, whether the group is folded until it is wanted."""

_WINDOW = ("window_messages", "window_hours", "window_event_messages", "window_event_seconds", "window_reserve")
_TEMPLATES = ("template_answer", "template_progress", "template_appointment", "template_rating", "template_alarm", "template_news")
_ANSWER = ("answer", "answer_sure", "answer_most", "answer_wait_minutes")
_CONNECT, _SPEAK, _LIMITS, _RARE = _l("接上平台"), _l("自动说的话"), _l("条数与限制"), _l("很少要改的")

GROUPS: Mapping[str, Groups] = {
    "wechat": (
        (_CONNECT, ("name", "appid", "secret", "token", "mode", "aes_key"), False),
        (_SPEAK, ("welcome",), False),
        (_l("机器人先答"), _ANSWER, False),
        (_l("模板消息"), _TEMPLATES, True),
        (_LIMITS, (*_WINDOW, "text_bytes"), True),
        (_RARE, ("previous_aes_key", "stale_seconds", "api_base"), True),
    ),
    "wecom": (
        (_CONNECT, ("corpid", "secret", "token", "aes_key", "open_kfids"), False),
        (_l("怎么接待"), ("keep_session", "welcome", "goodbye", "rate_at_end"), False),
        (_l("机器人先答"), _ANSWER, False),
        (_LIMITS, (*_WINDOW, "poll_minutes"), True),
        (_RARE, ("previous_aes_key", "api_base"), True),
    ),
    "weibo": ((_CONNECT, ("app_secret", "access_token", "uid"), False), (_RARE, ("api_base", "upload_base"), True)),
    "webchat": (
        (_l("访客看到的"), ("title", "title_en", "welcome", "welcome_en", "colour"), False),
        (_l("什么时候、在哪里"), ("hours", "time_zone", "allowed_sites"), False),
        (_l("先问什么、能做什么"), ("ask", "fields", "queue", "files", "rating", "transcript", "pages"), False),
        (_l("机器人先答"), _ANSWER, False),
        (_l("访客是谁"), ("site_secret", "verified_only", "remember_days", "proof_hours"), True),
        (_l("没看到的答复"), ("offline_minutes", "offline_gap_minutes"), True),
        (_LIMITS, ("file_mb", "messages_per_minute"), True),
    ),
    "calls": (
        (_l("号码与时区"), ("time_zone", "own_numbers", "outside_line"), False),
        (_l("由平台推送"), ("secret", "allowed_ips", "provider", "field_map"), False),
        (_l("从文件里读"), ("cdr_path", "cdr_format", "cdr_columns", "queue_log_path", "file_start", "file_poll_seconds"), True),
        (_l("录音"), ("recordings", "recording_hosts", "recording_folder", "recording_password"), True),
        (_RARE, ("live_hours",), True),
    ),
    "sms": (
        (_CONNECT, ("style", "endpoint", "access_key", "access_secret", "sign_name", "hook_secret", "sdk_app_id", "region"), False),
        (_l("短信模板"), _TEMPLATES, False),
        (_LIMITS, ("most_parts",), True),
    ),
    "app": (
        (_CONNECT, ("jwt_secret", "issuer"), False),
        (_l("推到手机上"), ("push_url", "push_secret", "push_preview"), False),
        (_RARE, ("previous_jwt_secret",), True),
    ),
    "robot": ((_CONNECT, ("style", "webhook_secret", "sign_secret"), False), (_LIMITS, ("per_minute",), True)),
}  # fmt: skip

_YES_NO = {"yes": _l("是"), "no": _l("否")}
CHOICES: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("wechat", "mode"): {"plain": _l("明文"), "compatible": _l("兼容"), "safe": _l("安全")},
    ("wecom", "keep_session"): {"yes": _l("由本系统接待"), "no": _l("按企业微信的规则分配")},
    ("wecom", "rate_at_end"): {"yes": _l("附五个评价选项"), "no": _l("不附")},
    ("webchat", "ask"): {"no": _l("不问"), "offer": _l("问，可以跳过"), "require": _l("先留再说话")},
    ("webchat", "transcript"): {"ask": _l("访客要时发到邮箱"), "end": _l("结束时自动发到邮箱"), "no": _l("不发")},
    ("app", "push_preview"): {"yes": _l("带回复的前 80 个字"), "no": _l("只说有新回复")},
    ("calls", "provider"): {
        "": _l("不是云呼叫中心"), "7moor": _l("七陌"), "tinet": _l("天润"), "tencent": _l("腾讯云联络中心"), "aliyun": _l("阿里云联络中心"),
    },
    ("calls", "cdr_format"): {"asterisk-csv": _l("Asterisk 的 CSV"), "freeswitch-csv": _l("FreeSWITCH 的 CSV")},
    ("calls", "file_start"): {"all": _l("从文件开头"), "new": _l("只读以后写进来的")},
    ("calls", "recordings"): {"link": _l("只记下来，听的时候再取"), "fetch": _l("由后台取回保存")},
    ("sms", "style"): {"plain": _l("自建网关（HMAC-SHA256）"), "aliyun": _l("阿里云短信"), "tencent": _l("腾讯云短信")},
    ("robot", "style"): {"wecom": _l("企业微信群机器人"), "dingtalk": _l("钉钉自定义机器人")},
}  # fmt: skip


def groups(kind: str) -> Groups:
    """The groups of a kind. A setting that no group names comes last, so that none is ever lost."""
    known = GROUPS.get(kind, ())
    named = {name for _title, names, _folded in known for name in names}
    left = tuple(one.name for one in SPECS[kind] if one.name not in named)
    return (*known, (_RARE, left, True)) if left else known


def choice(kind: str, name: str, value: str) -> str:
    """What a value to choose is called."""
    words = CHOICES.get((kind, name), _YES_NO)
    return str(words.get(value, value))


def provider(name: str) -> str:
    """What a cloud call center is called."""
    return choice("calls", "provider", name)


def keep_changes(account: Account, given: Mapping[str, str], secrets: Collection[str]) -> None:
    """Write what differs, on the version that the person saw. A secret that was left empty stays as it is. Raises Invalid,
    Stale."""
    changes = {k: v for k, v in given.items() if (v if k in secrets else v != str(account.settings.get(k, "")))}
    version = request.form.get("version", "")
    if changes:
        with unit_of_work():
            accounts.set_account(viewer.current_actor(), account.slug, changes, version=int(version) if version[:9].isdecimal() else None)


def switch(account: Account) -> bool:
    """Stop an account, or let it work again, as the button says. Returns whether it works now."""
    wanted, slug = request.form.get("active") == "1", account.slug
    with unit_of_work():
        accounts.set_active(viewer.current_actor(), slug, wanted)
    return wanted
