"""/hooks/calls/…, the recording behind its gate, and the page of a source of calls with its field map."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import select

from app.core.audit import AuditRow
from app.core.db import session
from app.core.files import StoredFile
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels.accounts import add_account, set_account
from channels.calls.models import Call
from channels.models import Account, RawPayload
from tests.conftest import FreshClient

SECRET = "0123456789abcdef"
HOOK = "/hooks/calls/hotline"
RING = {"event": "ring", "id": "c1", "caller": "13800138000", "callee": "8001", "agent": "301"}
SOUND = b"RIFF\x00\x00\x00\x00WAVE" + bytes(range(200))


@pytest.fixture
def account(app: Flask) -> int:
    with unit_of_work():
        return add_account(SYSTEM, "calls", "hotline", {"secret": SECRET}).id


def calls() -> list[Call]:
    session().rollback()
    return list(session().scalars(select(Call).order_by(Call.id)))


def test_a_report_is_taken_in_by_either_way_to_say_the_secret(client: FreshClient, account: int) -> None:
    assert client.post(HOOK, json=RING, headers={"X-Huiyin-Secret": SECRET}).status_code == 202
    answer = client.post(f"{HOOK}?secret={SECRET}", json=RING | {"event": "answer"})
    assert (answer.status_code, answer.get_json()) == (202, {"ok": True})
    (call,) = calls()
    assert call.live and call.answered_at and call.number == "+8613800138000"


@pytest.mark.parametrize("secret", ["", "wrong", SECRET + "x", "密钥"])
def test_whoever_does_not_know_it_stays_out(client: FreshClient, account: int, secret: str) -> None:
    assert client.post(HOOK, json=RING, query_string={"secret": secret}).status_code == 403
    assert client.post(HOOK, json=RING).status_code == 403
    assert calls() == [] and session().scalar(select(RawPayload)) is None


def test_without_a_secret_nobody_gets_in(client: FreshClient, account: int) -> None:
    with unit_of_work():
        set_account(SYSTEM, "hotline", {"secret": ""})
    assert client.post(HOOK, json=RING, query_string={"secret": ""}).status_code == 403


def test_other_doors(client: FreshClient, account: int) -> None:
    with unit_of_work():
        add_account(SYSTEM, "webchat", "site", {})
    assert client.post(f"/hooks/calls/nobody?secret={SECRET}", json=RING).status_code == 404
    assert client.post(f"/hooks/calls/site?secret={SECRET}", json=RING).status_code == 404
    assert client.post(f"{HOOK}?secret={SECRET}&format=paper", json=RING).status_code == 400
    assert client.post(f"{HOOK}?secret={SECRET}", data=b"x" * 1_000_001).status_code == 413
    assert client.put(HOOK).status_code == 405
    with unit_of_work() as s:
        s.get_one(Account, account).active = False
    assert client.post(f"{HOOK}?secret={SECRET}", json=RING).status_code == 403


def test_only_from_allowed_addresses(client: FreshClient, account: int) -> None:
    with unit_of_work():
        set_account(SYSTEM, "hotline", {"allowed_ips": "203.0.113.7, 198.51.100.0/24"})
    assert client.post(f"{HOOK}?secret={SECRET}", json=RING).status_code == 403
    given = {"REMOTE_ADDR": "198.51.100.9"}
    assert client.post(f"{HOOK}?secret={SECRET}", json=RING, environ_overrides=given).status_code == 202


FS = {"uuid": "fs-1", "start_epoch": "1763611200", "answer_epoch": "1763611205", "bridge_epoch": "1763611205", "end_epoch": "1763611260",
      "billsec": "55", "hangup_cause": "NORMAL_CLEARING", "bridge_channel": "sofia/internal/301@x", "sip_from_user": "13800138000", "sip_to_user": "8001"}  # fmt: skip


def test_freeswitch_posts_a_form_and_its_xml_or_json_bare(client: FreshClient, account: int) -> None:
    xml = "<cdr><variables>" + "".join(f"<{k}>{quote(v)}</{k}>" for k, v in FS.items()) + "</variables></cdr>"
    address = f"{HOOK}?secret={SECRET}"
    assert client.post(address, data={"cdr": xml}).status_code == 202
    assert client.post(address, data=xml.encode(), content_type="text/xml").status_code == 202
    assert client.post(address, json={"variables": FS}).status_code == 202
    (call,) = calls()
    assert (call.outcome, call.billsec, call.agent) == ("answered", 55, "301")


def test_rows_of_asterisk_and_lines_of_events(client: FreshClient, account: int) -> None:
    row = '"","13800138000","8001","in","","SIP/t-1","SIP/301-2","Dial","x","2026-11-20 12:00:00","2026-11-20 12:00:09","2026-11-20 12:01:00",60,51,"ANSWERED","D","7.1"\n'
    assert client.post(f"{HOOK}?secret={SECRET}&format=asterisk-csv&timezone=UTC", data=row).status_code == 202
    event = "Event: DialBegin\r\nLinkedid: 7.2\r\nCallerIDNum: 13800138000\r\nDestChannel: PJSIP/301-0a\r\n\r\n"
    assert client.post(f"{HOOK}?secret={SECRET}", data=event).status_code == 202
    first, second = calls()
    assert first.started_at and first.started_at.hour == 12 and second.live


def test_a_provider_by_its_map_also_by_get(client: FreshClient, account: int) -> None:
    with unit_of_work():
        set_account(SYSTEM, "hotline", {"provider": "7moor"})
    body = {"CallSheetID": "m1", "CallNo": "13800138000", "CalledNo": "02161234567", "CallType": "normal", "CallState": "Ringing", "Exten": "301"}
    assert client.get(HOOK, query_string={**body, "secret": SECRET}).status_code == 202
    assert client.post(f"{HOOK}?secret={SECRET}", json=body | {"CallState": "Link"}).status_code == 202
    (call,) = calls()
    assert call.answered_at and call.direction == "inbound"


def test_what_cannot_be_understood_waits_in_the_inbox(client: FreshClient, account: int) -> None:
    for body in (b"what is this", b'{"a": 1}', b"<x", b"\xff\x00"):
        assert client.post(f"{HOOK}?secret={SECRET}", data=body).status_code == 202
    session().rollback()
    rows = session().scalars(select(RawPayload)).all()
    assert [r.state for r in rows] == ["failed"] * 4 and all(r.reason for r in rows) and calls() == []


@contextmanager
def server(seen: list[dict[str, str]], status: int = 200) -> Iterator[str]:
    class Recordings(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append({"path": self.path, "range": self.headers.get("Range", ""), "auth": self.headers.get("Authorization", "")})
            part = SOUND[10:20] if self.headers.get("Range") else SOUND
            self.send_response(206 if status == 200 and self.headers.get("Range") else status)
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:1/inside")
            self.send_header("Content-Length", str(len(part)))
            self.send_header("Set-Cookie", "leak=1")
            self.end_headers()
            self.wfile.write(part)

        def log_message(self, *given: Any) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Recordings)
    Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{made.server_address[1]}"
    finally:
        made.shutdown()
        made.server_close()


def recorded(where: str, user: User | None = None, **settings: str) -> int:
    with unit_of_work() as s:
        account = s.scalars(select(Account)).one()
        if settings:
            set_account(SYSTEM, account.slug, settings)
        call = Call(account_id=account.id, external_id="r1", outcome="answered", billsec=5, legs=1, recording=where, recording_state="linked",
                    user_id=user.id if user else None, meta={}, number="")  # fmt: skip
        s.add(call)
        s.flush()
        return call.id


def test_a_recording_is_passed_on_in_parts(client: FreshClient, account: int, make_user: Callable[..., User]) -> None:
    client.log_in(make_user("leader"))
    seen: list[dict[str, str]] = []
    with server(seen) as place:
        number = recorded(f"http://{place}/a.wav", recording_hosts=place, recording_password="u:p")
        answer = client.get(f"/desk/calls/{number}/recording")
        assert (answer.status_code, answer.data, answer.mimetype) == (200, SOUND, "audio/wav")
        assert "leak" not in str(answer.headers) and "sandbox" in answer.headers["Content-Security-Policy"]
        part = client.get(f"/desk/calls/{number}/recording", headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.data) == (206, SOUND[10:20])
    assert [s["range"] for s in seen] == ["", "bytes=10-19"] and seen[0]["auth"].startswith("Basic ")
    session().rollback()
    assert [a.action for a in session().scalars(select(AuditRow).where(AuditRow.action == "call.listened"))] == ["call.listened"]


@pytest.mark.parametrize("where", ["http://127.0.0.1:9/x.wav", "http://rec.example@127.0.0.1/x", "file:///etc/passwd", "/etc/passwd", "../../etc/passwd", "gopher://rec.example/1"])
def test_no_report_leads_us_to_another_place(client: FreshClient, account: int, make_user: Callable[..., User], tmp_path: Path, where: str) -> None:
    client.log_in(make_user("administrator"))
    number = recorded(where, recording_hosts="rec.example", recording_folder=str(tmp_path))
    assert client.get(f"/desk/calls/{number}/recording").status_code == 409


def test_no_redirect_is_followed(client: FreshClient, account: int, make_user: Callable[..., User]) -> None:
    client.log_in(make_user("leader"))
    with server([], 302) as place:
        number = recorded(f"http://{place}/a.wav", recording_hosts=place)
        assert client.get(f"/desk/calls/{number}/recording").status_code == 502


def test_a_file_of_this_machine(client: FreshClient, account: int, make_user: Callable[..., User], tmp_path: Path) -> None:
    client.log_in(make_user("leader"))
    (tmp_path / "2026").mkdir()
    (tmp_path / "2026" / "a.wav").write_bytes(SOUND)
    number = recorded("2026/a.wav", recording_folder=str(tmp_path))
    part = client.get(f"/desk/calls/{number}/recording", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.data, part.headers["Content-Range"]) == (206, b"RIFF", f"bytes 0-3/{len(SOUND)}")


def test_who_may_listen(client: FreshClient, account: int, make_user: Callable[..., User], tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(SOUND)
    mine = make_user("agent")
    number = recorded("a.wav", mine, recording_folder=str(tmp_path))
    for user, status in ((mine, 200), (make_user("agent"), 403), (make_user("supervisor"), 200), (make_user("client"), 403)):
        client.log_in(user)
        assert client.get(f"/desk/calls/{number}/recording").status_code == status
    assert client.log_in(mine).get("/desk/calls/999/recording").status_code == 404


def test_the_worker_fetches_where_the_account_says_so(client: FreshClient, account: int, make_user: Callable[..., User], drain: Callable[[], int]) -> None:
    seen: list[dict[str, str]] = []
    with server(seen) as place:
        with unit_of_work():
            set_account(SYSTEM, "hotline", {"recordings": "fetch", "recording_hosts": place})
        record = RING | {"event": None, "outcome": "answered", "recording": f"http://{place}/a.wav"}
        client.post(f"{HOOK}?secret={SECRET}", json=record)
        drain()
    (call,) = calls()
    assert call.recording_state == "fetched" and session().scalars(select(StoredFile)).one().owner == "call"
    client.log_in(make_user("leader"))
    assert client.get(f"/desk/calls/{call.id}/recording").data == SOUND and len(seen) == 1


MAP = {"fields": {"external_id": "no", "caller": "from", "outcome": "how", "started_at": "t"}, "values": {"outcome": {"good": "answered"}}, "time": "ms"}


def test_a_map_is_tried_and_kept(client: FreshClient, account: int, make_user: Callable[..., User]) -> None:
    client.log_in(make_user("administrator"))
    page = client.get("/admin/channels/calls/hotline?provider=7moor").text
    assert "CallSheetID" in page and HOOK in page and SECRET not in page
    sample = json.dumps({"no": "z9", "from": "13800138000", "how": "good", "t": 1763611200000})
    given = {"map": json.dumps(MAP), "sample": sample}
    tried = client.post("/admin/channels/calls/hotline", data={**given, "do": "try"}).text
    assert "z9" in tried and "2025-11-20T04:00:00" in tried and calls() == []
    assert client.post("/admin/channels/calls/hotline", data={**given, "do": "save"}).status_code == 303
    client.post(f"{HOOK}?secret={SECRET}", data=sample, content_type="application/json")
    (call,) = calls()
    assert (call.external_id, call.outcome) == ("z9", "answered")
    assert "/admin/channels/calls/hotline" in client.get("/admin/channels/account/hotline").text


@pytest.mark.parametrize("text", ["{", "[]", '{"fields": {"external_id": "<script>"}, "time": "<b>"}'])
def test_a_bad_map_says_what_is_wrong(client: FreshClient, account: int, make_user: Callable[..., User], text: str) -> None:
    client.log_in(make_user("administrator"))
    tried = client.post("/admin/channels/calls/hotline", data={"map": text, "sample": "{}", "do": "try"})
    assert tried.status_code == 200 and "notice bad" in tried.text and "<script>" not in tried.text.split("试出来的结果")[-1]
    assert client.post("/admin/channels/calls/hotline", data={"map": text, "do": "save"}).status_code == 422
    assert client.get("/admin/channels/calls/nobody").status_code == 404


def test_an_extension_is_chosen_once(client: FreshClient, account: int, make_user: Callable[..., User]) -> None:
    first, second, boss = make_user("agent"), make_user("agent"), make_user("administrator")
    client.log_in(first)
    given = {"language": "zh", "time_zone": "Asia/Shanghai", "extension": "301"}
    assert client.post("/me", data=given).status_code == 303 and 'value="301"' in client.get("/me").text
    client.log_in(second)
    assert client.post("/me", data=given).status_code == 422
    assert client.post("/me", data=given | {"extension": "3 0 2"}).status_code == 422
    client.log_in(boss)
    form = {"role": "agent", "display_name": "x", "email": "", "organisation": "", "extension": "302", "version": str(second.version)}
    assert client.post(f"/admin/accounts/{second.id}", data=form).status_code == 303
    session().rollback()
    assert session().get_one(User, second.id).extension == "302"
