"""Configured mailboxes and other accounts. Secrets are shown masked everywhere."""

import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import select

from app.core.audit import note
from app.core.db import session
from app.core.errors import Conflict, Invalid, NotFound
from app.core.permissions import Actor, require
from channels.models import Account

SECRET = re.compile(r"password|secret|token|aes_key|authcode")
EMAIL_SETTINGS = frozenset(
    "address name smtp_host smtp_port smtp_user smtp_password smtp_security signature time_zone".split()
)
KNOWN: Mapping[str, frozenset[str]] = {"email": EMAIL_SETTINGS}


def add_account(actor: Actor, kind: str, slug: str, settings: Mapping[str, str]) -> Account:
    """Add an account of a kind that this version speaks. Raises Invalid with the field, or Conflict for a taken slug."""
    require(actor, "channel.manage")
    if kind not in KNOWN:
        raise Invalid.of("kind", "这个版本还没有这种渠道。")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,58}", slug):
        raise Invalid.of("slug", "用小写字母、数字和连字符。")
    if find_account(slug) is not None:
        raise Conflict("已经有叫「%(slug)s」的渠道账号。", slug=slug)
    account = Account(kind=kind, slug=slug, settings=_checked(kind, settings))
    session().add(account)
    session().flush()
    note(actor, "account.added", account, after=kind)
    return account


def set_account(actor: Actor, slug: str, changes: Mapping[str, str]) -> Account:
    """Change settings of an account; an empty value removes one."""
    require(actor, "channel.manage")
    account = access_account(slug)
    merged = {**account.settings, **_checked(account.kind, changes)}
    account.settings = {k: v for k, v in merged.items() if v != ""}
    session().flush()
    note(actor, "account.changed", account, settings=", ".join(sorted(changes)))
    return account


def find_account(slug: str) -> Account | None:
    return session().scalar(select(Account).where(Account.slug == slug))


def access_account(slug: str) -> Account:
    found = find_account(slug)
    if found is None:
        raise NotFound("没有叫「%(slug)s」的渠道账号。", slug=slug)
    return found


def list_accounts() -> list[Account]:
    return list(session().scalars(select(Account).order_by(Account.slug)))


def shown(account: Account) -> dict[str, Any]:
    """The account as a person may see it: secrets masked."""
    masked = {k: "••••" if SECRET.search(k) and v else v for k, v in account.settings.items()}
    return {"id": account.id, "kind": account.kind, "slug": account.slug, "settings": masked}


def _checked(kind: str, settings: Mapping[str, str]) -> dict[str, str]:
    for name, value in settings.items():
        if name not in KNOWN[kind]:
            raise Invalid.of(name, "没有这个设置。")
        if name == "smtp_port" and value and not (value.isdecimal() and 0 < int(value) < 65536):
            raise Invalid.of(name, "端口是 1 到 65535 的数。")
        if name == "smtp_security" and value not in ("", "none", "starttls", "tls"):
            raise Invalid.of(name, "写 none、starttls 或 tls。")
        if name == "address" and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
            raise Invalid.of(name, "写一个邮箱地址。")
        if name == "time_zone" and value and value not in available_timezones():
            raise Invalid.of(name, "写一个时区名，例如 Asia/Shanghai。")
        if "\n" in value and name != "signature":
            raise Invalid.of(name, "不能换行。")
    return dict(settings)
