"""The house under attack: a data folder, a database, its two processes, and somebody who kills them."""

import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from sqlalchemy import create_engine, text

from app.config import Settings

ROOT = Path(__file__).resolve().parents[2]
KEY = "c" * 40


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class House:
    """Web and worker as their own process groups, each started again at once when it is gone."""

    settings: Settings
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    kills: list[tuple[float, str]] = field(default_factory=list)
    recovered: list[float] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)
    left: list[str] = field(default_factory=list)
    """Who ended without having been killed. Nobody should; each is started again, as the desk's own parent does."""
    _hand: threading.RLock = field(default_factory=threading.RLock)
    _closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    def environment(self) -> dict[str, str]:
        found = {k: v for k, v in os.environ.items() if not k.startswith("HUIYIN_")}
        return found | {
            "HUIYIN_DATA_DIR": str(self.settings.data_dir),
            "HUIYIN_DATABASE_URL": self.settings.database_url,
            "HUIYIN_SECRET_KEY": KEY,
            "HUIYIN_PORT": str(self.settings.port),
            "HUIYIN_LOG_LEVEL": "ERROR",
            "HUIYIN_UNDO_SECONDS": "0",
            "HUIYIN_API_PER_MINUTE": "1000000",
            "HUIYIN_OUTBOX_LEASE_SECONDS": "10",
            "PYTHONPATH": str(ROOT),
        }

    def start(self, name: str) -> None:
        python = sys.executable
        command = {
            "web": [python, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:app"],
            "worker": [python, "-m", "flask", "--app", str(ROOT / "wsgi.py"), "worker"],
        }[name]
        log = (self.settings.data_dir.parent / f"{name}.log").open("ab")
        with log:
            self.processes[name] = subprocess.Popen(
                command, cwd=ROOT, env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
            )

    def answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, URLError):
            return False

    def wait(self, seconds: float = 90) -> None:
        limit = time.monotonic() + seconds
        while not self.answers():
            if time.monotonic() > limit:
                raise RuntimeError(f"the web process does not answer; see {self.settings.data_dir.parent}/web.log")
            time.sleep(0.1)

    def kill(self, name: str) -> None:
        """kill -9 for the process and all that it started, in one blow, and start it again."""
        with self._hand:
            process = self.processes[name]
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
            self.kills.append((time.time(), name))
            self.start(name)
        if name == "web":
            began = time.monotonic()
            self.wait()
            self.recovered.append(time.monotonic() - began)

    def torment(self, random_: random.Random, shortest: float, longest: float) -> threading.Thread:
        """Kill one of the two again and again until `ending` is set."""

        def run() -> None:
            while not self.ending.wait(random_.uniform(shortest, longest)):
                self.kill("web" if random_.random() < 0.55 else "worker")

        thread = threading.Thread(target=run, name="tormentor", daemon=True)
        thread.start()
        return thread

    def watch(self) -> None:
        """Start again whoever ends by themselves, until stop()."""

        def run() -> None:
            while not self._closing.wait(0.5):
                with self._hand:
                    for name, process in list(self.processes.items()):
                        if process.poll() is not None and not self._closing.is_set():
                            self.left.append(name)
                            self.start(name)

        threading.Thread(target=run, name="keeper", daemon=True).start()

    def stop(self) -> None:
        self._closing.set()
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The address of an empty database of this kind; "" means SQLite in the data folder."""
    if kind == "sqlite":
        yield ""
        return
    server_url = os.environ.get("HUIYIN_TEST_POSTGRES_URL", "")
    if not server_url:
        raise RuntimeError("HUIYIN_TEST_POSTGRES_URL is not set: python scripts/services.py COMMAND starts a PostgreSQL")
    name = f"huiyin_chaos_{secrets.token_hex(4)}"
    server = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield server_url.rsplit("/", 1)[0] + f"/{name}"
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        server.dispose()
