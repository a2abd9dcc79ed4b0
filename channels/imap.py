"""One visit to a mailbox over IMAP: sign in, introduce ourselves, open a folder, wait; and what went wrong, in words.

IMAPClient speaks the protocol: it gives the bytes of a mail untouched, which the raw inbox needs.
"""

import logging
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError, LoginError

from app.core.text import clean, pack, unpack
from channels.base import SendFailed

logging.getLogger("imapclient").setLevel(logging.ERROR)  # at DEBUG it writes down what people wrote
_NOISE = re.compile(r"^[a-z]+ failed: |\(\d+\.\d+ \+ [\d.+ ]+secs\)")

ASKS_WHO = ("163.com", "126.com", "yeah.net", "188.com")
"""Their servers refuse to open a folder ("Unsafe Login") to programs that do not say who they are."""
ME = {"name": "huiyin", "version": "1", "vendor": "huiyin"}


class MailboxProblem(Exception):
    """A visit failed; `reason` is a packed sentence for the administrator."""

    def __init__(self, message: str, **data: object) -> None:
        self.reason = pack(message, **data)
        super().__init__(unpack(self.reason))

    @classmethod
    def packed(cls, reason: str) -> "MailboxProblem":
        """With a sentence that was packed before."""
        made = cls("")
        made.reason, made.args = reason, (unpack(reason),)
        return made


def server_of(settings: Mapping[str, Any]) -> tuple[str, int, str]:
    """Host, port and security in force; TLS where nothing is said."""
    security = str(settings.get("imap_security") or "tls")
    return str(settings["imap_host"]), int(settings.get("imap_port") or (993 if security == "tls" else 143)), security


@contextmanager
def visit(settings: Mapping[str, Any], *, connect: float = 15, read: float = 30) -> Iterator[IMAPClient]:
    """A signed-in connection, with the settings of channels.oauth.ready(). Times are seconds; every wait is limited.
    Raises MailboxProblem, also for what breaks inside the block on the side of the server."""
    host, port, security = server_of(settings)
    where = f"{host}:{port}"
    context = ssl.create_default_context()
    client: IMAPClient | None = None
    try:
        client = IMAPClient(
            host, port, ssl=security == "tls", ssl_context=context, timeout=SocketTimeout(connect, read)
        )
        if security == "starttls":
            client.starttls(context)
        _sign_in(client, settings)
        _introduce(client, host)
        yield client
    except SendFailed as problem:  # no token to sign in with
        raise MailboxProblem.packed(problem.reason) from None
    except LoginError as problem:
        if "oauth" in settings:
            raise MailboxProblem("邮件服务器不接受令牌（%(answer)s）。请重新授权。", answer=_said(problem)) from None
        raise MailboxProblem(
            "邮件服务器不接受账号或密码（%(answer)s）。QQ、163 等邮箱要填授权码。", answer=_said(problem)
        ) from None
    except socket.gaierror:
        raise MailboxProblem("找不到邮件服务器 %(host)s。", host=host) from None
    except ssl.SSLError as problem:
        raise MailboxProblem(
            "与邮件服务器 %(server)s 建立不了加密连接（%(problem)s）。", server=where, problem=_tls(problem)
        ) from None
    except (TimeoutError, ConnectionRefusedError) as problem:
        if client is None:
            raise MailboxProblem("连不上邮件服务器 %(server)s（%(problem)s）。", server=where, problem=_short(problem)) from None
        raise MailboxProblem("邮件服务器 %(server)s 没有及时答复。", server=where) from None
    except IMAPClientError as problem:
        if isinstance(problem, IMAPClient.AbortError):
            raise MailboxProblem("与邮件服务器 %(server)s 的连接中断（%(problem)s）。", server=where, problem=_said(problem)) from None
        raise MailboxProblem("邮件服务器答复：%(answer)s", answer=_said(problem)) from None
    except (OSError, EOFError) as problem:
        raise MailboxProblem("与邮件服务器 %(server)s 的连接中断（%(problem)s）。", server=where, problem=_short(problem)) from None
    finally:
        if client is not None:
            _leave(client)


def open_folder(client: IMAPClient, folder: str, *, readonly: bool) -> tuple[int, int]:
    """Select a folder; returns its UIDVALIDITY and the next UID. Raises MailboxProblem when it cannot be opened."""
    try:
        found = client.select_folder(folder, readonly=readonly)
    except IMAPClient.AbortError:
        raise
    except IMAPClientError as problem:
        raise MailboxProblem("打不开文件夹「%(folder)s」（%(answer)s）。", folder=folder, answer=_said(problem)) from None
    return int(found.get(b"UIDVALIDITY") or 0), int(found.get(b"UIDNEXT") or 0)


def put_away(client: IMAPClient, uids: list[int], folder: str) -> None:
    """Move mails; by copy and delete where the server knows no MOVE. Deletes nothing but them."""
    if client.has_capability("MOVE"):
        client.move(uids, folder)
        return
    client.copy(uids, folder)
    client.delete_messages(uids, silent=True)
    if client.has_capability("UIDPLUS"):
        client.uid_expunge(uids)


def _sign_in(client: IMAPClient, settings: Mapping[str, Any]) -> None:
    user = str(settings.get("imap_user") or settings.get("address", ""))
    if "oauth" not in settings:
        client.login(user, str(settings.get("imap_password", "")))
        return
    token = settings["oauth"](None)
    try:
        client.oauth2_login(user, token)
    except LoginError:  # it may have been taken back before its time
        fresh = settings["oauth"](token)
        if fresh == token:
            raise
        client.oauth2_login(user, fresh)


def _introduce(client: IMAPClient, host: str) -> None:
    if client.has_capability("ID"):
        client.id_(ME)
    elif host.lower().endswith(ASKS_WHO):
        client._cached_capabilities = (*client.capabilities(), b"ID")  # it takes the command without announcing it
        client.id_(ME)


def _leave(client: IMAPClient) -> None:
    try:
        client.logout()
    except Exception:
        try:
            client.shutdown()
        except Exception:  # the connection is gone, which is what was wanted
            return


def _said(problem: Exception) -> str:
    text = str(problem)
    if text.startswith(("b'", 'b"')):
        text = text[2:-1]
    text = _NOISE.sub("", clean(text)).strip(" .:")
    return text[:200] or type(problem).__name__


def _short(problem: BaseException) -> str:
    return "timeout" if isinstance(problem, TimeoutError) else clean(getattr(problem, "strerror", None) or type(problem).__name__)[:100]


def _tls(problem: ssl.SSLError) -> str:
    if isinstance(problem, ssl.SSLCertVerificationError):
        return clean(str(problem.verify_message))[:150]
    return clean(str(problem.reason or problem))[:150]
