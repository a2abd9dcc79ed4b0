"""Call records as exchanges write them: what each format says, and how rows become calls."""

import json
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as some

from app.commands.parse import parse_command
from channels.base import Unparseable
from channels.calls.asterisk import COLUMNS, column_map, read_csv
from channels.calls.formats import FORMATS, detect, parse_calls, unwrap
from channels.calls.joining import calls_of
from channels.calls.numbers import read_number
from channels.calls.record import CallRecord

UTC = ZoneInfo("UTC")
ROW = {
    "accountcode": "", "src": "13800138000", "dst": "8001", "dcontext": "in", "clid": '"王工" <13800138000>', "channel": "SIP/trunk-01",
    "dstchannel": "SIP/301-0a", "lastapp": "Dial", "lastdata": "SIP/301", "start": "2026-11-20 12:00:00", "answer": "2026-11-20 12:00:09",
    "end": "2026-11-20 12:01:00", "duration": "60", "billsec": "51", "disposition": "ANSWERED", "amaflags": "DOCUMENTATION",
    "uniqueid": "17.1", "userfield": "", "peeraccount": "", "linkedid": "17.1", "sequence": "4",
}  # fmt: skip


def line(columns: int = 21, *, quoted: bool = True, **changes: str) -> bytes:
    cells = [(ROW | changes)[name] for name in COLUMNS[:columns]]
    if quoted:
        cells = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    return (",".join(cells) + "\n").encode()


def calls(raw: bytes, form: str = "asterisk-csv", zone: str = "UTC") -> list[dict[str, object]]:
    found: list[dict[str, object]] = parse_calls(raw, form, zone)["calls"]
    return found


def one(raw: bytes, form: str = "asterisk-csv", zone: str = "UTC") -> dict[str, object]:
    (found,) = calls(raw, form, zone)
    return found


@pytest.mark.parametrize("columns", [16, 17, 18, 21])
@pytest.mark.parametrize("quoted", [True, False])
def test_every_width_of_a_row(columns: int, quoted: bool) -> None:
    call = one(line(columns, quoted=quoted, clid="x"))
    assert (call["caller"], call["callee"], call["direction"], call["agent"]) == ("13800138000", "8001", "inbound", "301")
    assert (call["outcome"], call["billsec"], call["wait"], call["duration"], call["legs"]) == ("answered", 51, 9, 60, 1)
    assert call["answered_at"] == "2026-11-20T12:00:09+00:00"
    assert str(call["external_id"]).startswith("sha256:") if columns == 16 else call["external_id"] == "17.1"


def test_a_stamp_is_local_time() -> None:
    assert one(line(), zone="Asia/Shanghai")["started_at"] == "2026-11-20T04:00:00+00:00"


@pytest.mark.parametrize("answer", [b",,", b',"",'])
def test_no_answer_bare_or_quoted(answer: bytes) -> None:
    raw = line(answer="@", disposition="NO ANSWER", billsec="0").replace(b',"@",', answer)
    call = one(raw)
    assert (call["outcome"], call["answered_at"], call["agent"], call["wait"], call["billsec"]) == ("no_answer", None, None, 60, 0)


@pytest.mark.parametrize(
    ("changes", "outcome", "billsec"),
    [
        ({"disposition": "BUSY", "billsec": "0"}, "busy", 0),
        ({"disposition": "FAILED", "billsec": "0"}, "failed", 0),
        ({"disposition": "CONGESTION", "billsec": "0"}, "failed", 0),
        ({"disposition": "NO ANSWER", "billsec": "60"}, "no_answer", 0),
        ({"disposition": "ANSWERED", "billsec": "0"}, "no_answer", 0),
        ({"dstchannel": "Local/301@agents-01;1"}, "no_answer", 0),
        ({"dstchannel": ""}, "no_answer", 0),
        ({"lastapp": "Playback", "dstchannel": ""}, "ivr_only", 51),
        ({"lastapp": "Queue", "lastdata": "support,t,,,30"}, "answered", 51),
    ],
)
def test_who_answered_is_not_told_by_one_column(changes: dict[str, str], outcome: str, billsec: int) -> None:
    call = one(line(**changes))
    assert (call["outcome"], call["billsec"]) == (outcome, billsec)
    assert call["queue"] == ("support" if changes.get("lastapp") == "Queue" else None)
    assert (call["answered_at"] is None) == (outcome not in ("answered", "ivr_only"))
    assert (call["wait"] is None) == (outcome == "ivr_only")


