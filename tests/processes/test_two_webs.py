"""Two web processes with one Redis: a visitor at the one and an agent at the other hear each other at once, and what one
counts the other counts."""

import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import socketio

from app.config import Settings
from app.core import migrate, passwords
from app.core.db import db
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.factory import create_app
from channels.accounts import add_account
from tests.processes.conftest import ROOT, Start, free_port, until

REDIS = os.environ.get("HUIYIN_TEST_REDIS_URL", "")
pytestmark = pytest.mark.skipif(not REDIS, reason="no Redis: HUIYIN_TEST_REDIS_URL is not set")
PASSWORD = "correct-horse-battery"
SOON = 2.0
"""Seconds in which a hint must have come to another process; it takes a few milliseconds."""


class Page:
    """An open page of one namespace: what it hears, and what it is answered."""

    def __init__(self, port: int, namespace: str, auth: Any = None, cookie: str = "") -> None:
        self.namespace = namespace
        self.heard: list[tuple[str, Any]] = []
        self.client = socketio.Client(reconnection=False)
        self.client.on("*", lambda name, content=None: self.heard.append((name, content)), namespace=namespace)
        self.client.connect(
            f"http://127.0.0.1:{port}", namespaces=[namespace], auth=auth, headers={"Cookie": cookie} if cookie else {}, wait_timeout=60
        )

    def say(self, name: str, content: Any) -> Any:
        return self.client.call(name, content, namespace=self.namespace, timeout=60)

    def of(self, name: str) -> list[Any]:
        return [content for called, content in list(self.heard) if called == name]


@pytest.fixture
def two(start: Start, environment: dict[str, str]) -> Any:
    """(port, port) of two web processes over one data folder and one Redis; the first has the worker beside it."""
    prefix = {"HUIYIN_REDIS_URL": f"{REDIS.rsplit('/', 1)[0]}/{5 + secrets.randbelow(10)}"}
    house = create_app(Settings(data_dir=Path(environment["HUIYIN_DATA_DIR"])), pages=False)
    with house.app_context():
        migrate.upgrade(db.engine)
        with unit_of_work() as s:
            s.add(User(name="agent", display_name="周小禾", role="agent", password_hash=passwords.hashed(PASSWORD, "agent")))
            add_account(SYSTEM, "webchat", "portal", {"title": "在线客服"})
        db.session.remove()
        db.engine.dispose()
    desk = start(**prefix)
    port = free_port()
    second = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:app"],
        cwd=ROOT, env={**environment, **prefix, "HUIYIN_PORT": str(port)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip

    def answers() -> bool:
        assert second.poll() is None
        try:
            return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    until(answers, 120)
    yield desk.port, port
    second.terminate()
    second.wait(15)


def log_in(port: int, name: str = "agent") -> requests.Session:
    web = requests.Session()
    form = web.get(f"http://127.0.0.1:{port}/login", timeout=60).text
    key = re.search(r'name="csrf_token" value="([^"]+)"', form)
    assert key is not None
    given = {"login": name, "password": PASSWORD, "csrf_token": key.group(1)}
    web.post(f"http://127.0.0.1:{port}/login", data=given, timeout=60, headers={"Referer": f"http://127.0.0.1:{port}/login"})
    assert web.get(f"http://127.0.0.1:{port}/desk", timeout=60, allow_redirects=False).status_code == 200
    return web


def soon(true: Callable[[], Any]) -> float:
    """How many seconds it took until it was true."""
    begun = time.monotonic()
    until(true, 15)
    return time.monotonic() - begun


def test_a_visitor_and_an_agent_at_two_processes_hear_each_other(two: tuple[int, int]) -> None:
    here, there = two
    visitor = Page(here, "/visitor", {"account": "portal", "token": None})
    until(lambda: visitor.of("joined"))
    token = visitor.of("joined")[0]["token"]
    mark = secrets.token_hex(4)
    ack = visitor.say("message", {"client_msg_id": "a-1", "text": f"触摸屏 {mark} 黑屏了"})
    assert ack["ok"], ack

    web = log_in(there)
    cookie = "; ".join(f"{c.name}={c.value}" for c in web.cookies)
    agent = Page(there, "/agent", cookie=cookie)

    def ticket() -> re.Match[str] | None:
        return re.search(rf'/desk/tickets/(\d+)[^>]*>(?:(?!</a>).)*{mark}', web.get(f"http://127.0.0.1:{there}/desk/search?q={mark}", timeout=60).text, re.S) or re.search(
            rf"/desk/tickets/(\d+)(?=(?:(?!/desk/tickets/).)*{mark})", web.get(f"http://127.0.0.1:{there}/desk?view=free", timeout=60).text, re.S
        )

    number = until(ticket, 30).group(1)
    page = web.get(f"http://127.0.0.1:{there}/desk/tickets/{number}", timeout=60).text
    conversation = int(re.search(r'data-chats="(\d+)"', page).group(1))  # type: ignore[union-attr]
    assert agent.say("watch", {"what": "conversation", "id": conversation}) == {"ok": True}

    # Typing, both ways, through Redis.
    visitor.say("typing", {"on": True})
    assert soon(lambda: {"conversation": conversation, "on": True} in agent.of("typing")) < SOON
    assert agent.say("typing", {"conversation": conversation, "on": True}) == {"ok": True}
    assert soon(lambda: {"on": True} in visitor.of("typing")) < SOON

    # Words and read marks, both ways, through the table of events.
    assert agent.say("seen", {"conversation": conversation, "last_id": ack["id"]}) == {"ok": True}
    until(lambda: {"last_id": ack["id"]} in visitor.of("seen"))
    key = re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)  # type: ignore[union-attr]
    given = {"text": f"先断电 {mark}", "note": "0", "conversation": str(conversation), "csrf_token": key}
    url = f"http://127.0.0.1:{there}/desk/tickets/{number}"
    assert web.post(f"{url}/messages", data=given, timeout=60, headers={"Referer": url, "HX-Request": "true"}).status_code == 204
    heard = until(lambda: [m for m in visitor.of("message") if m["text"] == f"先断电 {mark}"])
    assert heard[0]["author"]["type"] == "agent"
    assert visitor.say("seen", {"last_id": heard[0]["id"]}) == {"ok": True}
    until(lambda: [c for c in agent.of("changed") if c["what"] == "conversation" and c["id"] == conversation])

    # The same browser at the other process: the same conversation, and the same count.
    other = Page(there, "/visitor", {"account": "portal", "token": token})
    until(lambda: other.of("joined"))
    assert other.of("joined")[0]["messages"][0]["text"].endswith(f"{mark} 黑屏了")
    answers = [(visitor if n % 2 else other).say("message", {"client_msg_id": f"b-{n}", "text": "x"}) for n in range(44)]
    taken = [a["ok"] for a in answers].count(True)
    assert taken < 36 and {a["code"] for a in answers if not a["ok"]} == {"too_many"}, f"{taken} of 44 in a moment: each process counts alone"
    for one in (visitor, other, agent):
        one.client.disconnect()
