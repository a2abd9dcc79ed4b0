"""FreeSWITCH: CSV of mod_cdr_csv, bodies of mod_json_cdr and mod_xml_cdr, events of the event socket.

The last three hold the same channel variables, which may be percent-encoded as a whole body or not at all.
"""

import csv
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from channels.base import Unparseable
from channels.calls.record import FREESWITCH, CallRecord, Reading, Row
from channels.calls.times import read_epoch, read_moment, read_seconds, whole
from channels.calls.words import decoded, digest_of, direction_of, is_extension, json_of, text_of, user_of, whole_lines

COLUMNS = (
    "caller_id_name", "caller_id_number", "destination_number", "context", "start", "answer", "end", "duration",
    "billsec", "hangup_cause", "uuid", "bleg_uuid", "accountcode", "read_codec", "write_codec",
)  # fmt: skip
_UNANSWERED = frozenset({"NO_ANSWER", "NO_USER_RESPONSE", "ORIGINATOR_CANCEL", "NORMAL_CLEARING"})
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
HUNG_UP = "CHANNEL_HANGUP_COMPLETE"


def read_csv(raw: bytes, zone: ZoneInfo, columns: Sequence[str] = ()) -> Reading:
    """Rows of the example template, or of the named columns. Raises Unparseable when no whole line is a row."""
    lines, rest = whole_lines(raw)
    rows: list[Row] = []
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        try:
            cells = next(csv.reader([text_of(line).replace("\n", " ")], skipinitialspace=True), [])
        except csv.Error:
            problems.append(str(number))
            continue
        names = [cell.strip().lower() for cell in cells]
        if number == 1 and "uuid" in names and "hangup_cause" in names:
            columns = names
            continue
        given = {name: cell.strip() for name, cell in zip(columns or COLUMNS, cells, strict=False) if cell.strip()}
        start, end = (read_moment(given.get(k) or given.get(f"{k}_stamp"), zone) for k in ("start", "end"))
        if len(cells) < 11 and not columns or (start is None and end is None and not given.get("uuid")):
            problems.append(str(number))
            continue
        data = given | {"start": start, "end": end, "csv": True}
        data["answer"] = read_moment(given.get("answer") or given.get("answer_stamp"), zone)
        rows.append(Row((given.get("uuid") or digest_of(line))[:190], _key(line), FREESWITCH, data))
    if problems and not rows:
        raise Unparseable("没有一行是 FreeSWITCH 的通话记录。")
    return Reading(tuple(rows), rest, tuple(problems))


def read_json(raw: bytes, zone: ZoneInfo, columns: Sequence[str] = ()) -> Reading:
    """One body of mod_json_cdr. Raises Unparseable."""
    try:
        body = json_of(raw)
    except (ValueError, RecursionError):
        raise Unparseable("不是有效的 JSON。") from None
    if not isinstance(body, dict) or not isinstance(body.get("variables"), dict):
        raise Unparseable("这段 JSON 里没有 FreeSWITCH 的 variables。")
    flows = body.get("callflow")
    flow = next((f for f in (flows if isinstance(flows, list) else [flows]) if isinstance(f, dict)), {})
    profile = flow.get("caller_profile")
    return _body(raw, body["variables"], profile if isinstance(profile, dict) else {}, zone)


def read_xml(raw: bytes, zone: ZoneInfo, columns: Sequence[str] = ()) -> Reading:
    """One body of mod_xml_cdr; document types and entities are refused. Raises Unparseable."""
    try:
        root = ElementTree.fromstring(raw.strip(), forbid_dtd=True)
    except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError, RecursionError):
        raise Unparseable("不是有效的 XML。") from None
    found = root if root.tag == "variables" else root.find("variables")
    if found is None:
        raise Unparseable("这段 XML 里没有 FreeSWITCH 的 variables。")
    profile = root.find("callflow/caller_profile")
    return _body(raw, _leaves(found), _leaves(profile) if profile is not None else {}, zone)