def test_legs_are_one_call() -> None:
    raw = (
        line(channel="Local/a@q-01;2", dst="a", disposition="NO ANSWER", billsec="0", uniqueid="17.3", end="2026-11-20 12:00:20")
        + line(dstchannel="Local/a@q-01;1", billsec="51")
        + line(dstchannel="PJSIP/my-trunk-0b", start="2026-11-20 12:00:09", end="2026-11-20 12:02:00", billsec="111", lastapp="Queue", lastdata="q1")
        + line(lastapp="Hangup", lastdata="16", dstchannel="", start="2026-11-20 12:09:00", end="2026-11-20 12:09:00", duration="0", billsec="0")
    )
    call = one(raw)
    assert (call["caller"], call["callee"], call["agent"], call["queue"]) == ("13800138000", "8001", "my-trunk", "q1")
    assert (call["legs"], call["billsec"], call["duration"], call["wait"]) == (4, 111, 120, 9)
    assert call["ended_at"] == "2026-11-20T12:02:00+00:00"


def test_who_called_out_is_the_agent() -> None:
    call = one(line(src="8016", dst="013912345678"))
    assert (call["direction"], call["agent"]) == ("outbound", "8016")
    assert one(line(src="8016", dst="8017"))["direction"] == "internal"
    assert one(line(src="02161234567", dst="02188888888"))["direction"] is None


def test_a_half_written_line_waits() -> None:
    half = '"","5511","王'.encode()
    found = parse_calls(line() + half, "asterisk-csv")
    assert (len(found["calls"]), found["incomplete_bytes"]) == (1, len(half))
    assert parse_calls(half, "asterisk-csv") == {"calls": [], "incomplete_bytes": len(half), "problems": []}
    assert parse_calls(line().rstrip(b"\n"), "asterisk-csv")["calls"] == []


def test_garbage_bytes_do_no_harm() -> None:
    raw = line().replace("王工".encode(), b"\xa5\xa5\xff\x00")
    call = one(b"\xef\xbb\xbf" + raw.replace(b"\n", b"\r\n"))
    assert call["caller"] == "13800138000" and "\x00" not in json.dumps(call)


def test_bad_rows_are_named_and_the_others_stay() -> None:
    found = parse_calls(b"nonsense\n" + line() + b"1,2,3\n", "asterisk-csv")
    assert len(found["calls"]) == 1 and found["problems"] == ["1", "3"]
    with pytest.raises(Unparseable):
        parse_calls(b"nonsense\n", "asterisk-csv")


def test_a_template_of_ones_own() -> None:
    names = column_map("clid, src, dst, channel, dstchannel, lastapp, lastdata, start, answer, end, duration, billsec, disposition, -, uniqueid")
    cells = [ROW.get(name, "x") for name in names]
    raw = (",".join('"' + c.replace('"', '""') + '"' for c in cells) + "\n").encode()
    (call,) = calls_of(read_csv(raw, UTC, names).rows)
    assert (call.caller, call.billsec, call.meta) == ("13800138000", 51, {"caller_name": "王工"})
    named = (",".join(names) + "\n").encode() + raw
    assert [c.external_id for c in calls_of(read_csv(named, UTC).rows)] == ["17.1"]
    for wrong in ("src,dst,start,colour", "src,dst", ""):
        with pytest.raises(ValueError):
            column_map(wrong)


QUEUE = (
    b"1763640000|NONE|NONE|NONE|QUEUESTART|\n1763640000|17.1|support|NONE|ENTERQUEUE||13800138000|1\n"
    b"1763640003|17.1|support|SIP/302|RINGNOANSWER|3000\n1763640010|17.1|support|SIP/301|CONNECT|10|17.2|4\n"
    b"1763640070|17.1|support|SIP/301|COMPLETECALLER|10|60|1\n1763640020|18.1|sales|NONE|ENTERQUEUE||13900000000|1\n"
    b"1763640050|18.1|sales|NONE|ABANDON|1|1|30\n1763640020|19.1|sales|NONE|ENTERQUEUE||02161234567|2\n"
    b"1763640080|19.1|sales|NONE|EXITWITHTIMEOUT|1|2|60\n1763640090|20.1|sales|NONE|ENTERQUEUE||13700000000|1\n"
)


