"""Configured mailboxes and other accounts. Secrets are shown masked everywhere."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import select, update

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Conflict, Invalid, NotFound, Stale
from app.core.permissions import Actor, require
from app.core.sealing import CannotOpen, reseal, seal, unseal
from app.core.text import parts
from channels.models import Account, MailFolder
from channels.settings import SPECS, problem_of

SECRET = re.compile(r"password|secret|token|aes_key|authcode|access_key")
KNOWN: Mapping[str, frozenset[str]] = {
    "portal": frozenset({"address"}),
    **{kind: frozenset(one.name for one in specs) for kind, specs in SPECS.items()},
}


def add_account(actor: Actor, kind: str, slug: str, settings: Mapping[str, str]) -> Account:
    """Add an account of a kind that this version speaks. Raises Invalid with the field, or Conflict for a taken slug."""
    require(actor, "channel.manage")
    if kind not in KNOWN:
        raise Invalid.of("kind", "这个版本还没有这种渠道。")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,58}", slug):
        raise Invalid.of("slug", "用小写字母、数字和连字符。")
    if find_account(slug) is not None:
        raise Conflict("已经有叫「%(slug)s」的渠道账号。", slug=slug)
    account = Account(kind=kind, slug=slug, settings=_sealed(_checked(kind, settings)))
    session().add(account)
    session().flush()
    note(actor, "account.added", account, after=kind)
    return account


def set_account(
    actor: Actor, slug: str, changes: Mapping[str, str], *, version: int | None = None, quietly: bool = False
) -> Account:
    """Change settings of an account; an empty value removes one. Raises Stale when it is not at `version` any more.
    `quietly`: what is under way with the old settings goes on."""
    require(actor, "channel.manage")
    account = access_account(slug)
    if version is not None and account.version != version:
        raise Stale()
    merged = {**account.settings, **_sealed(_checked(account.kind, changes))}
    before = account.settings
    account.settings = {k: v for k, v in merged.items() if v != ""}
    session().flush()
    if not quietly:
        _look_again(account, anew=any(before.get(k) != account.settings.get(k) for k in ("imap_host", "imap_user")))
    note(actor, "account.changed", account, settings=", ".join(sorted(changes)))
    return account


def set_active(actor: Actor, slug: str, active: bool) -> Account:
    """Stop an account, or let it work again. A stopped one neither fetches nor sends; what it has stays."""
    require(actor, "channel.manage")
    account = access_account(slug)
    if account.active != active:
        account.active = active
        session().flush()
        _look_again(account, anew=False)
        note(actor, "account.enabled" if active else "account.disabled", account)
    return account


def find_account(slug: str) -> Account | None:
    return session().scalar(select(Account).where(Account.slug == slug))


def access_account(slug: str) -> Account:
    found = find_account(slug)
    if found is None:
        raise NotFound("没有叫「%(slug)s」的渠道账号。", slug=slug)
    return found


def note_traffic(account_id: int, **moments: datetime) -> None:
    """Note when something last came (`last_received_at`) or went (`last_sent_at`). The version stays: of two messages
    at once neither must lose the race for the account's row, and an administrator's form does not get stale."""
    table = Account.metadata.tables["account"]
    session().execute(update(table).where(table.c.id == account_id).values(**moments))


def list_accounts() -> list[Account]:
    return list(session().scalars(select(Account).order_by(Account.slug)))


def shown(account: Account) -> dict[str, Any]:
    """The account as a person may see it: secrets masked."""
    masked = {k: "••••" if SECRET.search(k) and v else v for k, v in account.settings.items()}
    return {"id": account.id, "kind": account.kind, "slug": account.slug, "settings": masked}


def opened(account: Account) -> dict[str, Any]:
    """The settings with their secrets readable: for adapters, at the moment of use, never for a page or a log.

    Raises CannotOpen when the house key is another than the one they were sealed under.
    """
    return {k: unseal(str(v)) if SECRET.search(k) and v else v for k, v in account.settings.items()}


def reseal_accounts(actor: Actor, old_key: str | None = None) -> tuple[int, list[str]]:
    """Seal every secret under the present house key: those that an older release stored in plain text, and with
    `old_key` those of the key before. Returns how many accounts were written, and the slugs that could not be opened."""
    require(actor, "channel.manage")
    written, lost = 0, []
    for account in list_accounts():
        try:
            fresh = {
                k: reseal(str(v), old_key) if SECRET.search(k) and v else v for k, v in account.settings.items()
            }
        except CannotOpen:
            lost.append(account.slug)
            continue
        if fresh != account.settings:
            account.settings, written = fresh, written + 1
            note(actor, "account.resealed", account)
    session().flush()
    return written, lost


def _look_again(account: Account, *, anew: bool) -> None:
    """After a change the mailbox is visited at once; a visit under way with the old settings has no say any more.
    `anew`: it is another mailbox, whose numbers mean other mails."""
    fresh: dict[str, Any] = {
        "due_at": now(), "failures": 0, "holder": None, "leased_until": None, "idles": None, "watcher": None, "watched_until": None,
    }  # fmt: skip
    if anew:
        fresh |= {"uidvalidity": None, "last_uid": 0}
    session().execute(update(MailFolder).where(MailFolder.account_id == account.id).values(**fresh))


def _sealed(settings: Mapping[str, str]) -> dict[str, str]:
    return {k: seal(v) if SECRET.search(k) and v else v for k, v in settings.items()}


def _checked(kind: str, settings: Mapping[str, str]) -> dict[str, str]:
    """The settings, when all are right. Raises Invalid with every field that is wrong, so that a form is filled in once;
    only a sentence whose places another one fills differently waits for the next try."""
    errors: dict[str, list[str]] = {}
    filled: dict[str, Any] = {}
    for name, value in settings.items():
        reason, places = parts(_wrong(kind, name, value))
        if reason and all(filled.get(place, what) == what for place, what in places.items()):
            errors[name] = [reason]
            filled |= places
    if errors:
        raise Invalid(errors=errors, **filled)
    return dict(settings)


def _wrong(kind: str, name: str, value: str) -> str:
    """What is wrong with one setting, packed; empty when nothing is."""
    if name not in KNOWN[kind]:
        return "没有这个设置。"
    if name == "address" and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        return "写一个邮箱地址。"
    if name == "time_zone" and value and value not in available_timezones():
        return "写一个时区名，例如 Asia/Shanghai。"
    if kind not in SPECS and "\n" in value and name not in ("signature", "welcome"):
        return "不能换行。"
    return problem_of(kind, name, value)


def mailbox_that_sends() -> Account | None:
    """The mailbox that the house itself writes from: the first active one with an address and a server to send by."""
    rows = select(Account).where(Account.kind == "email", Account.active.is_(True)).order_by(Account.id)
    return next((a for a in session().scalars(rows) if a.settings.get("address") and a.settings.get("smtp_host")), None)
