"""300 visitors chat at once with one web process: how long until a message is acknowledged, and until an agent's answer
to it is back on the visitor's page.

The house runs as in production (gunicorn and the worker) on its own port. An agent's page hears the hint, and answers
by the service in another process, as a second web process would. Baseline of the same run: the same 300 clients against
a bare Flask-SocketIO server that echoes and keeps nothing.

    python -m bench.chat [--chats 300] [--seconds 60] [--every 20]
"""

import argparse
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import socketio

from app.config import Settings
from app.core.db import db, session
from app.core.logins import LoginSession, token_hash
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.factory import create_app
from bench.measure import machine, table
from channels.accounts import add_account
from channels.models import Conversation, Message
from channels.sending import queue_message

ROOT = Path(__file__).resolve().parent.parent
BARE = """
import sys
from flask import Flask
from flask_socketio import Namespace, SocketIO
class Echo(Namespace):
    def on_connect(self, auth=None):
        self.emit("joined", {"token": "", "conversation": "", "messages": []})
    def on_message(self, given):
        self.emit("message", {"text": "re:" + given["text"], "author": {"type": "agent"}})
        return {"ok": True}
app = Flask("bare")
socketio = SocketIO(app, async_mode="threading", async_handlers=False)
socketio.on_namespace(Echo("/visitor"))
"""


@dataclass
class Chat:
    """One visitor: says something every now and then, and notes when it was acknowledged and answered."""

    socket: Any = None
    sent: dict[str, float] = field(default_factory=dict)
    acks: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    refused: int = 0
    gone: int = 0

    def open(self, url: str) -> None:
        self.socket = socketio.Client(reconnection=False)
        self.socket.on("message", self.heard, namespace="/visitor")
        self.socket.connect(url, namespaces=["/visitor"], auth={"account": "bench", "token": None}, transports=["websocket"], wait_timeout=30)

    def heard(self, message: dict[str, Any]) -> None:
        began = self.sent.pop(message["text"].removeprefix("re:"), None)
        if began is not None and message["author"]["type"] == "agent":
            self.answers.append((time.perf_counter() - began) * 1000)

    def say(self) -> None:
        text = secrets.token_hex(8)
        began = self.sent[text] = time.perf_counter()

        def acknowledged(answer: dict[str, Any]) -> None:
            if answer.get("ok"):
                self.acks.append((time.perf_counter() - began) * 1000)
            else:
                self.refused += 1

        try:
            self.socket.emit("message", {"client_msg_id": text, "text": text}, namespace="/visitor", callback=acknowledged)
        except socketio.exceptions.BadNamespaceError:  # the line is gone: what it would have said is lost, and counted
            self.gone += 1


