"""The commands as an administrator types them: JSON for programs, one line for errors, exit status as promised."""

import json
import mailbox
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.core.db import session
from app.core.people import Contact
from channels.models import Message, RawPayload
from workflows.models import Ticket

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpora" / "email"
DEMO = ROOT / "app" / "demo" / "mails"


@pytest.fixture
def run(runner):
    def call(*words: str, status: int = 0):
        result = runner.invoke(args=list(words))
        assert result.exit_code == status, (result.output, result.stderr, result.exception)
        if "--json" in words and status != 2:
            return json.loads(result.stdout)
        return result

    return call


@pytest.fixture
def support(run):
    return run("channel", "account", "add", "email", "support", "--set", "address=support@hengchuan.example",
               "--set", "smtp_password=hunter2", "--json")  # fmt: skip


def count(model) -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(model)) or 0


def test_secrets_of_accounts_are_masked(support, run):
    assert support["settings"] == {"address": "support@hengchuan.example", "smtp_password": "••••"}
    listed = run("channel", "account", "list", "--json")
    assert "hunter2" not in json.dumps(listed)
    assert run("channel", "account", "set", "support", "smtp_host=127.0.0.1", "--json")["settings"]["smtp_host"]


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["telegraph", "x"], "kind"),
        (["email", "Not A Slug"], "slug"),
        (["email", "b", "--set", "colour=blue"], "colour"),
        (["email", "b", "--set", "smtp_port=70000"], "smtp_port"),
        (["email", "b", "--set", "time_zone=Mars"], "time_zone"),
    ],
)
def test_a_wrong_account_is_refused_in_one_line(run, words, field):
    result = run("channel", "account", "add", *words, status=1)
    assert field in result.stderr and result.stderr.count("\n") == 1 and result.stdout == ""


def test_a_taken_name_and_wrong_usage(support, run):
    run("channel", "account", "add", "email", "support", status=1)
    run("channel", "account", "add", "email", "b", "--set", "novalue", status=2)
    run("channel", "import-mail", "--account", "nobody", str(DEMO), status=1)
    run("channel", "import-mail", status=2)
    run("channel", "replay", status=2)


def test_demo_mails_become_tickets_and_a_second_import_adds_nothing(support, run, drain):
    first = run("channel", "import-mail", "--account", "support", str(DEMO), "--json")
    assert first["seen"] == first["imported"] == len(list(DEMO.glob("*.eml"))) and first["failed"] == []
    drain()
    before = (count(Message), count(Ticket), count(Contact))
    second = run("channel", "import-mail", "--account", "support", str(DEMO), "--json")
    assert (second["imported"], second["duplicate"]) == (0, first["seen"])
    drain()
    assert (count(Message), count(Ticket), count(Contact)) == before


def test_mbox_and_maildir_are_read_too(support, run, tmp_path):
    (tmp_path / "mails").mkdir()
    box = mailbox.mbox(tmp_path / "mails" / "box.mbox")
    folder = mailbox.Maildir(tmp_path / "mails" / "maildir")
    for number, path in enumerate(sorted(DEMO.glob("*.eml"))):
        (box if number % 2 else folder).add(path.read_bytes())
    box.close()
    result = run("channel", "import-mail", "--account", "support", str(tmp_path / "mails"), "--json")
    assert result["imported"] == len(list(DEMO.glob("*.eml")))


def test_what_is_no_mail_is_listed_with_its_reason_and_can_be_replayed(support, run, tmp_path):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "picture.eml").write_bytes(b"\x89PNG\r\n\x00\x01" * 50)
    (inbox / "empty.eml").write_bytes(b"")
    result = run("channel", "import-mail", "--account", "support", str(inbox), "--json", status=1)
    assert result["imported"] == 0 and len(result["failed"]) == 2
    assert all(f["reason"] and f["raw_id"] for f in result["failed"])
    listed = run("channel", "raw", "--state", "failed", "--json")["items"]
    assert {i["state"] for i in listed} == {"failed"} and all(i["received_at"].endswith("Z") for i in listed)
    assert run("channel", "replay", "--all-failed", "--json", status=1) == {"replayed": 0, "failed": 2}
    run("channel", "replay", "999", status=1)


def test_doctor_names_what_is_broken_and_what_to_type(run, app):
    result = runner_json = run("desk", "doctor", "--json", status=_doctor_status(app))
    names = {c["name"]: c for c in runner_json["checks"]}
    assert names["database"]["ok"] and names["data folder"]["ok"] and names["signing key"]["required"]
    assert not names["migrations"]["ok"] and "desk init" in names["migrations"]["advice"]
    assert result["ok"] is False


def _doctor_status(app) -> int:
    """The test's database was made from the models, without the mark of its migrations: required, so status 1."""
    return 1


def test_a_bad_setting_ends_a_command_in_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "flask", "desk", "doctor"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HUIYIN_PORTT": "1", "HUIYIN_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "HUIYIN_PORTT" in done.stderr and "Traceback" not in done.stderr


def test_doctor_names_what_comes_first_where_nothing_is_set_up(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "flask", "desk", "doctor"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HUIYIN_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "desk init" in done.stdout
    assert "SELECT" not in done.stdout + done.stderr and "sqlalche.me" not in done.stdout + done.stderr


def test_init_may_be_repeated_from_nothing(tmp_path):
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "flask", "desk", "init", "--json"],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "HUIYIN_DATA_DIR": str(tmp_path / "data")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert json.loads(done.stdout)["checks"], done.stderr
        assert (tmp_path / "data" / "huiyin.sqlite3").exists()


@pytest.mark.timeout(300)
def test_the_recorded_mails_of_others_all_find_their_place(support, run, drain):
    if not CORPUS.is_dir():
        pytest.skip("optional: no recorded mails beside the project")
    result = run("channel", "import-mail", "--account", "support", str(CORPUS), "--json", status=1)  # some are no mails
    assert result["seen"] == result["imported"] + result["duplicate"] + len(result["failed"])
    assert result["imported"] > 200
    assert all(f["reason"] for f in result["failed"])
    drain()
    stored = count(Message)
    again = run("channel", "import-mail", "--account", "support", str(CORPUS), "--json", status=1)
    assert again["imported"] == 0 and count(Message) == stored
    session().rollback()
    assert session().scalar(select(func.count()).where(RawPayload.state == "new")) == 0