def read_esl(raw: bytes, zone: ZoneInfo, columns: Sequence[str] = ()) -> Reading:
    """One event of the event socket, as lines or as JSON. One that is no hang-up gives no row. Raises Unparseable."""
    event = esl_event(raw)
    if event.get("Event-Name") != HUNG_UP:
        return Reading(())
    given = {k.removeprefix("variable_"): v for k, v in event.items() if k.startswith("variable_")}
    given.setdefault("hangup_cause", event.get("Hangup-Cause", ""))
    for name, head in (("start", "Created"), ("answer", "Answered"), ("bridge", "Bridged"), ("end", "Hangup")):
        if not read_epoch(given.get(f"{name}_epoch")):
            given[f"{name}_uepoch"] = given.get(f"{name}_uepoch") or event.get(f"Caller-Channel-{head}-Time", "")
    given["uuid"] = event.get("Unique-ID") or given.get("uuid", "")
    profile = {
        "caller_id_number": event.get("Caller-Caller-ID-Number", ""),
        "caller_id_name": event.get("Caller-Caller-ID-Name", ""),
        "destination_number": event.get("Caller-Destination-Number", ""),
    }
    # The leg towards an agent hangs up, too: of a stream of events only the caller's own hang-up is the call.
    given["towards_agent"] = "1" if event.get("Call-Direction") == "outbound" and event.get("Other-Type") == "originator" else ""
    return _body(raw, given, profile, zone, encoded=False)


def esl_event(raw: bytes) -> dict[str, str]:
    """The headers of an event with their values decoded; of a repeated one the first counts. Raises Unparseable."""
    if raw.lstrip()[:1] == b"{":
        try:
            body = json_of(raw)
        except (ValueError, RecursionError):
            raise Unparseable("不是有效的 JSON。") from None
        return {str(k): str(v) for k, v in body.items() if not isinstance(v, dict | list)}
    event: dict[str, str] = {}
    for line in text_of(raw).split("\n"):
        name, colon, value = line.partition(":")
        if colon and name.strip() and " " not in name.strip():
            event.setdefault(name.strip(), decoded(value.strip()))
    if "Event-Name" not in event:
        raise Unparseable("这不是 FreeSWITCH 的事件：缺少 Event-Name。")
    return event


def _leaves(parent: Any) -> dict[str, str]:
    return {str(one.tag): (one.text or "").strip() for one in parent}


def _body(
    raw: bytes, variables: Mapping[str, Any], profile: Mapping[str, Any], zone: ZoneInfo, encoded: bool | None = None
) -> Reading:
    plain = {k: str(v) for k, v in variables.items() if not isinstance(v, dict | list) and v is not None}
    who = {k: str(v) for k, v in profile.items() if not isinstance(v, dict | list) and v is not None}
    if encoded is None:
        encoded = _is_encoded(plain)
    if encoded:
        plain = {k: decoded(v) for k, v in plain.items()}
        who = {k: decoded(v) for k, v in who.items()}
    data: dict[str, Any] = {k: plain[k] for k in _WANTED if plain.get(k)}
    for name in ("start", "answer", "bridge", "end"):
        data[name] = _time(plain, name, zone)
    data["caller_id_number"] = who.get("caller_id_number") or plain.get("caller_id_number") or plain.get("sip_from_user")
    data["caller_id_name"] = who.get("caller_id_name") or plain.get("caller_id_name")
    data["destination_number"] = (
        who.get("destination_number") or plain.get("destination_number") or plain.get("sip_req_user") or plain.get("sip_to_user")
    )
    call_id = plain.get("uuid") or plain.get("call_uuid") or who.get("uuid") or digest_of(raw)
    if data["start"] is None and data["end"] is None and not plain.get("uuid"):
        raise Unparseable("这段记录里没有通话的时间和编号。")
    return Reading((Row(call_id[:190], _key(raw), FREESWITCH, data),))


_WANTED = (
    "duration", "billsec", "hangup_cause", "direction", "bridge_uuid", "bridge_channel", "dialed_user", "last_bridge_to",
    "cc_queue", "cc_agent", "cc_cause", "cc_cancel_reason", "cc_queue_joined_epoch", "cc_queue_answered_epoch",
    "hold_accum_seconds", "record_path", "recording_file", "cc_record_filename", "record_file_name", "bridge_epoch", "towards_agent",
)  # fmt: skip