def test_the_log_of_a_queue() -> None:
    taken, gone, late = calls(QUEUE, "asterisk-queue-log")
    assert (taken["external_id"], taken["agent"], taken["wait"], taken["billsec"], taken["duration"], taken["legs"]) == ("17.1", "301", 10, 60, 70, 4)
    assert (gone["outcome"], gone["caller"], gone["queue"], gone["wait"], gone["agent"]) == ("abandoned", "13900000000", "sales", 30, None)
    assert (late["outcome"], late["wait"], late["answered_at"]) == ("no_answer", 60, None)


def test_a_second_queue_is_the_same_call() -> None:
    raw = QUEUE + b"1763640081|19.1|night|NONE|ENTERQUEUE||02161234567|1\n"
    assert [c["external_id"] for c in calls(raw, "asterisk-queue-log")] == ["17.1", "18.1"]


def test_queue_and_record_together() -> None:
    record = read_csv(line(lastapp="Queue", lastdata="support", answer="2026-11-20 12:00:00"), UTC).rows
    queue = FORMATS["asterisk-queue-log"](QUEUE, UTC, ()).rows
    call = next(c for c in calls_of([*queue, *record]) if c.external_id == "17.1")
    assert (call.queue, call.agent, call.wait, call.billsec, call.callee, call.legs) == ("support", "301", 10, 60, "8001", 5)


FS = '"王工","13800138000","8001","default","2026-11-20 12:00:00","2026-11-20 12:00:05","2026-11-20 12:01:00","60","55","NORMAL_CLEARING","3da8bf84-c133-4959-9e24-e72875cb33a1","","acc"\n'


def test_freeswitch_rows() -> None:
    call = one(FS.encode(), "freeswitch-csv")
    assert (call["outcome"], call["billsec"], call["wait"], call["external_id"]) == ("answered", 55, 5, "3da8bf84-c133-4959-9e24-e72875cb33a1")
    bare = FS.replace('"', "").replace("2026-11-20 12:00:00", "2026/11/20 12:00").replace("2026-11-20 12:01:00", "2026/11/20 12:01")
    assert one(bare.encode(), "freeswitch-csv")["started_at"] == "2026-11-20T12:00:00+00:00"
    twice = one((FS + FS.replace('"55"', '"50"')).encode(), "freeswitch-csv")
    assert (twice["legs"], twice["billsec"]) == (2, 50)


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [("USER_BUSY", "busy"), ("NO_ANSWER", "no_answer"), ("ORIGINATOR_CANCEL", "no_answer"), ("NORMAL_CLEARING", "no_answer"), ("CALL_REJECTED", "failed")],
)
def test_freeswitch_says_why_nobody_talked(cause: str, outcome: str) -> None:
    raw = FS.replace('"2026-11-20 12:00:05"', '""').replace('"55"', '"0"').replace("NORMAL_CLEARING", cause).encode()
    call = one(raw, "freeswitch-csv")
    assert (call["outcome"], call["answered_at"], call["wait"]) == (outcome, None, 60)


VARIABLES = {
    "uuid": "u-1", "start_stamp": "2026-11-20 20:00:00", "start_epoch": "1763640000", "answer_epoch": "1763640003", "bridge_epoch": "1763640005",
    "end_epoch": "1763640065", "billsec": "62", "hangup_cause": "NORMAL_CLEARING", "bridge_channel": "sofia/internal/301@10.0.0.1:5060",
    "cc_queue": "support@default", "sip_from_user": "13800138000", "effective_caller_id_name": "A 100%25 B",
}  # fmt: skip
PROFILE = {"caller_id_number": "13800138000", "destination_number": "8001", "caller_id_name": "王工"}


def fs_json(**changes: str | None) -> bytes:
    merged = {k: v for k, v in (VARIABLES | changes).items() if v is not None}
    return json.dumps({"variables": merged, "callflow": [{"caller_profile": PROFILE}]}).encode()


