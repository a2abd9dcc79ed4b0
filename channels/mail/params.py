"""Values with parameters, `text/plain; charset=utf-8`, as RFC 2045 and 2231 define them and as programs write them."""

import re
import urllib.parse
from dataclasses import dataclass, field

from channels.mail.charset import clean, decode
from channels.mail.words import decode_words, header_text

MAX_CHARS = 16_000
_NAME = re.compile(r"\s*([^\s=;\"]+?)\s*=\s*")
_NEXT = re.compile(r"\s+[A-Za-z][\w*-]*\s*=\s*[\"\w]")


@dataclass(frozen=True)
class Value:
    """The word before the first semicolon, in lower case, and the decoded parameters by lower-case name."""

    value: str = ""
    params: dict[str, str] = field(default_factory=dict)


def parse_value(raw: bytes | None, hint: str | None = None) -> Value:
    """Parse a Content-Type or Content-Disposition value; anything odd costs only the parameter it is in."""
    if raw is None:
        return Value()
    text = re.sub(r"\s{9,}", " ", header_text(raw, hint)[:MAX_CHARS])
    head, _, rest = text.partition(";")
    if "=" in head:  # the semicolon is missing: `text/plain charset=utf-8`
        match = re.match(r"\s*([\w.+-]+(?:/[\w.+-]+)?)\s+(.*)", text, re.S)
        head, rest = (match.group(1), match.group(2)) if match else ("", text)
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for name, value in _pairs(rest):
        match = re.fullmatch(r"([^*]+)(?:\*(\d{1,3}))?(\*)?", name)
        if match is None:
            continue
        base, number, extended = match.group(1).lower(), match.group(2), match.group(3) is not None
        if number is None and not extended:
            plain.setdefault(base, decode_words(value) if "=?" in value else value)
        else:
            pieces.setdefault(base, {}).setdefault(int(number or 0), (value, extended))
    for base, numbered in pieces.items():
        plain[base] = _joined(numbered)
    return Value(re.sub(r"\s", "", head).lower().strip("\"'"), {k: clean(v) for k, v in plain.items()})


def _pairs(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(text) and len(found) < 200:
        if text[position] in "; \t\r\n":
            position += 1
            continue
        match = _NAME.match(text, position)
        if match is None:
            semicolon = text.find(";", position)
            if semicolon < 0:
                break
            position = semicolon + 1
            continue
        position = match.end()
        if text[position:position + 1] == '"':
            value, position = _quoted(text, position + 1)
        else:
            end = text.find(";", position)
            end = len(text) if end < 0 else end
            following = _NEXT.search(text, position, end)
            end = following.start() if following else end
            value, position = text[position:end].strip(), end
        found.append((match.group(1), value))
    return found


def _quoted(text: str, start: int) -> tuple[str, int]:
    out: list[str] = []
    i = start
    while i < len(text):
        if text[i] == "\\" and i + 1 < len(text) and text[i + 1] in '"\\':
            out.append(text[i + 1])
            i += 2
            continue
        if text[i] == '"':
            return "".join(out), i + 1
        out.append(text[i])
        i += 1
    # The closing mark is missing: the value ends where the next parameter would start.
    value, _, _ = text[start:].partition(";")
    return value.strip(), start + len(value)


def _joined(numbered: dict[int, tuple[str, bool]]) -> str:
    charset: str | None = None
    data = b""
    for number in sorted(numbered):
        value, extended = numbered[number]
        if number == 0 and extended:
            parts = value.split("'", 2)
            if len(parts) == 3:
                charset, value = parts[0], parts[2]
        if extended:
            data += urllib.parse.unquote_to_bytes(value)
        else:
            data += value.encode("utf-8", "replace")
    text = decode(data, charset)
    return decode_words(text) if "=?" in text else text