def _is_encoded(values: Mapping[str, str]) -> bool:
    """A body is percent-encoded as a whole: its stamps show it, else that no value has a blank and some have a `%41`."""
    for name in ("start_stamp", "end_stamp"):
        if value := values.get(name):
            return " " not in value and bool(_ENCODED.search(value))
    found = list(values.values())
    return any(_ENCODED.search(v) for v in found) and not any(" " in v for v in found)


def _time(values: Mapping[str, str], name: str, zone: ZoneInfo) -> float | None:
    return (
        read_epoch(values.get(f"{name}_epoch"), "s")
        or read_epoch(values.get(f"{name}_uepoch"), "us")
        or read_moment(values.get(f"{name}_stamp"), zone)
    )


def _key(raw: bytes) -> str:
    return "f" + hashlib.sha256(raw).hexdigest()[:40]


def join(call_id: str, rows: Sequence[Mapping[str, Any]]) -> CallRecord:
    """The call of one uuid: it may be told several times, the last row counts."""
    row = rows[-1]
    caller, callee = row.get("caller_id_number") or None, row.get("destination_number") or None
    call = CallRecord(call_id, caller, callee, direction_of(caller, callee), legs=len(rows))
    call.started, call.ended = row.get("start"), row.get("end")
    call.queue = row.get("cc_queue") or None
    billsec, cause = read_seconds(row.get("billsec")) or 0, str(row.get("hangup_cause", "")).upper()
    bridged = _bridged(row)
    if billsec > 0 and bridged:
        call.outcome, call.billsec = "answered", billsec
        call.answered = _person_answered(row)
        call.agent = caller if call.direction == "outbound" else _agent(row, callee)
        if (taken := read_epoch(row.get("cc_queue_answered_epoch"), "s")) and call.ended is not None:
            call.billsec = whole(call.ended - taken) or billsec
    elif row.get("cc_queue") and str(row.get("cc_cause", "")).lower() == "cancel":
        call.outcome = "no_answer" if "TIMEOUT" in str(row.get("cc_cancel_reason", "")).upper() else "abandoned"
    elif billsec > 0 and not row.get("csv"):
        call.outcome, call.billsec, call.answered = "ivr_only", billsec, row.get("answer") or row.get("start")
    else:
        call.outcome = "busy" if cause == "USER_BUSY" else "no_answer" if cause in _UNANSWERED else "failed"
    call.duration = read_seconds(row.get("duration"))
    if call.duration is None and call.started is not None and call.ended is not None:
        call.duration = whole(call.ended - call.started)
    if call.ended is None and call.started is not None and call.duration is not None:
        call.ended = call.started + call.duration
    if call.outcome != "ivr_only" and call.started is not None:
        until = call.answered if call.outcome == "answered" else call.ended
        call.wait = None if until is None else whole(until - call.started)
    call.hold = read_seconds(row.get("hold_accum_seconds")) or None
    call.recording = next((str(row[k]) for k in ("record_path", "recording_file", "cc_record_filename") if row.get(k)), None)
    name = str(row.get("caller_id_name") or "").strip()
    if name and name != caller:
        call.meta["caller_name"] = name[:80]
    return call


def _bridged(row: Mapping[str, Any]) -> bool:
    if row.get("csv"):  # the CSV does not say who was bridged
        return row.get("answer") is not None
    if row.get("bridge") is not None:
        return True
    return not row.get("bridge_epoch") and bool(row.get("bridge_uuid") or row.get("last_bridge_to"))


def _person_answered(row: Mapping[str, Any]) -> float | None:
    """When a person answered: not the menu or the queue that took the call before they were bridged."""
    moments = [m for m in (row.get("answer"), row.get("bridge"), read_epoch(row.get("cc_queue_answered_epoch"), "s")) if m]
    return max(moments, default=None)


def _agent(row: Mapping[str, Any], callee: str | None) -> str | None:
    if row.get("cc_agent"):
        return user_of(str(row["cc_agent"]))
    for name in ("bridge_channel", "dialed_user"):
        if row.get(name) and (found := user_of(str(row[name]))):
            return found
    return callee if is_extension(callee) else None
