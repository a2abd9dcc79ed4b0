"""The gunicorn worker of the desk: threads, and a quick way out for open WebSockets.

gunicorn waits for every connection before it ends, and a WebSocket never ends by itself: thirty seconds and a kill.
So the worker closes them when it is told to leave, first politely, then the cable.
"""

import ctypes
import gc
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from gunicorn import util
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine
from gunicorn.workers.gthread import ThreadWorker

POLITE_SECONDS = 0.3
"""How long a browser has to answer the close before its connection is cut."""

LONGEST_LINE = 8190
"""Bytes of a request's first line, the most that gunicorn reads. Every form of ours stays far below; what is pasted into
the address bar and longer than that is answered in words, before the house hears of it."""
# data: nobody knows yet which language is read there, so both are told
TOO_LONG = {
    414: ("URI Too Long", "地址太长了", "请把搜索的话写短一些，或者从首页重新搜索。", "The address is too long", "Please search for fewer words, or start again from the home page."),
    431: ("Request Header Fields Too Large", "浏览器带来的内容太多了", "请清除这个网站的 Cookie，再打开一次。", "The browser sent too much", "Please clear the cookies of this site and open the page again."),
}  # fmt: skip
_PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>%(zh)s · %(en)s</title>
<style>:root{color-scheme:light dark}body{font:16px/1.6 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1.25rem}h1{font-size:1.5rem;margin:2rem 0 0}p{margin:.5rem 0}a{display:inline-block;padding:.75rem 0}</style></head>
<body><h1>%(zh)s</h1><p>%(zh_advice)s</p><div lang="en"><h1>%(en)s</h1><p>%(en_advice)s</p></div><p><a href="/">首页 · Home</a></p></body></html>
"""  # data


_M_ARENA_MAX, _ARENAS = -8, 2


def share_memory() -> None:
    """Let all threads take their memory from two heaps, before there are threads. glibc gives nearly each its own, and each
    keeps what a search needed for a moment: some sixty megabytes a process. Elsewhere this does nothing."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


_COLLECT_AFTER = (20_000, 20, 20)


def settle() -> None:
    """What was read at the start stays: the garbage collector need not look at it again with each few hundred objects, which
    cost a request up to a tenth of its time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


class DeskWorker(ThreadWorker):
    """gthread, plus a list of the connections that became WebSockets."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.websockets: set[Any] = set()

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Serve one request, and remember its connection as long as it is a WebSocket."""
        if not any(name == "UPGRADE" and value.lower() == "websocket" for name, value in req.headers):
            return super().handle_request(req, conn)
        self.websockets.add(conn)
        try:
            return super().handle_request(req, conn)
        finally:
            self.websockets.discard(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """What gunicorn refuses before it is a request; its own words for it are for engineers alone."""
        status = 414 if isinstance(exc, LimitRequestLine) else 431 if isinstance(exc, LimitRequestHeaders) else 0
        if not status:
            super().handle_error(req, client, addr, exc)
            return
        self.log.info("Refused with %s from ip=%s: %s", status, (addr or ("",))[0], exc)
        try:
            util.write_nonblock(client, refusal(status))
        except OSError:
            self.log.debug("nobody was there to hear it")

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: no new connections, answer what was asked, close what would wait for ever."""
        if self.alive:
            threading.Thread(target=self._close_websockets, daemon=True).start()
            # Should a request hang and the server that would kill us be dead, we still go.
            last = threading.Timer(self.cfg.graceful_timeout + 0.5, os._exit, (0,))
            last.daemon = True
            last.start()
        super().handle_exit(sig, frame)

    def _close_websockets(self) -> None:
        socketio = getattr(self.wsgi, "extensions", {}).get("socketio")
        if socketio is not None and socketio.server is not None:
            for session in list(socketio.server.eio.sockets.values()):
                try:
                    session.close(wait=False)
                except Exception:  # it went by itself meanwhile; the others still have to be closed
                    continue
        until = time.monotonic() + POLITE_SECONDS
        while self.websockets and time.monotonic() < until:
            time.sleep(0.02)
        for conn in list(self.websockets):
            try:
                conn.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


def refusal(status: int) -> bytes:
    """The whole answer to a request of which only its size is known: a page in both languages."""
    reason, zh, zh_advice, en, en_advice = TOO_LONG[status]
    page = (_PAGE % {"zh": zh, "zh_advice": zh_advice, "en": en, "en_advice": en_advice}).encode()
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(page)}\r\n\r\n"
    return head.encode("ascii") + page


def leave(worker: ThreadWorker) -> None:
    """End the process now: threads that still wait for a browser would hold it back, and their work is done."""
    if worker.booted:
        search_log = getattr(worker.wsgi, "extensions", {}).get("search_log")
        if search_log is not None:
            search_log.leave()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
