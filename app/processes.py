"""The small parent of a one-machine desk: starts the web process and the worker, and ends them together.

It holds the listening socket itself, so that a taken port is said at once, and so that visitors wait instead of being
turned away while a crashed web process starts again. It does no work of its own and loads none of the application.
"""

import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from dotenv import dotenv_values

from app.config import BadSetting, Settings, load_settings

ROOT = Path(__file__).resolve().parent.parent
LEAVE_SECONDS = 4
"""How long the children may take to end; then they are killed. Five seconds are promised to the outside."""
START_SECONDS = 60
FIRST_PAUSE, LONGEST_PAUSE, LONG_LIFE = 1.0, 30.0, 60.0
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""A closed terminal (SIGHUP) ends the desk as Ctrl-C does; settings are read at start only."""

DEMO_LOGINS = "admin supervisor leader agent agent2 editor manager dispatcher technician resident author client".split()

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Ask the system to end this process when its parent is gone, however it went. Linux only; elsewhere nothing."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it went before we asked
            os._exit(1)


def address(host: str, port: int) -> str:
    """`host:port` as people and gunicorn write it, with brackets round an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def say(line: str, *, trouble: bool = False) -> None:
    """One line for the person at the terminal, at once even into a pipe; nobody may be there any more."""
    try:
        print(line, file=sys.stderr if trouble else sys.stdout, flush=True)
    except OSError:
        return


@dataclass
class Child:
    """One process of the desk, and how patient we are with it."""

    name: str
    command: Sequence[str]
    keep: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = field(default=0.0)

    def start(self) -> None:
        """Start it in a group of its own, so that a Ctrl-C meant for us does not reach it twice."""
        parent = os.getpid()

        def before() -> None:
            end_with(parent)

        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            pass_fds=self.keep,
            process_group=0,
            preexec_fn=before,
        )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: int, *, group: bool = False) -> None:
        """Send a signal to it, or to all that it started."""
        if self.process is not None and (group or self.running):
            try:
                if group:
                    os.killpg(self.process.pid, number)
                else:
                    self.process.send_signal(number)
            except ProcessLookupError:
                return

    def fallen(self, now: float) -> str:
        """Note that it ended by itself and when to try again; returns the sentence that says so."""
        assert self.process is not None
        if now - self.started >= LONG_LIFE:
            self.pause = FIRST_PAUSE
        wait, self.pause = self.pause, min(self.pause * 2, LONGEST_PAUSE)
        self.due = now + wait
        how = self.process.returncode
        self.process = None
        ended = f"was killed by {signal.Signals(-how).name}" if how < 0 else f"ended with status {how}"
        return f"{self.name} {ended}; starting it again in {wait:.0f} s"


