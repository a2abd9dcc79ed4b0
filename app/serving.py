"""The gunicorn worker of the desk: threads, and a quick way out for open WebSockets.

gunicorn waits for every connection before it ends, and a WebSocket never ends by itself: thirty seconds and a kill.
So the worker closes them when it is told to leave, first politely, then the cable.
"""

import os
import socket
import sys
import threading
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

POLITE_SECONDS = 0.3
"""How long a browser has to answer the close before its connection is cut."""


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


def leave(worker: ThreadWorker) -> None:
    """End the process now: threads that still wait for a browser would hold it back, and their work is done."""
    if worker.booted:
        search_log = getattr(worker.wsgi, "extensions", {}).get("search_log")
        if search_log is not None:
            search_log.leave()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
