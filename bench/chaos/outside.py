"""Whom the house speaks to: a mail server and WeChat's interface, which count what reaches them."""

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from bench.chaos.house import free_port

MARK = re.compile(r"R-\d{6}")
"""Each answer of the agents carries one."""


class Reached:
    """How often each answer arrived at its customer, by channel."""

    def __init__(self) -> None:
        self.mail: Counter[str] = Counter()
        self.wechat: Counter[str] = Counter()
        self.webchat: Counter[str] = Counter()
        self._keys: set[str] = set()
        self._lock = threading.Lock()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        import email
        import email.policy

        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = parsed.get_body(("plain",))
        head = str(body.get_content()).split("\n>")[0] if body else ""
        for mark in set(MARK.findall(head)[:1]):
            self.mail[mark] += 1
        return "250 taken"

    def on_wechat(self, said: dict[str, Any]) -> dict[str, Any]:
        """WeChat's answer to a message; a known `clientmsgid` is refused as the real one does."""
        key = str(said.get("clientmsgid", ""))
        with self._lock:
            if key and key in self._keys:
                return {"errcode": 45065, "errmsg": "duplicate clientmsgid"}
            if key:
                self._keys.add(key)
            for mark in set(MARK.findall(json.dumps(said, ensure_ascii=False))):
                self.wechat[mark] += 1
        return {"errcode": 0, "errmsg": "ok", "msgid": len(self._keys)}


@contextmanager
def outside() -> Iterator[tuple[Reached, int, int]]:
    """Both servers, and the ports of mail and of WeChat."""
    reached = Reached()

    class WeChat(BaseHTTPRequestHandler):
        def log_message(self, *given: object) -> None:
            """Silence: the counters are what is asked for."""

        def do_GET(self) -> None:
            self.answer({"subscribe": 1} if "/user/info" in self.path else {"access_token": "t" * 64, "expires_in": 7200})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "/message/custom/send" in self.path:
                self.answer(reached.on_wechat(json.loads(body)))
            else:
                self.answer({"access_token": "t" * 64, "expires_in": 7200, "errcode": 0, "errmsg": "ok"})

        def answer(self, said: dict[str, Any]) -> None:
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    mail_port, wechat_port = free_port(), free_port()
    controller = Controller(reached, hostname="127.0.0.1", port=mail_port)
    server = ThreadingHTTPServer(("127.0.0.1", wechat_port), WeChat)
    server.daemon_threads = True
    controller.start()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield reached, mail_port, wechat_port
    finally:
        server.shutdown()
        server.server_close()
        controller.stop()
