"""Writes the mails that the desk sends: readable as text and as HTML, threaded, and safe against injected headers."""

import html as markup
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import Any

from channels.mail.addresses import Address
from channels.mail.attachments import safe_name
from channels.mail.bodies import sanitised
from channels.mail.charset import clean
from channels.mail.subjects import one_line, reply_subject

MAX_HISTORY = 20_000  # characters of quoted history; the thread is in the desk anyway
MAX_REFERENCES = 50
_EMAIL = re.compile(r"[^\s<>\"(),:;@\\\x00-\x1f\x7f]{1,64}@[^\s<>\"(),:;@\\\x00-\x1f\x7f]{1,255}")
_PICTURE = re.compile(r"image/(?:png|jpeg|gif|webp|bmp)")
_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,80}")


class _Policy(EmailPolicy):
    """The standard policy, but no line begins another header, and ids stay as they are: it would encode an id that is longer
    than a line as a word."""

    def fold(self, name: str, value: Any) -> str:
        """A header as it goes over the wire."""
        if name.lower() in ("message-id", "in-reply-to", "references", "list-unsubscribe"):
            return f"{name}: " + f"{self.linesep} ".join(str(value).split()) + self.linesep
        first, *more = re.split(r"[\r\n]+", str(super().fold(name, value)).rstrip("\r\n"))
        kept = [line if line[0] in " \t" else f" {line}" for line in more if line.strip()]
        return self.linesep.join([first, *kept]) + self.linesep

    def fold_binary(self, name: str, value: Any) -> bytes:
        """The same as bytes."""
        return self.fold(name, value).encode("ascii", "replace")


# Seven bits, because not every server on the way takes eight.
_POLICY = _Policy(linesep="\r\n", cte_type="7bit")


class BadAddress(ValueError):
    """An address that no mail can be sent to; `email` is what was given."""

    def __init__(self, email: str) -> None:
        super().__init__(f"no mail address: {email!r}")
        self.email = email


@dataclass(frozen=True)
class OutFile:
    """A file to send along. A picture whose name stands in the text as `[图片：name]` or `[image: name]` is shown there;
    one with a `content_id`, too, where the HTML refers to it."""

    name: str
    mime: str
    content: bytes
    content_id: str | None = None


@dataclass(frozen=True)
class History:
    """The mail that is answered. `when` is already written for the reader (his zone); `language`: zh or en."""

    author: str
    when: str
    text: str
    language: str = "zh"


def compose_reply(
        *, message_id: str, sender: Address, to: Sequence[Address], subject: str, text: str, date: datetime,
        cc: Sequence[Address] = (), number: str | None = None, html: str | None = None, in_reply_to: str | None = None,
        references: Sequence[str] = (), history: History | None = None, reply_to: Address | None = None,
        automatic: bool = False, generated: bool = False, list_id: str = "", unsubscribe: str = "",
        attachments: Sequence[OutFile] = ()) -> EmailMessage:
    """A reply as multipart/alternative, ready for smtplib; `as_bytes()` gives it with CRLF. What answers nothing and belongs
    to no ticket is no `Re:`.

    `message_id` and all other ids are without brackets; `date` is aware; `number` puts the token `[#number]` into the
    subject. Without `html` the HTML is made from `text`. `automatic`: it answers by itself; `generated`: a program wrote
    it, but its arrival matters, so that reports of failure are not waved away; `list_id` names the kind of notice that
    it is one of; `unsubscribe` is the address at which a POST ends them (RFC 8058). Raises BadAddress for a recipient
    nobody can write to.
    """
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = _address(sender)
    mail["To"] = [_address(person) for person in to]
    if cc:
        mail["Cc"] = [_address(person) for person in cc]
    if reply_to is not None:
        mail["Reply-To"] = _address(reply_to)
    thread = _thread(references, in_reply_to)
    mail["Subject"] = reply_subject(subject, number) if thread or number is not None else one_line(subject)
    mail["Date"] = format_datetime(date)
    mail["Message-ID"] = f"<{_identifier(message_id)}>"
    if in_reply_to and _identifier(in_reply_to):
        mail["In-Reply-To"] = f"<{_identifier(in_reply_to)}>"
    if thread:
        mail["References"] = " ".join(f"<{one}>" for one in thread)
    if automatic:
        mail["Auto-Submitted"] = "auto-replied"
        mail["X-Auto-Response-Suppress"] = "All"
    elif generated:
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "OOF, AutoReply, RN, NRN"
    if list_id:
        mail["List-Id"] = f"<{_identifier(list_id)}>"
    if unsubscribe:
        mail["List-Unsubscribe"] = f"<{_identifier(unsubscribe)}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    body = clean(text).replace("\r\n", "\n").replace("\r", "\n").rstrip()
    page, shown, others = _shown(sanitised(html) if html is not None else _paragraphs(body), attachments, message_id)
    if history is not None:
        when, author = one_line(history.when), one_line(history.author)
        attribution = f"On {when}, {author} wrote:" if history.language == "en" else f"在 {when}，{author} 写道："  # data
        old = clean(history.text).replace("\r\n", "\n").replace("\r", "\n").strip()[:MAX_HISTORY]
        body += f"\n\n{attribution}\n" + "\n".join(f"> {line}".rstrip() for line in old.split("\n"))
        page += (f'<p>{markup.escape(attribution)}</p>'
                 f'<blockquote type="cite">{_paragraphs(old)}</blockquote>')
    mail.set_content(body + "\n", subtype="plain", charset="utf-8")
    mail.add_alternative(f"<!DOCTYPE html><html><body>{page}</body></html>\n", subtype="html", charset="utf-8")
    for cid, file in shown:
        main, _, sub = file.mime.strip().lower().partition("/")
        part: Any = mail.get_payload(1)
        part.add_related(file.content, main, sub, cid=f"<{cid}>", filename=_file_name(file, 1), disposition="inline")
    for number_of, file in enumerate(others, 1):
        _attach(mail, file, number_of)
    return mail


