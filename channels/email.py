"""E-mail: mails in as raw bytes, answers out by SMTP."""

import re
import smtplib
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from app.core.clock import now
from app.core.sealing import CannotOpen
from channels import bounces
from channels.base import Inbound, InboundFile, Outbound, Sender, SendFailed, SendUndecided, Unparseable
from channels.mail import message as message_parser
from channels.mail.addresses import Address
from channels.mail.bounce import says_automatic
from channels.mail.compose import BadAddress, History, OutFile, compose_reply
from channels.mail.headers import split_headers
from channels.mail.ids import message_id
from channels.mail.plus import reply_address, token_in
from channels.models import Account
from channels.oauth import ready

_TOKEN = re.compile(r"\[#(\d{1,12})\]")
_TIMEOUT = 30


class EmailChannel:
    """One mailbox. Account settings: address, name, signature, time_zone; out: smtp_host, smtp_port, smtp_user,
    smtp_password, smtp_security (none, starttls or tls); in (see channels/fetching.py): imap_host, imap_port,
    imap_user (the address), imap_password, imap_security (tls, starttls or plain), imap_folder (INBOX),
    imap_processed_folder (none), imap_poll_seconds (20), imap_start (all or new)."""

    kind = "email"
    idempotent = False

    def parse(self, account: Account, raw: bytes) -> Inbound:
        try:
            parsed = message_parser.parse_mail(raw)
        except message_parser.Unparseable as problem:
            raise Unparseable(problem.reason) from None
        if "no header" in parsed.warnings:
            raise Unparseable("文件里没有邮件头，不是一封邮件。")
        sender = None
        if parsed.sender and "@" in parsed.sender.email:
            sender = Sender("email", parsed.sender.email, parsed.sender.name, suspect=parsed.suspect)
        answers = tuple(
            dict.fromkeys((parsed.in_reply_to or "", *reversed(parsed.references)))
        )
        token = _TOKEN.search(parsed.subject)
        address = str(account.settings.get("address", ""))
        bounce = parsed.bounce
        return Inbound(
            external_id=parsed.external_id,
            sender=sender,
            subject=parsed.subject,
            text=parsed.text,
            visible_text=parsed.visible_text,
            html=parsed.html,
            sent_at=parsed.sent_at,
            answers=answers,
            token=token.group(1) if token else None,
            mark=token_in(address, parsed.plus),
            files=tuple(InboundFile(f.name, f.mime, f.content, f.content_id) for f in parsed.attachments),
            is_auto=parsed.is_auto or parsed.no_return or bounce is not None or says_automatic(parsed.subject),
            is_bounce=parsed.is_bounce,
            returned=_returned(parsed) if parsed.is_bounce or bounce else None,
            bounce_reason=bounces.reason(bounce) if bounce else "",
            meta=_meta(parsed),
            reply_to=next((a.email for a in parsed.reply_to if "@" in a.email), None),
        )

    def send(self, account: Account, message: Outbound) -> str | None:
        settings = account.settings
        missing = [name for name in ("address", "smtp_host") if not settings.get(name)]
        if missing:
            raise SendFailed("渠道账号缺少设置：%(names)s。", final=False, names=", ".join(missing))
        history = None
        # An automatic answer quotes nothing: whoever writes under a stranger's address must not have us mail their words.
        if message.quoted and not message.is_auto:
            when = message.quoted_at.astimezone(_zone(settings)).strftime("%Y-%m-%d %H:%M") if message.quoted_at else ""
            history = History(message.quoted_by, when, message.quoted, message.language)
        answered, *older = message.answers or ("",)
        try:
            mail = compose_reply(
                message_id=message.external_id,
                sender=Address(settings["address"], str(settings.get("name", ""))),
                to=[Address(message.to, message.to_name)],
                subject=message.subject,
                text=_signed(message.text, settings, str(message.meta.get("signature") or "")),
                date=now(),
                number=message.token,
                in_reply_to=answered or None,
                references=tuple(reversed(older)),
                history=history,
                reply_to=_marked(settings, message.token),
                automatic=message.is_auto,
                generated=message.generated,
                list_id=str(message.meta.get("list_id") or ""),
                unsubscribe=str(message.meta.get("unsubscribe") or ""),
                attachments=[OutFile(f.name, f.mime, f.content, f.content_id) for f in message.files],
            )
        except BadAddress:
            raise SendFailed("「%(address)s」不是可以送达的邮箱地址。", final=True, address=message.to) from None
        try:
            secrets = ready(account)
        except CannotOpen:
            raise SendFailed("保存的密码解不开：密钥换过了。请重新填写发信密码。", final=False) from None
        return _hand_over(secrets, mail["To"].addresses[0].addr_spec, mail.as_bytes())


def _zone(settings: Mapping[str, Any]) -> ZoneInfo:
    return ZoneInfo(str(settings.get("time_zone") or "Asia/Shanghai"))


def _meta(parsed: message_parser.ParsedMail) -> dict[str, Any]:
    made: dict[str, Any] = {"list": parsed.list_id} if parsed.list_id else {}
    if parsed.bounce:
        made["report"] = bounces.facts(parsed.bounce)
    return made


def _returned(parsed: message_parser.ParsedMail) -> str | None:
    """The Message-ID of the mail that came back, from the copy of it or of its header in a delivery report."""
    for file in parsed.attachments:
        if file.mime in ("message/rfc822", "text/rfc822-headers"):
            headers, _ = split_headers(file.content)
            if found := message_id(headers):
                return found
    return None


