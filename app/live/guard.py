"""What no page may do to the socket server itself: send frames without end, or events in the server's own name."""

from functools import partial
from typing import Any


def guard(server: Any, largest_frame: int) -> None:
    """Put the guards before a Socket.IO server. Called once, before the first connection."""
    _refuse_large_frames(server.eio, largest_frame)
    _refuse_reserved_names(server)


def _refuse_large_frames(engine: Any, largest: int) -> None:
    """Engine.IO looks at the size of a message when it has all of it in memory; the WebSocket itself stops before."""
    transport = engine._async["websocket"]
    engine._async = {**engine._async, "websocket": partial(transport, max_message_size=largest)}


def _refuse_reserved_names(server: Any) -> None:
    """An event that is called like the server's own would begin or end a page a second time, as somebody else; one
    without a name would be a traceback in the log."""
    handle = server._handle_event

    def only_others(eio_sid: str, namespace: str | None, number: int | None, data: Any) -> None:
        if isinstance(data, list) and data and isinstance(data[0], str) and data[0] not in server.reserved_events:
            handle(eio_sid, namespace, number, data)

    server._handle_event = only_others