def _shown(page: str, files: Sequence[OutFile], message_id: str) -> tuple[str, list[tuple[str, OutFile]], list[OutFile]]:
    """The page with its pictures in their places; those pictures with their ids; and the other files."""
    shown: list[tuple[str, OutFile]] = []
    others: list[OutFile] = []
    for file in files:
        picture = _PICTURE.fullmatch(file.mime.strip().lower()) is not None
        cid = _identifier(file.content_id or "") or f"p{len(shown) + 1}.{_identifier(message_id)}"[:200]
        name = markup.escape(clean(file.name))
        marks = [mark for mark in (f"[图片：{name}]", f"[图片:{name}]", f"[image: {name}]") if mark in page]  # data
        if picture and marks:
            page = page.replace(marks[0], f'<img src="cid:{markup.escape(cid)}" alt="{name}" style="max-width:100%">', 1)
        if picture and (marks or (file.content_id and f"cid:{cid}" in page)):
            shown.append((cid, file))
        else:
            others.append(file)
    return page, shown, others


def _address(person: Address) -> HeaderAddress:
    email = person.email.strip()
    if not _EMAIL.fullmatch(email) or "=?" in email:  # the library would decode an encoded word, line breaks and all
        raise BadAddress(person.email)
    local, _, domain = email.rpartition("@")
    try:
        # A name in the sender's script is written in its ASCII form: not every server knows the other one.
        domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
        return HeaderAddress(one_line(person.name, 200), local, domain)
    except (UnicodeError, ValueError, IndexError) as error:
        raise BadAddress(person.email) from error


def _identifier(value: str) -> str:
    return re.sub(r"[\s<>\x00-\x1f\x7f-\U0010ffff]", "", value)[:900]


def _thread(references: Sequence[str], in_reply_to: str | None) -> list[str]:
    """All ids of the thread, each once, the answered one last; of a very long thread the first and the newest."""
    ids = [_identifier(one) for one in references]
    last = _identifier(in_reply_to or "")
    ordered = [one for one in dict.fromkeys(ids) if one and one != last] + ([last] if last else [])
    return ordered if len(ordered) <= MAX_REFERENCES else [ordered[0], *ordered[1 - MAX_REFERENCES:]]


def _paragraphs(text: str) -> str:
    blocks = re.split(r"\n[ \t]*\n", text.strip("\n"))
    return "".join(f"<p>{markup.escape(block).replace(chr(10), '<br>')}</p>" for block in blocks if block.strip())


def _attach(mail: EmailMessage, file: OutFile, number: int) -> None:
    mime = file.mime.strip().lower()
    if not _MIME.fullmatch(mime) or mime.startswith(("message/", "multipart/")):
        mime = "application/octet-stream"  # containers would have to be parsed again to be sent unencoded
    main, _, sub = mime.partition("/")
    mail.add_attachment(file.content, maintype=main, subtype=sub, filename=_file_name(file, number))


def _file_name(file: OutFile, number: int) -> str:
    return safe_name(clean(file.name)).replace("=?", "=_") or f"file-{number}"
