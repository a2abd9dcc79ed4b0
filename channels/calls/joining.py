"""Rows become calls: those of one call by the rules of their family, then what the families know is put together.

An exchange's own record says more than a live event, and a queue's log knows the queue, the agent and the wait; so a
record wins, and what it leaves open is filled from the others. Nothing that is known is ever taken away.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from channels.calls import asterisk, freeswitch, queue_log
from channels.calls.record import ASTERISK, FREESWITCH, LIVE, QUEUE, SINGLE, CallRecord, Row
from channels.calls.times import whole
from channels.calls.words import direction_of

_LIVE_ORDER = {"ring": 0, "answer": 1, "hangup": 2}


def calls_of(rows: Iterable[Row]) -> list[CallRecord]:
    """The calls that these rows make, in the order in which each was first named; those that live have no outcome."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.call_id, []).append(row)
    return [join(call_id, each) for call_id, each in found.items()]


def join(call_id: str, rows: Sequence[Row]) -> CallRecord:
    """One call from all that was told about it, in any order and from any sources."""
    parts: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        parts.setdefault(row.family, []).append(row.data)
    records = [_JOIN[family](call_id, parts[family]) for family in (ASTERISK, FREESWITCH, SINGLE) if family in parts]
    queue = queue_log.join(call_id, parts[QUEUE]) if QUEUE in parts else None
    live = _live(call_id, parts[LIVE]) if LIVE in parts else None
    if records and queue is not None:
        call = _with_queue(_fill(records[0], *records[1:]), queue)
    else:
        call = _fill(*records, *([queue] if queue is not None else []), *([live] if live is not None else []))
    if records and queue is not None and live is not None:
        call = _fill(call, live)
    call.legs = len(rows)
    if call.queue and call.direction is None:
        call.direction = "inbound"
    return call


def _single(call_id: str, rows: Sequence[Mapping[str, Any]]) -> CallRecord:
    """A source that tells a call in one row: of several the last counts, and the earlier ones fill what it leaves open."""
    return _fill(*(_of(call_id, row) for row in reversed(rows)))


def _of(call_id: str, row: Mapping[str, Any]) -> CallRecord:
    known = {k: row[k] for k in _FIELDS if row.get(k) is not None}
    return CallRecord(call_id, **known)


def _live(call_id: str, rows: Sequence[Mapping[str, Any]]) -> CallRecord:
    """What ring, answer and hang-up tell; they may come out of order. A call that was hung up has an outcome."""
    call = CallRecord(call_id)
    for row in sorted(rows, key=lambda r: (_LIVE_ORDER.get(r.get("event", ""), 0), r.get("at") or 0)):
        event, at = row.get("event"), row.get("at")
        for name in ("caller", "callee", "direction", "queue", "recording"):
            if row.get(name):
                setattr(call, name, getattr(call, name) or row[name])
        call.meta = {**call.meta, **(row.get("meta") or {})}
        if event == "ring":
            call.started = at if call.started is None else call.started
            call.rings = row.get("agent") or call.rings
        elif event == "answer":
            call.answered, call.agent = call.answered or at, row.get("agent") or call.agent or call.rings
        elif event == "hangup":
            call.ended, call.outcome = at, row.get("outcome") or call.outcome
    if call.direction is None:
        call.direction = direction_of(call.caller, call.callee)
    if call.direction == "outbound" and call.caller and call.answered is not None:
        call.agent = call.caller
    if call.ended is not None:
        _end_live(call)
    return call


def _end_live(call: CallRecord) -> None:
    started = call.started if call.started is not None else call.answered
    if call.outcome is None:
        waited = call.queue is not None and call.direction != "outbound"
        call.outcome = "answered" if call.answered is not None else "abandoned" if waited else "no_answer"
    if call.outcome == "answered" and call.answered is None:
        call.answered = started if started is not None else call.ended
    if call.outcome != "answered":
        call.answered, call.agent = None, None
    elif call.ended is not None and call.answered is not None:
        call.billsec = whole(call.ended - call.answered) or 0
    if started is not None and call.ended is not None:
        call.duration = whole(call.ended - started)
        until = call.answered if call.outcome == "answered" else call.ended
        call.wait = whole(until - started) if until is not None else None


_FIELDS = (
    "caller", "callee", "direction", "queue", "agent", "started", "answered", "ended", "duration", "billsec", "outcome",
    "wait", "hold", "wrap_up", "rings", "recording", "meta",
)  # fmt: skip


def _fill(*calls: CallRecord) -> CallRecord:
    """The first, with what it leaves open taken from the next ones. The outcome brings its own figures along."""
    call, *others = calls
    for other in others:
        if call.outcome is None and other.outcome is not None:
            for name in ("outcome", "answered", "billsec", "wait", "agent", "duration", "ended"):
                theirs = getattr(other, name)
                setattr(call, name, theirs if theirs is not None else getattr(call, name))
        quiet = call.outcome is not None and call.outcome not in ("answered", "ivr_only")
        for name in ("caller", "callee", "direction", "queue", "started", "ended", "duration", "wait", "hold", "wrap_up", "rings", "recording"):
            if getattr(call, name) is None and not (name == "wait" and call.outcome == "ivr_only"):
                setattr(call, name, getattr(other, name))
        if not quiet and call.outcome != "ivr_only":
            call.answered = call.answered if call.answered is not None else other.answered
            call.agent = call.agent or other.agent
        call.meta = {**other.meta, **call.meta}
    return call


def _with_queue(call: CallRecord, queue: CallRecord) -> CallRecord:
    """A record with what the queue's log knows better: queue, agent, wait, and that somebody gave up waiting."""
    call.queue = queue.queue or call.queue
    if queue.outcome == "answered":
        call.agent = queue.agent or call.agent
        call.wait = queue.wait if queue.wait is not None else call.wait
        call.answered = queue.answered if queue.answered is not None else call.answered
        call.outcome, call.billsec = "answered", queue.billsec or call.billsec
    elif queue.outcome in ("abandoned", "no_answer") and call.outcome != "answered":
        call.outcome, call.answered, call.agent, call.billsec = queue.outcome, None, None, 0
        call.wait = queue.wait if queue.wait is not None else call.wait
    call.meta = {**queue.meta, **call.meta}
    return _fill(call, queue)


_JOIN = {ASTERISK: asterisk.join, FREESWITCH: freeswitch.join, SINGLE: _single}
