"""Those who write: customers on four channels, who try again until they are told that it was taken, and agents."""

import hashlib
import json
import random
import smtplib
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests
import socketio

from bench.chaos.house import House

WORDS = "变频器下午跳E07 网关绿灯不亮 振动图是直线 三号线停机 主轴有异响 上位机读不到数 温度显示负数 换卡后离线".split()
PATIENCE = 600.0
CALL_SECRET = "chaos-calls-0123456789abcdef"


@dataclass
class Said:
    """What was taken in, by channel: the ids under which it must be found, each once."""

    accepted: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in ("wechat", "email", "webchat", "calls")})
    slowest: float = 0.0
    repeats: int = 0
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def took(self, channel: str, external_id: str, seconds: float, tries: int) -> None:
        with self.lock:
            self.accepted[channel].add(external_id)
            self.slowest = max(self.slowest, seconds)
            self.repeats += tries - 1


def persist(attempt: Callable[[], bool]) -> tuple[float, int]:
    """Try until it is taken, as platforms and people do. Returns the seconds and tries that it needed."""
    began, tries = time.monotonic(), 0
    while True:
        tries += 1
        try:
            if attempt():
                return time.monotonic() - began, tries
        except (OSError, requests.RequestException, smtplib.SMTPException, socketio.exceptions.SocketIOError):
            pass
        if time.monotonic() - began > PATIENCE:
            raise RuntimeError("not taken within ten minutes")
        time.sleep(min(2.0, 0.1 * tries))


def wechat(house: House, said: Said, numbers: range) -> None:
    """Followers of the official account; WeChat repeats with the same MsgId."""
    http = requests.Session()
    for number in numbers:
        moment, nonce = str(int(time.time())), uuid.uuid4().hex[:10]
        signature = hashlib.sha1("".join(sorted(["chaostoken0001", moment, nonce])).encode()).hexdigest()
        body = (
            "<xml><ToUserName><![CDATA[gh_chaos]]></ToUserName>"
            f"<FromUserName><![CDATA[oChaos{number % 400:04d}abcdefghijklmnop]]></FromUserName><CreateTime>{moment}</CreateTime>"
            f"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{WORDS[number % len(WORDS)]} W-{number:06d}]]></Content>"
            f"<MsgId>{70_000_000_000 + number}</MsgId></xml>"
        )
        address = f"{house.url}/hooks/wechat/chaos-wechat?signature={signature}&timestamp={moment}&nonce={nonce}"

        def attempt(address: str = address, body: str = body) -> bool:
            answer = http.post(address, data=body.encode(), timeout=5)
            return answer.status_code == 200 and answer.text in ("success", "")

        said.took("wechat", f"W-{number:06d}", *persist(attempt))


def mails(lmtp: tuple[str, int], user: str, said: Said, numbers: range) -> None:
    """Mails that a mail server keeps until the worker fetches them; each fourth answers nothing and is a new thread."""
    for number in numbers:
        person = number % 300
        raw = (
            f"From: =?utf-8?q?K?= <k{person}@chenghu.example>\r\nTo: {user}\r\nSubject: E07 {person}\r\n"
            f"Message-ID: <chaos-{number}@chenghu.example>\r\n"
            + (f"In-Reply-To: <chaos-{person}@chenghu.example>\r\n" if number >= 300 else "")
            + f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{WORDS[number % len(WORDS)]} E-{number:06d}\r\n"
        ).encode()

        def attempt(raw: bytes = raw, person: int = person) -> bool:
            with smtplib.LMTP(*lmtp, timeout=10) as server:  # type: ignore[arg-type]
                return server.sendmail(f"k{person}@chenghu.example", [user], raw) == {}

        said.took("email", f"E-{number:06d}", *persist(attempt))


def calls(house: House, said: Said, numbers: range) -> None:
    """Records of finished calls, posted by a telephone exchange until it gets a 2xx."""
    http = requests.Session()
    for number in numbers:
        end = int(time.time())
        record = {
            "id": f"C-{number:06d}", "direction": "inbound", "caller": f"1380000{number % 500:04d}",
            "callee": "4008001234", "queue": "support", "agent": "8001", "started_at": end - 120, "answered_at": end - 110,
            "ended_at": end, "outcome": "answered",
        }  # fmt: skip

        def attempt(record: dict[str, Any] = record) -> bool:
            address = f"{house.url}/hooks/calls/chaos-calls?secret={CALL_SECRET}"
            return http.post(address, json=record, timeout=5).status_code == 202

        said.took("calls", f"C-{number:06d}", *persist(attempt))


