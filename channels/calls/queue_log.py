"""Asterisk's queue_log: which queue a call waited in, how long, and which agent took it. Its callid is the CDR's uniqueid,
so both together give what neither has alone."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from channels.base import Unparseable
from channels.calls.record import QUEUE, CallRecord, Reading, Row
from channels.calls.times import read_moment, read_seconds, whole
from channels.calls.words import direction_of, peer_of, text_of, whole_lines

_NOBODY = frozenset({"", "NONE", "MANAGER", "REALTIME"})
_TAKEN = frozenset({"COMPLETEAGENT", "COMPLETECALLER", "TRANSFER", "BLINDTRANSFER", "ATTENDEDTRANSFER"})
_LEFT = frozenset({"EXITWITHTIMEOUT", "EXITEMPTY", "EXITWITHKEY"})
_KEPT = _TAKEN | _LEFT | {"ENTERQUEUE", "CONNECT", "ABANDON", "RINGNOANSWER", "DID"}


def read_queue_log(raw: bytes, zone: ZoneInfo, columns: Sequence[str] = ()) -> Reading:
    """The events of calls; those of queues and agents alone are left out. Raises Unparseable when no line is one."""
    lines, rest = whole_lines(raw)
    rows: list[Row] = []
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in text_of(line).split("|")]
        if len(cells) < 5 or (at := read_moment(cells[0], zone)) is None:
            problems.append(str(number))
            continue
        event = cells[4].upper()
        if cells[1] in _NOBODY or event not in _KEPT:
            continue
        data = {"at": at, "queue": cells[2], "peer": cells[3], "event": event, "data": cells[5:11]}
        rows.append(Row(cells[1][:190], "q" + hashlib.sha256(line).hexdigest()[:40], QUEUE, data))
    if problems and len(problems) == len(lines):
        raise Unparseable("没有一行是 Asterisk 的队列日志。")
    return Reading(tuple(rows), rest, tuple(problems))


def join(call_id: str, rows: Sequence[Mapping[str, Any]]) -> CallRecord:
    """The call that these events tell about; its outcome is None while it still waits or is talked on."""
    call = CallRecord(call_id, legs=len(rows))
    entered: float | None = None
    for row in sorted(rows, key=lambda r: r["at"]):
        at, data = row["at"], [*row["data"], "", "", "", "", ""]
        event = row["event"]
        call.queue = row["queue"] if row["queue"] not in _NOBODY else call.queue
        if event == "ENTERQUEUE":
            entered = at
            call.started = at if call.started is None else min(call.started, at)
            call.caller = call.caller or data[1] or None
            call.outcome = call.ended = call.wait = None
        elif event == "RINGNOANSWER":
            call.meta["unanswered_rings"] = call.meta.get("unanswered_rings", 0) + 1
        elif event == "CONNECT":
            call.agent, call.answered = peer_of(row["peer"]), at
            if entered is None and (held := read_seconds(data[0])) is not None:
                call.started = at - held if call.started is None else call.started
        elif event in _TAKEN:
            _taken(call, row, data)
        elif event == "ABANDON":
            call.outcome, call.ended, call.wait = "abandoned", at, read_seconds(data[2])
        else:
            call.outcome, call.ended = "no_answer", at
            call.wait = read_seconds(data[2])
    if call.outcome in ("abandoned", "no_answer"):
        call.answered = call.agent = None
        if call.started is None and call.wait is not None and call.ended is not None:
            call.started = call.ended - call.wait
        if call.wait is None and call.started is not None and call.ended is not None:
            call.wait = whole(call.ended - call.started)
    elif call.answered is not None and call.started is not None:
        call.wait = whole(call.answered - call.started)
    if call.started is not None and call.ended is not None:
        call.duration = whole(call.ended - call.started)
    call.direction = direction_of(call.caller, call.callee)
    return call


def _taken(call: CallRecord, row: Mapping[str, Any], data: list[str]) -> None:
    """The end of a call that somebody took: hold and talk stand where the kind of end puts them."""
    at, event = row["at"], row["event"]
    skip = {"TRANSFER": 2, "BLINDTRANSFER": 2}.get(event, 0)
    held, talked = read_seconds(data[skip]), read_seconds(data[skip + 1])
    if call.answered is None:
        call.answered = at - (talked or 0)
    if call.started is None and held is not None:
        call.started = call.answered - held
    call.agent = peer_of(row["peer"]) or call.agent
    call.outcome, call.ended = "answered", at
    call.billsec = talked if talked is not None else whole(at - call.answered) or 0
