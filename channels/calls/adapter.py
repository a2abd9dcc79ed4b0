"""The channel "calls": reports of an exchange come in, nothing goes out. Huiyin is not a telephone exchange."""

import json
from dataclasses import replace
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from app.core.text import pack
from channels.base import Deed, Outbound, SendFailed, Unparseable
from channels.calls.asterisk import column_map
from channels.calls.formats import FORMATS, detect, unwrap
from channels.calls.mapping import BadMap, read_map, read_mapped
from channels.calls.providers import PROVIDERS
from channels.calls.record import LIVE, Reading
from channels.calls.storing import store_rows
from channels.calls.times import zone_of
from channels.models import Account, RawPayload

ENVELOPE = b"#huiyin-calls "
MAPPED = "mapped-json"
LARGEST = 8_000_000


class CallsChannel:
    """Understands what an exchange or a provider reports; a call cannot be answered in writing."""

    kind = "calls"
    idempotent = True

    def parse(self, account: Account, raw: bytes) -> Deed:
        reading = read(account, raw)
        return Deed(partial(_store, reading))

    def send(self, account: Account, message: Outbound) -> str | None:
        raise SendFailed("电话不能用文字回复。", final=True)


def enclose(raw: bytes, *, form: str = "", zone: str = "", columns: str = "", content_type: str = "") -> bytes:
    """A payload with what was said about it when it came, so that it can be understood again later: one line before the
    bytes as they were. Without anything to say it stays as it is."""
    told = {k: v for k, v in {"format": form, "zone": zone, "columns": columns, "type": content_type[:100]}.items() if v}
    return ENVELOPE + json.dumps(told).encode() + b"\n" + raw if told else raw


def disclose(payload: bytes) -> tuple[dict[str, str], bytes]:
    """What was said about a payload, and its bytes as they came."""
    if not payload.startswith(ENVELOPE):
        return {}, payload
    head, _, raw = payload[len(ENVELOPE) :].partition(b"\n")
    try:
        told = json.loads(head)
    except (ValueError, RecursionError):
        raise Unparseable("收下时写的说明坏了。") from None
    if not isinstance(told, dict):
        raise Unparseable("收下时写的说明坏了。")
    return {str(k): str(v) for k, v in told.items()}, raw


def read(account: Account, payload: bytes) -> Reading:
    """The rows of a payload. Raises Unparseable."""
    told, raw = disclose(payload)
    if len(raw) > LARGEST:
        raise Unparseable("这份话单太大了。")
    raw = unwrap(raw, told.get("type", ""))
    settings = account.settings
    try:
        zone = zone_of(told.get("zone") or str(settings.get("time_zone") or "Asia/Shanghai"))
        columns = column_map(told.get("columns", "")) if told.get("columns") else ()
    except ValueError as problem:
        raise Unparseable(pack("时区或列名不对：%(name)s。", name=str(problem)[:60])) from None
    form = told.get("format") or _form(raw, settings)
    if form == MAPPED or form in PROVIDERS:
        return read_mapped(raw, zone, field_map(settings, form))
    if form not in FORMATS:
        raise Unparseable(pack("没有这种格式：%(name)s。", name=form[:40]))
    return FORMATS[form](raw, zone, columns)


def _form(raw: bytes, settings: dict[str, Any]) -> str:
    """The format by the payload's marks; JSON without any goes by the account's field map."""
    try:
        return detect(raw)
    except Unparseable:
        if raw.lstrip()[:1] in (b"{", b"[") and (settings.get("field_map") or settings.get("provider")):
            return MAPPED
        raise


def field_map(settings: dict[str, Any], form: str = MAPPED) -> dict[str, Any]:
    """The map of an account: its own, else its provider's. Raises Unparseable where it has none."""
    if form in PROVIDERS:
        return dict(PROVIDERS[form])
    if own := str(settings.get("field_map", "")):
        try:
            return read_map(own)
        except BadMap as problem:
            raise Unparseable(pack(problem.reason, **problem.data)) from None
    if provider := str(settings.get("provider", "")):
        return dict(PROVIDERS[provider])
    raise Unparseable("这个账号没有字段表。")


def preview(account: Account, raw: bytes, zone: ZoneInfo, fields: dict[str, Any]) -> Reading:
    """What a map makes of a sample; nothing is stored."""
    return read_mapped(unwrap(raw), zone, fields)


def unread(reading: Reading) -> str:
    """Which lines of a reading were not understood, packed."""
    return pack("有 %(n)s 行读不懂：第 %(lines)s 行。", n=len(reading.problems), lines=", ".join(reading.problems[:20]))


def _store(reading: Reading, account: Account, raw: RawPayload) -> bool:
    """Store a reading; whether it told anything new. Lines that were not understood are noted at the payload."""
    came = raw.received_at.timestamp()
    rows = [
        replace(r, data={**r.data, "at": came}) if r.family == LIVE and r.data.get("at") is None else r for r in reading.rows
    ]
    stored = store_rows(account, rows, raw.id)
    raw.state = "parsed" if stored.new or stored.changed or not reading.rows else "duplicate"
    raw.reason = None
    if reading.problems:
        raw.reason = unread(reading)
    return raw.state == "parsed"
