"""Undoes Content-Transfer-Encoding. Damaged input gives as many bytes as can be saved, never an exception."""

import binascii
import re

_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
_BASE64_LINES = re.compile(rb"(?:\s*[A-Za-z0-9+/]+={0,2}[ \t\r]*(?:\n|$))+\s*")


def base64_bytes(data: bytes) -> bytes:
    """Base64 with line breaks, missing padding or text behind the end, as bytes."""
    end = data.find(b"=")
    if end < 0:
        return _base64_run(data)
    tail = data[end:].lstrip(b"= \t")
    # After the padding comes nothing, a list's footer, or more base64 of a writer who encodes line by line.
    if not tail.strip() or not _BASE64_LINES.fullmatch(tail):
        return _base64_run(data[:end])
    return _base64_run(data[:end]) + b"".join(_base64_run(run) for run in tail.split(b"="))


def _base64_run(data: bytes) -> bytes:
    chars = data.translate(None, _NOT_BASE64)
    chars = chars[:len(chars) - 1] if len(chars) % 4 == 1 else chars
    return binascii.a2b_base64(chars + b"=" * (-len(chars) % 4))


def uuencoded_bytes(data: bytes) -> bytes:
    """The content of the first uuencoded block; a block without its `begin` line is taken, too."""
    lines = data.split(b"\n")
    start = next((i for i, line in enumerate(lines) if re.match(rb"begin \d{3,4} ", line)), None)
    if start is None:
        first = next((line.rstrip(b"\r") for line in lines if line.strip()), b"")
        if not first or abs(((first[0] - 32 & 63) + 2) // 3 * 4 + 1 - len(first)) > 1:
            return data
        start = -1
    out = bytearray()
    for line in lines[start + 1:]:
        line = line.rstrip(b"\r")
        if line.strip() == b"end":
            break
        if not line:
            continue
        try:
            out += binascii.a2b_uu(line)
        except binascii.Error:
            # Some writers add or drop trailing blanks: cut to the length that the first character states.
            length = ((line[0] - 32 & 63) * 4 + 5) // 3
            try:
                out += binascii.a2b_uu(line[:length])
            except binascii.Error:
                continue
    return bytes(out)


def decoded(data: bytes, encoding: str) -> bytes:
    """The bytes of a part. `encoding` is the header's value; an unknown one leaves the bytes as they are."""
    name = encoding.strip().strip("\"'").lower()
    if name.startswith("base64"):
        return base64_bytes(data)
    if name.startswith(("quoted-printable", "quotedprintable")):
        return binascii.a2b_qp(data)
    if name in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return uuencoded_bytes(data)
    return data