def test_a_body_of_freeswitch() -> None:
    call = one(fs_json(), "freeswitch-json", "Asia/Shanghai")
    assert (call["caller"], call["callee"], call["agent"], call["queue"]) == ("13800138000", "8001", "301", "support@default")
    assert (call["started_at"], call["answered_at"]) == ("2025-11-20T12:00:00+00:00", "2025-11-20T12:00:05+00:00")
    assert (call["outcome"], call["billsec"], call["duration"], call["wait"]) == ("answered", 62, 65, 5)
    assert one(fs_json(bridge_epoch="0", cc_queue=None), "freeswitch-json")["outcome"] == "ivr_only"
    gave_up = fs_json(bridge_epoch="0", cc_cause="cancel", cc_cancel_reason="BREAK_OUT")
    assert one(gave_up, "freeswitch-json")["outcome"] == "abandoned"


def test_encoded_or_not_it_is_the_same_call() -> None:
    encoded = {k: quote(v) for k, v in VARIABLES.items()}
    xml = "<cdr><variables>" + "".join(f"<{k}>{v}</{k}>" for k, v in encoded.items()) + "</variables><callflow><caller_profile>"
    xml += "".join(f"<{k}>{quote(v)}</{k}>" for k, v in PROFILE.items()) + "</caller_profile></callflow></cdr>"
    assert one(xml.encode(), "freeswitch-xml") == one(fs_json(), "freeswitch-json")
    form = f"cdr={quote(xml)}".encode()
    assert unwrap(form, "application/x-www-form-urlencoded") == xml.encode() == unwrap(form)
    with pytest.raises(Unparseable):
        parse_calls(b'<!DOCTYPE x [<!ENTITY a "b">]>' + xml.encode(), "freeswitch-xml")


def test_an_event_of_freeswitch() -> None:
    head = "Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: u-9\nCaller-Caller-ID-Number: 13800138000\nCaller-Destination-Number: 8001\n"
    event = head + "".join(f"variable_{k}: {quote(v)}\n" for k, v in VARIABLES.items() if k != "uuid")
    call = one(event.encode(), "freeswitch-esl")
    assert (call["external_id"], call["caller"], call["billsec"]) == ("u-9", "13800138000", 62)
    ring = b"Event-Name: CHANNEL_PROGRESS\nUnique-ID: b\nOther-Leg-Unique-ID: u-9\nCall-Direction: outbound\nCaller-Caller-ID-Number: 13800138000\nCaller-Destination-Number: 301\n"
    (row,) = FORMATS["freeswitch-esl"](ring, UTC, ()).rows
    assert (row.call_id, row.data["event"], row.data["agent"]) == ("u-9", "ring", "301")


def test_kamailio() -> None:
    body = {"event": "CGR_CALL_END", "callid": "k@1", "cgr_account": "13800138000", "cgr_destination": "1002", "cgr_answertime": "1763640000", "cgr_duration": "3"}
    call = one(json.dumps(body).encode(), "kamailio-json")
    assert (call["external_id"], call["billsec"], call["started_at"], call["wait"], call["outcome"]) == ("k@1", 3, None, None, "answered")
    assert calls(json.dumps(body | {"event": "CGR_CALL_START"}).encode(), "kamailio-json") == []


def test_events_of_asterisk() -> None:
    ring = b"Event: DialBegin\r\nLinkedid: 17.1\r\nCallerIDNum: 13800138000\r\nDestChannel: PJSIP/301-0000000a\r\nDestExten: 8001\r\n\r\n"
    taken = json.dumps({"Event": "DialEnd", "Linkedid": "17.1", "DialStatus": "ANSWER", "DestChannel": "PJSIP/301-0000000a", "Timestamp": "1763640004.5"})
    rows = [*FORMATS["asterisk-ami"](ring, UTC, ()).rows, *FORMATS["asterisk-ami"](taken.encode(), UTC, ()).rows]
    assert [(r.data["event"], r.data["agent"]) for r in rows] == [("ring", "301"), ("answer", "301")]
    (call,) = calls_of(rows)
    assert (call.rings, call.agent, call.caller, call.outcome) == ("301", "301", "13800138000", None)


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        (line(), "asterisk-csv"), (FS.encode(), "freeswitch-csv"), (QUEUE, "asterisk-queue-log"), (fs_json(), "freeswitch-json"),
        (b"<cdr/>", "freeswitch-xml"), (b"Event-Name: X\n", "freeswitch-esl"), (b'{"event":"ring","id":"1"}', "plain-json"),
        (b'{"Event":"Hangup"}', "asterisk-ami"), (b'{"event":"CGR_CALL_END","callid":"1"}', "kamailio-json"),
        (b'{"type":"Dial","channel":{"id":"1"}}', "asterisk-ari"),
    ],
)  # fmt: skip
def test_a_format_shows_itself(raw: bytes, form: str) -> None:
    assert detect(raw) == form


