"""Turns the raw bytes of a mail into facts: who, to whom, about what, which words, which files."""

import email.utils
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app.core.text import pack
from channels.mail.addresses import Address, parse_addresses
from channels.mail.attachments import MailFile, collect
from channels.mail.bodies import Bodies, body_charset, read_bodies, sanitised
from channels.mail.bounce import Bounce, delivery_report, is_automatic, list_of
from channels.mail.charset import clean
from channels.mail.headers import Headers
from channels.mail.html_text import MAX_HTML
from channels.mail.ids import first_id, message_id, reference_ids
from channels.mail.mime import Part, parse_tree
from channels.mail.plus import plus_addresses
from channels.mail.quotes_html import html_has_quote, split_reply_html
from channels.mail.quotes_text import Reply, found_quote, split_reply_text
from channels.mail.words import decoded_header, header_text

MAX_BYTES = 50 * 1024 * 1024
_SENDERS = ("from", "sender", "reply-to", "return-path")
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")


class Unparseable(ValueError):
    """The input cannot be a mail; `reason` is one sentence for the person who sent or imported it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class ParsedMail:
    """Everything the desk needs of one mail. Texts hold neither lone surrogates nor NUL; `sent_at` is aware UTC or None.

    `plus`: addresses with a mark that it came by (channels/mail/plus.py); `list_id`: the mailing list that sent it on;
    `no_return`: its envelope had no sender, as those of machines have none.
    """

    external_id: str
    message_id: str | None
    sender: Address | None
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    in_reply_to: str | None
    references: tuple[str, ...]
    text: str
    visible_text: str
    signature: str | None
    html: str | None
    is_auto: bool
    is_bounce: bool
    bounce: Bounce | None
    bounces: tuple[Bounce, ...]
    attachments: tuple[MailFile, ...]
    suspect: bool
    sent_at: datetime | None
    plus: tuple[str, ...] = ()
    list_id: str = ""
    no_return: bool = False
    warnings: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """The facts as plain values, without the content of attachments."""
        return {
            "external_id": self.external_id, "message_id": self.message_id,
            "from": _person(self.sender) if self.sender else None,
            "reply_to": [_person(p) for p in self.reply_to], "to": [_person(p) for p in self.to],
            "cc": [_person(p) for p in self.cc], "subject": self.subject, "in_reply_to": self.in_reply_to,
            "references": list(self.references), "text": self.text, "visible_text": self.visible_text,
            "html": self.html, "is_auto": self.is_auto, "is_bounce": self.is_bounce,
            "bounce": {"status": self.bounce.status, "action": self.bounce.action,
                       "recipient": self.bounce.recipient} if self.bounce else None,
            "attachments": [{"name": a.name, "mime": a.mime, "size": a.size, "sha256": a.sha256}
                            for a in self.attachments],
            "suspect": self.suspect,
        }


def parse_mail(raw: bytes, *, max_bytes: int = MAX_BYTES) -> ParsedMail:
    """Parse one mail as it came over the wire or lies in a file (LF or CRLF).

    Raises only Unparseable: for input that is empty, larger than `max_bytes`, or is neither a mail nor text.
    """
    if len(raw) > max_bytes:
        raise Unparseable(pack("邮件有 %(size)s 字节，最多读取 %(most)s 字节。", size=len(raw), most=max_bytes))
    if not raw.strip():
        raise Unparseable("文件是空的。")
    if raw.startswith(_OLE):
        raise Unparseable("这是 Outlook 的 .msg 文件，请另存为 .eml。")
    data = raw.replace(b"\r", b"\n") if b"\n" not in raw else raw
    root, cut = parse_tree(data)
    headers = root.headers
    if not headers.fields and _binary(data):
        raise Unparseable("文件没有邮件头，也不是文字。")
    hint = body_charset(root)
    bodies = read_bodies(root)
    text, html = bodies.text, bodies.html
    report, blocks = delivery_report(root)
    sender, fallback = _sender(headers, hint)
    reply = _reply(bodies)
    identifier = message_id(headers)
    return ParsedMail(
        external_id=identifier or "sha256:" + hashlib.sha256(raw).hexdigest(), message_id=identifier,
        sender=sender, reply_to=_people(headers, "reply-to", hint), to=_people(headers, "to", hint),
        cc=_people(headers, "cc", hint),
        subject=decoded_header(headers.first("subject") or b"", hint),
        in_reply_to=first_id(headers), references=reference_ids(headers),
        text=text, visible_text=reply.visible_text, signature=reply.signature,
        html=sanitised(html) if html is not None else None,
        is_auto=is_automatic(headers), is_bounce=_is_bounce(blocks, sender), bounce=report, bounces=tuple(blocks),
        attachments=tuple(collect(root, hint)),
        suspect=sender is None or sender.guessed or fallback or headers.repaired,
        sent_at=_sent_at(headers), plus=plus_addresses(headers), list_id=list_of(headers),
        no_return=(headers.first("return-path") or b"x").strip() == b"<>", warnings=_warnings(root, html, cut, sender))


def _binary(data: bytes) -> bool:
    """True for pictures, archives and the like; a text without header is taken as a body."""
    head = data[:8192]
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
    return b"\x00" in head or controls > len(head) // 20


def _person(address: Address) -> dict[str, str]:
    return {"email": address.email, "name": address.name}


def _people(headers: Headers, name: str, hint: str | None) -> tuple[Address, ...]:
    return tuple(p for raw in headers.all(name) for p in parse_addresses(header_text(raw, hint)))


def _sender(headers: Headers, hint: str | None) -> tuple[Address | None, bool]:
    """The first usable sender, and whether it had to be taken from another field than From."""
    for name in _SENDERS:
        people = _people(headers, name, hint)
        usable = next((p for p in people if "@" in p.email), None) or (people[0] if people else None)
        if usable is not None:
            several = name == "from" and len(people) > 1
            return Address(usable.email, usable.name, usable.guessed or several), name != "from"
    return None, True


def _reply(bodies: Bodies) -> Reply:
    """The own words: from the plain text, or from the HTML when only there the quote can be seen."""
    text, html = bodies.text, bodies.html
    if html is None or not html.strip() or len(html) > MAX_HTML:
        return split_reply_text(text)
    if bodies.plain and (found_quote(text) or not html_has_quote(html)):
        return split_reply_text(text)
    return split_reply_html(html)


def _is_bounce(blocks: list[Bounce], sender: Address | None) -> bool:
    if blocks and any(b.action for b in blocks):
        return any(b.action == "failed" for b in blocks)
    return sender is not None and sender.email.partition("@")[0].upper() == "MAILER-DAEMON"


def _sent_at(headers: Headers) -> datetime | None:
    raw = headers.first("date")
    if raw is None:
        return None
    try:
        stamp = email.utils.parsedate_to_datetime(decoded_header(raw)[:100])
        return (stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _warnings(root: Part, html: str | None, cut: bool, sender: Address | None) -> tuple[str, ...]:
    found = []
    if not root.headers.fields:
        found.append("no header")
    if root.headers.repaired:
        found.append("header repaired")
    if sender is None:
        found.append("no sender")
    elif sender.guessed:
        found.append("sender guessed")
    if cut:
        found.append("too many parts, the rest was not read")
    if html is not None and len(html) > MAX_HTML:
        found.append("HTML cut")
    return tuple(clean(w) for w in found)
