"""The desk as its users start it: real processes, real signals, one data folder per test."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import websocket

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 40


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int, *, directly: bool = False) -> dict[int, str]:
    """All that a process started, itself or through others, with their command lines."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
                found |= {} if directly else children(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def until(true: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Wait for something that happens in another process; fails when it does not."""
    limit = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.05)
    return value


@dataclass
class Desk:
    """One started desk."""

    process: subprocess.Popen[str]
    port: int
    lines: list[str] = field(default_factory=list)
    sockets: list[websocket.WebSocket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    def listens(self) -> bool:
        assert self.process.poll() is None, self.output
        return f"Huiyin listens on http://127.0.0.1:{self.port}\n" in self.output

    def get(self, path: str, timeout: float = 10.0) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def open_websockets(self, number: int) -> None:
        """Browsers that stay: some answer a goodbye, some are dead and never will."""
        for _ in range(number):
            opened = websocket.create_connection(
                f"ws://127.0.0.1:{self.port}/socket.io/?EIO=4&transport=websocket", timeout=10
            )
            assert str(opened.recv()).startswith("0{")
            self.sockets.append(opened)

    def child(self, words: str) -> int:
        """The process whose command line contains these words and which the parent itself started."""
        # Not its children's: those of a killed server still run for a moment.
        started = children(self.process.pid, directly=True)
        own = {pid: line for pid, line in started.items() if re.search(words, line) and alive(pid)}
        return min(own) if own else 0

    def end(self, number: signal.Signals) -> float:
        """Send a signal to the parent and wait for the end; returns the seconds that it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(20)
        return time.monotonic() - started


Start = Callable[..., Desk]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HUIYIN_") and k not in ("MAKELEVEL", "MAKEFLAGS")}
    return {**clean, "HUIYIN_DATA_DIR": str(tmp_path / "data"), "HUIYIN_PORT": str(free_port())}


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Start]:
    """start() runs `python wsgi.py` and waits until it listens; whatever is left at the end of the test is killed."""
    started: list[Desk] = []

    def run(*arguments: str, command: list[str] | None = None, cwd: Path = ROOT, **settings: str) -> Desk:
        process = subprocess.Popen(
            command or [sys.executable, "wsgi.py", *arguments],
            cwd=cwd,
            env={**environment, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        desk = Desk(process, int(environment["HUIYIN_PORT"]))
        started.append(desk)
        until(desk.listens, START_SECONDS)
        return desk

    yield run
    for desk in started:
        left = [desk.process.pid, *children(desk.process.pid)] if desk.process.poll() is None else []
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        desk.process.wait()
        desk.reader.join(5)
        if desk.process.stdout is not None and not desk.reader.is_alive():
            desk.process.stdout.close()
        for opened in desk.sockets:
            opened.shutdown()