class Parent:
    """Starts, watches, ends. `run()` returns the exit status."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        python, at = sys.executable, listener.fileno()
        bind = ["--bind", f"fd://{at}"]
        self.settings, self.listener = settings, listener
        commands = ["desk init", *(["desk demo"] if settings.demo else [])]
        self.prepare = Child("preparation", [python, "-m", "app.prepare", *commands])
        self.web = Child("web", [python, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), *bind, "wsgi:app"], [at])
        self.worker = Child("worker", [python, "-m", "flask", "--app", str(ROOT / "wsgi.py"), "worker"])
        self.ending = False
        self._wake, self._woken = socket.socketpair()

    def run(self) -> int:
        """Prepare, start both, stay until told to end or until the web process cannot be had."""
        self._listen_for_signals()
        try:
            if not self._prepare():
                return 0 if self.ending else 1
            for child in (self.web, self.worker):
                child.start()
            if not self._wait_until_up():
                return 0 if self.ending else 1
            self._welcome()
            self._watch()
            return 0
        finally:
            self._end()

    def _listen_for_signals(self) -> None:
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)

        def end(number: int, frame: object) -> None:
            self.ending = True

        for number in ENDING:
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup: outlive the terminal
                signal.signal(number, end)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # only to wake us
        self._sleeper = selectors.DefaultSelector()
        self._sleeper.register(self._woken, selectors.EVENT_READ)

    def _sleep(self, seconds: float) -> None:
        """Sleep, but wake for a signal or a child that ended."""
        if self._sleeper.select(max(seconds, 0.0)):
            self._woken.recv(4096)

    def _prepare(self) -> bool:
        """Database, index and demo are made before anybody can ask for them."""
        self.prepare.start()
        while self.prepare.running and not self.ending:
            self._sleep(1.0)
        if self.ending:
            return False
        assert self.prepare.process is not None
        if self.prepare.process.returncode:
            say("nothing was started", trouble=True)
            return False
        return True

    def _answers(self) -> bool:
        host, port = self.listener.getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        connection = HTTPConnection(host, port, timeout=1.0)
        try:
            connection.request("GET", "/healthz", headers={"Connection": "close"})
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _wait_until_up(self) -> bool:
        limit = time.monotonic() + START_SECONDS
        while not self.ending:
            if not self.web.running:
                assert self.web.process is not None
                status = self.web.process.returncode
                say(f"web ended with status {status} before it answered; the lines above say why", trouble=True)
                return False
            if self._answers():
                return not self.ending
            if time.monotonic() > limit:
                say(f"web did not answer /healthz within {START_SECONDS} s; giving up", trouble=True)
                return False
            self._sleep(0.1)
        return False

    def _welcome(self) -> None:
        host, port = self.listener.getsockname()[:2]
        say(f"Huiyin listens on http://{address(host, port)}")
        if self.settings.demo:
            say(f"Demo logins, password huiyin-demo: {', '.join(DEMO_LOGINS)}")
            say(f"The stage, where it plays itself: http://{address(host, port)}/demo")

    def _watch(self) -> None:
        while not self.ending:
            now = time.monotonic()
            waits = [60.0]
            for child in (self.web, self.worker):
                if child.process is None:
                    if now >= child.due:
                        child.start()
                    else:
                        waits.append(child.due - now)
                elif not child.running:
                    say(child.fallen(now), trouble=True)
                    waits.append(0.0)
            self._sleep(min(waits))

    def _end(self) -> None:
        children = [self.prepare, self.web, self.worker]
        self.listener.close()
        limit = time.monotonic() + LEAVE_SECONDS
        for child in children:
            child.send(signal.SIGTERM)
        while any(child.running for child in children) and (left := limit - time.monotonic()) > 0:
            self._sleep(left)
        for child in children:
            if child.running:
                say(f"{child.name} did not end within {LEAVE_SECONDS} s and was killed", trouble=True)
            child.send(signal.SIGKILL, group=True)
            if child.process is not None:
                child.process.wait()


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def main(arguments: Sequence[str] | None = None) -> int:
    """What `python wsgi.py` does; exit status 0 when told to end, 1 when it could not start.

    `--demo` means HUIYIN_DEMO=1 unless that is set; `--tethered` ends the desk when the caller is gone (`make run`).
    """
    given = sys.argv[1:] if arguments is None else arguments
    if unknown := set(given) - {"--demo", "--tethered"}:
        say(f"unknown argument: {' '.join(sorted(unknown))}", trouble=True)
        return 2
    if "--demo" in given and "HUIYIN_DEMO" not in dotenv_values(".env"):
        os.environ.setdefault("HUIYIN_DEMO", "1")
    if "--tethered" in given:
        end_with(os.getppid())
    try:
        settings = load_settings()
    except BadSetting as problem:
        say(str(problem), trouble=True)
        return 1
    try:
        listener = _listener(settings.host, settings.port)
    except OSError as problem:
        where = address(settings.host, settings.port)
        advice = "End the program that holds it, or set HUIYIN_PORT (or HUIYIN_HOST)."
        say(f"cannot listen on {where}: {problem.strerror or problem}. {advice}", trouble=True)
        return 1
    with listener:
        return Parent(settings, listener).run()
