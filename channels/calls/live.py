"""Live events: it rings, somebody answered, it was hung up. Each becomes one row; the later record adds the exact figures.

Our own plain JSON is documented in docs/channels.md; Asterisk's manager (AMI) and REST interface (ARI) and FreeSWITCH's
event socket are understood as they are, forwarded by a few lines of script.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from channels.base import Unparseable
from channels.calls import freeswitch
from channels.calls.record import LIVE, SINGLE, Reading, Row
from channels.calls.times import read_epoch, read_moment, read_seconds
from channels.calls.words import direction_of, is_extension, json_of, peer_of, text_of

EVENTS = {
    "ring": "ring", "ringing": "ring", "start": "ring", "incoming": "ring",
    "answer": "answer", "answered": "answer", "link": "answer", "bridge": "answer",
    "hangup": "hangup", "end": "hangup", "ended": "hangup",
}  # fmt: skip


def read_plain(raw: bytes, zone: ZoneInfo, columns: Sequence[str] = ()) -> Reading:
    """Our own JSON: {"event": "ring|answer|hangup", "id", …}, or a whole record with "outcome". Raises Unparseable."""
    body = _object(raw)
    call_id = str(body.get("id") or "").strip()[:190]
    if not call_id:
        raise Unparseable("这段 JSON 里没有通话编号 id。")
    common: dict[str, Any] = {
        k: str(body[k]).strip()[:120] for k in ("caller", "callee", "queue", "agent") if body.get(k) not in (None, "")
    }
    if body.get("direction") in ("inbound", "outbound", "internal"):
        common["direction"] = body["direction"]
    if body.get("recording"):
        common["recording"] = str(body["recording"])[:1000]
    if body.get("caller_name"):
        common["meta"] = {"caller_name": str(body["caller_name"])[:80]}
    if body.get("event"):
        event = EVENTS.get(str(body["event"]).lower())
        if event is None:
            raise Unparseable("不认识的事件：只有 ring、answer、hangup。")
        at = read_moment(body.get("at"), zone)
        if body.get("outcome"):
            common["outcome"] = _outcome(body["outcome"])
        return Reading((live_row(call_id, event, at, common),))
    record: dict[str, Any] = {**common, "outcome": _outcome(body.get("outcome"))}
    for name in ("started", "answered", "ended"):
        record[name] = read_moment(body.get(f"{name}_at"), zone)
    for name, ours in (("duration", "duration"), ("billsec", "billsec"), ("wait", "wait"), ("hold_s", "hold"), ("wrap_up_s", "wrap_up")):
        record[ours] = read_seconds(body.get(name))
    return Reading((Row(call_id, "p" + _digest(record), SINGLE, complete(record)),))


def complete(record: dict[str, Any]) -> dict[str, Any]:
    """A record of one row with what follows from the rest of it: direction, seconds, and no agent where nobody answered."""
    record["direction"] = record.get("direction") or direction_of(record.get("caller"), record.get("callee"))
    started, answered, ended = (record.get(k) for k in ("started", "answered", "ended"))
    if record.get("outcome") is None:
        record["outcome"] = "answered" if answered is not None else "no_answer"
    if record["outcome"] not in ("answered", "ivr_only"):
        record["rings"] = record.get("rings") or record.pop("agent", None)
        record["answered"] = answered = None
        record["billsec"] = 0
    if ended is None and started is not None and record.get("duration") is not None:
        record["ended"] = ended = started + record["duration"]
    if record.get("duration") is None and started is not None and ended is not None:
        record["duration"] = max(0, round(ended - started))
    if record.get("billsec") is None:
        record["billsec"] = max(0, round(ended - answered)) if answered is not None and ended is not None else 0
    until = answered if record["outcome"] == "answered" else ended
    if record.get("wait") is None and record["outcome"] != "ivr_only" and started is not None and until is not None:
        record["wait"] = max(0, round(until - started))
    return record


def read_ari(raw: bytes, zone: ZoneInfo, columns: Sequence[str] = ()) -> Reading:
    """One event of Asterisk's REST interface. Raises Unparseable."""
    body = _object(raw)
    channel = body.get("channel")
    if not isinstance(channel, dict) or not channel.get("id"):
        raise Unparseable("这个事件里没有通道。")
    kind, state = str(body.get("type", "")), str(channel.get("state", ""))
    event = (
        "hangup" if kind in ("ChannelDestroyed", "StasisEnd", "ChannelHangupRequest")
        else "answer" if state == "Up" and kind in ("ChannelStateChange", "ChannelEnteredBridge")
        else "ring" if state in ("Ring", "Ringing") or kind in ("ChannelCreated", "StasisStart", "Dial")
        else None
    )  # fmt: skip
    if event is None:
        return Reading(())
    caller, dialplan, connected = (channel.get(k) for k in ("caller", "dialplan", "connected"))
    at = read_moment(body.get("timestamp"), zone)
    data = {
        "caller": _of(caller, "number"),
        "callee": _of(dialplan, "exten") or _of(connected, "number"),
        "agent": peer_of(str(channel.get("name", ""))) if event == "answer" and is_extension(_of(caller, "number")) is False else None,
    }
    return Reading((live_row(str(channel.get("linkedid") or channel["id"]), event, at, data),))


