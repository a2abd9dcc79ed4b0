"""JSON of cloud providers by a field map: which of their fields is ours, what their words mean, how they write times.

A map is data that an administrator may edit and try on a sample. {"list": path of the list of records, if there is one;
"fields": ours → path, list of paths (the first with a value counts), or text with {paths}; "values": ours → {theirs: ours};
"time": text, s or ms; "live": {"field": path, "values": {theirs: ring | answer | hangup | record}}; "meta": name → path}.
A path is names divided by dots, `[0]` for an item of a list.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from channels.base import Unparseable
from channels.calls.live import complete, live_row
from channels.calls.models import DIRECTIONS, OUTCOMES
from channels.calls.record import SINGLE, Reading, Row
from channels.calls.times import read_epoch, read_moment, read_seconds
from channels.calls.words import json_of

OURS = (
    "external_id", "caller", "callee", "caller_name", "direction", "queue", "agent", "outcome", "started_at", "answered_at",
    "ended_at", "duration", "billsec", "wait", "hold_s", "wrap_up_s", "recording", "at",
)  # fmt: skip
UNITS = ("text", "s", "ms")
LIVE_WORDS = ("ring", "answer", "hangup", "record")
MOST = 500
_PATH = re.compile(r"[^\s{}]{1,120}")
_PLACE = re.compile(r"\{([^\s{}]+)\}")


class BadMap(ValueError):
    """The field map cannot be used; `reason` is a sentence and `data` fills its places."""

    def __init__(self, reason: str, **data: object) -> None:
        self.reason, self.data = reason, data
        super().__init__(reason % data)


def read_map(text: str) -> dict[str, Any]:
    """A field map of an administrator's text. Raises BadMap with what is wrong."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise BadMap("字段表不是有效的 JSON：第 %(line)s 行。", line=getattr(problem, "lineno", 1)) from None
    if not isinstance(found, dict) or not isinstance(found.get("fields"), dict):
        raise BadMap("字段表要有 fields。")
    fields = found["fields"]
    for name, path in fields.items():
        if name not in OURS:
            raise BadMap("fields 里没有叫 %(name)s 的字段。", name=str(name)[:60])
        paths = path if isinstance(path, list) else [path]
        if not paths or not all(isinstance(p, str) and (_PATH.fullmatch(p) or _PLACE.search(p)) for p in paths):
            raise BadMap("%(name)s 要写成对方的字段路径。", name=str(name)[:60])
    if "external_id" not in fields:
        raise BadMap("fields 里要有 external_id：对方的通话编号。")
    if found.get("time", "text") not in UNITS:
        raise BadMap("time 写 text、s 或 ms。")
    if not isinstance(found.get("values", {}), dict):
        raise BadMap("values 里只有 direction 和 outcome。")
    meta = found.get("meta", {})
    if not isinstance(meta, dict) or not all(isinstance(p, str) for p in meta.values()) or not isinstance(found.get("list", ""), str):
        raise BadMap("list 是一条路径，meta 是名字到路径。")
    for name, table in found.get("values", {}).items():
        allowed = {"direction": DIRECTIONS, "outcome": OUTCOMES}.get(name)
        if allowed is None or not isinstance(table, dict):
            raise BadMap("values 里只有 direction 和 outcome。")
        for theirs, ours in table.items():
            if ours not in (*allowed, ""):
                raise BadMap("%(theirs)s 译成的 %(ours)s 不是可用的值。", theirs=str(theirs)[:60], ours=str(ours)[:60])
    live = found.get("live")
    if live is not None and not (
        isinstance(live, dict) and isinstance(live.get("field"), str) and isinstance(live.get("values"), dict)
        and all(word in LIVE_WORDS for word in live["values"].values())
    ):  # fmt: skip
        raise BadMap("live 要有 field，values 里只有 ring、answer、hangup 和 record。")
    return found


def read_mapped(raw: bytes, zone: ZoneInfo, fields: Mapping[str, Any]) -> Reading:
    """The calls of a body by a map. Raises Unparseable with a sentence when none is found."""
    try:
        body = json_of(raw)
    except (ValueError, RecursionError):
        raise Unparseable("不是有效的 JSON。") from None
    if isinstance(body, dict) and fields.get("list") and isinstance(inner := value_at(body, fields["list"]), list):
        body = inner
    records = [one for one in (body if isinstance(body, list) else [body]) if isinstance(one, dict)][:MOST]
    rows = [row for row in (_row(one, zone, fields) for one in records) if row is not None]
    if not rows:
        raise Unparseable("按这张字段表找不到通话编号。")
    return Reading(tuple(rows))


