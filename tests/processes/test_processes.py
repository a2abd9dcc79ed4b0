"""One command starts the desk; one signal ends it, quickly and without a trace."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.conftest import ROOT, Start, alive, children, until

PROMISED_SECONDS = 5.0
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.parametrize("number", ENDINGS, ids=lambda number: number.name)
def test_it_ends_in_time_with_open_websockets(start: Start, number: signal.Signals) -> None:
    desk = start()
    desk.open_websockets(12)
    family = children(desk.process.pid)
    assert len(family) >= 3, family

    assert desk.end(number) < PROMISED_SECONDS
    assert desk.process.returncode == 0, desk.output
    assert "Traceback" not in desk.output and "Exception" not in desk.output
    until(lambda: not [pid for pid in family if alive(pid)], 2)


def test_it_ends_by_sigint_when_a_script_started_it_in_the_background(start: Start) -> None:
    desk = start(command=["sh", "-c", f"{sys.executable} wsgi.py & wait"])  # such a shell lets it ignore SIGINT
    parent = next(iter(children(desk.process.pid, directly=True)))
    os.kill(parent, signal.SIGINT)
    until(lambda: not alive(parent), PROMISED_SECONDS)


def test_ctrl_c_under_make_ends_it_too(start: Start) -> None:
    if not shutil.which("make"):
        pytest.skip("make is not on this machine")
    desk = start(command=["make", "run"])
    desk.open_websockets(2)
    assert "Demo logins, password huiyin-demo: admin" in until(lambda: "Demo logins" in desk.output and desk.output)
    family = children(desk.process.pid)
    os.killpg(desk.process.pid, signal.SIGINT)  # a terminal tells the whole group
    desk.process.wait(PROMISED_SECONDS)
    assert "Traceback" not in desk.output
    until(lambda: not [pid for pid in family if alive(pid)], 2)


@pytest.mark.parametrize("words", ["flask .* worker", "gunicorn"])
def test_a_killed_child_is_started_again(start: Start, words: str) -> None:
    desk = start()
    first = until(lambda: desk.child(words))
    os.kill(first, signal.SIGKILL)
    second = until(lambda: (pid := desk.child(words)) not in (0, first) and pid)
    assert alive(second)
    assert "was killed by SIGKILL; starting it again in 1 s" in until(lambda: "SIGKILL" in desk.output and desk.output)
    assert desk.get("/healthz") == 200
    assert desk.end(signal.SIGTERM) < PROMISED_SECONDS
    assert desk.process.returncode == 0


def test_nobody_is_turned_away_while_web_starts_again(start: Start) -> None:
    desk = start()
    os.kill(desk.child("gunicorn"), signal.SIGKILL)
    assert desk.get("/healthz", timeout=20) == 200


def test_no_orphan_when_the_parent_is_killed(start: Start) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux tells a child that its parent is gone")
    desk = start()
    desk.open_websockets(3)
    family = children(desk.process.pid)
    desk.end(signal.SIGKILL)
    until(lambda: not [pid for pid in family if alive(pid)], PROMISED_SECONDS)


def test_it_starts_from_any_folder(start: Start, tmp_path: Path) -> None:
    desk = start(command=[sys.executable, str(ROOT / "wsgi.py")], cwd=tmp_path)
    assert desk.get("/healthz") == 200
    assert until(lambda: desk.child("flask .* worker"))


def failed(environment: dict[str, str], **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "wsgi.py"], cwd=ROOT, env={**environment, **settings},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [("HUIYIN_PRT", "8000"), ("HUIYIN_PORT", "many"), ("HUIYIN_SEARCH_URL", "http://localhost:9200")]
)
def test_a_bad_setting_is_named(environment: dict[str, str], name: str, value: str) -> None:
    done = failed(environment, **{name: value})
    assert done.returncode == 1
    assert done.stderr.startswith(f"{name}: ")
    assert done.stderr.count("\n") == 1


def test_a_taken_port_is_said(environment: dict[str, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = failed(environment, HUIYIN_PORT=str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"cannot listen on 127.0.0.1:{port}: ")
    assert "HUIYIN_PORT" in done.stderr and "Traceback" not in done.stderr


def test_a_failed_preparation_starts_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = failed(environment, HUIYIN_DATA_DIR=str(tmp_path / "file" / "data"))
    assert done.returncode == 1
    assert done.stderr.endswith("nothing was started\n") and "Traceback" not in done.stderr


def test_an_address_of_any_length_is_answered_in_words(start: Start) -> None:
    desk = start()
    assert desk.get("/search?q=" + "%E5%8F%98" * 800) == 200  # what a person pastes: the search takes what it can use
    with socket.create_connection(("127.0.0.1", desk.port), timeout=10) as line:
        line.sendall(b"GET /search?q=" + b"%E5%8F%98" * 2000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b"".join(iter(lambda: line.recv(65536), b"")).decode()
    head, _empty, page = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 414 ") and "text/html; charset=utf-8" in head
    assert "地址太长了" in page and "The address is too long" in page and 'href="/"' in page
    assert "Traceback" not in desk.output
