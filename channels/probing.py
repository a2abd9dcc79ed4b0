"""Does a mailbox work? Asked by a person who waits: every wait is short, nothing is fetched or sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.core.sealing import CannotOpen
from app.core.text import pack
from channels.base import SendFailed
from channels.email import try_smtp
from channels.email_settings import folders
from channels.imap import MailboxProblem, open_folder, visit
from channels.models import Account
from channels.oauth import ready

BELL = "服务器会即时通知新信（IDLE）。"
NO_BELL = "服务器不会即时通知（没有 IDLE），按间隔查看。"
PATIENCE = 5.0
"""Seconds of each single wait for a server."""


@dataclass(frozen=True)
class Finding:
    """`part`: in, out or token. `said` is a packed sentence."""

    part: str
    ok: bool
    said: str
    more: str = ""


def probe(account: Account) -> list[Finding]:
    """Sign in both ways as the worker would. Not to be called inside a unit of work."""
    try:
        settings = ready(account)
    except CannotOpen:
        return [Finding("in", False, "保存的密码解不开：密钥换过了。请重新填写密码。")]
    found = [_token(settings)] if "oauth" in settings else []
    if found and not found[0].ok:
        return found
    return [*found, _mail_in(settings), _mail_out(settings)]


def _token(settings: Mapping[str, Any]) -> Finding:
    try:
        settings["oauth"](None)
    except SendFailed as problem:
        return Finding("token", False, problem.reason)
    return Finding("token", True, "换到了访问令牌。")


def _mail_in(settings: Mapping[str, Any]) -> Finding:
    if not settings.get("imap_host"):
        return Finding("in", False, "没有收信服务器，来信不会自己进来。")
    names, away = folders(settings.get("imap_folder")), str(settings.get("imap_processed_folder") or "")
    waiting = 0
    try:
        with visit(settings, connect=PATIENCE, read=PATIENCE) as client:
            for name in names:
                open_folder(client, name, readonly=True)
                waiting += len(client.search(["ALL"]))
            fresh = bool(away) and not client.folder_exists(away)
            bell = client.has_capability("IDLE")
    except MailboxProblem as problem:
        return Finding("in", False, problem.reason)
    folder = "」「".join(names)
    said = pack("已登录，文件夹「%(folder)s」里有 %(n)s 封信。", folder=folder, n=waiting)
    if fresh:
        said = pack("已登录，文件夹「%(folder)s」里有 %(n)s 封信；「%(away)s」还没有，会自动新建。", folder=folder, n=waiting, away=away)
    return Finding("in", True, said, NO_BELL if not bell else "" if settings.get("imap_idle") == "no" else BELL)


def _mail_out(settings: Mapping[str, Any]) -> Finding:
    if not settings.get("smtp_host"):
        return Finding("out", False, "没有发信服务器，回复发不出去。")
    try:
        server = try_smtp(settings, PATIENCE)
    except SendFailed as problem:
        return Finding("out", False, problem.reason)
    return Finding("out", True, pack("已连上 %(server)s，可以发信。", server=server))
