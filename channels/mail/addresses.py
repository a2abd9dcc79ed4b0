"""Reads senders and recipients. A broken sender still gives an address, marked as guessed."""

import re
from dataclasses import dataclass

from channels.mail.charset import clean
from channels.mail.words import decode_words

MAX_ADDRESSES = 2000
MAX_ITEM = 4000  # characters of one mailbox; the address stands at its end
_LOOKS = re.compile(r"[^\s<>\"'(),;:@\[\]\\]{1,64}@[^\s<>\"'(),;:@\[\]\\]{1,255}")
_PAIRED = {'"': '"', "(": ")", "<": ">"}


@dataclass(frozen=True)
class Address:
    """One person of a header: `email` as written, `name` decoded or empty; `guessed` when the form was broken."""

    email: str
    name: str = ""
    guessed: bool = False


def parse_addresses(value: str) -> list[Address]:
    """The mailboxes of a header value (unfolded, encoded words not yet decoded), groups opened."""
    found: list[Address] = []
    for item in _items(value):
        person = _mailbox(item[-MAX_ITEM:])
        if person is not None:
            found.append(person)
        if len(found) >= MAX_ADDRESSES:
            break
    if not any("@" in p.email for p in found) and _LOOKS.search(decode_words(value[-MAX_ITEM:])):
        rescued = _last_resort(value[-MAX_ITEM:])
        if rescued is not None:
            found = [rescued]
    return found


def _closers(value: str) -> list[bool]:
    """For each position whether an opening mark there is closed later; an unclosed one is an ordinary character."""
    later: set[str] = set()
    closed = [False] * len(value)
    for i in range(len(value) - 1, -1, -1):
        closed[i] = _PAIRED.get(value[i], "") in later
        if value[i] in '")>':
            later.add(value[i])
    return closed


def _items(value: str) -> list[str]:
    """Cut at commas and semicolons outside of quotes, comments and brackets; group names are dropped."""
    closed = _closers(value)
    items: list[str] = []
    start = i = comment = 0
    quoted = angle = False
    while i < len(value):
        c = value[i]
        if c == "\\" and (quoted or comment):
            i += 2
            continue
        if quoted:
            quoted = c != '"'
        elif comment:
            comment += (c == "(") - (c == ")")
        elif angle:
            angle = c != ">"
        elif c == '"' and closed[i]:
            quoted = True
        elif c == "(" and closed[i]:
            comment = 1
        elif c == "<" and closed[i]:
            angle = True
        elif c in ",;":
            items.append(value[start:i])
            start = i + 1
        elif c == ":" and "@" not in value[start:i]:
            start = i + 1
        i += 1
    items.append(value[start:])
    return _rejoined([item.strip() for item in items if item.strip()])


def _rejoined(items: list[str]) -> list[str]:
    """`Last, First <a@b>` without quotes is one person: a piece without an address belongs to the next with one."""
    out: list[str] = []
    held: list[str] = []
    for item in items:
        if "<" in item and held:
            out.append(", ".join([*held, item]))
            held = []
        elif "@" not in item and "=?" not in item and "<" not in item:
            held.append(item)
        else:
            out += [", ".join(held), item] if held else [item]
            held = []
    if held:
        out.append(", ".join(held))
    return out


def _without_comments(item: str) -> tuple[str, list[str]]:
    closed = _closers(item)
    kept: list[str] = []
    comments: list[str] = []
    current: list[str] = []
    depth = i = 0
    quoted = False
    while i < len(item):
        c = item[i]
        if c == "\\" and i + 1 < len(item) and (quoted or depth):
            (current if depth else kept).append(item[i:i + 2] if quoted else item[i + 1])
            i += 2
            continue
        if c == '"' and not depth and (quoted or closed[i]):
            quoted = not quoted
        if not quoted and c == "(" and (depth or closed[i]):
            depth += 1
            if depth == 1:
                i += 1
                continue
        if depth and c == ")":
            depth -= 1
            if not depth:
                comments.append("".join(current))
                current = []
                i += 1
                continue
        (current if depth else kept).append(c)
        i += 1
    return "".join(kept).strip(), comments


def _mailbox(item: str) -> Address | None:
    bare, comments = _without_comments(item)
    angle = list(re.finditer(r"<([^<>]*)>", bare))
    if angle:
        last = next((m for m in reversed(angle) if "@" in m.group(1)), angle[-1])
        inner = _address(last.group(1))
        name = _name(bare[:last.start()]) or _name(" ".join(comments))
        if inner is not None:
            broken = len(angle) > 1 or "@" in re.sub(r'"[^"]*"', "", bare[:last.start()])
            return Address(inner, name, guessed=broken and "<" not in name)
        return _last_resort(item)
    email = _address(bare)
    if email is not None:
        return Address(email, _name(" ".join(comments)))
    return _last_resort(item)


def _address(text: str) -> str | None:
    """The address when `text` is one, a route or quotation marks round it removed; else None."""
    text = text.strip().strip("\"'").strip()
    if len(text) > 1000:
        return None
    if text.lower().startswith("mailto:"):
        text = text[7:]
    if text.startswith("@") and ":" in text:
        text = text.rpartition(":")[2]
    text = re.sub(r"\s*([@.])\s*", r"\1", text)
    if re.fullmatch(r"(?:\"[^\"]+\"|[^\s\"<>(),;:@]+)@[^\s\"<>(),;@]+", text):
        return clean(text)
    if re.fullmatch(r"[^\s\"<>(),;:@=?]+", text):
        return clean(text)  # `MAILER-DAEMON`, a local user
    return None


def _last_resort(item: str) -> Address | None:
    """The last thing that looks like an address, wherever it stands, encoded words included."""
    text = decode_words(item)
    matches = list(_LOOKS.finditer(text))
    if not matches:
        return None
    last = matches[-1]
    name = _name(text[:last.start()].rstrip(" <\"'([")) or _name(text[last.end():].lstrip(" >\"')]"))
    return Address(last.group().strip("."), name, guessed=True)


def _name(text: str) -> str:
    text = text.strip().strip(",;").strip()
    whole = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', text, re.S)
    text = whole.group(1) if whole else re.sub(r'"((?:[^"\\]|\\.)*)"', r"\1", text)
    text = re.sub(r'\\(["\\()])', r"\1", text)
    return re.sub(r"\s+", " ", decode_words(text)).strip().strip('"').strip()