class Visitor:
    """One person at the widget: connects again when the line breaks, sends again what was not acknowledged."""

    def __init__(self, house: House, reached: Any) -> None:
        self.house, self.reached, self.token = house, reached, None
        self.seen: set[int] = set()
        self.line: socketio.Client | None = None
        self.socket: socket.socket | None = None

    def connect(self) -> socketio.Client:
        if self.line is not None and self.line.connected:
            return self.line
        self.hang_up()
        host, port = self.house.url.removeprefix("http://").split(":")
        # our own socket: the client forgets the one whose server dies between the handshake and its first frame
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        line = socketio.Client(reconnection=False, logger=False, websocket_extra_options={"socket": self.socket})
        ready = threading.Event()

        def joined(given: dict[str, Any]) -> None:
            self.token = given["token"]
            for message in given["messages"]:
                self.heard(message)
            ready.set()

        line.on("joined", joined, namespace="/visitor")
        line.on("message", self.heard, namespace="/visitor")
        auth = {"account": "chaos-webchat", "token": self.token}
        line.connect(self.house.url, namespaces=["/visitor"], auth=auth, transports=["websocket"], wait_timeout=10)
        if not ready.wait(10):
            line.disconnect()
            raise OSError("not joined")
        self.line = line
        return line

    def hang_up(self) -> None:
        """Leave nothing open behind a line that broke or is no longer wanted."""
        if self.line is not None and self.line.connected:
            self.line.disconnect()
        if self.socket is not None:
            self.socket.close()
        self.line = self.socket = None

    def heard(self, message: dict[str, Any]) -> None:
        from bench.chaos.outside import MARK

        if message["id"] not in self.seen and message["author"]["type"] == "agent":
            self.seen.add(message["id"])
            for mark in MARK.findall(message["text"]):
                self.reached.webchat[mark] += 1

    def say(self, text: str, key: str) -> bool:
        answer = self.connect().call("message", {"client_msg_id": key, "text": text}, namespace="/visitor", timeout=10)
        if answer and not answer.get("ok") and answer.get("code") == "rate_limited":
            time.sleep(1.0)
        return bool(answer and answer.get("ok"))


def chats(house: House, reached: Any, said: Said, numbers: range, visitors: int) -> list[Visitor]:
    """Visitors of a page, each saying one thing after the other."""
    people = [Visitor(house, reached) for _ in range(visitors)]
    for number in numbers:
        person = people[number % visitors]

        def attempt(person: Visitor = person, number: int = number) -> bool:
            return person.say(f"{WORDS[number % len(WORDS)]} V-{number:06d}", f"v{number}")

        said.took("webchat", f"V-{number:06d}", *persist(attempt))
        time.sleep(0.02)
    return people


@dataclass
class Answered:
    """What the agents wrote: the marks that were taken, with the ticket and channel of each."""

    taken: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


def agents(house: House, token: str, answered: Answered, numbers: range, seed: int, until: threading.Event) -> None:
    """An agent who answers tickets by the API, each answer under one Idempotency-Key until it is taken."""
    http = requests.Session()
    http.headers["Authorization"] = f"Bearer {token}"
    pick = random.Random(seed)
    pool: list[dict[str, Any]] = []
    for number in numbers:
        mark, tries = f"R-{number:06d}", 0
        while True:
            if not pool or pick.random() < 0.05:
                pool = _tickets(house, http) or pool
            if not pool:
                time.sleep(0.5)
                continue
            ticket = pick.choice(pool)
            status, why = _answer(house, http, ticket["number"], mark, f"{mark}-{tries}")
            if status == 201:
                with answered.lock:
                    answered.taken[mark] = ticket["channel"]
                break
            tries += 1  # refused for a reason (the window is used up, the ticket is closed): another ticket, another key
            pool.remove(ticket)
            with answered.lock:
                answered.refused[f"{mark}-{tries}"] = f"{status} {why}"
            if until.is_set():
                return
        time.sleep(pick.uniform(0.02, 0.1))


def _tickets(house: House, http: requests.Session) -> list[dict[str, Any]]:
    """Up to a thousand tickets that can be answered."""
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    try:
        while cursor is not None and len(found) < 1000:
            page = http.get(f"{house.url}/api/v1/tickets", params={"limit": 200, **({"cursor": cursor} if cursor else {})}, timeout=10)
            if not page.ok:
                return found
            found += [t for t in page.json()["items"] if t["channel"] in ("email", "wechat", "webchat")]
            cursor = page.json()["next"]
    except requests.RequestException:
        return found
    return found


def _answer(house: House, http: requests.Session, number: int, mark: str, key: str) -> tuple[int, str]:
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        try:
            answer = http.post(
                f"{house.url}/api/v1/tickets/{number}/messages",
                data=json.dumps({"text": f"您好，请看第三章。{mark}"}).encode(),
                headers={"Idempotency-Key": key, "Content-Type": "application/json"},
                timeout=10,
            )
        except requests.RequestException:
            time.sleep(0.3)
            continue
        if answer.status_code in (429, 500, 502, 503):
            time.sleep(0.3)
            continue
        return answer.status_code, "" if answer.ok else answer.text[:120]
    return 0, "no answer"
