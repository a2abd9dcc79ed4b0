"""Collects every part of a mail that is not its text, with a name that is safe to show and to store."""

import hashlib
import mimetypes
import re
from dataclasses import dataclass, field

from channels.mail.bodies import displayed
from channels.mail.headers import split_headers
from channels.mail.mime import Part
from channels.mail.params import parse_value
from channels.mail.words import decoded_header

MAX_NAME = 200


@dataclass(frozen=True)
class MailFile:
    """One attachment. `size` in bytes and `sha256` are of the decoded content; `content_id` is for inline images."""

    name: str
    mime: str
    size: int
    sha256: str
    content: bytes = field(repr=False)
    content_id: str | None = None


def collect(root: Part, hint: str | None = None) -> list[MailFile]:
    """The attachments in the order of the parts."""
    found: list[MailFile] = []
    for part in root.leaves():
        if displayed(part) or part.mime == "message/delivery-status":
            continue
        content = part.content()
        content_id = part.headers.first("content-id")
        found.append(MailFile(
            name=_name(part, content, len(found) + 1, hint), mime=part.mime, size=len(content),
            sha256=hashlib.sha256(content).hexdigest(), content=content,
            content_id=decoded_header(content_id).strip("<> ") or None if content_id else None))
    return found


def _name(part: Part, content: bytes, number: int, hint: str | None) -> str:
    disposition = parse_value(part.headers.first("content-disposition"), hint)
    ctype = parse_value(part.headers.first("content-type"), hint)
    stated = disposition.params.get("filename") or ctype.params.get("name") or ""
    if not stated.strip() and part.mime == "message/rfc822":
        subject = split_headers(content, outermost=True)[0].first("subject")
        stated = decoded_header(subject, hint) + ".eml" if subject else ""
    if not safe_name(stated):
        description = part.headers.first("content-description")
        stated = decoded_header(description, hint) if description else ""
    extension = ".eml" if part.mime == "message/rfc822" else mimetypes.guess_extension(part.mime) or ".bin"
    return safe_name(stated) or f"file-{number}{extension}"


def safe_name(name: str) -> str:
    """A file name without path, control or direction characters; empty when nothing of it is left."""
    name = re.sub(r"[/\\]", "_", name)
    name = re.sub("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", name).strip()
    if name.strip(". ") == "":
        return ""
    if len(name) > MAX_NAME:
        stem, dot, extension = name.rpartition(".")
        name = stem[:MAX_NAME - len(extension) - 1] + dot + extension if dot and len(extension) < 20 else name[:MAX_NAME]
    return name