_AMI_RING, _AMI_ANSWER = frozenset({"DialBegin", "AgentCalled"}), frozenset({"AgentConnect", "BridgeEnter"})


def read_ami(raw: bytes, zone: ZoneInfo, columns: Sequence[str] = ()) -> Reading:
    """One event of Asterisk's manager interface, as `Name: value` lines or as a JSON object of the same names."""
    if raw.lstrip()[:1] == b"{":
        event = {str(k): str(v) for k, v in _object(raw).items() if not isinstance(v, dict | list)}
    else:
        event = {}
        for line in text_of(raw).split("\n"):
            name, colon, value = line.partition(":")
            if colon:
                event.setdefault(name.strip(), value.strip())
    name = event.get("Event", "")
    call_id = event.get("Linkedid") or event.get("DestLinkedid") or event.get("Uniqueid", "")
    if not name or not call_id:
        raise Unparseable("这不是 Asterisk 管理接口的事件：缺少 Event 或 Linkedid。")
    at = read_epoch(event.get("Timestamp"))
    caller, callee = event.get("CallerIDNum"), event.get("Exten") or event.get("DestExten")
    peer = peer_of(event.get("DestChannel") or event.get("Interface") or "")
    data: dict[str, Any] = {"caller": _number(caller), "callee": _number(callee), "queue": event.get("Queue")}
    if name in _AMI_RING:
        return Reading((live_row(call_id, "ring", at, data | {"agent": _local_free(event, peer)}),))
    if name == "QueueCallerJoin":
        return Reading((live_row(call_id, "ring", at, data),))
    if name == "AgentConnect" or (name == "DialEnd" and event.get("DialStatus", "").upper() == "ANSWER"):
        return Reading((live_row(call_id, "answer", at, data | {"agent": _local_free(event, peer)}),))
    if name == "QueueCallerAbandon":
        return Reading((live_row(call_id, "hangup", at, data | {"outcome": "abandoned"}),))
    if name == "Hangup" and event.get("Uniqueid", call_id) == call_id:
        return Reading((live_row(call_id, "hangup", at, data),))
    return Reading(())


def _local_free(event: Mapping[str, str], peer: str | None) -> str | None:
    name = event.get("DestChannel") or event.get("Interface") or ""
    return peer if not name.lower().startswith("local/") or is_extension(peer) else None


_ESL = {
    "CHANNEL_CREATE": "ring", "CHANNEL_PROGRESS": "ring", "CHANNEL_PROGRESS_MEDIA": "ring", "CHANNEL_ANSWER": "answer",
    "CHANNEL_BRIDGE": "answer",
}  # fmt: skip


def read_esl(raw: bytes, zone: ZoneInfo, columns: Sequence[str] = ()) -> Reading:
    """One event of FreeSWITCH's socket: the hang-up is a whole record, the others are live. Raises Unparseable."""
    event = freeswitch.esl_event(raw)
    if event.get("Event-Name") == freeswitch.HUNG_UP:
        return freeswitch.read_esl(raw, zone)
    kind = _ESL.get(event.get("Event-Name", ""))
    if kind is None:
        return Reading(())
    agent_leg = event.get("Call-Direction") == "outbound"
    call_id = event.get("Other-Leg-Unique-ID") if agent_leg else event.get("Unique-ID")
    if kind == "answer" and not agent_leg and event.get("Event-Name") != "CHANNEL_BRIDGE":
        return Reading(())  # a menu or a queue took the call: no person yet
    if not call_id:
        return Reading(())
    at = read_epoch(event.get("Event-Date-Timestamp"), "us")
    callee = event.get("Caller-Destination-Number")
    data = {
        "caller": event.get("Caller-Caller-ID-Number"),
        "callee": None if agent_leg else callee,
        "agent": callee if agent_leg else event.get("Other-Leg-Destination-Number"),
        "queue": event.get("variable_cc_queue"),
    }
    return Reading((live_row(call_id, kind, at, data),))


def live_row(call_id: str, event: str, at: float | None, data: Mapping[str, Any]) -> Row:
    """A row of an event. The same event at the same telephone is one row, however often it is told. Without a moment of
    its own (`at` None) it happened when it came."""
    given = {k: v for k, v in data.items() if v not in (None, "")}
    return Row(call_id[:190], f"{event}:{given.get('agent', '')}"[:80], LIVE, {"event": event, "at": at, **given})


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json_of(raw)
    except (ValueError, RecursionError):
        raise Unparseable("不是有效的 JSON。") from None
    if not isinstance(body, dict):
        raise Unparseable("不是一个 JSON 对象。")
    return body


def _outcome(value: Any) -> str | None:
    from channels.calls.models import OUTCOMES

    if value in (None, ""):
        return None
    if value not in OUTCOMES:
        raise Unparseable("不认识的结果 outcome。")
    return str(value)


def _number(value: str | None) -> str | None:
    return value if value and value.lower() not in ("<unknown>", "s") else None


def _of(value: Any, name: str) -> str | None:
    found = value.get(name) if isinstance(value, dict) else None
    return str(found) if found not in (None, "") else None


def _digest(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True, default=str).encode()).hexdigest()[:40]
