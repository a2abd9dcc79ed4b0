"""The formats in which exchanges hand over their calls, by name, and which one a payload is in."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from app.core.text import clean
from channels.base import Unparseable
from channels.calls import asterisk, freeswitch, kamailio, live, queue_log
from channels.calls.joining import calls_of
from channels.calls.record import Reading
from channels.calls.times import zone_of
from channels.calls.words import json_of, text_of

Reader = Callable[[bytes, ZoneInfo, Sequence[str]], Reading]
FORMATS: Mapping[str, Reader] = {
    "asterisk-csv": asterisk.read_csv,
    "asterisk-queue-log": queue_log.read_queue_log,
    "asterisk-ari": live.read_ari,
    "asterisk-ami": live.read_ami,
    "freeswitch-csv": freeswitch.read_csv,
    "freeswitch-json": freeswitch.read_json,
    "freeswitch-xml": freeswitch.read_xml,
    "freeswitch-esl": live.read_esl,
    "kamailio-json": kamailio.read_kamailio,
    "plain-json": live.read_plain,
}
LINES = frozenset({"asterisk-csv", "asterisk-queue-log", "freeswitch-csv"})
"""Formats of many records, a line each: a file of one may grow, and its last line may be half written."""


def parse_calls(raw: bytes, form: str, timezone: str = "UTC", columns: Sequence[str] = ()) -> dict[str, Any]:
    """What `channel parse --kind calls` prints: the calls that have ended, and what is left for the next read."""
    reading = FORMATS[form](raw, zone_of(timezone), columns)
    ended = [
        {name: clean(value) if isinstance(value, str) else value for name, value in call.to_json().items()}
        for call in calls_of(reading.rows)
        if call.outcome is not None
    ]  # an escape of JSON can name half a character
    return {"calls": ended, "incomplete_bytes": reading.incomplete_bytes, "problems": list(reading.problems[:20])}


def unwrap(raw: bytes, content_type: str = "") -> bytes:
    """The record inside a form: FreeSWITCH posts `cdr=…`, percent-encoded or as base64; anything else is as it came."""
    head = raw.lstrip()[:4]
    if not ("x-www-form-urlencoded" in content_type or head.startswith(b"cdr=")):
        return raw
    fields = parse_qs(text_of(raw), keep_blank_values=False)
    if "cdr" not in fields:
        return json.dumps({k: v[0] if len(v) == 1 else v for k, v in fields.items()}).encode() if fields else raw
    inner = fields["cdr"][0].strip()
    if inner[:1] in ("<", "{"):
        return inner.encode()
    return _base64(inner.replace(" ", "+")) or inner.encode()


def _base64(text: str) -> bytes:
    import base64
    import binascii

    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def detect(raw: bytes) -> str:
    """The format that a payload is in, by its own marks. Raises Unparseable when it has none that is known."""
    start = raw.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"<":
        return "freeswitch-xml"
    if start[:1] == b"{":
        return _detect_json(raw)
    if start.startswith((b"Event-Name:", b"Core-UUID:")) or b"\nEvent-Name:" in start[:4000]:
        return "freeswitch-esl"
    if start.startswith(b"Event:") or b"\nEvent:" in start[:400]:
        return "asterisk-ami"
    line = text_of(start.split(b"\n", 1)[0])
    cells = line.split("|")
    if len(cells) >= 5 and cells[0].replace(".", "").isdigit():
        return "asterisk-queue-log"
    if line.count(",") >= 9:
        return "freeswitch-csv" if _freeswitch_line(line) else "asterisk-csv"
    raise Unparseable("认不出这是哪种通话记录，请写明格式。")


def _detect_json(raw: bytes) -> str:
    try:
        body = json_of(raw)
    except (ValueError, RecursionError):
        raise Unparseable("不是有效的 JSON。") from None
    if isinstance(body, dict):
        if isinstance(body.get("variables"), dict):
            return "freeswitch-json"
        if "Event-Name" in body:
            return "freeswitch-esl"
        if "cgr_account" in body or str(body.get("event", "")).startswith("CGR_"):
            return "kamailio-json"
        if isinstance(body.get("channel"), dict) and "type" in body:
            return "asterisk-ari"
        if isinstance(body.get("Event"), str):
            return "asterisk-ami"
        if "id" in body and ("event" in body or "outcome" in body):
            return "plain-json"
    raise Unparseable("认不出这是哪种通话记录，请写明格式。")


def _freeswitch_line(line: str) -> bool:
    import csv

    cells = next(csv.reader([line], skipinitialspace=True), [])
    return len(cells) >= 11 and any(len(c.strip()) == 36 and c.count("-") == 4 for c in cells[10:12])