def percentile(found: list[float], share: float) -> float:
    ordered = sorted(found)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def drive(url: str, chats: int, seconds: float, every: float) -> dict[str, float]:
    """Open the chats, let each speak once in `every` seconds at a moment of its own, and gather the times."""
    began = time.perf_counter()
    found = [Chat() for _ in range(chats)]
    for chat in found:
        chat.open(url)
    opened = time.perf_counter() - began
    start, end = time.perf_counter(), time.perf_counter() + seconds
    moments = sorted(
        (start + random.random() * every + lap * every, number) for number in range(chats) for lap in range(int(seconds // every) + 1)
    )
    for moment, number in moments:
        if moment > end:
            break
        time.sleep(max(0.0, moment - time.perf_counter()))
        found[number].say()
    time.sleep(3)
    result = {
        "opened": opened,
        "sent": float(sum(len(c.acks) + c.refused for c in found)),
        "refused": float(sum(c.refused for c in found)),
        "gone": float(sum(c.gone for c in found)),
        "lost": float(sum(len(c.sent) for c in found)),
        "per_second": sum(len(c.acks) for c in found) / seconds,
    }
    for name, values in (("ack", [t for c in found for t in c.acks]), ("answer", [t for c in found for t in c.answers])):
        result |= {f"{name}_p50": percentile(values, 0.5), f"{name}_p95": percentile(values, 0.95)}
    for chat in found:
        chat.socket.disconnect()
    return result


def wait_for(url: str) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        try:
            urlopen(url, timeout=1).close()
            return
        except OSError as problem:
            if getattr(problem, "code", 0):
                return
            time.sleep(0.2)
    raise SystemExit(f"{url} does not answer")


def serve(words: list[str], environment: dict[str, str], url: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for(url)
    return process


def end(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def bare(chats: int, seconds: float, every: float, port: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="huiyin-bench-") as folder:
        (Path(folder) / "bare.py").write_text(BARE)
        (Path(folder) / "none.conf.py").write_text("")
        words = [sys.executable, "-m", "gunicorn", "-c", f"{folder}/none.conf.py", "--chdir", folder, "-k", "gthread", "--threads", "600", "--worker-connections", "900", "-b", f"127.0.0.1:{port}", "bare:app"]
        process = serve(words, dict(os.environ), f"http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling")
        try:
            return drive(f"http://127.0.0.1:{port}", chats, seconds, every)
        finally:
            end(process)


class Answerer:
    """The agent: a page with live hints, and answers written by the service in this process."""

    def __init__(self, flask: Any, url: str, cookie: str, user_id: int) -> None:
        self.flask, self.user_id = flask, user_id
        self.wake, self.stop = threading.Event(), threading.Event()
        self.last = 0
        self.page = socketio.Client(reconnection=False)
        self.page.on("changed", lambda hint: self.wake.set(), namespace="/agent")
        self.page.connect(url, headers={"Cookie": cookie}, namespaces=["/agent"], transports=["websocket"], wait_timeout=30)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while not self.stop.is_set():
            self.wake.wait(1)
            self.wake.clear()
            with self.flask.app_context():
                fresh = session().query(Message).filter(Message.id > self.last, Message.direction == "in").order_by(Message.id).all()
                waiting = [(m.conversation_id, m.text) for m in fresh]
                self.last = max([self.last, *(m.id for m in fresh)])
                for conversation_id, text in waiting:
                    with unit_of_work() as s:
                        actor = s.get_one(User, self.user_id).actor("bench")
                        queue_message(actor, s.get_one(Conversation, conversation_id), "re:" + text)

    def end(self) -> None:
        self.stop.set()
        self.wake.set()
        self.thread.join(5)
        self.page.disconnect()


def house(chats: int, seconds: float, every: float, port: int, database_url: str = "") -> dict[str, float]:
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="huiyin-bench-") as folder:
        settings = Settings(data_dir=Path(folder), secret_key="b" * 40, database_url=database_url, log_level="ERROR")
        given = {"HUIYIN_DATA_DIR": folder, "HUIYIN_PORT": str(port), "HUIYIN_SECRET_KEY": "b" * 40, "HUIYIN_LOG_LEVEL": "ERROR"}
        clean = {k: v for k, v in os.environ.items() if not k.startswith("HUIYIN_")}
        process = serve([sys.executable, "wsgi.py"], {**clean, **given, "HUIYIN_DATABASE_URL": database_url}, url + "/healthz")
        flask = create_app(settings)
        try:
            with flask.app_context():
                token = secrets.token_urlsafe(16)
                with unit_of_work() as s:
                    add_account(SYSTEM, "webchat", "bench", {})
                    user = User(name="bench", display_name="bench", role="agent")
                    s.add(user)
                    s.flush()
                    s.add(LoginSession(user_id=user.id, token_hash=token_hash(token)))
                    user_id = user.id
                serializer: Any = flask.session_interface.get_signing_serializer(flask)  # type: ignore[attr-defined]
                agent = Answerer(flask, url, "huiyin=" + serializer.dumps({"login": token}), user_id)
                try:
                    return drive(url, chats, seconds, every)
                finally:
                    agent.end()
                    db.session.remove()
                    db.engine.dispose()
        finally:
            end(process)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--chats", type=int, default=300)
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("--every", type=float, default=20)
    arguments.add_argument("--port", type=int, default=8397)
    given = arguments.parse_args()
    rows: list[list[object]] = []
    for name, run in (("bare Flask-SocketIO echo", bare), ("Huiyin on SQLite", house)):
        got = run(given.chats, given.seconds, given.every, given.port)
        rows.append([name, got["per_second"], got["ack_p50"], got["ack_p95"], got["answer_p50"], got["answer_p95"], got["opened"], int(got["refused"]), int(got["lost"])])
    print(machine())
    print(f"{given.chats} open chats, each speaks every {given.every:g} s")
    print(table(["", "messages/s", "ack p50 ms", "ack p95 ms", "answer p50 ms", "answer p95 ms", "all open after s", "refused", "lost"], rows))


if __name__ == "__main__":
    main()
