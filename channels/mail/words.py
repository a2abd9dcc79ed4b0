"""Encoded words (RFC 2047) as mail programs really write them: split characters, unknown charsets, missing blanks."""

import binascii
import re

from channels.mail.charset import clean, codec_of, decode, guess
from channels.mail.transfer import base64_bytes

_START = re.compile(r"=\?([^?=\s]*)\?([bBqQ])\?")


def decode_words(value: str) -> str:
    """`value` with its encoded words decoded.

    Words of one charset that follow each other are joined as bytes first: several programs cut a word in the middle
    of a character.
    """
    out: list[str] = []
    pending: list[bytes] = []
    charset = ""
    position = 0

    def flush() -> None:
        if pending:
            out.append(decode(b"".join(pending), charset))
            pending.clear()

    while True:
        start = _START.search(value, position)
        end = value.find("?=", start.end()) if start else -1
        if start is None or end < 0:
            break
        between = value[position:start.start()]
        if between.strip() or not (pending or out):
            flush()
            out.append(between)
        label = start.group(1).split("*")[0]
        if pending and (codec_of(label) or label) != (codec_of(charset) or charset):
            flush()
        charset = label
        pending.append(_payload(value[start.end():end], start.group(2)))
        position = end + 2
    flush()
    out.append(value[position:])
    return clean("".join(out))


def _payload(text: str, encoding: str) -> bytes:
    # What is no ASCII here was 8-bit in the header and has been decoded by the caller.
    raw = text.encode("utf-8", "replace")
    if encoding in "bB":
        return base64_bytes(raw)
    return binascii.a2b_qp(re.sub(rb"[\r\n]+[ \t]*", b"", raw).replace(b" ", b"_"), header=True)


def header_text(raw: bytes, hint: str | None = None) -> str:
    """A raw header value as text, unfolded, with 8-bit bytes guessed but encoded words still encoded."""
    text = guess(raw, hint)
    return re.sub(r"[\r\n]+[ \t]*", " ", text).strip()


def decoded_header(raw: bytes, hint: str | None = None) -> str:
    """A raw header value as readable text."""
    return re.sub(r"[\r\n\t]+", " ", decode_words(header_text(raw, hint))).strip()
