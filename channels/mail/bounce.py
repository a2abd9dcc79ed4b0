"""Says whether a mail was written by a machine, and which delivery it reports as failed."""

import re
from dataclasses import dataclass

from channels.mail.headers import Headers, split_headers
from channels.mail.mime import Part
from channels.mail.words import decoded_header

_SUBJECT = re.compile(
    r"\s*(?:自动回复|自動回覆|自動回復|自动答复|休假自动回复|automatic reply|auto(?:matic)?[- ]?(?:reply|response)|out of (?:the )?office)\b\s*(?:[:：]|$)",
    re.IGNORECASE,
)
MAX_BLOCKS = 500
MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class Bounce:
    """What a delivery report says of one recipient; None where it does not say. `diagnostic`: the words of the server
    that refused."""

    status: str | None = None
    action: str | None = None
    recipient: str | None = None
    diagnostic: str = ""


def is_automatic(headers: Headers) -> bool:
    """True when an automatic answer to this mail could start a loop or annoy a list."""
    def values(name: str) -> str:
        return " ".join(decoded_header(raw) for raw in headers.all(name)).lower()

    return bool(
        re.search(r"auto-(?:generated|replied)", values("auto-submitted"))
        or re.search(r"\b(?:bulk|list|junk)\b", values("precedence"))
        or re.search(r"\ball\b", values("x-auto-response-suppress"))
        or re.search(r"\b(?:yes|true)\b", values("x-loop"))
        or "x-autoreply" in headers
        or "list-unsubscribe" in headers)


def list_of(headers: Headers) -> str:
    """The mailing list that a mail came by, by its own name for it; "" for a mail from one person to another."""
    for name in ("list-id", "list-post", "mailing-list", "x-mailing-list"):
        raw = headers.first(name)
        if raw is not None:
            return decoded_header(raw)[:200].strip() or name
    return ""


def says_automatic(subject: str) -> bool:
    """Whether a subject calls its mail an automatic answer: several providers send those without any header that does."""
    return _SUBJECT.match(subject) is not None


def delivery_report(root: Part) -> tuple[Bounce | None, list[Bounce]]:
    """The report to show (None when the mail holds no delivery status) and all recipient blocks."""
    seen = False
    blocks: list[Bounce] = []
    for part in root.leaves():
        if part.mime == "message/delivery-status":
            seen = True
            blocks += _blocks(part.content())
    failed = next((b for b in blocks if b.action == "failed"), None)
    return (failed or (blocks[0] if blocks else Bounce())) if seen else None, blocks


def _blocks(data: bytes) -> list[Bounce]:
    found: list[Bounce] = []
    for chunk in re.split(rb"\r?\n[ \t]*\r?\n", data[:MAX_BYTES].strip())[:MAX_BLOCKS]:
        headers, _ = split_headers(chunk.lstrip() + b"\n")
        if not any(name in headers for name in ("action", "final-recipient", "original-recipient", "status")):
            continue
        status = re.search(r"\d\.\d{1,3}\.\d{1,3}", _text(headers, "status"))
        action = re.match(r"[a-z-]+", _text(headers, "action").lower())
        recipient = _text(headers, "final-recipient") or _text(headers, "original-recipient")
        recipient = recipient.partition(";")[2] if ";" in recipient else recipient
        diagnostic = re.sub(r"\s+", " ", _text(headers, "diagnostic-code").partition(";")[2])[:300].strip()
        found.append(Bounce(status.group() if status else None, action.group() if action else None,
                            recipient.strip().strip("<>") or None, diagnostic))
    return found


def _text(headers: Headers, name: str) -> str:
    raw = headers.first(name)
    return decoded_header(raw) if raw is not None else ""
