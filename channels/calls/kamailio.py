"""Kamailio with CGRateS: one event a call that ended."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from channels.base import Unparseable
from channels.calls.record import SINGLE, Reading, Row
from channels.calls.times import read_moment, read_seconds
from channels.calls.words import digest_of, direction_of, json_of

ENDED = "CGR_CALL_END"
_BUSY, _UNANSWERED = frozenset({"486", "600"}), frozenset({"408", "480", "487", "200", ""})


def read_kamailio(raw: bytes, zone: ZoneInfo, columns: Sequence[str] = ()) -> Reading:
    """The event's one call; an event of a call that goes on gives none. Raises Unparseable."""
    try:
        body = json_of(raw)
    except (ValueError, RecursionError):
        raise Unparseable("不是有效的 JSON。") from None
    if not isinstance(body, dict) or not (body.get("callid") or body.get("cgr_answertime")):
        raise Unparseable("这不是 Kamailio 的通话事件：缺少 callid。")
    if str(body.get("event", ENDED)) != ENDED:
        return Reading(())
    call_id = str(body.get("callid") or digest_of(raw))[:190]
    return Reading((Row(call_id, "k" + hashlib.sha256(raw).hexdigest()[:40], SINGLE, _data(body, zone)),))


def _data(body: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    caller, callee = (_text(body.get(k)) for k in ("cgr_account", "cgr_destination"))
    answered = read_moment(body.get("cgr_answertime"), zone)
    started = read_moment(body.get("cgr_setuptime"), zone)
    talked = read_seconds(body.get("cgr_duration")) or 0
    direction = direction_of(caller, callee)
    cause = str(body.get("cgr_disconnectcause") or body.get("disconnectcause") or "")
    if answered is not None and talked > 0:
        outcome, agent = "answered", caller if direction == "outbound" else callee
    else:
        outcome, agent = "busy" if cause in _BUSY else "no_answer" if cause in _UNANSWERED else "failed", None
    ended = None if answered is None else answered + talked
    return {
        "caller": caller, "callee": callee, "direction": direction, "outcome": outcome, "agent": agent,
        "started": started, "answered": answered if outcome == "answered" else None, "ended": ended or started,
        "duration": talked, "billsec": talked if outcome == "answered" else 0,
        "wait": None if started is None or answered is None else max(0, round(answered - started)),
    }  # fmt: skip


def _text(value: Any) -> str | None:
    return str(value).strip() or None if value is not None else None
