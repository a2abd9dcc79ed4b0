"""Subjects: the prefixes that mail programs pile up, and the ticket token `[#number]`."""

import re

from channels.mail.charset import clean

_PREFIX = re.compile(
    r"^\s*(?:(?:re|res|fw|fwd|aw|wg|sv|vs|antw|antwort|tr|rv|rif|ref|enc|odp|ynt|"
    r"回复|回覆|回信|答复|答覆|转发|转寄|轉發|轉寄|返信|転送)\s*(?:\[\d{1,3}\]|\(\d{1,3}\)|（\d{1,3}）|\^\d{1,3})?\s*[:：]\s*)+", re.I)
_TOKEN = re.compile(r"\[#([A-Za-z0-9][A-Za-z0-9_-]{0,39})\]")


def one_line(text: str, limit: int = 900) -> str:
    """Text that can stand in a header: no line break or control character, at most `limit` characters.

    Nor an encoded word: the library that writes the header would decode it, line breaks and all.
    """
    text = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", clean(text)).replace("=?", "= ?")
    return re.sub(r"\s+", " ", text).strip()[:limit].rstrip()


def bare_subject(subject: str) -> str:
    """The subject without reply and forward prefixes, also those behind a token; for comparing and for titles."""
    text = one_line(subject)
    while True:
        shorter = _PREFIX.sub("", text, count=1)
        token = _TOKEN.match(shorter)
        if token is not None and _PREFIX.match(shorter[token.end():]):
            shorter = token.group() + " " + _PREFIX.sub("", shorter[token.end():], count=1)
        if shorter == text:
            return text.strip()
        text = shorter


def subject_tokens(subject: str) -> tuple[str, ...]:
    """The ticket numbers that a subject names, in order, each once."""
    return tuple(dict.fromkeys(_TOKEN.findall(subject)))


def reply_subject(subject: str, number: str | None = None) -> str:
    """`Re: [#number] subject`: one prefix, and the token once, whatever the customer's program has added."""
    text = bare_subject(subject)
    if number is None:
        return one_line(f"Re: {text}")
    number = re.sub(r"[^A-Za-z0-9_-]", "", number)
    text = re.sub(r"\s+", " ", text.replace(f"[#{number}]", " ")).strip()
    return one_line(f"Re: [#{number}] {text}")
