"""Does a mailbox work? Asked by a person who waits: every wait is short, nothing is fetched or sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.core.sealing import CannotOpen
from app.core.text import pack
from channels.accounts import opened
from channels.base import SendFailed
from channels.email import try_smtp
from channels.imap import MailboxProblem, open_folder, visit
from channels.models import Account

PATIENCE = 5.0
"""Seconds of each single wait for a server."""


@dataclass(frozen=True)
class Finding:
    """`part`: in or out. `said` is a packed sentence."""

    part: str
    ok: bool
    said: str


def probe(account: Account) -> list[Finding]:
    """Sign in both ways as the worker would. Not to be called inside a unit of work."""
    try:
        settings = opened(account)
    except CannotOpen:
        return [Finding("in", False, "保存的密码解不开：密钥换过了。请重新填写密码。")]
    return [_mail_in(settings), _mail_out(settings)]


def _mail_in(settings: Mapping[str, Any]) -> Finding:
    if not settings.get("imap_host"):
        return Finding("in", False, "没有收信服务器，来信不会自己进来。")
    folder, away = str(settings.get("imap_folder") or "INBOX"), str(settings.get("imap_processed_folder") or "")
    try:
        with visit(settings, connect=PATIENCE, read=PATIENCE) as client:
            open_folder(client, folder, readonly=True)
            waiting = len(client.search(["ALL"]))
            fresh = bool(away) and not client.folder_exists(away)
    except MailboxProblem as problem:
        return Finding("in", False, problem.reason)
    if fresh:
        return Finding(
            "in", True, pack("已登录，文件夹「%(folder)s」里有 %(n)s 封信；「%(away)s」还没有，会自动新建。", folder=folder, n=waiting, away=away)
        )
    return Finding("in", True, pack("已登录，文件夹「%(folder)s」里有 %(n)s 封信。", folder=folder, n=waiting))


def _mail_out(settings: Mapping[str, Any]) -> Finding:
    if not settings.get("smtp_host"):
        return Finding("out", False, "没有发信服务器，回复发不出去。")
    try:
        server = try_smtp(settings, PATIENCE)
    except SendFailed as problem:
        return Finding("out", False, problem.reason)
    return Finding("out", True, pack("已连上 %(server)s，可以发信。", server=server))