def _row(body: Mapping[str, Any], zone: ZoneInfo, fields: Mapping[str, Any]) -> Row | None:
    given = {name: _value(body, path) for name, path in fields["fields"].items()}
    call_id = str(given.get("external_id") or "").strip()[:190]
    if not call_id:
        return None
    tables = fields.get("values") or {}
    for name in ("direction", "outcome"):
        if name in given:
            allowed = OUTCOMES if name == "outcome" else DIRECTIONS
            word = str(given[name] if given[name] is not None else "").strip()
            said = (tables.get(name) or {}).get(word, word)
            given[name] = said if said in allowed else None
    unit = fields.get("time", "text")
    times = {n: _time(given.get(n), unit, zone) for n in ("started_at", "answered_at", "ended_at", "at")}
    texts: dict[str, Any] = {
        n: str(given[n]).strip()[:1000] for n in ("caller", "callee", "queue", "agent", "recording") if given.get(n) not in (None, "")
    }
    meta = {name: _plain(v) for name, path in (fields.get("meta") or {}).items() if (v := _value(body, path)) not in (None, "")}
    if given.get("caller_name"):
        meta["caller_name"] = str(given["caller_name"])[:80]
    common = {**texts, "direction": given.get("direction"), "meta": meta or None}
    live = fields.get("live") or {}
    event = (live.get("values") or {}).get(str(value_at(body, live["field"]) or "")) if live else None
    if event in ("ring", "answer", "hangup"):
        at = times["at"] or {"ring": times["started_at"], "answer": times["answered_at"], "hangup": times["ended_at"]}[event]
        if event == "hangup" and given.get("outcome") and times["ended_at"]:
            event = "record"  # the last state tells the whole call
        else:
            return live_row(call_id, event, at, common | ({"outcome": given["outcome"]} if event == "hangup" and given.get("outcome") else {}))
    seconds = {
        ours: read_seconds(given.get(n))
        for n, ours in (("duration", "duration"), ("billsec", "billsec"), ("wait", "wait"), ("hold_s", "hold"), ("wrap_up_s", "wrap_up"))
    }
    record = {**common, **seconds, "outcome": given.get("outcome")}
    record |= {"started": times["started_at"], "answered": times["answered_at"], "ended": times["ended_at"]}
    found = {k: v for k, v in complete(record).items() if v is not None}
    digest = hashlib.sha256(json.dumps(found, sort_keys=True, default=str).encode()).hexdigest()
    return Row(call_id, "m" + digest[:40], SINGLE, found)


def value_at(body: Any, path: str) -> Any:
    """The value at a path; None where there is none."""
    for name in re.findall(r"[^.\[\]]+|\[\d+\]", path):
        if name.startswith("["):
            place = int(name[1:-1])
            body = body[place] if isinstance(body, list) and place < len(body) else None
        else:
            body = body.get(name) if isinstance(body, dict) else None
    return body


def _value(body: Any, path: Any) -> Any:
    for one in path if isinstance(path, list) else [path]:
        if _PLACE.search(one):
            parts = [value_at(body, name) for name in _PLACE.findall(one)]
            if all(p not in (None, "") for p in parts):
                filled = iter(str(p) for p in parts)
                return _PLACE.sub(lambda _found, filled=filled: next(filled), one)  # type: ignore[misc]
            continue
        found = value_at(body, one)
        if found not in (None, "", [], {}):
            return _plain(found)
    return None


def _plain(value: Any) -> Any:
    """A list says its first plain item: providers send one agent as a list of one."""
    if isinstance(value, list):
        plain = [v for v in value if not isinstance(v, dict | list)]
        return plain[0] if plain else None
    return None if isinstance(value, dict) else value


def _time(value: Any, unit: str, zone: ZoneInfo) -> float | None:
    if unit in ("s", "ms") and (found := read_epoch(value, unit)) is not None:
        return found
    return read_moment(value, zone)