def _marked(settings: Mapping[str, Any], token: str | None) -> Address | None:
    """The address for answers, where the server takes in what stands behind a plus."""
    marked = reply_address(str(settings["address"]), token) if token and settings.get("plus_addresses") == "yes" else None
    return Address(marked, str(settings.get("name", ""))) if marked else None


def _signed(text: str, settings: Mapping[str, Any], own: str) -> str:
    signature = (own or str(settings.get("signature", ""))).strip()
    return f"{text}\n\n-- \n{signature}" if signature else text


def _hand_over(settings: Mapping[str, Any], to: str, content: bytes) -> str | None:
    """Speak SMTP. Up to the final dot a broken line means "not delivered"; after it nobody knows."""
    server = _dial(settings, _TIMEOUT)
    try:
        try:
            _sign_in(server, settings)
            _expect(server.mail(str(settings["address"])))
            _expect(server.rcpt(to))
            _expect(server.docmd("DATA"))
            server.send(_dotted(content))
        except smtplib.SMTPAuthenticationError as problem:
            raise SendFailed("邮件服务器不接受账号或密码（%(code)s）。", final=False, code=problem.smtp_code) from None
        except smtplib.SMTPResponseException as problem:
            raise _refused(problem.smtp_code, problem.smtp_error) from None
        except (OSError, smtplib.SMTPException) as problem:
            raise SendFailed("与邮件服务器的连接中断（%(problem)s）。", final=False, problem=type(problem).__name__) from None
        try:
            server.send(b".\r\n")
            code, answer = server.getreply()
        except (OSError, smtplib.SMTPException) as problem:
            raise SendUndecided("信已交出，但没有收到邮件服务器的确认（%(problem)s）。", problem=type(problem).__name__) from None
        if code >= 400:
            raise _refused(code, answer)
        return answer.decode("utf-8", "replace")[:200]
    finally:
        _hang_up(server)


def try_smtp(settings: Mapping[str, Any], timeout: float) -> str:
    """Connect and sign in as a send would, and leave; returns "host:port". `timeout`: seconds of each wait.

    Raises SendFailed with the reason in words."""
    server = _dial(settings, timeout)
    try:
        _sign_in(server, settings)
        _expect(server.noop())
    except smtplib.SMTPAuthenticationError as problem:
        raise SendFailed("邮件服务器不接受账号或密码（%(code)s）。", final=False, code=problem.smtp_code) from None
    except smtplib.SMTPResponseException as problem:
        raise _refused(problem.smtp_code, problem.smtp_error) from None
    except (OSError, smtplib.SMTPException) as problem:
        raise SendFailed("与邮件服务器的连接中断（%(problem)s）。", final=False, problem=type(problem).__name__) from None
    finally:
        _hang_up(server)
    return _server(settings)


def _port(settings: Mapping[str, Any]) -> int:
    usual = {"tls": 465, "starttls": 587}.get(str(settings.get("smtp_security")), 25)
    return int(settings.get("smtp_port") or usual)


def _server(settings: Mapping[str, Any]) -> str:
    return f"{settings['smtp_host']}:{_port(settings)}"


def _dial(settings: Mapping[str, Any], timeout: float) -> smtplib.SMTP:
    host, port = str(settings["smtp_host"]), _port(settings)
    try:
        if settings.get("smtp_security") == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=timeout, context=ssl.create_default_context())
        return smtplib.SMTP(host, port, timeout=timeout)
    except (OSError, smtplib.SMTPException) as problem:
        raise SendFailed(
            "连不上邮件服务器 %(server)s（%(problem)s）。", final=False, server=_server(settings), problem=type(problem).__name__
        ) from None


def _sign_in(server: smtplib.SMTP, settings: Mapping[str, Any]) -> None:
    if settings.get("smtp_security") == "starttls":
        server.starttls(context=ssl.create_default_context())
    server.ehlo_or_helo_if_needed()
    if "oauth" in settings:
        _show_token(server, str(settings.get("smtp_user") or settings["address"]), settings["oauth"])
    elif settings.get("smtp_user"):
        server.login(str(settings["smtp_user"]), str(settings.get("smtp_password", "")))


def _show_token(server: smtplib.SMTP, user: str, source: Callable[[str | None], str]) -> None:
    """Sign in by XOAUTH2; once more with a fresh token when the present one is refused."""
    token = source(None)
    try:
        _xoauth2(server, user, token)
    except smtplib.SMTPAuthenticationError:
        fresh = source(token)
        if fresh == token:
            raise
        _xoauth2(server, user, fresh)


def _xoauth2(server: smtplib.SMTP, user: str, token: str) -> None:
    said = f"user={user}\1auth=Bearer {token}\1\1"
    # Asked again (334), the server wants an empty line before it says no.
    server.auth("XOAUTH2", lambda challenge=None: said if challenge is None else "")


def _hang_up(server: smtplib.SMTP) -> None:
    try:
        server.quit()
    except (OSError, smtplib.SMTPException):
        server.close()


def _expect(reply: tuple[int, bytes]) -> None:
    code, answer = reply
    if not 200 <= code < 400:
        raise smtplib.SMTPResponseException(code, answer)


def _refused(code: int, answer: bytes | str) -> SendFailed:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return SendFailed("邮件服务器答复 %(code)s：%(text)s", final=code >= 500, code=code, text=text[:200])


def _dotted(content: bytes) -> bytes:
    """The body as DATA wants it: CRLF line ends and leading dots doubled; the final dot is sent apart."""
    lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if lines and lines[-1] == b"":
        lines.pop()
    return b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines)
