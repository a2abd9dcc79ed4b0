"""Asterisk's cdr_csv and cdr_custom: rows of 16, 17, 18 or 21 columns, or of any by a list of their names.

One call writes several rows (each leg, each peer that rang, each end of a `Local/` channel); they are joined by linkedid,
else uniqueid. Who answered is read from the legs, never from one disposition alone: a menu that answered is no person.
"""

import csv
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from channels.base import Unparseable
from channels.calls.record import ASTERISK, CallRecord, Reading, Row
from channels.calls.times import read_moment, read_seconds, whole
from channels.calls.words import digest_of, direction_of, peer_of, text_of, whole_lines

COLUMNS = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer",
    "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield", "peeraccount", "linkedid", "sequence",
)  # fmt: skip
FEWEST = 16
_NEEDED = frozenset({"src", "dst", "start"})
_TALK = frozenset({"dial", "queue"})


def column_map(text: str) -> tuple[str, ...]:
    """The columns of a cdr_custom template in their order: names divided by commas, `-` for one that is not needed.
    Raises ValueError with the name that Asterisk does not know, or that is missing."""
    names = tuple(one.strip().lower() for one in text.replace("，", ",").split(",") if one.strip())
    for name in names:
        if name != "-" and name not in COLUMNS and name not in ("recordingfile", "did", "cnum", "cnam"):
            raise ValueError(name)
    for name in sorted(_NEEDED):
        if name not in names:
            raise ValueError(name)
    return names


def read_csv(raw: bytes, zone: ZoneInfo, columns: Sequence[str] = ()) -> Reading:
    """The rows of a file or of a piece of one. A first row that holds the columns' names maps them. Raises Unparseable
    when there are whole lines and none of them is a row."""
    lines, rest = whole_lines(raw)
    rows: list[Row] = []
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        try:
            cells = next(csv.reader([text_of(line).replace("\n", " ")]), [])
        except csv.Error:
            problems.append(str(number))
            continue
        if number == 1 and _NEEDED <= {cell.strip().lower() for cell in cells}:
            columns = [cell.strip().lower() for cell in cells]
            continue
        found = _row(line, cells, columns or COLUMNS, zone, FEWEST if not columns else 3)
        if found is None:
            problems.append(str(number))
        else:
            rows.append(found)
    if problems and not rows:
        raise Unparseable("没有一行是 Asterisk 的通话记录：列数不对，或缺少时间。")
    return Reading(tuple(rows), rest, tuple(problems))


def _row(line: bytes, cells: list[str], columns: Sequence[str], zone: ZoneInfo, fewest: int) -> Row | None:
    if len(cells) < fewest:
        return None
    given = {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if name != "-"}
    start, end = read_moment(given.get("start"), zone), read_moment(given.get("end"), zone)
    if start is None and end is None and not given.get("uniqueid"):
        return None
    linked, unique = given.get("linkedid", ""), given.get("uniqueid", "")
    data: dict[str, Any] = {k: v for k, v in given.items() if v and k not in ("start", "answer", "end")}
    data |= {"start": start, "answer": read_moment(given.get("answer"), zone), "end": end}
    call_id = linked or unique or digest_of(line)
    return Row(call_id[:190], hashlib.sha256(line).hexdigest()[:40], ASTERISK, data)


def join(call_id: str, rows: Sequence[Mapping[str, Any]]) -> CallRecord:
    """The call that these rows of one linkedid make together; they all have ended."""
    legs = [r for r in rows if not _hangup(r)] or list(rows)
    first = next((r for r in legs if not _local(r.get("channel"))), legs[0])
    caller, callee = first.get("src") or None, first.get("dst") or None
    direction = direction_of(caller, callee)
    talk = [r for r in legs if str(r.get("lastapp", "")).lower() in _TALK]
    took = sorted((r for r in talk if _took(r)), key=lambda r: r.get("answer") or r.get("start") or 0)
    starts = [r["start"] for r in legs if r.get("start") is not None]
    ends = [r["end"] for r in legs if r.get("end") is not None]
    started, ended = min(starts, default=None), max(ends, default=None)
    call = CallRecord(call_id, caller, callee, direction, started=started, ended=ended, legs=len(rows))
    call.queue = next((q for q in map(_queue, legs) if q), None)
    leg = took[0] if took else None
    if leg is not None:
        call.outcome, call.billsec = "answered", _billsec(leg)
        call.agent = caller if direction == "outbound" else peer_of(str(leg.get("dstchannel", "")))
        call.answered = _answer(leg)
    elif not talk and any(_disposition(r) == "ANSWERED" for r in legs):
        played = max((r for r in legs if _disposition(r) == "ANSWERED"), key=_billsec)
        call.outcome, call.billsec, call.answered = "ivr_only", _billsec(played), _answer(played)
    else:
        said = {_disposition(r) for r in talk or legs}
        call.outcome = "busy" if "BUSY" in said else "failed" if said & {"FAILED", "CONGESTION"} else "no_answer"
    own = read_seconds(rows[0].get("duration")) if len(rows) == 1 else None
    call.duration = own if own is not None else _between(started, ended)
    if call.outcome != "ivr_only":
        call.wait = _between(started, call.answered if leg is not None else ended)
    ring = next((peer for r in talk if (peer := _peer(r))), None)
    call.rings = None if direction == "outbound" else ring
    call.recording = next((str(r["recordingfile"]) for r in legs if r.get("recordingfile")), None)
    if name := _name(str(first.get("clid", "")), caller):
        call.meta["caller_name"] = name
    return call


def _took(row: Mapping[str, Any]) -> bool:
    """Whether a person answered this leg."""
    other = row.get("dstchannel")
    return _disposition(row) == "ANSWERED" and _billsec(row) > 0 and bool(other) and not _local(other)


def _peer(row: Mapping[str, Any]) -> str | None:
    other = row.get("dstchannel")
    return None if not other or _local(other) else peer_of(str(other))


def _local(channel: Any) -> bool:
    return str(channel or "").lower().startswith("local/")


def _hangup(row: Mapping[str, Any]) -> bool:
    return str(row.get("lastapp", "")).lower() == "hangup" and not (read_seconds(row.get("duration")) or 0)


def _disposition(row: Mapping[str, Any]) -> str:
    return str(row.get("disposition", "")).strip().upper()


def _billsec(row: Mapping[str, Any]) -> int:
    return read_seconds(row.get("billsec")) or 0


def _answer(row: Mapping[str, Any]) -> float | None:
    if row.get("answer") is not None:
        return float(row["answer"])
    return None if row.get("end") is None else float(row["end"]) - _billsec(row)


def _queue(row: Mapping[str, Any]) -> str | None:
    if str(row.get("lastapp", "")).lower() != "queue":
        return None
    return re.split(r"[,|]", str(row.get("lastdata", "")))[0].strip() or None


def _name(clid: str, number: str | None) -> str:
    """The caller's name of `"name" <number>`, where it says more than the number."""
    found = re.match(r'\s*"(.*)"\s*<', clid)
    name = found[1].strip() if found else ""
    return name[:80] if name and name != number and not re.fullmatch(r"[+\d\s-]+", name) else ""


def _between(start: float | None, end: float | None) -> int | None:
    return None if start is None or end is None else whole(end - start)