@given(raw=some.binary(max_size=400), form=some.sampled_from(sorted(FORMATS)))
def test_noise_is_refused_in_words_or_gives_nothing(raw: bytes, form: str) -> None:
    try:
        found = parse_calls(raw, form)
    except Unparseable as problem:
        assert str(problem).strip()
    else:
        json.dumps(found, allow_nan=False).encode()


@given(some.permutations(range(4)), some.data())
def test_the_order_of_rows_does_not_matter(order: list[int], data: some.DataObject) -> None:
    rows = read_csv(line(dstchannel="SIP/1-1", disposition="NO ANSWER", billsec="0", channel="SIP/t-1") + line(), UTC).rows
    queue = FORMATS["asterisk-queue-log"](QUEUE, UTC, ()).rows[:4]
    everything = [*rows, *queue]
    (call,) = [c for c in calls_of(data.draw(some.permutations(everything))) if c.external_id == "17.1"]
    assert isinstance(call, CallRecord)
    assert (call.outcome, call.billsec, call.wait, call.agent, call.queue) == ("answered", 60, 10, "301", "support")


@pytest.mark.parametrize(
    ("raw", "kind", "value", "extension"),
    [
        ("13800138000", "outside", "+8613800138000", ""), ("0086 138-0013-8000", "outside", "+8613800138000", ""),
        ("9013800138000", "outside", "+8613800138000", ""), ("95588", "outside", "short:95588", ""), ("110", "outside", "short:110", ""),
        ("07558888888转8001", "unknown", "", ""), ("0755-88888888-8001", "outside", "+8675588888888", "8001"),
        ("021-61234567 ext. 801", "outside", "+862161234567", "801"), ("4008123123", "outside", "+864008123123", ""),
        ("1001", "extension", "1001", ""), ("12345", "extension", "12345", ""), ("anonymous", "withheld", "", ""), ("", "withheld", "", ""),
        ("Restricted", "withheld", "", ""), ("1065502010012345", "unknown", "", ""), ("14900000000", "unknown", "", ""),
    ],
)  # fmt: skip
def test_numbers(raw: str, kind: str, value: str, extension: str) -> None:
    found = read_number(raw, "9", frozenset({"12345"}))
    assert (found.kind, found.value, found.extension) == (kind, value, extension)


def test_the_observed_numbers() -> None:
    source = Path("../shared/corpora/callcenter/phone_numbers_observed.jsonl")
    if not source.exists():
        pytest.skip("optional: corpora are not here")
    for row in map(json.loads, source.read_text("utf-8").splitlines()):
        found = read_number(row["in"])
        if row.get("valid"):
            assert (found.kind, found.value, found.extension) == ("outside", row["e164"], row["ext"] or ""), row
        elif row.get("short"):
            assert (found.kind, found.value) == ("outside", f"short:{row['in']}"), row
        else:
            assert found.value in ("", "1001", "+8675588888888"), row


def test_the_command_answers_each_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(line())
    (tmp_path / "b.csv").write_bytes(b"nonsense\n")
    files = [str(tmp_path / name) for name in ("a.csv", "b.csv", "none.csv")]
    done = CliRunner().invoke(parse_command, ["--kind", "calls", "--format", "asterisk-csv", "--timezone", "Asia/Shanghai", *files])
    answers = [json.loads(one) for one in done.stdout.splitlines()]
    assert done.exit_code == 0 and [a["file"] for a in answers] == files
    assert answers[0]["calls"][0]["started_at"] == "2026-11-20T04:00:00+00:00" and answers[1]["error"] and answers[2]["error"]
    assert CliRunner().invoke(parse_command, ["--kind", "calls", files[0]]).exit_code == 2
    assert CliRunner().invoke(parse_command, ["--kind", "calls", "--format", "asterisk-csv", "--timezone", "Mars", files[0]]).exit_code == 2
