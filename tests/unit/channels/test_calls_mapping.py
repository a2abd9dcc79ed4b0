"""JSON of cloud providers by their field maps."""

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from channels.base import Unparseable
from channels.calls.joining import calls_of
from channels.calls.mapping import BadMap, read_map, read_mapped, value_at
from channels.calls.providers import ALIYUN, MOOR, PROVIDERS, TENCENT, TINET
from channels.calls.record import CallRecord

SHANGHAI = ZoneInfo("Asia/Shanghai")


def call(body: Any, fields: Any) -> CallRecord:
    (found,) = calls_of(read_mapped(json.dumps(body).encode(), SHANGHAI, fields).rows)
    return found


def shown(found: CallRecord) -> dict[str, Any]:
    return found.to_json()


MOOR_BODY = {
    "CallSheetID": "m-1", "CallNo": "13800138000", "CalledNo": "02161234567", "CallType": "normal", "Exten": "8001", "Queue": "1000000001",
    "State": "dealing", "Ring": "2026-11-20 12:00:00", "Begin": "2026-11-20 12:00:07", "End": "2026-11-20 12:01:00",
    "FileServer": "https://rec.example", "RecordFile": "monitor/1.mp3", "CallState": "Hangup", "IVRKEY": "10004@0",
}  # fmt: skip


def test_moor() -> None:
    told = shown(call(MOOR_BODY, MOOR))
    assert (told["direction"], told["outcome"], told["agent"], told["billsec"], told["wait"]) == ("inbound", "answered", "8001", 53, 7)
    assert (told["started_at"], told["recording"]) == ("2026-11-20T04:00:00+00:00", "https://rec.example/monitor/1.mp3")
    missed = shown(call(MOOR_BODY | {"Begin": "", "State": "queueLeak", "Exten": ""}, MOOR))
    assert (missed["outcome"], missed["answered_at"], missed["wait"], missed["agent"]) == ("abandoned", None, 60, None)


def test_moor_tells_while_it_happens() -> None:
    live = {k: MOOR_BODY[k] for k in ("CallSheetID", "CallNo", "CalledNo", "CallType", "Exten")}
    rows = [
        *read_mapped(json.dumps(live | {"CallState": "Ringing", "Ring": "2026-11-20 12:00:00"}).encode(), SHANGHAI, MOOR).rows,
        *read_mapped(json.dumps(live | {"CallState": "Link", "Begin": "2026-11-20 12:00:07"}).encode(), SHANGHAI, MOOR).rows,
    ]
    (found,) = calls_of(rows)
    assert (found.outcome, found.rings, found.agent) == (None, "8001", "8001")
    (found,) = calls_of([*rows, *read_mapped(json.dumps(MOOR_BODY).encode(), SHANGHAI, MOOR).rows])
    assert (found.outcome, found.billsec, found.legs) == ("answered", 53, 3)


def test_tencent() -> None:
    body = {"SessionId": "t-1", "Caller": "008613800138000", "Callee": "0086021", "Direction": 0, "StartTimestamp": 1763611200,
            "AcceptTimestamp": 1763611212, "EndedTimestamp": 1763611300, "EndStatusString": "ok", "SeatUser": {"UserId": "a", "StaffNumber": "8001"},
            "Duration": 88, "RecordURL": "https://cos.example/1.mp3", "PostIVRKeyPressed": [{"Key": "1", "Label": "满意"}]}  # fmt: skip
    told = call(body, TENCENT)
    assert (told.direction, told.outcome, told.agent, told.billsec, told.wait) == ("inbound", "answered", "8001", 88, 12)
    assert told.meta["rating"] == "1"
    gave_up = call(body | {"EndStatusString": "userGiveUp", "AcceptTimestamp": 0, "SeatUser": None}, TENCENT)
    assert (gave_up.outcome, gave_up.answered, gave_up.billsec) == ("abandoned", None, 0)


def test_aliyun_lists_in_milliseconds() -> None:
    one = {"ContactId": "a-1", "CallingNumber": "13800138000", "CalledNumber": "02161234567", "ContactType": "INBOUND", "ContactDisposition": "Success",
           "StartTime": 1763611200000, "EstablishedTime": 1763611205500, "ReleaseTime": 1763611265000, "AgentIds": ["8001"], "SkillGroupNames": ["售后"]}  # fmt: skip
    body = {"Data": {"List": [one, one | {"ContactId": "a-2", "ContactDisposition": "AbandonedInQueue", "EstablishedTime": None}]}}
    first, second = calls_of(read_mapped(json.dumps(body).encode(), SHANGHAI, ALIYUN).rows)
    assert (first.agent, first.queue, first.started, first.outcome) == ("8001", "售后", 1763611200.0, "answered")
    assert (second.external_id, second.outcome, second.wait) == ("a-2", "abandoned", 65)


def test_tinet() -> None:
    body = {"uniqueId": "x-1", "customerNumber": "13800138000", "callType": "3", "startTime": "1763611200", "bridgeTime": "", "endTime": "1763611230", "status": "2", "cno": "2001"}
    told = call(body, TINET)
    assert (told.direction, told.outcome, told.agent, told.wait, told.duration) == ("outbound", "no_answer", None, 30, 30)


def test_every_provider_has_a_good_map() -> None:
    for fields in PROVIDERS.values():
        assert read_map(json.dumps(fields)) == fields


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", "{}", '{"fields": {"caller": "x"}}', '{"fields": {"external_id": "x", "colour": "y"}}', '{"fields": {"external_id": 5}}',
        '{"fields": {"external_id": []}}', '{"fields": {"external_id": "x"}, "time": "hours"}', '{"fields": {"external_id": "x"}, "values": {"queue": {}}}',
        '{"fields": {"external_id": "x"}, "values": {"outcome": {"ok": "fine"}}}', '{"fields": {"external_id": "x"}, "live": {"field": "s"}}',
        '{"fields": {"external_id": "x"}, "live": {"field": "s", "values": {"a": "sing"}}}', "[" * 5000,
        '{"fields": {"external_id": "x"}, "values": []}', '{"fields": {"external_id": "x"}, "meta": 5}', '{"fields": {"external_id": "x"}, "list": 5}',
    ],
)  # fmt: skip
def test_a_bad_map_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadMap) as refused:
        read_map(text)
    assert str(refused.value)


def test_paths() -> None:
    body = {"a": {"b": [{"c": 1}, 2]}, "d": ""}
    assert [value_at(body, p) for p in ("a.b[0].c", "a.b[1]", "a.b[9]", "a.x.y", "d", "a.b.c")] == [1, 2, None, None, "", None]


@pytest.mark.parametrize("body", ["", "[", "[]", "5", "{}", '[{"x": 1}]', '"a"', "null"])
def test_what_holds_no_call_is_refused(body: str) -> None:
    with pytest.raises(Unparseable):
        read_mapped(body.encode(), SHANGHAI, MOOR)
