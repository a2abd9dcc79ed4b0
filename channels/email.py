"""E-mail: mails in as raw bytes, answers out by SMTP."""

import re
import smtplib
import ssl
from typing import Any

from channels.base import Inbound, InboundFile, Outbound, Sender, SendFailed, SendUndecided, Unparseable
from channels.mail import message as mail
from channels.models import Account

_TOKEN = re.compile(r"\[#(\d{1,12})\]")
_TIMEOUT = 30


class EmailChannel:
    """One mailbox. Account settings: address, name, smtp_host, smtp_port (25), smtp_user, smtp_password,
    smtp_security (none, starttls or tls), signature."""

    kind = "email"
    idempotent = False

    def parse(self, account: Account, raw: bytes) -> Inbound:
        try:
            parsed = mail.parse_mail(raw)
        except mail.Unparseable as problem:
            raise Unparseable(problem.reason) from None
        sender = None
        if parsed.sender and "@" in parsed.sender.email:
            sender = Sender("email", parsed.sender.email, parsed.sender.name, suspect=parsed.suspect)
        answers = tuple(
            dict.fromkeys((parsed.in_reply_to or "", *reversed(parsed.references)))
        )
        token = _TOKEN.search(parsed.subject)
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
            files=tuple(InboundFile(f.name, f.mime, f.content, f.content_id) for f in parsed.attachments),
            is_auto=parsed.is_auto,
            is_bounce=parsed.is_bounce,
            returned=parsed.returned_id if parsed.is_bounce else None,
            bounce_reason=" ".join(filter(None, (bounce.status, bounce.recipient))) if bounce else "",
            reply_to=next((a.email for a in parsed.reply_to if "@" in a.email), None),
        )

    def send(self, account: Account, message: Outbound) -> str | None:
        settings = account.settings
        missing = [name for name in ("address", "smtp_host") if not settings.get(name)]
        if missing:
            raise SendFailed(f"渠道账号缺少设置：{', '.join(missing)}。", final=False)
        from channels.mail.compose import compose_reply

        content = compose_reply(
            sender=settings["address"],
            sender_name=str(settings.get("name", "")),
            to=message.to,
            to_name=message.to_name,
            subject=message.subject,
            text=_signed(message.text, settings),
            message_id=message.external_id,
            answers=message.answers,
            token=message.token,
            quoted=message.quoted,
            quoted_by=message.quoted_by,
            files=[(f.name, f.mime, f.content) for f in message.files],
            automatic=message.is_auto,
        )
        return _hand_over(settings, message.to, content)


def _signed(text: str, settings: dict[str, Any]) -> str:
    signature = str(settings.get("signature", "")).strip()
    return f"{text}\n\n-- \n{signature}" if signature else text


def _hand_over(settings: dict[str, Any], to: str, content: bytes) -> str | None:
    """Speak SMTP. Up to the final dot a broken line means "not delivered"; after it nobody knows."""
    security = str(settings.get("smtp_security", "none"))
    host, port = str(settings["smtp_host"]), int(settings.get("smtp_port", 25))
    try:
        if security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT, context=ssl.create_default_context())
        else:
            server = smtplib.SMTP(host, port, timeout=_TIMEOUT)
    except (OSError, smtplib.SMTPException) as problem:
        raise SendFailed(f"连不上邮件服务器 {host}:{port}（{type(problem).__name__}）。", final=False) from None
    try:
        try:
            if security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings.get("smtp_user"):
                server.login(str(settings["smtp_user"]), str(settings.get("smtp_password", "")))
            server.ehlo_or_helo_if_needed()
            _expect(server.mail(str(settings["address"])))
            _expect(server.rcpt(to))
            _expect(server.docmd("DATA"))
            server.send(_dotted(content))
        except smtplib.SMTPAuthenticationError as problem:
            raise SendFailed(f"邮件服务器不接受账号或密码（{problem.smtp_code}）。", final=False) from None
        except smtplib.SMTPResponseException as problem:
            raise SendFailed(_answer(problem.smtp_code, problem.smtp_error), final=problem.smtp_code >= 500) from None
        except (OSError, smtplib.SMTPException) as problem:
            raise SendFailed(f"与邮件服务器的连接中断（{type(problem).__name__}）。", final=False) from None
        try:
            server.send(b".\r\n")
            code, answer = server.getreply()
        except (OSError, smtplib.SMTPException) as problem:
            raise SendUndecided(f"信已交出，但没有收到邮件服务器的确认（{type(problem).__name__}）。") from None
        if code >= 400:
            raise SendFailed(_answer(code, answer), final=code >= 500)
        return answer.decode("utf-8", "replace")[:200]
    finally:
        try:
            server.quit()
        except (OSError, smtplib.SMTPException):
            server.close()


def _expect(reply: tuple[int, bytes]) -> None:
    code, answer = reply
    if not 200 <= code < 400:
        raise smtplib.SMTPResponseException(code, answer)


def _answer(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return f"邮件服务器答复 {code}：{text}"[:300]


def _dotted(content: bytes) -> bytes:
    """The body as DATA wants it: CRLF line ends and leading dots doubled; the final dot is sent apart."""
    lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if lines and lines[-1] == b"":
        lines.pop()
    return b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines)
