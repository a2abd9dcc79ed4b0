"""Files of records: imported once, and read on as an exchange writes them, whatever happens in between."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core import clock
from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.text import unpack
from app.core.uow import unit_of_work
from channels import receiving
from channels.accounts import add_account, set_account
from channels.calls import forgotten, storing, tailing
from channels.calls.models import Call, CallFile, CallLeg
from channels.models import RawPayload
from tests.service.channels.call_rows import cdr

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


class Killed(BaseException):
    """The process is gone: nothing after it runs."""


@pytest.fixture
def master(app: Flask, tmp_path: Path) -> Any:
    path = tmp_path / "Master.csv"
    path.write_bytes(b"")
    with clock.frozen(NOON):
        with unit_of_work():
            add_account(SYSTEM, "calls", "hotline", {"secret": "0123456789abcdef", "cdr_path": str(path)})
        yield path


def look() -> int:
    session().rollback()
    ((one, _every),) = tailing.watched()
    return tailing.read_on(one)


def names() -> list[str]:
    session().rollback()
    return sorted(session().scalars(select(Call.external_id)))


def mark() -> CallFile:
    session().rollback()
    return session().scalars(select(CallFile)).one()


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as out:
        out.write(content)


def row(number: int, **given: Any) -> bytes:
    return cdr(unique=f"u.{number}", **given)


def test_a_growing_file_is_read_on(master: Path) -> None:
    assert look() == 0
    append(master, row(1))
    assert (look(), names(), look()) == (1, ["u.1"], 0)
    half = row(2)
    append(master, half[:40])
    assert look() == 0 and mark().offset == len(row(1))
    append(master, half[40:] + row(3))
    assert (look(), names()) == (1, ["u.1", "u.2", "u.3"])
    assert mark().offset == master.stat().st_size


def test_a_renamed_file_is_read_to_its_end_first(master: Path) -> None:
    append(master, row(1))
    look()
    append(master, row(2))
    os.rename(master, f"{master}.1")
    master.write_bytes(row(3))
    assert (look(), names()) == (2, ["u.1", "u.2", "u.3"])
    append(master, row(4))
    look()
    assert names() == ["u.1", "u.2", "u.3", "u.4"] and mark().inode == master.stat().st_ino


def test_a_file_that_was_cut_begins_anew(master: Path) -> None:
    append(master, row(1) + row(2))
    look()
    master.write_bytes(row(3))
    look()
    assert names() == ["u.1", "u.2", "u.3"]
    master.write_bytes(b"".join(row(n) for n in range(4, 9)))
    assert look() == 1 and len(names()) == 8


def test_killed_between_reading_and_committing_it_reads_the_same_again(master: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(master, row(1) + row(2))

    def dies(*given: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(storing, "write_line", dies)
        look()
    assert names() == [] and session().scalar(select(func.count()).select_from(RawPayload)) == 0
    assert (look(), names()) == (1, ["u.1", "u.2"])
    with unit_of_work():
        mark().offset = 0
    look()
    assert names() == ["u.1", "u.2"] and session().scalar(select(func.count()).select_from(CallLeg)) == 2


def test_what_breaks_the_parser_does_not_stop_the_file(master: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(master, row(1))

    def breaks(*given: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(tailing, "store_rows", breaks)
        assert look() == 1
    append(master, b"rubbish\n" + row(2))
    look()
    failed = session().scalars(select(RawPayload).where(RawPayload.state == "failed")).one()
    assert names() == ["u.2"] and "ZeroDivisionError" in unpack(failed.reason or "")
    assert receiving.replay(SYSTEM, failed.id).state == receiving.IMPORTED
    assert names() == ["u.1", "u.2"]


def test_a_missing_file_is_said_and_comes_back(master: Path) -> None:
    master.unlink()
    look()
    assert "No such file" in unpack(mark().error or "")
    master.write_bytes(row(1))
    look()
    assert (mark().error, names()) == (None, ["u.1"])


def test_only_what_is_written_from_now_on(master: Path) -> None:
    append(master, row(1))
    with unit_of_work():
        set_account(SYSTEM, "hotline", {"file_start": "new"})
    look()
    append(master, row(2))
    look()
    assert names() == ["u.2"]


def test_an_inactive_account_reads_nothing(master: Path) -> None:
    with unit_of_work() as s:
        s.scalars(select(storing.Account)).one().active = False
    assert tailing.watched() == []


def test_a_call_whose_end_was_never_told_ends(master: Path) -> None:
    ring = {"event": "ring", "id": "c1", "caller": "13800138000", "callee": "8001", "agent": "301", "at": "2026-11-20T12:00:00+08:00"}
    receiving.accept(1, json.dumps(ring).encode())
    for hours, ended in ((5, 0), (7, 1), (8, 0)):
        with clock.frozen(NOON + timedelta(hours=hours)), unit_of_work():
            assert forgotten.end_forgotten() == ended
    call = session().scalars(select(Call)).one()
    assert (call.outcome, call.meta["end_unknown"]) == ("no_answer", True)


@pytest.fixture
def imported(runner: Any, master: Path) -> Any:
    def run(*words: str, status: int = 0) -> Any:
        done = runner.invoke(args=["channel", "import-calls", "--account", "hotline", "--json", *words])
        assert done.exit_code == status, done.output
        return json.loads(done.stdout)

    return run


def test_import_counts_each_call_once(imported: Any, tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_bytes(row(1) + row(1, peer="SIP/302-2", sequence=2) + row(2) + row(2)[:30])
    words = ("--format", "asterisk-csv", str(tmp_path / "old.csv"))
    said = imported(*words)
    assert said == {"seen": 2, "imported": 2, "duplicate": 0, "failed": [], "incomplete_bytes": 30}
    assert imported(*words) | {"incomplete_bytes": 0} == {"seen": 2, "imported": 0, "duplicate": 2, "failed": [], "incomplete_bytes": 0}
    append(tmp_path / "old.csv", row(2)[30:] + row(3))
    assert imported(*words)["imported"] == 1 and names() == ["u.1", "u.2", "u.3"]


def test_import_names_what_it_cannot_read(imported: Any, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    (folder / "a.json").write_bytes(b'{"variables": {"uuid": "x1", "start_epoch": "1763611200", "end_epoch": "1763611260", "billsec": "0"}}')
    (folder / "b.json").write_bytes(b"{broken")
    said = imported("--format", "freeswitch-json", str(folder), status=1)
    assert (said["seen"], said["imported"]) == (1, 1)
    (failed,) = said["failed"]
    assert failed["file"].endswith("b.json") and failed["reason"] and failed["raw_id"]
    (tmp_path / "mixed.csv").write_bytes(row(1) + b"rubbish\n")
    said = imported("--format", "asterisk-csv", str(tmp_path / "mixed.csv"), status=1)
    assert said["imported"] == 1 and "2" in said["failed"][0]["reason"]


def test_import_takes_a_zone_and_columns(imported: Any, tmp_path: Path) -> None:
    (tmp_path / "custom.csv").write_bytes(b'"13800138000","8001","2026-11-20 03:50:00","9.9"\n')
    imported("--format", "asterisk-csv", "--timezone", "UTC", "--columns", "src,dst,start,uniqueid", str(tmp_path / "custom.csv"))
    call = session().scalars(select(Call)).one()
    assert (call.external_id, call.started_at) == ("9.9", datetime(2026, 11, 20, 3, 50, tzinfo=UTC))


def test_import_refuses_the_wrong_account(runner: Any, master: Path, tmp_path: Path) -> None:
    with unit_of_work():
        add_account(SYSTEM, "webchat", "site", {})
    for words, status in (
        (["--account", "site", "--format", "asterisk-csv"], 2),
        (["--account", "nobody", "--format", "asterisk-csv"], 1),
        (["--account", "hotline", "--format", "paper"], 2),
    ):
        assert runner.invoke(args=["channel", "import-calls", *words, str(master)]).exit_code == status
